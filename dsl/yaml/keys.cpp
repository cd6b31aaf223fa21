// See keys.h. Rows of one construct stand together, in the order in which an editor offers them.
#include "dsl/yaml/keys.h"

namespace belay::dsl::yaml {

const std::vector<Construct>& constructs() {
  using Kind = Construct::Kind;
  static const std::vector<Construct> all = {
      {Kind::kDeclaration, "workflow", ""},
      {Kind::kDeclaration, "webhook", ""},
      {Kind::kDeclaration, "connector", ""},
      {Kind::kDeclaration, "action", ""},
      {Kind::kDeclaration, "event", ""},
      {Kind::kDeclaration, "type", ""},
      {Kind::kDeclaration, "retry_plan", ""},
      {Kind::kDeclaration, "scenario", ""},
      {Kind::kStatement, "step", ""},
      {Kind::kStatement, "when", ""},
      {Kind::kStatement, "together", ""},
      {Kind::kStatement, "wait", ""},
      {Kind::kStatement, "pause", ""},
      {Kind::kStatement, "publish", ""},
      {Kind::kStatement, "set", ""},
      {Kind::kStatement, "cancel", ""},
      {Kind::kStatement, "finish", ""},
      {Kind::kStatement, "point_of_no_return", ""},
      {Kind::kStatement, "for_each", ""},
      {Kind::kStatement, "repeat_until", ""},
      {Kind::kStatement, "ask", ""},
      {Kind::kStatement, "try", ""},
      {Kind::kStatement, "collect", ""},
      {Kind::kStatement, "carry_on", ""},
      {Kind::kStatement, "try_again", ""},
      {Kind::kStatement, "hand_to", ""},
      {Kind::kMap, "undo", "an undo"},
      {Kind::kMap, "use", "this"},
      {Kind::kMap, "arm", "an `or_when`"},
      {Kind::kMap, "branch", "a branch"},
      {Kind::kMap, "awaited", "what a wait is for"},
      {Kind::kMap, "awaited_event", "an event that is waited for"},
      {Kind::kMap, "rate", "`at_most`"},
      {Kind::kMap, "turns", "`one_at_a_time`"},
      {Kind::kMap, "starts", "`starts_on`"},
      {Kind::kMap, "pause_map", "a pause"},
      {Kind::kMap, "tries_map", "a retry"},
      {Kind::kMap, "keep", "`keep_trying`"},
      {Kind::kMap, "undo_fails", "`keep_trying`"},
      {Kind::kMap, "unsure_map", "`if_unsure`"},
      {Kind::kMap, "check_map", "a check"},
      {Kind::kMap, "act_map", "this act"},
      {Kind::kMap, "finish_map", "`finish`"},
      {Kind::kMap, "carry_on_map", "`carry_on`"},
      {Kind::kMap, "try_again_map", "`try_again`"},
      {Kind::kMap, "given_map", "a field"},
      {Kind::kMap, "base_map", "a base"},
      {Kind::kMap, "sign_in", "`sign_in`"},
      {Kind::kMap, "rates", "`at_most`"},
      {Kind::kMap, "breaker", "`after`"},
      {Kind::kMap, "call", "a call"},
      {Kind::kMap, "outcome", "an outcome"},
      {Kind::kMap, "verify", "`verify`"},
  };
  return all;
}

const std::vector<KeyRow>& key_rows() {
  static const std::vector<KeyRow> all = {
      // ---- declarations ----
      {"workflow", "workflow", "name", "A saga: steps that are done in order, and undone in reverse when something fails. Its name, in small letters, dotted by family.", true},
      {"workflow", "title", "text", "What people read for the workflow. Not part of its hash."},
      {"workflow", "version", "number", "Counts from 1. A running saga keeps the version that it started with; change it when the steps change.", true},
      {"workflow", "owner", "text", "The team that answers for it. Not part of its hash."},
      {"workflow", "tags", "texts", "Words to find it by. Not part of its hash."},
      {"workflow", "takes", "fields", "What a start must bring: names and their types."},
      {"workflow", "gives", "expressions", "What the finished saga answers: names and expressions."},
      {"workflow", "once_per", "expression", "A later start with the same value returns the first saga instead of another."},
      {"workflow", "starts_on", "starts_on", "Events that start the saga, and how `with` makes what it takes from each: `{ event: booking.requested, with: { … } }`, or a list of them."},
      {"workflow", "one_at_a_time", "turns", "Sagas with the same value run one after the other, or the later ones are refused."},
      {"workflow", "finish_within", "expression", "A duration, such as `30 minutes`. Past it the saga is cancelled, or overdue once it passed its point of no return."},
      {"workflow", "retry_plans", "plans", "Named retry plans of this workflow, for `retry`."},
      {"workflow", "if_undo_fails", "undo_fails", "For how long an undo is tried, and what follows then."},
      {"workflow", "steps", "statements", "What happens, in order."},

      {"webhook", "webhook", "name", "An incoming HTTP route that turns what it is sent into events.", true},
      {"webhook", "title", "text", "What people read for the webhook."},
      {"webhook", "route", "text", "Method and path, for example `POST /hooks/stripe`.", true},
      {"webhook", "verify", "verify", "How the sender proves itself. Unverified bodies are refused."},
      {"webhook", "once_per", "expression", "Tells a repeated delivery, for example `body.id`: the second one changes nothing."},
      {"webhook", "steps", "webhook_statements", "`when` and `publish`: which bodies become which events."},

      {"connector", "connector", "name", "A remote system that actions call over HTTP.", true},
      {"connector", "title", "text", "What people read for the connector."},
      {"connector", "base", "base", "Its address, or `{ env: NAME, or: address }` to read it from the environment."},
      {"connector", "sign_in", "sign_in", "How requests sign in: `bearer`, `basic` with `secret`, or `header` with `secret`."},
      {"connector", "request_key_in", "text", "The header that carries the idempotency key of a request."},
      {"connector", "remembers_keys_for", "expression", "For how long the other side knows a repeated key, for example `24 hours`."},
      {"connector", "replays_errors", "flag", "Whether a repeated key is answered with the stored answer even when that was an error."},
      {"connector", "body", "body_kind", "How bodies are written: `json`, or `form`."},
      {"connector", "at_most", "rates", "Limits that keep the other side from being flooded."},
      {"connector", "after", "breaker", "The circuit breaker: after so many failures nothing is sent for a while."},
      {"connector", "each_call_within", "expression", "How long one call may take, for example `10 seconds`."},
      {"connector", "may_reach_private_addresses", "flag", "Allows addresses of private networks, which are refused otherwise."},

      {"action", "action", "name", "One typed operation that steps can do.", true},
      {"action", "title", "text", "What people read for the action."},
      {"action", "effects", "effects", "What it does to the world: checks of safety go by this."},
      {"action", "takes", "fields", "What a step must bring: names and their types."},
      {"action", "gives", "given_fields", "What it answers: names and types, and with `from` how each is read from the answer."},
      {"action", "can_end_in", "names", "Errors that no `outcomes` rule names: those of plugins and SQL."},
      {"action", "repeating", "repeating", "Whether the same request again is harmless (`safe`) or may act twice (`unsafe`)."},
      {"action", "harmless_if_nothing_was_done", "flag", "Undoing with this action is safe even when there was nothing to undo."},
      {"action", "call", "call", "It runs as an HTTP request through a connector."},
      {"action", "with", "any_data", "The body of the request that `call` sends: names and values; a value that begins with `=` is an expression."},
      {"action", "sql", "text", "It runs as one SQL statement that must touch a row. Parameters are written `:name`."},
      {"action", "sql_any_rows", "text", "It runs as one SQL statement, whether or not it touches rows."},
      {"action", "plugin", "name", "It runs as C++ code that is linked into the engine."},
      {"action", "outcomes", "outcomes", "Which answers are which errors. The first rule that holds wins."},
      {"action", "undone_by", "use", "The action that takes this one back, for steps that do not say their own `undo`."},
      {"action", "checked_by", "use", "The action that finds out whether this one happened, when its answer was lost."},
      {"action", "settles_in", "expression", "Of a check: how long until \"not found\" can be believed, for example `10 seconds`."},

      {"event", "event", "name", "Something that happened, which sagas publish and wait for.", true},
      {"event", "version", "number", "The version of its fields.", true},
      {"event", "key", "name", "The field whose value waits go by.", true},
      {"event", "fields", "fields", "What it carries: names and types."},
      {"event", "from_version", "lifts", "How older payloads become this version: for each older version, fields and expressions over `old`."},

      {"type", "type", "type_name", "A record with named fields. Its name begins with a capital.", true},
      {"type", "title", "text", "What people read for the type."},
      {"type", "fields", "fields", "Names and types."},

      {"retry_plan", "retry_plan", "name", "A way to try again, for every workflow: `retry: NAME`.", true},
      {"retry_plan", "tries", "number", "How many tries in all, the first one among them.", true},
      {"retry_plan", "first_wait", "expression", "The wait before the second try, for example `2 seconds`."},
      {"retry_plan", "doubling", "flag", "Each wait is twice the one before."},
      {"retry_plan", "at_most", "expression", "No wait is longer than this."},
      {"retry_plan", "random_spread", "flag", "Waits are spread at random, so that sagas do not come back all at once."},

      {"scenario", "scenario", "text", "A test beside the definition: its title.", true},
      {"scenario", "for", "name", "The workflow that it tries.", true},
      {"scenario", "says", "texts", "Its lines: what arrives, what fails, and how it must end."},

      // ---- statements ----
      {"step", "step", "name", "Does one action. Its result is read under this name: `capture.charge`.", true},
      {"step", "title", "text", "What people read for the step."},
      {"step", "do", "name", "The action. A step has `do` or `run`.", true, "run"},
      {"step", "run", "name", "The workflow that runs as this step. Its undo is this saga's business too."},
      {"step", "and_do_not_wait", "flag", "With `run`: goes on at once, whatever becomes of the other saga."},
      {"step", "with", "data", "The action's arguments. A value that begins with `=` is an expression, anything else is data."},
      {"step", "retry", "retry", "A retry plan by name, or its own: `{ tries: 5, first_wait: 2 seconds, doubling: true }`."},
      {"step", "within", "expression", "How long one try may take, for example `10 seconds`."},
      {"step", "request_key", "expression", "The idempotency key to send, instead of the engine's own."},
      {"step", "alive_every", "expression", "How often work that takes long must say that it is still going on, for example `30 seconds`."},
      {"step", "at_most", "rate", "How often the step may be sent, over all sagas: `{ per_minute: 10 }`, with `per` for each value."},
      {"step", "if_unsure", "if_unsure", "What to do when nobody knows whether it happened: `check`, `try again`, `undo anyway` or `{ hand_to: TEAM }`."},
      {"step", "undo", "undo_or_name", "How the step is taken back when the saga fails later."},
      {"step", "no_undo_because", "text", "Why the step need not be taken back. Read by the next analyst, and by the safety check."},
      {"step", "errors", "errors", "What follows an error, by the error's name; `any error` for the rest."},
      {"step", "keep_trying", "keep", "Tries for long, then carries on or hands over: what steps behind the point of no return need."},

      {"when", "when", "expression", "A decision on data.", true},
      {"when", "then", "statements", "What happens when it holds.", true},
      {"when", "or_when", "arms", "Further conditions, asked in order."},
      {"when", "otherwise", "statements", "What happens when none holds."},

      {"together", "together", "together_kind", "Runs its branches at the same time.", true},
      {"together", "branches", "branches", "Single statements, or `{ branch: NAME, steps: […] }`.", true},

      {"wait", "wait", "name", "Waits for an event. Its payload is read under this name: `paid.amount`.", true},
      {"wait", "title", "text", "What people read for the wait."},
      {"wait", "for", "awaited", "The event, and the key that it must have.", true},
      {"wait", "within", "expression", "For how long, for example `15 minutes`. Needs `otherwise`."},
      {"wait", "otherwise", "act", "What happens when the time is over."},
      {"wait", "undo", "undo_or_name", "How what the event tells of is taken back, for example a payment."},

      {"pause", "pause", "pause_map", "Does nothing for a while: `{ for: 5 minutes }` or `{ until: … }`.", true},

      {"publish", "publish", "name", "Publishes an event.", true},
      {"publish", "key", "expression", "The key that waits go by.", true},
      {"publish", "data", "data", "Its fields. A value that begins with `=` is an expression, anything else is data."},

      {"set", "set", "expressions", "Names a value: `set: { total: price * 2 }`.", true},

      {"cancel", "cancel", "text", "Ends the saga and undoes everything. The reason is what the customer is told.", true},

      {"finish", "finish", "finish_value", "Ends the saga as done: `true`, or `{ with: … }` for what it gives.", true},

      {"point_of_no_return", "point_of_no_return", "only_true", "From here on the saga goes forward only: nothing is undone any more.", true},

      {"for_each", "for_each", "name", "Does its steps for every item of a list. The name of the item.", true},
      {"for_each", "in", "expression", "The list.", true},
      {"for_each", "at_once", "number", "How many items at the same time.", true},
      {"for_each", "tolerating", "number", "How many items may fail; each is undone by itself."},
      {"for_each", "steps", "statements", "What is done for each item.", true},

      {"repeat_until", "repeat_until", "expression", "Does its steps again until this holds.", true},
      {"repeat_until", "at_most", "number", "How many rounds.", true},
      {"repeat_until", "steps", "statements", "What is done in each round.", true},
      {"repeat_until", "otherwise", "act", "What happens when it still does not hold after the last round."},

      {"ask", "ask", "name", "Asks people, and waits for their answer. It is read under this name.", true},
      {"ask", "question", "text", "What they are asked.", true},
      {"ask", "of_role", "name", "The role of those who may answer.", true},
      {"ask", "answers", "fields", "The fields of an answer: names and types.", true},
      {"ask", "within", "expression", "For how long. Needs `otherwise`."},
      {"ask", "otherwise", "act", "What happens when the time is over."},

      {"try", "try", "statements", "Steps that are undone together when one fails; then `errors` says what follows.", true},
      {"try", "errors", "errors", "What follows an error, by the error's name; `any error` for the rest.", true},

      {"collect", "collect", "expressions", "In a `for_each`: keeps a value of each item as a list, `collect: { tickets: print.ticket }`.", true},

      {"carry_on", "carry_on", "carry_on_value", "In the steps of a handler: goes on behind the step that failed.", true},
      {"try_again", "try_again", "try_again_map", "In the steps of a handler: tries the step again, later.", true},
      {"hand_to", "hand_to", "name", "In the steps of a handler: holds the saga for the people of this team.", true},

      // ---- maps ----
      {"undo", "do", "name", "The action that takes the step back.", true},
      {"undo", "with", "data", "Its arguments; what is missing comes from the action's `undone_by`, then by name."},
      {"undo", "retry", "retry", "A retry plan by name, or its own."},
      {"undo", "within", "expression", "How long one try may take."},
      {"undo", "request_key", "expression", "The idempotency key to send, instead of the engine's own."},
      {"undo", "alive_every", "expression", "How often work that takes long must say that it is still going on."},
      {"undo", "at_most", "rate", "How often the undo may be sent, over all sagas."},
      {"undo", "if_unsure", "if_unsure", "What to do when nobody knows whether the undo happened."},
      {"undo", "errors", "errors", "What follows an error, by the error's name; `any error` for the rest."},
      {"undo", "keep_trying", "keep", "Tries for long, then carries on or hands over."},

      {"use", "do", "name", "The action.", true},
      {"use", "with", "data", "Its arguments; `result` is what the undone or checked action gave."},

      {"arm", "when", "expression", "The condition.", true},
      {"arm", "then", "statements", "What happens when it holds.", true},

      {"branch", "branch", "name", "The name of the branch.", true},
      {"branch", "steps", "statements", "What it does, in order.", true},

      {"awaited", "event", "name", "The event.", true, "all_of any_of"},
      {"awaited", "key", "expression", "The key that it must have.", true, "all_of any_of"},
      {"awaited", "even_if_up_to", "expression", "Also takes an event that came up to so long before the saga, for example `1 hour`."},
      {"awaited", "all_of", "awaited_events", "Several events, by the names under which they are read: all of them."},
      {"awaited", "any_of", "awaited_events", "Several events, by the names under which they are read: the first of them."},

      {"awaited_event", "event", "name", "The event.", true},
      {"awaited_event", "key", "expression", "The key that it must have.", true},
      {"awaited_event", "even_if_up_to", "expression", "Also takes an event that came up to so long before the saga."},

      {"rate", "per_second", "number", "How many a second."},
      {"rate", "per_minute", "number", "How many a minute."},
      {"rate", "per_hour", "number", "How many an hour."},
      {"rate", "per_day", "number", "How many a day."},
      {"rate", "per", "expression", "Counted for each value of this, for example `customer.id`."},

      {"turns", "per", "expression", "The value that takes turns, for example `resource`.", true},
      {"turns", "others", "turns_kind", "What becomes of later starts: `queue`, or `are refused`.", true},

      {"starts", "event", "name", "The event.", true},
      {"starts", "with", "data", "What the saga takes, from the event."},

      {"pause_map", "for", "expression", "A duration, such as `5 minutes`."},
      {"pause_map", "until", "expression", "A point in time."},

      {"tries_map", "tries", "number", "How many tries in all, the first one among them.", true},
      {"tries_map", "first_wait", "expression", "The wait before the second try, for example `2 seconds`."},
      {"tries_map", "doubling", "flag", "Each wait is twice the one before."},
      {"tries_map", "at_most", "expression", "No wait is longer than this."},
      {"tries_map", "random_spread", "flag", "Waits are spread at random."},

      {"keep", "for", "expression", "For how long, for example `1 day`.", true},
      {"keep", "then", "act", "`carry on`, or `{ hand_to: TEAM }`.", true},

      {"undo_fails", "keep_trying", "expression", "For how long an undo is tried, for example `1 day`.", true},
      {"undo_fails", "then", "act", "`carry on`, or `{ hand_to: TEAM }`.", true},

      {"unsure_map", "check", "check", "Asks whether it happened, with the action named here: `{ do: …, with: … }`."},
      {"unsure_map", "hand_to", "name", "Asks the people of this team."},

      {"check_map", "do", "name", "The action that finds out.", true},
      {"check_map", "with", "data", "Its arguments."},

      {"act_map", "cancel", "text", "Ends the saga and undoes everything. The reason is what the customer is told."},
      {"act_map", "finish", "finish_value", "Ends the saga as done."},
      {"act_map", "carry_on", "carry_on_value", "Goes on behind the step, as if it had given what `with` says."},
      {"act_map", "try_again", "try_again_map", "Tries the step again, later."},
      {"act_map", "hand_to", "name", "Holds the saga for the people of this team."},
      {"act_map", "steps", "statements", "Does these statements, then goes on behind the step."},

      {"finish_map", "with", "data", "What the saga gives."},
      {"carry_on_map", "with", "any_data", "The step's whole result."},
      {"try_again_map", "after", "expression", "The wait before, for example `1 hour`.", true},
      {"try_again_map", "at_most", "number", "How many times.", true},

      {"given_map", "type", "type_expression", "The type.", true},
      {"given_map", "from", "expression", "Where it stands in the answer, for example `body.id`."},

      {"base_map", "env", "env", "The environment variable that holds the address.", true},
      {"base_map", "or", "text", "The address when the variable is not set."},

      {"sign_in", "bearer", "name", "The secret that is sent as bearer token."},
      {"sign_in", "basic", "text", "The user name; the password is `secret`."},
      {"sign_in", "header", "text", "The header that carries `secret`."},
      {"sign_in", "secret", "name", "The name of the secret."},

      {"rates", "per_second", "number", "Requests a second."},
      {"rates", "at_once", "number", "Requests at the same time."},

      {"breaker", "failures", "number", "How many failures in a row.", true},
      {"breaker", "rest", "expression", "For how long nothing is sent then, for example `20 seconds`.", true},

      {"call", "connector", "name", "The connector.", true},
      {"call", "route", "text", "Method and path; `{name}` is replaced by an argument: `POST /v1/{intent}/capture`.", true},
      {"call", "query", "any_data", "The query string: names and values; a value that begins with `=` is an expression."},
      {"call", "headers", "any_data", "Further headers: names and values."},

      {"outcome", "when", "expression", "Over `status`, `header` and `body` of the answer.", true},
      {"outcome", "error", "name", "The error that it is then.", true},

      {"verify", "scheme", "scheme", "Whose signatures: `stripe`, `standard`, `github` or `slack`.", true},
      {"verify", "secrets", "names", "Names of secrets; any of them may have signed.", true},
      {"verify", "tolerance", "expression", "How old a signature may be, for example `5 minutes`."},
  };
  return all;
}

}  // namespace belay::dsl::yaml
