// What a workflow and a step say beside what they do: one saga at a time, started by events, so
// many calls a minute, a sign of life.
#include <algorithm>

#include "dsl/compile/lowering.h"

namespace belay::dsl {

using interpreter::Type;

namespace {

// Whether values of the type name things: equal ones are written alike, and they are short.
bool is_key_type(const Type& type) {
  switch (type.base) {
    case Type::Base::kText:
    case Type::Base::kUuid:
    case Type::Base::kEmail:
    case Type::Base::kUrl:
    case Type::Base::kDate:
    case Type::Base::kInt:
    case Type::Base::kTimestamp:
    case Type::Base::kOneOf:
    case Type::Base::kError: return true;
    default: return false;
  }
}

std::string_view runs_by(const interpreter::Action& action) {
  return action.runs == interpreter::Action::Runs::kSql ? "SQL" : "HTTP";
}

}  // namespace

void Lowering::want_key_type(const Expr& expr, const CheckedExpr& checked, std::string_view what) {
  if (!checked.ok || is_key_type(checked.type)) return;
  Diagnostic& d =
      error("BEL4033", expr.span,
            std::string(what) + " wants a key, and this is " + quoted(to_text(checked.type)));
  add_note(d, "a key is a text, a number or a time: equal ones are written alike");
  d.help = "name a field that tells them apart, for example an id";
}

void Lowering::lower_one_at_a_time(const Flow& start) {
  if (!decl_.one_at_a_time) return;
  const WorkflowDecl::OneAtATime& clause = *decl_.one_at_a_time;
  CheckedExpr checked = check(clause.per, start, When::kForward, quoted(declaration_.name.text));
  want_key_type(clause.per, checked, "`one at a time per`");
  refuse_private(clause.per, checked.program, "`one at a time per`");
  graph_.one_at_a_time = std::move(checked.program);
  graph_.others_queue = clause.queue;
}

// Inputs over the one name `event`: nothing else is known when a saga starts.
void Lowering::lower_starts_on() {
  for (const WorkflowDecl::StartsOn& clause : decl_.starts_on) {
    const EventInfo* event = look_up(tables_.events, "BEL3004", "event", clause.event, tables_);
    if (event == nullptr) {
      failed_ = true;
      continue;
    }
    use_event(*event);
    if (event->at->broken && event->decl->fields.empty()) {  // what it holds could not be read
      failed_ = true;
      continue;
    }
    Type payload;
    payload.base = Type::Base::kRecord;
    payload.record = event->type.name;
    payload.fields = event->type.fields;
    FixedNames names;
    const Type event_type = payload;
    names.add("event", std::move(payload), 0);
    PlainChecker checker(names, tables_.diagnostics);
    const ArgsContext context{.fields = graph_.takes,
                              .owner = quoted(graph_.workflow),
                              .noun = "input",
                              .declared_at = declaration_.name.span};
    CheckedArgs checked = check_args(clause.values, context, checker, tables_);
    if (!check_missing(checked.bindings, context, clause.event.span, checked.given, tables_))
      checked.ok = false;
    failed_ = failed_ || !checked.ok;
    warn_private(clause.values, graph_.takes, checked.bindings, "this saga",
                 {{"event", event_type, 0}});
    graph_.starts_on.push_back({event->type.name, std::move(checked.bindings)});
    if (!publishes(decl_.body, event->type.name)) continue;
    Diagnostic& d = warning(
        "BEL5011", clause.event.span,
        quoted(graph_.workflow) + " starts on " + quoted(event->type.name) + ", and publishes it");
    add_note(d, "each saga may start the next, without end");
    d.help = "publish another event, or make sure that it ends: publish it under a `when`";
  }
}

bool Lowering::publishes(const Statements& list, std::string_view event) const {
  const auto act = [&](const dsl::Act& a) { return publishes(a.block, event); };
  return std::any_of(list.begin(), list.end(), [&](const Statement& s) {
    return (s.kind == Statement::Kind::kPublish && s.source.event.text == event) ||
           publishes(s.body, event) || act(s.act) ||
           std::any_of(s.arms.begin(), s.arms.end(),
                       [&](const dsl::Arm& arm) { return publishes(arm.block, event); }) ||
           std::any_of(s.branches.begin(), s.branches.end(),
                       [&](const Branch& branch) { return publishes(branch.block, event); }) ||
           std::any_of(s.policies.handlers.begin(), s.policies.handlers.end(),
                       [&](const dsl::Handler& handler) { return act(handler.act); });
  });
}

void Lowering::lower_alive(const Policies& policies, const CallSite& site,
                           interpreter::Call& call) {
  if (policies.alive_every.empty()) return;
  const auto ms = positive_duration(policies.alive_every, "`alive every`", tables_);
  failed_ = failed_ || !ms;
  call.alive_ms = ms.value_or(0);
  if (site.action == nullptr || !site.action->ok) return;
  const interpreter::Action& action = site.action->action;
  if (action.runs == interpreter::Action::Runs::kPlugin) return;
  Diagnostic& d = error("BEL4032", policies.alive_every.span,
                        "`alive every` makes no sense here: " + quoted(action.name) + " runs by " +
                            std::string(runs_by(action)));
  add_note_at(d, site.action->at->name.span, "it is declared here");
  d.help = "only a plugin can say that it is alive: limit the call with `within`";
}

void Lowering::lower_rate(const Policies& policies, const CallSite& site, interpreter::Call& call) {
  if (!policies.rate) return;
  static constexpr std::pair<std::string_view, std::int64_t> kUnits[] = {
      {"second", 1'000}, {"minute", 60'000}, {"hour", 3'600'000}, {"day", 86'400'000}};
  constexpr std::int64_t kCountMax = 1'000'000;
  const Rate& rate = *policies.rate;
  interpreter::Rate lowered;
  lowered.count =
      count(rate.count, kCountMax, "how many calls there may be", "write `at most 10 per minute`");
  for (const auto& [word, ms] : kUnits) {
    if (rate.unit.text == word) lowered.per_ms = ms;
  }
  if (lowered.per_ms == 0) {
    failed_ = true;
    if (!rate.unit.empty()) {
      Diagnostic& d =
          error("BEL4018", rate.unit.span, quoted(rate.unit.text) + " is no unit of a rate");
      if (!suggest(d, rate.unit.text, {"second", "minute", "hour", "day"}))
        d.help = "write `at most 10 per second`, `minute`, `hour` or `day`";
    }
  }
  if (!rate.per.empty()) {
    CheckedExpr checked = check(rate.per, *site.flow, site.when, site.owner);
    want_key_type(rate.per, checked, "`at most … per`");
    refuse_private(rate.per, checked.program, "a rate");
    lowered.per = std::move(checked.program);
  }
  call.rate = std::move(lowered);
}

}  // namespace belay::dsl
