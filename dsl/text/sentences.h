// The sentences of a scenario: what a parsed line (Rule::kSaidWhen, kSaidThen) says, and the one
// way in which the printers write it. Both forms share them; the text form puts `when`, `then` or
// `and` before. See sentences.cpp.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "dsl/syntax.h"
#include "dsl/text/grammar.h"

namespace belay::dsl::text {

// How the reader at hand turns a part into a piece of the tree, with its place.
struct PartReader {
  std::function<Name(const Part&)> name;
  std::function<Text(const Part&)> text;
  std::function<Expr(const Part&)> expr;
  std::function<Number(const Part&)> number;
};

// REQUIRES: parsed.ok, by Rule::kSaidWhen or kSaidThen.
ScenarioWhen read_when(const Parsed& parsed, const PartReader& read);
ScenarioThen read_then(const Parsed& parsed, const PartReader& read);
// REQUIRES: parsed.ok, by Rule::kGiven.
std::vector<Arg> read_given(const Parsed& parsed, const PartReader& read);

// Without `given_inside` the sentence ends with its `with`, for arguments that stand under it.
std::string sentence(const ScenarioWhen& when, bool given_inside = true);
std::string sentence(const ScenarioThen& then, bool given_inside = true);
std::string call_text(const CallName& call);  // `the undo of capture`

}  // namespace belay::dsl::text
