// Statements around other statements and around time: together, for each, repeat until, wait, ask;
// and acts that stand as statements in the block of a handler.
#include "dsl/text/builder.h"
#include "dsl/text/words.h"

namespace belay::dsl::text {

using Tag = Part::Tag;
using Kind = Statement::Kind;

void Builder::at_least_one(const Number& count, const Parsed& parsed, std::string_view what) {
  if (parsed.ok && count.value < 1)
    problem("BEL1037", count.span, std::string(what) + " is at least 1");
}

// ---- together ----------------------------------------------------------------------------------

void Builder::together(const Line& line, const Parsed& parsed, Statement& out) {
  using Wanted = Statement::Wanted;
  out.kind = Kind::kTogether;
  if (parsed.has("any")) out.wanted = Wanted::kAny;
  if (parsed.has("of")) {
    out.wanted = Wanted::kSome;
    out.wanted_count = number(line, parsed.first(Tag::kNumber));
    out.wanted_of = number(line, parsed.first(Tag::kNumber, 1));
  }
  const std::size_t errors = diagnostics_.errors();
  Lines bare;  // a statement without `branch`, and the lines behind it that go on with it
  const auto flush = [&] {
    if (bare.empty()) return;
    const Span span = bare.front().whole();
    Statements all = block(bare, kTogetherBlock);
    bare.clear();
    for (Statement& one : all) {
      Statements alone;
      alone.push_back(std::move(one));
      out.branches.push_back({{}, std::move(alone), span, {}});
    }
  };
  Lines rest;
  const Lines& inside = below(line, out.allows, rest);
  for (const Line& child : inside) {
    const HeadMatch match = match_head(child.text, kTogetherBlock | kTryHandlers);
    const std::string_view head = match.here != nullptr ? match.here->words : "";
    if (head != "or when" && head != "otherwise" && (head != "if" || bare.empty())) flush();
    if (head != "branch") {
      bare.push_back(child);
      continue;
    }
    const Read read = this->read(child, kTogetherBlock);
    if (!read.usable) continue;
    Branch branch{declared(child, read.parsed.first(Tag::kName)), {}, child.span(0, 6), {}};
    Lines others;
    const Lines& of_branch = below(child, branch.allows, others);
    if (of_branch.empty())
      missing(child.whole(), "nothing stands under `branch`", "indent what this branch does");
    branch.block = block(of_branch, kStatements);
    out.branches.push_back(std::move(branch));
  }
  flush();
  if (inside.empty() && !line.broken)
    missing(out.span, "nothing stands under `together`",
            "indent the steps that run at the same time");
  if (!parsed.ok || errors != diagnostics_.errors()) return;
  const std::string wrong = wanted_problem(out);
  if (!wrong.empty()) problem("BEL1037", out.wanted_count.span, wrong).help = wanted_help(out);
}

// ---- for each, repeat until --------------------------------------------------------------------

void Builder::for_each(const Line& line, const Parsed& parsed, Statement& out) {
  out.kind = Kind::kForEach;
  out.name = declared(line, parsed.first(Tag::kName));
  out.value = expr(line, parsed.first(Tag::kExpr));
  out.at_once = number(line, parsed.first(Tag::kNumber));
  at_least_one(out.at_once, parsed, "the number of items at once");
  if (const Part* failures = parsed.after("tolerating")) {
    out.tolerating = number(line, failures);
    if (parsed.ok && out.tolerating->value < 0)
      problem("BEL1037", out.tolerating->span, "a number of failures is 0 or more");
  }
  Lines rest;
  const Lines& inside = below(line, out.allows, rest);
  out.body = block(inside, kForEachBlock);
  if (inside.empty() && !line.broken)
    missing(out.span, "nothing stands under `for each`", "indent what is done for one item");
}

void Builder::repeat(const Line& line, const Parsed& parsed, Statement& out) {
  out.kind = Kind::kRepeat;
  out.value = expr(line, parsed.first(Tag::kExpr));
  out.times = number(line, parsed.first(Tag::kNumber));
  at_least_one(out.times, parsed, "the number of rounds");
  for (std::size_t i = 0; parsed.ok && i < parsed.parts.size(); ++i) {
    if (parsed.parts[i].tag != Tag::kWord || parsed.parts[i].text != "otherwise") continue;
    if (parsed.has("finish") && parsed.parts.back().text == "with") {
      problem("BEL1031", at(line, parsed.parts.back()),
              "`finish with` cannot stand in the line of `repeat until`")
          .help =
          "put `otherwise` behind the block, in the column of `repeat until`, and `finish with` "
          "under it";
      break;
    }
    const Line head{
        line.text, line.pieces, line.broken, {},
        {},        {},          false};  // the lines below are the rounds, not the act's
    out.act = act(head, parsed, i + 1);
  }
  Lines rest;
  const Lines& inside = below(line, out.allows, rest);
  out.body = block(inside, kStatements);
  if (inside.empty() && !line.broken)
    missing(out.span, "nothing stands under `repeat until`", "indent what one round does");
}

void Builder::otherwise_of_repeat(const Line& line, Statement& repeat) {
  const Span head = line.span(0, std::string_view("otherwise").size());
  if (repeat.act.kind != Act::Kind::kNone) {
    Diagnostic& d = problem("BEL1034", head, "`otherwise` is said twice");
    d.notes.push_back({repeat.act.span, true, "first said here"});
    d.help = "keep one of the two";
    return;
  }
  repeat.act.kind = Act::Kind::kBlock;
  repeat.act.span = head;
  repeat.act.block = handler_block(line.children);
}

// ---- wait, ask ---------------------------------------------------------------------------------

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
    if (allow(child, read, line, out.allows)) continue;
    if (!once(seen, head.substr(0, 4) == "for " ? "for" : head, where)) continue;
    if (read.is("within")) {
      if (read.parsed.ok) out.within = expr(child, read.parsed.first(Tag::kExpr));
      out.act = act(child, read.parsed, 1);
    } else if (read.is("undo with")) {
      out.undo = undo(child, read);
    } else {
      wait_source(child, read, out);
    }
  }
  if (!seen.contains("for"))
    missing(line.whole(), "the wait does not say what it is for",
            "put `for EVENT, key …` under it");
}

void Builder::wait_source(const Line& line, const Read& read, Statement& out) {
  if (read.is("for")) {
    out.source = source(line, read.parsed, 0);
    out.source.span = line.span(0, read.head->words.size());
    leaf(line, read.head->words);
    return;
  }
  out.wanted = read.is("for any of") ? Statement::Wanted::kAny : Statement::Wanted::kAll;
  Seen seen;
  for (const Line& child : line.children) {
    if (!looks_like_arg(child, false)) {
      broken_ = true;
      if (!child.broken) {
        problem("BEL1035", child.whole(),
                "an event with a name is needed here: `name = EVENT, key …`")
            .help = "what came is read by that name: `" +
                    (out.name.empty() ? "wait" : out.name.text) + ".name`";
      }
      continue;
    }
    no_block(child);
    const Parsed parsed = parse(child, Rule::kNamedSource, 0, "");
    leaf(child, read.head->words);
    if (!parsed.ok) continue;
    EventSource one = source(child, parsed, 2);
    one.name = declared(child, &parsed.parts[0]);
    one.span = one.name.span;
    if (once(seen, one.name.text, one.name.span)) out.sources.push_back(std::move(one));
  }
  if (line.children.empty() && !line.broken) {
    missing(line.whole(), "`" + std::string(read.head->words) + "` names no events",
            "put `name = EVENT, key …` under it, one line an event");
  }
}

EventSource Builder::source(const Line& line, const Parsed& parsed, std::size_t from) {
  EventSource out;
  const std::vector<Part>& parts = parsed.parts;
  const auto part = [&](std::size_t i) {
    return from + i < parts.size() ? &parts[from + i] : nullptr;
  };
  out.event = name(line, part(0));
  out.key = expr(line, part(2));
  if (part(4) == nullptr) return out;
  Part duration = *part(4);
  constexpr std::string_view kBefore = " before";
  if (duration.text.size() > kBefore.size() && duration.text.ends_with(kBefore)) {
    duration.text.resize(
        duration.text.find_last_not_of(' ', duration.text.size() - kBefore.size()) + 1);
    duration.length = duration.text.size();
  } else {
    problem("BEL1035", line.span(line.text.size(), 0), "the line ends where `before` is needed")
        .help = "say `even if up to 1 hour before`";
  }
  out.before = expr(line, &duration);
  return out;
}

void Builder::ask(const Line& line, const Parsed& parsed, Statement& out) {
  out.kind = Kind::kAsk;
  out.name = declared(line, parsed.first(Tag::kName));
  out.title = text(line, parsed.first(Tag::kString));
  out.role = declared(line, parsed.first(Tag::kName, 1));
  Seen seen;
  bool skip = !parsed.ok || line.broken;
  for (const Line& child : line.children) {
    const Read read = this->read(child, kAskBlock);
    skip = skip || !read.usable;
    if (!read.usable || allow(child, read, line, out.allows) ||
        !once(seen, std::string(read.head->words), child.span(0, read.head->words.size())))
      continue;
    if (read.is("within")) {
      out.within = expr(child, read.parsed.first(Tag::kExpr));
      out.act = act(child, read.parsed, 1);
      continue;
    }
    out.answers = fields(child.children, false);
    if (child.children.empty() && !child.broken)
      missing(child.whole(), "nothing stands under `answers`",
              "name the fields of an answer, such as `granted  bool`");
  }
  if (!seen.contains("answers") && !skip) {
    missing(line.whole(), "the question does not say what an answer holds",
            "put `answers` under it, and below that its fields, such as `granted  bool`");
  }
}

// ---- Acts as statements ------------------------------------------------------------------------

bool Builder::loose_act(const Line& line, const Read& read, unsigned place, Statement& out) {
  const Parsed& p = read.parsed;
  out.act.span = line.whole();
  if (read.is("carry on")) {
    out.act.kind = Act::Kind::kCarryOn;
    out.act.carry = expr(line, p.first(Tag::kExpr));
  } else if (read.is("try again after")) {
    out.act.kind = Act::Kind::kTryAgain;
    out.act.after = expr(line, p.first(Tag::kExpr));
    out.act.at_most = number(line, p.first(Tag::kNumber));
  } else if (read.is("hand to")) {
    out.act.kind = Act::Kind::kHandTo;
    out.act.team = name(line, p.first(Tag::kName));
  } else {
    return false;
  }
  out.kind = Kind::kAct;
  only_allows(line, read.head->words, out.allows);
  if (handlers_around_ == 0) {
    problem("BEL1031", out.span,
            "`" + std::string(read.head->words) + "` cannot stand in " + place_name(place))
        .help =
        "it says what follows a failure: put it in the block of an `if ERROR`, or of an "
        "`otherwise` behind a limit";
  }
  return true;
}

}  // namespace belay::dsl::text
