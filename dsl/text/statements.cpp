// Statements, policies and acts: what stands in a workflow, a block, a step. `otherwise` and `or when` attach to the
// `when` before them; reserved statements become one node and their children are skipped.
#include "dsl/text/builder.h"

namespace belay::dsl::text {

using Tag = Part::Tag;

Statements Builder::block(const Lines& lines, unsigned place) {
  Statements out;
  bool open_when = false;  // the last statement is a `when` that may go on
  for (const Line& line : lines) {
    if (full()) break;
    const Read read = this->read(line, place);
    if (!read.usable) continue;
    const Span head = line.span(0, read.head->words.size());
    const unsigned inner = (place & (kWebhookBlock | kWebhookStatements)) != 0 ? kWebhookStatements : kStatements;
    if (read.is("or when") || read.is("otherwise")) {
      const bool last = !out.empty() && open_when;
      Arm arm{read.is("or when") ? expr(line, read.parsed.first(Tag::kExpr)) : Expr{}, block(line.children, inner), head};
      if (!last) {
        missing(head, "`" + std::string(read.head->words) + "` has no `when` before it", "put it right behind a `when`, in the same column");
        continue;
      }
      if (line.children.empty() && !line.broken) missing(head, "nothing stands under `" + std::string(read.head->words) + "`", "indent what happens then");
      out.back().arms.push_back(std::move(arm));
      open_when = read.is("or when");
      continue;
    }
    statement(line, read, place, out);
    open_when = !out.empty() && read.is("when");
    if (open_when) {
      if (line.children.empty() && !line.broken) missing(head, "nothing stands under `when`", "indent what happens then");
      out.back().arms.push_back({expr(line, read.parsed.first(Tag::kExpr)), block(line.children, inner), head});
    }
  }
  return out;
}

Statement Builder::reserved(const Line& line, const Head& head) {
  Statement out;
  out.kind = Statement::Kind::kReserved;
  out.span = line.span(0, head.words.size());
  out.name = {std::string(head.words), out.span};
  const bool act = head.words == "carry on" || head.words == "try again after" || head.words == "hand to";
  problem("BEL1040", out.span, act ? "`" + std::string(head.words) + "` as a statement of its own is not in this version yet"
                                   : "`" + std::string(head.words) + "` is reserved, and not in this version yet")
      .help = act ? "say it behind the comma: `if …, " + std::string(head.words) + " …`" : "";
  return out;
}

void Builder::statement(const Line& line, const Read& read, unsigned place, Statements& into) {
  using Kind = Statement::Kind;
  const Parsed& p = read.parsed;
  Statement out;
  out.span = line.span(0, read.head->words.size());
  const auto leaf_here = [&] { leaf(line, read.head->words); };
  if (read.head->reserved) {
    into.push_back(reserved(line, *read.head));
    return;
  }
  if (read.is("step")) {
    out.name = declared(line, p.first(Tag::kName));
    out.title = text(line, p.first(Tag::kString));
    step(line, out);
  } else if (read.is("when")) {
    out.kind = Kind::kWhen;
  } else if (read.is("together")) {
    out.kind = Kind::kTogether;
    if (p.ok && !p.has("all")) {
      problem("BEL1040", out.span, "`together, waiting for` less than all is not in this version yet").help = "say `together, waiting for all`";
      out.kind = Kind::kReserved;
      out.name = {"together", out.span};
    } else {
      together(line, out);
    }
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
    out.args = args(line.children);
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
      out.act.with = args(line.children);
    } else {
      leaf_here();
    }
  } else if (read.is("point of no return")) {
    out.kind = Kind::kPointOfNoReturn;
    leaf_here();
  } else if (read.is("branch")) {
    problem("BEL1031", out.span, "`branch` cannot stand in " + place_name(place)).help = "a branch stands directly under `together`";
    return;
  }
  into.push_back(std::move(out));
}

void Builder::together(const Line& line, Statement& out) {
  for (const Line& child : line.children) {
    const HeadMatch match = match_head(child.text, kTogetherBlock);
    if (match.here != nullptr && match.here->words == "branch") {
      const Read read = this->read(child, kTogetherBlock);
      if (read.usable && child.children.empty()) missing(child.whole(), "nothing stands under `branch`", "indent what this branch does");
      if (read.usable) out.branches.push_back({declared(child, read.parsed.first(Tag::kName)), block(child.children, kStatements), child.span(0, 6)});
      continue;
    }
    const bool goes_on = match.here != nullptr && (match.here->words == "or when" || match.here->words == "otherwise");
    if (goes_on && !out.branches.empty() && out.branches.back().name.empty() && !out.branches.back().block.empty() &&
        out.branches.back().block.back().kind == Statement::Kind::kWhen) {
      const Read read = this->read(child, kTogetherBlock);
      out.branches.back().block.back().arms.push_back(
          {read.is("or when") ? expr(child, read.parsed.first(Tag::kExpr)) : Expr{}, block(child.children, kStatements), child.whole()});
      continue;
    }
    Statements one = block({child}, kTogetherBlock);
    if (!one.empty()) out.branches.push_back({{}, std::move(one), child.whole()});
  }
  if (line.children.empty() && !line.broken) missing(out.span, "nothing stands under `together`", "indent the steps that run at the same time");
}

// ---- Step and wait --------------------------------------------------------------------------------------------------

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
    if (read.head->reserved) {
      problem("BEL1040", where, "`" + head + "` is reserved, and not in this version yet");
      if (head == "run") {
        out.kind = Statement::Kind::kReserved;
        skip = true;
      }
      continue;
    }
    if (policy(child, read, out.policies, seen)) continue;
    if (!once(seen, head, where)) continue;
    if (read.is("do")) {
      out.action = name(child, read.parsed.first(Tag::kName));
      if (read.parsed.has("and do not wait")) problem("BEL1040", where, "`and do not wait` is reserved, and not in this version yet");
      out.args = args(child.children);
    } else if (read.is("undo with")) {
      out.undo = undo(child, read);
    } else if (read.is("no undo because")) {
      out.no_undo_because = text(child, read.parsed.first(Tag::kString));
      leaf(child, head);
    }
  }
  if (!seen.contains("do") && !skip) {
    missing(line.whole(), "the step does not say what to do", "put `do` and the name of an action under it");
  }
}

void Builder::wait(const Line& line, Statement& out) {
  Seen seen;
  for (const Line& child : line.children) {
    const Read read = this->read(child, kWaitBlock);
    if (!read.usable) {
      seen.emplace("for", child.whole());
      continue;
    }
    const std::string head(read.head->words);
    const Span where = child.span(0, head.size());
    const Parsed& p = read.parsed;
    if (read.head->reserved) {
      problem("BEL1040", where, "`" + head + "` is reserved, and not in this version yet");
      out.kind = Statement::Kind::kReserved;
      seen.emplace("for", where);
      continue;
    }
    if (!once(seen, head, where)) continue;
    if (read.is("for")) {
      out.source.event = name(child, p.first(Tag::kName));
      out.source.key = expr(child, p.first(Tag::kExpr));
      out.source.span = where;
      if (const Part* before = p.first(Tag::kExpr, 1)) {
        Part duration = *before;
        constexpr std::string_view kBefore = " before";
        if (duration.text.size() > kBefore.size() && duration.text.ends_with(kBefore)) {
          duration.text.resize(duration.text.find_last_not_of(' ', duration.text.size() - kBefore.size()) + 1);
          duration.length = duration.text.size();
        } else {
          problem("BEL1035", child.span(child.text.size(), 0), "the line ends where `before` is needed").help = "say `even if up to 1 hour before`";
        }
        out.source.before = expr(child, &duration);
      }
      leaf(child, head);
    } else if (read.is("within")) {
      out.within = expr(child, p.first(Tag::kExpr));
      out.act = act(child, p, 1);
    } else {
      out.undo = undo(child, read);
    }
  }
  if (!seen.contains("for")) missing(line.whole(), "the wait does not say what it is for", "put `for EVENT, key …` under it");
}

// ---- Policies -------------------------------------------------------------------------------------------------------

bool Builder::policy(const Line& line, const Read& read, Policies& out, Seen& seen) {
  const Parsed& p = read.parsed;
  const std::string head(read.head->words);
  const Span where = line.span(0, head.size());
  if (read.is("if")) {
    if (p.ok) out.handlers.push_back(handler(line, read));
    return true;
  }
  const bool known = read.is("retry") || read.is("within") || read.is("if unsure") || read.is("keep trying for") || read.is("request key");
  if (!known) return false;
  if (!once(seen, head, where)) return true;
  if (read.is("if unsure")) {
    if (p.ok) out.if_unsure = if_unsure(line, read);
    return true;
  }
  leaf(line, head);
  if (read.is("retry")) {
    if (const Part* first = p.parts.empty() ? nullptr : &p.parts[0]; first != nullptr && first->tag == Tag::kName) {
      out.retry_plan = name(line, first);
    } else if (first != nullptr) {
      out.tries = tries(line, p, where);
    }
  } else if (read.is("within")) {
    out.within = expr(line, p.first(Tag::kExpr));
  } else if (read.is("request key")) {
    out.request_key = expr(line, p.first(Tag::kExpr));
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

Keep Builder::keep(const Line& line, const Parsed& parsed) {
  Keep out;
  out.span = line.whole();
  out.for_ = expr(line, parsed.first(Tag::kExpr));
  for (std::size_t i = 0; i < parsed.parts.size(); ++i) {
    if (parsed.parts[i].tag == Tag::kWord && parsed.parts[i].text == "then") out.then = act(line, parsed, i + 1);
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
      if (next != nullptr && i + 2 < parsed.parts.size()) out.carry = expr(line, &parsed.parts[i + 2]);
    } else if (part.text == "try again after") {
      out.kind = Act::Kind::kTryAgain;
      out.after = expr(line, next);
      out.at_most = number(line, parsed.first(Tag::kNumber));
    } else if (part.text == "hand to") {
      out.kind = Act::Kind::kHandTo;
      out.team = name(line, next);
    } else {
      continue;
    }
    leaf(line, part.text);
    return out;
  }
  out.kind = Act::Kind::kBlock;
  out.span = line.whole();
  out.block = block(line.children, kStatements);
  if (line.children.empty() && parsed.ok) {
    missing(line.whole(), "the line does not say what follows", "say `, cancel because \"…\"`, or indent what happens then");
  }
  return out;
}

}  // namespace belay::dsl::text
