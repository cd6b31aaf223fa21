// A canonical dump of the syntax tree: one line a fact, indented by depth, spans left out. Two
// trees are the same when their dumps are; golden tests (tests/golden/syntax) read it too. The same
// walk collects the places of what it dumps, so that the places of two equal trees answer to one
// another one by one: that is how comments find their node in the other form (dsl/format).
#include "dsl/syntax.h"

#include <algorithm>
#include <string_view>

#include "dsl/text/sentences.h"

namespace belay::dsl {
namespace {

class Dump {
 public:
  std::string take() { return std::move(out_); }
  std::vector<Span> take_places() { return std::move(places_); }

  void declaration(const Declaration& d) {
    static constexpr const char* kHeads[] = {"type",       "event",    "connector",
                                             "action",     "workflow", "webhook",
                                             "retry plan", "scenario", "reserved"};
    line(std::string(kHeads[d.body.index()]) + " " + d.name.text);
    place(d.span);
    place(d.name.span);
    ++depth_;
    text("title", d.title);
    allows(d.allows);
    if (d.broken) line("broken");
    std::visit([this](const auto& body) { this->body(body); }, d.body);
    --depth_;
  }

 private:
  void line(std::string_view what) { out_.append(depth_ * 2, ' ').append(what).append("\n"); }
  static std::string quote(std::string_view value) {
    std::string out = "\"";
    for (const char c : value) {
      if (c == '\n') {
        out += "\\n";
      } else {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
      }
    }
    return out + "\"";
  }

  void place(const Span& span) { places_.push_back(span); }
  void flag(const char* what, bool on, const Span& at) {
    if (!on) return;
    line(what);
    place(at);
  }
  void name(const char* what, const Name& value) {
    if (value.empty()) return;
    line(std::string(what) + " " + value.text);
    place(value.span);
  }
  void text(const char* what, const Text& value) {
    if (value.empty()) return;
    line(std::string(what) + " " + quote(value.text));
    place(value.span);
  }
  void expr(const char* what, const Expr& value) {
    if (value.empty()) return;
    line(std::string(what) + " = " + quote(value.text));
    place(value);
  }
  void place(const Expr& value) {
    place(value.span);
    const auto breaks =
        static_cast<std::size_t>(std::count(value.text.begin(), value.text.end(), '\n'));
    for (std::size_t i = 0; i < breaks; ++i)
      place(i < value.lines.size() ? value.lines[i] : value.span);
  }
  void number(const char* what, const Number& value) {
    line(std::string(what) + " " + std::to_string(value.value));
    place(value.span);
  }
  void number(const char* what, const std::optional<Number>& value) {
    if (value) number(what, *value);
  }
  template <typename F>
  void nest(std::string_view head, F&& inside) {
    line(head);
    ++depth_;
    inside();
    --depth_;
  }
  void allows(const std::vector<Allow>& list) {
    for (const Allow& allow : list) {
      line("allow " + allow.kind.text + " " + quote(allow.because.text));
      place(allow.span);
      place(allow.kind.span);
      place(allow.because.span);
    }
  }
  void args(const char* what, const std::vector<Arg>& list) {
    if (list.empty()) return;
    nest(what, [&] {
      for (const Arg& arg : list) {
        place(arg.name.span);
        expr(arg.name.text.c_str(), arg.value);
      }
    });
  }

  static std::string type_text(const TypeExpr& type) {
    std::string out;
    if (type.optional) out += "optional ";
    if (type.is_private) out += "private ";
    switch (type.shape) {
      case TypeExpr::Shape::kNamed: out += type.name.text; break;
      case TypeExpr::Shape::kList: out += "list of "; break;
      case TypeExpr::Shape::kMap: out += "map of "; break;
      case TypeExpr::Shape::kOneOf: out += "one of"; break;
    }
    for (const TypeExpr& element : type.element) out += "(" + type_text(element) + ")";
    for (const Text& option : type.options) out += " " + quote(option.text);
    if (type.min) out += " from " + std::to_string(type.min->value);
    if (type.max) out += " to " + std::to_string(type.max->value);
    if (type.pattern) out += " matching " + quote(type.pattern->text);
    if (type.size_max) {
      out += " at most " + std::to_string(type.size_max->value) +
             (type.size_in_items ? " items" : " characters");
    }
    return out;
  }
  void fields(const char* what, const std::vector<FieldDecl>& list) {
    if (list.empty()) return;
    nest(what, [&] {
      for (const FieldDecl& field : list) {
        place(field.name.span);
        place(field.type.span);
        if (!field.value.empty()) place(field.value);
        line(field.name.text + " : " + type_text(field.type) +
             (field.value.empty() ? "" : " = " + quote(field.value.text)));
      }
    });
  }

  void tries(const Tries& t) {
    number("tries", t.tries);
    expr("first_wait", t.first_wait);
    expr("at_most", t.at_most);
    flag("doubling", t.doubling, t.doubling_span);
    flag("spread", t.spread, t.spread_span);
  }
  void act(const char* what, const Act& a) {
    static constexpr const char* kKinds[] = {"none",      "cancel",  "finish", "carry on",
                                             "try again", "hand to", "block"};
    if (a.kind == Act::Kind::kNone) return;
    place(a.span);
    nest(std::string(what) + ": " + kKinds[static_cast<int>(a.kind)], [&] {
      text("because", a.because);
      args("with", a.with);
      expr("carry", a.carry);
      expr("after", a.after);
      if (a.kind == Act::Kind::kTryAgain) number("at_most", a.at_most);
      name("team", a.team);
      block(a.block);
    });
  }
  void keep(const char* what, const Keep& k) {
    place(k.span);
    nest(what, [&] {
      expr("for", k.for_);
      act("then", k.then);
    });
  }
  void policies(const Policies& p) {
    name("retry_plan", p.retry_plan);
    if (p.tries)
      nest("retry", [&] {
        place(p.tries->span);
        tries(*p.tries);
      });
    expr("within", p.within);
    expr("request_key", p.request_key);
    expr("alive_every", p.alive_every);
    if (p.rate) {
      place(p.rate->span);
      place(p.rate->count.span);
      nest("rate " + std::to_string(p.rate->count.value) + " per " + p.rate->unit.text,
           [&] { expr("per", p.rate->per); });
    }
    for (const Handler& handler : p.handlers) {
      std::string head = "if";
      for (const Name& error : handler.errors) head += " " + error.text;
      place(handler.span);
      nest(head, [&] { act("act", handler.act); });
    }
    if (p.if_unsure) {
      place(p.if_unsure->span);
      static constexpr const char* kKinds[] = {"check", "try again", "undo anyway", "hand to"};
      nest(std::string("if_unsure ") + kKinds[static_cast<int>(p.if_unsure->kind)], [&] {
        name("action", p.if_unsure->action);
        args("with", p.if_unsure->args);
        name("team", p.if_unsure->team);
      });
    }
    if (p.keep) keep("keep", *p.keep);
  }
  void undo(const Undo& u) {
    place(u.span);
    place(u.action.span);
    nest("undo " + u.action.text, [&] {
      args("with", u.args);
      policies(u.policies);
    });
  }
  void block(const Statements& statements) {
    for (const Statement& s : statements) statement(s);
  }
  void statement(const Statement& s) {
    static constexpr const char* kKinds[] = {
        "step",     "when",    "together", "wait",   "pause",
        "publish",  "set",     "cancel",   "finish", "point of no return",
        "for each", "repeat",  "ask",      "try",    "collect",
        "act",      "reserved"};
    place(s.span);
    if (!s.name.empty()) place(s.name.span);
    nest(std::string(kKinds[static_cast<int>(s.kind)]) + (s.name.empty() ? "" : " " + s.name.text),
         [&] {
           text("title", s.title);
           allows(s.allows);
           name("do", s.action);
           name("run", s.run);
           flag("detached", s.detached, s.detached_span);
           if (s.wanted == Statement::Wanted::kAny) line("wanted any");
           if (s.wanted == Statement::Wanted::kSome) {
             line("wanted " + std::to_string(s.wanted_count.value) + " of " +
                  std::to_string(s.wanted_of.value));
           }
           args("with", s.args);
           policies(s.policies);
           if (s.undo) undo(*s.undo);
           if (s.no_undo_because) {
             line("no undo because " + quote(s.no_undo_because->text));
             place(s.no_undo_because->span);
           }
           for (const Arm& arm : s.arms) {
             place(arm.span);
             if (!arm.condition.empty()) place(arm.condition);
             nest(arm.condition.empty() ? "otherwise" : "arm " + quote(arm.condition.text),
                  [&] { block(arm.block); });
           }
           for (const Branch& branch : s.branches) {
             place(branch.span);
             nest("branch" + (branch.name.empty() ? "" : " " + branch.name.text), [&] {
               allows(branch.allows);
               block(branch.block);
             });
           }
           name("event", s.source.event);
           expr("key", s.source.key);
           expr("before", s.source.before);
           for (const EventSource& source : s.sources) {
             place(source.name.span);
             nest("source " + source.name.text, [&] {
               name("event", source.event);
               expr("key", source.key);
               expr("before", source.before);
             });
           }
           name("role", s.role);
           fields("answers", s.answers);
           expr("within", s.within);
           act("act", s.act);
           expr("for", s.pause_for);
           expr("until", s.pause_until);
           expr("value", s.value);
           if (s.kind == Statement::Kind::kForEach) number("at_once", s.at_once);
           number("tolerating", s.tolerating);
           if (s.kind == Statement::Kind::kRepeat) number("times", s.times);
           if (!s.body.empty()) nest("body", [&] { block(s.body); });
         });
  }

  void body(const TypeDecl& d) { fields("fields", d.fields); }
  void body(const EventDecl& d) {
    number("version", d.version);
    name("key", d.key);
    fields("fields", d.fields);
    for (const EventDecl::Lift& lift : d.lifts) {
      place(lift.from.span);
      args(("from " + std::to_string(lift.from.value)).c_str(), lift.values);
    }
  }
  void body(const ConnectorDecl& d) {
    static constexpr const char* kSignIn[] = {"none", "bearer", "basic", "header"};
    text("base_env", d.base_env);
    text("base", d.base);
    line(std::string("sign_in ") + kSignIn[static_cast<int>(d.sign_in)]);
    name("secret", d.sign_in_secret);
    text("user", d.sign_in_user);
    text("header", d.sign_in_header);
    text("request_key_header", d.request_key_header);
    expr("keys_remembered", d.keys_remembered);
    flag("replays_errors", d.replays_errors, d.replays_span);
    flag("form", d.form, d.form_span);
    number("per_second", d.per_second);
    number("at_once", d.at_once);
    number("breaker_failures", d.breaker_failures);
    expr("breaker_rest", d.breaker_rest);
    expr("timeout", d.timeout);
    flag("allow_private", d.allow_private, d.private_span);
  }
  void use(const char* what, const std::optional<UseDecl>& use) {
    if (!use) return;
    place(use->span);
    place(use->action.span);
    nest(std::string(what) + " " + use->action.text, [&] { args("with", use->args); });
  }
  void body(const ActionDecl& d) {
    static constexpr const char* kRuns[] = {"none", "call", "sql", "plugin", "reserved"};
    for (const Name& effect : d.effects) name("effect", effect);
    fields("takes", d.takes);
    fields("gives", d.gives);
    for (const Name& error : d.errors) name("error", error);
    if (d.repeat_safe) {
      line(*d.repeat_safe ? "repeating safe" : "repeating unsafe");
      place(d.repeat_span);
    }
    flag("harmless", d.harmless, d.harmless_span);
    line(std::string("runs ") + kRuns[static_cast<int>(d.runs)]);
    if (d.runs != ActionDecl::Runs::kNone) place(d.runs_span);
    name("connector", d.connector);
    text("method", d.method);
    text("path", d.path);
    args("body", d.body);
    args("query", d.query);
    args("headers", d.headers);
    text("sql", d.sql);
    flag("any_rows", d.any_rows, d.runs_span);
    name("plugin", d.plugin);
    for (const OutcomeDecl& outcome : d.outcomes) {
      line("outcome " + quote(outcome.when.text) + " " + outcome.error.text);
      place(outcome.span);
      place(outcome.when);
      place(outcome.error.span);
    }
    use("undone_by", d.undone_by);
    use("checked_by", d.checked_by);
    expr("settles", d.settles);
  }
  void body(const WorkflowDecl& d) {
    number("version", d.version);
    fields("takes", d.takes);
    args("gives", d.gives);
    expr("once_per", d.once_per);
    expr("finish_within", d.finish_within);
    if (d.if_undo_fails) keep("if_undo_fails", *d.if_undo_fails);
    text("owner", d.owner);
    for (const Text& tag : d.tags) text("tag", tag);
    if (d.one_at_a_time) {
      expr("one_at_a_time", d.one_at_a_time->per);
      flag(d.one_at_a_time->queue ? "others queue" : "others are refused", true,
           d.one_at_a_time->others_span);
    }
    for (const WorkflowDecl::StartsOn& start : d.starts_on) {
      place(start.event.span);
      nest("starts_on " + start.event.text, [&] { args("with", start.values); });
    }
    for (const WorkflowDecl::Plan& plan : d.plans) {
      place(plan.name.span);
      nest("plan " + plan.name.text, [&] { tries(plan.tries); });
    }
    nest("body", [&] { block(d.body); });
  }
  void body(const WebhookDecl& d) {
    text("method", d.method);
    text("path", d.path);
    text("scheme", d.scheme);
    for (const Name& secret : d.secrets) name("secret", secret);
    expr("tolerance", d.tolerance);
    expr("once_per", d.once_per);
    nest("body", [&] { block(d.body); });
  }
  void body(const PlanDecl& d) { tries(d.tries); }
  void body(const ScenarioDecl& d) {
    name("for", d.workflow);
    args("given", d.given);
    for (const ScenarioWhen& when : d.when) {
      line("when " + text::sentence(when));
      place(when.span);
      for (const Arg& arg : when.with) {  // each may have a line of its own
        place(arg.name.span);
        place(arg.value);
      }
    }
    for (const ScenarioThen& then : d.then) {
      line("then " + text::sentence(then));
      place(then.span);
      if (!then.value.empty()) place(then.value);
      for (const Arg& arg : then.with) {
        place(arg.name.span);
        place(arg.value);
      }
    }
  }
  void body(const ReservedDecl&) {}

  std::string out_;
  std::vector<Span> places_;
  std::size_t depth_ = 0;
};

}  // namespace

std::string dump_tree(const File& file) {
  Dump dump;
  for (const Declaration& declaration : file.declarations) dump.declaration(declaration);
  return dump.take();
}

std::vector<Span> places(const File& file) {
  Dump dump;
  for (const Declaration& declaration : file.declarations) dump.declaration(declaration);
  return dump.take_places();
}

bool same_tree(const File& a, const File& b) { return dump_tree(a) == dump_tree(b); }

}  // namespace belay::dsl
