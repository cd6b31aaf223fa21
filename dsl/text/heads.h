// The heads of the text form: which words may begin a line where, and the rule for what follows
// them. One table drives reading, "did you mean", and "belongs under". See heads.cpp.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "dsl/text/grammar.h"

namespace belay::dsl::text {

// The kinds of block a line can stand in; bits, because many heads stand in several.
enum Place : unsigned {
  kFile = 1u << 0,
  kFields = 1u << 1,  // children of type, takes, an action's gives
  kArgs = 1u << 2,    // children of do, publish, finish with, …
  kEventBlock = 1u << 3,
  kConnectorBlock = 1u << 4,
  kActionBlock = 1u << 5,
  kCallBlock = 1u << 6,
  kWorkflowBlock = 1u << 7,
  kStatements = 1u << 8,  // when, otherwise, branch, a handler's block
  kTogetherBlock = 1u << 9,
  kStepBlock = 1u << 10,
  kUndoBlock = 1u << 11,
  kWaitBlock = 1u << 12,
  kWebhookBlock = 1u << 13,
  kWebhookStatements = 1u << 14,
  kForEachBlock = 1u << 15,
  kAskBlock = 1u << 16,
  kTryHandlers = 1u << 17,     // behind the block of a `try`, in its column
  kSourcesBlock = 1u << 18,    // children of `for all of`, `for any of`
  kUnderStatement = 1u << 19,  // what every statement may have under it: `allow`
};

struct Head {
  std::string_view words;
  unsigned places;
  Rule rule;
  bool reserved = false;  // read, but not in this version
};

struct HeadMatch {
  const Head* here = nullptr;       // the longest head of this place
  const Head* elsewhere = nullptr;  // else the longest head of any place
  std::size_t length = 0;           // of the head in the line
};

HeadMatch match_head(std::string_view line, unsigned place);

// The head meant by a line that begins with none: the first words that are nearly a head of this
// place; empty: none.
std::string meant_head(std::string_view line, unsigned place);

// What other languages call a statement of ours: `while` → `repeat until`; empty: nothing known.
std::string head_of_other_languages(std::string_view word);

// A line that fits the rule, for rules of several parts: "for example `…`"; else empty.
std::string example_of(Rule rule);

// "under a `step`, like its `do`": where the head of this name stands.
std::string where_it_belongs(const Head& head);
// Every place where a line with this head may stand: a head has a row for each of its rules.
unsigned places_of(std::string_view words);

// For messages: "a step", "the arguments of `do`".
std::string place_name(unsigned place);

const std::vector<Head>& heads();

}  // namespace belay::dsl::text
