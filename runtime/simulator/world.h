// The scripted world of one run: answers calls by the script's rules and by what it has already
// done, and keeps the books. A repeated key gets the stored answer; a check tells the truth unless
// the script makes it lie.
#pragma once
#include <optional>
#include <set>

#include "runtime/simulator/simulator.h"

namespace belay::runtime::simulator {

struct CallOutcome {
  interpreter::Fact fact;
  std::int64_t after_ms = 0;  // when it reaches the engine
};

class World {
 public:
  World(const Graph& graph, const Script& script, const Surroundings& around, Run& run)
      : graph_(graph), around_(around), run_(run), rules_(script.rules) {
    used_.resize(rules_.size());
  }

  // Carries the call out or not, and says what comes back. A script that cannot be evaluated sets
  // Run::problem.
  CallOutcome answer(const interpreter::RunAction& call, Instant now);

  // The payload of the event that a wait takes: samples, with what the arrival says.
  Value payload(const interpreter::Node& wait, const interpreter::AwaitEvent& awaited,
                const std::vector<Binding>& with, Instant now);
  // The answer to a question: samples, with what is said.
  Value answer_to(const Path& question, const std::vector<Binding>& with, Instant now);
  // How a child saga ends, and how it ends when it is stopped.
  CallOutcome start(const interpreter::StartChild& child, Instant now);
  CallOutcome stop(const interpreter::StopChild& child);
  // The values of bindings at a statement; sets Run::problem when one cannot be worked out.
  std::vector<std::pair<std::string, Value>> values(const std::vector<Binding>& with,
                                                    const std::vector<std::uint32_t>& iteration);

  void event_taken(const Path& path);
  void event_came_late(const Path& path);

 private:
  const Answer* rule_for(const Path& path, Direction direction);
  CallOutcome succeed(const interpreter::RunAction& call, const Answer* said, Instant now);
  CallOutcome tell(const interpreter::RunAction& check, const Answer* said, Instant now);
  void carry_out(const interpreter::RunAction& call, const std::string& key, Instant now);
  Value result_of(const interpreter::RunAction& call, Instant now) const;
  WorldEffect& effect_at(const Path& path);

  const Graph& graph_;
  const Surroundings& around_;
  Run& run_;
  std::vector<Rule> rules_;
  std::vector<std::uint32_t> used_;
  std::set<std::string> keys_;  // of calls that were carried out
};

}  // namespace belay::runtime::simulator
