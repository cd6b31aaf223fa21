// Random values, entries and states, for round trips. The same seed gives the same thing on every
// machine.
#pragma once
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "interpreter/graph.h"
#include "interpreter/journal.h"
#include "interpreter/state.h"
#include "interpreter/time.h"

namespace belay::runtime::testing {

using namespace belay::interpreter;

inline Graph a_graph() {
  Graph graph;
  for (const char* name : {"hold", "capture", "confirm", "when_2", "", "#odd", "odd[1]"}) {
    Node node;
    node.name = name;
    graph.nodes.push_back(node);
  }
  return graph;
}

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}

  std::uint64_t below(std::uint64_t n) { return engine_() % n; }
  bool coin() { return below(2) == 0; }
  std::int64_t number() {
    switch (below(4)) {
      case 0: return 0;
      case 1: return static_cast<std::int64_t>(below(1000)) - 500;
      case 2: return static_cast<std::int64_t>(engine_());
      default:
        return coin() ? std::numeric_limits<std::int64_t>::max()
                      : std::numeric_limits<std::int64_t>::min();
    }
  }
  std::uint32_t small() {
    return below(3) == 0 ? static_cast<std::uint32_t>(engine_())
                         : static_cast<std::uint32_t>(below(4));
  }
  std::string text() {
    static const std::vector<std::string> kTexts = {"",
                                                    "a",
                                                    "$money",
                                                    "$",
                                                    "ünïcode",
                                                    "\"quoted\\\"",
                                                    "line\nbreak\t",
                                                    std::string("nul\0", 4),
                                                    "\xff\xfe",
                                                    "\xed\xa0\x80",
                                                    "\xf0\x9f\x98\x80",
                                                    "{}",
                                                    "null",
                                                    std::string(300, 'x'),
                                                    "\x7f\x01",
                                                    "drawn",
                                                    "path"};
    return kTexts[below(kTexts.size())];
  }
  Path path() {
    Path out;
    if (below(8) == 0) return out;
    out.node = static_cast<NodeId>(below(9));  // two of them are no nodes of the graph
    while (below(4) == 0) out.iteration.push_back(small());
    return out;
  }
  Instant instant() { return {below(3) == 0 ? 0 : number()}; }

  Value value(int depth) {
    switch (below(depth > 0 ? 14 : 11)) {
      case 0: return {};
      case 1: return Value::boolean(coin());
      case 2: return Value::integer(number());
      case 3: return Value::unsigned_integer(static_cast<std::uint64_t>(number()));
      case 4: {
        static const double kDoubles[] = {0.0,    -0.0,  1.0,  0.1,        1e308,
                                          5e-324, -1e15, 1e16, 123456789.0};
        switch (below(12)) {
          case 9: return Value::real(std::numeric_limits<double>::infinity());
          case 10: return Value::real(-std::numeric_limits<double>::infinity());
          case 11: return Value::real(std::numeric_limits<double>::quiet_NaN());
          default: return Value::real(kDoubles[below(9)]);
        }
      }
      case 5: return Value::string(text());
      case 6: return Value::bytes(text());
      case 7:
        return Value::timestamp(
            {timestamp_seconds_min + static_cast<std::int64_t>(below(static_cast<std::uint64_t>(
                                         timestamp_seconds_max - timestamp_seconds_min))),
             coin() ? 0 : static_cast<std::int32_t>(below(1'000'000'000))});
      case 8: {
        const std::int64_t sign = coin() ? 1 : -1;
        return Value::duration(
            {sign * static_cast<std::int64_t>(below(1'000'000)),
             static_cast<std::int32_t>(
                 sign * (coin() ? 0 : static_cast<std::int64_t>(below(1'000'000'000))))});
      }
      case 9:
        return Value::money({number(), coin() ? std::array<char, 3>{'E', 'U', 'R'}
                                              : std::array<char, 3>{'J', 'P', 'Y'}});
      case 10: return Value::type(coin() ? "int" : "google.protobuf.Timestamp");
      case 11: {
        List list;
        for (std::uint64_t n = below(4); n > 0; --n) list.push_back(value(depth - 1));
        return Value::list(std::move(list));
      }
      case 12: {
        std::vector<std::pair<std::string, Value>> fields;
        for (std::uint64_t n = below(4); n > 0; --n) {
          std::string name = text() + std::to_string(n);  // no name twice
          fields.emplace_back(std::move(name), value(depth - 1));
        }
        return record(std::move(fields));
      }
      default: {
        Map map;
        if (coin()) map.emplace_back(Value::boolean(coin()), value(depth - 1));
        if (coin()) map.emplace_back(Value::integer(number()), value(depth - 1));
        if (coin()) map.emplace_back(Value::unsigned_integer(below(9)), value(depth - 1));
        if (coin()) map.emplace_back(Value::string(text()), value(depth - 1));
        return Value::map(std::move(map));
      }
    }
  }
  Value value() { return value(static_cast<int>(below(3))); }

  Direction direction() { return static_cast<Direction>(below(4)); }
  FailureKind failure() { return static_cast<FailureKind>(below(3)); }
  HoldReason hold() { return static_cast<HoldReason>(below(8)); }
  Status status() { return static_cast<Status>(below(4)); }

  std::vector<std::string> texts() {
    std::vector<std::string> out;
    for (std::uint64_t n = below(3); n > 0; --n) out.push_back(text());
    return out;
  }
  std::vector<Value> values() {
    std::vector<Value> out;
    for (std::uint64_t n = below(3); n > 0; --n) out.push_back(value());
    return out;
  }
  std::vector<std::uint32_t> numbers() {
    std::vector<std::uint32_t> out;
    for (std::uint64_t n = below(3); n > 0; --n) out.push_back(small());
    return out;
  }

  Fact fact() {
    switch (below(std::variant_size_v<Fact>)) {
      case 0:
        return Started{
            value(), {text(), text(), small(), static_cast<std::int32_t>(below(32))}, coin()};
      case 1: return StepSucceeded{path(), direction(), small(), value()};
      case 2:
        return StepFailed{path(), direction(), small(), failure(),
                          text(), text(),      coin(),  number()};
      case 3: return TimerFired{path(), static_cast<TimerPurpose>(below(4)), direction()};
      case 4: return EventTaken{path(), text(), text(), value(), small()};
      case 5: return CancelAsked{};
      case 6:
        return OperatorActed{
            static_cast<OperatorAct>(below(5)), path(), direction(), coin(), value(), text()};
      case 7: return AnswerGiven{path(), value()};
      case 8: return TurnCame{};
      case 9: return UndoAsked{};
      case 10: return Migrated{text(), text()};
      default: return CapReached{};
    }
  }
  Drawn drawn() {
    switch (below(std::variant_size_v<Drawn>)) {
      case 0: return Took{path(), small()};
      case 1: return Assigned{path(), value()};
      case 2: return Sent{path(), direction(), small(), engine_(), text()};
      case 3: return RetryAt{path(), direction(), small(), instant(), coin()};
      case 4: return Settled{path(), direction(), coin(), value()};
      case 5: return Held{path(), direction(), hold(), text()};
      case 6: return Failed{path(), direction(), text()};
      case 7: return Handled{path(), direction(), small(), value()};
      case 8: return Waiting{path(), texts(), instant()};
      case 9: return PausedUntil{path(), instant()};
      case 10: return Published{path(), text(), small(), text(), value()};
      case 11: return Passed{path()};
      case 12: return DeadlineAt{instant()};
      case 13: return Cancelling{path(), text()};
      case 14: return NotUndone{path(), text()};
      case 15: return Looped{path(), values()};
      case 16: return Asked{path(), instant()};
      case 17: return Unwinding{path(), small(), small(), path(), text()};
      case 18: return Unwound{path(), small()};
      default: return Ended{status(), value(), text()};
    }
  }
  Entry entry() {
    Entry out;
    out.seq = below(10'000) + 1;
    out.at = instant();
    out.actor = text();
    out.reason = text();
    out.fact = fact();
    for (std::uint64_t n = below(4); n > 0; --n) out.drawn.push_back(drawn());
    return out;
  }

  CallState call() {
    CallState c;
    if (coin()) return c;
    c.phase = static_cast<CallPhase>(below(9));
    c.generation = small();
    c.tries = small();
    c.handler_tries = small();
    c.unsure = coin();
    c.digest = engine_();
    c.first_sent_at = instant();
    c.unsure_at = instant();
    c.sent_at = instant();
    c.due = instant();
    c.failure = failure();
    c.error = text();
    c.message = text();
    c.answered = coin();
    c.retry_after_ms = number();
    c.hold = hold();
    c.team = text();
    c.result = value();
    c.key = text();
    return c;
  }
  State state() {
    State s;
    s.seq = engine_();
    s.started_at = instant();
    s.now = instant();
    s.status = status();
    s.parent = {text(), text(), small(), static_cast<std::int32_t>(below(32))};
    s.undo_asked = coin();
    s.queued = coin();
    s.paused = coin();
    s.cancel_asked = coin();
    s.deadline_passed = coin();
    s.past_no_return = coin();
    s.capped = coin();
    s.deadline = instant();
    s.because = text();
    s.at_end = coin();
    for (std::uint64_t n = below(3); n > 0; --n) s.ready.push_back(path());
    for (std::uint64_t n = below(3); n > 0; --n) {
      Activity a;
      a.path = path();
      a.open = coin();
      a.effect = static_cast<EffectState>(below(5));
      a.forward = call();
      a.check = call();
      a.undo = call();
      a.undo_check = call();
      a.until = instant();
      a.limit_passed = coin();
      a.keys = texts();
      a.taken = numbers();
      a.keep_since = instant();
      a.undo_since = instant();
      a.left_because = text();
      s.activities.push_back(a);
    }
    for (std::uint64_t n = below(3); n > 0; --n) {
      Variable v{small(), {}, value()};
      if (coin()) v.iteration = {small(), small()};
      s.variables.push_back(v);
    }
    for (std::uint64_t n = below(3); n > 0; --n) s.joins.push_back({path(), small(), numbers()});
    for (std::uint64_t n = below(3); n > 0; --n)
      s.loops.push_back({path(), values(), small(), small(), numbers()});
    for (std::uint64_t n = below(3); n > 0; --n)
      s.unwinding.push_back({path(), small(), small(), coin(), text()});
    for (std::uint64_t n = below(3); n > 0; --n) s.taken_events.push_back(text());
    s.output = value();
    s.problem = text();
    return s;
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace belay::runtime::testing
