// States to JSON and back; writing and reading side by side. See state_json.h.
#include "runtime/base/state_json.h"

#include "runtime/base/tagged_json.h"

namespace belay::runtime {
namespace {

using namespace interpreter;
using stored::Reader;
using stored::Writer;

void write(Writer& w, const CallState& c) {
  w.word("phase", c.phase, stored::kPhases);
  w.unsigned_number("generation", c.generation);
  w.unsigned_number("tries", c.tries);
  w.unsigned_number("handler_tries", c.handler_tries);
  w.flag("unsure", c.unsure);
  w.digest("digest", c.digest);
  w.instant("first_sent_at", c.first_sent_at);
  w.instant("sent_at", c.sent_at);
  w.instant("unsure_at", c.unsure_at);
  w.instant("due", c.due);
  w.word("failure", c.failure, stored::kFailureKinds, FailureKind::kTransient);
  w.text("error", c.error);
  w.text("message", c.message);
  w.flag("answered", c.answered);
  w.number("retry_after_ms", c.retry_after_ms);
  w.word("hold", c.hold, stored::kHoldReasons);
  w.text("team", c.team);
  w.value("result", c.result);
  w.text("key", c.key);
}
CallState read_call(const Reader& r) {
  CallState c;
  c.phase = r.word<CallPhase>("phase", stored::kPhases);
  c.generation = r.small("generation");
  c.tries = r.small("tries");
  c.handler_tries = r.small("handler_tries");
  c.unsure = r.flag("unsure");
  c.digest = r.digest("digest");
  c.first_sent_at = r.instant("first_sent_at");
  c.sent_at = r.instant("sent_at");
  c.unsure_at = r.instant("unsure_at");
  c.due = r.instant("due");
  c.failure = r.word("failure", stored::kFailureKinds, FailureKind::kTransient);
  c.error = r.text("error");
  c.message = r.text("message");
  c.answered = r.flag("answered");
  c.retry_after_ms = r.number("retry_after_ms");
  c.hold = r.word<HoldReason>("hold", stored::kHoldReasons);
  c.team = r.text("team");
  c.result = r.value("result");
  c.key = r.text("key");
  return c;
}

void write_call(Writer& w, const char* name, const CallState& call) {
  if (call == CallState{}) return;
  Writer inner(w.graph(), w.begin(name));
  write(inner, call);
  inner.close();
}
CallState read_call(const Reader& r, const char* name) {
  const Value* found = r.object(name);
  return found == nullptr ? CallState{} : read_call(Reader(r.graph(), *found, r.problem()));
}

void write(Writer& w, const Activity& a) {
  w.path_always("path", a.path);
  w.flag("closed", !a.open);
  w.word("effect", a.effect, stored::kEffects);
  write_call(w, "do", a.forward);
  write_call(w, "check", a.check);
  write_call(w, "undo", a.undo);
  write_call(w, "undo_check", a.undo_check);
  w.instant("until", a.until);
  w.flag("limit_passed", a.limit_passed);
  stored::write_texts(w, "keys", a.keys);
  stored::write_numbers(w, "taken", a.taken);
  w.instant("keep_since", a.keep_since);
  w.instant("undo_since", a.undo_since);
  w.text("left_because", a.left_because);
}
void read(const Reader& r, Activity& a) {
  a.path = r.path("path");
  a.open = !r.flag("closed");
  a.effect = r.word<EffectState>("effect", stored::kEffects);
  a.forward = read_call(r, "do");
  a.check = read_call(r, "check");
  a.undo = read_call(r, "undo");
  a.undo_check = read_call(r, "undo_check");
  a.until = r.instant("until");
  a.limit_passed = r.flag("limit_passed");
  for (const Value& key : r.list("keys")) a.keys.push_back(r.text_of(key));
  a.taken = r.numbers("taken");
  a.keep_since = r.instant("keep_since");
  a.undo_since = r.instant("undo_since");
  a.left_because = r.text("left_because");
}

void write(Writer& w, const Variable& v) {
  append_uint(v.slot, w.begin("slot"));
  stored::write_numbers(w, "iteration", v.iteration);
  w.value("value", v.value);
}
void read(const Reader& r, Variable& v) {
  v.slot = r.small("slot");
  v.iteration = r.numbers("iteration");
  v.value = r.value("value");
}

void write(Writer& w, const Join& j) {
  w.path_always("path", j.path);
  w.unsigned_number("left", j.left);
  stored::write_numbers(w, "running", j.running);
}
void read(const Reader& r, Join& j) {
  j.path = r.path("path");
  j.left = r.small("left");
  j.running = r.numbers("running");
}

void write(Writer& w, const Loop& l) {
  w.path_always("path", l.path);
  stored::write_values(w, "items", l.items);
  w.unsigned_number("next", l.next);
  w.unsigned_number("failed", l.failed);
  stored::write_numbers(w, "running", l.running);
}
void read(const Reader& r, Loop& l) {
  l.path = r.path("path");
  l.items = r.values("items");
  l.next = r.small("next");
  l.failed = r.small("failed");
  l.running = r.numbers("running");
}

void write(Writer& w, const Unwind& u) {
  w.path_always("path", u.path);
  w.unsigned_number("part", u.part);
  w.unsigned_number("handler", u.handler);
  w.flag("loser", u.loser);
  w.text("because", u.because);
}
void read(const Reader& r, Unwind& u) {
  u.path = r.path("path");
  u.part = r.small("part");
  u.handler = r.small("handler");
  u.loser = r.flag("loser");
  u.because = r.text("because");
}

void write(Writer& w, const Lost& l) {
  w.path_always("path", l.path);
  w.unsigned_number("part", l.part);
}
void read(const Reader& r, Lost& l) {
  l.path = r.path("path");
  l.part = r.small("part");
}

template <class T>
void write_list(Writer& w, const char* name, const std::vector<T>& items) {
  if (items.empty()) return;
  std::string& out = w.begin(name);
  out += '[';
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (i > 0) out += ',';
    Writer inner(w.graph(), out);
    write(inner, items[i]);
    inner.close();
  }
  out += ']';
}
template <class T>
void read_list(const Reader& r, const char* name, std::vector<T>& items) {
  for (const Value& item : r.list(name))
    read(Reader(r.graph(), item, r.problem()), items.emplace_back());
}

void write_scalars(Writer& w, const State& s) {
  w.unsigned_number("seq", s.seq);
  w.instant("started_at", s.started_at);
  w.instant("now", s.now);
  w.word("status", s.status, stored::kStatuses);
  w.text("parent", s.parent.saga);
  w.text("parent_path", s.parent.path);
  w.unsigned_number("parent_generation", s.parent.generation);
  w.number("parent_lane", s.parent.lane);
  w.flag("undo_asked", s.undo_asked);
  w.flag("queued", s.queued);
  w.flag("paused", s.paused);
  w.flag("cancel_asked", s.cancel_asked);
  w.flag("deadline_passed", s.deadline_passed);
  w.flag("past_no_return", s.past_no_return);
  w.flag("capped", s.capped);
  w.instant("deadline", s.deadline);
  w.text("because", s.because);
  w.flag("at_end", s.at_end);
  w.value("output", s.output);
  w.text("problem", s.problem);
}
void read_scalars(const Reader& r, State& s) {
  s.seq = r.unsigned_number("seq");
  s.started_at = r.instant("started_at");
  s.now = r.instant("now");
  s.status = r.word<Status>("status", stored::kStatuses);
  s.parent = {r.text("parent"), r.text("parent_path"), r.small("parent_generation"),
              static_cast<std::int32_t>(r.number("parent_lane"))};
  s.undo_asked = r.flag("undo_asked");
  s.queued = r.flag("queued");
  s.paused = r.flag("paused");
  s.cancel_asked = r.flag("cancel_asked");
  s.deadline_passed = r.flag("deadline_passed");
  s.past_no_return = r.flag("past_no_return");
  s.capped = r.flag("capped");
  s.deadline = r.instant("deadline");
  s.because = r.text("because");
  s.at_end = r.flag("at_end");
  s.output = r.value("output");
  s.problem = r.text("problem");
}

}  // namespace

void append_state(const Graph& graph, const State& state, std::string& out) {
  Writer w(graph, out);
  append_uint(kStateFormat, w.begin("format"));
  write_scalars(w, state);
  if (!state.ready.empty()) {
    w.begin("ready") += '[';
    for (std::size_t i = 0; i < state.ready.size(); ++i) {
      if (i > 0) out += ',';
      stored::append_path(graph, state.ready[i], out);
    }
    out += ']';
  }
  write_list(w, "activities", state.activities);
  write_list(w, "variables", state.variables);
  write_list(w, "joins", state.joins);
  write_list(w, "loops", state.loops);
  write_list(w, "unwinding", state.unwinding);
  write_list(w, "lost", state.lost);
  stored::write_texts(w, "taken_events", state.taken_events);
  w.close();
}

std::string encode_state(const Graph& graph, const State& state) {
  std::string out;
  append_state(graph, state, out);
  return out;
}

Result<State> decode_state(const Graph& graph, std::string_view json) {
  auto parsed = stored::parse_stored(json);
  if (!parsed) return fail(parsed.error());
  std::string problem;
  const Reader r(graph, *parsed, problem);
  const std::uint64_t format = r.unsigned_number("format");
  if (problem.empty() && format != kStateFormat) {
    return fail(ErrorCode::kUnsupported, "the snapshot has format " + std::to_string(format) +
                                             ", this program reads " +
                                             std::to_string(kStateFormat));
  }
  State state;
  read_scalars(r, state);
  for (const Value& item : r.list("ready")) state.ready.push_back(r.path_of(item));
  read_list(r, "activities", state.activities);
  read_list(r, "variables", state.variables);
  read_list(r, "joins", state.joins);
  read_list(r, "loops", state.loops);
  read_list(r, "unwinding", state.unwinding);
  read_list(r, "lost", state.lost);
  for (const Value& item : r.list("taken_events")) state.taken_events.push_back(r.text_of(item));
  if (!problem.empty()) return fail(ErrorCode::kCorrupt, "a snapshot cannot be read: " + problem);
  return state;
}

}  // namespace belay::runtime
