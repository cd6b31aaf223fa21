// Statements, policies and acts: what stands in a workflow, a block, a step. Lines that go on with
// the statement before them, in its column, attach to it: `or when` and `otherwise` to a `when`,
// `otherwise` to a `repeat until`, `if ERROR` to a `try`. Statements that run others at the same
// time, again or later are in flow.cpp.
#include <algorithm>

#include "dsl/text/builder.h"

namespace belay::dsl::text {

using Tag = Part::Tag;

namespace {

// `line` goes on with the statement: what that one allows is allowed there too.
void reach(Statement& statement, const Line& line) {
  for (Allow& allow : statement.allows) allow.to_line = std::max(allow.to_line, last_line(line));
}

}  // namespace

Statements Builder::block(const Lines& lines, unsigned place) {
  Statements out;
  enum class Open { kNone, kWhen, kRepeat, kTry };
  Open open = Open::kNone;  // the last statement, if it may go on
  bool handled = true;      // the open `try` has its `if`
  // A line that might have begun one of these was not understood, or stands alone: what would go on
  // with it is read, and no second message says that it has nothing before it.
  bool lost = false;
  const auto close = [&] {
    if (!handled) {
      missing(out.back().span, "the `try` does not say what follows when something in it fails",
              "put `if any error, …` or `if ERROR, …` behind its block, in the column of `try`");
      lost = true;
    }
    handled = true;
    open = Open::kNone;
  };
  const unsigned inner =
      (place & (kWebhookBlock | kWebhookStatements)) != 0 ? kWebhookStatements : kStatements;
  for (const Line& line : lines) {
    if (full()) break;
    const bool handler_like = match_head(line.text, kTryHandlers).here != nullptr;
    const bool handles = open == Open::kTry && handler_like;
    if (lost && handler_like && !handles) {
      broken_ = true;
      handler_block(line.children);
      continue;
    }
    const std::size_t problems = diagnostics_.errors();
    const Read read = this->read(line, handles ? kTryHandlers : place);
    handled = handled || handles || !read.usable;
    lost = lost || !read.usable || (handler_like && !handles && problems != diagnostics_.errors());
    if (!read.usable) continue;
    const Span head = line.span(0, read.head->words.size());
    Lines rest;
    const auto filled = [&](std::string_view what, const Lines& inside) {
      if (inside.empty() && !line.broken && !line.moved)
        missing(head, "nothing stands under `" + std::string(what) + "`",
                "indent what happens then");
    };
    if (handles) {
      if (read.parsed.ok) out.back().policies.handlers.push_back(handler(line, read));
      reach(out.back(), line);
      continue;
    }
    if (read.is("otherwise") && open == Open::kRepeat) {
      filled("otherwise", line.children);
      otherwise_of_repeat(line, out.back());
      reach(out.back(), line);
      continue;
    }
    if (read.is("or when") || read.is("otherwise")) {
      const bool alone = open != Open::kWhen;
      Arm arm{read.is("or when") ? condition(line, read) : Expr{},
              alone ? handler_block(line.children) : block(line.children, inner), head};
      if (alone && lost) {
        broken_ = true;
        continue;
      }
      if (alone) {
        lost = true;
        missing(head, "`" + std::string(read.head->words) + "` has no `when` before it",
                "put it right behind a `when`, in the same column");
        continue;
      }
      filled(read.head->words, line.children);
      out.back().arms.push_back(std::move(arm));
      reach(out.back(), line);
      if (read.is("otherwise")) open = Open::kNone;
      continue;
    }
    close();
    const std::size_t before = out.size();
    statement(line, read, place, out);
    if (out.size() == before) continue;
    if (read.is("when")) {
      open = Open::kWhen;
      const Lines& inside = below(line, out.back().allows, rest);
      filled("when", inside);
      out.back().arms.push_back({condition(line, read), block(inside, inner), head});
    } else if (read.is("repeat until")) {
      open = Open::kRepeat;
      lost = lost || line.children.empty();
    } else if (read.is("try")) {
      open = Open::kTry;
      handled = !read.parsed.ok;
      const Lines& inside = below(line, out.back().allows, rest);
      if (read.parsed.ok) filled("try", inside);
      lost = lost || inside.empty();
      out.back().body = block(inside, kStatements);
    }
  }
  close();
  return out;
}

void Builder::statement(const Line& line, const Read& read, unsigned place, Statements& into) {
  using Kind = Statement::Kind;
  const Parsed& p = read.parsed;
  Statement out;
  out.span = line.span(0, read.head->words.size());
  const auto leaf_here = [&] { only_allows(line, read.head->words, out.allows); };
  Lines rest;
  if (read.is("step")) {
    out.name = declared(line, p.first(Tag::kName));
    out.title = text(line, p.first(Tag::kString));
    step(line, out);
  } else if (read.is("when")) {
    out.kind = Kind::kWhen;
  } else if (read.is("together")) {
    together(line, p, out);
  } else if (read.is("wait")) {
    out.kind = Kind::kWait;
    out.name = declared(line, p.first(Tag::kName));
    out.title = text(line, p.first(Tag::kString));
    wait(line, out);
  } else if (read.is("pause")) {
    out.kind = Kind::kPause;
    (p.has("until") ? out.pause_until : out.pause_for) = expr(line, p.first(Tag::kExpr));
    leaf_here();
  } else if (read.is("publish")) {
    out.kind = Kind::kPublish;
    out.source.event = name(line, p.first(Tag::kName));
    out.source.key = expr(line, p.first(Tag::kExpr));
    out.source.span = out.span;
    out.args = args(below(line, out.allows, rest));
  } else if (read.is("set")) {
    out.kind = Kind::kSet;
    out.name = declared(line, p.first(Tag::kName));
    out.value = expr(line, p.first(Tag::kExpr));
    leaf_here();
  } else if (read.is("cancel because")) {
    out.kind = Kind::kCancel;
    out.act.kind = Act::Kind::kCancel;
    out.act.because = text(line, p.first(Tag::kString));
    out.act.span = line.whole();
    leaf_here();
  } else if (read.is("finish")) {
    out.kind = Kind::kFinish;
    out.act.kind = Act::Kind::kFinish;
    out.act.span = line.whole();
    if (p.has("with")) {
      out.act.with = args(below(line, out.allows, rest));
    } else {
      leaf_here();
    }
  } else if (read.is("point of no return")) {
    out.kind = Kind::kPointOfNoReturn;
    leaf_here();
  } else if (read.is("collect")) {
    out.kind = Kind::kCollect;
    out.name = declared(line, p.first(Tag::kName));
    out.value = expr(line, p.first(Tag::kExpr));
    leaf_here();
  } else if (read.is("for each")) {
    for_each(line, p, out);
  } else if (read.is("repeat until")) {
    repeat(line, p, out);
  } else if (read.is("ask")) {
    ask(line, p, out);
  } else if (read.is("try")) {
    out.kind = Kind::kTry;  // block() reads what stands under and behind it
  } else if (loose_act(line, read, place, out)) {
  } else if (read.is("branch")) {
    problem("BEL1031", out.span, "`branch` cannot stand in " + place_name(place)).help =
        "a branch stands directly under `together`";
    return;
  }
  into.push_back(std::move(out));
}

// The condition of a `when`; where the line was not read whole, what there is of it is not checked.
Expr Builder::condition(const Line& line, const Read& read) {
  if (read.parsed.ok && !line.broken) return expr(line, read.parsed.first(Tag::kExpr));
  return {"true", line.whole(), {}};
}

// ---- Step --------------------------------------------------------------------------------------

void Builder::step(const Line& line, Statement& out) {
  Seen seen;
  bool skip = false;
  for (const Line& child : line.children) {
    const Read read = this->read(child, kStepBlock);
    if (!read.usable) {
      skip = true;  // what failed may have been the `do`
      continue;
    }
    const std::string head(read.head->words);
    const Span where = child.span(0, head.size());
    if (allow(child, read, line, out.allows) || policy(child, read, out.policies, seen)) continue;
    if (!once(seen, head, where)) continue;
    if (read.is("do") || read.is("run")) {
      const bool run = read.is("run");
      if (const auto other = seen.find(run ? "do" : "run"); other != seen.end()) {
        Diagnostic& d =
            problem("BEL1034", where, "a step does one thing, and `" + head + "` is a second one");
        d.notes.push_back({other->second, true, "first said here"});
        d.help = "make two steps of it";
        continue;
      }
      (run ? out.run : out.action) = name(child, read.parsed.first(Tag::kName));
      out.detached = run && read.parsed.has("and do not wait");
      out.detached_span = where;
      if (!run && read.parsed.has("and do not wait")) {
        problem("BEL1031", where, "`and do not wait` cannot stand behind `do`").help =
            "only a workflow that a step runs need not be waited for: `run WORKFLOW, and do not "
            "wait`";
      }
      out.args = args(child.children);
    } else if (read.is("undo with")) {
      out.undo = undo(child, read);
    } else if (read.is("no undo because")) {
      out.no_undo_because = text(child, read.parsed.first(Tag::kString));
      leaf(child, head);
    }
  }
  if (!seen.contains("do") && !seen.contains("run") && !skip) {
    missing(line.whole(), "the step does not say what to do",
            "put `do` and the name of an action under it");
  }
}

// ---- Policies

bool Builder::policy(const Line& line, const Read& read, Policies& out, Seen& seen) {
  const Parsed& p = read.parsed;
  const std::string head(read.head->words);
  const Span where = line.span(0, head.size());
  if (read.is("if")) {
    if (p.ok) out.handlers.push_back(handler(line, read));
    return true;
  }
  const bool known = read.is("retry") || read.is("within") || read.is("if unsure") ||
                     read.is("keep trying for") || read.is("request key") ||
                     read.is("alive every") || read.is("at most");
  if (!known) return false;
  if (!once(seen, head, where)) return true;
  if (read.is("if unsure")) {
    if (p.ok) out.if_unsure = if_unsure(line, read);
    return true;
  }
  leaf(line, head);
  if (read.is("retry")) {
    if (const Part* first = p.parts.empty() ? nullptr : &p.parts[0];
        first != nullptr && first->tag == Tag::kName) {
      out.retry_plan = name(line, first);
    } else if (first != nullptr) {
      out.tries = tries(line, p, where);
    }
  } else if (read.is("within")) {
    out.within = expr(line, p.first(Tag::kExpr));
  } else if (read.is("request key")) {
    out.request_key = expr(line, p.first(Tag::kExpr));
  } else if (read.is("alive every")) {
    out.alive_every = expr(line, p.first(Tag::kExpr));
  } else if (read.is("at most")) {
    if (p.ok) out.rate = rate(line, p, where);
  } else if (p.ok) {
    out.keep = keep(line, p);
  }
  return true;
}

Undo Builder::undo(const Line& line, const Read& read) {
  Undo out;
  out.span = line.span(0, read.head->words.size());
  out.action = name(line, read.parsed.first(Tag::kName));
  Seen seen;
  for (const Line& child : line.children) {
    if (looks_like_arg(child, false)) {
      arg(child, Rule::kArg, 0, out.args);
      continue;
    }
    const Read inner = this->read(child, kUndoBlock);
    if (inner.usable) policy(child, inner, out.policies, seen);
  }
  return out;
}

Handler Builder::handler(const Line& line, const Read& read) {
  Handler out;
  out.span = line.whole();
  std::size_t next = 0;
  const std::vector<Part>& parts = read.parsed.parts;
  Seen seen;
  for (; next < parts.size(); ++next) {
    if (parts[next].tag == Tag::kName) {
      Name error = name(line, &parts[next]);
      if (once(seen, error.text, error.span)) out.errors.push_back(std::move(error));
    } else if (parts[next].text != "or" && parts[next].text != "any error") {
      break;
    }
  }
  out.act = act(line, read.parsed, next);
  return out;
}

IfUnsure Builder::if_unsure(const Line& line, const Read& read) {
  IfUnsure out;
  out.span = line.span(0, read.head->words.size());
  const Parsed& p = read.parsed;
  if (p.has("check")) {
    out.action = name(line, p.after("with"));
    if (out.action.empty()) {
      leaf(line, "if unsure, check");
    } else {
      out.args = args(line.children);
    }
    return out;
  }
  leaf(line, read.head->words);
  if (p.has("try again")) {
    out.kind = IfUnsure::Kind::kTryAgain;
  } else if (p.has("undo anyway")) {
    out.kind = IfUnsure::Kind::kUndoAnyway;
  } else {
    out.kind = IfUnsure::Kind::kHandTo;
    out.team = name(line, p.after("hand to"));
  }
  return out;
}

Rate Builder::rate(const Line& line, const Parsed& parsed, Span span) {
  Rate out;
  out.span = span;
  out.count = number(line, parsed.first(Tag::kNumber));
  at_least_one(out.count, parsed, "how often a step may be sent");
  const Part* unit = parsed.first(Tag::kWord);  // `per minute`
  out.unit.text = unit->text.substr(unit->text.rfind(' ') + 1);
  out.unit.span =
      line.span(unit->offset + unit->length - out.unit.text.size(), out.unit.text.size());
  out.per = expr(line, parsed.first(Tag::kExpr));
  return out;
}

Keep Builder::keep(const Line& line, const Parsed& parsed) {
  Keep out;
  out.span = line.whole();
  out.for_ = expr(line, parsed.first(Tag::kExpr));
  for (std::size_t i = 0; i < parsed.parts.size(); ++i) {
    if (parsed.parts[i].tag == Tag::kWord && parsed.parts[i].text == "then")
      out.then = act(line, parsed, i + 1);
  }
  return out;
}

// The act that begins at a part behind `from`; without one, the children are the block.
Act Builder::act(const Line& line, const Parsed& parsed, std::size_t from) {
  Act out;
  out.span = line.whole();
  for (std::size_t i = from; i < parsed.parts.size(); ++i) {
    const Part& part = parsed.parts[i];
    if (part.tag != Tag::kWord) continue;
    const Part* next = i + 1 < parsed.parts.size() ? &parsed.parts[i + 1] : nullptr;
    out.span = at(line, part);
    if (part.text == "cancel because") {
      out.kind = Act::Kind::kCancel;
      out.because = text(line, next);
    } else if (part.text == "finish") {
      out.kind = Act::Kind::kFinish;
      if (next != nullptr) {
        out.with = args(line.children);
        return out;
      }
    } else if (part.text == "carry on") {
      out.kind = Act::Kind::kCarryOn;
      if (next != nullptr && i + 2 < parsed.parts.size())
        out.carry = expr(line, &parsed.parts[i + 2]);
    } else if (part.text == "try again after") {
      out.kind = Act::Kind::kTryAgain;
      out.after = expr(line, next);
      out.at_most = number(line, i + 3 < parsed.parts.size() ? &parsed.parts[i + 3] : nullptr);
    } else if (part.text == "hand to") {
      out.kind = Act::Kind::kHandTo;
      out.team = name(line, next);
    } else {
      continue;
    }
    leaf(line, part.text);
    return out;
  }
  if (!parsed.ok && line.children.empty()) return out;  // reported: what was meant is not known
  out.kind = Act::Kind::kBlock;
  out.span = line.whole();
  out.block = handler_block(line.children);
  if (line.children.empty() && parsed.ok) {
    missing(line.whole(), "the line does not say what follows",
            "say `, cancel because \"…\"`, or indent what happens then");
  }
  return out;
}

Statements Builder::handler_block(const Lines& lines) {
  ++handlers_around_;
  Statements out = block(lines, kStatements);
  --handlers_around_;
  return out;
}

}  // namespace belay::dsl::text
