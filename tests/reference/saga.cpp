// The saga around its frames: time, names, who takes a failure, what ends it.
#include "tests/reference/saga.h"

#include <algorithm>

#include "tests/reference/frame.h"

namespace belay::reference {

Saga::Saga(const Program& what, const Script& script, Flaw mistake)
    : program(what), flaw(mistake), world(script), script_(script) {}
Saga::~Saga() = default;

Played Saga::play() {
  if (program.finish_within_s > 0 && flaw != Flaw::kNoDeadline)
    at(program.finish_within_s * kSecond, [this] { cancel("time is over"); });
  if (script_.cancel) at(*script_.cancel, [this] { cancel("somebody asked"); });
  for (const Event& event : script_.events) {
    if (event.at >= 0) at(event.at, [this] { hand_out_events(); });
  }
  root_ = std::make_unique<Sequence>(*this, nullptr, program.body, names_, std::vector<int>{});
  root_->bind("x", Value::integer(script_.x));
  root_->start();
  int left = 3000;
  while (!over_ && !(agenda_.empty() && ready_.empty()) && --left > 0) {
    if (!ready_.empty()) {
      const auto what = std::move(ready_.front());
      ready_.pop_front();
      what();
      continue;
    }
    auto first = agenda_.begin();
    now = first->first;
    const auto what = std::move(first->second);
    agenda_.erase(first);
    what();
  }
  if (!over_) {
    trace.ended = left == 0 ? "open" : "held";
    trace.end.push_back(trace.ended);
    for (const auto& [who, held] : held_) trace.end.push_back("held: " + held.line);
  }
  return {std::move(trace), world.told(), tied_, std::move(entered)};
}

void Saga::fail(Frame& origin, const std::string& error) {
  Frame* child = &origin;
  for (Frame* frame = origin.parent; frame != nullptr; child = frame, frame = frame->parent) {
    if (frame->take(*child, error)) return;
  }
  // An unmapped refusal: nobody has thought of this answer yet. After the point nothing is undone.
  const char* why = error == "unknown_outcome" ? "unknown" : "held";
  if (error == "refused" || past_point) return hold_step(&origin, origin, Direction::kDo, why);
  cancel(origin.name() + ": " + error);
}

void Saga::hold_step(const void* who, Frame& step, Direction direction, const char* why) {
  const std::string place = step.place();
  hold(who, place + " " + why);
  if (step.stmt->kind != Stmt::Kind::kStep) return;
  const bool unknown = why == std::string("unknown");
  const auto help =
      world.help(place, direction, unknown, may_be_retried(*step.stmt, direction, unknown));
  if (!help) return;
  at(now + help->after, [this, who, &step, direction, since = held_[who].since, help = *help] {
    const auto it = held_.find(who);
    if (it == held_.end() || it->second.since != since) return;
    held_.erase(it);
    const bool looks = help.kind == Help::Kind::kResolve;
    step.helped(direction, help, looks && world.happened(step.place(), direction));
  });
}

bool may_be_retried(const Stmt& step, Direction direction, bool unknown) {
  const Use& use = direction == Direction::kDo ? step.call : *step.undo;
  const Action& action = kActions[use.action];
  if (unknown && (action.keys_for_s > 0 ||
                  !(action.safe || action.checked || use.if_unsure == IfUnsure::kCheck)))
    return false;
  return direction == Direction::kUndo ||
         std::none_of(use.handlers.begin(), use.handlers.end(),
                      [](const Handler& h) { return h.act.kind == Act::Kind::kBlock; });
}

void Saga::cancel(const std::string& why) {
  if (past_point || over_ || root_->unwinding) return;
  why_ = why;
  root_->cut_short();
  root_->unwind();
}

void Saga::finish(const Value& out) {
  out_ = out;
  at_end_ = true;
  maybe_complete();
}

void Saga::root_done() {
  out_ = evaluate(program.gives, *root_);
  at_end_ = true;
  maybe_complete();
}

void Saga::part_is_unwound() {
  --parts_;
  maybe_complete();
}

// A saga does not end before its losers are undone.
void Saga::maybe_complete() {
  if (at_end_ && parts_ == 0 && !root_->unwinding) end("completed");
}

void Saga::root_unwound() { end("undone"); }

void Saga::end(const char* how) {
  over_ = true;
  trace.ended = how;
  const bool gives = at_end_ && !root_->unwound;
  trace.end.push_back(std::string(how) + " at " + std::to_string(now) +
                      (gives ? " with " + (out_ ? text(*out_) : std::string("a bad value")) : ""));
  if (root_->unwound) trace.end.push_back("because " + why_);
  for (const std::string& place : left_over_) trace.end.push_back("left over: " + place);
}

// ---- Events

void Saga::await(Frame& wait, std::size_t source, int event, std::int64_t key, Time since) {
  awaiting_.push_back({&wait, source, event, key, since});
  at(now, [this] { hand_out_events(); });
}

void Saga::await_no_more(const Frame& wait) {
  std::erase_if(awaiting_, [&](const Awaiting& a) { return a.wait == &wait; });
}

// Each event that has come goes to the one that waits for it longest; the saga takes it once.
void Saga::hand_out_events() {
  for (std::size_t i = 0; i < script_.events.size() && script_.events[i].at <= now; ++i) {
    if (taken_.count(i) != 0) continue;
    const Event& event = script_.events[i];
    for (std::size_t a = 0; a < awaiting_.size(); ++a) {
      const Awaiting found = awaiting_[a];
      if (found.event != event.event || found.key != event.key || event.at < found.since) continue;
      awaiting_.erase(awaiting_.begin() + static_cast<std::ptrdiff_t>(a));
      taken_.insert(i);
      found.wait->event(found.source, event);
      return at(now,
                [this] { hand_out_events(); });  // what follows from it comes before the next one
    }
  }
}

// ---- Names

Scope& Saga::new_scope(Scope& outer) {
  scopes_.push_back(std::make_unique<Scope>());
  scopes_.back()->outer = &outer;
  return *scopes_.back();
}

const Value* Saga::find(const std::vector<std::string>& path, const Frame& reader) const {
  for (const Scope* scope = reader.scope; scope != nullptr; scope = scope->outer) {
    const auto it = scope->names.find(path.front());
    if (it == scope->names.end()) continue;
    // What is undone, or about to be, is gone for all who are not part of it.
    for (const Frame* f = it->second.owner; f != nullptr; f = f->parent) {
      if (f->dead && !reader.inside(*f)) return nullptr;
    }
    const Value* value = &it->second.value;
    for (std::size_t i = 1; i < path.size(); ++i) {
      const auto field = value->fields.find(path[i]);
      if (field == value->fields.end()) return nullptr;
      value = &field->second;
    }
    return value;
  }
  return nullptr;
}

std::optional<std::int64_t> Saga::evaluate_int(const Expr& expr, const Frame& reader) const {
  const std::optional<Value> value = evaluate(expr, reader);
  if (!value || value->kind != Value::Kind::kInt) return std::nullopt;
  return value->number;
}

std::optional<Value> Saga::evaluate(const Expr& expr, const Frame& reader) const {
  using Op = Expr::Op;
  const auto arg = [&](std::size_t i) { return evaluate(expr.of[i], reader); };
  switch (expr.op) {
    case Op::kNumber: return Value::integer(expr.number);
    case Op::kName:
      if (const Value* value = find(expr.path, reader)) return *value;
      return std::nullopt;
    case Op::kPresent: return Value::boolean(find(expr.of[0].path, reader) != nullptr);
    case Op::kOrElse:
      if (const Value* value = find(expr.of[0].path, reader)) return *value;
      return arg(1);
    case Op::kAnd: {  // false wins over an error on either side
      const auto a = arg(0), b = arg(1);
      if ((a && a->number == 0) || (b && b->number == 0)) return Value::boolean(false);
      if (!a || !b) return std::nullopt;
      return Value::boolean(true);
    }
    case Op::kNot: {
      const auto a = arg(0);
      if (!a) return std::nullopt;
      return Value::boolean(a->number == 0);
    }
    case Op::kSize: {
      const auto a = arg(0);
      if (!a) return std::nullopt;
      return Value::integer(static_cast<std::int64_t>(a->items.size()));
    }
    case Op::kList: {
      std::vector<Value> items;
      for (std::size_t i = 0; i < expr.of.size(); ++i) {
        const auto item = arg(i);
        if (!item) return std::nullopt;
        items.push_back(*item);
      }
      return Value::list(std::move(items));
    }
    case Op::kAdd:
    case Op::kDivide:
    case Op::kLess:
    case Op::kIs: break;
  }
  const auto a = arg(0), b = arg(1);
  if (!a || !b) return std::nullopt;
  if (expr.op == Op::kAdd) return Value::integer(a->number + b->number);
  if (expr.op == Op::kLess) return Value::boolean(a->number < b->number);
  if (expr.op == Op::kIs) return Value::boolean(*a == *b);
  if (b->number == 0) return std::nullopt;
  return Value::integer(a->number / b->number);
}

Played play(const Program& program, const Script& script, Flaw flaw) {
  return Saga(program, script, flaw).play();
}

}  // namespace belay::reference
