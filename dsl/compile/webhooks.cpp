// Webhooks: an incoming route becomes a straight list of publishes, each with the conditions that
// lead to it. What comes in is `body`, `header` and `received_at`; nothing else is known, so
// nothing else can be read.
#include <algorithm>

#include "dsl/compile/programs.h"
#include "dsl/compile/tables.h"

namespace belay::dsl {
namespace {

using interpreter::Program;
using interpreter::Type;

Type plain(Type::Base base) {
  Type type;
  type.base = base;
  return type;
}

class WebhookLowering {
 public:
  WebhookLowering(const Declaration& declaration, Tables& tables)
      : declaration_(declaration), decl_(std::get<WebhookDecl>(declaration.body)), tables_(tables) {
    Type headers = plain(Type::Base::kMap);
    headers.element.push_back(plain(Type::Base::kText));
    names_.add("body", plain(Type::Base::kJson), 0);
    names_.add("header", std::move(headers), 1);
    names_.add("received_at", plain(Type::Base::kTimestamp), 2);
  }

  std::optional<Webhook> run() {
    ok_ = !declaration_.broken;
    out_.name = declaration_.name.text;
    out_.title = declaration_.title.text;
    check_route();
    check_verification();
    if (decl_.once_per.empty()) {
      if (!declaration_.broken) {
        Diagnostic& d =
            error(declaration_.name.span,
                  "webhook " + quoted(out_.name) + " does not say how a repeated delivery is told");
        d.help = "add `once per body.id`, or whatever names the delivery there";
      }
      ok_ = false;
    } else {
      out_.once_per = check(decl_.once_per, std::nullopt, "`once per`");
    }
    lower(decl_.body, {});
    if (decl_.body.empty() && !declaration_.broken) {
      Diagnostic& d = error(declaration_.name.span,
                            "webhook " + quoted(out_.name) + " does nothing with what it gets");
      d.help = "add `publish EVENT, key …`";
    }
    return ok_ ? std::optional(std::move(out_)) : std::nullopt;
  }

 private:
  void check_route() {
    out_.method = decl_.method.text;
    out_.path = decl_.path.text;
    if (!out_.method.empty() && out_.method != "POST" && out_.method != "PUT") {
      error(decl_.method.span,
            "a webhook is delivered by POST or PUT, not by " + quoted(out_.method))
          .help = "write POST";
    }
    if (!out_.path.empty() && (out_.path[0] != '/' || out_.path.find('{') != std::string::npos)) {
      error(decl_.path.span, "the route of a webhook begins with `/` and has no holes").help =
          "write for example \"/hooks/stripe\"";
    }
    for (const Declaration* other : tables_.webhooks) {
      if (other == &declaration_) return;
      const auto& decl = std::get<WebhookDecl>(other->body);
      if (decl.path.text != out_.path || decl.method.text != out_.method || out_.path.empty())
        continue;
      Diagnostic& d =
          error(decl_.path.span, "the route is taken by webhook " + quoted(other->name.text));
      add_note_at(d, decl.path.span, "it is declared here");
      d.help = "give each webhook a route of its own";
    }
  }

  void check_verification() {
    static const std::vector<std::string> kSchemes = {"github", "slack", "standard", "stripe"};
    out_.scheme = decl_.scheme.text;
    if (declaration_.broken && decl_.scheme.empty()) return;
    if (std::find(kSchemes.begin(), kSchemes.end(), out_.scheme) == kSchemes.end()) {
      Diagnostic& d =
          error(decl_.scheme.empty() ? declaration_.name.span : decl_.scheme.span,
                decl_.scheme.empty()
                    ? "webhook " + quoted(out_.name) + " does not say how deliveries are verified"
                    : quoted(out_.scheme) + " is no scheme that Belay can verify");
      add_note(d, "the schemes are " + join_names(kSchemes));
      if (!suggest(d, out_.scheme, kSchemes)) d.help = "add `verified by stripe with secret NAME`";
    } else if (decl_.secrets.empty() && !declaration_.broken) {
      error(decl_.scheme.span, "a delivery is verified with a secret, and none is named").help =
          "add `with secret NAME`";
    }
    for (const Name& secret : decl_.secrets) out_.secrets.push_back(secret.text);
    if (!decl_.tolerance.empty()) {
      const auto ms = positive_duration(decl_.tolerance, "`no older than`", tables_);
      if (ms)
        out_.tolerance_s = (*ms + 999) / 1000;
      else
        ok_ = false;
    }
  }

  void lower(const Statements& list, const std::vector<Program>& conditions) {
    for (const Statement& statement : list) {
      if (statement.kind == Statement::Kind::kWhen) {
        lower_when(statement, conditions);
      } else if (statement.kind == Statement::Kind::kPublish) {
        lower_publish(statement, conditions);
      } else {
        ok_ = false;  // the reader complained
      }
    }
  }

  // An arm holds where its condition does and none before it did.
  void lower_when(const Statement& statement, std::vector<Program> conditions) {
    for (const Arm& arm : statement.arms) {
      if (arm.condition.empty()) {
        lower(arm.block, conditions);
        return;
      }
      const Program condition = check(arm.condition, plain(Type::Base::kBool), "a condition");
      std::vector<Program> inside = conditions;
      inside.push_back(condition);
      lower(arm.block, inside);
      if (!condition.empty()) conditions.push_back(not_program(condition));
    }
  }

  void lower_publish(const Statement& statement, const std::vector<Program>& conditions) {
    PlainChecker checker(names_, tables_.diagnostics);
    EventInfo* event = look_up(tables_.events, "BEL3004", "event", statement.source.event, tables_);
    if (event == nullptr) {
      ok_ = false;
      for (const Arg& arg : statement.args) checker.check(arg.value, {});
      return;
    }
    PublishParts parts = check_publish(statement, *event, checker, tables_, false);
    ok_ = ok_ && parts.ok && event->ok;
    out_.publishes.push_back(
        {conditions, event->type.name, std::move(parts.key), std::move(parts.data)});
  }

  Program check(const Expr& expr, std::optional<Type> wanted, std::string wanted_for) {
    if (expr.empty()) {
      ok_ = false;
      return {};
    }
    CheckedExpr checked = check_expression(
        expr, names_, {.wanted = wanted, .wanted_for = std::move(wanted_for)}, tables_.diagnostics);
    ok_ = ok_ && checked.ok;
    return std::move(checked.program);
  }

  Diagnostic& error(Span span, std::string message) {
    ok_ = false;
    return tables_.diagnostics.add("BEL4019", span, std::move(message));
  }

  const Declaration& declaration_;
  const WebhookDecl& decl_;
  Tables& tables_;
  FixedNames names_;
  Webhook out_;
  bool ok_ = true;
};

}  // namespace

std::optional<Webhook> lower_webhook(const Declaration& declaration, Tables& tables) {
  return WebhookLowering(declaration, tables).run();
}

}  // namespace belay::dsl
