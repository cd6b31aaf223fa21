// Statements that speak to somebody: steps, child sagas, waits, questions. What they have in
// common: a handler may follow, whose block is a part of them, and they may have done something
// that must be undone.
#include <algorithm>

#include "tests/reference/call.h"

namespace belay::reference {
namespace {

// A statement whose failure, or whose passed limit, may be handled.
class Handled : public Frame {
 public:
  using Frame::Frame;
  void child_done(Frame&) override { done(); }
  void act_of_block(Frame& act) override { follow(act.stmt->act, act, act.stmt->kind); }

 protected:
  // The handler of an error, or nullptr.
  const Handler* handler(const std::vector<Handler>& handlers, const std::string& error) const {
    for (const Handler& h : handlers) {
      if (h.errors.empty() || std::find(h.errors.begin(), h.errors.end(), error) != h.errors.end())
        return &h;
    }
    return nullptr;
  }
  // `from`: who says so, and fails if it cannot be worked out.
  void follow(const Act& act, Frame& from, Stmt::Kind statement = Stmt::Kind::kStep) {
    if (statement == Stmt::Kind::kHandTo || act.kind == Act::Kind::kHandTo) return hand_over();
    if (statement == Stmt::Kind::kTryAgain || act.kind == Act::Kind::kTryAgain)
      return try_again(act);
    if (act.kind == Act::Kind::kCancel) return saga.cancel("said so");
    if (act.kind == Act::Kind::kBlock) return add_block(act.block, *scope, rounds).start();
    if (act.with) {
      const auto n = saga.evaluate_int(*act.with, from);
      if (!n) return saga.fail(from, "bad_value");
      bind(stmt->name, Value::record({{"n", Value::integer(*n)}}));
    }
    done();
  }
  void hand_over() { saga.hold_step(this, *this, Direction::kDo, "held"); }
  virtual void try_again(const Act&) {}
  void undo_helped(const Help& help, bool happened) {
    undo_again_ = 0;
    if (help.kind == Help::Kind::kResolve) return undo_->resolved(happened, help.n);
    if (help.kind == Help::Kind::kRetry) return undo_->retried();
    saga.left_over(place());
    undone();
  }

  // Takes back what it did by `use`; then undone().
  void undo_by(const Use& use) {
    if (undo_ || waits_its_turn) return;
    std::optional<Keep> keep = use.keep;
    if (!keep) keep = saga.program.if_undo_fails;
    if (!keep) keep = Keep{24 * 3600, false};
    Call::Ends ends;
    ends.happened = [this](const Value&) { undone(); };
    ends.refused = [this, &use, keep](const std::string& error) {
      undo_refused(use, *keep, error);
    };
    undo_ = std::make_unique<Call>(*this, use, Direction::kUndo, keep, ends);
    undo_->start();
  }

 private:
  void undo_refused(const Use& use, const Keep& keep, const std::string& error) {
    const Handler* h = handler(use.handlers, error);
    if (h != nullptr && h->act.kind == Act::Kind::kTryAgain && undo_again_++ < h->act.at_most)
      return undo_->again(h->act.after_s);
    if (h != nullptr && h->act.kind == Act::Kind::kCarryOn) return undone();
    const bool by_keep = h == nullptr || h->act.kind == Act::Kind::kTryAgain;
    if (!by_keep || !keep.carry_on || error == "refused") return undo_->hold("undo failed");
    saga.left_over(place());
    undone();
  }
  std::unique_ptr<Call> undo_;
  int undo_again_ = 0;
};

class Step : public Handled {
 public:
  using Handled::Handled;
  void start() override {
    Call::Ends ends;
    ends.happened = [this](const Value& result) {
      if (result.kind != Value::Kind::kNull) bind(stmt->name, result);  // known already: null
      if (unwinding) return take_back();
      done();
    };
    ends.refused = [this](const std::string& error) { refused(error); };
    ends.anyway = [this] {
      anyway_ = true;
      if (unwinding) return take_back();
      saga.fail(*this, "unknown_outcome");
    };
    call_ = std::make_unique<Call>(*this, stmt->call, Direction::kDo, stmt->call.keep, ends);
    call_->start();
  }

 protected:
  void undo_self() override {
    if (anyway_) return take_back();
    call_->settle();
  }
  void cut_short() override {
    Handled::cut_short();
    call_->cut_short();
  }
  void helped(Direction direction, const Help& help, bool happened) override {
    if (direction == Direction::kUndo) return undo_helped(help, happened);
    again_ = 0;
    if (help.kind == Help::Kind::kResolve) return call_->resolved(happened, help.n);
    if (help.kind == Help::Kind::kRetry) return call_->retried();
    bind(stmt->name, Value::record({{"n", Value::integer(help.n)}}));
    done();
  }
  void try_again(const Act& act) override {
    if (again_++ < act.at_most) return call_->again(act.after_s);
    unhandled();
  }

 private:
  void refused(const std::string& error) {
    if (unwinding) return undone();
    error_ = error;
    const Handler* h = handler(stmt->call.handlers, error);
    if (h == nullptr) return unhandled();
    follow(h->act, *this);
  }
  void unhandled() {
    if (!stmt->call.keep) return saga.fail(*this, error_);
    if (stmt->call.keep->carry_on) return done();  // it says what follows when trying does not help
    hand_over();
  }
  void take_back() {
    if (waits_its_turn || taken_back_) return;
    taken_back_ = true;
    if (stmt->undo) return undo_by(*stmt->undo);
    if (!kActions[stmt->call.action].reads) saga.left_over(place());
    undone();
  }
  std::unique_ptr<Call> call_;
  std::string error_;
  int again_ = 0;
  bool anyway_ = false, taken_back_ = false;
};

class Run : public Handled {
 public:
  using Handled::Handled;
  void start() override {
    const auto v = saga.evaluate_int(stmt->call.v, *this);
    if (!v) return refused("bad_value");
    started_ = true;
    saga.say("start child " + place() + " v=" + std::to_string(*v));
    if (stmt->detached) return done();
    expect(saga.world.child(place()));
  }

 protected:
  void undo_self() override {
    if (!started_ || stmt->detached || (answered_ && !happened_)) return undone();
    if (happened_) return take_back();
    if (stopped_) return;
    stopped_ = true;
    saga.say("stop child " + place());
    ++expected_;  // what it would have said does not count
    expect(saga.world.child_stopped(place()));
  }

 private:
  void expect(const Answer& answer) {
    const int mine = ++expected_;
    saga.at(saga.now + answer.after, [this, mine, answer] {
      if (mine != expected_) return;
      answered_ = true;
      happened_ = answer.kind == Answer::Kind::kOk;
      if (unwinding) return happened_ ? take_back() : undone();
      if (!happened_) return refused(answer.error);
      bind(stmt->name, Value::record({{"n", Value::integer(answer.n)}}));
      done();
    });
  }
  void refused(const std::string& error) {
    const Handler* h = handler(stmt->call.handlers, error);
    if (h == nullptr) return saga.fail(*this, error);
    follow(h->act, *this);
  }
  void take_back() {
    if (waits_its_turn || taken_back_) return;
    taken_back_ = true;
    saga.say("undo child " + place());
    const Answer answer = saga.world.child_undone(place());
    saga.at(saga.now + answer.after, [this, answer] {
      if (answer.kind == Answer::Kind::kOk) return undone();
      const auto& keep = saga.program.if_undo_fails;
      if (!keep || !keep->carry_on) return saga.hold(this, place() + " undo failed");
      saga.left_over(place());
      undone();
    });
  }
  bool started_ = false, answered_ = false, happened_ = false, stopped_ = false,
       taken_back_ = false;
  int expected_ = 0;
};

class Wait : public Handled {
 public:
  using Handled::Handled;
  void start() override {
    std::vector<std::int64_t> keys;
    for (const Source& source : stmt->sources) {
      const auto key = saga.evaluate_int(source.key, *this);
      if (!key) return saga.fail(*this, "bad_value");
      keys.push_back(*key);
    }
    waiting_ = true;
    for (std::size_t i = 0; i < keys.size(); ++i)
      saga.await(*this, i, stmt->sources[i].event, keys[i],
                 -stmt->sources[i].even_before_s * kSecond);
    saga.at_limit(saga.now + stmt->ms * kSecond / 1000, [this] {
      if (!waiting_) return;
      stop();
      follow(stmt->act, *this);
    });
  }
  void event(std::size_t source, const Event& event) override {
    const Value payload =
        Value::record({{"k", Value::integer(event.key)}, {"n", Value::integer(event.n)}});
    taken_.fields[stmt->sources[source].name] = payload;
    if (!stmt->any_source && taken_.fields.size() < stmt->sources.size()) return;
    stop();
    whole_ = true;
    bind(stmt->name, stmt->sources.size() == 1 ? payload : Value::record(taken_.fields));
    done();
  }

 protected:
  void undo_children() override {
    stop();
    Handled::undo_children();
  }
  void undo_self() override {
    if (!whole_ || !stmt->undo) return undone();
    undo_by(*stmt->undo);
  }

 private:
  void stop() {
    waiting_ = false;
    saga.await_no_more(*this);
  }
  Value taken_;
  bool waiting_ = false, whole_ = false;
};

class Ask : public Handled {
 public:
  using Handled::Handled;
  void start() override {
    waiting_ = true;
    if (const auto answer = saga.world.person(place())) {
      saga.at(saga.now + answer->after, [this, n = answer->n] {
        if (!waiting_ || unwinding) return;
        waiting_ = false;
        bind(stmt->name, Value::record({{"n", Value::integer(n)}}));
        done();
      });
    }
    saga.at_limit(saga.now + stmt->ms * kSecond / 1000, [this] {
      if (!waiting_ || unwinding) return;
      waiting_ = false;
      follow(stmt->act, *this);
    });
  }

 private:
  bool waiting_ = false;
};

}  // namespace

std::unique_ptr<Frame> make_step(Saga& saga, Frame& parent, const Stmt& stmt) {
  return std::make_unique<Step>(saga, &parent, &stmt, *parent.scope, parent.rounds);
}
std::unique_ptr<Frame> make_run(Saga& saga, Frame& parent, const Stmt& stmt) {
  return std::make_unique<Run>(saga, &parent, &stmt, *parent.scope, parent.rounds);
}
std::unique_ptr<Frame> make_wait(Saga& saga, Frame& parent, const Stmt& stmt) {
  return std::make_unique<Wait>(saga, &parent, &stmt, *parent.scope, parent.rounds);
}
std::unique_ptr<Frame> make_ask(Saga& saga, Frame& parent, const Stmt& stmt) {
  return std::make_unique<Ask>(saga, &parent, &stmt, *parent.scope, parent.rounds);
}

}  // namespace belay::reference
