// Prints a tree in the text form: columns of fields and arguments aligned, a blank line between the
// statements of a workflow. Reading what is printed gives the same tree; printing again gives the
// same bytes. Tested in tests/dsl/print_test.cpp and twin_test.cpp.
#include <algorithm>

#include "dsl/read.h"
#include "dsl/text/lexical.h"
#include "dsl/text/sentences.h"
#include "dsl/text/words.h"

namespace belay::dsl {
namespace {

class Printer {
 public:
  std::string take() { return std::move(out_); }

  void file(const File& file) {
    line("belay 1");
    for (const Declaration& declaration : file.declarations) {
      out_ += '\n';
      std::visit([&](const auto& body) { this->declaration(declaration, body); }, declaration.body);
    }
  }

 private:
  // ---- lines ----
  void line(const std::string& text) {
    const std::string indent(depth_ * 2, ' ');
    out_ += indent;
    for (const char c : text.find('\n') == std::string::npos ? text : indented(text)) {
      out_ += c;
      if (c == '\n') out_ += indent;  // a continued expression: its brackets make it deeper
    }
    out_ += '\n';
  }
  template <typename F>
  void nest(const std::string& head, F&& inside) {
    line(head);
    ++depth_;
    inside();
    --depth_;
  }
  static std::string padded(std::string text, std::size_t width) {
    const std::size_t have = columns(text);
    if (have < width) text.append(width - have, ' ');
    return text;
  }
  static std::size_t columns(const std::string& text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
      return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    }));
  }
  static std::string titled(const std::string& head, const Text& title) {
    return head + (title.empty() ? "" : " " + quote(title.text));
  }

  // ---- lists ----
  static std::string arg_name(const std::string& name) {
    return text::is_identifier(name) ? name : quote(name);
  }
  void args(const std::vector<Arg>& list, const std::string& prefix = "") {
    std::size_t width = 0;
    for (const Arg& arg : list) width = std::max(width, columns(arg_name(arg.name.text)));
    for (const Arg& arg : list) {
      const std::string name = prefix == "header " ? quote(arg.name.text) : arg_name(arg.name.text);
      line(prefix + padded(name, prefix == "header " ? 0 : width) + " = " + arg.value.text);
    }
  }
  void fields(const std::vector<FieldDecl>& list) {
    std::size_t width = 0;
    for (const FieldDecl& field : list) width = std::max(width, columns(field.name.text));
    for (const FieldDecl& field : list) {
      line(padded(field.name.text, width) + "  " + text::type_text(field.type) +
           (field.value.empty() ? "" : " = " + field.value.text));
    }
  }
  void with_args(const std::string& head, const std::vector<Arg>& list) {
    nest(head, [&] { args(list); });
  }
  void statement_line(const Statement& s, const std::string& head,
                      const std::vector<Arg>& list = {}) {
    nest(head, [&] {
      allows(s.allows);
      args(list);
    });
  }

  // ---- acts and policies ----
  static std::string act_text(const Act& act) {
    switch (act.kind) {
      case Act::Kind::kCancel: return "cancel because " + quote(act.because.text);
      case Act::Kind::kFinish: return act.with.empty() ? "finish" : "finish with";
      case Act::Kind::kCarryOn:
        return act.carry.empty() ? "carry on" : "carry on with " + act.carry.text;
      case Act::Kind::kTryAgain:
        return "try again after " + act.after.text + ", at most " +
               std::to_string(act.at_most.value) + " times";
      case Act::Kind::kHandTo: return "hand to " + act.team.text;
      case Act::Kind::kNone:
      case Act::Kind::kBlock: return "";
    }
    return "";
  }
  // `head, act`, or `head` with a block of statements below it. `comma` says what joins a block's
  // head.
  void act(const std::string& head, const std::string& block_head, const Act& act) {
    if (act.kind == Act::Kind::kBlock || act.kind == Act::Kind::kNone) {
      nest(block_head, [&] { block(act.block, false); });
    } else {
      with_args(head + act_text(act), act.with);
    }
  }
  static std::string keep_text(const Keep& keep) {
    return "keep trying for " + keep.for_.text + ", then " + act_text(keep.then);
  }
  void retry(const Policies& policies) {
    if (!policies.retry_plan.empty()) line("retry " + policies.retry_plan.text);
    if (policies.tries) line("retry " + text::tries_text(*policies.tries));
    if (!policies.within.empty()) line("within " + policies.within.text);
    if (!policies.request_key.empty()) line("request key " + policies.request_key.text);
    if (!policies.alive_every.empty()) line("alive every " + policies.alive_every.text);
    if (policies.rate) {
      const Rate& rate = *policies.rate;
      line("at most " + std::to_string(rate.count.value) + " per " + rate.unit.text +
           (rate.per.empty() ? "" : " per " + rate.per.text));
    }
    if (policies.if_unsure) unsure(*policies.if_unsure);
  }
  void unsure(const IfUnsure& unsure) {
    switch (unsure.kind) {
      case IfUnsure::Kind::kCheck:
        with_args("if unsure, check" + (unsure.action.empty() ? "" : " with " + unsure.action.text),
                  unsure.args);
        break;
      case IfUnsure::Kind::kTryAgain: line("if unsure, try again"); break;
      case IfUnsure::Kind::kUndoAnyway: line("if unsure, undo anyway"); break;
      case IfUnsure::Kind::kHandTo: line("if unsure, hand to " + unsure.team.text); break;
    }
  }
  void handlers(const Policies& policies) {
    for (const Handler& handler : policies.handlers) {
      std::string head = "if ";
      for (std::size_t i = 0; i < handler.errors.size(); ++i)
        head += (i == 0 ? "" : " or ") + handler.errors[i].text;
      if (handler.errors.empty()) head += "any error";
      act(head + ", ", head, handler.act);
    }
    if (policies.keep) line(keep_text(*policies.keep));
  }
  void undo(const Undo& undo) {
    nest("undo with " + undo.action.text, [&] {
      args(undo.args);
      retry(undo.policies);
      handlers(undo.policies);
    });
  }

  // ---- statements ----
  static bool short_statement(const Statement& s) {
    return s.kind == Statement::Kind::kSet || s.kind == Statement::Kind::kPause ||
           s.kind == Statement::Kind::kCancel || s.kind == Statement::Kind::kCollect ||
           s.kind == Statement::Kind::kAct;
  }
  void block(const Statements& statements, bool spaced) {
    const Statement* before = nullptr;
    for (const Statement& s : statements) {
      if (spaced && !(before != nullptr && short_statement(*before) && short_statement(s)))
        out_ += '\n';
      statement(s);
      before = &s;
    }
  }
  static std::string source_text(const EventSource& source) {
    return source.event.text + ", key " + source.key.text +
           (source.before.empty() ? "" : ", even if up to " + source.before.text + " before");
  }
  void statement(const Statement& s) {
    using Kind = Statement::Kind;
    switch (s.kind) {
      case Kind::kStep: nest(titled("step " + s.name.text, s.title), [&] { step(s); }); break;
      case Kind::kWhen: when(s); break;
      case Kind::kTogether: together(s); break;
      case Kind::kWait: nest(titled("wait " + s.name.text, s.title), [&] { wait(s); }); break;
      case Kind::kPause:
        statement_line(s, s.pause_until.empty() ? "pause for " + s.pause_for.text
                                                : "pause until " + s.pause_until.text);
        break;
      case Kind::kPublish: statement_line(s, "publish " + source_text(s.source), s.args); break;
      case Kind::kSet: statement_line(s, "set " + s.name.text + " = " + s.value.text); break;
      case Kind::kCancel:
      case Kind::kFinish:
        nest(act_text(s.act), [&] {
          args(s.act.with);
          allows(s.allows);
        });
        break;
      case Kind::kPointOfNoReturn: statement_line(s, "point of no return"); break;
      case Kind::kForEach: for_each(s); break;
      case Kind::kRepeat: repeat(s); break;
      case Kind::kAsk: ask(s); break;
      case Kind::kTry:
        nest("try", [&] {
          block(s.body, false);
          allows(s.allows);  // behind the steps, as in YAML: comments keep their order
        });
        handlers(s.policies);
        break;
      case Kind::kCollect:
        statement_line(s, "collect " + s.name.text + " = " + s.value.text);
        break;
      case Kind::kAct: statement_line(s, act_text(s.act)); break;
    }
  }
  void allows(const std::vector<Allow>& list) {
    for (const Allow& allow : list)
      line("allow " + allow.kind.text + " because " + quote(allow.because.text));
  }
  void step(const Statement& s) {
    allows(s.allows);
    if (!s.action.empty()) with_args("do " + s.action.text, s.args);
    if (!s.run.empty())
      with_args("run " + s.run.text + (s.detached ? ", and do not wait" : ""), s.args);
    retry(s.policies);
    if (s.undo) undo(*s.undo);
    if (s.no_undo_because) line("no undo because " + quote(s.no_undo_because->text));
    handlers(s.policies);
  }
  void wait(const Statement& s) {
    allows(s.allows);
    if (s.sources.empty()) {
      line("for " + source_text(s.source));
    } else {
      std::size_t width = 0;
      for (const EventSource& source : s.sources)
        width = std::max(width, columns(source.name.text));
      nest(s.wanted == Statement::Wanted::kAny ? "for any of" : "for all of", [&] {
        for (const EventSource& source : s.sources)
          line(padded(source.name.text, width) + " = " + source_text(source));
      });
    }
    limit(s);
    if (s.undo) undo(*s.undo);
  }
  void limit(const Statement& s) {
    if (!s.within.empty())
      act("within " + s.within.text + ", otherwise ", "within " + s.within.text + ", otherwise",
          s.act);
  }
  void ask(const Statement& s) {
    nest("ask " + s.name.text + " " + quote(s.title.text) + " of role " + s.role.text, [&] {
      allows(s.allows);
      if (!s.answers.empty()) nest("answers", [&] { fields(s.answers); });
      limit(s);
    });
  }
  static std::string counted(std::int64_t count, const std::string& word) {
    return std::to_string(count) + " " + word + (count == 1 ? "" : "s");
  }
  void for_each(const Statement& s) {
    std::string head = "for each " + s.name.text + " in " + s.value.text + ", at most " +
                       std::to_string(s.at_once.value) + " at once";
    if (s.tolerating) head += ", tolerating " + counted(s.tolerating->value, "failure");
    nest(head, [&] {
      allows(s.allows);
      block(s.body, false);
    });
  }
  void repeat(const Statement& s) {
    const bool apart = s.act.kind == Act::Kind::kBlock || s.act.kind == Act::Kind::kNone;
    nest("repeat until " + s.value.text + ", at most " + counted(s.times.value, "time") +
             (apart ? "" : ", otherwise " + act_text(s.act)),
         [&] {
           allows(s.allows);
           block(s.body, false);
         });
    if (s.act.kind == Act::Kind::kBlock) nest("otherwise", [&] { block(s.act.block, false); });
  }
  void when(const Statement& s) {
    bool first = true;
    for (const Arm& arm : s.arms) {
      const std::string head =
          arm.condition.empty() ? "otherwise" : (first ? "when " : "or when ") + arm.condition.text;
      nest(head, [&] {
        if (first) allows(s.allows);
        block(arm.block, false);
      });
      first = false;
    }
  }
  void together(const Statement& s) {
    std::string wanted = "all";
    if (s.wanted == Statement::Wanted::kAny) wanted = "any";
    if (s.wanted == Statement::Wanted::kSome) {
      wanted = std::to_string(s.wanted_count.value) + " of " + std::to_string(s.wanted_of.value);
    }
    nest("together, waiting for " + wanted, [&] {
      allows(s.allows);
      for (const Branch& branch : s.branches) {
        if (branch.name.empty()) {
          block(branch.block, false);
        } else {
          nest("branch " + branch.name.text, [&] {
            allows(branch.allows);
            block(branch.block, false);
          });
        }
      }
    });
  }

  // ---- declarations ----
  void declaration(const Declaration& d, const TypeDecl& body) {
    nest(titled("type " + d.name.text, d.title), [&] { fields(body.fields); });
  }
  void declaration(const Declaration& d, const EventDecl& body) {
    nest("event " + d.name.text + ", version " + std::to_string(body.version.value) + ", key " +
             body.key.text,
         [&] {
           allows(d.allows);
           fields(body.fields);
           for (const EventDecl::Lift& lift : body.lifts)
             with_args("from version " + std::to_string(lift.from.value), lift.values);
         });
  }
  void declaration(const Declaration& d, const ConnectorDecl& body) {
    nest(titled("connector " + d.name.text, d.title), [&] {
      allows(d.allows);
      connector(body);
    });
  }
  void connector(const ConnectorDecl& c) {
    if (!c.base_env.empty()) {
      line("base env " + c.base_env.text + (c.base.empty() ? "" : " or " + quote(c.base.text)));
    } else if (!c.base.empty()) {
      line("base " + quote(c.base.text));
    }
    switch (c.sign_in) {
      case ConnectorDecl::SignIn::kNone: break;
      case ConnectorDecl::SignIn::kBearer:
        line("sign in with bearer secret " + c.sign_in_secret.text);
        break;
      case ConnectorDecl::SignIn::kBasic:
        line("sign in with basic " + quote(c.sign_in_user.text) + " secret " +
             c.sign_in_secret.text);
        break;
      case ConnectorDecl::SignIn::kHeader:
        line("sign in with header " + quote(c.sign_in_header.text) + " secret " +
             c.sign_in_secret.text);
        break;
    }
    if (!c.request_key_header.empty()) line("request key in " + quote(c.request_key_header.text));
    if (!c.keys_remembered.empty())
      line("remembers keys for " + c.keys_remembered.text +
           (c.replays_errors ? ", replays errors" : ""));
    if (c.form) line("body form");
    if (c.per_second) {
      line("at most " + std::to_string(c.per_second->value) + " per second" +
           (c.at_once ? ", " + std::to_string(c.at_once->value) + " at once" : ""));
    } else if (c.at_once) {
      line("at most " + std::to_string(c.at_once->value) + " at once");
    }
    if (c.breaker_failures)
      line("after " + std::to_string(c.breaker_failures->value) + " failures, rest " +
           c.breaker_rest.text);
    if (!c.timeout.empty()) line("each call within " + c.timeout.text);
    if (c.allow_private) line("may reach private addresses");
  }
  void declaration(const Declaration& d, const ActionDecl& body) {
    nest(titled("action " + d.name.text, d.title), [&] {
      allows(d.allows);
      action(body);
    });
  }
  void action(const ActionDecl& a) {
    for (const Name& effect : a.effects) line(effect.text);
    if (!a.takes.empty()) nest("takes", [&] { fields(a.takes); });
    if (!a.gives.empty()) nest("gives", [&] { fields(a.gives); });
    if (!a.errors.empty()) {
      std::string list;
      for (const Name& error : a.errors) list += (list.empty() ? " " : ", ") + error.text;
      line("can end in" + list);
    }
    if (a.repeat_safe) line(*a.repeat_safe ? "repeating is safe" : "repeating is unsafe");
    if (a.harmless) line("harmless if nothing was done");
    runs(a);
    for (const OutcomeDecl& outcome : a.outcomes)
      line("if " + outcome.when.text + ", " + outcome.error.text);
    if (a.undone_by) with_args("undone by " + a.undone_by->action.text, a.undone_by->args);
    if (a.checked_by) with_args("checked by " + a.checked_by->action.text, a.checked_by->args);
    if (!a.settles.empty()) line("settles in " + a.settles.text);
  }
  void runs(const ActionDecl& a) {
    switch (a.runs) {
      case ActionDecl::Runs::kNone:
      case ActionDecl::Runs::kReserved: break;
      case ActionDecl::Runs::kCall:
        nest("call " + a.connector.text + ", " + a.method.text + " " + quote(a.path.text), [&] {
          args(a.query, "query ");
          args(a.headers, "header ");
          args(a.body);
        });
        break;
      case ActionDecl::Runs::kSql:
        line(a.any_rows ? "sql any rows |" : "sql |");
        sql(a.sql.text);
        break;
      case ActionDecl::Runs::kPlugin: line("plugin " + a.plugin.text); break;
    }
  }
  void sql(const std::string& text) {
    const std::string indent(depth_ * 2 + 2, ' ');
    std::size_t from = 0;
    while (from <= text.size()) {
      const std::size_t end = std::min(text.find('\n', from), text.size());
      if (end > from) out_ += indent + text.substr(from, end - from);
      out_ += '\n';
      from = end + 1;
    }
  }
  void declaration(const Declaration& d, const WorkflowDecl& w) {
    nest(
        titled("workflow " + d.name.text, d.title) + ", version " + std::to_string(w.version.value),
        [&] {
          allows(d.allows);
          if (!w.owner.empty()) line("owner " + quote(w.owner.text));
          if (!w.tags.empty()) {
            std::string list;
            for (const Text& tag : w.tags) list += (list.empty() ? " " : ", ") + quote(tag.text);
            line("tags" + list);
          }
          if (!w.takes.empty()) nest("takes", [&] { fields(w.takes); });
          if (!w.gives.empty()) with_args("gives", w.gives);
          for (const WorkflowDecl::StartsOn& start : w.starts_on)
            with_args("starts on " + start.event.text, start.values);
          if (!w.once_per.empty()) line("once per " + w.once_per.text);
          if (w.one_at_a_time) {
            line("one at a time per " + w.one_at_a_time->per.text +
                 (w.one_at_a_time->queue ? ", others queue" : ", others are refused"));
          }
          if (!w.finish_within.empty()) line("finish within " + w.finish_within.text);
          for (const WorkflowDecl::Plan& plan : w.plans)
            line("retry plan " + plan.name.text + ": " + text::tries_text(plan.tries));
          if (w.if_undo_fails) line("if an undo fails, " + keep_text(*w.if_undo_fails));
          block(w.body, true);
        });
  }
  void declaration(const Declaration& d, const WebhookDecl& w) {
    nest(
        titled("webhook " + d.name.text, d.title) + ", " + w.method.text + " " + quote(w.path.text),
        [&] {
          allows(d.allows);
          if (!w.scheme.empty()) {
            std::string list;
            for (const Name& secret : w.secrets)
              list += (list.empty() ? " with secret " : " or secret ") + secret.text;
            line("verified by " + w.scheme.text + list +
                 (w.tolerance.empty() ? "" : ", no older than " + w.tolerance.text));
          }
          if (!w.once_per.empty()) line("once per " + w.once_per.text);
          block(w.body, false);
        });
  }
  void declaration(const Declaration& d, const PlanDecl& plan) {
    line("retry plan " + d.name.text + ": " + text::tries_text(plan.tries));
  }
  void declaration(const Declaration& d, const ScenarioDecl& scenario) {
    nest("scenario " + quote(d.title.text) + " for " + scenario.workflow.text, [&] {
      allows(d.allows);
      std::string_view word = "given ";
      for (const Arg& arg : scenario.given) {
        line(std::string(word) + arg.name.text + " = " + arg.value.text);
        word = "and ";
      }
      word = "when ";
      for (const ScenarioWhen& when : scenario.when) {
        said(std::string(word) + text::sentence(when, when.with.size() < 2), when.with);
        word = "and ";
      }
      word = "then ";
      for (const ScenarioThen& then : scenario.then) {
        said(std::string(word) + text::sentence(then, then.with.size() < 2), then.with);
        word = "and ";
      }
    });
  }
  // A sentence whose arguments stand under it when there are several.
  void said(const std::string& sentence, const std::vector<Arg>& with) {
    with_args(sentence, with.size() < 2 ? std::vector<Arg>() : with);
  }
  void declaration(const Declaration&, const ReservedDecl&) {}

  std::string out_;
  std::size_t depth_ = 0;
};

}  // namespace

std::string print_text(const File& file) {
  Printer printer;
  printer.file(file);
  return printer.take();
}

}  // namespace belay::dsl
