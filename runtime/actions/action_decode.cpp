// See action_decode.h.
#include "runtime/actions/action_decode.h"

#include "runtime/base/clock.h"
#include "runtime/base/json_value.h"

namespace belay::runtime {

using interpreter::Value;

namespace {
constexpr std::size_t kMessageBytesMax = 500;
}

ActionScope::ActionScope(const interpreter::Action& action, const ActionCall& call)
    : action_(action), call_(call) {}

const Value* ActionScope::slot(std::uint32_t index) const {
  if (index < action_.takes.size()) return call_.args.find(action_.takes[index].name);
  switch (static_cast<interpreter::ActionSlot>(index - action_.takes.size())) {
    case interpreter::ActionSlot::kBody: return body ? &*body : nullptr;
    case interpreter::ActionSlot::kStatus: return status ? &*status : nullptr;
    case interpreter::ActionSlot::kHeader: return header ? &*header : nullptr;
  }
  return nullptr;
}

interpreter::Timestamp ActionScope::now() const { return interpreter::to_timestamp(call_.now); }

std::optional<std::string> mapped_error(const interpreter::Action& action,
                                        const ActionScope& scope) {
  for (const interpreter::OutcomeRule& rule : action.outcomes) {
    if (rule.when.empty()) continue;
    const interpreter::Evaluated holds = interpreter::evaluate(rule.when, scope);
    if (holds.ok && holds.value.kind() == Value::Kind::kBool && holds.value.as_bool())
      return rule.error;
  }
  return std::nullopt;
}

Result<Value> result_of(const interpreter::Action& action, const ActionScope& scope) {
  std::vector<interpreter::Field> fields;
  std::vector<std::pair<std::string, Value>> values;
  for (const interpreter::Gives& gives : action.gives) {
    fields.push_back(gives.field);
    if (gives.from.empty()) {
      const Value* found = scope.body ? scope.body->find(gives.field.name) : nullptr;
      if (found != nullptr) values.emplace_back(gives.field.name, *found);
      continue;
    }
    interpreter::Evaluated from = interpreter::evaluate(gives.from, scope);
    if (from.ok)
      values.emplace_back(gives.field.name, std::move(from.value));
    else if (!gives.field.type.optional)
      return fail(ErrorCode::kInvalid, gives.field.name + ": " + from.error);
  }
  CoerceOptions options;
  options.ignore_unknown = true;  // the other side may grow
  return coerce(fields, interpreter::record(std::move(values)), {}, options);
}

std::string bounded_message(std::string message) {
  if (message.size() > kMessageBytesMax) {
    std::size_t end = kMessageBytesMax;
    while (end > 0 && (static_cast<unsigned char>(message[end]) & 0xc0) == 0x80)
      --end;  // not within a character
    message.resize(end);
  }
  return message;
}

bool may_send(const ActionCall& call) {
  return call.send_until_us == nullptr ||
         monotonic_us() < call.send_until_us->load(std::memory_order_relaxed);
}

ActionOutcome succeeded(Value result) {
  ActionOutcome out;
  out.ok = true;
  out.answered = true;
  out.result = std::move(result);
  return out;
}

ActionOutcome failed(interpreter::FailureKind kind, std::string error, std::string message,
                     std::int64_t retry_after_ms) {
  ActionOutcome out;
  out.kind = kind;
  out.error = std::move(error);
  out.message = bounded_message(std::move(message));
  out.retry_after_ms = retry_after_ms;
  return out;
}

}  // namespace belay::runtime
