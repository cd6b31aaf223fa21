// What frames share, and every statement that sends no request of its own.
#include "tests/reference/frame.h"

#include <algorithm>

namespace belay::reference {

// ---- Shared

std::string Frame::name() const {
  static constexpr Stmt::Kind kNamed[] = {Stmt::Kind::kStep, Stmt::Kind::kRun, Stmt::Kind::kWait,
                                          Stmt::Kind::kAsk};
  if (std::find(std::begin(kNamed), std::end(kNamed), stmt->kind) != std::end(kNamed))
    return stmt->name;
  return stmt->kind == Stmt::Kind::kCarryOn ? "act" : words(stmt->kind);
}

std::string Frame::place() const {
  std::string out = name();
  if (out != stmt->name) return out;
  for (const int round : rounds) out += "[" + std::to_string(round) + "]";
  return out;
}

bool Frame::inside(const Frame& other) const {
  for (const Frame* f = this; f != nullptr; f = f->parent) {
    if (f == &other) return true;
  }
  return false;
}

void Frame::bind(const std::string& name, Value value) {
  scope->names[name] = {std::move(value), this};
}

void Frame::done() {
  ended = ++saga.tick;
  if (unwinding) return;
  if (parent == nullptr) return saga.root_done();
  parent->child_done(*this);
}

void Frame::unwind() {
  if (unwinding && !waits_its_turn) return;
  if (waits_its_turn) {
    waits_its_turn = false;
    return undo_children();
  }
  unwinding = true;
  saga.release(this);
  undo_children();
}

void Frame::cut_short() {
  waits_its_turn = unwinding && !unwound;
  for (const auto& child : children) child->cut_short();
}

void Frame::unwind_as_part() {
  cut_short();
  dead = part = true;
  saga.part_begins_to_unwind();
  unwind();
}

void Frame::undo_children() {
  if (walking_ || unwound || waits_its_turn) return;
  walking_ = true;
  const bool forward = saga.flaw == Flaw::kUndoForward;
  for (std::size_t i = 0; i < children.size(); ++i) {
    Frame& child = *children[forward ? i : children.size() - 1 - i];
    child.unwind();
    if (!child.unwound) {
      walking_ = false;
      return;
    }
  }
  walking_ = false;
  undo_self();
}

void Frame::child_unwound(Frame&) {
  if (unwinding) undo_children();
}

void Frame::undone() {
  if (unwound) return;
  unwound = true;
  ++saga.tick;
  if (parent == nullptr) return saga.root_unwound();
  parent->child_unwound(*this);
  if (part) saga.part_is_unwound();
}

Sequence& Frame::add_block(const Block& block, Scope& in, std::vector<int> rounds_in) {
  auto sequence = std::make_unique<Sequence>(saga, this, block, in, std::move(rounds_in));
  Sequence& added = *sequence;
  added.began = ++saga.tick;
  children.push_back(std::move(sequence));
  return added;
}

// ---- A list of statements

void Sequence::start() { next(); }
void Sequence::child_done(Frame&) { next(); }
void Sequence::next() {
  if (unwinding) return;
  if (position_ == block_.size()) return done();
  const Stmt& next = block_[position_++];
  saga.soon([this, &next] {
    if (unwinding) return;
    saga.entered.insert(next.kind);
    children.push_back(make_frame(saga, *this, next));
    Frame& child = *children.back();
    child.began = ++saga.tick;
    child.start();
  });
}

namespace {

class Plain : public Frame {  // done at once
 public:
  using Frame::Frame;
  void start() override {
    switch (stmt->kind) {
      case Stmt::Kind::kSet: {
        const auto value = saga.evaluate(stmt->value, *this);
        if (!value) return saga.fail(*this, "bad_value");
        bind(stmt->name, *value);
        return done();
      }
      case Stmt::Kind::kPublish: {
        const auto key = saga.evaluate_int(stmt->key, *this),
                   n = saga.evaluate_int(stmt->value, *this);
        if (!key || !n) return saga.fail(*this, "bad_value");
        saga.say("publish ref.told key " + std::to_string(*key) + " n=" + std::to_string(*n));
        return done();
      }
      case Stmt::Kind::kPoint: saga.past_point = true; return done();
      case Stmt::Kind::kCancel: return saga.cancel("said so");
      case Stmt::Kind::kFinish: {
        const auto out = saga.evaluate_int(stmt->value, *this);
        if (!out) return saga.fail(*this, "bad_value");
        return saga.finish(Value::integer(*out));
      }
      default: {  // about the statement in whose handler's block it stands
        Frame* owner = parent;
        while (owner->stmt == nullptr || owner->stmt->kind == Stmt::Kind::kWhen)
          owner = owner->parent;
        return owner->act_of_block(*this);
      }
    }
  }
};

class Pause : public Frame {
 public:
  using Frame::Frame;
  void start() override {
    saga.at_limit(saga.now + stmt->ms * kSecond / 1000, [this] {
      if (!unwinding) done();
    });
  }
};

class When : public Frame {
 public:
  using Frame::Frame;
  void start() override {
    for (std::size_t i = 0; i < stmt->blocks.size(); ++i) {
      if (i < stmt->conditions.size()) {
        const auto holds = saga.evaluate(stmt->conditions[i], *this);
        if (!holds) return saga.fail(*this, "bad_value");
        if (holds->number == 0) continue;
      }
      return add_block(stmt->blocks[i], *scope, rounds).start();
    }
    done();
  }
  void child_done(Frame&) override { done(); }
};

// ---- Side by side

class Together : public Frame {
 public:
  using Frame::Frame;
  void start() override {
    wanted_ = stmt->wanted == 0 ? static_cast<int>(stmt->blocks.size()) : stmt->wanted;
    running_ = static_cast<int>(stmt->blocks.size());
    for (const Block& block : stmt->blocks) add_block(block, *scope, rounds);
    for (const auto& branch : children) {
      if (over_ || unwinding) return;
      branch->start();
    }
  }
  void child_done(Frame& branch) override {
    if (over_) return;
    won_.insert(&branch);
    --running_;
    if (static_cast<int>(won_.size()) < wanted_) return;
    over_ = true;
    for (const auto& other : children) {
      if (won_.count(other.get()) == 0 && !other->unwinding && saga.flaw != Flaw::kKeepLosers)
        other->unwind_as_part();
    }
    done();
  }
  bool take(Frame& branch, const std::string& error) override {
    if (over_ || error == "refused" || static_cast<int>(won_.size()) + running_ - 1 < wanted_)
      return false;
    --running_;
    branch.unwind_as_part();
    return true;
  }

 protected:
  void undo_children() override {
    if (waits_its_turn || unwound) return;
    for (const auto& branch : children) branch->unwind();
    for (const auto& branch : children) {
      if (!branch->unwound) return;
    }
    undo_self();
  }

 private:
  int wanted_ = 0, running_ = 0;
  bool over_ = false;
  std::set<const Frame*> won_;
};

class ForEach : public Frame {
 public:
  using Frame::Frame;
  void start() override {
    const auto list = saga.evaluate(stmt->value, *this);
    if (!list || list->kind != Value::Kind::kList) return saga.fail(*this, "bad_value");
    items_ = list->items;
    fill();
  }
  void child_done(Frame& item) override {
    if (stmt->collect.empty()) return item_over(item);
    saga.soon([this, &item] {
      if (unwinding) return;
      item.bind(stmt->collect, saga.evaluate(stmt->collected, item).value_or(Value{}));
      item_over(item);
    });
  }
  // The next failure goes outward.
  bool take(Frame& item, const std::string& error) override {
    if (error == "refused" || failed_ >= stmt->tolerated) return false;
    ++failed_;
    item.unwind_as_part();
    return true;
  }
  void child_unwound(Frame& item) override {
    if (!unwinding && item.part) {  // it kept its place until now
      --busy_;
      return fill();
    }
    Frame::child_unwound(item);
  }

 protected:
  // An item is undone when all are that began after it was over.
  void undo_children() override {
    if (walking_ || waits_its_turn || unwound) return;
    walking_ = true;
    bool again = true;
    while (again) {
      again = false;
      for (const auto& item : children) {
        if ((item->unwinding && !item->waits_its_turn) || !ready(*item)) continue;
        item->unwind();
        again = true;
      }
    }
    walking_ = false;
    for (const auto& item : children) {
      if (!item->unwound) return;
    }
    undo_self();
  }

 private:
  void item_over(Frame& item) {
    --busy_;
    over_.insert(&item);
    fill();
  }
  bool ready(const Frame& item) const {
    if (over_.count(&item) == 0) return true;
    if (stmt->at_once > 1) return true;
    return std::all_of(children.begin(), children.end(), [&](const auto& later) {
      return later->began < item.ended || later->unwound;
    });
  }
  void fill() {
    if (filling_) return;
    filling_ = true;
    while (!unwinding && busy_ < stmt->at_once && next_ < items_.size()) {
      Scope& own = saga.new_scope(*scope);
      std::vector<int> in = rounds;
      in.push_back(static_cast<int>(next_));
      Sequence& item = add_block(stmt->blocks[0], own, in);
      item.bind(stmt->name, items_[next_]);
      ++next_;
      ++busy_;
      item.start();
    }
    filling_ = false;
    if (unwinding || busy_ > 0 || next_ < items_.size()) return;
    if (!stmt->collect.empty()) {
      std::vector<Value> collected;
      for (const auto& item : children) {
        if (!item->part) collected.push_back(item->scope->names[stmt->collect].value);
      }
      bind(stmt->collect, Value::list(std::move(collected)));
    }
    done();
  }

  std::vector<Value> items_;
  std::size_t next_ = 0;
  int busy_ = 0, failed_ = 0;
  bool filling_ = false, walking_ = false;
  std::set<const Frame*> over_;
};

// ---- Loops and handlers

class Repeat : public Frame {
 public:
  using Frame::Frame;
  void start() override { round(); }
  void child_done(Frame& child) override {
    if (used_up_) return done();
    saga.soon([this, &child] {
      if (!unwinding) look(child);
    });
  }
  void act_of_block(Frame& act) override {
    if (act.stmt->kind == Stmt::Kind::kHandTo) return saga.hold(this, place() + " held");
    done();
  }

 private:
  void round() {
    std::vector<int> in = rounds;
    in.push_back(rounds_++);
    add_block(stmt->blocks[0], saga.new_scope(*scope), in).start();
  }
  // The round is over: enough?
  void look(Frame& round_over) {
    const auto enough = saga.evaluate(stmt->conditions[0], round_over);
    if (!enough) return saga.fail(*this, "bad_value");
    const bool last = rounds_ == stmt->times;
    if (enough->number == 0 && !last) return round();
    for (const auto& [name, binding] : round_over.scope->names) scope->names[name] = binding;
    if (enough->number != 0) return done();
    used_up_ = true;
    switch (stmt->act.kind) {
      case Act::Kind::kNone: return saga.fail(*this, "gave_up");
      case Act::Kind::kCancel: return saga.cancel("said so");
      case Act::Kind::kCarryOn: return done();
      case Act::Kind::kHandTo: return saga.hold(this, place() + " held");
      default: return add_block(stmt->act.block, *scope, rounds).start();
    }
  }
  int rounds_ = 0;
  bool used_up_ = false;
};

class Try : public Frame {
 public:
  using Frame::Frame;
  void start() override { add_block(stmt->blocks[0], *scope, rounds).start(); }
  void child_done(Frame&) override { done(); }
  bool take(Frame& child, const std::string& error) override {
    if (handler_ != nullptr || &child != children[0].get()) return false;
    for (const Handler& handler : stmt->call.handlers) {
      if (!handler.errors.empty() &&
          std::find(handler.errors.begin(), handler.errors.end(), error) == handler.errors.end())
        continue;
      handler_ = &handler;
      child.unwind_as_part();
      return true;
    }
    return false;
  }
  void child_unwound(Frame& child) override {
    if (unwinding) return Frame::child_unwound(child);
    switch (handler_->act.kind) {
      case Act::Kind::kCancel: return saga.cancel("said so");
      case Act::Kind::kHandTo: return saga.hold(this, place() + " held");
      case Act::Kind::kBlock: return add_block(handler_->act.block, *scope, rounds).start();
      default: return done();
    }
  }
  void act_of_block(Frame& act) override {
    if (act.stmt->kind == Stmt::Kind::kHandTo) return saga.hold(this, place() + " held");
    done();
  }

 private:
  const Handler* handler_ = nullptr;
};

}  // namespace

std::unique_ptr<Frame> make_frame(Saga& saga, Frame& parent, const Stmt& stmt) {
  const auto make = [&]<class F>(F*) -> std::unique_ptr<Frame> {
    return std::make_unique<F>(saga, &parent, &stmt, *parent.scope, parent.rounds);
  };
  switch (stmt.kind) {
    case Stmt::Kind::kStep: return make_step(saga, parent, stmt);
    case Stmt::Kind::kRun: return make_run(saga, parent, stmt);
    case Stmt::Kind::kWait: return make_wait(saga, parent, stmt);
    case Stmt::Kind::kAsk: return make_ask(saga, parent, stmt);
    case Stmt::Kind::kWhen: return make(static_cast<When*>(nullptr));
    case Stmt::Kind::kTogether: return make(static_cast<Together*>(nullptr));
    case Stmt::Kind::kForEach: return make(static_cast<ForEach*>(nullptr));
    case Stmt::Kind::kRepeat: return make(static_cast<Repeat*>(nullptr));
    case Stmt::Kind::kPause: return make(static_cast<Pause*>(nullptr));
    case Stmt::Kind::kTry: return make(static_cast<Try*>(nullptr));
    default: return make(static_cast<Plain*>(nullptr));
  }
}

}  // namespace belay::reference
