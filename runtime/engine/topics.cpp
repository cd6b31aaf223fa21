// See topics.h.
#include "runtime/engine/topics.h"

#include <algorithm>
#include <map>
#include <utility>

#include "interpreter/defects.h"
#include "runtime/base/check.h"
#include "runtime/base/json_value.h"
#include "runtime/base/limits.h"
#include "runtime/engine/event_starts.h"
#include "runtime/engine/log.h"

namespace belay::runtime {
namespace {

constexpr std::size_t kTopicsMax = 100'000;

std::string name_of(const std::string& tenant, const std::string& type, const std::string& key) {
  return tenant + '\0' + type + '\0' + key;
}

bool same(const SubscriptionRow& a, const SubscriptionRow& b) {
  return a.saga == b.saga && a.path == b.path;
}

// As the current definitions know it; of none: version 1.
interpreter::EventType type_of(const Graphs& graphs, const std::string& type) {
  for (const GraphPtr& graph : graphs.all_current()) {
    for (const interpreter::EventType& event : graph->events) {
      if (event.name == type) return event;
    }
  }
  return {};
}

}  // namespace

Lane Topics::lane(const std::string& tenant, const std::string& event, const std::string& key) {
  return lane_of(tenant, event + '\0' + key, static_cast<std::int32_t>(limits::lanes_default));
}

Result<PublishInput> Topics::prepare(PublishRequest request, const Graphs& graphs,
                                     DatabaseClock& clock, IdGenerator& ids) {
  if (request.key.size() > limits::key_bytes_max || request.id.size() > limits::key_bytes_max) {
    return fail(ErrorCode::kInvalid, "an event's key and id have at most 255 bytes");
  }
  PublishInput input;
  input.deduplicate = !request.id.empty();
  input.row.id = input.deduplicate ? std::move(request.id) : ids.next(clock.now());
  input.row.lane = lane(request.tenant, request.type, request.key);
  const interpreter::EventType type = type_of(graphs, request.type);
  input.row.version = type.version;
  input.holds_private = request.holds_private || interpreter::holds_private(type.fields);
  input.row.payload = to_json(request.payload);
  if (input.row.payload.size() > limits::event_bytes_max) {
    return fail(ErrorCode::kTooLarge, "an event's payload has at most 256 KiB");
  }
  if (input.deduplicate) {
    std::string canonical;
    interpreter::append_canonical(request.payload, canonical);
    input.digest = sha256_hex(canonical);
  }
  input.row.tenant = std::move(request.tenant);
  input.row.type = std::move(request.type);
  input.row.key = std::move(request.key);
  input.row.metadata = request.metadata.empty() ? "{}" : std::move(request.metadata);
  input.source = std::move(request.source);
  return input;
}

// ---- Publishing

void Topics::publish(PublishInput input) {
  if (!loop_.holds(input.row.lane)) {
    return input.done(fail(held_elsewhere(input.row.lane)));
  }
  if (loop_.database_down(input.row.lane)) {
    return input.done(fail(ErrorCode::kUnavailable, "the database does not answer",
                           "try again in a few seconds"));
  }
  if (!loop_.has_room(input.row.tenant) && !loop_.graphs().started_by(input.row.type).empty()) {
    loop_.counters().refused_busy.fetch_add(1, std::memory_order_relaxed);
    return input.done(fail(ErrorCode::kOverloaded,
                           "too many sagas are running, and this event starts one",
                           "try again in a second"));
  }
  if (const SealerPtr& sealer = loop_.options().sealer; sealer && input.holds_private) {
    input.row.payload =
        sealed_value(sealer->own(), input.row.payload, bound_to_event(input.row.id));
    if (!input.digest.empty()) input.digest = sealer->mac(input.digest);
  }
  if (!input.deduplicate) return enqueue_publish(std::move(input), {});
  // One webhook may publish several events under its one id: type and key belong to the identity.
  const std::string scope = "event:" + input.source;
  const std::string key = input.row.id + ' ' + input.row.type + ' ' + input.row.key;
  const Gate::Keys keys{scope + '\0' + input.row.tenant + '\0' + key};
  loop_.gate().enter(keys, [this, input = std::move(input), scope, key, keys]() mutable {
    Loader::DedupQuery query{input.row.lane, input.row.tenant, scope, key};
    const std::int64_t epoch = loop_.epoch(input.row.lane);
    loop_.loader().dedup(query, [this, input = std::move(input), keys,
                                 epoch](Result<std::optional<DedupRow>> seen) mutable {
      if (epoch == 0 || loop_.epoch(input.row.lane) != epoch) {
        input.done(
            fail(loop_.holds(input.row.lane) ? lane_came_back() : held_elsewhere(input.row.lane)));
        return loop_.gate().leave(keys);
      }
      if (!seen || (*seen && !defective(Defect::kEventDedupSkipped))) {
        Result<PublishReply> reply = fail(ErrorCode::kUnavailable, "");
        if (!seen) {
          reply = fail(seen.error());
        } else if ((*seen)->digest != input.digest && !input.source.starts_with("webhook:")) {
          reply =
              fail(ErrorCode::kKeyReused,
                   "an event with the id " + input.row.id + " and another payload was published",
                   "use a new id for a new event");
        } else {
          loop_.counters().events_duplicate.fetch_add(1, std::memory_order_relaxed);
          reply = PublishReply{input.row.id, true};
        }
        input.done(std::move(reply));
        return loop_.gate().leave(keys);
      }
      enqueue_publish(std::move(input), keys);
    });
  });
}

void Topics::enqueue_publish(PublishInput input, Gate::Keys keys) {
  Topic& target = topic(input.row.lane, input.row.tenant, input.row.type, input.row.key);
  auto shared = std::make_shared<PublishInput>(std::move(input));
  Operation operation;
  operation.run = [this, shared, keys](Topic& at) {
    const Slot slot = add_event(at, shared->row, shared->source);
    if (shared->deduplicate) {
      DedupRow dedup;
      dedup.lane = at.lane;
      dedup.tenant = at.tenant;
      dedup.scope = "event:" + shared->source;
      dedup.key = shared->row.id + ' ' + at.type + ' ' + at.key;
      dedup.digest = shared->digest;
      dedup.answer = "{}";
      dedup.at = loop_.now(at.lane);
      slot.batch->add(slot.owner, std::move(dedup));
    }
    slot.answer([shared](const Failure* failure) {
      if (failure != nullptr)
        shared->done(fail(*failure));
      else
        shared->done(PublishReply{shared->row.id, false});
    });
    slot.when_known([this, keys](const Failure*) { loop_.gate().leave(keys); });
  };
  operation.refuse = [this, shared, keys](const Failure& failure) {
    shared->done(fail(failure));
    loop_.gate().leave(keys);
  };
  enqueue(target, std::move(operation));
}

std::int64_t& Topics::last_eseq(Lane lane) {
  const auto index = static_cast<std::size_t>(lane);
  if (last_eseq_.size() <= index) last_eseq_.resize(index + 1);
  return last_eseq_[index];
}

void Topics::last_event(Lane lane, std::int64_t eseq) {
  last_eseq(lane) = std::max(last_eseq(lane), eseq);
}

// The row, an offer to everybody who waits, and a start of each workflow that begins with it.
Slot Topics::add_event(Topic& topic, EventRow row, const std::string& source) {
  std::int64_t& last = last_eseq(topic.lane);
  row.at = loop_.now(topic.lane);
  row.lane = topic.lane;
  row.eseq = last = std::max(last + 1, row.at.us * 1000);
  const Slot slot = this->slot(topic);
  // It comes after all who wait already, whatever the clocks of their lanes' owners said: no look
  // at `since`.
  for (const Subscriber& subscriber : topic.subscribers)
    loop_.send(slot, subscriber.saga_lane, Offer{subscriber.row, row});
  loop_.event_starts().added(slot, row, source);
  topic.unflushed.push_back(row);
  slot.when_known([this, name = topic.name, eseq = row.eseq](const Failure*) {
    if (Topic* at = find(name))
      std::erase_if(at->unflushed, [&](const EventRow& e) { return e.eseq == eseq; });
  });
  slot.batch->add(slot.owner, std::move(row));
  loop_.counters().events.fetch_add(1, std::memory_order_relaxed);
  return slot;
}

// ---- Mail

void Topics::deliver(Mail mail) {
  if (!loop_.holds(mail.to)) return;
  if (const auto* offer = std::get_if<Offer>(&mail.what)) return offered(mail, *offer);
  const auto at = [&](const auto& row) -> Topic& {
    return topic(mail.to, row.tenant, row.type, row.key);
  };
  Topic* target = nullptr;
  if (const auto* m = std::get_if<Subscribe>(&mail.what))
    target = &at(m->row);
  else if (const auto* u = std::get_if<Unsubscribe>(&mail.what))
    target = &at(u->row);
  else if (const auto* p = std::get_if<PublishEvent>(&mail.what))
    target = &at(p->row);
  else if (const auto* s = std::get_if<EventStarted>(&mail.what))
    target = &at(*s);
  else
    target = &at(std::get<OfferAnswered>(mail.what).row);
  auto shared = std::make_shared<Mail>(std::move(mail));
  enqueue(*target, {[this, shared](Topic& to) {
                      if (const auto* m = std::get_if<Subscribe>(&shared->what))
                        subscribe(to, *shared, *m);
                      else if (const auto* u = std::get_if<Unsubscribe>(&shared->what))
                        unsubscribe(to, *shared, u->row);
                      else if (const auto* a = std::get_if<OfferAnswered>(&shared->what))
                        answered(to, *shared, *a);
                      else if (const auto* s = std::get_if<EventStarted>(&shared->what))
                        start_answered(to, *shared, *s);
                      // A publish of a saga comes once: its mail is deleted in the flush that
                      // inserts the event.
                      else
                        loop_.consume(
                            add_event(to, std::get<PublishEvent>(shared->what).row, "saga"),
                            *shared);
                    },
                    nullptr});
}

void Topics::subscribe(Topic& topic, const Mail& mail, const Subscribe& message) {
  topic.busy = true;
  Loader::EventsQuery query{topic.lane, topic.tenant, topic.type, topic.key, message.row.since};
  // What is being flushed now may commit after the loader has looked and before it tells: kept here
  // as it is now.
  loop_.loader().events(
      query, [this, name = topic.name, epoch = topic.epoch, mail, message,
              unflushed = topic.unflushed](Result<std::vector<EventRow>> earlier) {
        Topic* at = find(name);
        if (at == nullptr || at->epoch != epoch) return;
        at->busy = false;
        if (earlier) {
          // What is not known to be committed has been told to nobody: it did not come before any
          // start.
          earlier->insert(earlier->end(), unflushed.begin(), unflushed.end());
          subscribed(*at, mail, message, std::move(*earlier));
        } else {
          at->waiting.push_front(
              {[this, mail, message](Topic& again) { subscribe(again, mail, message); }, nullptr});
          at->busy = true;
          return loop_.later([this, name, epoch] {
            if (Topic* again = find(name); again != nullptr && again->epoch == epoch) {
              again->busy = false;
              pump(*again);
            }
          });
        }
        pump(*at);
      });
}

// The row is inserted, the mail deleted and the earlier events offered in one flush: a crash before
// it repeats all.
void Topics::subscribed(Topic& topic, const Mail& mail, const Subscribe& message,
                        std::vector<EventRow> earlier) {
  std::map<std::int64_t, EventRow> events;  // in order, each once
  for (EventRow& event : earlier) events.emplace(event.eseq, std::move(event));
  const Slot slot = this->slot(topic);
  loop_.consume(slot, mail);
  const bool known =
      std::any_of(topic.subscribers.begin(), topic.subscribers.end(),
                  [&](const Subscriber& other) { return same(other.row, message.row); });
  SubscriptionRow row = message.row;
  row.lane = topic.lane;
  if (!known) {
    topic.subscribers.push_back({row, message.saga_lane});
    if (topic.gone_in == slot.batch->number) slot.batch->keep(row);
    if (!defective(Defect::kSubscriptionLost)) slot.batch->add(slot.owner, row);
  }
  if (defective(Defect::kEarlierEventsLost)) events.clear();
  for (auto& [eseq, event] : events)
    loop_.send(slot, message.saga_lane, Offer{row, std::move(event)});
}

void Topics::unsubscribe(Topic& topic, const Mail& mail, const SubscriptionRow& row) {
  const Slot slot = this->slot(topic);
  loop_.consume(slot, mail);
  remove(topic, slot, row);
}

void Topics::answered(Topic& topic, const Mail& mail, const OfferAnswered& message) {
  const Slot slot = this->slot(topic);
  loop_.consume(slot, mail);
  if (message.taken && !defective(Defect::kEventNotClaimed))
    slot.batch->add_claimed(slot.owner, topic.lane, message.eseq);
  if (!message.waits) remove(topic, slot, message.row);
}

// Why nothing was started stands beside the event, which stays unclaimed.
void Topics::start_answered(Topic& topic, const Mail& mail, const EventStarted& message) {
  const Slot slot = this->slot(topic);
  loop_.consume(slot, mail);
  if (message.why.empty()) return slot.batch->add_claimed(slot.owner, topic.lane, message.eseq);
  DedupRow reason;
  reason.lane = topic.lane;
  reason.tenant = topic.tenant;
  reason.scope = not_started_scope(message.eseq);
  reason.key = message.workflow;
  append_json_string(message.why, reason.answer);
  reason.at = loop_.now(topic.lane);
  slot.batch->add(slot.owner, std::move(reason));
}

void Topics::remove(Topic& topic, Slot slot, const SubscriptionRow& row) {
  const auto known = std::find_if(topic.subscribers.begin(), topic.subscribers.end(),
                                  [&](const Subscriber& other) { return same(other.row, row); });
  if (known == topic.subscribers.end()) return;
  if (!defective(Defect::kUnsubscribeLost)) slot.batch->add_gone(slot.owner, known->row);
  topic.gone_in = slot.batch->number;
  topic.subscribers.erase(known);
}

// ---- At the saga

void Topics::offered(const Mail& mail, const Offer& message) {
  if (!is_sealed_value(message.event.payload)) return offer(mail, message);
  loop_.loader().payload(message.event, [this, mail, message](Result<std::string> payload) {
    if (!payload && payload.error().code == ErrorCode::kUnavailable)
      return loop_.later([this, mail] { deliver(mail); });
    if (!payload) log_warning("event " + message.event.id + ": " + to_text(payload.error()));
    Offer opened = message;  // what cannot be opened fits nothing, and is declined
    opened.event.payload = payload ? std::move(*payload) : std::string();
    offer(mail, opened);
  });
}

void Topics::offer(const Mail& mail, const Offer& message) {
  if (!loop_.holds(mail.to)) return;
  if (defective(Defect::kMailConsumedEarly)) loop_.consume(loop_.slot(mail.to, "offer"), mail);
  Loader::Which which;
  which.lane = mail.to;
  which.saga = message.row.saga;
  loop_.with_saga(which, [this, mail, message](Result<Saga*> saga) {
    if (saga) return offered_to(**saga, mail, message);
    switch (saga.error().code) {
      case ErrorCode::kNotFound: {  // retention took it
        const Slot slot = loop_.slot(mail.to, "offer");
        loop_.consume(slot, mail);
        loop_.send(slot, message.row.lane,
                   OfferAnswered{message.row, message.event.eseq, false, false});
        return;
      }
      case ErrorCode::kUnavailable: return loop_.later([this, mail] { deliver(mail); });
      default: return;  // quarantined or fenced: the mail stays in the table
    }
  });
}

void Topics::offered_to(Saga& saga, const Mail& mail, const Offer& message) {
  using interpreter::Activity;
  const interpreter::Graph& graph = *saga.graph;
  const interpreter::Path path = interpreter::parse_path(graph, message.row.path);
  const auto& activities = saga.state.activities;
  const auto activity = std::find_if(activities.begin(), activities.end(),
                                     [&](const Activity& a) { return a.path == path; });
  const auto& taken = saga.state.taken_events;
  OfferAnswered reply{message.row, message.event.eseq, false, false};
  std::uint32_t source = 0;
  if (path.node != interpreter::kNoNode && !saga.state.ended() && activity != activities.end() &&
      activity->open && !activity->limit_passed) {
    const auto& sources = graph.nodes[path.node].sources;
    const auto& had = activity->taken;
    while (source < sources.size() && source < activity->keys.size() &&
           (sources[source].event != message.event.type ||
            activity->keys[source] != message.event.key ||
            std::binary_search(had.begin(), had.end(), source))) {
      ++source;
    }
    reply.waits = source < sources.size() && source < activity->keys.size();
  }
  const bool had = std::binary_search(taken.begin(), taken.end(), message.event.id) &&
                   !defective(Defect::kEventTwice);
  if (reply.waits && !had) {
    const auto type =
        std::find_if(graph.events.begin(), graph.events.end(),
                     [&](const interpreter::EventType& e) { return e.name == message.event.type; });
    BELAY_CHECK(type != graph.events.end(), "a graph holds the events that it waits for");
    JsonLimits bounds;
    bounds.bytes_max = 2 * limits::event_bytes_max;
    auto payload =
        decode_json(type->fields, message.event.payload, bounds, {.ignore_unknown = true});
    if (payload) {
      interpreter::EventTaken fact{path, message.event.id, message.event.type, std::move(*payload),
                                   source};
      const Slot slot = loop_.record(saga, std::move(fact));
      reply.taken = true;
      reply.waits = false;
      loop_.consume(slot, mail);
      loop_.send(slot, message.row.lane, reply);
      return;
    }
    log_warning("event " + message.event.type + " does not fit what saga " + saga.id +
                " waits for: " + to_text(payload.error()));
  }
  const Slot slot = loop_.slot(saga);
  loop_.consume(slot, mail);
  loop_.send(slot, message.row.lane, reply);
}

// ---- Topics in memory

Topics::Topic* Topics::find(const std::string& name) {
  const auto found = topics_.find(name);
  return found == topics_.end() ? nullptr : found->second.get();
}

Topics::Topic& Topics::topic(Lane lane, const std::string& tenant, const std::string& type,
                             const std::string& key) {
  std::string name = name_of(tenant, type, key);
  if (Topic* known = find(name)) {
    used_.splice(used_.end(), used_, known->used);
    return *known;
  }
  evict();
  auto fresh = std::make_unique<Topic>();
  fresh->name = name;
  fresh->lane = lane;
  fresh->epoch = loop_.epoch(lane);
  fresh->tenant = tenant;
  fresh->type = type;
  fresh->key = key;
  used_.push_back(fresh.get());
  fresh->used = std::prev(used_.end());
  return *topics_.emplace(std::move(name), std::move(fresh)).first->second;
}

void Topics::enqueue(Topic& topic, Operation operation) {
  topic.waiting.push_back(std::move(operation));
  pump(topic);
}

void Topics::pump(Topic& topic) {
  if (!topic.loaded && !topic.busy) return load(topic);
  while (!topic.busy && !topic.waiting.empty()) {
    const Operation operation = std::move(topic.waiting.front());
    topic.waiting.pop_front();
    operation.run(topic);
  }
}

void Topics::load(Topic& topic) {
  topic.busy = true;
  Loader::TopicQuery query{topic.lane, topic.tenant, topic.type, topic.key};
  loop_.loader().subscribers(
      query, [this, name = topic.name, epoch = topic.epoch](Result<std::vector<Subscriber>> rows) {
        Topic* at = find(name);
        if (at == nullptr || at->epoch != epoch) return;
        if (!rows) {  // people hear of it; mail waits
          std::deque<Operation> mail;
          for (Operation& operation : at->waiting) {
            if (operation.refuse)
              operation.refuse(rows.error());
            else
              mail.push_back(std::move(operation));
          }
          at->waiting = std::move(mail);
          return loop_.later([this, name, epoch] {
            if (Topic* again = find(name); again != nullptr && again->epoch == epoch) load(*again);
          });
        }
        at->busy = false;
        at->loaded = true;
        at->subscribers = std::move(*rows);
        pump(*at);
      });
}

Slot Topics::slot(Topic& topic) {
  const Slot slot = loop_.slot(topic.lane, topic.name);
  ++topic.uncommitted;
  slot.when_known([this, name = topic.name](const Failure*) {
    if (Topic* at = find(name); at != nullptr && at->uncommitted > 0) --at->uncommitted;
  });
  return slot;
}

void Topics::evict() {
  std::size_t tries = 8;
  while (topics_.size() >= kTopicsMax && tries-- > 0 && !used_.empty()) {
    Topic& topic = *used_.front();
    if (topic.busy || topic.uncommitted > 0 || !topic.waiting.empty()) {
      used_.splice(used_.end(), used_, used_.begin());
      continue;
    }
    used_.pop_front();
    topics_.erase(std::string(topic.name));
  }
}

void Topics::forget(const std::string& name) {
  Topic* topic = find(name);
  if (topic == nullptr) return;
  const Lane lane = topic->lane;
  const auto waiting = std::move(topic->waiting);
  used_.erase(topic->used);
  topics_.erase(std::string(topic->name));
  Failure why{ErrorCode::kUnavailable, "the topic of this event was dropped from memory",
              "send it again"};
  if (!loop_.holds(lane)) why = held_elsewhere(lane);
  for (const Operation& operation : waiting) {
    if (operation.refuse) operation.refuse(why);
  }
}

void Topics::lose_lane(Lane lane) {
  std::vector<std::string> gone;
  for (const auto& [name, topic] : topics_) {
    if (topic->lane == lane) gone.push_back(name);
  }
  for (const std::string& name : gone) forget(name);
}

}  // namespace belay::runtime
