// Random syntax trees that either form can say, with odd titles, strings and names: for properties
// of readers, printers and layout. What is generated need not compile.
#pragma once
#include <random>
#include <set>
#include <string>

#include "dsl/syntax.h"

namespace belay::dsl::testing {

class SyntaxGenerator {
 public:
  explicit SyntaxGenerator(std::uint32_t seed) : random_(seed) {}

  std::size_t pick(std::size_t n) { return n == 0 ? 0 : random_() % n; }
  bool chance(std::size_t one_in) { return pick(one_in) == 0; }

  File file() {
    File out;
    const std::size_t count = 1 + pick(4);
    for (std::size_t i = 0; i < count; ++i) out.declarations.push_back(declaration());
    return out;
  }

  // Text that any reader might stumble over.
  std::string odd_text() {
    static const std::string pieces[] = {"The slot is gone",
                                         "it's",
                                         "\"quoted\"",
                                         "#",
                                         " # no comment",
                                         ": ",
                                         "- item",
                                         "日本",
                                         "ü",
                                         "🚀",
                                         "\\",
                                         "\\n",
                                         "null",
                                         "~",
                                         "true",
                                         "007",
                                         "12",
                                         "-1.5",
                                         "40 minutes",
                                         "EUR 12.50",
                                         "= a",
                                         "{",
                                         "}",
                                         "[x]",
                                         ",",
                                         "|",
                                         " |",
                                         ">",
                                         "'",
                                         "''",
                                         "\t",
                                         "\n",
                                         "  ",
                                         "&a",
                                         "*a",
                                         "!tag",
                                         "%",
                                         "@",
                                         "`",
                                         "---",
                                         "“smart”",
                                         "a: b",
                                         "when",
                                         "step x",
                                         "no",
                                         "on",
                                         "?",
                                         "…"};
    std::string out;
    const std::size_t count = 1 + pick(4);
    for (std::size_t i = 0; i < count; ++i)
      out += (i > 0 && chance(2) ? " " : "") + pieces[pick(std::size(pieces))];
    return out;
  }
  std::string comment() {
    static const std::string pieces[] = {"why",   "\"",   "'", "it's", "#",   ": x",    "{ [ (",
                                         "} ] )", "日本", "|", "- a",  "---", "step b", "\\"};
    std::string out = "#" + std::string(chance(4) ? "" : " ") + std::to_string(++comments_);
    for (std::size_t i = pick(3); i > 0; --i) out += " " + pieces[pick(std::size(pieces))];
    return out;
  }

 private:
  // ---- words ----
  std::string word() {
    static const std::string words[] = {"hold",  "capture", "price",     "guest_2", "amount",  "a",
                                        "zone9", "booking", "starts_at", "email",   "step_one"};
    return words[pick(std::size(words))] + std::to_string(pick(90));
  }
  Name name() { return {word(), {}}; }
  Name dotted() { return {chance(3) ? word() : word() + "." + word(), {}}; }
  Text text() { return {odd_text(), {}}; }
  Text title() { return chance(2) ? Text{} : text(); }
  Number number() { return {static_cast<std::int64_t>(1 + pick(50)), {}}; }
  Expr expr(std::string text) { return {std::move(text), {}, {}}; }
  Expr duration() {
    static const char* units[] = {"seconds", "minutes", "hours", "days"};
    return expr(std::to_string(2 + pick(40)) + " " + units[pick(4)]);
  }
  Expr condition() {
    static const std::string pool[] = {"a.b is not c",
                                       "total is more than EUR 5.00",
                                       "x ? y : z",
                                       "status is one of [\"a\", \"b, #c\"]",
                                       "not ok and (a or b)",
                                       "max(1, 2) == 2",
                                       "'single # quoted'",
                                       "r\"raw\\d\" == t",
                                       "m[\"key: x\"] != null",
                                       "{\"a\": 1}.a == 1",
                                       "size(\"日本: {\") > 0",
                                       "(a or\nb or\nc)",
                                       "[\n1,\nf(2,\n3)\n].size() > 1",
                                       "a is present",
                                       "-1 < x",
                                       "!ok"};
    return expr(pool[pick(std::size(pool))]);
  }
  Expr value() {
    static const std::string pool[] = {"12",
                                       "-5",
                                       "true",
                                       "null",
                                       "1.5",
                                       "40 minutes",
                                       "EUR 12.50",
                                       "a.b",
                                       "\"\"",
                                       "\" edge \"",
                                       "\"12\"",
                                       "\"it's\"",
                                       "\"40 minutes\"",
                                       "\"= total\"",
                                       "\"line\\nbreak\"",
                                       "\"true\"",
                                       "\"# no\"",
                                       "\"a: b\"",
                                       "\"007\"",
                                       "\"日本\"",
                                       "[1, \"x\"]",
                                       "{\"b\": [1, {\"c\": d}]}"};
    return chance(3) ? condition() : expr(pool[pick(std::size(pool))]);
  }
  std::vector<Arg> args(std::size_t most = 4, bool odd_names = false) {
    std::vector<Arg> out;
    std::set<std::string> names;
    for (std::size_t i = pick(most + 1); i > 0; --i) {
      const std::string name = odd_names && chance(3) ? "meta[" + word() + "]" : word();
      if (names.insert(name).second) out.push_back({{name, {}}, value()});
    }
    return out;
  }
  std::vector<Arg> some_args() {
    std::vector<Arg> out = args();
    if (out.empty()) out.push_back({name(), value()});
    return out;
  }

  TypeExpr type(std::size_t depth = 0) {
    TypeExpr out;
    out.optional = chance(4);
    out.is_private = chance(5);
    switch (depth > 1 ? 0 : pick(6)) {
      case 1:
        out.shape = TypeExpr::Shape::kList;
        out.element.push_back(plain_type());
        if (chance(3)) {
          out.size_max = number();
          out.size_in_items = true;
        }
        break;
      case 2:
        out.shape = TypeExpr::Shape::kMap;
        out.element.push_back(plain_type());
        break;
      case 3:
        out.shape = TypeExpr::Shape::kOneOf;
        for (std::size_t i = 1 + pick(3); i > 0; --i)
          out.options.push_back({std::to_string(i) + odd_line(), {}});
        break;
      case 4:
        out.name = {"int", {}};
        out.min = Number{-3, {}};
        out.max = number();
        break;
      case 5:
        out.name = {"text", {}};
        if (chance(2)) {
          out.pattern = Text{"^[A-Z]{2}\\d+ #$", {}};
        } else {
          out.size_max = number();
        }
        break;
      default: out.name = {chance(2) ? "uuid" : "Customer", {}};
    }
    return out;
  }
  TypeExpr plain_type() {
    TypeExpr out;
    out.name = {chance(2) ? "money" : "Guest", {}};
    return out;
  }
  std::string odd_line() {
    std::string out = odd_text();
    for (char& c : out) c = c == '\n' || c == '\t' ? ' ' : c;
    return out;
  }
  std::vector<FieldDecl> fields(bool values = false) {
    std::vector<FieldDecl> out;
    std::set<std::string> names;
    for (std::size_t i = pick(4); i > 0; --i) {
      FieldDecl field{name(), type(), {}};
      if (values && chance(2)) field.value = condition();
      if (names.insert(field.name.text).second) out.push_back(std::move(field));
    }
    return out;
  }

  // ---- policies ----
  Tries tries() {
    Tries out;
    out.tries = number();
    if (chance(2)) out.first_wait = duration();
    out.doubling = chance(2);
    if (chance(3)) out.at_most = duration();
    out.spread = chance(3);
    return out;
  }
  Act act(std::size_t depth, bool final = false) {
    Act out;
    switch (pick(final ? 2 : 7)) {
      case 0: out.kind = Act::Kind::kCarryOn; break;
      case 1:
        out.kind = Act::Kind::kHandTo;
        out.team = name();
        break;
      case 2:
        out.kind = Act::Kind::kCarryOn;
        out.carry = expr("{\"id\": \"none\"}");
        break;
      case 3:
        out.kind = Act::Kind::kTryAgain;
        out.after = duration();
        out.at_most = number();
        break;
      case 4:
        out.kind = Act::Kind::kFinish;
        out.with = args();
        break;
      case 5:
        if (depth < 3) {
          out.kind = Act::Kind::kBlock;
          out.block = block(depth + 1);
          if (chance(3)) {  // stands in a handler only
            Statement last;
            last.kind = Statement::Kind::kAct;
            last.allows = allows();
            last.act = act(depth, true);
            out.block.push_back(std::move(last));
          }
          break;
        }
        [[fallthrough]];
      default: out.kind = Act::Kind::kCancel; out.because = text();
    }
    return out;
  }
  Policies policies(std::size_t depth) {
    Policies out;
    if (chance(4)) {
      out.retry_plan = name();
    } else if (chance(4)) {
      out.tries = tries();
    }
    if (chance(5)) out.within = duration();
    if (chance(6)) out.request_key = condition();
    if (chance(8)) out.alive_every = duration();
    if (chance(8)) {
      static const char* units[] = {"second", "minute", "hour", "day"};
      out.rate = Rate{number(), {units[pick(4)], {}}, chance(2) ? condition() : Expr{}, {}};
    }
    if (chance(4)) {
      out.if_unsure = IfUnsure{};
      out.if_unsure->kind = static_cast<IfUnsure::Kind>(pick(4));
      if (out.if_unsure->kind == IfUnsure::Kind::kCheck && chance(2)) {
        out.if_unsure->action = dotted();
        out.if_unsure->args = args();
      }
      if (out.if_unsure->kind == IfUnsure::Kind::kHandTo) out.if_unsure->team = name();
    }
    std::set<std::string> seen;
    for (std::size_t i = pick(3); i > 0; --i) {
      Handler handler;
      std::string key;
      for (std::size_t k = pick(3); k > 0; --k) {
        handler.errors.push_back(dotted());
        key += " " + handler.errors.back().text;
      }
      if (handler.errors.size() == 2 && handler.errors[0].text == handler.errors[1].text) continue;
      handler.act = act(depth);
      if (seen.insert(key).second) out.handlers.push_back(std::move(handler));
    }
    if (chance(5)) {
      out.keep = Keep{};
      out.keep->for_ = duration();
      out.keep->then = act(depth, true);
    }
    return out;
  }
  Undo undo(std::size_t depth) {
    Undo out;
    out.action = dotted();
    out.args = args(2);
    if (chance(3)) out.policies = policies(depth);
    return out;
  }
  std::vector<Allow> allows() {
    std::vector<Allow> out;
    if (!chance(6)) return out;
    for (std::size_t i = 1 + pick(2); i > 0; --i) {
      Allow one;
      one.kind = {i == 1 ? "BEL2016" : "BEL5003", {}};
      while (one.because.empty()) one.because = text();
      out.push_back(std::move(one));
    }
    return out;
  }
  EventSource source(bool before) {
    EventSource out;
    out.event = dotted();
    out.key = expr(chance(2) ? "booking" : "header[\"id, x\"]");
    if (before && chance(3)) out.before = duration();
    return out;
  }

  // ---- statements ----
  Statements block(std::size_t depth, bool webhook = false) {
    Statements out;
    for (std::size_t i = 1 + pick(depth == 0 ? 5 : 2); i > 0; --i)
      out.push_back(statement(depth, webhook));
    return out;
  }
  Statement statement(std::size_t depth, bool webhook) {
    using Kind = Statement::Kind;
    static const Kind kinds[] = {
        Kind::kStep,   Kind::kWait,     Kind::kPause,           Kind::kPublish, Kind::kSet,
        Kind::kCancel, Kind::kFinish,   Kind::kPointOfNoReturn, Kind::kStep,    Kind::kAsk,
        Kind::kWhen,   Kind::kTogether, Kind::kForEach,         Kind::kRepeat,  Kind::kTry};
    Statement out;
    out.kind = webhook ? (depth < 3 && chance(2) ? Kind::kWhen : Kind::kPublish)
                       : kinds[pick(depth < 3 ? 15 : 10)];
    out.allows = allows();
    switch (out.kind) {
      case Kind::kStep:
        out.name = name();
        out.title = title();
        if (chance(5)) {
          out.run = dotted();
          out.detached = chance(2);
        } else {
          out.action = dotted();
        }
        out.args = args();
        out.policies = policies(depth);
        if (chance(3)) {
          out.undo = undo(depth);
        } else if (chance(4)) {
          out.no_undo_because = text();
        }
        break;
      case Kind::kWait:
        out.name = name();
        out.title = title();
        if (chance(3)) {
          out.wanted = chance(2) ? Statement::Wanted::kAny : Statement::Wanted::kAll;
          for (std::size_t i = 1 + pick(3); i > 0; --i) {
            out.sources.push_back(source(true));
            out.sources.back().name = {"event_" + std::to_string(i), {}};
          }
        } else {
          out.source = source(true);
        }
        limit(out, depth);
        if (chance(4)) out.undo = undo(depth);
        break;
      case Kind::kPause: (chance(2) ? out.pause_for : out.pause_until) = duration(); break;
      case Kind::kPublish:
        out.source = source(false);
        out.args = args();
        break;
      case Kind::kSet:
        out.name = name();
        out.value = condition();
        break;
      case Kind::kCancel:
        out.act.kind = Act::Kind::kCancel;
        out.act.because = text();
        break;
      case Kind::kFinish:
        out.act.kind = Act::Kind::kFinish;
        out.act.with = args();
        break;
      case Kind::kWhen:
        for (std::size_t i = 1 + pick(3); i > 0; --i)
          out.arms.push_back({condition(), block(depth + 1, webhook), {}});
        if (chance(2)) out.arms.push_back({{}, block(depth + 1, webhook), {}});
        break;
      case Kind::kTogether:
        for (std::size_t i = 1 + pick(3); i > 0; --i) {
          Branch branch;
          if (chance(3)) {
            branch.name = name();
            branch.allows = allows();
            branch.block = block(depth + 1);
          } else {
            branch.block.push_back(statement(depth + 1, false));
          }
          out.branches.push_back(std::move(branch));
        }
        out.wanted = static_cast<Statement::Wanted>(pick(3));
        if (out.wanted == Statement::Wanted::kSome) {
          out.wanted_of.value = static_cast<std::int64_t>(out.branches.size());
          out.wanted_count.value = 1;
        }
        break;
      case Kind::kAsk:
        out.name = name();
        out.title = text();
        out.role = name();
        while (out.answers.empty()) out.answers = fields();
        limit(out, depth);
        break;
      case Kind::kForEach:
        out.name = name();
        out.value = condition();
        out.at_once = number();
        if (chance(2)) out.tolerating = number();
        out.body = block(depth + 1);
        if (chance(2)) {
          Statement collect;
          collect.kind = Kind::kCollect;
          collect.name = name();
          collect.allows = allows();
          collect.value = condition();
          out.body.push_back(std::move(collect));
        }
        break;
      case Kind::kRepeat:
        out.value = condition();
        out.times = number();
        out.body = block(depth + 1);
        if (chance(2)) {
          out.act.kind = Act::Kind::kCancel;
          out.act.because = text();
        }
        break;
      case Kind::kTry:
        out.body = block(depth + 1);
        out.policies.handlers.push_back({{dotted()}, act(depth), {}});
        if (chance(2)) out.policies.handlers.push_back({{}, act(depth), {}});
        break;
      case Kind::kPointOfNoReturn:
      default: break;
    }
    return out;
  }

  void limit(Statement& out, std::size_t depth) {
    if (chance(2)) return;
    out.within = duration();
    out.act = act(depth);
  }

  // ---- declarations ----
  Declaration declaration() {
    Declaration out;
    out.name = dotted();
    switch (pick(10)) {
      case 0:
        out.name = {"Type" + word().substr(0, 1), {}};
        out.title = title();
        out.body = TypeDecl{fields()};
        break;
      case 1: out.body = event(); break;
      case 2:
        out.title = title();
        out.body = connector();
        break;
      case 3:
      case 4:
        out.title = title();
        out.body = action();
        break;
      case 5: out.body = webhook(out); break;
      case 6: out.body = PlanDecl{tries()}; break;
      default: out.title = title(); out.body = workflow();
    }
    const bool bare =
        std::holds_alternative<TypeDecl>(out.body) || std::holds_alternative<PlanDecl>(out.body);
    if (!bare) out.allows = allows();
    return out;
  }
  EventDecl event() {
    EventDecl out;
    out.version = number();
    out.key = name();
    out.fields = fields();
    if (chance(3)) out.lifts.push_back({{100, {}}, some_args()});
    if (chance(3)) out.lifts.push_back({{101, {}}, some_args()});
    return out;
  }
  ConnectorDecl connector() {
    ConnectorDecl out;
    if (chance(2)) out.base_env = {"SOME_URL", {}};
    if (chance(2)) out.base = {"https://api.example.com/#x", {}};
    out.sign_in = static_cast<ConnectorDecl::SignIn>(pick(4));
    if (out.sign_in != ConnectorDecl::SignIn::kNone) out.sign_in_secret = name();
    if (out.sign_in == ConnectorDecl::SignIn::kBasic) out.sign_in_user = text();
    if (out.sign_in == ConnectorDecl::SignIn::kHeader) out.sign_in_header = {"X-Api-Key", {}};
    if (chance(2)) out.request_key_header = {"Idempotency-Key", {}};
    if (chance(2)) {
      out.keys_remembered = duration();
      out.replays_errors = chance(2);
    }
    out.form = chance(2);
    if (chance(2)) out.per_second = number();
    if (chance(2)) out.at_once = number();
    if (chance(2)) {
      out.breaker_failures = number();
      out.breaker_rest = duration();
    }
    if (chance(2)) out.timeout = duration();
    out.allow_private = chance(2);
    return out;
  }
  ActionDecl action() {
    ActionDecl out;
    for (const char* effect : {"reads", "moves money", "records"}) {
      if (chance(2)) out.effects.push_back({effect, {}});
    }
    out.takes = fields();
    out.gives = fields(true);
    if (chance(3)) out.errors.push_back(dotted());
    if (chance(2)) out.repeat_safe = chance(2);
    out.harmless = chance(3);
    switch (pick(3)) {
      case 0:
        out.runs = ActionDecl::Runs::kCall;
        out.connector = name();
        out.method = {"POST", {}};
        out.path = {"/v1/{intent}/capture?x=1", {}};
        out.query = args(2, true);
        out.headers = args(2, true);
        out.body = args(3, true);
        break;
      case 1:
        out.runs = ActionDecl::Runs::kSql;
        out.any_rows = chance(2);
        out.sql = {"SELECT '# no comment'\n  FROM t  -- \"x\"\n\nWHERE a = :a", {}};
        break;
      default: out.runs = ActionDecl::Runs::kPlugin; out.plugin = name();
    }
    for (std::size_t i = pick(3); i > 0; --i) out.outcomes.push_back({condition(), dotted(), {}});
    if (chance(3)) out.undone_by = UseDecl{dotted(), args(2), {}};
    if (chance(3)) out.checked_by = UseDecl{dotted(), args(2), {}};
    if (chance(4)) out.settles = duration();
    return out;
  }
  WorkflowDecl workflow() {
    WorkflowDecl out;
    out.version = number();
    out.takes = fields();
    if (chance(2)) out.gives = some_args();
    for (Arg& arg : out.gives) arg.value = condition();
    if (chance(2)) out.once_per = condition();
    if (chance(2)) out.finish_within = duration();
    if (chance(2)) {
      out.if_undo_fails = Keep{};
      out.if_undo_fails->for_ = duration();
      out.if_undo_fails->then = act(0, true);
    }
    if (chance(4)) {
      out.one_at_a_time = WorkflowDecl::OneAtATime{};
      out.one_at_a_time->per = condition();
      out.one_at_a_time->queue = chance(2);
    }
    if (chance(3)) out.starts_on.push_back({{"came.first", {}}, args(), {}});
    if (chance(5)) out.starts_on.push_back({{"came.second", {}}, args(), {}});
    if (chance(3)) out.owner = text();
    for (std::size_t i = pick(3); i > 0; --i) out.tags.push_back({odd_line(), {}});
    if (chance(3)) out.plans.push_back({name(), tries()});
    out.body = block(0);
    return out;
  }
  WebhookDecl webhook(Declaration& head) {
    WebhookDecl out;
    head.title = title();
    out.method = {"POST", {}};
    out.path = {"/hooks/in", {}};
    if (chance(2)) {
      out.scheme = {"stripe", {}};
      out.secrets.push_back({"first_secret", {}});
      if (chance(2)) out.secrets.push_back({"second_secret", {}});
      if (chance(2)) out.tolerance = duration();
    }
    if (chance(2)) out.once_per = expr("body.id");
    out.body = block(1, true);
    return out;
  }

  std::mt19937 random_;
  std::size_t comments_ = 0;
};

}  // namespace belay::dsl::testing
