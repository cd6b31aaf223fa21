// The table of heads. A head is words only at the start of a line, and the longest one wins, so
// `retry plan` is not `retry`. Adding a statement or clause to the text form begins here: a row,
// then a rule in grammar.cpp, then a case in statements.cpp or declarations.cpp.
#include "dsl/text/heads.h"

#include <array>

#include "dsl/diagnostic.h"
#include "dsl/text/lexical.h"

namespace belay::dsl::text {

const std::vector<Head>& heads() {
  constexpr unsigned kFlow = kWorkflowBlock | kStatements | kTogetherBlock | kForEachBlock;
  constexpr unsigned kPolicy = kStepBlock | kUndoBlock;
  constexpr unsigned kHook = kWebhookBlock | kWebhookStatements;
  static const std::vector<Head> table = {
      {"belay", kFile, Rule::kFirstLine},
      {"type", kFile, Rule::kTypeDecl},
      {"event", kFile, Rule::kEvent},
      {"connector", kFile, Rule::kConnector},
      {"action", kFile, Rule::kAction},
      {"workflow", kFile, Rule::kWorkflow},
      {"webhook", kFile, Rule::kWebhook},
      {"retry plan", kFile | kWorkflowBlock, Rule::kPlan},
      {"scenario", kFile, Rule::kScenario},
      {"subscription", kFile, Rule::kAnything, true},
      {"projection", kFile, Rule::kAnything, true},
      {"lifecycle", kFile, Rule::kAnything, true},
      {"api", kFile, Rule::kAnything, true},
      {"schedule", kFile, Rule::kAnything, true},

      {"from version", kEventBlock, Rule::kFromVersion},

      {"base", kConnectorBlock, Rule::kBase},
      {"sign in with bearer", kConnectorBlock, Rule::kBearer},
      {"sign in with basic", kConnectorBlock, Rule::kBasic},
      {"sign in with header", kConnectorBlock, Rule::kHeader},
      {"request key in", kConnectorBlock, Rule::kRequestKeyIn},
      {"remembers keys for", kConnectorBlock, Rule::kRemembers},
      {"body", kConnectorBlock, Rule::kBody},
      {"at most", kConnectorBlock, Rule::kLimits},
      {"after", kConnectorBlock, Rule::kBreaker},
      {"each call within", kConnectorBlock, Rule::kExpression},
      {"may reach private addresses", kConnectorBlock, Rule::kNothing},

      {"reads", kActionBlock, Rule::kNothing},
      {"reserves", kActionBlock, Rule::kNothing},
      {"moves money", kActionBlock, Rule::kNothing},
      {"notifies", kActionBlock, Rule::kNothing},
      {"records", kActionBlock, Rule::kNothing},
      {"takes", kActionBlock | kWorkflowBlock, Rule::kNothing},
      {"gives", kActionBlock | kWorkflowBlock, Rule::kNothing},
      {"can end in", kActionBlock, Rule::kCanEndIn},
      {"repeating is", kActionBlock, Rule::kRepeating},
      {"harmless if nothing was done", kActionBlock, Rule::kNothing},
      {"call", kActionBlock, Rule::kCall},
      {"sql any rows", kActionBlock, Rule::kNothing},
      {"sql", kActionBlock, Rule::kNothing},
      {"plugin", kActionBlock, Rule::kUse},
      {"worker", kActionBlock, Rule::kAnything, true},
      {"email", kActionBlock, Rule::kAnything, true},
      {"if", kActionBlock, Rule::kOutcome},
      {"undone by", kActionBlock, Rule::kUse},
      {"checked by", kActionBlock, Rule::kUse},
      {"settles in", kActionBlock, Rule::kExpression},

      {"query", kCallBlock, Rule::kQueryArg},
      {"header", kCallBlock, Rule::kHeaderArg},

      {"once per", kWorkflowBlock | kWebhookBlock, Rule::kExpression},
      {"finish within", kWorkflowBlock, Rule::kExpression},
      {"if an undo fails", kWorkflowBlock, Rule::kUndoFails},
      {"owner", kWorkflowBlock, Rule::kOwner},
      {"tags", kWorkflowBlock, Rule::kTags},
      {"starts on", kWorkflowBlock, Rule::kUse},
      {"one at a time per", kWorkflowBlock, Rule::kOneAtATime},

      {"allow",
       kConnectorBlock | kActionBlock | kWorkflowBlock | kWebhookBlock | kStepBlock | kWaitBlock |
           kAskBlock | kUnderStatement,
       Rule::kAllow},

      {"verified by", kWebhookBlock, Rule::kVerified},

      {"step", kFlow, Rule::kStep},
      {"when", kFlow | kHook, Rule::kExpression},
      {"or when", kFlow | kHook, Rule::kExpression},
      {"otherwise", kFlow | kHook, Rule::kNothing},
      {"together", kFlow, Rule::kTogether},
      {"branch", kTogetherBlock, Rule::kBranch},
      {"wait", kFlow, Rule::kWait},
      {"pause", kFlow, Rule::kPause},
      {"publish", kFlow | kHook, Rule::kPublish},
      {"set", kFlow, Rule::kSet},
      {"point of no return", kFlow, Rule::kNothing},
      {"cancel because", kFlow, Rule::kBecause},
      {"finish", kFlow, Rule::kFinish},
      {"carry on", kFlow, Rule::kCarryOn},
      {"try again after", kFlow, Rule::kTryAgain},
      {"hand to", kFlow, Rule::kHandTo},
      {"for each", kFlow, Rule::kForEach},
      {"collect", kForEachBlock, Rule::kSet},
      {"repeat until", kFlow, Rule::kRepeat},
      {"ask", kFlow, Rule::kAsk},
      {"try", kFlow, Rule::kNothing},

      {"do", kStepBlock, Rule::kDo},
      {"run", kStepBlock, Rule::kDo},
      {"undo with", kStepBlock | kWaitBlock, Rule::kUse},
      {"no undo because", kStepBlock, Rule::kBecause},
      {"retry", kPolicy, Rule::kRetry},
      {"within", kPolicy, Rule::kExpression},
      {"if unsure", kPolicy, Rule::kIfUnsure},
      {"if", kPolicy | kTryHandlers, Rule::kIfError},
      {"keep trying for", kPolicy, Rule::kKeep},
      {"request key", kPolicy, Rule::kExpression},
      {"alive every", kPolicy, Rule::kExpression},
      {"at most", kPolicy, Rule::kRate},

      {"for all of", kWaitBlock, Rule::kNothing},
      {"for any of", kWaitBlock, Rule::kNothing},
      {"for", kWaitBlock, Rule::kSource},
      {"answers", kAskBlock, Rule::kNothing},
      {"within", kWaitBlock | kAskBlock, Rule::kWaitWithin},
  };
  return table;
}

namespace {

// Length of `words` at the beginning of `line`, any number of blanks between them; 0: not there.
std::size_t head_length(std::string_view words, std::string_view line) {
  std::size_t at = 0;
  for (const char c : words) {
    if (at >= line.size()) return 0;
    if (c == ' ') {
      if (line[at] != ' ') return 0;
      while (at < line.size() && line[at] == ' ') ++at;
    } else if (line[at++] != c) {
      return 0;
    }
  }
  return at < line.size() && (is_word(line[at]) || line[at] == '.') ? 0 : at;
}

}  // namespace

namespace {

// Every line is matched against the heads several times: those of its first letter are enough.
const std::vector<const Head*>& heads_with(char letter) {
  static const std::array<std::vector<const Head*>, 26> table = [] {
    std::array<std::vector<const Head*>, 26> out;
    for (const Head& head : heads())
      out[static_cast<std::size_t>(head.words[0] - 'a')].push_back(&head);
    return out;
  }();
  static const std::vector<const Head*> none;
  return letter >= 'a' && letter <= 'z' ? table[static_cast<std::size_t>(letter - 'a')] : none;
}

}  // namespace

HeadMatch match_head(std::string_view line, unsigned place) {
  HeadMatch match;
  std::size_t here = 0, elsewhere = 0;
  if (line.empty()) return match;
  for (const Head* one : heads_with(line[0])) {
    const Head& head = *one;
    const std::size_t length = head_length(head.words, line);
    if (length == 0) continue;
    if ((head.places & place) != 0 && length > here) {
      match.here = &head;
      here = length;
    } else if (length > elsewhere) {
      match.elsewhere = &head;
      elsewhere = length;
    }
  }
  // A longer head of another place is what was meant: `request key in "…"` in a step is not
  // `request key`.
  match.length = match.here != nullptr ? here : elsewhere;
  return match;
}

std::string meant_head(std::string_view line, unsigned place) {
  std::vector<std::string> by_count[8];
  for (const Head& head : heads()) {
    if ((head.places & place) == 0) continue;
    std::size_t words = 1;
    for (const char c : head.words) words += c == ' ';
    if (words < 8) by_count[words].emplace_back(head.words);
  }
  for (std::size_t words = 7; words > 0; --words) {
    std::size_t at = 0, seen = 0;
    std::string said;
    while (at < line.size() && seen < words) {
      const std::size_t end = line.find_first_of(" \n,", at);
      said += (said.empty() ? "" : " ") + std::string(line.substr(at, end - at));
      ++seen;
      at = end == std::string_view::npos ? line.size() : line.find_first_not_of(' ', end);
    }
    if (seen < words) continue;
    const std::string near = nearest(said, by_count[words]);
    if (!near.empty()) return near;
  }
  return {};
}

std::string head_of_other_languages(std::string_view word) {
  static constexpr std::pair<std::string_view, std::string_view> kOther[] = {
      {"foreach", "for each ITEM in LIST, at most 3 at once"},
      {"loop", "for each ITEM in LIST, at most 3 at once"},
      {"while", "repeat until EXPR, at most 10 times"},
      {"until", "repeat until EXPR, at most 10 times"},
      {"parallel", "together, waiting for all"},
      {"race", "together, waiting for any"},
      {"catch", "if ERROR, …"},
      {"except", "if ERROR, …"},
      {"rescue", "if ERROR, …"},
      {"await", "wait NAME"},
      {"sleep", "pause for 10 seconds"},
      {"delay", "pause for 10 seconds"},
      {"approve", "ask NAME \"…\" of role ROLE"},
      {"throw", "cancel because \"…\""},
      {"raise", "cancel because \"…\""},
      {"abort", "cancel because \"…\""},
      {"return", "finish"},
      {"emit", "publish EVENT, key …"},
      {"let", "set NAME = EXPR"},
      {"var", "set NAME = EXPR"}};
  for (const auto& [said, ours] : kOther) {
    if (said == word) return std::string(ours);
  }
  return {};
}

std::string example_of(Rule rule) {
  switch (rule) {
    case Rule::kForEach: return "for example `for each seat in seats, at most 3 at once`";
    case Rule::kRepeat: return "for example `repeat until visa.decided, at most 10 times`";
    case Rule::kAsk: return "for example `ask approve \"May this be paid?\" of role manager`";
    case Rule::kRate: return "for example `at most 10 per minute per customer.id`";
    case Rule::kOneAtATime: return "for example `one at a time per customer, others queue`";
    case Rule::kNamedSource: return "for example `paid = payment.authorised, key booking`";
    default: return {};
  }
}

unsigned places_of(std::string_view words) {
  unsigned out = 0;
  for (const Head& head : heads()) out |= head.words == words ? head.places : 0;
  return out;
}

std::string place_name(unsigned place) {
  switch (place) {
    case kFile: return "a file, at its left edge";
    case kFields: return "a list of fields";
    case kArgs: return "a list of arguments";
    case kEventBlock: return "an `event`";
    case kConnectorBlock: return "a `connector`";
    case kActionBlock: return "an `action`";
    case kCallBlock: return "a `call`";
    case kWorkflowBlock: return "a `workflow`";
    case kStatements: return "a block of statements";
    case kTogetherBlock: return "`together`";
    case kStepBlock: return "a `step`";
    case kUndoBlock: return "an `undo with`";
    case kWaitBlock: return "a `wait`";
    case kWebhookBlock: return "a `webhook`";
    case kWebhookStatements: return "the statements of a `webhook`";
    case kForEachBlock: return "a `for each`";
    case kAskBlock: return "an `ask`";
    case kTryHandlers: return "the handlers of a `try`";
    case kSourcesBlock: return "the events of a `wait`";
    case kUnderStatement: return "a statement";
    default: return "another block";
  }
}

std::string where_it_belongs(const Head& head) {
  if (head.rule == Rule::kAllow) {
    return "stands under the first line of the statement or declaration that it is about";
  }
  for (const unsigned place : {kStepBlock, kWorkflowBlock, kWaitBlock, kAskBlock, kActionBlock,
                               kConnectorBlock, kEventBlock, kWebhookBlock, kTogetherBlock,
                               kForEachBlock, kStatements, kUndoBlock, kCallBlock, kFile}) {
    if ((head.places & place) == 0) continue;
    if (place == kFile) return "stands in " + place_name(place);
    return "stands directly under " + place_name(place);
  }
  return "stands elsewhere";
}

}  // namespace belay::dsl::text
