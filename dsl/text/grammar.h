// Phase two of the text form: one logical line → its parts. See grammar.cpp. Types and tries are
// also read by dsl/yaml.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace belay::dsl::text {

// What may follow a head. One rule each; the head itself is already read (heads.h).
enum class Rule {
  kNothing,
  kAnything,
  kField,
  kArg,
  kCallArg,
  kQueryArg,
  kHeaderArg,
  kType,
  kTries,
  kFirstLine,
  // declarations
  kTypeDecl,
  kEvent,
  kConnector,
  kAction,
  kWorkflow,
  kWebhook,
  kPlan,
  kScenario,
  kGiven,
  kSaidWhen,
  kSaidThen,
  // clauses of declarations
  kFromVersion,
  kBase,
  kBearer,
  kBasic,
  kHeader,
  kRequestKeyIn,
  kRemembers,
  kBody,
  kLimits,
  kBreaker,
  kCanEndIn,
  kRepeating,
  kCall,
  kOutcome,
  kUndoFails,
  kOwner,
  kTags,
  kVerified,
  // statements and their clauses
  kStep,
  kDo,
  kUse,
  kBecause,
  kRetry,
  kWaitWithin,
  kIfUnsure,
  kIfError,
  kKeep,
  kTogether,
  kBranch,
  kWait,
  kSource,
  kPause,
  kPublish,
  kSet,
  kFinish,
  kCarryOn,
  kTryAgain,
  kHandTo,
  kExpression,
  kForEach,
  kRepeat,
  kAsk,
  kNamedSource,
  kRate,
  kOneAtATime,
  kAllow,
};

struct Part {
  enum class Tag { kName, kString, kNumber, kExpr, kWord } tag = Tag::kName;
  std::string text;  // as written, strings with their quotes; words with single spaces
  std::size_t offset = 0, length = 0;
};

struct Parsed {
  bool ok = false;
  std::vector<Part> parts;  // in order; what was read before the failure when !ok
  std::size_t failed_at = 0;
  std::vector<std::string> expected;  // at failed_at: "a name", "`, otherwise`"

  const Part* first(Part::Tag tag, std::size_t skip = 0) const;
  const Part* after(std::string_view word) const;  // the part behind that word
  bool has(std::string_view word) const;
};

// Reads text[from…] by `rule`. REQUIRES: brackets and strings of `text` are sound.
Parsed parse_line(Rule rule, std::string_view text, std::size_t from);

}  // namespace belay::dsl::text
