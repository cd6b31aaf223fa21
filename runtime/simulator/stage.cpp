// See stage.h.
#include "runtime/simulator/stage.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace belay::runtime::simulator {

using namespace interpreter;  // NOLINT: nearly every type here is the interpreter's

namespace {

constexpr std::size_t kEntriesMax = 5000;  // of all sagas of a run

State with_inputs(const Graph& graph, const Value& input) {
  State state;
  state.now = kStart;
  for (std::size_t i = 0; i < graph.takes.size(); ++i) {
    const Value* value = input.find(graph.takes[i].name);
    if (value != nullptr && !value->is_null())
      state.variables.push_back({static_cast<SlotId>(i), {}, *value});
  }
  return state;
}

}  // namespace

Run Stage::run() {
  for (std::size_t i = 0; i < script_.acts.size(); ++i) {
    if (script_.acts[i].when == PersonAct::When::kAfterStart) {
      acted_[i] = true;
      later(script_.acts[i].after_ms, [this, i] { act(i); });
    }
  }
  Player::Role role;
  role.graph = &graph_;
  role.about.id = kSaga;
  Started started;
  started.input = script_.input;
  if (script_.again) later(script_.again->after_ms, [this] { start_again(); });
  begin(cast(std::move(role)), std::move(started));
  while (ground_.problem.empty() && next()) {
    if (entries_ > kEntriesMax) ground_.problem = no_end();
  }
  return take();
}

Run Stage::take() {
  Run out = std::move(players_.front()->run());
  out.problem = ground_.problem;
  out.ended_at = out.state.now;
  for (std::size_t i = 1; i < players_.size(); ++i) {
    SagaRun other = std::move(players_[i]->about());
    other.graph = &players_[i]->graph();
    other.run = std::move(players_[i]->run());
    other.run.ended_at = other.run.state.now;
    for (const auto& [call, times] : other.run.sends) out.sends[call] += times;
    out.others.push_back(std::move(other));
  }
  return out;
}

void Stage::later(std::int64_t ms, std::function<void()> happen, bool of_engine) {
  pending_.push_back({{now_.us + ms * 1000}, ++order_, of_engine, std::move(happen)});
}

void Stage::mail(std::function<void()> deliver) {
  later(kMailMs, [this, deliver = std::move(deliver)] {
    if (down_) {
      mailbox_.push_back(deliver);
    } else {
      deliver();
    }
  });
}

bool Stage::next() {
  const auto first =
      std::min_element(pending_.begin(), pending_.end(), [](const auto& a, const auto& b) {
        return std::tie(a.at, a.order) < std::tie(b.at, b.order);
      });
  if (first == pending_.end() && rests_where_told()) return false;
  Instant wake{};
  Player* sleeper = nullptr;
  for (const auto& player : players_) {
    if (down_ || !player->begun()) continue;
    const Instant at = next_wakeup(player->graph(), player->state());
    if (!at || (wake && wake <= at)) continue;
    wake = at;
    sleeper = player.get();
  }
  if (first != pending_.end() && (!wake || first->at <= wake)) {
    const Pending one = std::move(*first);
    pending_.erase(first);
    now_ = std::max(now_, one.at);
    one.happen();
    return true;
  }
  if (!wake) return false;
  now_ = std::max(now_, wake);
  for (const Fact& fact : due_timers(sleeper->graph(), sleeper->state(), now_)) {
    if (!down_) sleeper->put(fact);
  }
  return true;
}

bool Stage::rests_where_told() const {
  for (const auto& player : players_) {
    if (player->about().second) continue;
    for (const Activity& activity : player->state().activities) {
      const CallAt at = player->place(activity.path).call;
      const auto& told = script_.rest_at;
      if (activity.open && std::find(told.begin(), told.end(), at) != told.end()) return true;
    }
  }
  return false;
}

// ---- Starts and turns ----

Player& Stage::cast(Player::Role role) {
  players_.push_back(std::make_unique<Player>(*this, std::move(role)));
  return *players_.back();
}

// "<workflow>:<value>", or empty when any number may be under way.
std::string Stage::turn_of(const Graph& graph, const Value& input, std::string& problem) const {
  if (graph.one_at_a_time.empty()) return "";
  const Evaluated value = evaluate_in(graph, with_inputs(graph, input), graph.one_at_a_time);
  if (!value.ok) problem = "`one at a time per` cannot be worked out: " + value.error;
  return value.ok ? graph.workflow + ":" + to_text(value.value) : "";
}

void Stage::begin(Player& player, Started started) {
  std::string problem;
  const std::string line = turn_of(player.graph(), started.input, problem);
  std::deque<Player*>* waiting = line.empty() ? nullptr : &lines_[line];
  if (waiting != nullptr && !waiting->empty()) {
    player.about().begun =
        player.graph().others_queue ? SagaRun::Begun::kQueued : SagaRun::Begun::kRefused;
    if (!player.graph().others_queue) problem = "another one is under way (one at a time)";
  }
  if (!problem.empty()) {
    if (&player == players_.front().get()) ground_.problem = problem;
    player.about().begun = SagaRun::Begun::kRefused;
    player.about().why = problem;
    Player& teller = player.role().parent == nullptr ? *players_.front() : *player.role().parent;
    teller.note(player.about().name() + " is refused: " + problem);
    return;
  }
  started.queued = player.about().begun == SagaRun::Begun::kQueued;
  if (waiting != nullptr) waiting->push_back(&player);
  const bool by_event = &player == players_.front().get() && !script_.started_by.empty();
  player.put(std::move(started), by_event ? "event:" + script_.started_by : "");
}

void Stage::ended(Player& player) {
  for (auto& [name, line] : lines_) {
    const auto at = std::find(line.begin(), line.end(), &player);
    if (at == line.end()) continue;
    const bool had_the_turn = at == line.begin();
    line.erase(at);
    if (had_the_turn && !line.empty()) mail([this, name = name] { next_turn(name); });
  }
}

void Stage::next_turn(const std::string& name) {
  const std::deque<Player*>& line = lines_[name];
  if (!line.empty() && line.front()->state().queued) line.front()->put(TurnCame{});
}

// The same inputs, but for what is said; with the same `once per` it is the same saga.
void Stage::start_again() {
  Player& first = *players_.front();
  if (down_) return later(kDownMs, [this] { start_again(); });
  std::vector<std::pair<std::string, Value>> fields;
  for (const auto& [name, value] : script_.input.as_map())
    fields.emplace_back(name.as_string(), value);
  for (auto& [name, value] : first.world().values(script_.again->with, {})) {
    std::erase_if(fields, [&](const auto& field) { return field.first == name; });
    if (!value.is_null()) fields.emplace_back(name, std::move(value));
  }
  if (!ground_.problem.empty()) return;
  Started started;
  started.input = record(std::move(fields));
  Player::Role role;
  role.graph = &graph_;
  role.about.id = std::string(kSaga) + ":again";
  role.about.second = true;
  Player& second = cast(std::move(role));
  const auto once = [&](const Value& input) {
    return evaluate_in(graph_, with_inputs(graph_, input), graph_.once_per);
  };
  if (!graph_.once_per.empty()) {
    const Evaluated a = once(script_.input), b = once(started.input);
    if (a.ok && b.ok && cel_equal(a.value, b.value)) {
      second.about().begun = SagaRun::Begun::kSame;
      first.note("it is started again with the same `once per`: that is this saga");
      return;
    }
  }
  begin(second, std::move(started));
}

// ---- The engine is killed ----

bool Stage::crash_at(const Place& place, Moment moment) {
  for (std::size_t i = 0; i < script_.crashes.size(); ++i) {
    const Crash& crash = script_.crashes[i];
    const bool here = crash.call == place.call && in_round(crash.round, place.rounds);
    if (crashed_[i] || crash.moment != moment || !here) continue;
    crashed_[i] = true;
    return true;
  }
  return false;
}

void Stage::kill() {
  down_ = true;
  players_.front()->note("the engine stops");
  for (const auto& player : players_) player->forget();
  ground_.engine_is_gone();
  std::erase_if(pending_, [](const Pending& p) { return p.of_engine; });
  later(kDownMs, [this] { restart(); });
}

// All that is left are the journals, and the mail.
void Stage::restart() {
  down_ = false;
  players_.front()->note("the engine is back");
  for (std::size_t i = 0; i < players_.size() && !down_; ++i) players_[i]->recover();
  for (auto& deliver : std::exchange(mailbox_, {})) mail(std::move(deliver));
}

// ---- People ----

// They act on the first start, and on the sagas that it runs.
void Stage::people_at(const Player& player, const Place& place, Moment moment) {
  for (std::size_t i = 0; i < script_.acts.size(); ++i) {
    const PersonAct& one = script_.acts[i];
    if (acted_[i] || one.when != PersonAct::When::kAtCall || one.moment != moment) continue;
    if (player.about().second || one.call != place.call || !in_round(one.round, place.rounds))
      continue;
    acted_[i] = true;
    later(0, [this, i] { act(i); });
  }
}

void Stage::people_at_holds(const Player& player) {
  if (player.about().second) return;
  for (const Activity& activity : player.state().activities) {
    for (const auto& [direction, call] : {std::pair(Direction::kForward, &activity.forward),
                                          std::pair(Direction::kUndo, &activity.undo)}) {
      if (call->phase != CallPhase::kHeld) continue;
      const Place place = player.place(activity.path, direction);
      for (std::size_t i = 0; i < script_.acts.size(); ++i) {
        const PersonAct& one = script_.acts[i];
        if (acted_[i] || one.when != PersonAct::When::kWhenHeld) continue;
        if (one.call.node != place.call.node || one.call.of != place.call.of ||
            main_of(one.call.direction) != direction || !in_round(one.round, place.rounds))
          continue;
        acted_[i] = true;
        later(kPersonMs, [this, i] { act(i); });
        return;  // one act at a time
      }
    }
  }
}

// Whose statement it is about: the first saga where it is held, else where it stands; a cancel is
// the saga's own.
Player* Stage::whose(const PersonAct& one) const {
  if (!std::holds_alternative<OperatorActed>(one.fact)) return players_.front().get();
  Player* stands = nullptr;
  for (const auto& player : players_) {
    if (player->about().second) continue;
    for (const Activity& activity : player->state().activities) {
      const Place place = player->place(activity.path);
      const bool there = place.call.node == one.call.node && place.call.of == one.call.of &&
                         in_round(one.round, place.rounds);
      if (!there) continue;
      const bool undo = main_of(one.call.direction) == Direction::kUndo;
      if ((undo ? activity.undo : activity.forward).phase == CallPhase::kHeld) return player.get();
      if (stands == nullptr) stands = player.get();
    }
  }
  return stands;
}

void Stage::act(std::size_t index) {
  const PersonAct& one = script_.acts[index];
  if (down_) return later(kDownMs, [this, index] { act(index); });  // nobody hears it now
  Player* player = whose(one);
  if (player == nullptr) player = players_.front().get();
  Fact fact = one.fact;
  if (auto* acted = std::get_if<OperatorActed>(&fact)) {
    acted->direction = main_of(one.call.direction);
    for (const Activity& activity : player->state().activities) {
      const Place place = player->place(activity.path);
      if (place.call.node != one.call.node || place.call.of != one.call.of ||
          !in_round(one.round, place.rounds))
        continue;
      acted->path = activity.path;
      const bool undo = acted->direction == Direction::kUndo;
      if ((undo ? activity.undo : activity.forward).phase == CallPhase::kHeld) break;
    }
    if (!one.with.empty())
      acted->output = record(player->world().values(one.with, acted->path.iteration));
  }
  const Preview shown = preview(player->graph(), player->state(), fact, player->about().id);
  if (!shown.allowed) {
    player->note("someone's act is refused: " + shown.why_not);
    return;
  }
  player->put(fact, "someone", one.reason);
}

// ---- No end in sight ----

// What most entries are about, and what to change so that there are fewer.
std::string Stage::no_end() const {
  const Player* busiest = players_.front().get();
  std::map<std::string, std::size_t> workflows;
  for (const auto& player : players_) {
    ++workflows[player->graph().workflow];
    if (player->run().journal.size() > busiest->run().journal.size()) busiest = player.get();
  }
  std::string out = "the simulator stops after " + std::to_string(kEntriesMax) +
                    " entries, in which nothing has come to an end: ";
  const auto most = std::max_element(workflows.begin(), workflows.end(),
                                     [](auto& a, auto& b) { return a.second < b.second; });
  if (busiest->run().journal.size() * 2 < kEntriesMax) {
    return out + std::to_string(most->second) + " sagas of `" + most->first +
           "` are run; let the loop that runs them have fewer items or rounds";
  }
  return out + what_repeats(busiest->graph(), busiest->run());
}

}  // namespace belay::runtime::simulator
