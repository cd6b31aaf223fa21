// HTTP actions: the pure parts first (request out of a call, outcome out of an answer), then the
// traffic: one line a connector, with its limiter, breaker and those who wait. See http_action.h.
#include "runtime/actions/http_action.h"

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "runtime/actions/action_decode.h"
#include "runtime/actions/http_outcome.h"
#include "runtime/base/clock.h"
#include "runtime/base/json_value.h"

namespace belay::runtime {
namespace {

using interpreter::Action;
using interpreter::Binding;
using interpreter::FailureKind;
using interpreter::Value;

constexpr std::int64_t kWaitForLimiterMs = 60'000;
constexpr std::int64_t kRetryWhenFullMs = 1'000;

std::int64_t now_ms() { return monotonic_us() / 1000; }

// An optional input that is absent, passed on as it is: the field is left out.
bool is_absent_slot(const interpreter::Program& program, const ActionScope& scope) {
  const interpreter::ExprNode& root = program.nodes.back();
  return root.kind == interpreter::ExprKind::kSlot && scope.slot(root.index) == nullptr;
}

Result<Value> record_of(const std::vector<Binding>& bindings, const ActionScope& scope) {
  std::vector<std::pair<std::string, Value>> fields;
  for (const Binding& binding : bindings) {
    if (is_absent_slot(binding.value, scope)) continue;
    interpreter::Evaluated value = interpreter::evaluate(binding.value, scope);
    if (!value.ok) return fail(ErrorCode::kInvalid, binding.name + ": " + value.error);
    fields.emplace_back(binding.name, std::move(value.value));
  }
  return interpreter::record(std::move(fields));
}

Result<std::string> header_text(const std::string& name, const Value& value) {
  switch (value.kind()) {
    case Value::Kind::kString: return value.as_string();
    case Value::Kind::kInt:
    case Value::Kind::kTimestamp: return interpreter::to_text(value);
    case Value::Kind::kBool: return std::string(value.as_bool() ? "true" : "false");
    default: return fail(ErrorCode::kInvalid, "the header " + name + " has no form as text");
  }
}

Value header_map(const OutgoingResponse& response) {
  std::map<std::string, std::string> joined;
  for (const auto& [name, text] : response.headers) {
    if (!is_storable_text(text)) continue;
    std::string& all = joined[name];
    all += (all.empty() ? "" : ", ") + text;
  }
  std::vector<std::pair<std::string, Value>> fields;
  for (auto& [name, text] : joined) fields.emplace_back(name, Value::string(std::move(text)));
  return interpreter::record(std::move(fields));
}

}  // namespace

Result<CallParts> parts_of(const ActionCall& call, const ConnectorConfig& connector) {
  const Action& action = action_of(call);
  const ActionScope scope(action, call);
  CallParts parts;
  parts.method = action.http.method;
  auto path = fill_path(action.http.path, call.args);
  if (!path) return fail(path.error());
  parts.path = std::move(*path);
  auto query = record_of(action.http.query, scope);
  if (!query) return fail(query.error());
  parts.query = std::move(*query);
  auto headers = record_of(action.http.headers, scope);
  if (!headers) return fail(headers.error());
  for (const auto& [name, value] : headers->as_map()) {
    auto text = header_text(name.as_string(), value);
    if (!text) return fail(text.error());
    parts.headers.emplace_back(name.as_string(), std::move(*text));
  }
  if (!action.http.body.empty()) {
    auto body = record_of(action.http.body, scope);
    if (!body) return fail(body.error());
    if (connector.body == ConnectorConfig::BodyKind::kForm) {
      auto form = encode_form(*body);
      if (!form) return fail(form.error());
      parts.body = std::move(*form);
      parts.content_type = "application/x-www-form-urlencoded";
    } else {
      parts.body = to_json(*body);
      parts.content_type = "application/json";
    }
  }
  parts.request_key = call.key;
  parts.timeout_ms = call.within_ms;
  return parts;
}

ActionOutcome outcome_of_answer(const ActionCall& call, const OutgoingResponse& response,
                                std::string& incident) {
  const Action& action = action_of(call);
  ActionScope scope(action, call);
  OutcomeContext context;
  context.now_s = call.now.us / 1'000'000;
  Value result;
  std::string why_unreadable;
  if (response.reached == OutgoingResponse::Reached::kAnswered) {
    scope.status = Value::integer(response.status);
    scope.header = header_map(response);
    auto body = parse_json(response.body, {.bytes_max = limits::http_response_bytes_max});
    if (body) scope.body = std::move(*body);
    context.mapped_error = mapped_error(action, scope);
    if (!context.mapped_error && response.status >= 200 && response.status < 300) {
      auto given = result_of(action, scope);
      context.readable = given.has_value();
      if (given)
        result = std::move(*given);
      else
        why_unreadable =
            body || response.body.empty() ? given.error().message : body.error().message;
    }
  }
  HttpOutcome judged = outcome_of(response, context);
  if (judged.kind == HttpOutcome::Kind::kSucceeded) return succeeded(std::move(result));
  if (judged.kind == HttpOutcome::Kind::kConnectorIncident) incident = judged.message;
  if (!why_unreadable.empty()) judged.message += ": " + why_unreadable;
  ActionOutcome out =
      failed(failure_kind_of(judged.kind), judged.error, judged.message, judged.retry_after_ms);
  out.answered = judged.answered;
  return out;
}

// ---- Traffic

struct HttpRunner::Impl {
  struct Pending {
    ActionCall call;
    std::function<void(ActionOutcome)> done;
    std::int64_t give_up_ms = 0;
  };
  // A connector at work. The mutex guards everything in it.
  struct Line {
    explicit Line(const ConnectorConfig& c)
        : config(std::make_shared<const ConnectorConfig>(c)),
          limiter({.per_second = c.per_second, .at_once = c.at_once}),
          breaker({.failures = c.breaker_failures, .rest_ms = c.breaker_rest_ms}) {}
    std::mutex mutex;
    std::shared_ptr<const ConnectorConfig> config;
    Limiter limiter;
    CircuitBreaker breaker;
    std::unordered_map<Limiter::Ticket, Pending> waiting;
    Limiter::Ticket next_ticket = 0;
  };
  using LinePtr = std::shared_ptr<Line>;

  explicit Impl(HttpRunnerOptions o)
      : secrets(std::move(o.secrets)),
        on_incident(std::move(o.on_incident)),
        client(std::move(o.client)) {
    set_connectors(std::move(o.connectors));
    timer = std::thread([this] { tick(); });
  }
  ~Impl() {
    std::vector<LinePtr> all;
    {
      const std::lock_guard lock(mutex);
      stopping = true;
      all = every_line();
    }
    wake.notify_all();
    timer.join();
    for (const LinePtr& line : all) {
      std::vector<Pending> left;
      {
        const std::lock_guard lock(line->mutex);
        for (auto& [ticket, pending] : line->waiting) {
          line->limiter.forget(ticket);
          left.push_back(std::move(pending));
        }
        line->waiting.clear();
      }
      for (Pending& pending : left) {
        pending.done(failed(FailureKind::kTransient, "unavailable", "belay is shutting down"));
      }
    }
    client.shutdown();
  }

  void set_connectors(std::vector<ConnectorConfig> connectors) {
    const std::lock_guard lock(mutex);
    std::map<std::string, LinePtr> fresh;
    for (const ConnectorConfig& config : connectors) {
      const auto old = lines.find(config.name);
      if (old != lines.end() && keeps_limits(*old->second, config)) {
        const std::lock_guard line_lock(old->second->mutex);
        old->second->config = std::make_shared<const ConnectorConfig>(config);
        fresh[config.name] = old->second;
      } else {
        fresh[config.name] = std::make_shared<Line>(config);
      }
    }
    std::erase_if(retired, [](const LinePtr& line) {
      const std::lock_guard line_lock(line->mutex);
      return line->waiting.empty();
    });
    for (auto& [name, line] : lines) {
      if (!fresh.contains(name) || fresh[name] != line)
        retired.push_back(line);  // until those who wait have gone
    }
    lines = std::move(fresh);
  }

  static bool keeps_limits(Line& line, const ConnectorConfig& config) {
    const std::lock_guard lock(line.mutex);
    const ConnectorConfig& old = *line.config;
    return old.per_second == config.per_second && old.at_once == config.at_once &&
           old.breaker_failures == config.breaker_failures &&
           old.breaker_rest_ms == config.breaker_rest_ms;
  }

  std::vector<LinePtr> every_line() {
    std::vector<LinePtr> all = retired;
    for (const auto& [name, line] : lines) all.push_back(line);
    return all;
  }

  void run(ActionCall call, std::function<void(ActionOutcome)> done) {
    const std::string& name = action_of(call).http.connector;
    LinePtr line;
    {
      const std::lock_guard lock(mutex);
      const auto found = lines.find(name);
      if (found != lines.end() && !stopping) line = found->second;
    }
    if (line == nullptr) {
      const std::string what = "this program has no connector `" + name + "`";
      if (on_incident) on_incident(name, what);
      done(failed(FailureKind::kTransient, "unavailable", what));
      return;
    }
    Pending pending{std::move(call), std::move(done), 0};
    pending.give_up_ms =
        now_ms() + (pending.call.within_ms > 0 ? pending.call.within_ms : kWaitForLimiterMs);
    Limiter::Verdict verdict;
    {
      const std::lock_guard lock(line->mutex);
      if (const std::int64_t wait = line->breaker.wait_ms(now_ms());
          line->breaker.state(now_ms()) == CircuitBreaker::State::kOpen) {
        verdict = Limiter::Verdict::kFull;
        pending.give_up_ms = wait;
      } else {
        const Limiter::Ticket ticket = ++line->next_ticket;
        verdict = line->limiter.ask(ticket, now_ms());
        if (verdict == Limiter::Verdict::kWait) line->waiting.emplace(ticket, std::move(pending));
        if (verdict == Limiter::Verdict::kFull) pending.give_up_ms = kRetryWhenFullMs;
      }
    }
    switch (verdict) {
      case Limiter::Verdict::kGo: send(line, std::move(pending)); return;
      case Limiter::Verdict::kWait: wake.notify_one(); return;
      case Limiter::Verdict::kFull:
        pending.done(failed(FailureKind::kTransient, "unavailable",
                            "the connector `" + name +
                                "` takes no calls now (it failed repeatedly, or too many wait)",
                            pending.give_up_ms));
        return;
    }
  }

  // REQUIRES: the limiter has let it begin.
  void send(const LinePtr& line, Pending pending) {
    if (auto refused = try_send(line, pending)) {
      {
        const std::lock_guard lock(line->mutex);
        line->limiter.ended();
      }
      pending.done(std::move(*refused));
      drain(line);
    }
  }

  // The outcome when it could not be sent; then `pending` is untouched and the place in the limiter
  // still taken.
  std::optional<ActionOutcome> try_send(const LinePtr& line, Pending& pending) {
    std::shared_ptr<const ConnectorConfig> config;
    {
      const std::lock_guard lock(line->mutex);
      config = line->config;
      if (!line->breaker.allow(now_ms())) {
        return failed(FailureKind::kTransient, "unavailable",
                      "the connector `" + config->name + "` rests after failures",
                      line->breaker.wait_ms(now_ms()));
      }
    }
    const auto give_back = [&](ActionOutcome outcome) {
      const std::lock_guard lock(line->mutex);
      line->breaker.abandoned();
      return outcome;
    };
    if (!may_send(pending.call)) {
      return give_back(failed(FailureKind::kTransient, "unavailable", "the lane's lease is over"));
    }
    auto parts = parts_of(pending.call, *config);
    if (!parts)
      return give_back(failed(FailureKind::kBusiness, "bad_value", parts.error().message));
    auto request = build_request(*config, std::move(*parts), secrets);
    if (!request) {
      if (request.error().code == ErrorCode::kInvalid) {
        return give_back(failed(FailureKind::kBusiness, "bad_value", request.error().message));
      }
      if (on_incident) on_incident(config->name, to_text(request.error()));
      // A secret is missing: as with one that is refused, the connector's trouble and not the
      // saga's.
      return give_back(failed(FailureKind::kTransient, "sign_in", request.error().message));
    }
    // The callback may run before submit() returns, so the call is shared with it.
    auto shared = std::make_shared<Pending>(std::move(pending));
    const auto submitted = client.submit(
        std::move(*request),
        [this, line, shared](OutgoingResponse response) { answered(line, *shared, response); });
    if (submitted) return std::nullopt;
    pending = std::move(*shared);
    const bool invalid = submitted.error().code == ErrorCode::kInvalid;
    return give_back(failed(invalid ? FailureKind::kBusiness : FailureKind::kTransient,
                            invalid ? "bad_value" : "unavailable", submitted.error().message,
                            invalid ? 0 : kRetryWhenFullMs));
  }

  // On the client's thread.
  void answered(const LinePtr& line, Pending& pending, const OutgoingResponse& response) {
    {
      const std::lock_guard lock(line->mutex);
      const bool fine =
          response.reached == OutgoingResponse::Reached::kAnswered && response.status < 500;
      if (fine)
        line->breaker.succeeded();
      else
        line->breaker.failed(now_ms());
      line->limiter.ended();
    }
    std::string incident;
    ActionOutcome outcome = outcome_of_answer(pending.call, response, incident);
    if (!incident.empty() && on_incident)
      on_incident(action_of(pending.call).http.connector, incident);
    pending.done(std::move(outcome));
    drain(line);
  }

  // Sends those who waited and may go now.
  void drain(const LinePtr& line) {
    for (;;) {
      std::vector<Pending> due;
      {
        const std::lock_guard lock(line->mutex);
        for (const Limiter::Ticket ticket : line->limiter.take_due(now_ms())) {
          auto found = line->waiting.find(ticket);
          if (found == line->waiting.end()) {
            line->limiter.ended();
            continue;
          }
          due.push_back(std::move(found->second));
          line->waiting.erase(found);
        }
      }
      if (due.empty()) return;
      for (Pending& pending : due) {
        auto refused = try_send(line, pending);
        if (!refused) continue;
        {
          const std::lock_guard lock(line->mutex);
          line->limiter.ended();
        }
        pending.done(std::move(*refused));
      }
    }
  }

  void give_up_waiting(const LinePtr& line) {
    std::vector<Pending> over;
    {
      const std::lock_guard lock(line->mutex);
      for (auto it = line->waiting.begin(); it != line->waiting.end();) {
        if (it->second.give_up_ms > now_ms() || !line->limiter.forget(it->first)) {
          ++it;
          continue;
        }
        over.push_back(std::move(it->second));
        it = line->waiting.erase(it);
      }
    }
    for (Pending& pending : over) {
      pending.done(failed(FailureKind::kTransient, "unavailable",
                          "waited too long for the connector's limit", kRetryWhenFullMs));
    }
  }

  void tick() {
    std::unique_lock lock(mutex);
    while (!stopping) {
      std::int64_t next = now_ms() + 1000;
      bool anyone = false;
      for (const LinePtr& line : every_line()) {
        const std::lock_guard line_lock(line->mutex);
        anyone = anyone || !line->waiting.empty();
        if (const auto due = line->limiter.next_due_ms(now_ms())) next = std::min(next, *due);
      }
      if (anyone)
        wake.wait_for(lock, std::chrono::milliseconds(std::max<std::int64_t>(1, next - now_ms())));
      else
        wake.wait_for(lock, std::chrono::seconds(1));
      if (stopping) return;
      const std::vector<LinePtr> all = every_line();
      lock.unlock();
      for (const LinePtr& line : all) {
        drain(line);
        give_up_waiting(line);
      }
      lock.lock();
    }
  }

  const SecretStore secrets;
  const std::function<void(const std::string&, const std::string&)> on_incident;
  std::mutex mutex;  // lines, retired, stopping; taken before a line's
  std::condition_variable wake;
  std::map<std::string, LinePtr> lines;
  std::vector<LinePtr> retired;
  bool stopping = false;
  std::thread timer;
  HttpClient client;  // last: its callbacks use everything above
};

HttpRunner::HttpRunner(HttpRunnerOptions options)
    : impl_(std::make_unique<Impl>(std::move(options))) {}
HttpRunner::~HttpRunner() = default;

void HttpRunner::run(ActionCall call, std::function<void(ActionOutcome)> done) {
  impl_->run(std::move(call), std::move(done));
}

void HttpRunner::set_connectors(std::vector<ConnectorConfig> connectors) {
  impl_->set_connectors(std::move(connectors));
}

}  // namespace belay::runtime
