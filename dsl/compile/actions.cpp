// Phase 3: connectors and actions. An action is typed from both sides: its request is built from
// what it takes, its result (`gives`) and its errors are read from the answer. Uses of other
// actions (`undone by`, `checked by`) come last, when every action has its types. Tested in
// tests/dsl/compile_test.cpp.
#include <algorithm>
#include <array>

#include "dsl/compile/again.h"
#include "dsl/compile/tables.h"
#include "interpreter/sql_text.h"

namespace belay::dsl {
namespace {

using interpreter::Action;
using interpreter::Binding;
using interpreter::Effect;
using interpreter::Field;
using interpreter::Type;
using Base = interpreter::Type::Base;

Type plain(Base base) {
  Type type;
  type.base = base;
  return type;
}

Type map_of_text() {
  Type type = plain(Base::kMap);
  type.element.push_back(plain(Base::kText));
  return type;
}

bool has_prefix_url(std::string_view text) {
  return text.starts_with("https://") || text.starts_with("http://");
}

// ---- Connectors

std::int64_t limit_of(const std::optional<Number>& number, std::string_view what,
                      ConnectorInfo& info, Tables& tables) {
  if (!number) return 0;
  if (number->value >= 1 && number->value <= 1'000'000) return number->value;
  tables.diagnostics
      .add("BEL4018", number->span, std::string(what) + " wants a number from 1 to 1000000")
      .help = "leave it out if there is no limit";
  info.ok = false;
  return 0;
}

std::int64_t duration_of(const Expr& expr, std::string_view what, std::int64_t otherwise,
                         ConnectorInfo& info, Tables& tables) {
  if (expr.empty()) return otherwise;
  const auto ms = positive_duration(expr, what, tables);
  if (!ms) info.ok = false;
  return ms.value_or(otherwise);
}

void check_connector(const std::string& name, ConnectorInfo& info, Tables& tables) {
  const ConnectorDecl& decl = *info.decl;
  Connector& out = info.connector;
  out.name = name;
  out.title = info.at->title.text;
  out.base_env = decl.base_env.text;
  out.base = decl.base.text;
  const auto bad = [&](Span span, std::string message, std::string help) {
    tables.diagnostics.add("BEL4013", span, std::move(message)).help = std::move(help);
    info.ok = false;
  };
  if (out.base.empty() && out.base_env.empty() && info.ok) {
    bad(info.at->name.span,
        "connector " + quoted(name) + " does not say where the remote system is",
        "add `base \"https://…\"`, or `base env NAME`");
  }
  if (!out.base.empty() && !has_prefix_url(out.base)) {
    bad(decl.base.span, "a base is an address that begins with `https://`",
        "write for example \"https://api.example.com\"");
  }
  switch (decl.sign_in) {
    case ConnectorDecl::SignIn::kNone: break;
    case ConnectorDecl::SignIn::kBearer: out.sign_in = Connector::SignIn::kBearer; break;
    case ConnectorDecl::SignIn::kBasic: out.sign_in = Connector::SignIn::kBasic; break;
    case ConnectorDecl::SignIn::kHeader: out.sign_in = Connector::SignIn::kHeader; break;
  }
  out.secret = decl.sign_in_secret.text;
  out.user = decl.sign_in_user.text;
  out.header = decl.sign_in_header.text;
  if (decl.sign_in != ConnectorDecl::SignIn::kNone && out.secret.empty() && info.ok) {
    bad(info.at->name.span, "connector " + quoted(name) + " signs in, but with no secret",
        "add `with bearer secret NAME`; the secret itself never stands in a file");
  }
  out.request_key_header = decl.request_key_header.text;
  out.keys_remembered_s =
      duration_of(decl.keys_remembered, "`remembers keys for`", 0, info, tables) / 1000;
  if (!decl.keys_remembered.empty() && out.request_key_header.empty()) {
    bad(decl.keys_remembered.span, "keys are remembered, but none is sent",
        "add `request key in \"Idempotency-Key\"`, or whatever the header is called there");
  }
  out.replays_errors = decl.replays_errors;
  out.form = decl.form;
  out.allow_private = decl.allow_private;
  out.per_second = limit_of(decl.per_second, "`per second`", info, tables);
  out.at_once = limit_of(decl.at_once, "`at once`", info, tables);
  out.breaker_failures = limit_of(decl.breaker_failures, "`after … failures`", info, tables);
  out.breaker_rest_ms = duration_of(decl.breaker_rest, "`rest`", 0, info, tables);
  out.timeout_ms = duration_of(decl.timeout, "the timeout", out.timeout_ms, info, tables);
}

// ---- One action

constexpr std::array<std::pair<std::string_view, Effect>, 5> kEffects{
    {{"reads", Effect::kReads},
     {"reserves", Effect::kReserves},
     {"moves money", Effect::kMovesMoney},
     {"notifies", Effect::kNotifies},
     {"records", Effect::kRecords}}};

class ActionChecker {
 public:
  ActionChecker(const std::string& name, ActionInfo& info, Tables& tables)
      : name_(name), info_(info), decl_(*info.decl), action_(info.action), tables_(tables) {}

  void check() {
    action_.name = name_;
    action_.title = info_.at->title.text;
    action_.takes = resolve_fields(decl_.takes, tables_);
    for (const FieldDecl& field : decl_.takes) {
      if (!check_name(field.name, false, tables_)) info_.ok = false;
    }
    check_effects();
    check_runs();
    check_gives();
    check_outcomes();
    action_.harmless_if_nothing_done = decl_.harmless;
    action_.repeat_safe =
        action_.runs == Action::Runs::kSql ||
        decl_.repeat_safe.value_or(action_.effects == static_cast<int>(Effect::kReads));
    if (!decl_.settles.empty()) {
      const auto ms = positive_duration(decl_.settles, "`settles in`", tables_);
      if (ms)
        action_.settling_s = (*ms + 999) / 1000;
      else
        info_.ok = false;
    }
  }

 private:
  void check_effects() {
    for (const Name& effect : decl_.effects) {
      const auto found = std::find_if(kEffects.begin(), kEffects.end(), [&](const auto& known) {
        return known.first == effect.text;
      });
      if (found != kEffects.end()) {
        action_.effects |= static_cast<std::uint8_t>(found->second);
        continue;
      }
      info_.ok = false;  // the reader complained
    }
    if (action_.effects == 0 && info_.ok) {
      Diagnostic& d = error("BEL4015", info_.at->name.span,
                            "action " + quoted(name_) + " does not say what it does to the world");
      add_note(d, "without it nobody can tell whether it must be undone");
      d.help = "add `reads`, `reserves`, `moves money`, `notifies` or `records`";
    }
  }

  void check_runs() {
    switch (decl_.runs) {
      case ActionDecl::Runs::kCall: return check_call();
      case ActionDecl::Runs::kSql: return check_sql();
      case ActionDecl::Runs::kPlugin: return check_plugin();
      case ActionDecl::Runs::kReserved: info_.ok = false; return;  // the reader complained
      case ActionDecl::Runs::kNone: break;
    }
    if (!info_.ok) return;
    error("BEL4014", info_.at->name.span, "action " + quoted(name_) + " does not say how it runs")
        .help = "add `call CONNECTOR, POST \"/path\"`, `sql`, or `plugin NAME`";
  }

  void check_call() {
    action_.runs = Action::Runs::kHttp;
    action_.http.connector = decl_.connector.text;
    action_.http.method = decl_.method.text;
    action_.http.path = decl_.path.text;
    static const std::vector<std::string> kMethods = {"GET", "POST", "PUT", "PATCH", "DELETE"};
    if (!decl_.method.empty() &&
        std::find(kMethods.begin(), kMethods.end(), decl_.method.text) == kMethods.end()) {
      error("BEL4005", decl_.method.span, quoted(decl_.method.text) + " is no method of a call")
          .help = "write GET, POST, PUT, PATCH or DELETE";
    }
    if (const ConnectorInfo* connector =
            look_up(tables_.connectors, "BEL3005", "connector", decl_.connector, tables_)) {
      action_.keys_remembered_s = connector->connector.keys_remembered_s;
      action_.replays_errors = connector->connector.replays_errors;
      info_.ok = info_.ok && connector->ok;
    } else {
      info_.ok = false;
    }
    check_route_holes();
    const FixedNames names = scope(false);
    action_.http.body = bindings(decl_.body, "field", names);
    action_.http.query = bindings(decl_.query, "query parameter", names);
    action_.http.headers = bindings(decl_.headers, "header", names);
  }

  void check_route_holes() {
    const std::string& path = decl_.path.text;
    if (!path.empty() && path[0] != '/') {
      error("BEL4005", decl_.path.span, "a route begins with `/`").help = "write \"/" + path + "\"";
    }
    for (std::size_t open = path.find('{'); open != std::string::npos;
         open = path.find('{', open + 1)) {
      const std::size_t close = path.find('}', open);
      if (close == std::string::npos) {
        error("BEL4005", decl_.path.span, "a `{` in this route is never closed").help =
            "write `{name}`, where `name` is an input of the action";
        return;
      }
      const std::string hole = path.substr(open + 1, close - open - 1);
      const Field* field = find_field(action_.takes, hole);
      if (field == nullptr) {
        Diagnostic& d = error("BEL4005", find_in_source("{" + hole + "}", decl_.path.span, 0),
                              "the route has a hole `{" + hole + "}`, but " + quoted(name_) +
                                  " does not take " + quoted(hole));
        suggest_take(d, hole);
        continue;
      }
      const Base base = field->type.base;
      const bool fits_in = base == Base::kText || base == Base::kUuid || base == Base::kInt ||
                           base == Base::kOneOf || base == Base::kDate || base == Base::kEmail ||
                           base == Base::kError;
      if (!fits_in || field->type.optional) {
        error("BEL4005", find_in_source("{" + hole + "}", decl_.path.span, 0),
              quoted(hole) + " is " + quoted(to_text(field->type)) + " and cannot stand in a route")
            .help = "a hole is filled by a text, a uuid or an int that is always there";
      }
    }
  }

  // `:name` outside of what `sql_skip` passes over, as the runtime will replace it.
  void check_sql() {
    action_.runs = Action::Runs::kSql;
    std::string sql = decl_.sql.text;
    while (!sql.empty() && (sql.back() == '\n' || sql.back() == ' ' || sql.back() == '\r'))
      sql.pop_back();
    action_.sql.statement = sql;
    action_.sql.any_rows = decl_.any_rows;
    if (sql.empty()) {
      if (info_.ok)
        error("BEL4006", decl_.runs_span, "this action has no SQL").help =
            "add the statement on deeper lines";
      return;
    }
    for (std::size_t i = 0; i < sql.size(); ++i) {
      if (const std::size_t behind = interpreter::sql_skip(sql, i); behind != i) {
        i = behind - 1;
      } else if (sql[i] == ':' && i + 1 < sql.size() && is_word(sql[i + 1]) &&
                 !is_digit(sql[i + 1])) {
        std::size_t end = i + 1;
        while (end < sql.size() && is_word(sql[end])) ++end;
        const std::string hole = sql.substr(i + 1, end - i - 1);
        if (const Field* field = find_field(action_.takes, hole))
          end = check_sql_parts(field->type, i, end);
        else
          suggest_take(
              sql_error(i, ":" + hole, quoted(":" + hole) + " is no input of " + quoted(name_)),
              hole);
        i = end - 1;
      }
    }
  }
  // The parts after a hole, `.minor` in `:price.minor`: nothing else may follow a parameter with a
  // point, so a part that the type does not have would reach the database as broken SQL. `hole` is
  // the place of the colon. Returns the end of the parts.
  std::size_t check_sql_parts(const Type& whole, std::size_t hole, std::size_t end) {
    const std::string& sql = action_.sql.statement;
    const Type* type = &whole;
    while (end + 1 < sql.size() && sql[end] == '.' && is_word(sql[end + 1]) &&
           !is_digit(sql[end + 1])) {
      const std::size_t begin = end + 1;
      end = begin;
      while (end < sql.size() && is_word(sql[end])) ++end;
      const std::string part = sql.substr(begin, end - begin);
      static const Type kNoParts{.base = Base::kInt};
      std::vector<std::string> parts;
      if (type->base == Base::kMoney) parts = {"minor", "currency"};
      if (type->base == Base::kRecord) {
        for (const Field& field : type->fields) parts.push_back(field.name);
      }
      if (std::find(parts.begin(), parts.end(), part) != parts.end()) {
        type = type->base == Base::kMoney ? &kNoParts : &find_field(type->fields, part)->type;
        continue;
      }
      const std::string word = sql.substr(hole, end - hole);
      Diagnostic& d = sql_error(hole, word,
                                quoted(sql.substr(hole, begin - 1 - hole)) + " is " +
                                    quoted(to_text(*type)) + " and has no part " + quoted(part));
      if (parts.empty())
        d.help = "only a record and money have parts; write " +
                 quoted(sql.substr(hole, begin - 1 - hole));
      else if (!suggest(d, part, parts))
        d.help = "it has " + join_names(parts);
      // What follows belongs to the same mistake.
      while (end < sql.size() && (is_word(sql[end]) || sql[end] == '.')) ++end;
    }
    return end;
  }
  Diagnostic& sql_error(std::size_t offset, const std::string& word, std::string message) {
    const auto line = std::count(
        decl_.sql.text.begin(), decl_.sql.text.begin() + static_cast<std::ptrdiff_t>(offset), '\n');
    return error("BEL4006", find_in_source(word, decl_.sql.span, static_cast<std::uint32_t>(line)),
                 std::move(message));
  }
  // The reader dedents the statement, so the column is looked for in the file itself.
  Span find_in_source(const std::string& word, Span near, std::uint32_t lines_below) const {
    for (std::uint32_t line = near.line + lines_below; line <= near.line + lines_below + 1;
         ++line) {
      const std::size_t at = tables_.sources.line(near.file, line).find(word);
      if (at == std::string_view::npos) continue;
      return {near.file, line, static_cast<std::uint32_t>(at + 1),
              static_cast<std::uint32_t>(word.size())};
    }
    return near;
  }
  static bool is_digit(char c) { return c >= '0' && c <= '9'; }
  static bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_';
  }

  void check_plugin() {
    action_.runs = Action::Runs::kPlugin;
    action_.plugin.plugin = decl_.plugin.text;
    if (tables_.catalog == nullptr || decl_.plugin.empty()) return;
    const std::vector<std::string>& known = tables_.catalog->names;
    if (std::find(known.begin(), known.end(), decl_.plugin.text) != known.end()) return;
    report_unknown("BEL3007", "plugin", decl_.plugin, known, tables_);
    info_.ok = false;
  }

  void check_gives() {
    const std::vector<Field> fields = resolve_fields(decl_.gives, tables_);
    const FixedNames names = scope(true);
    for (const Field& field : fields) {
      interpreter::Gives gives{.field = field};
      const auto decl = std::find_if(decl_.gives.begin(), decl_.gives.end(),
                                     [&](const FieldDecl& d) { return d.name.text == field.name; });
      if (!decl->value.empty()) {
        gives.from = checked(decl->value, names, field.type,
                             "result " + quoted(field.name) + " of " + quoted(name_));
      }
      action_.gives.push_back(std::move(gives));
    }
    info_.result.base = Base::kRecord;
    info_.result.record = name_;
    info_.result.fields = fields;
    if (info_.at->broken) info_.result = plain(Base::kError);  // a field may have been lost
  }

  void check_outcomes() {
    const FixedNames names = scope(true);
    for (const OutcomeDecl& outcome : decl_.outcomes) {
      interpreter::OutcomeRule rule;
      rule.when = checked(outcome.when, names, plain(Base::kBool), "a condition");
      rule.error = outcome.error.text;
      if (check_error_name(outcome.error)) action_.outcomes.push_back(std::move(rule));
    }
    for (const Name& error_name : decl_.errors) check_error_name(error_name);
  }
  bool check_error_name(const Name& name) {
    if (!check_name(name, true, tables_)) {
      info_.ok = false;
      return false;
    }
    if (std::find(action_.errors.begin(), action_.errors.end(), name.text) ==
        action_.errors.end()) {
      action_.errors.push_back(name.text);
    }
    return true;
  }

  // The action's own scope: what it takes and, once there is an answer, what came back.
  FixedNames scope(bool answered) const {
    FixedNames names;
    std::uint32_t slot = 0;
    for (const Field& field : action_.takes) names.add(field.name, field.type, slot++);
    if (!answered) return names;
    names.add("body", plain(Base::kJson), slot);
    names.add("status", plain(Base::kInt), slot + 1);
    names.add("header", map_of_text(), slot + 2);
    return names;
  }

  std::vector<Binding> bindings(const std::vector<Arg>& args, std::string_view noun,
                                const FixedNames& names) {
    std::vector<Binding> out;
    for (const Arg& arg : args) {
      if (find_binding(out, arg.name.text) != nullptr) {
        error("BEL4003", arg.name.span, quoted(arg.name.text) + " is given twice").help =
            "leave one of them out";
        continue;
      }
      if (reads_like_name(arg, names, tables_)) warn_of_name(arg, tables_);
      out.push_back({arg.name.text, checked(arg.value, names, std::nullopt,
                                            std::string(noun) + " " + quoted(arg.name.text))});
    }
    return out;
  }

  interpreter::Program checked(const Expr& expr, const Names& names, std::optional<Type> wanted,
                               std::string wanted_for) {
    if (expr.empty()) {
      info_.ok = false;
      return {};
    }
    if (wanted && wanted->base == Base::kError) wanted.reset();
    CheckedExpr result = check_expression(
        expr, names, {.wanted = wanted, .wanted_for = std::move(wanted_for)}, tables_.diagnostics);
    info_.ok = info_.ok && result.ok;
    return std::move(result.program);
  }

  void suggest_take(Diagnostic& d, std::string_view name) {
    std::vector<std::string> takes;
    for (const Field& field : action_.takes) takes.push_back(field.name);
    if (suggest(d, name, takes)) return;
    d.help = "add it under `takes`";
  }

  Diagnostic& error(std::string_view code, Span span, std::string message) {
    info_.ok = false;
    return tables_.diagnostics.add(code, span, std::move(message));
  }

  const std::string& name_;
  ActionInfo& info_;
  const ActionDecl& decl_;
  Action& action_;
  Tables& tables_;
};

// ---- Uses of other actions

std::optional<UseInfo> check_use(const std::string& name, ActionInfo& info, const UseDecl& decl,
                                 bool with_result, Tables& tables) {
  ActionInfo* target = look_up(tables.actions, "BEL3006", "action", decl.action, tables);
  if (target == nullptr) {
    info.ok = false;
    return std::nullopt;
  }
  FixedNames names;
  std::uint32_t slot = 0;
  for (const Field& field : info.action.takes) names.add(field.name, field.type, slot++);
  if (with_result) names.add("result", info.result, slot);
  PlainChecker checker(names, tables.diagnostics);
  CheckedArgs args = check_args(decl.args,
                                {.fields = target->action.takes,
                                 .owner = quoted(decl.action.text),
                                 .declared_at = target->at->name.span,
                                 .note_json = false,
                                 .complete = !target->at->broken},
                                checker, tables);
  info.ok = info.ok && args.ok && target->ok;
  if (target == &info) {
    tables.diagnostics
        .add("BEL4017", decl.action.span,
             quoted(name) +
                 (with_result ? " cannot be undone by itself" : " cannot be its own check"))
        .help = "name another action";
    info.ok = false;
    return std::nullopt;
  }
  return UseInfo{decl.action.text, std::move(args.bindings), decl.action.span};
}

}  // namespace

bool check_settles(const ActionInfo& check, const ActionInfo& checked, Span at, Tables& tables) {
  if (!check.ok || !checked.ok) return true;  // complained about already
  const std::string name = quoted(check.action.name);
  const auto declared = [&](Diagnostic& d) {
    add_note_at(d, check.at->name.span, name + " is declared here");
  };
  const Field* happened = find_field(check.result.fields, "happened");
  std::vector<std::string> options =
      happened != nullptr ? happened->type.options : std::vector<std::string>{};
  std::sort(options.begin(), options.end());
  if (happened == nullptr || happened->type.base != Base::kOneOf || happened->type.optional ||
      options != std::vector<std::string>{"no", "not yet", "yes"}) {
    Diagnostic& d = tables.diagnostics.add(
        "BEL4008", at, name + " does not say whether it happened, so it is no check");
    declared(d);
    d.help = "let it give `happened one of \"yes\", \"no\", \"not yet\"`";
    return false;
  }
  if ((check.action.effects & ~static_cast<int>(Effect::kReads)) != 0) {
    Diagnostic& d =
        tables.diagnostics.add("BEL4008", at, name + " changes the world, so it is no check");
    declared(d);
    d.help = "a check only `reads`";
    return false;
  }
  bool ok = true;
  for (const Field& field : checked.result.fields) {
    if (field.type.optional) continue;
    const Field* answer = find_field(check.result.fields, field.name);
    Type wanted = field.type, given = answer != nullptr ? answer->type : field.type;
    wanted.optional = given.optional = false;
    if (answer != nullptr && fits(given, wanted)) continue;
    Diagnostic& d = tables.diagnostics.add(
        "BEL4009", at,
        answer == nullptr
            ? name + " does not give " + quoted(field.name) + ", which " +
                  quoted(checked.action.name) + " gives"
            : name + " gives " + quoted(field.name) + " as " + quoted(to_text(given)) + ", " +
                  quoted(checked.action.name) + " as " + quoted(to_text(wanted)));
    declared(d);
    add_note(d, "when the check says \"yes\", its answer stands for the result of the step");
    d.help = "let " + name + " give `" + field.name + " optional " + to_text(wanted) + "`";
    ok = false;
  }
  return ok;
}

void check_connectors(Tables& tables) {
  for (auto& [name, info] : tables.connectors) check_connector(name, info, tables);
}

void check_actions(Tables& tables) {
  for (auto& [name, info] : tables.actions) {
    info.kept = tables.memory != nullptr && tables.memory->take(name, info);
    if (info.kept) continue;
    const std::size_t before = tables.diagnostics.all().size(), said = tables.diagnostics.said();
    ActionChecker(name, info, tables).check();
    info.quiet = !info.at->broken && tables.diagnostics.said() == said;
    if (info.at->broken) tables.diagnostics.forget_follow_ups(before);
  }
  for (auto& [name, info] : tables.actions) {
    if (info.kept) continue;
    const std::size_t before = tables.diagnostics.all().size(), said = tables.diagnostics.said();
    if (info.decl->undone_by)
      info.undone_by = check_use(name, info, *info.decl->undone_by, true, tables);
    if (info.decl->checked_by)
      info.checked_by = check_use(name, info, *info.decl->checked_by, false, tables);
    if (info.checked_by && !check_settles(tables.actions.at(info.checked_by->action), info,
                                          info.checked_by->span, tables)) {
      info.ok = false;
    }
    info.quiet = info.quiet && tables.diagnostics.said() == said;
    if (info.at->broken) tables.diagnostics.forget_follow_ups(before);
  }
}

}  // namespace belay::dsl
