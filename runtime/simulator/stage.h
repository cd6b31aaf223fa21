// What all sagas of a simulated run share: the clock and the queue of what is under way, the engine
// that may be killed, people, the mail between sagas, and who has whose turn. The earliest of what
// is under way or of the sagas' timers comes next. Internal to the simulator.
#pragma once
#include <deque>
#include <functional>
#include <memory>

#include "runtime/simulator/player.h"

namespace belay::runtime::simulator {

class Stage {
 public:
  Stage(const Graph& graph, const Script& script, const Surroundings& around)
      : graph_(graph),
        script_(script),
        around_(around),
        ground_(script.rules),
        crashed_(script.crashes.size()),
        acted_(script.acts.size()) {}

  Run run();

  // ---- What a player uses ----

  Instant now() const { return now_; }
  bool down() const { return down_; }
  const Script& script() const { return script_; }
  const Surroundings& around() const { return around_; }
  Ground& ground() { return ground_; }

  // An entry of a saga was journaled: its place among those of all sagas.
  std::uint64_t entry_written() { return ++entries_; }
  std::uint64_t entries() const { return entries_; }

  // What is of the engine is lost with it.
  void later(std::int64_t ms, std::function<void()> happen, bool of_engine = false);
  // Mail is committed with what it follows from, and waits for the engine.
  void mail(std::function<void()> deliver);

  // Takes the crash of the script at that moment, if there is one that was not taken.
  bool crash_at(const Place& place, Moment moment);
  void kill();
  void people_at(const Player& player, const Place& place, Moment moment);
  void people_at_holds(const Player& player);

  // A saga that another one runs; it begins at once, or when its turn comes.
  Player& cast(Player::Role role);
  void begin(Player& player, interpreter::Started started);
  void ended(Player& player);  // it may have ended before: undone once more by its parent

  static constexpr std::int64_t kMailMs = 100;        // from one saga to another
  static constexpr std::int64_t kDownMs = 5000;       // how long a killed engine is away
  static constexpr std::int64_t kPersonMs = 600'000;  // how long a held saga waits for its person

 private:
  struct Pending {
    Instant at;
    std::uint64_t order = 0;
    bool of_engine = false;  // lost with it
    std::function<void()> happen;
  };

  bool next();  // false when nothing is left to happen
  bool rests_where_told() const;
  void restart();
  void act(std::size_t index);
  Player* whose(const PersonAct& act) const;
  void start_again();
  std::string turn_of(const Graph& graph, const Value& input, std::string& problem) const;
  void next_turn(const std::string& line);
  std::string no_end() const;
  Run take();

  const Graph& graph_;
  const Script& script_;
  const Surroundings& around_;
  Ground ground_;
  Instant now_ = kStart;
  std::vector<Pending> pending_;
  std::vector<std::function<void()>> mailbox_;  // came while the engine was away
  std::uint64_t order_ = 0, entries_ = 0;
  std::vector<std::unique_ptr<Player>> players_;      // the first is the saga itself
  std::map<std::string, std::deque<Player*>> lines_;  // `one at a time`: the first has the turn
  std::vector<bool> crashed_, acted_;
  bool down_ = false;
};

}  // namespace belay::runtime::simulator
