// Entries to JSON bodies and back: one short function a fact and a drawn thing, writing and reading
// side by side, so that a new field is added in two neighbouring lines. See journal_json.h.
#include "runtime/base/journal_json.h"

#include "runtime/base/tagged_json.h"

namespace belay::runtime {
namespace {

using namespace interpreter;
using stored::Reader;
using stored::Writer;

constexpr std::uint16_t kEntryVersionMax = 1;

// ---- Facts: `write` appends fields to the body, `read` takes them from it

void write(Writer& w, const Started& f) {
  w.value("input", f.input);
  w.text("parent", f.parent.saga);
  w.text("parent_path", f.parent.path);
  w.unsigned_number("parent_generation", f.parent.generation);
  w.number("parent_lane", f.parent.lane);
  w.flag("queued", f.queued);
}
void read(const Reader& r, Started& f) {
  f.input = r.value("input");
  f.parent = {r.text("parent"), r.text("parent_path"), r.small("parent_generation"),
              static_cast<std::int32_t>(r.number("parent_lane"))};
  f.queued = r.flag("queued");
}

void write(Writer& w, const StepSucceeded& f) {
  w.path("path", f.path);
  w.word("direction", f.direction, stored::kDirections);
  w.unsigned_number("generation", f.generation);
  w.value("result", f.result);
}
void read(const Reader& r, StepSucceeded& f) {
  f.path = r.path("path");
  f.direction = r.word<Direction>("direction", stored::kDirections);
  f.generation = r.small("generation");
  f.result = r.value("result");
}

void write(Writer& w, const StepFailed& f) {
  w.path("path", f.path);
  w.word("direction", f.direction, stored::kDirections);
  w.unsigned_number("generation", f.generation);
  w.word("failed", f.kind, stored::kFailureKinds, FailureKind::kTransient);
  w.text("error", f.error);
  w.text("message", f.message);
  w.flag("answered", f.answered);
  w.number("retry_after_ms", f.retry_after_ms);
}
void read(const Reader& r, StepFailed& f) {
  f.path = r.path("path");
  f.direction = r.word<Direction>("direction", stored::kDirections);
  f.generation = r.small("generation");
  f.kind = r.word("failed", stored::kFailureKinds, FailureKind::kTransient);
  f.error = r.text("error");
  f.message = r.text("message");
  f.answered = r.flag("answered");
  f.retry_after_ms = r.number("retry_after_ms");
}

void write(Writer& w, const TimerFired& f) {
  w.path("path", f.path);
  w.word("timer", f.purpose, stored::kPurposes);
  w.word("direction", f.direction, stored::kDirections);
}
void read(const Reader& r, TimerFired& f) {
  f.path = r.path("path");
  f.purpose = r.word<TimerPurpose>("timer", stored::kPurposes);
  f.direction = r.word<Direction>("direction", stored::kDirections);
}

void write(Writer& w, const EventTaken& f) {
  w.path("path", f.path);
  w.unsigned_number("source", f.source);
  w.text("id", f.event_id);
  w.text("event", f.event);
  w.value("payload", f.payload);
}
void read(const Reader& r, EventTaken& f) {
  f.path = r.path("path");
  f.source = r.small("source");
  f.event_id = r.text("id");
  f.event = r.text("event");
  f.payload = r.value("payload");
}

void write(Writer&, const CancelAsked&) {}
void read(const Reader&, CancelAsked&) {}

void write(Writer& w, const OperatorActed& f) {
  w.word("act", f.act, stored::kOperatorActs);
  w.path("path", f.path);
  w.word("direction", f.direction, stored::kDirections);
  w.flag("happened", f.happened);
  w.value("output", f.output);
  w.text("evidence", f.evidence);
}
void read(const Reader& r, OperatorActed& f) {
  f.act = r.word<OperatorAct>("act", stored::kOperatorActs);
  f.path = r.path("path");
  f.direction = r.word<Direction>("direction", stored::kDirections);
  f.happened = r.flag("happened");
  f.output = r.value("output");
  f.evidence = r.text("evidence");
}

void write(Writer&, const CapReached&) {}
void read(const Reader&, CapReached&) {}

void write(Writer& w, const AnswerGiven& f) {
  w.path("path", f.path);
  w.value("answer", f.answer);
}
void read(const Reader& r, AnswerGiven& f) {
  f.path = r.path("path");
  f.answer = r.value("answer");
}

void write(Writer&, const TurnCame&) {}
void read(const Reader&, TurnCame&) {}

void write(Writer&, const UndoAsked&) {}
void read(const Reader&, UndoAsked&) {}

void write(Writer& w, const Migrated& f) {
  w.text("from", f.from);
  w.text("to", f.to);
}
void read(const Reader& r, Migrated& f) {
  f.from = r.text("from");
  f.to = r.text("to");
}

// The stored kind of each fact, in the order of the variant. Append only.
constexpr const char* kFactKinds[] = {"Started",     "StepSucceeded", "StepFailed",    "TimerFired",
                                      "EventTaken",  "CancelAsked",   "OperatorActed", "CapReached",
                                      "AnswerGiven", "TurnCame",      "UndoAsked",     "Migrated"};
static_assert(std::size(kFactKinds) == std::variant_size_v<Fact>);

// ---- Drawn: an object whose first field is named for what was drawn and holds the path

constexpr const char* kDrawnKinds[] = {
    "took",       "assigned", "sent",   "retry",     "settled",   "held",     "failed",
    "handled",    "waiting",  "paused", "published", "passed",    "deadline", "cancelling",
    "not_undone", "ended",    "looped", "asked",     "unwinding", "unwound"};
static_assert(std::size(kDrawnKinds) == std::variant_size_v<Drawn>);

void write_drawn(Writer& w, const Took& d) { w.unsigned_number("arm", d.arm); }
void read_drawn(const Reader& r, Took& d) { d.arm = r.small("arm"); }

void write_drawn(Writer& w, const Assigned& d) { w.value("value", d.value); }
void read_drawn(const Reader& r, Assigned& d) { d.value = r.value("value"); }

void write_drawn(Writer& w, const Sent& d) {
  w.word("direction", d.direction, stored::kDirections);
  w.unsigned_number("generation", d.generation);
  w.digest("digest", d.digest);
  w.text("key", d.key);
}
void read_drawn(const Reader& r, Sent& d) {
  d.direction = r.word<Direction>("direction", stored::kDirections);
  d.generation = r.small("generation");
  d.digest = r.digest("digest");
  d.key = r.text("key");
}

void write_drawn(Writer& w, const RetryAt& d) {
  w.word("direction", d.direction, stored::kDirections);
  w.unsigned_number("generation", d.generation);
  w.instant("at", d.at);
  w.flag("by_handler", d.by_handler);
}
void read_drawn(const Reader& r, RetryAt& d) {
  d.direction = r.word<Direction>("direction", stored::kDirections);
  d.generation = r.small("generation");
  d.at = r.instant("at");
  d.by_handler = r.flag("by_handler");
}

void write_drawn(Writer& w, const Settled& d) {
  w.word("direction", d.direction, stored::kDirections);
  w.flag("happened", d.happened);
  w.value("result", d.result);
}
void read_drawn(const Reader& r, Settled& d) {
  d.direction = r.word<Direction>("direction", stored::kDirections);
  d.happened = r.flag("happened");
  d.result = r.value("result");
}

void write_drawn(Writer& w, const Held& d) {
  w.word("direction", d.direction, stored::kDirections);
  w.word("reason", d.reason, stored::kHoldReasons);
  w.text("team", d.team);
}
void read_drawn(const Reader& r, Held& d) {
  d.direction = r.word<Direction>("direction", stored::kDirections);
  d.reason = r.word<HoldReason>("reason", stored::kHoldReasons);
  d.team = r.text("team");
}

void write_drawn(Writer& w, const Failed& d) {
  w.word("direction", d.direction, stored::kDirections);
  w.text("message", d.message);
}
void read_drawn(const Reader& r, Failed& d) {
  d.direction = r.word<Direction>("direction", stored::kDirections);
  d.message = r.text("message");
}

void write_drawn(Writer& w, const Handled& d) {
  w.word("direction", d.direction, stored::kDirections);
  w.unsigned_number("handler", d.handler);
  w.value("value", d.value);
}
void read_drawn(const Reader& r, Handled& d) {
  d.direction = r.word<Direction>("direction", stored::kDirections);
  d.handler = r.small("handler");
  d.value = r.value("value");
}

void write_drawn(Writer& w, const Waiting& d) {
  stored::write_texts(w, "keys", d.keys);
  w.instant("until", d.until);
}
void read_drawn(const Reader& r, Waiting& d) {
  for (const Value& key : r.list("keys")) d.keys.push_back(r.text_of(key));
  d.until = r.instant("until");
}

void write_drawn(Writer& w, const PausedUntil& d) { w.instant("until", d.until); }
void read_drawn(const Reader& r, PausedUntil& d) { d.until = r.instant("until"); }

void write_drawn(Writer& w, const Published& d) {
  w.text("event", d.event);
  w.unsigned_number("version", d.version, 1);
  w.text("key", d.key);
  w.value("payload", d.payload);
}
void read_drawn(const Reader& r, Published& d) {
  d.event = r.text("event");
  d.version = r.small("version", 1);
  d.key = r.text("key");
  d.payload = r.value("payload");
}

void write_drawn(Writer&, const Passed&) {}
void read_drawn(const Reader&, Passed&) {}

void write_drawn(Writer& w, const DeadlineAt& d) { w.instant("at", d.at); }
void read_drawn(const Reader& r, DeadlineAt& d) { d.at = r.instant("at"); }

void write_drawn(Writer& w, const Cancelling& d) { w.text("because", d.because); }
void read_drawn(const Reader& r, Cancelling& d) { d.because = r.text("because"); }

void write_drawn(Writer& w, const NotUndone& d) { w.text("because", d.because); }
void read_drawn(const Reader& r, NotUndone& d) { d.because = r.text("because"); }

void write_drawn(Writer& w, const Ended& d) {
  w.word("status", d.status, stored::kStatuses, Status::kCompleted);
  w.value("output", d.output);
  w.text("problem", d.problem);
}
void read_drawn(const Reader& r, Ended& d) {
  d.status = r.word("status", stored::kStatuses, Status::kCompleted);
  d.output = r.value("output");
  d.problem = r.text("problem");
}

void write_drawn(Writer& w, const Looped& d) { stored::write_values(w, "items", d.items); }
void read_drawn(const Reader& r, Looped& d) { d.items = r.values("items"); }

void write_drawn(Writer& w, const Asked& d) { w.instant("until", d.until); }
void read_drawn(const Reader& r, Asked& d) { d.until = r.instant("until"); }

void write_drawn(Writer& w, const Unwinding& d) {
  w.unsigned_number("part", d.part);
  w.unsigned_number("handler", d.handler);
  w.path("cause", d.cause);
  w.text("because", d.because);
}
void read_drawn(const Reader& r, Unwinding& d) {
  d.part = r.small("part");
  d.handler = r.small("handler");
  d.cause = r.path("cause");
  d.because = r.text("because");
}

void write_drawn(Writer& w, const Unwound& d) { w.unsigned_number("part", d.part); }
void read_drawn(const Reader& r, Unwound& d) { d.part = r.small("part"); }

// Two of them stand nowhere in the graph.
template <class T>
concept HasPath = requires(T t) {
  t.path;
};

void append_drawn(const Graph& graph, const Drawn& drawn, std::string& out) {
  std::visit(
      [&](const auto& d) {
        Writer w(graph, out);
        const char* kind = kDrawnKinds[drawn.index()];
        if constexpr (HasPath<std::decay_t<decltype(d)>>)
          w.path_always(kind, d.path);
        else
          w.begin(kind) += "true";
        write_drawn(w, d);
        w.close();
      },
      drawn);
}

template <std::size_t I = 0>
bool read_drawn_kind(const Reader& r, Drawn& out) {
  if constexpr (I == std::variant_size_v<Drawn>) {
    return false;
  } else {
    // `failed` of StepFailed is a fact's field; within a drawn object every kind is a name of its
    // own.
    if (!r.has(kDrawnKinds[I])) return read_drawn_kind<I + 1>(r, out);
    auto& d = out.emplace<I>();
    if constexpr (HasPath<std::decay_t<decltype(d)>>) d.path = r.path(kDrawnKinds[I]);
    read_drawn(r, d);
    return true;
  }
}

template <std::size_t I = 0>
bool read_fact(std::string_view kind, const Reader& r, Fact& out) {
  if constexpr (I == std::variant_size_v<Fact>) {
    return false;
  } else {
    if (kind != kFactKinds[I]) return read_fact<I + 1>(kind, r, out);
    read(r, out.emplace<I>());
    return true;
  }
}

}  // namespace

const char* kind_name(const Fact& fact) { return kFactKinds[fact.index()]; }

void append_entry_body(const Graph& graph, const Entry& entry, std::string& out) {
  Writer w(graph, out);
  std::visit([&](const auto& fact) { write(w, fact); }, entry.fact);
  w.text("reason", entry.reason);
  if (!entry.drawn.empty()) {
    w.begin("drawn") += '[';
    bool first = true;
    for (const Drawn& drawn : entry.drawn) {
      if (!first) out += ',';
      first = false;
      append_drawn(graph, drawn, out);
    }
    out += ']';
  }
  w.close();
}

std::string entry_body(const Graph& graph, const Entry& entry) {
  std::string out;
  append_entry_body(graph, entry, out);
  return out;
}

Result<Entry> decode_entry(const Graph& graph, const EntryText& text) {
  const std::string where = "journal entry " + std::to_string(text.seq);
  if (text.version == 0 || text.version > kEntryVersionMax) {
    return fail(ErrorCode::kUnsupported,
                where + " has version " + std::to_string(text.version) +
                    ", this program knows 1 to " + std::to_string(kEntryVersionMax),
                "run a newer belay");
  }
  auto body = stored::parse_stored(text.body);
  if (!body) return fail(ErrorCode::kCorrupt, where + ": " + body.error().message);
  std::string problem;
  const Reader r(graph, *body, problem);
  Entry entry;
  entry.seq = text.seq;
  entry.version = text.version;
  entry.at = text.at;
  entry.actor = text.actor;
  entry.reason = r.text("reason");
  if (!read_fact(text.kind, r, entry.fact)) {
    return fail(ErrorCode::kUnsupported,
                where + " is of the unknown kind `" + std::string(text.kind) + "`",
                "run a newer belay");
  }
  for (const Value& item : r.list("drawn")) {
    if (!read_drawn_kind(Reader(graph, item, problem), entry.drawn.emplace_back())) {
      return fail(ErrorCode::kUnsupported, where + " drew something unknown", "run a newer belay");
    }
  }
  if (!problem.empty()) return fail(ErrorCode::kCorrupt, where + ": " + problem);
  return entry;
}

}  // namespace belay::runtime
