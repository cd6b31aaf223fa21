// What may happen to a statement: the cases of the what-if table (what_if.h), each a script in
// which the world does one thing otherwise than in another script.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "runtime/simulator/simulator.h"

namespace belay::runtime::simulator {

struct Case {
  std::string text;
  Script script;
};

class Cases {
 public:
  // Of the statements of a saga: of the one that is looked at, or of one that these statements run.
  Cases(const Graph& graph, std::vector<NodeId> of) : graph_(graph), of_(std::move(of)) {}

  CallAt at(NodeId id, Direction direction = Direction::kForward) const {
    return {id, direction, of_};
  }

  std::vector<Case> of_call(const Script& world, CallAt at, const interpreter::Call& call) const;
  // `state`: of that saga in the world, for limits that are expressions.
  std::vector<Case> of_wait(const Script& world, NodeId id, const State& state) const;
  std::vector<Case> of_question(const Script& world, NodeId id, const State& state) const;
  // A `repeat` ends by what its steps give. What may that be is tried where it is one of a few
  // words, or true or false.
  std::vector<Case> answers_in(const Script& world, NodeId loop) const;
  // Somebody cancels the saga that is looked at, while and after.
  static void cancels(const Script& world, CallAt at, const char* during, const char* after,
                      std::vector<Case>& cases);

 private:
  static constexpr std::int64_t kEachSource = -1;

  static Case with_rule(const Script& world, CallAt call, std::string text, Answer answer,
                        std::uint32_t times);
  static void crashes(const Script& world, CallAt at, std::vector<Case>& cases);
  void stops(const Script& world, NodeId id, const char* open, const char* over,
             std::vector<Case>& cases) const;
  void one_item_fails(const Script& world, CallAt at, std::vector<Case>& cases) const;
  Case arriving(const Script& world, NodeId id, const std::string& text,
                const std::function<void(Arrival&)>& change,
                std::int64_t source = kEachSource) const;
  std::optional<std::int64_t> too_late_ms(const interpreter::Node& node, const State& state) const;
  NodeId loop_around(NodeId id) const;

  const Graph& graph_;
  const std::vector<NodeId> of_;
};

}  // namespace belay::runtime::simulator
