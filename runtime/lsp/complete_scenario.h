// What may follow in a sentence of a scenario: the grammar of sentences (dsl/text/grammar.h) is
// asked which words it expects where somebody types, and the workflow under test which names. Both
// forms write the same sentences. Tested in tests/editors/lsp.mjs and tests/runtime/lsp_test.cpp.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "runtime/lsp/query.h"

namespace belay::runtime::lsp {

struct SentencePlace {
  enum class Section { kGiven, kWhen, kThen } section = Section::kWhen;
  std::string workflow;   // that the scenario tries
  std::string_view said;  // of the sentence, up to the place; without the word of its section
};

struct SentenceCompletion {
  bool expression = false;        // a value stands here: `amount = …`
  std::vector<Suggestion> items;  // for the word that is being typed
};

SentenceCompletion complete_sentence(const View& view, const SentencePlace& place);

}  // namespace belay::runtime::lsp
