// Random scripts over the shipped workflows: whatever the world, the killer and people do, the
// journal replays, nothing happens twice, and a saga that ended tells of everything that the
// world's books still hold.
#include <random>

#include "tests/simulator/support.h"

using namespace belay;
using namespace belay::testing;
using sim::Answer;

namespace {

class Chance {
 public:
  explicit Chance(std::uint64_t seed) : random_(seed) {}
  std::uint32_t pick(std::uint32_t n) { return static_cast<std::uint32_t>(random_() % n); }
  bool one_in(std::uint32_t n) { return pick(n) == 0; }

  sim::Script script(const interpreter::Graph& graph) {
    sim::Script out;
    out.input = sim::sample_input(graph);
    out.events_come = !one_in(4);
    for (interpreter::NodeId id = 0; id < graph.nodes.size(); ++id) {
      const interpreter::Node& node = graph.nodes[id];
      if (node.kind == interpreter::NodeKind::kStep)
        disturb(graph, {id, sim::Direction::kForward}, node.call, out);
      if (node.undo) disturb(graph, {id, sim::Direction::kUndo}, *node.undo, out);
      if (node.kind != interpreter::NodeKind::kWait || !one_in(3)) continue;
      sim::Arrival arrival;
      arrival.wait = id;
      arrival.after_ms = pick(2'000'000);
      arrival.early = one_in(4);
      arrival.copies = 1 + pick(2);
      out.arrivals.push_back(arrival);
    }
    if (one_in(3)) {
      sim::PersonAct cancel;
      cancel.after_ms = pick(3000);
      cancel.fact = interpreter::CancelAsked{};
      cancel.reason = "chance";
      out.acts.push_back(cancel);
    }
    return out;
  }

 private:
  void disturb(const interpreter::Graph& graph, sim::CallAt at, const interpreter::Call& call,
               sim::Script& out) {
    for (std::uint32_t n = pick(3); n > 0; --n) {
      sim::Rule rule{at, {}, 1 + pick(3)};
      const auto& errors = graph.actions[call.action].errors;
      rule.answer.kind = static_cast<Answer::Kind>(pick(4));
      rule.answer.happened = one_in(2);
      rule.answer.timed_out = one_in(2);
      rule.answer.error = errors.empty() || one_in(5)
                              ? "refused"
                              : errors[pick(static_cast<std::uint32_t>(errors.size()))];
      out.rules.push_back(rule);
    }
    if (one_in(4)) out.crashes.push_back({at, static_cast<sim::Moment>(pick(3))});
  }

  std::mt19937_64 random_;
};

}  // namespace

TEST_CASE("whatever happens, the journal replays and the books agree") {
  std::size_t completed = 0, undone = 0, open = 0;
  for (const interpreter::Graph& graph : shipped().program.graphs) {
    for (std::uint64_t seed = 1; seed <= 400; ++seed) {
      Chance chance(seed);
      const sim::Run run = sim::simulate(graph, chance.script(graph));
      INFO(graph.workflow << ", seed " << seed << "\n" << story(graph, run));
      CHECK(run.problem == "");
      check_replay(graph, run);
      for (const std::string& one : sim::disagreements(graph, run)) {
        INFO(one);
        CHECK(one.find("came when nothing waited for it") != std::string::npos);
      }
      (run.state.status == interpreter::Status::kCompleted     ? completed
       : run.state.status == interpreter::Status::kCompensated ? undone
                                                               : open)++;
    }
  }
  CHECK(completed > 100);
  CHECK(undone > 100);
  CHECK(open > 20);
}
