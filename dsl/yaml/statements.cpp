// Statements and policies of the YAML form. A statement is a map told by one discriminator key
// (`step`, `when`, …); an act is a map with one key (`cancel`, `finish`, …) or a word (`carry on`).
// Statements around others and around time are in flow.cpp.
#include <algorithm>
#include <cctype>

#include "dsl/text/lexical.h"
#include "dsl/text/words.h"
#include "dsl/yaml/reader.h"

namespace belay::dsl::yaml {

using Kind = Statement::Kind;

namespace {

const std::vector<std::string>& statement_words() {
  static const std::vector<std::string> words = {
      "step",    "when",     "together",           "wait",     "pause",        "publish", "set",
      "cancel",  "finish",   "point_of_no_return", "for_each", "repeat_until", "ask",     "try",
      "collect", "carry_on", "try_again",          "hand_to"};
  return words;
}

}  // namespace

Statements Reader::block(const Node* node, Where where) {
  Statements out;
  for (const Node& item : list(node)) {
    if (full()) break;
    statement(item, where, out);
  }
  return out;
}

Statements Reader::filled(const Node* node, Where where, const char* what) {
  if (node != nullptr && node->kind == Node::Kind::kList && node->items.empty()) {
    problem("BEL1038", node->span, std::string("nothing stands under ") + what).help =
        "list what happens then";
  }
  return block(node, where);
}

Statements Reader::handler_block(const Node* node, const char* what) {
  ++handlers_around_;
  Statements out = filled(node, Where::kFlow, what);
  --handlers_around_;
  return out;
}

// The discriminator of a statement; empty: there is none, reported.
std::string Reader::statement_kind(const Node& node, const Fields& fields, Span& head) {
  for (const std::string& word : statement_words()) {
    if (!fields.has(word)) continue;
    head = fields.key_span(word);
    return word;
  }
  head = node.entries[0].key.span;
  const std::string& said = node.entries[0].key.text;
  Diagnostic& d = problem(said == "if"     ? "BEL1032"
                          : said == "else" ? "BEL1033"
                                           : "BEL1030",
                          head, "`" + said + "` does not begin a statement");
  const std::string near = nearest(said, statement_words());
  if (said == "branch") d.help = "a branch stands under `branches` of `together`";
  if (said == "if") d.help = "a decision on data is `when`";
  if (!near.empty() && d.help.empty()) did_you_mean(d, said, near);
  return {};
}

bool Reader::stands(const std::string& kind, Where where, Span head) {
  const auto wrong = [&](const char* place, const char* help) {
    problem("BEL1031", head, "`" + kind + "` cannot stand " + place).help = help;
    return false;
  };
  if (where == Where::kWebhook && kind != "when" && kind != "publish")
    return wrong("in a `webhook`", "a webhook says `when` and `publish`");
  if (where != Where::kForEach && kind == "collect")
    return wrong("here", "`collect` stands directly in the `steps` of a `for_each`");
  const bool act = kind == "carry_on" || kind == "try_again" || kind == "hand_to";
  if (act && handlers_around_ == 0) {
    return wrong("here",
                 "it says what follows a failure: put it in the steps of `errors`, or of an "
                 "`otherwise` behind a limit");
  }
  return true;
}

void Reader::statement(const Node& node, Where where, Statements& into) {
  if (node.broken) {
    broken_ = true;
    return;
  }
  if (node.kind != Node::Kind::kMap || node.entries.empty()) {
    Diagnostic& d = problem("BEL1108", node.span, "a statement is a map such as `step: hold`");
    if (node.kind == Node::Kind::kScalar && (node.text == "carry on" || node.text == "finish")) {
      d.help = node.text == "finish" ? "say `finish: true`" : "say `carry_on: true`";
    }
    return;
  }
  Fields fields(*this, node, "this statement");
  Span head;
  const std::string kind = statement_kind(node, fields, head);
  if (kind.empty() || !stands(kind, where, head)) return;
  Statement out;
  std::vector<Allow> allowed = allows(fields);
  if (kind == "step") {
    out = step(fields);
  } else if (kind == "when") {
    out = when(fields, where);
  } else if (kind == "together") {
    out = together(fields);
  } else if (kind == "wait") {
    out = wait(fields);
  } else if (kind == "for_each") {
    out = for_each(fields);
  } else if (kind == "repeat_until") {
    out = repeat(fields);
  } else if (kind == "ask") {
    out = ask(fields);
  } else if (kind == "try") {
    out = attempt(fields);
  } else if (kind == "carry_on" || kind == "try_again" || kind == "hand_to") {
    out.kind = Kind::kAct;
    out.act = act_of(fields);
  } else if (kind == "pause") {
    out.kind = Kind::kPause;
    if (const Node* value = fields.take("pause")) {
      Fields how(*this, *value, "a pause");
      const bool until = how.has("until");
      (until ? out.pause_until : out.pause_for) = expr(until ? how.take("until") : how.need("for"));
      how.done();
    }
  } else if (kind == "publish") {
    out.kind = Kind::kPublish;
    out.source = source(fields, "publish");
    out.args = data_args(fields.take("data"));
  } else if (kind == "set" || kind == "collect") {
    const Node* named = fields.take(kind);
    if (named != nullptr && named->kind == Node::Kind::kMap && named->entries.empty() &&
        !named->broken) {
      problem("BEL1038", named->span, "`" + kind + "` names nothing").help =
          "for example `" + kind + ": { total: price * 2 }`";
    }
    const std::vector<Arg> all = expr_args(named);
    fields.done();
    if (all.size() > 1 && !allowed.empty()) {
      problem("BEL1031", fields.key_span("allow"),
              "`allow` is about one value, and `" + kind + "` names several")
          .help = "make a `" + kind + "` of its own for that value";
    }
    for (const Arg& one : all) {  // one key a statement is usual; more are as many statements
      Statement set;
      if (all.size() == 1) set.allows = std::move(allowed);
      set.kind = kind == "set" ? Kind::kSet : Kind::kCollect;
      set.name = one.name;
      set.value = one.value;
      set.span = head;
      into.push_back(std::move(set));
    }
    return;
  } else if (kind == "point_of_no_return") {
    out.kind = Kind::kPointOfNoReturn;
    word(fields.take("point_of_no_return"), {"true"});
  } else {
    out.kind = kind == "cancel" ? Kind::kCancel : Kind::kFinish;
    out.act.kind = kind == "cancel" ? Act::Kind::kCancel : Act::Kind::kFinish;
    out.act.span = head;
    if (kind == "cancel") {
      out.act.because = text(fields.take("cancel"));
    } else if (const Node* value = fields.take("finish")) {
      if (value->kind == Node::Kind::kMap) {
        Fields how(*this, *value, "`finish`");
        out.act.with = data_args(how.take("with"));
        how.done();
      } else {
        word(value, {"true"});
      }
    }
  }
  fields.done();
  out.span = head;
  out.allows = std::move(allowed);
  into.push_back(std::move(out));
}

Statement Reader::step(Fields& fields) {
  Statement out;
  out.name = declared(fields.take("step"));
  out.title = text(fields.take("title"));
  if (const Node* run = fields.take("run")) {
    out.run = name(run);
    if (fields.take("do") != nullptr) {
      Diagnostic& d = problem("BEL1034", fields.key_span("run"),
                              "a step does one thing, and `run` is a second one");
      d.notes.push_back({fields.key_span("do"), true, "the other is here"});
      d.help = "make two steps of it";
    }
  } else if (!fields.has("run")) {
    out.action = name(fields.need("do"));
  }
  if (const Node* detached = fields.take("and_do_not_wait")) {
    out.detached = flag(detached);
    out.detached_span = fields.key_span("and_do_not_wait");
    if (!fields.has("run")) {
      problem("BEL1031", fields.key_span("and_do_not_wait"),
              "`and_do_not_wait` cannot stand beside `do`")
          .help = "only a workflow that a step runs need not be waited for: `run: WORKFLOW`";
    }
  }
  out.args = data_args(fields.take("with"));
  out.policies = policies(fields);
  if (const Node* node = fields.take("undo")) out.undo = undo(*node);
  if (const Node* node = fields.take("no_undo_because")) out.no_undo_because = text(node);
  return out;
}

Statement Reader::when(Fields& fields, Where where) {
  Statement out;
  out.kind = Kind::kWhen;
  const Where inner = where == Where::kWebhook ? where : Where::kFlow;
  const Span head = fields.key_span("when");
  out.arms.push_back(
      {expr(fields.take("when")), filled(fields.need("then"), inner, "`then`"), head});
  for (const Node& item : list(fields.take("or_when"))) {
    Fields arm(*this, item, "an `or_when`");
    const Span at = arm.key_span("when");
    Expr condition = expr(arm.need("when"));
    out.arms.push_back({std::move(condition), filled(arm.need("then"), inner, "`then`"), at});
    arm.done();
  }
  if (const Node* otherwise = fields.take("otherwise")) {
    out.arms.push_back({{}, filled(otherwise, inner, "`otherwise`"), fields.key_span("otherwise")});
  }
  return out;
}

// ---- Policies

namespace {

std::uint32_t last_line(const Node& node) {
  std::uint32_t last = node.span.line;
  if (node.block)
    last += static_cast<std::uint32_t>(std::count(node.text.begin(), node.text.end(), '\n'));
  for (const Entry& entry : node.entries)
    last = std::max({last, entry.key.span.line, last_line(entry.value)});
  for (const Node& item : node.items) last = std::max(last, last_line(item));
  return last;
}

}  // namespace

std::vector<Allow> Reader::allows(Fields& fields) {
  std::vector<Allow> out;
  const Node* all = fields.take("allow");
  for (const Node& item : list(all)) {
    Fields parts(*this, item, "an `allow`");
    Allow one;
    one.kind = plain_name(parts.need("kind"));
    if (!std::all_of(one.kind.text.begin(), one.kind.text.end(),
                     [](unsigned char c) { return std::isalnum(c) != 0; })) {
      problem("BEL1041", one.kind.span, "`" + one.kind.text + "` is not the code of a finding")
          .help = "a code is what stands in brackets, such as `BEL2001`";
      one.kind = {};
    }
    one.because = text(parts.need("because"));
    one.span = item.span;
    one.from_line = fields.map().span.line;
    one.to_line = last_line(fields.map());
    parts.done();
    if (!one.kind.empty() && !one.because.empty()) out.push_back(std::move(one));
  }
  return out;
}

Policies Reader::policies(Fields& fields) {
  Policies out;
  if (const Node* node = fields.take("retry")) {
    if (node->kind == Node::Kind::kScalar && !node->broken && text::is_dotted_name(node->text)) {
      out.retry_plan = name(node);
    } else if (node->kind != Node::Kind::kScalar || !node->broken) {
      out.tries = tries(node);
    }
  }
  out.within = expr(fields.take("within"));
  out.request_key = expr(fields.take("request_key"));
  out.alive_every = expr(fields.take("alive_every"));
  if (const Node* node = fields.take("at_most")) out.rate = rate(*node);
  out.handlers = handlers(fields.take("errors"));
  if (const Node* node = fields.take("if_unsure")) out.if_unsure = if_unsure(node);
  if (const Node* node = fields.take("keep_trying")) out.keep = keep(node);
  return out;
}

// `{ per_minute: 10, per: customer.id }`
Rate Reader::rate(const Node& node) {
  Rate out;
  out.span = node.span;
  Fields fields(*this, node, "`at_most`");
  for (const char* unit : {"second", "minute", "hour", "day"}) {
    const std::string key = std::string("per_") + unit;
    const Node* times = fields.take(key);
    if (times == nullptr) continue;
    if (!out.unit.empty()) {
      problem("BEL1034", fields.key_span(key), "`at_most` has a limit already")
          .notes.push_back({out.unit.span, true, "first said here"});
      continue;
    }
    out.unit = {unit, fields.key_span(key)};
    out.count = count(times, 1, "how often a step may be sent");
  }
  if (out.unit.empty() && node.kind == Node::Kind::kMap && !node.broken) {
    problem("BEL1038", node.span, "`at_most` does not say how often").help =
        "for example `{ per_minute: 10 }`";
  }
  out.per = expr(fields.take("per"));
  fields.done();
  return out;
}

Undo Reader::undo(const Node& node) {
  Undo out;
  out.span = node.span;
  if (node.kind == Node::Kind::kScalar) {  // `undo: booking.release`
    out.action = name(&node);
    return out;
  }
  Fields fields(*this, node, "an undo");
  out.action = name(fields.need("do"));
  out.args = data_args(fields.take("with"));
  out.policies = policies(fields);
  fields.done();
  return out;
}

std::vector<Handler> Reader::handlers(const Node* node) {
  std::vector<Handler> out;
  if (node == nullptr) return out;
  Fields fields(*this, *node, "`errors`");
  for (const Entry& entry : node->entries) {
    Handler handler;
    handler.span = entry.key.span;
    if (entry.key.text != "any error" && entry.key.text != "any_error") {
      std::string rest = entry.key.text;  // `a.b or c.d`
      std::uint32_t column = 0;
      while (true) {
        const std::size_t end = rest.find(" or ");
        Node one = entry.key;
        one.text = rest.substr(0, end);
        one.span.column += column;
        one.span.length = static_cast<std::uint32_t>(one.text.size());
        handler.errors.push_back(key_name(one, true));
        if (end == std::string::npos) break;
        rest = rest.substr(end + 4);
        column += static_cast<std::uint32_t>(end + 4);
      }
    }
    const Node* value = fields.take(entry.key.text);
    if (value == nullptr) continue;
    handler.act = act(value);
    out.push_back(std::move(handler));
  }
  return out;
}

IfUnsure Reader::if_unsure(const Node* node) {
  IfUnsure out;
  out.span = node->span;
  if (node->kind == Node::Kind::kScalar) {
    const std::string said = word(node, {"check", "try again", "undo anyway"});
    if (said == "try again") out.kind = IfUnsure::Kind::kTryAgain;
    if (said == "undo anyway") out.kind = IfUnsure::Kind::kUndoAnyway;
    return out;
  }
  Fields fields(*this, *node, "`if_unsure`");
  if (fields.has("hand_to")) {
    out.kind = IfUnsure::Kind::kHandTo;
    out.team = name(fields.take("hand_to"));
  } else if (const Node* check = fields.need("check")) {
    if (check->kind == Node::Kind::kScalar) {
      out.action = name(check);
    } else {
      Fields how(*this, *check, "a check");
      out.action = name(how.need("do"));
      out.args = data_args(how.take("with"));
      how.done();
    }
  }
  fields.done();
  return out;
}

Keep Reader::keep(const Node* node) {
  Keep out;
  out.span = node->span;
  Fields fields(*this, *node, "`keep_trying`");
  const bool inner = fields.has("keep_trying");  // `if_undo_fails: { keep_trying: 1 day, then: … }`
  out.for_ = expr(fields.need(inner ? "keep_trying" : "for"));
  if (const Node* then = fields.need("then")) {
    out.then = act(then);
    if (out.then.kind != Act::Kind::kCarryOn && out.then.kind != Act::Kind::kHandTo &&
        out.then.kind != Act::Kind::kNone) {
      problem("BEL1111", then->span,
              "after trying for long, a step is carried on or handed to people")
          .help = "say `carry on` or `{ hand_to: NAME }`";
    }
  }
  fields.done();
  return out;
}

Act Reader::act(const Node* node) {
  Act out;
  out.span = node->span;
  if (node->broken) {
    broken_ = true;
    return out;
  }
  if (node->kind == Node::Kind::kScalar) {
    const std::string said = word(node, {"carry on", "finish"});
    if (!said.empty()) out.kind = said == "finish" ? Act::Kind::kFinish : Act::Kind::kCarryOn;
    return out;
  }
  if (node->kind == Node::Kind::kList) {
    out.kind = Act::Kind::kBlock;
    out.block = handler_block(node, "this act");
    return out;
  }
  Fields fields(*this, *node, "this act");
  out = act_of(fields);
  fields.done();
  return out;
}

// The act of a map; what it did not take is for the caller to tell.
Act Reader::act_of(Fields& fields) {
  Act out;
  out.span = fields.map().span;
  const auto with = [&](const Node* value,
                        const char* what) -> const Node* {  // `true`, or `{ with: … }`
    if (value == nullptr) return nullptr;
    if (value->kind == Node::Kind::kScalar) {
      word(value, {"true"});
      return nullptr;
    }
    Fields inner(*this, *value, what);
    const Node* found = inner.take("with");
    inner.done();
    return found;
  };
  if (fields.has("cancel")) {
    out.kind = Act::Kind::kCancel;
    out.because = text(fields.take("cancel"));
  } else if (fields.has("finish")) {
    out.kind = Act::Kind::kFinish;
    out.with = data_args(with(fields.take("finish"), "`finish`"));
  } else if (fields.has("carry_on")) {
    out.kind = Act::Kind::kCarryOn;
    out.carry = data(with(fields.take("carry_on"), "`carry_on`"));
  } else if (fields.has("try_again")) {
    out.kind = Act::Kind::kTryAgain;
    if (const Node* value = fields.take("try_again")) {
      Fields how(*this, *value, "`try_again`");
      out.after = expr(how.need("after"));
      out.at_most = number(how.need("at_most"));
      how.done();
    }
  } else if (fields.has("hand_to")) {
    out.kind = Act::Kind::kHandTo;
    out.team = name(fields.take("hand_to"));
  } else if (fields.has("steps")) {
    out.kind = Act::Kind::kBlock;
    out.block = handler_block(fields.take("steps"), "`steps`");
  } else {
    for (const char* key : {"cancel", "finish", "carry_on", "try_again", "hand_to", "steps"})
      fields.take(key);
    if (fields.map().entries.empty())
      problem("BEL1107", out.span, "an act is needed here, such as `cancel: …`");
  }
  return out;
}

}  // namespace belay::dsl::yaml
