// Prints a tree in the YAML form. Keys in the order of LANGUAGE.md; reading what is printed gives
// the same tree, and printing again the same bytes. Data that is a plain text literal is written as
// that text, the rest as `= expression`. Tested in tests/dsl/print_test.cpp and twin_test.cpp.
#include "dsl/read.h"
#include "dsl/text/lexical.h"
#include "dsl/text/sentences.h"
#include "dsl/text/words.h"
#include "dsl/yaml/emit.h"
#include "dsl/yaml/reader.h"

namespace belay::dsl {
namespace {

using yaml::Out;

Out scalar(const Name& name) { return Out::scalar(name.text); }
Out scalar(const Text& text) { return Out::scalar(text.text); }
// An expression of several lines is block text, which YAML leaves alone.
Out expression(const std::string& text) {
  return text.find('\n') == std::string::npos ? Out::scalar(text) : Out::block_text(indented(text));
}
Out scalar(const Expr& expr) { return expression(expr.text); }
Out number(std::int64_t value) { return Out::raw(std::to_string(value)); }
Out flag(bool value) { return Out::raw(value ? "true" : "false"); }

Out data(const Expr& expr) {
  const std::string& text = expr.text;
  if (yaml::data_kind(text, true) == yaml::DataKind::kLiteral) return Out::raw(text);
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') {
    const std::string value = unquote(text);
    if (quote(value) == text && yaml::data_kind(value, false) == yaml::DataKind::kString)
      return Out::data_text(value);
  }
  return expression("= " + text);
}

Out data_map(const std::vector<Arg>& args) {
  Out out = Out::map();
  for (const Arg& arg : args) out.put(arg.name.text, data(arg.value));
  return out;
}
Out expr_map(const std::vector<Arg>& args) {
  Out out = Out::map();
  for (const Arg& arg : args) out.put(arg.name.text, scalar(arg.value));
  return out;
}
Out fields(const std::vector<FieldDecl>& list) {
  Out out = Out::map();
  for (const FieldDecl& field : list) {
    Out type = Out::scalar(text::type_text(field.type));
    if (!field.value.empty()) {
      Out both = Out::map();
      both.put("type", std::move(type)).put("from", scalar(field.value));
      type = std::move(both);
    }
    out.put(field.name.text, std::move(type));
  }
  return out;
}

void put_text(Out& out, const char* key, const Text& text) {
  if (!text.empty()) out.put(key, scalar(text));
}
void put_expr(Out& out, const char* key, const Expr& expr) {
  if (!expr.empty()) out.put(key, scalar(expr));
}
void put_map(Out& out, const char* key, Out map) {
  if (!map.empty()) out.put(key, std::move(map));
}
void put_tries(Out& out, const Tries& tries) {
  out.put("tries", number(tries.tries.value));
  put_expr(out, "first_wait", tries.first_wait);
  if (tries.doubling) out.put("doubling", flag(true));
  put_expr(out, "at_most", tries.at_most);
  if (tries.spread) out.put("random_spread", flag(true));
}
Out tries_map(const Tries& tries) {
  Out out = Out::map();
  put_tries(out, tries);
  return out;
}

// ---- Acts and policies

Out block(const Statements& statements);

Out act(const Act& act) {
  Out out = Out::map();
  switch (act.kind) {
    case Act::Kind::kNone: break;
    case Act::Kind::kCancel: out.put("cancel", scalar(act.because)); break;
    case Act::Kind::kFinish:
      out.put("finish", act.with.empty() ? flag(true)
                                         : std::move(Out::map().put("with", data_map(act.with))));
      break;
    case Act::Kind::kCarryOn:
      if (act.carry.empty()) return Out::scalar("carry on");
      out.put("carry_on", std::move(Out::map().put("with", data(act.carry))));
      break;
    case Act::Kind::kTryAgain:
      out.put("try_again", std::move(Out::map()
                                         .put("after", scalar(act.after))
                                         .put("at_most", number(act.at_most.value))));
      break;
    case Act::Kind::kHandTo: out.put("hand_to", scalar(act.team)); break;
    case Act::Kind::kBlock: out.put("steps", block(act.block)); break;
  }
  return out;
}

Out use(const Name& action, const std::vector<Arg>& args) {
  Out out = Out::map();
  out.put("do", scalar(action));
  put_map(out, "with", data_map(args));
  return out;
}

void put_policies(Out& out, const Policies& policies) {
  if (!policies.retry_plan.empty()) out.put("retry", scalar(policies.retry_plan));
  if (policies.tries) out.put("retry", tries_map(*policies.tries));
  put_expr(out, "within", policies.within);
  put_expr(out, "request_key", policies.request_key);
  put_expr(out, "alive_every", policies.alive_every);
  if (policies.rate) {
    Out rate = Out::map();
    rate.put("per_" + policies.rate->unit.text, number(policies.rate->count.value));
    put_expr(rate, "per", policies.rate->per);
    out.put("at_most", std::move(rate));
  }
  if (policies.if_unsure) {
    const IfUnsure& unsure = *policies.if_unsure;
    switch (unsure.kind) {
      case IfUnsure::Kind::kCheck:
        out.put("if_unsure",
                unsure.action.empty()
                    ? Out::scalar("check")
                    : std::move(Out::map().put("check", use(unsure.action, unsure.args))));
        break;
      case IfUnsure::Kind::kTryAgain: out.put("if_unsure", Out::scalar("try again")); break;
      case IfUnsure::Kind::kUndoAnyway: out.put("if_unsure", Out::scalar("undo anyway")); break;
      case IfUnsure::Kind::kHandTo:
        out.put("if_unsure", std::move(Out::map().put("hand_to", scalar(unsure.team))));
        break;
    }
  }
}

void put_handlers(Out& out, const Policies& policies) {
  Out errors = Out::map();
  for (const Handler& handler : policies.handlers) {
    std::string key;
    for (const Name& error : handler.errors) key += (key.empty() ? "" : " or ") + error.text;
    errors.put(key.empty() ? "any error" : key, act(handler.act));
  }
  put_map(out, "errors", std::move(errors));
  if (policies.keep) {
    out.put("keep_trying", std::move(Out::map()
                                         .put("for", scalar(policies.keep->for_))
                                         .put("then", act(policies.keep->then))));
  }
}

Out undo(const Undo& undo) {
  Out out = use(undo.action, undo.args);
  put_policies(out, undo.policies);
  put_handlers(out, undo.policies);
  return out;
}

// ---- Statements

void put_source(Out& out, const char* key, const EventSource& source) {
  out.put(key, scalar(source.event)).put("key", scalar(source.key));
  put_expr(out, "even_if_up_to", source.before);
}

void put_allows(Out& out, const std::vector<Allow>& allows) {
  Out list = Out::list();
  for (const Allow& allow : allows) {
    list.push(std::move(
        Out::map().put("kind", scalar(allow.kind)).put("because", scalar(allow.because))));
  }
  put_map(out, "allow", std::move(list));
}

Out when(const Statement& s) {
  Out out = Out::map();
  Out more = Out::list();
  more.block = true;
  for (std::size_t i = 0; i < s.arms.size(); ++i) {
    const Arm& arm = s.arms[i];
    if (i == 0) {
      out.put("when", scalar(arm.condition));
      put_allows(out, s.allows);
      out.put("then", block(arm.block));
    } else if (!arm.condition.empty()) {
      Out one = Out::map();
      one.block = true;
      one.put("when", scalar(arm.condition)).put("then", block(arm.block));
      more.push(std::move(one));
    }
  }
  put_map(out, "or_when", std::move(more));
  if (s.arms.size() > 1 && s.arms.back().condition.empty())
    out.put("otherwise", block(s.arms.back().block));
  return out;
}

Out wait(const Statement& s) {
  Out out = Out::map();
  out.put("wait", scalar(s.name));
  put_text(out, "title", s.title);
  put_allows(out, s.allows);
  Out what = Out::map();
  if (s.sources.empty()) {
    put_source(what, "event", s.source);
  } else {
    Out all = Out::map();
    all.block = true;
    for (const EventSource& source : s.sources) {
      Out one = Out::map();
      put_source(one, "event", source);
      all.put(source.name.text, std::move(one));
    }
    what.block = true;
    what.put(s.wanted == Statement::Wanted::kAny ? "any_of" : "all_of", std::move(all));
  }
  out.put("for", std::move(what));
  put_expr(out, "within", s.within);
  if (s.act.kind != Act::Kind::kNone) out.put("otherwise", act(s.act));
  if (s.undo) out.put("undo", undo(*s.undo));
  return out;
}

Out ask(const Statement& s) {
  Out out = Out::map();
  out.put("ask", scalar(s.name));
  put_text(out, "question", s.title);
  out.put("of_role", scalar(s.role));
  put_allows(out, s.allows);
  put_map(out, "answers", fields(s.answers));
  put_expr(out, "within", s.within);
  if (s.act.kind != Act::Kind::kNone) out.put("otherwise", act(s.act));
  return out;
}

Out for_each(const Statement& s) {
  Out out = Out::map();
  out.put("for_each", scalar(s.name))
      .put("in", scalar(s.value))
      .put("at_once", number(s.at_once.value));
  if (s.tolerating) out.put("tolerating", number(s.tolerating->value));
  put_allows(out, s.allows);
  out.put("steps", block(s.body));
  return out;
}

Out repeat(const Statement& s) {
  Out out = Out::map();
  out.put("repeat_until", scalar(s.value)).put("at_most", number(s.times.value));
  // In the order of the text form, which says it in its first line: comments keep their order.
  if (s.act.kind != Act::Kind::kNone) out.put("otherwise", act(s.act));
  put_allows(out, s.allows);
  out.put("steps", block(s.body));
  return out;
}

Out attempt(const Statement& s) {
  Out out = Out::map();
  out.put("try", block(s.body));
  put_allows(out, s.allows);
  put_handlers(out, s.policies);
  return out;
}

Out statement(const Statement& s);

Out together(const Statement& s) {
  Out branches = Out::list();
  branches.block = true;
  for (const Branch& branch : s.branches) {
    if (branch.name.empty() && branch.block.size() == 1) {
      branches.push(statement(branch.block[0]));
    } else {
      Out one = Out::map();
      one.block = true;
      one.put("branch", scalar(branch.name));
      put_allows(one, branch.allows);
      one.put("steps", block(branch.block));
      branches.push(std::move(one));
    }
  }
  Out out = Out::map();
  std::string wanted = "all";
  if (s.wanted == Statement::Wanted::kAny) wanted = "any";
  if (s.wanted == Statement::Wanted::kSome) {
    wanted = std::to_string(s.wanted_count.value) + " of " + std::to_string(s.wanted_of.value);
  }
  out.put("together", Out::scalar(wanted));
  put_allows(out, s.allows);
  out.put("branches", std::move(branches));
  return out;
}

Out statement(const Statement& s) {
  using Kind = Statement::Kind;
  Out out = Out::map();
  switch (s.kind) {
    case Kind::kStep:
      out.put("step", scalar(s.name));
      put_text(out, "title", s.title);
      put_allows(out, s.allows);
      if (s.run.empty()) {
        out.put("do", scalar(s.action));
      } else {
        out.put("run", scalar(s.run));
        if (s.detached) out.put("and_do_not_wait", flag(true));
      }
      put_map(out, "with", data_map(s.args));
      put_policies(out, s.policies);
      if (s.undo) out.put("undo", undo(*s.undo));
      if (s.no_undo_because) out.put("no_undo_because", scalar(*s.no_undo_because));
      put_handlers(out, s.policies);
      break;
    case Kind::kWhen: out = when(s); break;
    case Kind::kTogether: out = together(s); break;
    case Kind::kWait: out = wait(s); break;
    case Kind::kPause: {
      Out how = Out::map();
      put_expr(how, "for", s.pause_for);
      put_expr(how, "until", s.pause_until);
      out.put("pause", std::move(how));
      break;
    }
    case Kind::kPublish:
      put_source(out, "publish", s.source);
      put_allows(out, s.allows);
      put_map(out, "data", data_map(s.args));
      break;
    case Kind::kSet: out.put("set", std::move(Out::map().put(s.name.text, scalar(s.value)))); break;
    case Kind::kCancel:
    case Kind::kFinish: out = act(s.act); break;
    case Kind::kPointOfNoReturn: out.put("point_of_no_return", flag(true)); break;
    case Kind::kForEach: out = for_each(s); break;
    case Kind::kRepeat: out = repeat(s); break;
    case Kind::kAsk: out = ask(s); break;
    case Kind::kTry: out = attempt(s); break;
    case Kind::kCollect:
      out.put("collect", std::move(Out::map().put(s.name.text, scalar(s.value))));
      break;
    case Kind::kAct:
      if (s.act.kind == Act::Kind::kCarryOn && s.act.carry.empty()) {
        out.put("carry_on", flag(true));
      } else {
        out = act(s.act);
      }
      break;
  }
  const bool own_place = s.kind == Kind::kStep || s.kind == Kind::kWhen ||
                         s.kind == Kind::kTogether || s.kind == Kind::kWait ||
                         s.kind == Kind::kForEach || s.kind == Kind::kRepeat ||
                         s.kind == Kind::kAsk || s.kind == Kind::kTry || s.kind == Kind::kPublish;
  if (!own_place) put_allows(out, s.allows);
  out.block = true;
  return out;
}

Out block(const Statements& statements) {
  Out out = Out::list();
  for (const Statement& s : statements) out.push(statement(s));
  out.block = !statements.empty();
  return out;
}

// ---- Declarations

class Printer {
 public:
  explicit Printer(const Declaration& declaration) : d_(declaration) {}

  Out print() {
    std::visit([this](const auto& body) { this->body(body); }, d_.body);
    return std::move(out_);
  }

 private:
  void head(const char* key) {
    out_.put(key, scalar(d_.name));
    put_text(out_, "title", d_.title);
  }
  static Out names(const std::vector<Name>& list) {
    Out out = Out::list();
    for (const Name& name : list) out.push(scalar(name));
    return out;
  }

  void body(const TypeDecl& type) {
    head("type");
    put_map(out_, "fields", fields(type.fields));
  }
  void body(const EventDecl& event) {
    out_.put("event", scalar(d_.name));
    out_.put("version", number(event.version.value)).put("key", scalar(event.key));
    put_allows(out_, d_.allows);
    put_map(out_, "fields", fields(event.fields));
    Out lifts = Out::map();
    for (const EventDecl::Lift& lift : event.lifts)
      lifts.put(std::to_string(lift.from.value), data_map(lift.values));
    put_map(out_, "from_version", std::move(lifts));
  }
  void body(const ConnectorDecl& c) {
    head("connector");
    put_allows(out_, d_.allows);
    if (!c.base_env.empty()) {
      Out base = Out::map();
      base.put("env", scalar(c.base_env));
      put_text(base, "or", c.base);
      out_.put("base", std::move(base));
    } else {
      put_text(out_, "base", c.base);
    }
    Out sign = Out::map();
    switch (c.sign_in) {
      case ConnectorDecl::SignIn::kNone: break;
      case ConnectorDecl::SignIn::kBearer: sign.put("bearer", scalar(c.sign_in_secret)); break;
      case ConnectorDecl::SignIn::kBasic:
        sign.put("basic", scalar(c.sign_in_user)).put("secret", scalar(c.sign_in_secret));
        break;
      case ConnectorDecl::SignIn::kHeader:
        sign.put("header", scalar(c.sign_in_header)).put("secret", scalar(c.sign_in_secret));
        break;
    }
    put_map(out_, "sign_in", std::move(sign));
    put_text(out_, "request_key_in", c.request_key_header);
    put_expr(out_, "remembers_keys_for", c.keys_remembered);
    if (c.replays_errors) out_.put("replays_errors", flag(true));
    if (c.form) out_.put("body", Out::scalar("form"));
    Out limits = Out::map();
    if (c.per_second) limits.put("per_second", number(c.per_second->value));
    if (c.at_once) limits.put("at_once", number(c.at_once->value));
    put_map(out_, "at_most", std::move(limits));
    if (c.breaker_failures) {
      out_.put("after", std::move(Out::map()
                                      .put("failures", number(c.breaker_failures->value))
                                      .put("rest", scalar(c.breaker_rest))));
    }
    put_expr(out_, "each_call_within", c.timeout);
    if (c.allow_private) out_.put("may_reach_private_addresses", flag(true));
  }
  void body(const ActionDecl& a) {
    head("action");
    put_allows(out_, d_.allows);
    put_map(out_, "effects", names(a.effects));
    put_map(out_, "takes", fields(a.takes));
    put_map(out_, "gives", fields(a.gives));
    put_map(out_, "can_end_in", names(a.errors));
    if (a.repeat_safe) out_.put("repeating", Out::scalar(*a.repeat_safe ? "safe" : "unsafe"));
    if (a.harmless) out_.put("harmless_if_nothing_was_done", flag(true));
    if (a.runs == ActionDecl::Runs::kCall) {
      Out call = Out::map();
      call.put("connector", scalar(a.connector))
          .put("route", Out::scalar(a.method.text + " " + a.path.text));
      put_map(call, "query", data_map(a.query));
      put_map(call, "headers", data_map(a.headers));
      out_.put("call", std::move(call));
      put_map(out_, "with", data_map(a.body));
    } else if (a.runs == ActionDecl::Runs::kSql) {
      out_.put(a.any_rows ? "sql_any_rows" : "sql", Out::block_text(a.sql.text));
    } else if (a.runs == ActionDecl::Runs::kPlugin) {
      out_.put("plugin", scalar(a.plugin));
    }
    Out outcomes = Out::list();
    for (const OutcomeDecl& outcome : a.outcomes) {
      outcomes.push(std::move(
          Out::map().put("when", scalar(outcome.when)).put("error", scalar(outcome.error))));
    }
    put_map(out_, "outcomes", std::move(outcomes));
    if (a.undone_by) out_.put("undone_by", use(a.undone_by->action, a.undone_by->args));
    if (a.checked_by) out_.put("checked_by", use(a.checked_by->action, a.checked_by->args));
    put_expr(out_, "settles_in", a.settles);
  }
  void body(const WorkflowDecl& w) {
    head("workflow");
    out_.put("version", number(w.version.value));
    put_allows(out_, d_.allows);
    put_text(out_, "owner", w.owner);
    Out tags = Out::list();
    for (const Text& tag : w.tags) tags.push(scalar(tag));
    put_map(out_, "tags", std::move(tags));
    put_map(out_, "takes", fields(w.takes));
    put_map(out_, "gives", expr_map(w.gives));
    if (!w.starts_on.empty()) out_.put("starts_on", starts_on(w));
    put_expr(out_, "once_per", w.once_per);
    if (w.one_at_a_time) {
      Out turns = Out::map();
      turns.put("per", scalar(w.one_at_a_time->per))
          .put("others", Out::scalar(w.one_at_a_time->queue ? "queue" : "are refused"));
      out_.put("one_at_a_time", std::move(turns));
    }
    put_expr(out_, "finish_within", w.finish_within);
    Out plans = Out::map();
    for (const WorkflowDecl::Plan& plan : w.plans) plans.put(plan.name.text, tries_map(plan.tries));
    put_map(out_, "retry_plans", std::move(plans));
    if (w.if_undo_fails) {
      out_.put("if_undo_fails", std::move(Out::map()
                                              .put("keep_trying", scalar(w.if_undo_fails->for_))
                                              .put("then", act(w.if_undo_fails->then))));
    }
    put_map(out_, "steps", block(w.body));
  }
  static Out starts_on(const WorkflowDecl& w) {
    Out all = Out::list();
    for (const WorkflowDecl::StartsOn& start : w.starts_on) {
      Out one = Out::map();
      one.put("event", scalar(start.event));
      put_map(one, "with", data_map(start.values));
      if (w.starts_on.size() == 1) return one;
      one.block = true;
      all.push(std::move(one));
    }
    all.block = true;
    return all;
  }
  void body(const WebhookDecl& w) {
    head("webhook");
    out_.put("route", Out::scalar(w.method.text + " " + w.path.text));
    put_allows(out_, d_.allows);
    if (!w.scheme.empty()) {
      Out verify = Out::map();
      verify.put("scheme", scalar(w.scheme)).put("secrets", names(w.secrets));
      put_expr(verify, "tolerance", w.tolerance);
      out_.put("verify", std::move(verify));
    }
    put_expr(out_, "once_per", w.once_per);
    put_map(out_, "steps", block(w.body));
  }
  void body(const PlanDecl& plan) {
    head("retry_plan");
    put_tries(out_, plan.tries);
  }
  void body(const ScenarioDecl& scenario) {
    out_.put("scenario", scalar(d_.title)).put("for", scalar(scenario.workflow));
    put_allows(out_, d_.allows);
    put_map(out_, "given", data_map(scenario.given));
    Out when = Out::list(), then = Out::list();
    when.block = then.block = true;
    for (const ScenarioWhen& said : scenario.when) when.push(expression(text::sentence(said)));
    for (const ScenarioThen& said : scenario.then) then.push(expression(text::sentence(said)));
    put_map(out_, "when", std::move(when));
    put_map(out_, "then", std::move(then));
  }
  void body(const ReservedDecl&) {}

  const Declaration& d_;
  Out out_ = Out::map();
};

}  // namespace

yaml::Sheet yaml::sheet(const File& file) {
  Sheet out;
  for (const Declaration& declaration : file.declarations) {
    if (!std::holds_alternative<ReservedDecl>(declaration.body))
      out.documents.push_back(Printer(declaration).print());
  }
  return out;
}

std::string print_yaml(const File& file) { return yaml::emit(yaml::sheet(file)); }

}  // namespace belay::dsl
