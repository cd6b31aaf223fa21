// Statements and policies of the YAML form. A statement is a map told by one discriminator key (`step`, `when`, …); an
// act is a map with one key (`cancel`, `finish`, …) or a word (`carry on`).
#include <algorithm>

#include "dsl/text/lexical.h"
#include "dsl/text/words.h"
#include "dsl/yaml/reader.h"

namespace belay::dsl::yaml {

using Kind = Statement::Kind;

Statements Reader::block(const Node* node, bool webhook) {
  Statements out;
  for (const Node& item : list(node)) {
    if (full()) break;
    statement(item, webhook, out);
  }
  return out;
}

Statements Reader::filled(const Node* node, bool webhook, const char* what) {
  if (node != nullptr && node->kind == Node::Kind::kList && node->items.empty()) {
    problem("BEL1038", node->span, std::string("nothing stands under ") + what).help = "list what happens then";
  }
  return block(node, webhook);
}

void Reader::statement(const Node& node, bool webhook, Statements& into) {
  static const std::vector<std::string> kRuns = {"step", "when", "together", "wait", "pause", "publish", "set", "cancel", "finish", "point_of_no_return"};
  static const std::vector<std::string> kReserved = {"for_each", "repeat_until", "ask", "try", "carry_on", "try_again", "hand_to"};
  if (node.broken) {
    broken_ = true;
    return;
  }
  if (node.kind != Node::Kind::kMap || node.entries.empty()) {
    problem("BEL1108", node.span, "a statement is a map such as `step: hold`");
    return;
  }
  Fields fields(*this, node, "this statement");
  std::string kind;
  for (const auto* words : {&kRuns, &kReserved}) {
    for (const std::string& word : *words) {
      if (kind.empty() && fields.has(word)) kind = word;
    }
  }
  const Span head = kind.empty() ? node.entries[0].key.span : fields.key_span(kind);
  if (kind.empty()) {
    const std::string& said = node.entries[0].key.text;
    const bool branches = said == "branch";
    Diagnostic& d = problem("BEL1030", head, "`" + said + "` does not begin a statement");
    const std::string near = nearest(said, kRuns);
    if (branches) d.help = "a branch stands under `branches` of `together`";
    if (said == "if") d.help = "a decision on data is `when`";
    if (!near.empty() && d.help.empty()) d.help = "did you mean `" + near + "`?";
    return;
  }
  Statement out;
  if (std::find(kReserved.begin(), kReserved.end(), kind) != kReserved.end()) {
    problem("BEL1040", head, "`" + kind + "` is reserved, and not in this version yet");
    out.kind = Kind::kReserved;
    out.name = {kind, head};
    std::replace(out.name.text.begin(), out.name.text.end(), '_', ' ');
    out.span = head;
    into.push_back(std::move(out));
    return;
  }
  if (webhook && kind != "when" && kind != "publish") {
    problem("BEL1031", head, "`" + kind + "` cannot stand in a `webhook`").help = "a webhook says `when` and `publish`";
    return;
  }
  if (kind == "step") {
    out = step(fields);
  } else if (kind == "when") {
    out = when(fields, webhook);
  } else if (kind == "together") {
    out = together(fields);
  } else if (kind == "wait") {
    out = wait(fields);
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
  } else if (kind == "set") {
    const std::vector<Arg> all = expr_args(fields.take("set"));
    fields.done();
    for (const Arg& one : all) {  // one key a statement is usual; more are as many statements
      Statement set;
      set.kind = Kind::kSet;
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
  into.push_back(std::move(out));
}

Statement Reader::step(Fields& fields) {
  Statement out;
  out.name = declared(fields.take("step"));
  out.title = text(fields.take("title"));
  for (const char* key : {"run", "and_do_not_wait", "alive_every", "at_most"}) fields.reserved(key);
  if (fields.has("run")) {
    out.kind = Kind::kReserved;
    fields.take("do");
  } else {
    out.action = name(fields.need("do"));
  }
  out.args = data_args(fields.take("with"));
  out.policies = policies(fields);
  if (const Node* node = fields.take("undo")) out.undo = undo(*node);
  if (const Node* node = fields.take("no_undo_because")) out.no_undo_because = text(node);
  return out;
}

Statement Reader::when(Fields& fields, bool webhook) {
  Statement out;
  out.kind = Kind::kWhen;
  const Span head = fields.key_span("when");
  out.arms.push_back({expr(fields.take("when")), filled(fields.need("then"), webhook, "`then`"), head});
  for (const Node& item : list(fields.take("or_when"))) {
    Fields arm(*this, item, "an `or_when`");
    const Span at = arm.key_span("when");
    Expr condition = expr(arm.need("when"));
    out.arms.push_back({std::move(condition), filled(arm.need("then"), webhook, "`then`"), at});
    arm.done();
  }
  if (const Node* otherwise = fields.take("otherwise")) {
    out.arms.push_back({{}, filled(otherwise, webhook, "`otherwise`"), fields.key_span("otherwise")});
  }
  return out;
}

Statement Reader::together(Fields& fields) {
  Statement out;
  out.kind = Kind::kTogether;
  const Node* how = fields.take("together");
  if (how != nullptr && how->kind == Node::Kind::kScalar && !how->broken && how->text != "all") {
    problem("BEL1040", how->span, "`together` less than all is not in this version yet").help = "say `together: all`";
    out.kind = Kind::kReserved;
    out.name = {"together", how->span};
    fields.take("branches");
    return out;
  }
  if (how != nullptr) word(how, {"all"});
  const Node* branches = fields.need("branches");
  if (branches != nullptr && branches->kind == Node::Kind::kList && branches->items.empty()) {
    problem("BEL1038", branches->span, "nothing stands under `branches`").help = "list the steps that run at the same time";
  }
  for (const Node& item : list(branches)) {
    const bool named = item.kind == Node::Kind::kMap && !item.entries.empty() &&
                       std::any_of(item.entries.begin(), item.entries.end(), [](const Entry& e) { return e.key.text == "branch"; });
    if (named) {
      Fields branch(*this, item, "a branch");
      Name name = declared(branch.take("branch"));
      out.branches.push_back({std::move(name), filled(branch.need("steps"), false, "`steps`"), branch.key_span("branch")});
      branch.done();
      continue;
    }
    Statements one;
    statement(item, false, one);
    for (Statement& s : one) {
      const Span at = s.span;
      Statements alone;
      alone.push_back(std::move(s));
      out.branches.push_back({{}, std::move(alone), at});
    }
  }
  return out;
}

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
    for (const char* key : {"all_of", "any_of"}) {
      if (!what.has(key)) continue;
      what.reserved(key);
      out.kind = Kind::kReserved;
    }
    if (out.kind == Kind::kWait) out.source = source(what, "event");
    out.source.before = expr(what.take("even_if_up_to"));
    what.done();
  }
  out.within = expr(fields.take("within"));
  if (const Node* node = fields.take("otherwise")) out.act = act(node);
  if (!out.within.empty() && !fields.has("otherwise")) {
    problem("BEL1038", fields.key_span("within"), "`within` of a wait needs `otherwise`").help = "for example `otherwise: { cancel: … }`";
  }
  if (fields.has("otherwise") && !fields.has("within")) {
    problem("BEL1038", fields.key_span("otherwise"), "`otherwise` of a wait needs `within`").help = "for example `within: 15 minutes`";
  }
  if (const Node* node = fields.take("undo")) out.undo = undo(*node);
  return out;
}

// ---- Policies -------------------------------------------------------------------------------------------------------

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
  out.handlers = handlers(fields.take("errors"));
  if (const Node* node = fields.take("if_unsure")) out.if_unsure = if_unsure(node);
  if (const Node* node = fields.take("keep_trying")) out.keep = keep(node);
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
    if (out.then.kind != Act::Kind::kCarryOn && out.then.kind != Act::Kind::kHandTo && out.then.kind != Act::Kind::kNone) {
      problem("BEL1111", then->span, "after trying for long, a step is carried on or handed to people").help = "say `carry on` or `{ hand_to: NAME }`";
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
    out.block = filled(node, false, "this act");
    return out;
  }
  Fields fields(*this, *node, "this act");
  const auto with = [&](const Node* value, const char* what) -> const Node* {  // `true`, or `{ with: … }`
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
    out.block = filled(fields.take("steps"), false, "`steps`");
  } else {
    for (const char* key : {"cancel", "finish", "carry_on", "try_again", "hand_to", "steps"}) fields.take(key);
    if (node->entries.empty()) problem("BEL1107", node->span, "an act is needed here, such as `cancel: …`");
  }
  fields.done();
  return out;
}

}  // namespace belay::dsl::yaml
