// The world's answers. What a call does is decided when it arrives; what the engine hears of it
// comes later, or never.
#include "runtime/simulator/world.h"

#include <algorithm>

#include "runtime/simulator/samples.h"

namespace belay::runtime::simulator {

using interpreter::Action;
using interpreter::FailureKind;
using interpreter::Field;
using interpreter::Node;
using interpreter::RunAction;
using interpreter::StepFailed;
using interpreter::StepSucceeded;
using interpreter::Type;

namespace {

constexpr std::int64_t kAnswerMs = 200;
constexpr std::int64_t kTimeoutMs = 30'000;  // of a call whose connector says nothing

bool is_check(Direction direction) {
  return direction == Direction::kCheck || direction == Direction::kUndoCheck;
}
bool is_undo(Direction direction) {
  return direction == Direction::kUndo || direction == Direction::kUndoCheck;
}

// What the check of that direction asks about: whether the effect stands, or whether it was taken
// back.
const interpreter::Call& call_of(const Node& node, Direction direction) {
  return is_undo(direction) ? *node.undo : node.call;
}

bool same_kind(const Type& a, const Type& b) { return a.base == b.base && a.record == b.record; }

void put(std::vector<std::pair<std::string, Value>>& fields, const std::string& name, Value value) {
  for (auto& [known, old] : fields) {
    if (known != name) continue;
    old = std::move(value);
    return;
  }
  fields.emplace_back(name, std::move(value));
}

std::vector<std::pair<std::string, Value>> fields_of(const Value& record) {
  std::vector<std::pair<std::string, Value>> out;
  if (record.kind() != Value::Kind::kMap) return out;
  for (const auto& [name, value] : record.as_map()) out.emplace_back(name.as_string(), value);
  return out;
}

}  // namespace

std::optional<std::size_t> Ground::find(const CallAt& call,
                                        const std::vector<std::uint32_t>& rounds) const {
  for (const bool of_one_round : {true, false}) {
    for (std::size_t i = 0; i < rules_.size(); ++i) {
      const Rule& rule = rules_[i];
      if (rule.call != call || !in_round(rule.round, rounds)) continue;
      if ((rule.round != kEveryRound) != of_one_round) continue;
      if (rule.times == 0 || used_[i] < rule.times) return i;
    }
  }
  return std::nullopt;
}

const Answer* Ground::take(const CallAt& call, const std::vector<std::uint32_t>& rounds) {
  const auto found = find(call, rounds);
  if (!found) return nullptr;
  ++used_[*found];
  return &rules_[*found].answer;
}

bool Ground::says(const CallAt& call, const std::vector<std::uint32_t>& rounds) const {
  return find(call, rounds).has_value();
}

// As runtime/actions/pace.h: in order, and never more than so many in any stretch of that length.
std::int64_t Ground::held_back_ms(const std::string& workflow, const std::string& step,
                                  const RunAction& call, Instant now) {
  if (call.rate_count == 0 || call.rate_per_ms <= 0) return 0;
  std::deque<Instant>& left = left_[workflow + '\0' + step + '\0' + call.rate_key];
  Instant leaves = left.empty() ? now : std::max(now, left.back());
  if (left.size() >= call.rate_count) {
    const Instant before = left[left.size() - call.rate_count];
    leaves = std::max(leaves, Instant{before.us + call.rate_per_ms * 1000});
  }
  left.push_back(leaves);
  while (left.size() > call.rate_count) left.pop_front();
  return (leaves.us - now.us + 999) / 1000;
}

std::vector<std::uint32_t> World::rounds_of(const Path& path) const {
  std::vector<std::uint32_t> rounds = who_.rounds;
  rounds.insert(rounds.end(), path.iteration.begin(), path.iteration.end());
  return rounds;
}

WorldEffect& World::effect_at(const Path& path) {
  WorldEffect& effect = run_.world[path];
  effect.path = path;
  return effect;
}

const Answer* World::rule_for(const Path& path, Direction direction) {
  return ground_.take(call_at(path, direction), rounds_of(path));
}

CallOutcome World::answer(const RunAction& call, Instant now) {
  const std::string key =
      call.key.empty()
          ? interpreter::effect_key(who_.id, graph_, call.path, call.direction, call.generation)
          : call.key;
  const Answer* said = rule_for(call.path, call.direction);
  const Action& action = graph_.actions[call.action];
  const auto failed = [&](FailureKind kind, std::string error, std::string message, bool answered,
                          std::int64_t after_ms) {
    return CallOutcome{StepFailed{call.path, call.direction, call.generation, kind,
                                  std::move(error), std::move(message), answered, 0},
                       after_ms};
  };
  // A key that was carried out gets its stored answer; a world that takes that back would be no
  // world. A refusal says nothing about what the key did, unless it is asked for the receipt.
  const bool sql = action.runs == Action::Runs::kSql;
  if (said != nullptr && said->kind == Answer::Kind::kBusiness &&
      (said->error != "refused" || sql) && ground_.keys.count(key) != 0) {
    said = nullptr;
  }
  const Answer::Kind kind = said == nullptr ? Answer::Kind::kSuccess : said->kind;
  switch (kind) {
    case Answer::Kind::kBusiness:
      if (call.direction == Direction::kUndo && said->error != "refused") {
        effect_at(call.path).excused = true;
      }
      // What SQL refused under a key of the author's leaves no receipt.
      return failed(FailureKind::kBusiness, said->error, "",
                    said->error != "refused" || !sql || call.key.empty(), kAnswerMs);
    case Answer::Kind::kTransient:
      return failed(FailureKind::kTransient, "unavailable", "", false, kAnswerMs);
    case Answer::Kind::kUnsure: {
      if (said->happened) carry_out(call, key, now);
      if (!said->timed_out) return failed(FailureKind::kUnsure, "no_answer", "", false, kAnswerMs);
      std::int64_t limit = call.within_ms;
      if (limit == 0) {
        const auto found = around_.timeout_ms.find(action.http.connector);
        limit = found == around_.timeout_ms.end() ? kTimeoutMs : found->second;
      }
      return failed(FailureKind::kUnsure, "timeout", "", false, limit);
    }
    case Answer::Kind::kSuccess: break;
  }
  if (is_check(call.direction)) return tell(call, said, now);
  carry_out(call, key, now);
  return succeed(call, key, said, now);
}

void World::carry_out(const RunAction& call, const std::string& key, Instant now) {
  if (is_check(call.direction) || !ground_.keys.emplace(key, Value()).second)
    return;  // a known key: nothing happens again
  WorldEffect& effect = effect_at(call.path);
  if (call.direction == Direction::kUndo) {
    effect.undone = true;
    return;
  }
  ++effect.done;
  effect.undone = false;
  effect.result = result_of(call, now);
  ground_.keys[key] = effect.result;
}

Value World::result_of(const RunAction& call, Instant now) const {
  const Action& action = graph_.actions[call.action];
  std::vector<Field> gives;
  for (const interpreter::Gives& one : action.gives) gives.push_back(one.field);
  auto fields =
      fields_of(sample_record(gives, {.now = now, .owner = graph_.nodes[call.path.node].name}));
  // What comes back under the name of what was sent is what was sent.
  for (const Field& field : gives) {
    for (const Field& take : action.takes) {
      if (take.name != field.name || !same_kind(take.type, field.type)) continue;
      if (const Value* sent = call.args.find(take.name)) put(fields, field.name, *sent);
    }
  }
  return interpreter::record(std::move(fields));
}

CallOutcome World::succeed(const RunAction& call, const std::string& key, const Answer* said,
                           Instant now) {
  WorldEffect& effect = effect_at(call.path);
  // Under a key of the author's own another statement may have done it: this is the stored answer.
  if (call.direction == Direction::kForward && effect.result.is_null()) {
    effect.result = ground_.keys[key];
  }
  Value result = call.direction == Direction::kForward ? effect.result : result_of(call, now);
  if (said != nullptr && (!said->gives.empty() || !said->fields.empty())) {
    auto fields = fields_of(result);
    for (const auto& [name, value] : said->fields) put(fields, name, value);
    for (auto& [name, value] : values(said->gives, call.path.iteration)) {
      put(fields, name, std::move(value));
    }
    result = interpreter::record(std::move(fields));
    if (call.direction == Direction::kForward) effect.result = result;
  }
  return {StepSucceeded{call.path, call.direction, call.generation, std::move(result)}, kAnswerMs};
}

CallOutcome World::tell(const RunAction& check, const Answer* said, Instant now) {
  const WorldEffect& effect = effect_at(check.path);
  const bool happened =
      is_undo(check.direction) ? effect.undone : effect.done > 0 && !effect.undone;
  std::string word = happened ? "yes" : "no";
  if (said != nullptr && !said->says.empty()) word = said->says;
  std::vector<std::pair<std::string, Value>> fields{{"happened", Value::string(word)}};
  if (word == "yes") {
    // What the checked call gave, as far as the check can tell.
    const Node& node = graph_.nodes[check.path.node];
    RunAction asked = check;
    asked.action = call_of(node, check.direction).action;
    const Value known = !is_undo(check.direction) && !effect.result.is_null()
                            ? effect.result
                            : result_of(asked, now);
    for (const interpreter::Gives& one : graph_.actions[check.action].gives) {
      if (one.field.name == "happened") continue;
      const Value* value = known.find(one.field.name);
      fields.emplace_back(one.field.name, value != nullptr
                                              ? *value
                                              : sample(one.field.type, one.field.name,
                                                       {.now = now, .owner = node.name}));
    }
  }
  if (said != nullptr) {
    for (auto& [name, value] : values(said->gives, check.path.iteration)) {
      put(fields, name, std::move(value));
    }
  }
  return {StepSucceeded{check.path, check.direction, check.generation,
                        interpreter::record(std::move(fields))},
          kAnswerMs};
}

std::vector<std::pair<std::string, Value>> World::values(
    const std::vector<Binding>& with, const std::vector<std::uint32_t>& iteration) {
  std::vector<std::pair<std::string, Value>> out;
  std::vector<std::uint32_t> rounds = who_.rounds;
  rounds.insert(rounds.end(), iteration.begin(), iteration.end());
  for (const Binding& binding : with) {
    interpreter::Evaluated value =
        evaluate_in(*who_.author_graph, who_.author->state, binding.value, rounds);
    if (value.ok) {
      out.emplace_back(binding.name, std::move(value.value));
    } else if (ground_.problem.empty()) {
      ground_.problem = "`" + binding.name + " = " + binding.value.source +
                        "` cannot be worked out: " + value.error;
    }
  }
  return out;
}

Value World::answer_to(const Path& question, const std::vector<Binding>& with, Instant now) {
  const Node& node = graph_.nodes[question.node];
  auto fields = fields_of(sample_record(node.answers, {.now = now, .owner = node.name}));
  for (auto& [name, value] : values(with, question.iteration)) {
    put(fields, name, std::move(value));
  }
  return interpreter::record(std::move(fields));
}

CallOutcome World::start(const interpreter::StartChild& child, Instant now) {
  WorldEffect& effect = effect_at(child.path);
  const std::string key = who_.id + ":" + interpreter::path_text(graph_, child.path) +
                          ":child:" + std::to_string(child.generation);
  const bool fresh = ground_.keys.emplace(key, Value()).second;
  const Answer* said = fresh ? rule_for(child.path, Direction::kForward) : nullptr;
  const bool cancelled = said != nullptr && said->kind != Answer::Kind::kSuccess;
  if (cancelled || (!fresh && effect.done == 0)) {  // a second start finds the same child
    return {StepFailed{child.path, Direction::kForward, child.generation, FailureKind::kBusiness,
                       "cancelled", "", true, 0},
            kAnswerMs};
  }
  const Node& node = graph_.nodes[child.path.node];
  if (fresh) {
    ++effect.done;
    effect.undone = false;
    effect.result = interpreter::record({});
    if (node.slot < graph_.slots.size()) {
      auto fields = fields_of(
          sample_record(graph_.slots[node.slot].type.fields, {.now = now, .owner = node.name}));
      if (said != nullptr) {
        for (auto& [name, value] : values(said->gives, child.path.iteration)) {
          put(fields, name, std::move(value));
        }
      }
      effect.result = interpreter::record(std::move(fields));
    }
  }
  return {StepSucceeded{child.path, Direction::kForward, child.generation, effect.result},
          kAnswerMs};
}

CallOutcome World::stop(const interpreter::StopChild& child) {
  WorldEffect& effect = effect_at(child.path);
  const Answer* said =
      child.direction == Direction::kUndo ? rule_for(child.path, child.direction) : nullptr;
  if (said != nullptr && said->kind != Answer::Kind::kSuccess) {
    return {StepFailed{child.path, Direction::kUndo, child.generation, FailureKind::kBusiness,
                       "left_over", "something of that saga is left over", true, 0},
            kAnswerMs};
  }
  if (child.direction == Direction::kForward && effect.done > 0 && !effect.undone) {
    return {StepSucceeded{child.path, Direction::kForward, child.generation, effect.result},
            kAnswerMs};  // it ended well before it could be stopped
  }
  effect.undone = true;
  if (child.direction == Direction::kUndo) {
    return {StepSucceeded{child.path, Direction::kUndo, child.generation, interpreter::record({})},
            kAnswerMs};
  }
  return {StepFailed{child.path, Direction::kForward, child.generation, FailureKind::kBusiness,
                     "cancelled", "", true, 0},
          kAnswerMs};
}

void World::child_completed(const Path& path, const Value& output) {
  WorldEffect& effect = effect_at(path);
  effect.done = 1;  // it is told once more after a restart
  effect.undone = false;
  effect.result = output;
}

void World::child_undone(const Path& path) { effect_at(path).undone = true; }

Value World::payload(const Node& wait, const interpreter::AwaitEvent& awaited,
                     const std::vector<Binding>& with, Instant now) {
  const auto type = std::find_if(graph_.events.begin(), graph_.events.end(),
                                 [&](const auto& e) { return e.name == awaited.event; });
  if (type == graph_.events.end()) return interpreter::record({});
  auto fields = fields_of(sample_record(type->fields, {.now = now, .owner = wait.name}));
  const auto moneys = [](const std::vector<Field>& of) {
    return std::count_if(of.begin(), of.end(),
                         [](const Field& f) { return f.type.base == Type::Base::kMoney; });
  };
  const bool one_amount = moneys(type->fields) == 1 && moneys(graph_.takes) == 1;
  // A field of an input's name is that input; the only amount is the only amount; the key is what
  // is waited for.
  for (const Field& field : type->fields) {
    for (std::size_t slot = 0; slot < graph_.takes.size(); ++slot) {
      const Field& take = graph_.takes[slot];
      const bool amount = one_amount && field.type.base == Type::Base::kMoney;
      if (!same_kind(take.type, field.type) || (take.name != field.name && !amount)) continue;
      for (const interpreter::Variable& variable : run_.state.variables) {
        if (variable.slot == slot) put(fields, field.name, variable.value);
      }
    }
    const bool is_text =
        field.type.base == Type::Base::kText || field.type.base == Type::Base::kUuid;
    if (field.name == type->key && is_text) put(fields, field.name, Value::string(awaited.key));
  }
  for (auto& [name, value] : values(with, awaited.path.iteration))
    put(fields, name, std::move(value));
  return interpreter::record(std::move(fields));
}

void World::event_taken(const Path& path) {
  if (!graph_.nodes[path.node].undo) return;
  WorldEffect& effect = effect_at(path);
  ++effect.done;
}

void World::event_came_late(const Path& path) {
  if (!graph_.nodes[path.node].undo) return;
  WorldEffect& effect = effect_at(path);
  if (effect.done > 0) return;
  ++effect.done;
  effect.late_event = true;
}

}  // namespace belay::runtime::simulator
