// The provider's ledger. See provider.h.
#include "tests/sim/provider.h"

#include <algorithm>

namespace belay::sim {
namespace {

using interpreter::FailureKind;
using interpreter::Value;
using runtime::ActionCall;
using runtime::ActionOutcome;

constexpr std::int64_t kLateUs = 5'000'000;  // within what the checks take to settle

ActionOutcome gives(std::vector<std::pair<std::string, Value>> fields) {
  ActionOutcome outcome;
  outcome.ok = true;
  outcome.result = interpreter::record(std::move(fields));
  return outcome;
}
ActionOutcome fails(FailureKind kind, const char* error) {
  ActionOutcome outcome;
  outcome.kind = kind;
  outcome.error = error;
  outcome.answered = kind == FailureKind::kBusiness;
  return outcome;
}

bool undoes(const std::string& action) {
  return action == "hold.release" || action == "pay.void" || action == "pay.refund" ||
         action == "stamp.take_back";
}

// "o1:s2@s2#1" is the first time that o1:s2@s2 was done.
std::string thing_of(const std::string& id) { return id.substr(0, id.find('#')); }
std::string step_of(const std::string& path) {
  const auto dot = path.rfind('.');
  return dot == std::string::npos ? path : path.substr(dot + 1);
}
std::string order_of(const std::string& ref) { return ref.substr(0, ref.find(':')); }

}  // namespace

int Provider::Thing::standing() const {
  return static_cast<int>(
      std::count_if(done.begin(), done.end(), [](const Done& d) { return !d.undone; }));
}

std::string Provider::Request::text(const char* name) const {
  const Value* value = args.find(name);
  return value != nullptr && value->kind() == Value::Kind::kString ? value->as_string()
                                                                   : std::string();
}

void Provider::bad(const std::string& what) {
  if (wrong_.empty()) wrong_ = what;
}

ActionOutcome Provider::call(const ActionCall& call, std::int64_t now_us) {
  land(now_us);
  Request request;
  request.action = call.graph->actions[call.action].name;
  request.key = call.key;
  request.saga = call.saga;
  request.args = call.args;
  // "<saga>:<path>:<do|check|undo|undo-check>:<generation>"
  const auto generation = call.key.rfind(':');
  const auto direction = call.key.rfind(':', generation - 1);
  const auto path = call.key.find(':');
  request.direction = call.key.substr(direction + 1, generation - direction - 1);
  request.path = call.key.substr(path + 1, direction - path - 1);

  std::string asked = request.action + ' ';
  interpreter::append_canonical(request.args, asked);
  Known& known = keys_[request.key];
  if (known.asked.empty()) known.asked = asked;
  if (known.asked != asked) bad("key " + request.key + " comes with another request");
  if (request.action.find("find_") != std::string::npos) return find_it(request);
  if (known.answer) return *known.answer;

  switch (next_outcome(request)) {
    case Outcome::kOk: return carry_out(request);
    case Outcome::kBusiness: {
      // A card that was declined is declined under every key; what was taken may be free later.
      if (request.action.starts_with("pay.")) declined_.insert(request.text("ref"));
      known.answer = refusal(request);
      return *known.answer;
    }
    case Outcome::kTransient: return fails(FailureKind::kTransient, "unavailable");
    case Outcome::kUnsureDid: carry_out(request); break;
    case Outcome::kUnsureDidNot: break;
    case Outcome::kLate: late_.push_back({now_us + kLateUs, request}); break;
  }
  return fails(FailureKind::kUnsure, "timeout");
}

void Provider::land(std::int64_t now_us) {
  while (!late_.empty() && late_.front().at_us <= now_us) {
    const Request request = std::move(late_.front().request);
    late_.erase(late_.begin());
    if (!keys_[request.key].answer) carry_out(request);
  }
}

Outcome Provider::next_outcome(const Request& request) {
  if (calm_) return Outcome::kOk;
  const bool undo = request.direction == "undo";
  if (!undo && declined_.contains(request.text("ref"))) return Outcome::kBusiness;
  const std::string step = step_of(request.path);
  for (const Script& script : plan_.scripts) {
    if (script.undo != undo || script.step != step) continue;
    const std::size_t nth = calls_[request.saga + request.direction + step]++;
    if (nth < script.outcomes.size()) return script.outcomes[nth];
  }
  return Outcome::kOk;
}

ActionOutcome Provider::refusal(const Request& request) const {
  if (request.action == "hold.place") return fails(FailureKind::kBusiness, "hold.taken");
  if (request.action == "pay.authorise" || request.action == "pay.capture") {
    return fails(FailureKind::kBusiness, "pay.declined");
  }
  if (request.action == "note.send") return fails(FailureKind::kBusiness, "note.refused");
  return fails(FailureKind::kBusiness, "refused");
}

ActionOutcome Provider::carry_out(const Request& request) {
  ActionOutcome outcome = undoes(request.action) ? undo_it(request) : do_it(request);
  keys_[request.key].answer = outcome;
  return outcome;
}

ActionOutcome Provider::do_it(const Request& request) {
  const std::string ref = request.text("ref");
  if (taken_back_.contains(ref)) return fails(FailureKind::kBusiness, "refused");
  const std::string place = ref + "@" + request.path;
  Thing& thing = things_[place];
  thing.action = request.action;
  thing.saga = request.saga;
  thing.path = request.path;
  thing.ref = ref;
  thing.step = step_of(request.path);
  if (request.action == "pay.capture") {
    thing.of = request.text("authorisation");
    const auto authorised = things_.find(thing_of(thing.of));
    if (authorised == things_.end() || authorised->second.standing() == 0)
      bad(ref + " is captured, and nothing authorised it");
  }
  if (const Value* cents = request.args.find("cents")) thing.cents = cents->as_int();
  const std::string id = place + "#" + std::to_string(thing.done.size() + 1);
  thing.done.push_back({id, false});
  if (request.action == "pay.capture") captured_ += thing.cents;
  if (request.action == "stamp.put" || request.action == "note.send") return gives({});
  return gives({{"id", Value::string(id)}});
}

// What was done in turn is undone in the reverse turn.
void Provider::in_turn(const Thing& undone) {
  if (!program_.in_turn) return;
  const auto place = [&](const std::string& step) {
    return std::find(program_.steps.begin(), program_.steps.end(), step) - program_.steps.begin();
  };
  for (const auto& [name, thing] : things_) {
    if (thing.action == "note.send" || thing.standing() == 0 ||
        order_of(thing.ref) != order_of(undone.ref))
      continue;
    if (place(thing.step) > place(undone.step))
      bad(undone.ref + " is undone while " + thing.ref + " stands");
  }
}

ActionOutcome Provider::undo_it(const Request& request) {
  if (request.action == "stamp.take_back") {
    taken_back_.insert(request.text("ref"));
    for (auto& [name, thing] : things_) {
      if (thing.ref != request.text("ref")) continue;
      in_turn(thing);
      for (Done& done : thing.done) done.undone = true;
    }
    return gives({});
  }
  const std::string id = request.text("id");
  const auto thing = things_.find(thing_of(id));
  if (thing == things_.end()) {
    bad(request.action + " of " + id + ", which was never done");
    return gives({});
  }
  in_turn(thing->second);
  if (request.action == "pay.void") {
    for (const auto& [name, capture] : things_) {
      if (capture.of == id && capture.standing() > 0)
        bad(id + " is voided while it is captured by " + name);
    }
  }
  for (Done& done : thing->second.done) {
    if (done.id != id || done.undone) continue;
    done.undone = true;
    if (request.action == "pay.refund") refunded_ += thing->second.cents;
    return gives({});
  }
  if (request.action == "pay.refund") bad(id + " is refunded twice, or was never taken");
  return gives({});
}

ActionOutcome Provider::find_it(const Request& request) const {
  const bool refund = request.action == "pay.find_refunded";
  const Done* found = nullptr;
  for (const auto& [name, thing] : things_) {
    if (refund ? name != thing_of(request.text("id")) : thing.ref != request.text("ref")) continue;
    for (const Done& done : thing.done) {
      if (done.undone == refund && (!refund || done.id == request.text("id"))) found = &done;
    }
  }
  std::vector<std::pair<std::string, Value>> answer{
      {"happened", Value::string(found != nullptr ? "yes" : "no")}};
  if (found != nullptr && !refund) answer.emplace_back("id", Value::string(found->id));
  return gives(std::move(answer));
}

std::string Provider::book() const {
  std::string book;
  for (const auto& [ref, thing] : things_) {
    if (thing.standing() > 0) book += ref + " " + std::to_string(thing.standing()) + ", ";
  }
  return book;
}

}  // namespace belay::sim
