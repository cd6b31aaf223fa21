// Facts, commands, events and the mail of one saga. See player.h.
#include "runtime/simulator/player.h"

#include <algorithm>

#include "runtime/simulator/stage.h"

namespace belay::runtime::simulator {

using namespace interpreter;  // NOLINT: nearly every type here is the interpreter's

Direction main_of(Direction direction) {
  if (direction == Direction::kCheck) return Direction::kForward;
  return direction == Direction::kUndoCheck ? Direction::kUndo : direction;
}

const Activity* activity_of(const State& state, const Path& path) {
  for (const Activity& activity : state.activities) {
    if (activity.path == path) return &activity;
  }
  return nullptr;
}

namespace {

World::Who who_is(const Player::Role& role, const Run& own) {
  World::Who who{role.about.id, role.about.of, role.about.rounds, role.graph, &own};
  if (role.about.of.empty() || role.parent == nullptr) return who;
  who.author_graph = role.parent->world().who().author_graph;
  who.author = role.parent->world().who().author;
  return who;
}

}  // namespace

Player::Player(Stage& stage, Role role)
    : role_(std::move(role)),
      stage_(stage),
      graph_(*role_.graph),
      world_(graph_, stage.around(), stage.ground(), run_, who_is(role_, run_)) {}

void Player::note(std::string text) {
  run_.notes.push_back({run_.state.seq, stage_.now(), std::move(text), stage_.entries()});
}

void Player::put(const Fact& fact, std::string actor, std::string reason, bool killed) {
  Entry entry;
  entry.seq = run_.state.seq + 1;
  entry.at = stage_.now();
  entry.actor = std::move(actor);
  entry.reason = std::move(reason);
  entry.fact = fact;
  Decision decision = decide(graph_, apply(graph_, std::move(run_.state), entry), role_.about.id);
  entry.drawn = std::move(decision.drawn);
  run_.state = std::move(decision.state);
  run_.journal.push_back(std::move(entry));
  run_.told.push_back(stage_.entry_written());
  // What was published, and that the saga ended, is in the committed entry, whoever dies.
  bool ended = false;
  for (const Drawn& drawn : run_.journal.back().drawn) {
    if (const auto* sent = std::get_if<Sent>(&drawn))
      ++run_.sends[world_.call_at(sent->path, sent->direction)];
    if (const auto* published = std::get_if<Published>(&drawn))
      run_.published.push_back({published->event, published->key, published->payload});
    ended = ended || std::holds_alternative<Ended>(drawn);
  }
  const std::vector<Drawn> drawn = run_.journal.back().drawn;  // what follows may journal more
  for (const Drawn& one : drawn) {
    if (const auto* asked = std::get_if<Asked>(&one)) expect_answer(asked->path);
  }
  if (ended) {
    tell_parent();
    stage_.ended(*this);
  }
  for (const Command& command : decision.commands) {
    const bool mail =
        std::holds_alternative<StartChild>(command) || std::holds_alternative<StopChild>(command);
    if (killed && !mail) continue;
    std::visit([this](const auto& c) { carry_out(c); }, command);
    if (stage_.down()) return;
  }
  if (killed) {
    stage_.kill();
    return;
  }
  stage_.people_at_holds(*this);
}

void Player::recover() {
  if (!begun()) return;
  State folded;
  for (const Entry& entry : run_.journal) folded = apply(graph_, std::move(folded), entry);
  if (!(folded == run_.state)) {
    stage_.ground().problem = "the journal does not fold to the state that was lost";
    return;
  }
  run_.state = std::move(folded);
  const Recovery recovery = interpreter::recover(graph_, run_.state);
  for (const Command& command : recovery.commands) {
    if (!stage_.down()) std::visit([this](const auto& c) { carry_out(c); }, command);
  }
  for (const Fact& fact : recovery.facts) {
    if (!stage_.down()) put(fact);
  }
}

// ---- Calls ----

void Player::carry_out(const RunAction& command) {
  if (stage_.crash_at(place(command.path, command.direction), Moment::kBefore)) {
    stage_.kill();
    return;
  }
  const std::int64_t wait_ms = stage_.ground().held_back_ms(
      graph_.workflow, graph_.nodes[command.path.node].name, command, stage_.now());
  if (wait_ms == 0) return send(command);
  note("`" + place_text(graph_, command.path) + "` waits: at most " +
       std::to_string(command.rate_count) + " leave in this time");
  stage_.later(
      wait_ms, [this, command] { send(command); }, true);
}

void Player::send(const RunAction& command) {
  deliver(command.path, command.direction, world_.answer(command, stage_.now()));
}

void Player::deliver(const Path& path, Direction direction, CallOutcome outcome) {
  const Place call = place(path, direction);
  stage_.people_at(*this, call, Moment::kDuring);
  const bool lost = stage_.crash_at(call, Moment::kDuring);
  stage_.later(
      outcome.after_ms,
      [this, path, call, lost, fact = std::move(outcome.fact)] {
        if (lost) {
          stage_.kill();
          return;
        }
        coming_.erase(path);
        const bool done = std::holds_alternative<StepSucceeded>(fact);
        put(fact, "", "", stage_.crash_at(call, Moment::kAfter));
        if (done) stage_.people_at(*this, call, Moment::kAfter);
      },
      true);
}

// ---- Events and questions ----

void Player::carry_out(const AwaitEvent& command) {
  const Place wait = place(command.path);
  stage_.people_at(*this, wait, Moment::kDuring);
  expect_event(command);
  if (stage_.crash_at(wait, Moment::kDuring)) stage_.kill();
}

void Player::expect_event(const AwaitEvent& command) {
  if (!expected_.insert({command.path, command.source}).second) return;
  const Arrival arrival = arrival_at(command.path, command.source);
  if (arrival.never) return;
  std::int64_t after_ms = arrival.after_ms;
  if (arrival.early || arrival.before_start_ms >= 0) {
    const Instant started = run_.journal.front().at;
    const Instant came{started.us - std::max<std::int64_t>(arrival.before_start_ms, 0) * 1000};
    if (came < command.since) {
      note("`" + command.event + "` came before anything that this saga still looks at");
      if (!starts_another(command.event, true)) world_.event_came_late(command.path);
      return;
    }
    after_ms = 0;
  }
  for (std::uint32_t copy = 0; copy < arrival.copies; ++copy) {
    stage_.later(after_ms, [this, command, arrival] { event(command, arrival); });
  }
}

// The last one counts; those about one round come before those about all.
Arrival Player::arrival_at(const Path& path, std::uint32_t source) const {
  Arrival arrival;
  arrival.never = !stage_.script().events_come;
  const Place at = place(path);
  for (const Arrival& one : stage_.script().arrivals) {
    const bool this_one = one.source < 0 || one.source == static_cast<std::int64_t>(source);
    if (one.wait != path.node || one.of != at.call.of) continue;
    if (!this_one || !in_round(one.round, at.rounds)) continue;
    if (one.round != kEveryRound || arrival.round == kEveryRound) arrival = one;
  }
  return arrival;
}

// A question is answered by a person, who needs no engine to think.
void Player::expect_answer(const Path& path) {
  stage_.people_at(*this, place(path), Moment::kDuring);
  const Arrival arrival = arrival_at(path, 0);
  if (arrival.never) return;
  stage_.later(arrival.after_ms, [this, path, arrival] { answer(path, arrival); });
}

void Player::answer(const Path& path, const Arrival& arrival) {
  const Activity* activity = activity_of(run_.state, path);
  if (stage_.down()) {
    stage_.later(Stage::kDownMs, [this, path, arrival] { answer(path, arrival); });
  } else if (activity == nullptr || !activity->open || run_.state.ended()) {
    note("someone answers `" + place_text(graph_, path) + "`, and nobody asks any more");
  } else {
    put(AnswerGiven{path, world_.answer_to(path, arrival.with, stage_.now())}, "someone", "",
        stage_.crash_at(place(path), Moment::kAfter));
    stage_.people_at(*this, place(path), Moment::kAfter);
  }
}

// Whether an event that this saga does not take starts one that has it. Of the same workflow only
// when `once per` does not find this one: it is undone and has left nothing over, or it had not
// begun.
bool Player::starts_another(const std::string& event, bool before_this) const {
  const auto starts = [&](const Graph& graph) {
    return std::any_of(graph.starts_on.begin(), graph.starts_on.end(),
                       [&](const Graph::StartsOn& one) { return one.event == event; });
  };
  const bool gone =
      run_.state.status == Status::kCompensated && left_over(graph_, run_.state).empty();
  if (starts(graph_) && (before_this || graph_.once_per.empty() || gone)) return true;
  const std::vector<Graph>* all = stage_.around().workflows;
  return all != nullptr && std::any_of(all->begin(), all->end(), [&](const Graph& graph) {
           return graph.workflow != graph_.workflow && starts(graph);
         });
}

void Player::event(const AwaitEvent& command, const Arrival& arrival) {
  const Activity* activity = activity_of(run_.state, command.path);
  const std::string id =
      "simulated:" + path_text(graph_, command.path) + ":" + std::to_string(command.source);
  const auto& taken = run_.state.taken_events;
  if (std::binary_search(taken.begin(), taken.end(), id)) {
    note("`" + command.event + "` comes once more: it is the same event, and changes nothing");
    return;
  }
  if (stage_.down()) {  // it stays in the database until the engine is back
    stage_.later(Stage::kDownMs, [this, command, arrival] { event(command, arrival); });
    return;
  }
  if (activity == nullptr || !activity->open || run_.state.ended()) {
    const bool starts = starts_another(command.event, false);
    note("`" + command.event + "` comes, and nothing waits for it any more" +
         (starts ? ": it starts a saga of its own" : ""));
    if (!starts) world_.event_came_late(command.path);
    return;
  }
  world_.event_taken(command.path);
  EventTaken now_taken;
  now_taken.path = command.path;
  now_taken.source = command.source;
  now_taken.event_id = id;
  now_taken.event = command.event;
  now_taken.payload =
      world_.payload(graph_.nodes[command.path.node], command, arrival.with, stage_.now());
  put(std::move(now_taken), "", "", stage_.crash_at(place(command.path), Moment::kAfter));
  stage_.people_at(*this, place(command.path), Moment::kAfter);
}

// ---- Children, from the parent's side ----

// One of which the script says how it ends, or whose definition is not here, is not run: only its
// outcome is seen.
void Player::carry_out(const StartChild& command) {
  const Place call = place(command.path);
  const Graph* graph = child_of(graph_.nodes[command.path.node], stage_.around());
  const bool known = children_.count({command.path, command.generation}) != 0;
  if (known || (graph != nullptr && !stage_.ground().says(call.call, call.rounds))) {
    children_.emplace(std::pair(command.path, command.generation), nullptr);
    stage_.mail([this, command, graph] { run_child(command, *graph); });
    if (stage_.crash_at(call, Moment::kBefore)) stage_.kill();
    return;
  }
  if (stage_.crash_at(call, Moment::kBefore)) {
    stage_.kill();
    return;
  }
  CallOutcome outcome = world_.start(command, stage_.now());
  if (command.detached) return;
  coming_.insert(command.path);
  deliver(command.path, Direction::kForward, std::move(outcome));
}

void Player::run_child(const StartChild& command, const Graph& graph) {
  Player*& child = children_[{command.path, command.generation}];
  if (child != nullptr) return;  // said once more after a restart
  Role role;
  role.graph = &graph;
  role.parent = this;
  role.path = command.path;
  role.generation = command.generation;
  const SagaRun& own = role_.about;
  const Place at = place(command.path);
  role.about.of = at.call.of;
  role.about.of.push_back(command.path.node);
  role.about.rounds = at.rounds;
  const std::string name = graph_.nodes[command.path.node].name;
  role.about.dotted = own.dotted.empty() ? name : own.dotted + "." + name;
  role.about.in = place_text(graph_, command.path).substr(name.size()) + own.in;
  role.about.second = own.second;
  role.about.detached = command.detached;
  role.about.id =
      own.id + ":" + path_text(graph_, command.path) + ":" + std::to_string(command.generation);
  child = &stage_.cast(std::move(role));
  Started started;
  started.input = command.input;
  if (!command.detached) {
    started.parent = {own.id, path_text(graph_, command.path), command.generation, 0};
  }
  stage_.begin(*child, std::move(started));
  if (child->about().begun == SagaRun::Begun::kRefused) {
    if (command.detached) return;
    child_ended(command.path, command.generation, {false, false, false, {}, child->about().why});
    return;
  }
  stage_.people_at(*this, at, Moment::kDuring);
}

void Player::carry_out(const StopChild& command) {
  const Place call = place(command.path, command.direction);
  const bool run = children_.count({command.path, command.child_generation}) != 0;
  if (run &&
      !(command.direction == Direction::kUndo && stage_.ground().says(call.call, call.rounds))) {
    stage_.mail([this, command] { halt_child(command); });
    return;
  }
  // A child whose end is on its way has ended before it can be stopped.
  if (command.direction == Direction::kForward && coming_.count(command.path) != 0) return;
  deliver(command.path, command.direction, world_.stop(command));
}

void Player::halt_child(const StopChild& command) {
  Player* child = children_.at({command.path, command.child_generation});
  if (child == nullptr) {  // behind its start, which is still on its way
    stage_.mail([this, command] { halt_child(command); });
    return;
  }
  const bool undo = command.direction == Direction::kUndo;
  if (undo) stage_.people_at(*this, place(command.path, command.direction), Moment::kDuring);
  child->halt(undo, command.because);
}

void Player::child_ended(const Path& path, std::uint32_t generation, const Ending& ending) {
  if (run_.state.ended()) return;
  for (const Activity& activity : run_.state.activities) {
    // A child that is undone answers for the call that waits now: there is but one.
    if (ending.undo && activity.path == path) generation = activity.undo.generation;
  }
  const Direction direction = ending.undo ? Direction::kUndo : Direction::kForward;
  const Place call = place(path, direction);
  if (stage_.crash_at(call, Moment::kDuring)) {
    stage_.kill();
    stage_.mail([this, path, generation, ending] { child_ended(path, generation, ending); });
    return;
  }
  Fact fact = StepFailed{path,
                         direction,
                         generation,
                         FailureKind::kBusiness,
                         ending.left_over ? "left_over" : "cancelled",
                         ending.message,
                         true,
                         0};
  const bool undone = !ending.completed && !ending.left_over;
  if (ending.completed) {
    fact = StepSucceeded{path, direction, generation, ending.output};
    world_.child_completed(path, ending.output);
  } else if (ending.undo && undone) {
    fact = StepSucceeded{path, direction, generation, record({})};
    world_.child_undone(path);
  }
  const bool done = std::holds_alternative<StepSucceeded>(fact);
  put(fact, "", "", stage_.crash_at(call, Moment::kAfter));
  if (done) stage_.people_at(*this, call, Moment::kAfter);
}

// ---- The same, from the child's side ----

void Player::halt(bool undo, const std::string& because) {
  const bool answers = undo && run_.state.status == Status::kCompensated;
  if (undo && run_.state.status == Status::kCompleted && run_.state.past_no_return) {
    const Ending stands{true, false, true, {}, "that saga is past its point of no return"};
    stage_.mail(
        [this, stands] { role_.parent->child_ended(role_.path, role_.generation, stands); });
  } else if (answers) {
    tell_parent(true);
  } else if (undo && !run_.state.undo_asked && begun()) {
    put(UndoAsked{}, "its parent", because);
  } else if (!undo && !run_.state.ended() && begun()) {
    put(CancelAsked{}, "its parent", because);
  }
}

void Player::tell_parent(bool undo) {
  if (role_.parent == nullptr || role_.about.detached) return;
  Ending ending;
  ending.undo = undo || run_.state.undo_asked;
  ending.completed = run_.state.status == Status::kCompleted;
  ending.output = run_.state.output;
  ending.message = ending.completed ? "" : run_.state.because;
  if (!ending.completed) {
    for (const LeftOver& left : left_over(graph_, run_.state)) {
      ending.message =
          (ending.left_over ? ending.message + ", " : "left over in that saga: ") + left.what;
      ending.left_over = true;
    }
  }
  stage_.mail([this, ending] { role_.parent->child_ended(role_.path, role_.generation, ending); });
}

}  // namespace belay::runtime::simulator
