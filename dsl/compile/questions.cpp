// Statements that wait for somebody else: `wait` for events, `ask` a person. Both have a limit and
// say what follows when it is over; the answer is their result.
#include "dsl/compile/lowering.h"

namespace belay::dsl {

using interpreter::NodeId;
using interpreter::Type;

namespace {

Type plain(Type::Base base) {
  Type type;
  type.base = base;
  return type;
}

}  // namespace

// One event and its key. Returns the type of what comes.
Type Lowering::lower_source(const EventSource& source, const Flow& flow, std::string_view owner,
                            interpreter::Source& out) {
  const EventInfo* event = look_up(tables_.events, "BEL3004", "event", source.event, tables_);
  out.name = source.name.text;
  if (!source.before.empty()) {
    const auto ms = positive_duration(source.before, "`even if up to`", tables_);
    failed_ = failed_ || !ms;
    out.even_before_ms = ms.value_or(0);
  }
  if (source.key.empty()) failed_ = true;  // the reader complained
  if (event == nullptr) {
    failed_ = true;
    if (!source.key.empty()) check(source.key, flow, When::kForward, owner);
    return plain(Type::Base::kError);
  }
  use_event(*event);
  out.event = event->type.name;
  if (!source.key.empty()) {
    std::optional<Type> wanted;
    if (const interpreter::Field* field = find_field(event->type.fields, event->type.key))
      wanted = field->type;
    out.key = check(source.key, flow, When::kForward, owner, wanted,
                    "the key of " + quoted(event->type.name))
                  .program;
    refuse_private(source.key, out.key, "the key of an event");
  }
  Type payload = plain(Type::Base::kRecord);
  payload.record = event->type.name;
  payload.fields = event->type.fields;
  if (event->at->broken) payload = plain(Type::Base::kError);  // a field may have been lost
  return payload;
}

// Several events: the result is a record with a field for each. Where the first is enough, each
// field may be absent.
Type Lowering::lower_sources(const Statement& statement, NodeId id, const Flow& flow,
                             std::string_view owner) {
  const bool any = statement.wanted == Statement::Wanted::kAny;
  graph_.nodes[id].any_source = any;
  if (statement.sources.size() < 2) {
    Diagnostic& d =
        error("BEL5009", statement.span,
              std::string(owner) + " waits for " + (any ? "any" : "all") + " of one event");
    d.help = "name at least two, or write `for EVENT, key …`";
  }
  Type result = plain(Type::Base::kRecord);
  std::set<std::string> seen;
  for (const EventSource& source : statement.sources) {
    interpreter::Source lowered;
    Type payload = lower_source(source, flow, owner, lowered);
    graph_.nodes[id].sources.push_back(std::move(lowered));
    if (source.name.empty() || !seen.insert(source.name.text).second) {
      failed_ = true;  // the reader complained
      continue;
    }
    payload.optional = any && payload.base != Type::Base::kError;
    result.fields.push_back({source.name.text, std::move(payload)});
  }
  return result;
}

void Lowering::lower_wait(const Statement& statement, NodeId id, Flow& flow) {
  const std::string owner = quoted(statement.name.text);
  Type payload;
  if (statement.sources.empty()) {
    interpreter::Source source;
    payload = lower_source(statement.source, flow, owner, source);
    graph_.nodes[id].sources.push_back(std::move(source));
  } else {
    payload = lower_sources(statement, id, flow, owner);
  }
  const Known* own = make_known(statement.name, payload, Known::Origin::kWait);
  graph_.nodes[id].slot = own->slot;
  const Onward onward = lower_limit(statement, id, flow, payload, "the event may never come");
  if (statement.undo) {
    std::optional<interpreter::Call> undo = lower_undo(statement, nullptr, nullptr, own, flow);
    graph_.nodes[id].undo = std::move(undo);
  }
  lowered_.insert(statement.name.text);
  const bool may = onward == Onward::kWithoutValue;
  show(flow, own, may, may ? owner + " may go on without its event" : std::string());
}

void Lowering::lower_ask(const Statement& statement, NodeId id, Flow& flow) {
  const std::string owner = quoted(statement.name.text);
  if (statement.role.empty()) failed_ = true;  // the reader complained
  graph_.nodes[id].role = statement.role.text;
  std::vector<interpreter::Field> answers = resolve_fields(statement.answers, tables_);
  Type answer = plain(Type::Base::kRecord);
  answer.fields = answers;
  for (const interpreter::Field& field : answers)
    failed_ = failed_ || field.type.base == Type::Base::kError;
  graph_.nodes[id].answers = std::move(answers);
  const Known* own = make_known(statement.name, answer, Known::Origin::kAsk);
  graph_.nodes[id].slot = own->slot;
  const Onward onward = lower_limit(statement, id, flow, answer, "nobody may answer");
  lowered_.insert(statement.name.text);
  const bool may = onward == Onward::kWithoutValue;
  show(flow, own, may, may ? owner + " may go on without an answer" : std::string());
}

// `within …, otherwise …` of a wait or a question.
Onward Lowering::lower_limit(const Statement& statement, NodeId id, Flow& flow, const Type& result,
                             std::string_view who_may_not_come) {
  const std::string owner = quoted(statement.name.text);
  if (statement.within.empty()) {
    if (!declaration_.broken) {
      Diagnostic& d = error("BEL5006", statement.span, owner + " could wait for ever");
      add_note(d, std::string(who_may_not_come) + ", and what was done so far would stay as it is");
      d.help = "add `within 15 minutes, otherwise cancel because \"…\"`";
    }
    failed_ = true;
  } else {
    interpreter::Program within =
        check_duration(statement.within, flow, When::kForward, owner, "`within`");
    graph_.nodes[id].within = std::move(within);
  }
  Onward onward = Onward::kEnds;
  if (statement.act.kind == dsl::Act::Kind::kNone) {
    if (!statement.within.empty() && !declaration_.broken) {
      error("BEL5006", statement.within.span,
            owner + " does not say what follows when the time is over")
          .help = "add `, otherwise cancel because \"…\"`";
    }
    failed_ = true;
    return onward;
  }
  const bool wait = statement.kind == Statement::Kind::kWait;
  interpreter::Act otherwise =
      lower_act(statement.act,
                {.flow = &flow,
                 .carries = &result,
                 .owner = "the end of " + owner,
                 .no_try_again = wait ? "a wait has nothing to try: wait longer, or go on"
                                      : "a question has nothing to try: give more time, or go on"},
                onward);
  graph_.nodes[id].otherwise = std::move(otherwise);
  return onward;
}

}  // namespace belay::dsl
