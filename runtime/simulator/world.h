// The scripted world as one saga meets it: answers calls by the script's rules and by what it has
// already done, and keeps the books of that saga. A repeated key gets the stored answer; a check
// tells the truth unless the script makes it lie. What all sagas of a run share (how often a rule
// was used, which keys were carried out, when calls of a measure left) is a Ground.
#pragma once
#include <deque>
#include <map>
#include <optional>

#include "runtime/simulator/simulator.h"

namespace belay::runtime::simulator {

struct CallOutcome {
  interpreter::Fact fact;
  std::int64_t after_ms = 0;  // when it reaches the engine
};

class Ground {
 public:
  explicit Ground(const std::vector<Rule>& rules) : rules_(rules), used_(rules.size()) {}

  // What the script says of a call now, or nullptr. take() uses it up.
  const Answer* take(const CallAt& call, const std::vector<std::uint32_t>& rounds);
  bool says(const CallAt& call, const std::vector<std::uint32_t>& rounds) const;

  // How long a call has to wait for its rate (`at most 3 per hour`); it counts as having left then.
  std::int64_t held_back_ms(const std::string& workflow, const std::string& step,
                            const interpreter::RunAction& call, Instant now);
  void engine_is_gone() { left_.clear(); }  // it remembered when calls left

  std::map<std::string, Value> keys;  // of calls that were carried out, with what they gave
  std::string problem;                // the run cannot go on; empty: none

 private:
  std::optional<std::size_t> find(const CallAt& call,
                                  const std::vector<std::uint32_t>& rounds) const;

  const std::vector<Rule>& rules_;
  std::vector<std::uint32_t> used_;
  std::map<std::string, std::deque<Instant>> left_;  // of each measure: when the latest calls left
};

class World {
 public:
  // What is said in a scenario reads the names of the author's saga: of the first of these sagas
  // that run each other.
  struct Who {
    std::string id;  // of the saga
    std::vector<NodeId> of;
    std::vector<std::uint32_t> rounds;
    const Graph* author_graph = nullptr;
    const Run* author = nullptr;
  };
  World(const Graph& graph, const Surroundings& around, Ground& ground, Run& run, Who who)
      : graph_(graph), around_(around), ground_(ground), run_(run), who_(std::move(who)) {}

  // Carries the call out or not, and says what comes back. A script that cannot be evaluated is a
  // problem of the Ground.
  CallOutcome answer(const interpreter::RunAction& call, Instant now);

  // The payload of the event that a wait takes: samples, with what the arrival says.
  Value payload(const interpreter::Node& wait, const interpreter::AwaitEvent& awaited,
                const std::vector<Binding>& with, Instant now);
  // The answer to a question: samples, with what is said.
  Value answer_to(const Path& question, const std::vector<Binding>& with, Instant now);
  // How a child saga ends that is not run itself, and how it ends when it is stopped.
  CallOutcome start(const interpreter::StartChild& child, Instant now);
  CallOutcome stop(const interpreter::StopChild& child);
  // A child that was run has completed, or was undone.
  void child_completed(const Path& path, const Value& output);
  void child_undone(const Path& path);
  // The values of bindings at a statement; a problem when one cannot be worked out.
  std::vector<std::pair<std::string, Value>> values(const std::vector<Binding>& with,
                                                    const std::vector<std::uint32_t>& iteration);

  void event_taken(const Path& path);
  void event_came_late(const Path& path);

  // The call of a statement, and the rounds of all loops that it stands in.
  CallAt call_at(const Path& path, Direction direction) const {
    return {path.node, direction, who_.of};
  }
  std::vector<std::uint32_t> rounds_of(const Path& path) const;
  const Who& who() const { return who_; }

 private:
  const Answer* rule_for(const Path& path, Direction direction);
  CallOutcome succeed(const interpreter::RunAction& call, const std::string& key,
                      const Answer* said, Instant now);
  CallOutcome tell(const interpreter::RunAction& check, const Answer* said, Instant now);
  void carry_out(const interpreter::RunAction& call, const std::string& key, Instant now);
  Value result_of(const interpreter::RunAction& call, Instant now) const;
  WorldEffect& effect_at(const Path& path);

  const Graph& graph_;
  const Surroundings& around_;
  Ground& ground_;
  Run& run_;
  const Who who_;
};

}  // namespace belay::runtime::simulator
