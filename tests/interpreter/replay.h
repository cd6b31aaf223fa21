// The property that durability stands on, for any journal that a test has made: for every prefix,
// folding the recorded entries gives the state that deciding anew gives, deciding anew draws and
// wishes the same, and nothing is left open.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "interpreter/interpret.h"

namespace belay::testing {

// What is wrong with a journal, or empty. `last`: the state that the journal should end in, or
// null.
inline std::string replay_problem(const interpreter::Graph& graph, std::string_view saga,
                                  const std::vector<interpreter::Entry>& journal,
                                  const interpreter::State* last = nullptr) {
  using namespace interpreter;
  State folded, live;  // live: as an engine has it, which remembers who is awake
  for (const Entry& entry : journal) {
    const std::string where = " at entry " + std::to_string(entry.seq);
    if (entry.seq != folded.seq + 1) return "a gap" + where;
    Entry bare = entry;
    bare.drawn.clear();
    Decision again = decide(graph, apply(graph, live, bare), saga);
    const Decision anew = decide(graph, apply(graph, folded, bare), saga);
    folded = apply(graph, std::move(folded), entry);
    live = again.state;
    if (!(again.drawn == anew.drawn) || !(again.commands == anew.commands) ||
        next_wakeup(graph, live) != next_wakeup(graph, folded)) {
      return "something at work was taken to be at rest" + where;
    }
    if (!(again.drawn == entry.drawn)) return "other conclusions" + where;
    if (!(again.state == folded)) return "another state" + where;
    const Decision nothing =
        decide(graph, std::move(again.state), saga);  // which is the folded one
    if (!nothing.drawn.empty() || !nothing.commands.empty())
      return "a decision was left open" + where;
  }
  if (last != nullptr && !(folded == *last)) return "the journal ends in another state";
  return "";
}

}  // namespace belay::testing
