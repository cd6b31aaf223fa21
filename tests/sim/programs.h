// What the simulation runs: small workflows in the text form, compiled once by the real compiler, with what is known of
// how they end. Their actions are carried out by the simulated provider (provider.h).
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "interpreter/graph.h"

namespace belay::sim {

struct Program {
  std::string name;                        // of the workflow that a start names
  std::vector<std::string> steps;          // names whose answers are chosen, in the order in which they are done
  bool in_turn = true;     // the steps are done one after the other, so they are undone in the reverse order
  bool crash_proof = true; // a crash changes nothing about the end (not so where a lost answer means: undo it)
  bool end_known = true;   // the first business refusal undoes everything, else it completes
  std::string survives;    // the step whose business refusal is taken by a handler, and it goes on
  std::size_t undoable = 0;// steps that can be refused so that everything is undone; those behind are kept trying
  int events = 0;          // how many events an order needs to complete
  bool asks = false;       // has a question
  bool by_event = false;   // an event starts it, nobody else
  bool shares_line = false;// one at a time: several orders share one line
  bool long_run = false;   // hundreds of entries: too long for breadth
  std::vector<std::shared_ptr<const interpreter::Graph>> graphs;  // the workflow and its children
};

// Compiled at the first call; thread-safe.
const std::vector<Program>& programs();
// Aborts when there is none of that name.
const Program& program(const std::string& name);

}  // namespace belay::sim
