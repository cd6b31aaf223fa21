// The generator walks as an author writes, from the top to the end, and keeps the names that exist
// at each place: certain ones are read as they are, others by `or else` or `is present`. A budget
// of statements keeps programs small; what is rare in a program is not rare in a hundred thousand.
#include "tests/reference/generate.h"

#include <algorithm>
#include <random>

namespace belay::reference {
namespace {

// A number that can be read, or a list of them.
struct Name {
  std::vector<std::string> path;
  bool certain = true;
  bool list = false;
};
using Names = std::vector<Name>;

// Where a statement stands.
struct Here {
  int depth = 0;
  bool side = false;  // in a branch or an item: no finish
  bool past = false;  // after the point of no return
};

class Maker {
 public:
  explicit Maker(std::uint64_t seed) : random_(seed) {}

  Program program() {
    Program p;
    Names names{{{"x"}, true, false}};
    budget_ = 2 + pick(8);
    p.body = block(names, {});
    if (one_in(6)) {
      Stmt point;
      point.kind = Stmt::Kind::kPoint;
      p.body.push_back(std::move(point));
      budget_ = 1 + pick(4);
      for (Stmt& s : block(names, {.past = true})) p.body.push_back(std::move(s));
    } else if (one_in(12)) {
      p.body.push_back(plain(Stmt::Kind::kCancel));
    }
    p.gives = certain_number(names);
    if (one_in(3)) p.finish_within_s = 5 + pick(40);
    if (one_in(3)) p.if_undo_fails = Keep{3 + pick(30), one_in(3)};
    return p;
  }

 private:
  int pick(int n) { return static_cast<int>(random_() % static_cast<std::uint64_t>(n)); }
  bool one_in(int n) { return pick(n) == 0; }
  std::string fresh(const char* prefix) { return prefix + std::to_string(++count_); }
  static Stmt plain(Stmt::Kind kind) {
    Stmt s;
    s.kind = kind;
    return s;
  }

  // ---- Expressions

  const Name* some(const Names& names, bool certain, bool list) {
    std::vector<const Name*> found;
    for (const Name& n : names) {
      if (n.certain == certain && n.list == list) found.push_back(&n);
    }
    return found.empty() ? nullptr
                         : found[static_cast<std::size_t>(pick(static_cast<int>(found.size())))];
  }
  Expr certain_number(const Names& names) {
    switch (pick(6)) {
      case 0: return number(pick(4));
      case 1:
        if (const Name* maybe = some(names, false, false))
          return apply(Expr::Op::kOrElse, {name(maybe->path), number(pick(4))});
        [[fallthrough]];
      case 2:
        if (const Name* list = some(names, true, true))
          return apply(Expr::Op::kSize, {name(list->path)});
        [[fallthrough]];
      default: return name(some(names, true, false)->path);
    }
  }
  Expr number_of(const Names& names) {
    switch (pick(10)) {
      case 0:
      case 1: return apply(Expr::Op::kAdd, {certain_number(names), certain_number(names)});
      case 2: {  // fails when the name is 0
        if (!one_in(3)) return certain_number(names);
        return apply(Expr::Op::kDivide, {number(12), name(some(names, true, false)->path)});
      }
      default: return certain_number(names);
    }
  }
  Expr condition(const Names& names) {
    switch (pick(7)) {
      case 0:
        if (const Name* maybe = some(names, false, false))
          return apply(Expr::Op::kPresent, {name(maybe->path)});
        [[fallthrough]];
      case 1: return apply(Expr::Op::kIs, {number_of(names), number(pick(4))});
      case 2:
        return apply(Expr::Op::kNot, {apply(Expr::Op::kLess, {number_of(names), number(pick(6))})});
      case 3:
        return apply(Expr::Op::kAnd,
                     {apply(Expr::Op::kLess, {number(pick(3)), number_of(names)}),
                      apply(Expr::Op::kLess, {certain_number(names), number(1 + pick(8))})});
      default: return apply(Expr::Op::kLess, {number_of(names), number(pick(8))});
    }
  }
  Expr list(const Names& names) {
    if (one_in(4)) {
      if (const Name* known = some(names, true, true)) return name(known->path);
    }
    std::vector<Expr> items;
    for (int i = pick(5); i > 0; --i) items.push_back(certain_number(names));
    if (items.empty()) items.push_back(number_of(names));
    return apply(Expr::Op::kList, std::move(items));
  }

  // ---- Statements

  Block block(Names& names, Here here) {
    Block out;
    int length = 1 + pick(here.depth == 0 ? 5 : 3);
    do {
      statement(out, names, here);
    } while (--length > 0 && budget_ > 0);
    return out;
  }
  static Here deeper(Here here, bool side = false) {
    ++here.depth;
    here.side = here.side || side;
    return here;
  }
  // Names of a block that may, or may not, have come about when it is left.
  static void become_maybe(Names& names, const Names& inner) {
    for (std::size_t i = names.size(); i < inner.size(); ++i) {
      names.push_back(inner[i]);
      names.back().certain = false;
    }
    std::erase_if(names, [](const Name& n) { return n.list && !n.certain; });
  }

  void statement(Block& out, Names& names, Here here) {
    --budget_;
    const int kind = pick(budget_ > 0 && here.depth < 4 ? 26 : 16);
    switch (kind) {
      case 7: return wait(out, names, here);
      case 8: return ask(out, names, here);
      case 9: return run(out, names, here);
      case 10: return pause(out);
      case 11: return set(out, names);
      case 12: return publish(out, names);
      case 13:
      case 14: return when(out, names, here);
      case 16:
      case 17:
      case 18: return together(out, names, here);
      case 19:
      case 20:
      case 21: return for_each(out, names, here);
      case 22: return repeat(out, names, here);
      case 23:
      case 24:
      case 25: return try_(out, names, here);
      default: return step(out, names, here);
    }
  }

  // What `otherwise` or a handler does; `goes_on`: control may come behind the statement without
  // its result.
  Act act(const Names& names, Here here, bool of_step, bool result, bool& goes_on) {
    Act act;
    switch (pick(of_step ? 8 : 6)) {
      case 0:
      case 1:
        if (!here.past) {
          act.kind = Act::Kind::kCancel;
          return act;
        }
        [[fallthrough]];
      case 2:
        act.kind = Act::Kind::kHandTo;
        goes_on = true;  // a person may let it go on
        return act;
      case 3:
        act.kind = Act::Kind::kBlock;
        act.block = handler_block(names, deeper(here), of_step, result);
        goes_on = true;
        return act;
      case 6:
      case 7:
        act.kind = Act::Kind::kTryAgain;
        act.after_s = 1 + pick(3);
        act.at_most = 1 + pick(3);
        return act;
      default:
        act.kind = Act::Kind::kCarryOn;
        if (result && one_in(2)) {
          act.with = number_of(names);
        } else {
          goes_on = true;
        }
        return act;
    }
  }

  Block handler_block(Names names, Here here, bool of_step, bool result) {
    Block out;
    const bool again = of_step && one_in(4);
    const bool calls = !again && one_in(2);
    if (calls) {
      step(out, names, here);
    } else if (one_in(2)) {
      set(out, names);
    } else {
      publish(out, names);
    }
    Stmt last;
    if (again) {
      last = plain(Stmt::Kind::kTryAgain);
      last.act.kind = Act::Kind::kTryAgain;
      last.act.after_s = 1 + pick(2);
      last.act.at_most = 1 + pick(2);
    } else {
      switch (pick(5)) {
        case 0:
          if (here.past) return out;
          last = plain(Stmt::Kind::kCancel);
          break;
        case 1:
          if (here.side) return out;
          last = plain(Stmt::Kind::kFinish);
          last.value = number_of(names);
          break;
        case 2: last = plain(Stmt::Kind::kHandTo); break;
        case 3:
          last = plain(Stmt::Kind::kCarryOn);
          last.act.kind = Act::Kind::kCarryOn;
          if (result && one_in(2)) last.act.with = number_of(names);
          break;
        default: return out;
      }
    }
    if (one_in(4)) {  // only if …
      Stmt when = plain(Stmt::Kind::kWhen);
      when.conditions.push_back(condition(names));
      when.blocks.push_back({std::move(last)});
      out.push_back(std::move(when));
    } else {
      out.push_back(std::move(last));
    }
    return out;
  }

  Plan plan() {
    Plan p;
    p.tries = 1 + pick(5);
    p.first_s = 1 + pick(3);
    p.doubling = one_in(2);
    if (one_in(2)) p.at_most_s = p.first_s + pick(5);
    return p;
  }

  Use undo(const Names& names, const std::string& result) {
    Use use;
    use.action = kFirstUndo + pick(kUndoActions);
    use.v = one_in(2) && !result.empty() ? name({result, "n"}) : certain_number(names);
    if (one_in(4)) use.plan = plan();
    if (one_in(6)) use.keep = Keep{2 + pick(10), one_in(3)};
    if (one_in(8)) use.within_ms = 400 + pick(3000);
    if (one_in(5)) {
      Handler h;
      if (one_in(2)) h.errors.push_back(one_in(3) ? "gave_up" : "ref.no");
      switch (pick(3)) {
        case 0: h.act.kind = Act::Kind::kHandTo; break;
        case 1:
          h.act.kind = Act::Kind::kTryAgain;
          h.act.after_s = 2;
          h.act.at_most = 1 + pick(2);
          break;
        default: h.act.kind = Act::Kind::kCarryOn; break;
      }
      use.handlers.push_back(std::move(h));
    }
    return use;
  }

  void step(Block& out, Names& names, Here here) {
    Stmt s = plain(Stmt::Kind::kStep);
    s.name = fresh("s");
    s.call.action = pick(kForwardActions);
    const Action& action = kActions[s.call.action];
    s.call.v = number_of(names);
    bool goes_on = false;
    if (one_in(4)) s.call.plan = plan();
    if (one_in(8)) s.call.within_ms = 400 + pick(3000);
    const int unsure = pick(6);
    if (unsure == 0 && !action.checked && !action.reads) s.call.if_unsure = IfUnsure::kHandTo;
    if (unsure == 1 && action.safe) s.call.if_unsure = IfUnsure::kTryAgain;
    if (unsure == 2 && !action.reads) s.call.if_unsure = IfUnsure::kCheck;
    if (here.past || one_in(8)) {
      s.call.keep = Keep{2 + pick(10), one_in(2)};
      goes_on = true;
    }
    const bool any = here.past;
    if (any || one_in(3)) {
      for (int i = any ? 1 : 1 + pick(2); i > 0; --i) {
        Handler h;
        h.act = act(names, here, true, true, goes_on);
        if (any && h.act.kind == Act::Kind::kTryAgain) {
          h.act = {};
          h.act.kind = Act::Kind::kHandTo;
        }
        if (any) {
          goes_on = true;
        } else if (!one_in(3) || i > 1) {
          static constexpr const char* kErrors[] = {"ref.no", "ref.full", "refused", "bad_value",
                                                    "gave_up"};
          const int from = i > 1 ? 0 : 1 + pick(3);
          h.errors.push_back(kErrors[from]);
          if (one_in(3)) h.errors.push_back(kErrors[from + 1]);
        }
        s.call.handlers.push_back(std::move(h));
      }
      if (s.call.handlers.size() == 2 && s.call.handlers[0].errors.size() == 2)
        s.call.handlers[0].errors.pop_back();
    }
    if (!action.reads) {
      if (one_in(6)) {
        s.no_undo = true;
      } else {
        s.undo = undo(names, s.name);
        const bool anyway = !action.checked && s.call.if_unsure == IfUnsure::kNothing && one_in(4);
        if (anyway) {
          s.call.if_unsure = IfUnsure::kUndoAnyway;
          s.undo->action = kFirstUndo;  // harmless if nothing was done
          s.undo->v = name({"x"});
        }
      }
    }
    names.push_back({{s.name, "n"}, !goes_on, false});
    out.push_back(std::move(s));
  }

  void run(Block& out, Names& names, Here here) {
    Stmt s = plain(Stmt::Kind::kRun);
    s.name = fresh("r");
    s.call.v = number_of(names);
    s.detached = one_in(4);
    if (s.detached) {
      s.no_undo = true;
      out.push_back(std::move(s));
      return;
    }
    bool goes_on = false;
    if (here.past || one_in(2)) {
      Handler h;
      if (!here.past && one_in(2)) h.errors.push_back("cancelled");
      h.act = act(names, here, false, true, goes_on);
      s.call.handlers.push_back(std::move(h));
    }
    names.push_back({{s.name, "n"}, !goes_on, false});
    out.push_back(std::move(s));
  }

  void pause(Block& out) {
    Stmt s = plain(Stmt::Kind::kPause);
    s.ms = 1000 + pick(6000);
    out.push_back(std::move(s));
  }
  void set(Block& out, Names& names) {
    Stmt s = plain(Stmt::Kind::kSet);
    s.name = fresh("v");
    s.value = number_of(names);
    names.push_back({{s.name}, true, false});
    out.push_back(std::move(s));
  }
  void publish(Block& out, const Names& names) {
    Stmt s = plain(Stmt::Kind::kPublish);
    s.key = certain_number(names);
    s.value = number_of(names);
    out.push_back(std::move(s));
  }

  void when(Block& out, Names& names, Here here) {
    Stmt s = plain(Stmt::Kind::kWhen);
    const int conditions = 1 + pick(2);
    const bool otherwise = one_in(2);
    const std::string shared = otherwise && one_in(2) ? fresh("v") : "";
    for (int i = 0; i < conditions + (otherwise ? 1 : 0); ++i) {
      if (i < conditions) s.conditions.push_back(condition(names));
      Names inner = names;
      Block body = block(inner, deeper(here));
      if (!shared.empty()) {
        Stmt assign = plain(Stmt::Kind::kSet);
        assign.name = shared;
        assign.value = number_of(inner);
        body.push_back(std::move(assign));
      } else if (one_in(8) && !here.past) {
        body.push_back(plain(Stmt::Kind::kCancel));
      } else if (one_in(12) && !here.side) {
        Stmt finish = plain(Stmt::Kind::kFinish);
        finish.value = number_of(inner);
        body.push_back(std::move(finish));
      }
      s.blocks.push_back(std::move(body));
    }
    if (!shared.empty()) names.push_back({{shared}, true, false});
    out.push_back(std::move(s));
  }

  void together(Block& out, Names& names, Here here) {
    Stmt s = plain(Stmt::Kind::kTogether);
    s.name = fresh("b");
    const int count = 2 + pick(2);
    s.wanted = pick(count);
    Names before = names;
    for (int i = 0; i < count; ++i) {
      Names inner = before;
      s.blocks.push_back(block(inner, deeper(here, true)));
      if (s.wanted == 0) {
        names.insert(names.end(), inner.begin() + static_cast<std::ptrdiff_t>(before.size()),
                     inner.end());
      } else {
        for (std::size_t n = before.size(); n < inner.size(); ++n) {
          if (inner[n].list) continue;
          names.push_back(inner[n]);
          names.back().certain = false;
        }
      }
    }
    out.push_back(std::move(s));
  }

  void for_each(Block& out, Names& names, Here here) {
    Stmt s = plain(Stmt::Kind::kForEach);
    s.name = fresh("i");
    s.value = list(names);
    s.at_once = 1 + pick(3);
    s.tolerated = one_in(2) ? 1 + pick(2) : 0;
    Names inner = names;
    inner.push_back({{s.name}, true, false});
    s.blocks.push_back(block(inner, deeper(here, true)));
    if (one_in(2)) {
      s.collect = fresh("c");
      s.collected = certain_number(inner);
      names.push_back({{s.collect}, true, true});
    }
    out.push_back(std::move(s));
  }

  void repeat(Block& out, Names& names, Here here) {
    Stmt s = plain(Stmt::Kind::kRepeat);
    Names inner = names;
    s.blocks.push_back(block(inner, deeper(here)));
    s.conditions.push_back(condition(inner));
    s.times = 1 + pick(3);
    if (here.past || !one_in(3)) {
      bool goes_on = false;
      s.act = act(inner, here, false, false, goes_on);
    }
    names = std::move(inner);
    out.push_back(std::move(s));
  }

  void wait(Block& out, Names& names, Here here) {
    Stmt s = plain(Stmt::Kind::kWait);
    s.name = fresh("w");
    const int sources = one_in(2) ? 1 : 2;
    s.any_source = one_in(2);
    for (int i = 0; i < sources; ++i) {
      Source source;
      if (sources > 1) source.name = i == 0 ? "one" : "two";
      source.event = pick(2);
      source.key = one_in(3) ? certain_number(names) : number(pick(3));
      if (one_in(3)) source.even_before_s = 10 + pick(40);
      s.sources.push_back(std::move(source));
    }
    s.ms = 3000 + pick(20'000);
    bool goes_on = false;
    s.act = act(names, here, false, false, goes_on);
    if (sources == 1 && one_in(3) && !here.past) s.undo = undo(names, s.name);
    if (sources == 1) {
      names.push_back({{s.name, one_in(4) ? "k" : "n"}, !goes_on, false});
    } else {
      for (const Source& source : s.sources)
        names.push_back({{s.name, source.name, "n"}, !goes_on && !s.any_source, false});
    }
    out.push_back(std::move(s));
  }

  void ask(Block& out, Names& names, Here here) {
    Stmt s = plain(Stmt::Kind::kAsk);
    s.name = fresh("a");
    s.ms = 5000 + pick(20'000);
    bool goes_on = false;
    s.act = act(names, here, false, true, goes_on);
    names.push_back({{s.name, "n"}, !goes_on, false});
    out.push_back(std::move(s));
  }

  void try_(Block& out, Names& names, Here here) {
    Stmt s = plain(Stmt::Kind::kTry);
    Names inner = names;
    Block body = block(inner, deeper(here));
    const bool bare = std::any_of(body.begin(), body.end(), [](const Stmt& one) {
      return one.kind == Stmt::Kind::kStep && one.call.handlers.empty() && !one.call.keep;
    });
    bool goes_on = false;
    for (int i = bare && !here.past && one_in(2) ? 2 : 1; i > 0; --i) {
      Handler h;
      if (bare && !here.past && (i == 2 || one_in(3))) {
        h.errors.push_back(i == 2 ? "ref.no" : one_in(2) ? "gave_up" : "ref.full");
        if (i == 1 && one_in(3)) h.errors.push_back("refused");
      }
      h.act = act(names, here, false, false, goes_on);
      s.call.handlers.push_back(std::move(h));
    }
    s.blocks.push_back(std::move(body));
    become_maybe(names, inner);
    out.push_back(std::move(s));
  }

  std::mt19937_64 random_;
  int count_ = 0, budget_ = 0;
};

}  // namespace

Program generate(std::uint64_t seed) { return Maker(seed).program(); }

}  // namespace belay::reference
