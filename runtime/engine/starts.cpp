// See starts.h.
#include "runtime/engine/starts.h"

#include <algorithm>
#include <utility>

#include "interpreter/defects.h"
#include "runtime/base/check.h"
#include "runtime/base/environment.h"
#include "runtime/base/json_value.h"
#include "runtime/base/limits.h"
#include "runtime/engine/turns.h"

namespace belay::runtime {
namespace {

using interpreter::Value;

// For a node with one lane of 32 the chance that none of so many ids is its own is one in 10^13.
constexpr int kIdsTried = 1'000;

// The workflow's inputs as the slots of an expression.
class InputScope final : public interpreter::Scope {
 public:
  InputScope(const interpreter::Graph& graph, const Value& input, interpreter::Timestamp now)
      : graph_(graph), input_(input), now_(now) {}
  const Value* slot(std::uint32_t index) const override {
    return index < graph_.takes.size() ? input_.find(graph_.takes[index].name) : nullptr;
  }
  interpreter::Timestamp now() const override { return now_; }
  const interpreter::Environment* environment() const override { return &runtime::environment(); }

 private:
  const interpreter::Graph& graph_;
  const Value& input_;
  interpreter::Timestamp now_;
};

Lane lane_for(const std::string& tenant, const std::string& partition_key) {
  return lane_of(tenant, partition_key, static_cast<std::int32_t>(limits::lanes_default));
}

}  // namespace

std::string key_text(const Value& value) {
  std::string text =
      value.kind() == Value::Kind::kString ? value.as_string() : interpreter::to_text(value);
  return text.size() <= limits::key_bytes_max ? text : sha256_hex(text);
}

Lane Starts::once_lane(const std::string& tenant, const std::string& workflow,
                       const std::string& once) {
  return lane_for(tenant, workflow + '\0' + once);
}

std::string Starts::once_key(const std::string& tenant, const std::string& workflow,
                             const std::string& once, Lane in) {
  return (once_lane(tenant, workflow, once) == in ? "once:" : "~once:") + workflow + ":" + once;
}

template <class Held>
void Starts::pick_id(StartInput& input, DatabaseClock& clock, IdGenerator& ids, Held held) {
  for (int i = 0; i < kIdsTried; ++i) {
    input.saga = ids.next(clock.now());
    input.lane = lane_for(input.request.tenant, input.saga);
    if (held(input.lane)) return;
  }
}

Result<StartInput> Starts::prepare(StartRequest request, const Graphs& graphs, DatabaseClock& clock,
                                   IdGenerator& ids, const Directory& directory) {
  StartInput input;
  input.graph = graphs.current(request.workflow);
  if (!input.graph) {
    return fail(ErrorCode::kNotFound, "there is no workflow `" + request.workflow + "`",
                "`belay check` lists them");
  }
  if (request.idempotency_key.size() > limits::key_bytes_max) {
    return fail(ErrorCode::kInvalid, "an Idempotency-Key has at most 255 bytes");
  }
  input.request = std::move(request);
  const Result<void> identified = identify(input, clock, ids);
  if (!identified) return fail(identified.error());
  if (anywhere(input) && !directory.held(input.lane) && directory.any_held()) {
    pick_id(input, clock, ids, [&](Lane lane) { return directory.held(lane); });
  }
  return input;
}

Result<StartInput> Starts::prepare_mail(StartRequest request, GraphPtr graph,
                                        const std::string& key, const Mail& mail) {
  StartInput input;
  input.graph = std::move(graph);
  input.lane = mail.to;
  input.keys.emplace_back(mail.to, request.tenant, key);
  input.seen_as = input.keys;
  input.mail = mail;
  input.request = std::move(request);
  const Result<void> identified = identify(input, loop_.clock(), loop_.ids());
  if (!identified) return fail(identified.error());
  return input;
}

// What does not depend on who asks: the input's size, the saga's id, its `once per` value, its
// turn; and its lane, which is one for all of these: that of the turn, else of the `once per`
// value, else of the Idempotency-Key, else of the id.
Result<void> Starts::identify(StartInput& input, DatabaseClock& clock, IdGenerator& ids) {
  const StartRequest& request = input.request;
  std::string as_json;
  append_json(request.input, as_json);
  input.bytes = as_json.size();
  if (input.bytes > limits::input_bytes_max) {
    return fail(ErrorCode::kTooLarge, "an input has at most 256 KiB");
  }
  const Instant now = clock.now();
  input.saga = ids.next(now);
  const std::string& tenant = request.tenant;
  const bool by_mail = input.mail.has_value();
  const bool keyed = !by_mail && !request.idempotency_key.empty();
  const Lane key_lane = keyed ? lane_for(tenant, request.idempotency_key) : Lane{0};
  if (!input.graph->once_per.empty()) {
    const InputScope scope(*input.graph, request.input, interpreter::to_timestamp(now));
    const interpreter::Evaluated once = interpreter::evaluate(input.graph->once_per, scope);
    if (!once.ok)
      return fail(ErrorCode::kInvalid,
                  "`once per` cannot be worked out from this input: " + once.error);
    input.once = key_text(once.value);
  }
  Result<std::string> turn =
      Turns::name_of(*input.graph, InputScope(*input.graph, request.input, {}));
  if (!turn) return fail(turn.error());
  input.turn = std::move(*turn);
  const bool has_once = !input.graph->once_per.empty();
  if (!input.turn.empty())
    input.lane = Turns::lane_of_name(tenant, input.turn);
  else if (has_once)
    input.lane = once_lane(tenant, request.workflow, input.once);
  else if (keyed)
    input.lane = key_lane;
  else if (!by_mail)
    input.lane = lane_for(tenant, input.saga);
  if (keyed) {
    const std::string key = "key:" + request.idempotency_key;
    input.keys.emplace_back(input.lane, tenant, input.lane == key_lane ? key : "~" + key);
    input.seen_as.emplace_back(key_lane, tenant, key);
    input.seen_as.emplace_back(kAnyLane, tenant, "~" + key);
  }
  if (has_once) {
    const std::string key = "once:" + request.workflow + ":" + input.once;
    input.keys.emplace_back(input.lane, tenant,
                            once_key(tenant, request.workflow, input.once, input.lane));
    input.seen_as.emplace_back(once_lane(tenant, request.workflow, input.once), tenant, key);
    input.seen_as.emplace_back(kAnyLane, tenant, "~" + key);
  }
  if (!input.keys.empty()) {
    std::string identity = request.workflow + '\0';
    interpreter::append_canonical(request.input, identity);
    input.digest = sha256_hex(identity);
  }
  return {};
}

void Starts::start(StartInput input) {
  if (loop_.stopping()) return input.done(fail(ErrorCode::kShuttingDown, "the engine is stopping"));
  if (!anywhere(input) && !loop_.holds(input.lane))
    return input.done(fail(held_elsewhere(input.lane)));
  if (!loop_.has_room(input.request.tenant)) return input.done(fail(full()));
  waiting_[input.request.tenant].push_back(std::move(input));
}

Failure Starts::full() {
  loop_.counters().refused_busy.fetch_add(1, std::memory_order_relaxed);
  return {ErrorCode::kOverloaded, "too many sagas are running", "try again in a second"};
}

bool Starts::may_begin(const Waiting::value_type& tenant) const {
  return loop_.shares(tenant.second.front().lane).may_begin(tenant.first);
}

bool Starts::ready() const {
  return std::any_of(waiting_.begin(), waiting_.end(),
                     [&](const auto& tenant) { return may_begin(tenant); });
}

// One of each tenant after the other, until nobody has a part of the flush left.
void Starts::admit() {
  if (waiting_.empty()) return;
  if (loop_.database_down()) {  // nothing was done: say so at once rather than let them wait
    return refuse_all(
        {ErrorCode::kUnavailable, "the database does not answer", "try again in a few seconds"});
  }
  std::vector<Waiting::iterator> circle;
  const auto first = waiting_.upper_bound(last_tenant_);
  for (auto at = first; at != waiting_.end(); ++at) circle.push_back(at);
  for (auto at = waiting_.begin(); at != first; ++at) circle.push_back(at);
  while (!circle.empty() && loop_.keeps_up()) {
    std::erase_if(circle, [&](const Waiting::iterator& tenant) { return !may_begin(*tenant); });
    for (Waiting::iterator& tenant : circle) {
      StartInput input = std::move(tenant->second.front());
      tenant->second.pop_front();
      last_tenant_ = tenant->first;
      if (tenant->second.empty()) {
        waiting_.erase(tenant);
        tenant = waiting_.end();
      }
      if (!loop_.has_room(last_tenant_)) {
        input.done(fail(full()));
        continue;
      }
      Shares& shares = loop_.shares(input.lane);
      shares.begin(last_tenant_, [&] { look_up(std::move(input)); });
    }
    std::erase(circle, waiting_.end());
  }
}

void Starts::refuse_all(const Failure& why) {
  for (auto& [tenant, inputs] : std::exchange(waiting_, {})) {
    for (StartInput& input : inputs) input.done(fail(why));
  }
}

void Starts::look_up(StartInput input) {
  if (anywhere(input)) {  // its lane may have been handed over while it waited, or its cell is away
    const auto fits = [&](Lane lane) { return loop_.holds(lane) && !loop_.database_down(lane); };
    if (!fits(input.lane) && loop_.lanes().held_count() > 0)
      pick_id(input, loop_.clock(), loop_.ids(), fits);
  } else {
    input.epoch = loop_.epoch(input.lane);
    if (input.epoch == 0) return input.done(fail(held_elsewhere(input.lane)));
  }
  if (loop_.database_down(input.lane)) {
    return input.done(fail(ErrorCode::kUnavailable, "the database does not answer",
                           "try again in a few seconds"));
  }
  if (anywhere(input)) return create(std::move(input), {}, false);
  // What was taken in is not to be guessed from the row of its key.
  const SealerPtr& sealer = loop_.options().sealer;
  if (input.graph->holds_private && sealer) input.digest = sealer->mac(input.digest);
  Gate::Keys gate;
  if (!input.turn.empty()) gate.push_back(Turns::gate_of(input.request.tenant, input.turn));
  for (const auto& [lane, tenant, key] : input.seen_as) {
    if (lane != kAnyLane) gate.push_back("start:" + tenant + '\0' + key);
  }
  loop_.gate().enter(gate, [this, input = std::move(input), gate]() mutable {
    if (input.keys.empty()) return stand_in_line(std::move(input), gate);
    const std::vector<Loader::KeyQuery> keys = input.seen_as;
    loop_.loader().start_keys(keys, [this, input = std::move(input),
                                     gate](Result<std::vector<StartKeyRow>> rows) mutable {
      if (rows) return found(std::move(input), gate, *rows);
      input.done(fail(rows.error()));
      loop_.gate().leave(gate);
    });
  });
}

void Starts::found(StartInput input, const Gate::Keys& gate, const std::vector<StartKeyRow>& rows) {
  if (rows.empty() || defective(Defect::kStartKeySkipped))
    return stand_in_line(std::move(input), gate);
  const StartKeyRow& first = rows.front();  // the Idempotency-Key's before the `once per` value's
  const bool same = first.digest == input.digest;
  if (loop_.epoch(input.lane) != input.epoch) return fenced(input, gate);
  if (input.mail && first.key != std::get<2>(input.keys.front()) &&
      !(input.first_is_enough && same)) {
    input.done(fail(ErrorCode::kKeyReused, "a saga of `" + input.request.workflow + "` for " +
                                               input.once + " exists already (" + first.saga +
                                               ")"));
  } else if (same) {
    if (input.mail) consume(loop_.slot(input.mail->to, first.key), *input.mail, input.with_mail);
    input.done(StartReply{.saga = first.saga, .created = false});
  } else if (first.key.starts_with("key:") || first.key.starts_with("~key:")) {
    input.done(fail(ErrorCode::kKeyReused,
                    "this Idempotency-Key was used for another start (saga " + first.saga + ")",
                    "use a new key for a new request"));
  } else {
    input.done(
        fail(ErrorCode::kKeyReused,
             "a saga of `" + input.request.workflow + "` for " + input.once +
                 " exists with another input (" + first.saga + ")",
             "look at that saga; one that is cancelled with nothing left over frees the value"));
  }
  loop_.gate().leave(gate);
}

void Starts::consume(Slot slot, const Mail& mail, const std::function<void(Slot)>& with_mail) {
  loop_.consume(slot, mail);
  if (with_mail) with_mail(slot);
}

// `one at a time`: see turns.h.
void Starts::stand_in_line(StartInput input, const Gate::Keys& gate) {
  if (input.turn.empty()) return create(std::move(input), gate, false);
  const Loader::KeyQuery name{input.lane, input.request.tenant, input.turn};
  loop_.loader().turns(
      name, [this, input = std::move(input), gate](Result<std::vector<TurnRow>> rows) mutable {
        if (rows && (rows->empty() || input.graph->others_queue)) {
          return create(std::move(input), gate, !rows->empty() && !defective(Defect::kTwoTurns));
        }
        if (!rows) {
          input.done(fail(rows.error()));
        } else {
          const SagaId& first = rows->front().saga;
          input.done(fail(ErrorCode::kOneAtATime,
                          "saga " + first + " of `" + input.request.workflow +
                              "` is under way, and there is one at a time for this input",
                          "start it again when that saga has ended, or cancel that one"));
        }
        loop_.gate().leave(gate);
      });
}

void Starts::fenced(const StartInput& input, const Gate::Keys& gate) {
  input.done(fail(loop_.holds(input.lane) ? lane_came_back() : held_elsewhere(input.lane)));
  loop_.gate().leave(gate);
}

void Starts::create(StartInput input, const Gate::Keys& gate, bool queued) {
  if (!loop_.holds(input.lane)) return fenced(input, gate);
  if (input.epoch != 0 && input.epoch != loop_.epoch(input.lane)) return fenced(input, gate);
  auto fresh = std::make_unique<Saga>();
  fresh->id = input.saga;
  fresh->lane = input.lane;
  fresh->graph = input.graph;
  InstanceRow& row = fresh->row;
  row.lane = input.lane;
  row.id = input.saga;
  row.tenant = input.request.tenant;
  row.workflow = input.graph->workflow;
  row.workflow_version = input.graph->version;
  row.definition = input.graph->hash;
  row.key = std::move(input.once);
  const SealerPtr& sealer = loop_.options().sealer;
  if (input.graph->holds_private && sealer) {
    fresh->seal = std::make_shared<const DataKey>(DataKey::random());
  }
  Saga& saga = loop_.insert(std::move(fresh));
  const Slot slot = loop_.record(
      saga, interpreter::Started{std::move(input.request.input), std::move(input.parent), queued},
      std::move(input.request.actor));
  saga.row.created_at = saga.state.now;  // the time of its first entry
  BELAY_CHECK(!input.mail || input.mail->to == saga.lane,
              "mail that asks for a start goes to the lane of the saga");
  if (input.mail) consume(slot, *input.mail, input.with_mail);
  if (saga.seal) {
    slot.batch->add(slot.owner, SagaKeyRow{saga.lane, saga.id, saga.row.tenant,
                                           sealer->wrap(*saga.seal, saga.id)});
  }
  if (!input.turn.empty()) {
    slot.batch->add(slot.owner, TurnRow{saga.lane, saga.row.tenant, input.turn, saga.id, !queued});
    if (queued) loop_.turns().look(slot, saga.lane, saga.row.tenant, input.turn);
  }
  saga.first_batch = slot.batch->number;
  for (auto& [lane, tenant, key] : input.keys) {
    StartKeyRow start_key;
    start_key.lane = lane;
    start_key.tenant = std::move(tenant);
    start_key.key = std::move(key);
    start_key.saga = saga.id;
    start_key.digest = input.digest;
    start_key.at = saga.row.created_at;
    slot.batch->add(slot.owner, std::move(start_key));
  }
  loop_.counters().started.fetch_add(1, std::memory_order_relaxed);
  if (defective(Defect::kStartAnswersEarly))
    input.done(StartReply{.saga = saga.id, .created = true, .seq = 1});
  if (defective(Defect::kGateLeftEarly)) loop_.gate().leave(gate);
  slot.answer(
      [id = saga.id, seq = saga.state.seq, done = std::move(input.done)](const Failure* failure) {
        if (failure != nullptr)
          done(fail(*failure));
        else
          done(StartReply{.saga = id, .created = true, .seq = seq});
      });
  slot.when_known([this, gate](const Failure*) { loop_.gate().leave(gate); });
}

}  // namespace belay::runtime
