// One use of an action against its former self: what is called, with what, how often, and what
// follows a failure.
#include <algorithm>
#include <map>

#include "dsl/diff/words.h"

namespace belay::diff {
namespace {

// What follows each error: the act in words, by error; "any error" for all.
std::map<std::string, std::string> by_error(const Graph& graph,
                                            const std::vector<Handler>& handlers) {
  std::map<std::string, std::string> acts;
  for (const Handler& handler : handlers) {
    const std::string what = act(graph, handler.act);
    if (handler.errors.empty()) acts.emplace("any error", what);
    for (const std::string& error : handler.errors) acts.emplace(error, what);
  }
  return acts;
}

bool cancels(const std::vector<Handler>& handlers) {
  return std::any_of(handlers.begin(), handlers.end(),
                     [](const Handler& h) { return h.act.kind == ActKind::kCancel; });
}

void retry(Sink& sink, const std::string& subject, const RetryPlan& before,
           const RetryPlan& after) {
  if (before == after) return;
  if (before.tries != after.tries) {
    const std::string fewer = after.tries < before.tries ? "fewer" : "more";
    sink.add(Gravity::kTime, subject + " is tried " + fewer + " times", plan(before), plan(after));
  } else {
    sink.add(Gravity::kTime, subject + " waits otherwise between its tries", plan(before),
             plan(after));
  }
}

void unsure_and_check(Sink& sink, const Versions& versions, const std::string& subject,
                      const Call& before, const Call& after, bool money) {
  const Gravity gravity = money ? Gravity::kMoney : Gravity::kSafety;
  const std::string was = unsure(versions.before(), before), now = unsure(versions.after(), after);
  if (was != now) {
    sink.add(gravity,
             "when nobody knows whether " + subject + " happened, " + now + "; before, " + was);
  } else if (!before.check.empty() && !after.check.empty()) {
    call(sink, versions, "the check of " + subject, before.check.front(), after.check.front(),
         false);
  }
}

}  // namespace

void handlers(Sink& sink, const Versions& versions, const std::string& subject,
              const std::vector<Handler>& before, const std::vector<Handler>& after, bool money) {
  const auto was = by_error(versions.before(), before), now = by_error(versions.after(), after);
  const Gravity gravity = money                               ? Gravity::kMoney
                          : cancels(before) || cancels(after) ? Gravity::kCustomer
                                                              : Gravity::kFlow;
  for (const auto& [error, what] : now) {
    const auto old = was.find(error);
    const std::string when = "when " + subject + " ends in " + quoted(error) + ", ";
    if (old == was.end()) {
      sink.add(gravity, when + what + "; before, nothing was said about it");
    } else if (old->second != what) {
      sink.add(gravity, when + what + "; before, " + old->second);
    }
  }
  for (const auto& [error, what] : was) {
    if (now.contains(error)) continue;
    sink.add(gravity, subject + " does not handle " + quoted(error) + " any more: before, " + what);
  }
}

void call(Sink& sink, const Versions& versions, const std::string& subject, const Call& before,
          const Call& after, bool undo) {
  const Graph& old = versions.before();
  const Graph& now = versions.after();
  const bool money = moves_money(old, before) || moves_money(now, after);
  const Gravity what = money ? Gravity::kMoney : undo ? Gravity::kSafety : Gravity::kFlow;
  const std::string was_action = action_name(old, before), is_action = action_name(now, after);
  if (was_action != is_action) {
    sink.add(what, undo ? subject + " is done with " + is_action + ", not with " + was_action +
                              " any more"
                        : subject + " does " + is_action + ", not " + was_action + " any more");
  }
  bindings(sink, what, subject, before.args, after.args);
  sink.program(Gravity::kSafety, "the request key of " + subject + " is one of its own now",
               "the request key of " + subject + " is Belay's own again",
               "the request key of " + subject + " is another one", before.request_key,
               after.request_key);
  unsure_and_check(sink, versions, subject, before, after, money);
  handlers(sink, versions, subject, before.handlers, after.handlers, money);
  if (!versions.same_keep(before.keep, after.keep)) {
    const Gravity gravity = money ? Gravity::kMoney : Gravity::kSafety;
    if (!after.keep) {
      sink.add(gravity,
               "trying " + subject + " ends with its tries; before, " + keep(old, *before.keep));
    } else if (!before.keep) {
      sink.add(gravity, subject + " is kept up: " + keep(now, *after.keep));
    } else {
      sink.add(gravity, subject + " is kept up otherwise: " + keep(now, *after.keep) +
                            "; before, " + keep(old, *before.keep));
    }
  }
  retry(sink, subject, before.retry, after.retry);
  sink.program(Gravity::kTime, "each try of " + subject + " has a limit now",
               "a try of " + subject + " has no limit of its own any more",
               "each try of " + subject + " has another limit", before.within, after.within);
  if (before.alive_ms != after.alive_ms) {
    sink.add(Gravity::kTime,
             subject + (after.alive_ms == 0 ? " need not show signs of life any more"
                        : before.alive_ms == 0
                            ? " has to show a sign of life every " + length(after.alive_ms)
                            : " has to show a sign of life every " + length(after.alive_ms) +
                                  ", not every " + length(before.alive_ms)));
  }
  if (!versions.same_rate(before.rate, after.rate)) {
    sink.add(Gravity::kRunning,
             !after.rate    ? subject + " is held to no rate any more"
             : !before.rate ? subject + " is held to a rate"
                            : subject + " is held to another rate",
             before.rate ? rate(*before.rate) : "", after.rate ? rate(*after.rate) : "");
  }
}

}  // namespace belay::diff
