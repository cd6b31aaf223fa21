// Statements around other statements and around time, in YAML: together, for_each, repeat_until,
// try, wait, ask.
#include <algorithm>
#include <charconv>

#include "dsl/text/words.h"
#include "dsl/yaml/reader.h"

namespace belay::dsl::yaml {

using Kind = Statement::Kind;

Number Reader::count(const Node* node, std::int64_t least, const char* what) {
  const std::size_t errors = diagnostics_.errors();
  const Number out = number(node);
  if (node != nullptr && errors == diagnostics_.errors() && !node->broken && out.value < least) {
    problem("BEL1037", out.span, std::string(what) + " is at least " + std::to_string(least));
  }
  return out;
}

// ---- together ----------------------------------------------------------------------------------

Statement Reader::together(Fields& fields) {
  Statement out;
  out.kind = Kind::kTogether;
  const std::size_t errors = diagnostics_.errors();
  wanted(fields.take("together"), out);
  branches(fields.need("branches"), out);
  if (errors != diagnostics_.errors()) return out;
  const std::string wrong = text::wanted_problem(out);
  if (!wrong.empty())
    problem("BEL1037", out.wanted_count.span, wrong).help = text::wanted_help(out);
  return out;
}

// `all`, `any`, or `2 of 3`.
void Reader::wanted(const Node* how, Statement& out) {
  if (how == nullptr || !scalar(*how, "`all`, `any` or `2 of 3`")) return;
  const std::string& said = how->text;
  if (const std::size_t of = said.find(" of "); of != std::string::npos) {
    const char* begin = said.data();
    const char* middle = begin + of;
    const char* end = begin + said.size();
    const auto count = std::from_chars(begin, middle, out.wanted_count.value);
    const auto total = std::from_chars(middle + 4, end, out.wanted_of.value);
    out.wanted_count.span = out.wanted_of.span = how->span;
    if (count.ec == std::errc{} && count.ptr == middle && total.ec == std::errc{} &&
        total.ptr == end) {
      out.wanted = Statement::Wanted::kSome;
      return;
    }
  }
  if (word(how, {"all", "any", "2 of 3"}) == "any") out.wanted = Statement::Wanted::kAny;
}

void Reader::branches(const Node* node, Statement& out) {
  if (node != nullptr && node->kind == Node::Kind::kList && node->items.empty()) {
    problem("BEL1038", node->span, "nothing stands under `branches`").help =
        "list the steps that run at the same time";
  }
  for (const Node& item : list(node)) {
    const bool named = item.kind == Node::Kind::kMap &&
                       std::any_of(item.entries.begin(), item.entries.end(),
                                   [](const Entry& e) { return e.key.text == "branch"; });
    if (named) {
      Fields branch(*this, item, "a branch");
      Branch one{declared(branch.take("branch")), {}, branch.key_span("branch"), allows(branch)};
      one.block = filled(branch.need("steps"), Where::kFlow, "`steps`");
      out.branches.push_back(std::move(one));
      branch.done();
      continue;
    }
    Statements one;
    statement(item, Where::kFlow, one);
    for (Statement& s : one) {
      const Span at = s.span;
      Statements alone;
      alone.push_back(std::move(s));
      out.branches.push_back({{}, std::move(alone), at, {}});
    }
  }
}

// ---- for_each, repeat_until, try ---------------------------------------------------------------

Statement Reader::for_each(Fields& fields) {
  Statement out;
  out.kind = Kind::kForEach;
  out.name = declared(fields.take("for_each"));
  out.value = expr(fields.need("in"));
  if (fields.has("at_most") && !fields.has("at_once")) {
    fields.take("at_most");
    problem("BEL1105", fields.key_span("at_most"), "`at_most` is no key of a `for_each`").help =
        "say `at_once: 3`";
  } else if (const Node* at_once = fields.need("at_once")) {
    out.at_once = count(at_once, 1, "the number of items at once");
  }
  if (const Node* tolerating = fields.take("tolerating"))
    out.tolerating = count(tolerating, 0, "a number of failures");
  out.body = filled(fields.need("steps"), Where::kForEach, "`steps`");
  return out;
}

Statement Reader::repeat(Fields& fields) {
  Statement out;
  out.kind = Kind::kRepeat;
  out.value = expr(fields.take("repeat_until"));
  if (const Node* times = fields.need("at_most"))
    out.times = count(times, 1, "the number of rounds");
  out.body = filled(fields.need("steps"), Where::kFlow, "`steps`");
  if (const Node* node = fields.take("otherwise")) out.act = act(node);
  if (out.act.kind == Act::Kind::kFinish &&
      !out.act.with.empty()) {  // as the text form says it: a block that finishes
    Statement finish;
    finish.kind = Kind::kFinish;
    finish.span = out.act.span;
    finish.act = std::move(out.act);
    out.act = {};
    out.act.kind = Act::Kind::kBlock;
    out.act.span = finish.span;
    out.act.block.push_back(std::move(finish));
  }
  return out;
}

Statement Reader::attempt(Fields& fields) {
  Statement out;
  out.kind = Kind::kTry;
  out.body = filled(fields.take("try"), Where::kFlow, "`try`");
  const Node* errors = fields.take("errors");
  const bool none = errors != nullptr && errors->kind == Node::Kind::kMap &&
                    errors->entries.empty() && !errors->broken;
  if (none || !fields.has("errors")) {
    problem("BEL1038", fields.key_span(none ? "errors" : "try"),
            "the `try` does not say what follows when something in it fails")
        .help = "add `errors: { any error: … }`";
  }
  out.policies.handlers = handlers(errors);
  return out;
}

// ---- wait, ask ---------------------------------------------------------------------------------

EventSource Reader::source(Fields& fields, std::string_view event_key) {
  EventSource out;
  out.span = fields.key_span(event_key);
  out.event = name(fields.need(event_key));
  out.key = expr(fields.need("key"));
  return out;
}

Statement Reader::wait(Fields& fields) {
  Statement out;
  out.kind = Kind::kWait;
  out.name = declared(fields.take("wait"));
  out.title = text(fields.take("title"));
  if (const Node* node = fields.need("for")) {
    Fields what(*this, *node, "what a wait is for");
    const std::string several = what.has("all_of") ? "all_of" : "any_of";
    if (what.has(several)) {
      if (several == "all_of" && what.take("any_of") != nullptr) {
        Diagnostic& d = problem("BEL1034", what.key_span("any_of"),
                                "a wait is for `all_of` or for `any_of`, not both");
        d.notes.push_back({what.key_span("all_of"), true, "the other is here"});
        d.help = "make two waits of it";
      }
      if (const Node* named = what.take(several)) sources(*named, several, out);
    } else {
      out.source = source(what, "event");
      out.source.before = expr(what.take("even_if_up_to"));
    }
    what.done();
  }
  limit(fields, out);
  if (const Node* node = fields.take("undo")) out.undo = undo(*node);
  return out;
}

void Reader::sources(const Node& node, const std::string& key, Statement& out) {
  out.wanted = key == "any_of" ? Statement::Wanted::kAny : Statement::Wanted::kAll;
  Fields named(*this, node, "`" + key + "`");
  if (node.kind == Node::Kind::kMap && node.entries.empty() && !node.broken) {
    problem("BEL1038", node.span, "`" + key + "` names no events").help =
        "for example `{ paid: { event: payment.authorised, key: booking } }`";
  }
  for (const Entry& entry : node.entries) {
    Name name = key_name(entry.key, false);
    const Node* value = named.take(entry.key.text);
    if (value == nullptr) continue;
    Fields what(*this, *value, "an event that is waited for");
    EventSource one = source(what, "event");
    one.before = expr(what.take("even_if_up_to"));
    one.span = name.span;
    one.name = std::move(name);
    what.done();
    out.sources.push_back(std::move(one));
  }
}

Statement Reader::ask(Fields& fields) {
  Statement out;
  out.kind = Kind::kAsk;
  out.name = declared(fields.take("ask"));
  if (fields.has("title") && !fields.has("question")) {
    fields.take("title");
    problem("BEL1105", fields.key_span("title"), "`title` is no key of an `ask`").help =
        "say `question`";
  } else {
    out.title = text(fields.need("question"));
  }
  out.role = declared(fields.need("of_role"));
  const Node* answers = fields.need("answers");
  if (answers != nullptr && answers->kind == Node::Kind::kMap && answers->entries.empty() &&
      !answers->broken) {
    problem("BEL1038", answers->span, "nothing stands under `answers`").help =
        "name the fields of an answer, such as `{ granted: bool }`";
  }
  out.answers = this->fields(answers, false);
  limit(fields, out);
  return out;
}

// `within` and `otherwise`: both or none.
void Reader::limit(Fields& fields, Statement& out) {
  const std::string owner = out.kind == Kind::kAsk ? "an `ask`" : "a wait";
  out.within = expr(fields.take("within"));
  if (const Node* node = fields.take("otherwise")) out.act = act(node);
  if (!out.within.empty() && !fields.has("otherwise")) {
    problem("BEL1038", fields.key_span("within"), "`within` of " + owner + " needs `otherwise`")
        .help = "for example `otherwise: { cancel: … }`";
  }
  if (fields.has("otherwise") && !fields.has("within")) {
    problem("BEL1038", fields.key_span("otherwise"), "`otherwise` of " + owner + " needs `within`")
        .help = "for example `within: 15 minutes`";
  }
}

}  // namespace belay::dsl::yaml
