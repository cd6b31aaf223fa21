// A request is worked out from the state anew whenever it is to be sent: the arguments, the key,
// the limit of a try, and the digest by which a changed request is noticed.
#include "interpreter/request.h"

#include <algorithm>

#include "interpreter/control.h"
#include "interpreter/policy.h"

namespace belay::interpreter {

std::string key_text(const Value& value) {
  return value.kind() == Value::Kind::kString ? value.as_string() : to_text(value);
}

Request work_out_request(const Graph& graph, const State& state, const Path& path,
                         Direction direction) {
  Request request;
  const Call& spec = *spec_of(graph.nodes[path.node], direction);
  const StateScope scope(graph, state, path);
  Evaluated args = evaluate_record(graph, state, spec.args, path);
  if (!args.ok) {
    request.error = std::move(args.error);
    return request;
  }
  RunAction& command = request.command;
  command.path = path;
  command.direction = direction;
  command.action = spec.action;
  if (!spec.request_key.empty()) {
    const Evaluated key = evaluate(spec.request_key, scope);
    if (!key.ok || key.value.kind() != Value::Kind::kString || key.value.as_string().empty()) {
      request.error = "`request key`: " + (key.ok ? std::string("it is no text") : key.error);
      return request;
    }
    command.key = key.value.as_string();
  }
  if (!spec.within.empty()) {
    const Evaluated within = evaluate(spec.within, scope);
    if (!within.ok || within.value.kind() != Value::Kind::kDuration) {
      request.error = "`within`: " + (within.ok ? std::string("it is no duration") : within.error);
      return request;
    }
    const Duration length = within.value.as_duration();
    command.within_ms = std::max<std::int64_t>(1, length.seconds * 1000 + length.nanos / 1'000'000);
  }
  command.alive_ms = spec.alive_ms;
  if (spec.rate) {
    command.rate_count = spec.rate->count;
    command.rate_per_ms = spec.rate->per_ms;
    if (!spec.rate->per.empty()) {
      const Evaluated per = evaluate(spec.rate->per, scope);
      if (!per.ok) {
        request.error = "`at most`: " + per.error;
        return request;
      }
      command.rate_key = key_text(per.value);
    }
  }
  const ChildRun& child = graph.nodes[path.node].run;
  std::string bytes = spec.action == kNoAction ? child.workflow + ":" + child.hash
                                               : graph.actions[spec.action].name;
  bytes += '\0';
  bytes += command.key;
  bytes += '\0';
  append_canonical(args.value, bytes);
  command.digest = fnv1a(bytes);
  command.args = std::move(args.value);
  request.ok = true;
  return request;
}

}  // namespace belay::interpreter
