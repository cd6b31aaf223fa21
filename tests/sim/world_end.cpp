// What must hold whenever nothing moves, and when nothing will ever move again. See world.h.
#include <algorithm>

#include "interpreter/view.h"
#include "tests/sim/world.h"

namespace belay::sim {

using namespace runtime;
using interpreter::EffectState;
using interpreter::Status;

namespace {

constexpr std::int64_t kWaitUs =
    3'000'000'000;  // programs wait for an hour, and it takes a while until they do

bool set_aside(const Auditor::Watch& watch) { return watch.row.health == "quarantined"; }

}  // namespace

// A saga that has not ended has its next wake-up in its row: whoever takes the lane over finds it
// there.
void World::check_quiet() {
  for (const auto& [id, watch] : auditor_.sagas()) {
    if (watch.graph == nullptr || watch.state.ended() || set_aside(watch)) continue;
    const Instant due = interpreter::next_wakeup(*watch.graph, watch.state);
    if (database_down() || due == watch.row.due_at) continue;
    bool written = true;  // by a node that is asleep or away, it may not be
    for (const Node& node : nodes_) written &= node.awake();
    if (written && nodes_.size() == 1) {
      bad(checks::kAwake, "the row of saga " + id + " is due at " +
                              std::to_string(watch.row.due_at.us) + ", it should be " +
                              std::to_string(due.us));
    }
  }
}

void World::check_end() {
  if (!provider_.wrong().empty()) bad(checks::kProvider, provider_.wrong());
  auditor_.compare(store_);
  bool aside = false;
  for (const auto& [id, watch] : auditor_.sagas()) {
    aside |= set_aside(watch);
    // Who is found at work by several deaths in a row is suspected of them.
    const bool suspected =
        report_.faults >= 3 && watch.row.failure.find("died twice") != std::string::npos;
    if (set_aside(watch) && !data_error_ && !suspected)
      bad(checks::kEnds, "saga " + id + " is quarantined: " + watch.row.failure);
    if (auditor_.violation()) return;
    if (watch.graph != nullptr && !set_aside(watch)) check_saga(id, watch);
  }
  for (const Client& client : clients_) {
    const bool reached = client.ask.after_flush <= flushes_;
    const bool of_a_refused =
        client.ask.kind != AskKind::kStart && !program_.by_event &&
        (start_of(client.ask.arg) == nullptr || !start_of(client.ask.arg)->answered ||
         start_of(client.ask.arg)->refused);
    if (reached && !client.answered && !of_a_refused)
      bad(checks::kEnds, client.key + " is never answered");
  }
  if (aside || auditor_.violation()) return;
  check_orders();
  const MemoryStore::Counts counts = store_.counts();
  bool all_ended = true;
  for (const auto& [id, watch] : auditor_.sagas()) all_ended &= watch.state.ended();
  if (counts.mail > 0)
    bad(checks::kEvents,
        std::to_string(counts.mail) + " messages between lanes stay in the mailbox");
  if (all_ended && counts.subscriptions + counts.turns + counts.questions > 0) {
    bad(checks::kEvents,
        "all sagas have ended, and of subscriptions, turns and questions there are " +
            std::to_string(counts.subscriptions) + ", " + std::to_string(counts.turns) + ", " +
            std::to_string(counts.questions));
  }
  for (const EventRow& event : store_.events()) {
    if (event.type != "pay.arrived" || program_.by_event) continue;
    bool taken = false;
    for (const auto& [id, watch] : auditor_.sagas()) {
      taken |= std::find(watch.took.begin(), watch.took.end(), event.id) != watch.took.end();
    }
    if (taken != event.claimed)
      bad(checks::kEvents,
          "event " + event.id +
              (taken ? " was taken, and nothing says so" : " was not taken, and is said to be"));
  }
}

// One saga against the provider's ledger: what it did stands once, what it undid does not stand,
// and what is left over it says.
void World::check_saga(const SagaId& id, const Auditor::Watch& watch) {
  const interpreter::State& state = watch.state;
  const interpreter::Graph& graph = *watch.graph;
  const interpreter::Summary summary = interpreter::summary(graph, state);
  if (!state.ended()) {
    const bool held = summary.health == interpreter::Health::kHeld ||
                      summary.health == interpreter::Health::kUnknownOutcome ||
                      summary.health == interpreter::Health::kUndoFailed || state.paused;
    report_.held |= held;
    const bool queued =
        state.queued &&
        std::any_of(auditor_.sagas().begin(), auditor_.sagas().end(), [&](const auto& other) {
          return other.first != id && !other.second.state.ended() && !other.second.state.queued;
        });
    // Its child is looked at by itself.
    const bool by_child =
        std::any_of(auditor_.sagas().begin(), auditor_.sagas().end(), [&](const auto& other) {
          return other.second.state.parent.saga == id &&
                 (!other.second.state.ended() || set_aside(other.second));
        });
    if (!held && !queued && !by_child) {
      return bad(checks::kAwake, "saga " + id +
                                     " has not ended, nothing moves, and it waits for `" +
                                     watch.row.waiting_on + "`");
    }
    if (summary.waiting_on.empty()) bad(checks::kEnds, "saga " + id + " is held without a reason");
  }
  const std::vector<interpreter::LeftOver> left = interpreter::left_over(graph, state);
  for (const auto& [name, thing] : provider_.things()) {
    if (thing.saga != id) continue;
    const interpreter::Path path = interpreter::parse_path(graph, thing.path);
    const auto activity = std::find_if(state.activities.begin(), state.activities.end(),
                                       [&](const auto& a) { return a.path == path; });
    const EffectState effect =
        activity == state.activities.end() ? EffectState::kNone : activity->effect;
    const bool said =
        std::any_of(left.begin(), left.end(), [&](const auto& l) { return l.path == path; });
    const int standing = thing.standing();
    const std::string what = name + " stands " + std::to_string(standing) + " times; ";
    if (state.ended() && effect == EffectState::kDone && standing != 1)
      bad(checks::kMoney, what + "its saga has done it");
    if (state.ended() && effect != EffectState::kDone && standing != 0 && !said)
      bad(checks::kMoney, what + "its saga does not know");
    if (standing > 1) bad(checks::kMoney, what + "done twice under two keys");
    if (state.status == Status::kCompensated && standing != 0 && !said)
      bad(checks::kMoney, what + "its saga was undone");
  }
  if (state.status == Status::kCompensated && left.empty() && activity_of_completed(state)) {
    bad(checks::kMoney,
        "saga " + id + " was undone, and something of it is neither undone nor left over");
  }
}

// By what the provider answers: how an order should end, whatever the database and the processes
// do. Empty: not known.
std::string World::expected_end(int order) const {
  if (!program_.end_known || data_error_ || order != 1 || program_.by_event) return "";
  if (report_.faults > 0 && !program_.crash_proof) return "";
  // Tries that are lost with a process count as tries: too many of both, and a step gives up.
  std::size_t longest = 0;
  for (const Script& script : plan_.scripts) longest = std::max(longest, script.outcomes.size());
  if (longest + static_cast<std::size_t>(report_.faults) > 3 &&
      !(worn_out() && report_.faults == 0))
    return "";
  for (const Script& script : plan_.scripts) {  // a person is asked
    if (script.undo && std::find(script.outcomes.begin(), script.outcomes.end(),
                                 Outcome::kBusiness) != script.outcomes.end())
      return "";
  }
  int events = 0, answers = 0;
  for (const Client& client : clients_) {
    if (client.ask.kind == AskKind::kCancel || client.ask.kind == AskKind::kJump ||
        client.ask.kind == AskKind::kPause)
      return "";
    if (client.ask.kind == AskKind::kEvent && client.ask.arg == order && client.answered) {
      ++events;
      if (client.answered_at_us > kWaitUs) return "";  // the wait may have been over by then
    }
    if (client.ask.kind == AskKind::kAnswer && client.ask.arg == order && client.answered &&
        !client.refused)
      ++answers;
  }
  std::size_t place = 0;
  for (const std::string& step : program_.steps) {
    if (place++ == program_.undoable) break;
    for (const Script& script : plan_.scripts) {
      if (script.undo || script.step != step) continue;
      if (worn_out()) return "compensated";
      const bool many_rounds = program_.name == "rounds" || program_.name == "long";
      if (many_rounds && script.outcomes.size() > 1) return "";
      const bool stamp = program_.name == "stamped" && step == "s2";
      for (const Outcome outcome : script.outcomes) {
        if (outcome == Outcome::kTransient) continue;
        if (stamp && outcome == Outcome::kBusiness)
          return "";  // nobody mapped it: a person is asked
        if (stamp && outcome != Outcome::kOk) return "compensated";
        if (outcome == Outcome::kOk || outcome == Outcome::kUnsureDid) break;
        if (outcome == Outcome::kBusiness && step == program_.survives) break;
        if (outcome == Outcome::kBusiness) return "compensated";
        if (outcome == Outcome::kLate && step_is_checked(step)) break;
        if (outcome == Outcome::kLate && script.outcomes.size() > 1)
          return "";  // it lands before the next try, or after
      }
    }
  }
  for (const Script& script :
       plan_.scripts) {  // behind the last one that undoes everything for certain
    const auto at = std::find(program_.steps.begin(), program_.steps.end(), script.step) -
                    program_.steps.begin();
    const bool refused = std::find(script.outcomes.begin(), script.outcomes.end(),
                                   Outcome::kBusiness) != script.outcomes.end();
    if (program_.name == "tries" && static_cast<std::size_t>(at) >= program_.undoable && refused)
      return "";
  }
  if (events < program_.events) return "compensated";
  if (program_.asks && answers == 0) return "";
  return "completed";
}

// All tries of the one step that does not go well fail, and may yet pass: it gives up.
bool World::worn_out() const {
  return plan_.scripts.size() == 1 &&
         plan_.scripts.front().outcomes == std::vector<Outcome>(4, Outcome::kTransient);
}

// Only authorisations are looked up rather than asked for again.
bool World::step_is_checked(const std::string& step) const {
  for (const auto& graph : program_.graphs) {
    const interpreter::NodeId node = interpreter::find_node(*graph, step);
    if (node == interpreter::kNoNode || graph->nodes[node].kind != interpreter::NodeKind::kStep)
      continue;
    const interpreter::Action& action = graph->actions[graph->nodes[node].call.action];
    if (!action.repeat_safe && !graph->nodes[node].call.check.empty()) return true;
  }
  return false;
}

// Something was done, is said to be done still, and all is over.
bool World::activity_of_completed(const interpreter::State& state) {
  return std::any_of(state.activities.begin(), state.activities.end(), [](const auto& a) {
    return a.effect == EffectState::kDone || a.effect == EffectState::kMaybe;
  });
}

void World::check_orders() {
  std::map<int, std::vector<const Auditor::Watch*>> sagas;
  std::size_t parents = 0, starts_again = 0;
  for (const auto& [id, watch] : auditor_.sagas()) {
    if (!watch.state.parent.saga.empty()) continue;
    ++parents;
    const auto order = watch.input.find(":\"o");
    if (order != std::string::npos)
      sagas[std::atoi(watch.input.c_str() + order + 3)].push_back(&watch);
  }
  for (const auto& [order, of_it] : sagas) {
    const auto undone = std::count_if(of_it.begin(), of_it.end(), [](const auto* w) {
      return w->state.status == Status::kCompensated;
    });
    const bool started_again = program_.name == "once" && undone > 0;
    if (started_again) starts_again += of_it.size() - 1;
    if (of_it.size() > 1 && !program_.by_event && !started_again)
      bad(checks::kOnce,
          "order o" + std::to_string(order) + " has " + std::to_string(of_it.size()) + " sagas");
    const std::string expected = expected_end(order);
    const Auditor::Watch& watch = *of_it.front();
    if (!expected.empty() && expected != interpreter::name(watch.state.status)) {
      bad(checks::kEnd, "order o" + std::to_string(order) + " is " +
                            interpreter::name(watch.state.status) + ", it should be " + expected);
    }
    const Status status = watch.state.status;
    const auto rounds =
        std::count_if(provider_.things().begin(), provider_.things().end(), [&](const auto& thing) {
          return thing.second.step == "s1" &&
                 thing.second.ref == "o" + std::to_string(order) + ":s1";
        });
    const int wanted = program_.name == "rounds" ? 3 : program_.name == "long" ? 60 : 1;
    if (wanted > 1 && status == Status::kCompleted && rounds != wanted) {
      bad(checks::kEnd,
          "order o" + std::to_string(order) + " went " + std::to_string(rounds) + " rounds");
    }
    std::int64_t captured = 0, standing = 0;
    for (const auto& [name, thing] : provider_.things()) {
      if (thing.action != "pay.capture" ||
          !thing.ref.starts_with("o" + std::to_string(order) + ":"))
        continue;
      captured += thing.cents * static_cast<std::int64_t>(thing.done.size());
      standing += thing.cents * thing.standing();
    }
    if (status == Status::kCompensated && standing != 0 &&
        interpreter::left_over(*watch.graph, watch.state).empty()) {
      bad(checks::kMoney, "order o" + std::to_string(order) + " was undone, and " +
                              std::to_string(standing) + " cents stay captured");
    }
    if (status == Status::kCompleted && captured > 0 && standing != captured) {
      bad(checks::kMoney, "order o" + std::to_string(order) + " completed, " +
                              std::to_string(captured) + " cents were captured, " +
                              std::to_string(standing) + " stand");
    }
  }
  std::size_t starts = 0;
  for (const Client& client : clients_) {
    starts += client.ask.kind == AskKind::kStart && client.answered && !client.refused ? 1U : 0U;
    starts += program_.by_event && client.ask.kind == AskKind::kEvent && client.answered ? 1U : 0U;
    if (client.ask.kind == AskKind::kStart && client.answered && !client.refused &&
        auditor_.saga(client.saga) == nullptr) {
      bad(checks::kAnswered, client.key + " was answered, and there is no saga " + client.saga);
    }
  }
  if (parents != starts + starts_again && !data_error_)
    bad(checks::kOnce,
        std::to_string(starts) + " starts made " + std::to_string(parents) + " sagas");
}

std::string World::end_of_run() const {
  std::vector<std::string> lines;
  for (const auto& [id, watch] : auditor_.sagas()) {
    lines.push_back(watch.row.workflow + " " + watch.input + " " +
                    interpreter::name(watch.state.status) + "; ");
  }
  std::sort(lines.begin(), lines.end());
  std::string end;
  for (const std::string& line : lines) end += line;
  return end + provider_.book();
}

}  // namespace belay::sim
