// Actions, events, connectors, webhooks; and whether a type takes all that another one took.
#include <algorithm>
#include <map>
#include <set>

#include "dsl/diff/words.h"

namespace belay::dsl {

using interpreter::Field;
using interpreter::Type;

namespace {

bool bound_is_wider(const std::optional<std::int64_t>& before,
                    const std::optional<std::int64_t>& after, bool upper) {
  if (!after) return true;
  if (!before) return false;
  return upper ? *after >= *before : *after <= *before;
}

bool fields_accept(const std::vector<Field>& before, const std::vector<Field>& after) {
  for (const Field& now : after) {
    const auto was = std::find_if(before.begin(), before.end(),
                                  [&](const Field& f) { return f.name == now.name; });
    if (was == before.end() ? !now.type.optional : !accepts_all(was->type, now.type)) return false;
  }
  return std::all_of(before.begin(), before.end(), [&](const Field& was) {
    return std::any_of(after.begin(), after.end(),
                       [&](const Field& f) { return f.name == was.name; });
  });
}

bool is_text(Type::Base base) {
  return base == Type::Base::kText || base == Type::Base::kUuid || base == Type::Base::kEmail ||
         base == Type::Base::kUrl || base == Type::Base::kDate || base == Type::Base::kOneOf;
}

}  // namespace

bool accepts_all(const Type& before, const Type& after) {
  if (before.optional && !after.optional) return false;
  if (after.base == Type::Base::kJson) return true;
  if (after.base == Type::Base::kText && after.pattern.empty() && !after.size_max &&
      is_text(before.base))
    return true;
  if (before.base != after.base) return false;
  if (!bound_is_wider(before.min, after.min, false) || !bound_is_wider(before.max, after.max, true))
    return false;
  if (!bound_is_wider(before.size_max, after.size_max, true)) return false;
  if (!after.pattern.empty() && before.pattern != after.pattern) return false;
  if (after.base == Type::Base::kOneOf) {
    return std::all_of(before.options.begin(), before.options.end(),
                       [&](const std::string& option) {
                         return std::find(after.options.begin(), after.options.end(), option) !=
                                after.options.end();
                       });
  }
  if (!before.element.empty() && !after.element.empty())
    return accepts_all(before.element[0], after.element[0]);
  return fields_accept(before.fields, after.fields);
}

}  // namespace belay::dsl

namespace belay::diff {
namespace {

using Actions = std::map<std::string, const Action*>;

// Those that workflows use; the same action is the same in all graphs of one program.
Actions used(const CompiledProgram& program, std::string_view workflow) {
  Actions actions;
  for (const Graph& graph : program.graphs) {
    if (!workflow.empty() && graph.workflow != workflow) continue;
    for (const Action& action : graph.actions) actions.emplace(action.name, &action);
  }
  return actions;
}

bool money(const Action& a) {
  return (a.effects & static_cast<std::uint8_t>(Effect::kMovesMoney)) != 0;
}

void outcomes(Sink& sink, Gravity gravity, const Action& before, const Action& after) {
  const auto rules = [](const Action& action) {
    std::map<std::string, std::string> by_error;
    for (const OutcomeRule& rule : action.outcomes) {
      std::string& text = by_error[rule.error];
      text += (text.empty() ? "" : ", or ") + expression(rule.when);
    }
    return by_error;
  };
  const auto was = rules(before), now = rules(after);
  for (const auto& [error, when] : now) {
    const auto old = was.find(error);
    if (old == was.end())
      sink.add(gravity, "an answer can mean " + quoted(error) + " now", "", when);
    else if (old->second != when)
      sink.add(gravity, "other answers mean " + quoted(error), old->second, when);
  }
  for (const auto& [error, when] : was) {
    if (!now.contains(error))
      sink.add(gravity, "no answer means " + quoted(error) + " any more", when, "");
  }
  for (const std::string& error : after.errors) {
    if (std::find(before.errors.begin(), before.errors.end(), error) == before.errors.end() &&
        !now.contains(error))
      sink.add(gravity, "it may end in " + quoted(error) + " now");
  }
  for (const std::string& error : before.errors) {
    if (std::find(after.errors.begin(), after.errors.end(), error) == after.errors.end() &&
        !was.contains(error))
      sink.add(gravity, "it does not end in " + quoted(error) + " any more");
  }
}

void gives(Sink& sink, Gravity gravity, const Action& before, const Action& after) {
  const auto find = [](const Action& action, const std::string& name) {
    return std::find_if(action.gives.begin(), action.gives.end(),
                        [&](const Gives& g) { return g.field.name == name; });
  };
  for (const Gives& now : after.gives) {
    const auto was = find(before, now.field.name);
    const std::string field = quoted(now.field.name);
    if (was == before.gives.end()) {
      sink.add(gravity, "it gives " + field + " now: " + to_text(now.field.type));
    } else if (!(was->field.type == now.field.type)) {
      sink.add(gravity, "the " + field + " that it gives is of another type",
               to_text(was->field.type), to_text(now.field.type));
    } else if (!same(was->from, now.from)) {
      sink.add(gravity, "the " + field + " that it gives is read from elsewhere",
               expression(was->from), expression(now.from));
    }
  }
  for (const Gives& was : before.gives) {
    if (find(after, was.field.name) == after.gives.end())
      sink.add(gravity, "it does not give " + quoted(was.field.name) + " any more");
  }
}

const char* runs(const Action& action) {
  switch (action.runs) {
    case Action::Runs::kHttp: return "over HTTP";
    case Action::Runs::kSql: return "as SQL";
    case Action::Runs::kPlugin: return "in a plugin";
  }
  return "";
}

void how_it_runs(Sink& sink, Gravity gravity, const Action& before, const Action& after) {
  if (before.runs != after.runs)
    return sink.add(gravity,
                    std::string("it runs ") + runs(after) + ", not " + runs(before) + " any more");
  switch (after.runs) {
    case Action::Runs::kHttp: {
      const HttpCall& was = before.http;
      const HttpCall& now = after.http;
      if (was.connector != now.connector)
        sink.add(gravity, "it calls " + quoted(now.connector) + ", not " + quoted(was.connector) +
                              " any more");
      if (was.method != now.method || was.path != now.path)
        sink.add(gravity, "it calls another route", was.method + " " + was.path,
                 now.method + " " + now.path);
      bindings(sink, gravity, "its body", was.body, now.body);
      bindings(sink, gravity, "its query", was.query, now.query);
      bindings(sink, gravity, "its headers", was.headers, now.headers);
      break;
    }
    case Action::Runs::kSql:
      if (before.sql.statement != after.sql.statement)
        sink.add(gravity, "its SQL is another statement", before.sql.statement,
                 after.sql.statement);
      if (before.sql.any_rows != after.sql.any_rows)
        sink.add(gravity, after.sql.any_rows ? "its SQL may touch any number of rows now"
                                             : "its SQL must touch exactly one row now");
      break;
    case Action::Runs::kPlugin:
      if (before.plugin.plugin != after.plugin.plugin)
        sink.add(gravity, "another plugin runs it", quoted(before.plugin.plugin),
                 quoted(after.plugin.plugin));
      break;
  }
}

SubjectDiff action(const Action& before, const Action& after) {
  Sink sink;
  const Gravity what = money(before) || money(after) ? Gravity::kMoney : Gravity::kFlow;
  const Gravity safety = what == Gravity::kMoney ? Gravity::kMoney : Gravity::kSafety;
  if (before.effects != after.effects) {
    const std::string was = effects(before.effects), now = effects(after.effects);
    sink.add(safety, "it " + (now.empty() ? "does nothing to the world" : now) +
                         " now; before, it " + (was.empty() ? "did nothing to the world" : was));
  }
  if (before.repeat_safe != after.repeat_safe)
    sink.add(
        safety,
        after.repeat_safe
            ? "repeating it is safe now: an unsure call is sent again under the same key"
            : "repeating it is not safe any more: an unsure call is checked or handed to a person");
  if (before.harmless_if_nothing_done != after.harmless_if_nothing_done)
    sink.add(Gravity::kSafety, after.harmless_if_nothing_done
                                   ? "it is harmless now when nothing was done"
                                   : "it is not harmless any more when nothing was done");
  // Of HTTP actions the connector says so.
  const bool http = before.runs == Action::Runs::kHttp && after.runs == Action::Runs::kHttp &&
                    before.http.connector == after.http.connector;
  if (!http && before.keys_remembered_s != after.keys_remembered_s)
    sink.add(Gravity::kSafety, "its request keys are remembered for another time",
             before.keys_remembered_s == 0 ? "for ever" : length(before.keys_remembered_s * 1000),
             after.keys_remembered_s == 0 ? "for ever" : length(after.keys_remembered_s * 1000));
  if (!http && before.replays_errors != after.replays_errors)
    sink.add(Gravity::kSafety, after.replays_errors
                                   ? "an error comes again under the same key now"
                                   : "an error does not come again under the same key any more");
  if (before.settling_s != after.settling_s)
    sink.add(Gravity::kTime, "its \"no\" counts " + length(after.settling_s * 1000) +
                                 " after the last try, not " + length(before.settling_s * 1000));
  fields(sink, what, "callers of it", before.takes, after.takes);
  gives(sink, what, before, after);
  outcomes(sink, what, before, after);
  how_it_runs(sink, what, before, after);
  return {"action " + after.name, std::move(sink.changes)};
}

template <class T>
void told(Sink& sink, Gravity gravity, const std::string& what, const T& before, const T& after) {
  if (before == after) return;
  if constexpr (std::is_same_v<T, std::string>) {
    sink.add(gravity, what, before.empty() ? "none" : before, after.empty() ? "none" : after);
  } else if constexpr (std::is_same_v<T, bool>) {
    sink.add(gravity, what, before ? "yes" : "no", after ? "yes" : "no");
  } else {
    sink.add(gravity, what, before == 0 ? "none" : std::to_string(before),
             after == 0 ? "none" : std::to_string(after));
  }
}

std::string time_or_none(std::int64_t ms) { return ms == 0 ? "none" : length(ms); }

SubjectDiff connector(const Connector& before, const Connector& after) {
  Sink sink;
  const Gravity running = Gravity::kRunning;
  told(sink, running, "its address is another one", before.base, after.base);
  told(sink, running, "its address comes from another setting", before.base_env, after.base_env);
  static constexpr const char* kSignIns[] = {"none", "bearer", "basic", "a header"};
  told(sink, running, "it signs in otherwise",
       std::string(kSignIns[static_cast<int>(before.sign_in)]),
       std::string(kSignIns[static_cast<int>(after.sign_in)]));
  told(sink, running, "it signs in with another secret", before.secret, after.secret);
  told(sink, running, "it signs in as another user", before.user, after.user);
  told(sink, running, "it signs in with another header", before.header, after.header);
  told(sink, Gravity::kSafety, "its request key goes in another header", before.request_key_header,
       after.request_key_header);
  if (before.keys_remembered_s != after.keys_remembered_s)
    sink.add(Gravity::kSafety, "it remembers request keys for another time",
             time_or_none(before.keys_remembered_s * 1000),
             time_or_none(after.keys_remembered_s * 1000));
  told(sink, Gravity::kSafety, "whether it replays errors has changed", before.replays_errors,
       after.replays_errors);
  told(sink, running, "whether bodies are forms has changed", before.form, after.form);
  told(sink, Gravity::kSafety, "whether private addresses may be called has changed",
       before.allow_private, after.allow_private);
  told(sink, running, "it is called at another rate per second", before.per_second,
       after.per_second);
  told(sink, running, "another number of calls may be under way at once", before.at_once,
       after.at_once);
  told(sink, running, "it rests after another number of failures", before.breaker_failures,
       after.breaker_failures);
  if (before.breaker_rest_ms != after.breaker_rest_ms)
    sink.add(running, "it rests for another time", time_or_none(before.breaker_rest_ms),
             time_or_none(after.breaker_rest_ms));
  if (before.timeout_ms != after.timeout_ms)
    sink.add(Gravity::kTime, "each call has another limit", time_or_none(before.timeout_ms),
             time_or_none(after.timeout_ms));
  return {"connector " + after.name, std::move(sink.changes)};
}

SubjectDiff event(const EventType& before, const EventType& after) {
  Sink sink;
  fields(sink, Gravity::kCallers, "senders", before.fields, after.fields);
  if (before.key != after.key)
    sink.add(Gravity::kCallers, "its key is another field",
             before.key.empty() ? "none" : before.key, after.key.empty() ? "none" : after.key,
             true);
  const bool changed = !sink.changes.empty();
  if (changed && before.version == after.version)
    sink.add(Gravity::kMistake,
             "its fields have changed but it is still version " + std::to_string(after.version));
  std::string subject = "event " + after.name + ", version " + std::to_string(before.version);
  if (before.version != after.version) subject += " to " + std::to_string(after.version);
  if (!changed && before.version != after.version)
    sink.add(Gravity::kCallers, "its version was raised, its fields are as they were");
  return {std::move(subject), std::move(sink.changes)};
}

SubjectDiff webhook(const Webhook& before, const Webhook& after) {
  Sink sink;
  if (before.method != after.method || before.path != after.path)
    sink.add(Gravity::kCallers, "it listens elsewhere", before.method + " " + before.path,
             after.method + " " + after.path, true);
  told(sink, Gravity::kSafety, "it is verified otherwise", before.scheme, after.scheme);
  told(sink, Gravity::kSafety, "it is verified with other secrets", listed(before.secrets),
       listed(after.secrets));
  if (before.tolerance_s != after.tolerance_s)
    sink.add(Gravity::kSafety, "it takes calls of another age", length(before.tolerance_s * 1000),
             length(after.tolerance_s * 1000));
  sink.program(Gravity::kSafety, "a call that comes twice counts once now",
               "a call that comes twice counts twice now",
               "another value tells whether a call came before", before.once_per, after.once_per);
  const auto say = [](const Webhook::Publish& publish) {
    std::vector<std::string> when;
    for (const Program& condition : publish.conditions) when.push_back(expression(condition));
    return when.empty() ? "always" : "when " + listed(when);
  };
  for (std::size_t i = 0; i < std::max(before.publishes.size(), after.publishes.size()); ++i) {
    if (i >= after.publishes.size()) {
      sink.add(Gravity::kCustomer,
               "it does not publish " + quoted(before.publishes[i].event) + " any more",
               say(before.publishes[i]), "");
    } else if (i >= before.publishes.size()) {
      sink.add(Gravity::kCustomer, "it publishes " + quoted(after.publishes[i].event) + " now", "",
               say(after.publishes[i]));
    } else {
      const Webhook::Publish& was = before.publishes[i];
      const Webhook::Publish& now = after.publishes[i];
      const std::string what = quoted(now.event);
      if (was.event != now.event)
        sink.add(Gravity::kCustomer, "it publishes another event", was.event, now.event);
      if (say(was) != say(now))
        sink.add(Gravity::kCustomer, "it publishes " + what + " in other cases", say(was),
                 say(now));
      sink.program(Gravity::kCustomer, what + " gets a key now", what + " gets no key any more",
                   what + " gets another key", was.key, now.key);
      bindings(sink, Gravity::kCustomer, "the event " + what, was.data, now.data);
    }
  }
  return {"webhook " + after.name, std::move(sink.changes)};
}

// Those that both have go to `compare`; the rest came or went.
template <class T, class Compare>
void each(const std::vector<T>& before, const std::vector<T>& after, const std::string& kind,
          Compare compare, std::vector<SubjectDiff>& out) {
  const auto find = [](const std::vector<T>& list, const std::string& name) {
    return std::find_if(list.begin(), list.end(), [&](const T& one) { return one.name == name; });
  };
  for (const T& now : after) {
    const auto was = find(before, now.name);
    if (was != before.end())
      out.push_back(compare(*was, now));
    else
      out.push_back({kind + " " + now.name, {{Gravity::kCallers, "it is new", "", "", false}}});
  }
  for (const T& was : before) {
    if (find(after, was.name) == after.end())
      out.push_back({kind + " " + was.name, {{Gravity::kCallers, "it is gone", "", "", true}}});
  }
}

}  // namespace

std::vector<SubjectDiff> world(const CompiledProgram& before, const CompiledProgram& after,
                               std::string_view workflow) {
  std::vector<SubjectDiff> out;
  const Actions was = used(before, workflow), now = used(after, workflow);
  std::set<std::string> connectors;
  for (const auto& [name, one] : now) {
    if (const auto old = was.find(name); old != was.end())
      out.push_back(action(*old->second, *one));
    if (one->runs == Action::Runs::kHttp) connectors.insert(one->http.connector);
  }
  std::set<std::string> events;
  for (const Graph& graph : after.graphs) {
    if (graph.workflow != workflow) continue;
    for (const EventType& type : graph.events) events.insert(type.name);
  }
  const auto wanted = [&](auto list, const std::set<std::string>& names) {
    if (!workflow.empty())
      std::erase_if(list, [&](const auto& one) { return !names.contains(one.name); });
    return list;
  };
  each(wanted(before.events, events), wanted(after.events, events), "event", event, out);
  each(wanted(before.connectors, connectors), wanted(after.connectors, connectors), "connector",
       connector, out);
  if (workflow.empty()) each(before.webhooks, after.webhooks, "webhook", webhook, out);
  return out;
}

}  // namespace belay::diff
