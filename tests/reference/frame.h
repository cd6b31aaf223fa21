// Statements that are under way, or were: a tree that grows as the saga goes on and is walked
// backwards to undo it. A frame is started once; it says `done` or fails once; it is unwound at
// most once, which ends in `child_unwound` of the frame around it. Undoing needs no plan: a list of
// statements is unwound from its last one to its first, branches all at once, and what is still on
// its way is awaited first, each frame for itself.
#pragma once
#include <deque>
#include <functional>
#include <memory>

#include "tests/reference/saga.h"

namespace belay::reference {

class Frame;
class Sequence;

// Names of a workflow, of one item of a `for each`, of one round of a `repeat`.
struct Scope {
  struct Binding {
    Value value;
    const Frame* owner = nullptr;
  };
  Scope* outer = nullptr;
  std::map<std::string, Binding> names;
};

class Saga {
 public:
  Saga(const Program& program, const Script& script, Flaw flaw);
  ~Saga();
  Played play();

  // For frames.
  void at(Time when, std::function<void()> what) { agenda_.emplace(when, std::move(what)); }
  // The same for the limit of a wait or question, and the end of a pause.
  void at_limit(Time when, std::function<void()> what) {
    tied_ = tied_ || !limits_.insert(when).second;
    at(when, std::move(what));
  }
  // Control reaches a statement: branches take turns, a statement each.
  void soon(std::function<void()> what) { ready_.push_back(std::move(what)); }
  void say(std::string line) { trace.say(now, std::move(line)); }
  // An error that nobody near has taken: outward from `origin`.
  void fail(Frame& origin, const std::string& error);
  void cancel(const std::string& why);  // everything is undone, unless it is too late
  void finish(const Value& out);
  void hold(const void* who, std::string line) { held_[who] = {std::move(line), ++tick}; }
  void release(const void* who) { held_.erase(who); }
  // Held, and somebody may look after it.
  void hold_step(const void* who, Frame& step, Direction direction, const char* why);
  void left_over(const std::string& place) { left_over_.insert(place); }
  void part_begins_to_unwind() { ++parts_; }
  void part_is_unwound();
  void await(Frame& wait, std::size_t source, int event, std::int64_t key, Time since);
  void await_no_more(const Frame& wait);
  void root_done();
  void root_unwound();
  Scope& new_scope(Scope& outer);
  // What a name means to a reader; nullptr: it does not exist. No value: the expression is bad.
  const Value* find(const std::vector<std::string>& path, const Frame& reader) const;
  std::optional<Value> evaluate(const Expr& expr, const Frame& reader) const;
  std::optional<std::int64_t> evaluate_int(const Expr& expr, const Frame& reader) const;

  const Program& program;
  const Flaw flaw;
  World world;
  Trace trace;
  Time now = 0;
  std::uint64_t tick = 0;  // counts what happens, for "began after the other was over"
  bool past_point = false;
  std::set<Stmt::Kind> entered;

 private:
  struct Awaiting {
    Frame* wait;
    std::size_t source;
    int event;
    std::int64_t key;
    Time since;
  };
  void hand_out_events();
  void end(const char* how);
  void maybe_complete();

  const Script& script_;
  Scope names_;
  std::vector<std::unique_ptr<Scope>> scopes_;
  std::unique_ptr<Sequence> root_;
  std::multimap<Time, std::function<void()>> agenda_;
  std::deque<std::function<void()>> ready_;
  struct Held {
    std::string line;
    std::uint64_t since = 0;  // a tick
  };
  std::map<const void*, Held> held_;
  std::set<std::string> left_over_;
  std::vector<Awaiting> awaiting_;
  std::set<std::size_t> taken_;  // events, each at most once
  int parts_ = 0;                // being undone while the saga goes on
  bool at_end_ = false, over_ = false;
  std::optional<Value> out_;
  std::string why_;
  std::set<Time> limits_;
  bool tied_ = false;
};

class Frame {
 public:
  Frame(Saga& whole, Frame* around, const Stmt* what, Scope& names, std::vector<int> in)
      : saga(whole), parent(around), stmt(what), scope(&names), rounds(std::move(in)) {}
  virtual ~Frame() = default;

  virtual void start() = 0;
  virtual void child_done(Frame&) {}
  // Whether a failure of `child` ends here; then what follows it has begun.
  virtual bool take(Frame&, const std::string&) { return false; }
  virtual void event(std::size_t, const Event&) {}
  virtual void helped(Direction, const Help&, bool /*happened*/) {}
  // `carry on`, `try again`, `hand to` in the block of one of its handlers.
  virtual void act_of_block(Frame&) {}

  void unwind();
  virtual void child_unwound(Frame& child);
  // More around it is undone now: what was being undone alone takes its place in the order of the
  // whole, and waits of what is being settled are cut short once more.
  virtual void cut_short();
  // A part of the saga that is undone alone: its names are gone for everybody else.
  void unwind_as_part();

  std::string name() const;   // a kind of statement, where it has none
  std::string place() const;  // with its rounds
  bool inside(const Frame& other) const;
  void bind(const std::string& name, Value value);

  Saga& saga;
  Frame* const parent;
  const Stmt* const stmt;
  Scope* scope;
  const std::vector<int> rounds;
  std::vector<std::unique_ptr<Frame>> children;
  bool unwinding = false, unwound = false;
  bool waits_its_turn = false;
  bool dead = false, part = false;
  std::uint64_t began = 0, ended = 0;  // ticks

 protected:
  void done();
  virtual void undo_children();           // last to first, one after the other
  virtual void undo_self() { undone(); }  // its parts are undone
  void undone();
  Sequence& add_block(const Block& block, Scope& in, std::vector<int> rounds_in);

 private:
  bool walking_ = false;
};

class Sequence : public Frame {
 public:
  Sequence(Saga& whole, Frame* around, const Block& block, Scope& names, std::vector<int> in)
      : Frame(whole, around, nullptr, names, std::move(in)), block_(block) {}
  void start() override;
  void child_done(Frame&) override;

 private:
  void next();
  const Block& block_;
  std::size_t position_ = 0;
};

std::unique_ptr<Frame> make_frame(Saga& saga, Frame& parent, const Stmt& stmt);
std::unique_ptr<Frame> make_step(Saga& saga, Frame& parent, const Stmt& stmt);
std::unique_ptr<Frame> make_run(Saga& saga, Frame& parent, const Stmt& stmt);
std::unique_ptr<Frame> make_wait(Saga& saga, Frame& parent, const Stmt& stmt);
std::unique_ptr<Frame> make_ask(Saga& saga, Frame& parent, const Stmt& stmt);

}  // namespace belay::reference
