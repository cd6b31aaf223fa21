// The printer knows the text form only as far as the generator uses it: names without titles, one
// line a clause, brackets around everything, so that what binds tighter is never a question here.
#include "tests/reference/print.h"

namespace belay::reference {
namespace {

std::string plural(int n, const std::string& unit) {
  return std::to_string(n) + " " + unit + (n == 1 ? "" : "s");
}
std::string seconds(int n) { return plural(n, "second"); }
std::string ms(int n) { return plural(n, "millisecond"); }

std::string print(const Expr& expr) {
  using Op = Expr::Op;
  const auto two = [&](const char* between) {
    return "(" + print(expr.of[0]) + between + print(expr.of[1]) + ")";
  };
  switch (expr.op) {
    case Op::kNumber: return std::to_string(expr.number);
    case Op::kName: {
      std::string out;
      for (const std::string& part : expr.path) out += (out.empty() ? "" : ".") + part;
      return out;
    }
    case Op::kAdd: return two(" + ");
    case Op::kDivide: return two(" / ");
    case Op::kLess: return two(" is less than ");
    case Op::kIs: return two(" is ");
    case Op::kAnd: return two(" and ");
    case Op::kOrElse: return two(" or else ");
    case Op::kNot: return "(not " + print(expr.of[0]) + ")";
    case Op::kPresent: return "(" + print(expr.of[0]) + " is present)";
    case Op::kSize: return "size(" + print(expr.of[0]) + ")";
    case Op::kList: {
      std::string out = "[";
      for (const Expr& item : expr.of) out += (out.size() > 1 ? ", " : "") + print(item);
      return out + "]";
    }
  }
  return "";
}

class Printer {
 public:
  void line(int depth, const std::string& text) {
    out += std::string(static_cast<std::size_t>(depth) * 2, ' ') + text + "\n";
  }

  void block(const Block& block, int depth) {
    for (const Stmt& stmt : block) statement(stmt, depth);
  }

  // `head` ends before the act: "if any error, " or "within 5 seconds, otherwise ". A block stands
  // one deeper.
  void act(const std::string& head, const std::string& block_head, const Act& act, int depth) {
    switch (act.kind) {
      case Act::Kind::kCancel: return line(depth, head + "cancel because \"said so\"");
      case Act::Kind::kCarryOn:
        return line(
            depth, head + "carry on" + (act.with ? " with {\"n\": " + print(*act.with) + "}" : ""));
      case Act::Kind::kTryAgain: return line(depth, head + again(act));
      case Act::Kind::kHandTo: return line(depth, head + "hand to desk");
      case Act::Kind::kBlock: line(depth, block_head); return block(act.block, depth + 1);
      case Act::Kind::kNone: return;
    }
  }
  static std::string again(const Act& act) {
    return "try again after " + seconds(act.after_s) + ", at most " + std::to_string(act.at_most) +
           " times";
  }

  void handlers(const std::vector<Handler>& handlers, int depth) {
    for (const Handler& handler : handlers) {
      std::string errors;
      for (const std::string& error : handler.errors)
        errors += (errors.empty() ? "" : " or ") + error;
      const std::string head = "if " + (errors.empty() ? "any error" : errors);
      act(head + ", ", head, handler.act, depth);
    }
  }

  void use(const Use& use, int depth) {
    if (use.plan) {
      const Plan& p = *use.plan;
      line(depth, "retry " + std::to_string(p.tries) + " tries in all, first wait " +
                      seconds(p.first_s) + (p.doubling ? ", doubling" : "") +
                      (p.at_most_s > 0 ? ", at most " + seconds(p.at_most_s) : ""));
    }
    if (use.within_ms > 0) line(depth, "within " + ms(use.within_ms));
    if (use.keep) line(depth, keep(*use.keep));
    switch (use.if_unsure) {
      case IfUnsure::kNothing: break;
      case IfUnsure::kCheck:
        line(depth, "if unsure, check with ref.find");
        line(depth + 1, "v = " + print(use.v));
        break;
      case IfUnsure::kTryAgain: line(depth, "if unsure, try again"); break;
      case IfUnsure::kUndoAnyway: line(depth, "if unsure, undo anyway"); break;
      case IfUnsure::kHandTo: line(depth, "if unsure, hand to desk"); break;
    }
    handlers(use.handlers, depth);
  }
  static std::string keep(const Keep& keep) {
    return "keep trying for " + seconds(keep.for_s) + ", then " +
           (keep.carry_on ? "carry on" : "hand to desk");
  }

  void undo(const Stmt& stmt, int depth) {
    if (stmt.no_undo) line(depth, "no undo because \"it does no harm\"");
    if (!stmt.undo) return;
    line(depth, std::string("undo with ") + kActions[stmt.undo->action].name);
    line(depth + 1, "v = " + print(stmt.undo->v));
    use(*stmt.undo, depth + 1);
  }

  void statement(const Stmt& s, int d) {
    switch (s.kind) {
      case Stmt::Kind::kStep:
        line(d, "step " + s.name);
        line(d + 1, std::string("do ") + kActions[s.call.action].name);
        line(d + 2, "v = " + print(s.call.v));
        use(s.call, d + 1);
        return undo(s, d + 1);
      case Stmt::Kind::kRun:
        line(d, "step " + s.name);
        line(d + 1, std::string("run child") + (s.detached ? ", and do not wait" : ""));
        line(d + 2, "v = " + print(s.call.v));
        handlers(s.call.handlers, d + 1);
        return undo(s, d + 1);
      case Stmt::Kind::kSet: return line(d, "set " + s.name + " = " + print(s.value));
      case Stmt::Kind::kWhen:
        for (std::size_t i = 0; i < s.blocks.size(); ++i) {
          line(d, i == s.conditions.size()
                      ? "otherwise"
                      : (i == 0 ? "when " : "or when ") + print(s.conditions[i]));
          block(s.blocks[i], d + 1);
        }
        return;
      case Stmt::Kind::kTogether:
        line(d, "together, waiting for " + (s.wanted == 0   ? std::string("all")
                                            : s.wanted == 1 ? std::string("any")
                                                            : std::to_string(s.wanted) + " of " +
                                                                  std::to_string(s.blocks.size())));
        for (std::size_t i = 0; i < s.blocks.size(); ++i) {
          const bool bare = s.blocks[i].size() == 1 && s.blocks[i][0].kind == Stmt::Kind::kStep;
          if (!bare) line(d + 1, "branch " + s.name + "_" + std::to_string(i));
          block(s.blocks[i], d + (bare ? 1 : 2));
        }
        return;
      case Stmt::Kind::kForEach:
        line(d, "for each " + s.name + " in " + print(s.value) + ", at most " +
                    std::to_string(s.at_once) + " at once" +
                    (s.tolerated > 0 ? ", tolerating " + plural(s.tolerated, "failure") : ""));
        block(s.blocks[0], d + 1);
        if (!s.collect.empty()) line(d + 1, "collect " + s.collect + " = " + print(s.collected));
        return;
      case Stmt::Kind::kRepeat: {
        const std::string head = "repeat until " + print(s.conditions[0]) + ", at most " +
                                 std::to_string(s.times) + " times";
        const bool inline_act = s.act.kind != Act::Kind::kNone && s.act.kind != Act::Kind::kBlock;
        if (inline_act) {
          act(head + ", otherwise ", "", s.act, d);
        } else {
          line(d, head);
        }
        block(s.blocks[0], d + 1);
        if (s.act.kind == Act::Kind::kBlock) act("", "otherwise", s.act, d);
        return;
      }
      case Stmt::Kind::kWait:
        line(d, "wait " + s.name);
        if (s.sources.size() == 1) {
          line(d + 1, "for " + source(s.sources[0]));
        } else {
          line(d + 1, std::string("for ") + (s.any_source ? "any" : "all") + " of");
          for (const Source& one : s.sources) line(d + 2, one.name + " = " + source(one));
        }
        act("within " + ms(s.ms) + ", otherwise ", "within " + ms(s.ms) + ", otherwise", s.act,
            d + 1);
        return undo(s, d + 1);
      case Stmt::Kind::kPause: return line(d, "pause for " + ms(s.ms));
      case Stmt::Kind::kAsk:
        line(d, "ask " + s.name + " \"How many?\" of role manager");
        line(d + 1, "answers");
        line(d + 2, "n  int");
        return act("within " + ms(s.ms) + ", otherwise ", "within " + ms(s.ms) + ", otherwise",
                   s.act, d + 1);
      case Stmt::Kind::kTry:
        line(d, "try");
        block(s.blocks[0], d + 1);
        return handlers(s.call.handlers, d);
      case Stmt::Kind::kPoint: return line(d, "point of no return");
      case Stmt::Kind::kPublish:
        line(d, "publish ref.told, key " + print(s.key));
        line(d + 1, "k = " + print(s.key));
        return line(d + 1, "n = " + print(s.value));
      case Stmt::Kind::kCancel: return line(d, "cancel because \"said so\"");
      case Stmt::Kind::kFinish:
        line(d, "finish with");
        return line(d + 1, "out = " + print(s.value));
      case Stmt::Kind::kCarryOn:
        return line(d,
                    "carry on" + (s.act.with ? " with {\"n\": " + print(*s.act.with) + "}" : ""));
      case Stmt::Kind::kTryAgain: return line(d, again(s.act));
      case Stmt::Kind::kHandTo: return line(d, "hand to desk");
    }
  }
  static std::string source(const Source& source) {
    return "ref.e" + std::to_string(source.event) + ", key " + print(source.key) +
           (source.even_before_s > 0
                ? ", even if up to " + seconds(source.even_before_s) + " before"
                : "");
  }

  std::string out;
};

}  // namespace

std::string print(const Program& program, const std::string& workflow) {
  Printer p;
  p.line(0, "workflow " + workflow + ", version 1");
  p.line(1, "takes");
  p.line(2, "x  int");
  p.line(1, "gives");
  p.line(2, "out = " + print(program.gives));
  if (program.finish_within_s > 0) p.line(1, "finish within " + seconds(program.finish_within_s));
  if (program.if_undo_fails)
    p.line(1, "if an undo fails, " + Printer::keep(*program.if_undo_fails));
  p.block(program.body, 1);
  return p.out;
}

std::string print_world() {
  std::string out = R"(belay 1

connector refs
  base "https://refs.example.com"
  request key in "Idempotency-Key"
  remembers keys for 4 seconds

event ref.e0, version 1, key k
  k  int
  n  int

event ref.e1, version 1, key k
  k  int
  n  int

event ref.told, version 1, key k
  k  int
  n  int

workflow child, version 1
  takes
    v  int
  gives
    n = work.n
  step work
    do ref.safe
      v = v
    undo with ref.take_back
      v = work.n
)";
  for (const Action& a : kActions) {
    const bool check = &a >= &kActions[kFind];
    out += std::string("\naction ") + a.name + "\n";
    out += a.reads ? "  reads\n" : "  records\n";
    out += "  takes\n    v  int\n  gives\n";
    if (check) out += "    happened  one of \"yes\", \"no\", \"not yet\"\n    n  optional int\n";
    if (!check) out += "    n  int\n";
    if (a.keys_for_s == 0) out += "  can end in ref.no, ref.full\n";
    if (a.safe && !a.receipt) out += "  repeating is safe\n";
    if (a.harmless) out += "  harmless if nothing was done\n";
    if (a.keys_for_s > 0) {
      out +=
          "  call refs, POST \"/brief\"\n    v = v\n  if status is 402, ref.no\n  if status is "
          "409, ref.full\n";
    } else if (a.receipt) {
      out += "  sql |\n    SELECT :v AS n\n";
    } else {
      out += "  plugin reference\n";
    }
    if (&a == &kActions[kFindLater]) out += "  settles in " + seconds(kSettlesIn) + "\n";
    if (a.checked)
      out += std::string("  checked by ") + kActions[a.later ? kFindLater : kFind].name +
             "\n    v = v\n";
  }
  return out;
}

}  // namespace belay::reference
