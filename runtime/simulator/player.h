// One saga on the stage: its facts are journaled with what the interpreter draws from them, and its
// commands are carried out in the world, or by other sagas. Internal to the simulator (stage.h).
#pragma once
#include <set>

#include "runtime/simulator/world.h"

namespace belay::runtime::simulator {

class Stage;

struct Place {  // one call of one round
  CallAt call;
  std::vector<std::uint32_t> rounds;  // of all loops around it
};

class Player {
 public:
  struct Role {  // who it is; `about.run` is not used
    const Graph* graph = nullptr;
    SagaRun about;
    Player* parent = nullptr;  // it is told how the saga ends; nullptr: nobody is
    Path path;                 // of the parent's statement
    std::uint32_t generation = 0;
  };
  Player(Stage& stage, Role role);
  Player(const Player&) = delete;
  Player& operator=(const Player&) = delete;

  // Journals a fact as the engine does; carries out what follows unless the engine is killed just
  // then: mail leaves all the same.
  void put(const interpreter::Fact& fact, std::string actor = "", std::string reason = "",
           bool killed = false);
  void note(std::string text);

  // The engine is gone, and is back: all that is left is the journal.
  void forget() { coming_.clear(); }
  void recover();

  const Graph& graph() const { return graph_; }
  const State& state() const { return run_.state; }
  const Role& role() const { return role_; }
  SagaRun& about() { return role_.about; }
  const SagaRun& about() const { return role_.about; }
  World& world() { return world_; }
  Run& run() { return run_; }
  const Run& run() const { return run_; }
  bool begun() const { return !run_.journal.empty(); }
  Place place(const Path& path, Direction direction = Direction::kForward) const {
    return {world_.call_at(path, direction), world_.rounds_of(path)};
  }

 private:
  void carry_out(const interpreter::RunAction& command);
  void carry_out(const interpreter::AwaitEvent& command);
  void carry_out(const interpreter::StartChild& command);
  void carry_out(const interpreter::StopChild& command);
  void carry_out(const interpreter::StartTimer&) {}    // next_wakeup knows
  void carry_out(const interpreter::StopAwaiting&) {}  // its event finds the wait closed
  void carry_out(const interpreter::Publish&) {}       // taken from the entry
  void carry_out(const interpreter::Finish&) {}        // taken from the entry

  void send(const interpreter::RunAction& command);
  // The outcome reaches the engine later, unless it is killed before.
  void deliver(const Path& path, Direction direction, CallOutcome outcome);
  void expect_event(const interpreter::AwaitEvent& command);
  void expect_answer(const Path& path);
  Arrival arrival_at(const Path& path, std::uint32_t source) const;
  bool starts_another(const std::string& event, bool before_this) const;
  void answer(const Path& path, const Arrival& arrival);
  void event(const interpreter::AwaitEvent& command, const Arrival& arrival);

  // Mail between a saga and one that it runs, as runtime/engine/children.h has it.
  struct Ending {
    bool undo = false, completed = false, left_over = false;
    Value output;
    std::string message;
  };
  void run_child(const interpreter::StartChild& command, const Graph& graph);
  void halt_child(const interpreter::StopChild& command);
  void halt(bool undo, const std::string& because);  // by its parent
  void tell_parent(bool undo = false);
  void child_ended(const Path& path, std::uint32_t generation, const Ending& ending);

  Role role_;
  Stage& stage_;
  const Graph& graph_;
  Run run_;
  World world_;
  std::set<std::pair<Path, std::uint32_t>> expected_;  // sources whose event was scheduled
  std::set<Path> coming_;  // children, not run, whose end is on its way to the engine
  std::map<std::pair<Path, std::uint32_t>, Player*> children_;  // by generation of their call
};

// Which statement of an endless run repeats, and what to change (no_end.cpp).
std::string what_repeats(const Graph& graph, const Run& run);
// The activity at a path, or nullptr.
const interpreter::Activity* activity_of(const State& state, const Path& path);
// A directed call in its main direction: what a hold is about.
Direction main_of(Direction direction);

}  // namespace belay::runtime::simulator
