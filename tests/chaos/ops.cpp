// Ops. See people.h. A call that nobody knows the outcome of is looked up in the provider's books
// and resolved with what they say; "it did not happen" counts only when the call is old enough that
// nothing of it can still be under way.
#include <chrono>
#include <thread>

#include "tests/chaos/people.h"

namespace belay::chaos {

using test::Reply;
using test::step_of;
using test::text_at;

namespace {

struct Held {
  std::string path, direction;
  bool unsure = false;
};

struct Finding {
  bool known = false;  // false: ask again later
  bool happened = false;
  json result;  // of a forward call that happened
  std::string evidence;
};

// The first call of the saga that is held.
std::optional<Held> held_call(const json& saga) {
  for (const json& step : saga.value("steps", json::array())) {
    for (const json& call : step.value("calls", json::array())) {
      if (text_at(call, "/phase") != "held") continue;
      return Held{text_at(step, "/path"), text_at(call, "/direction"),
                  text_at(call, "/unsure") == "true"};
    }
  }
  return std::nullopt;
}

Finding yes(std::string evidence, json result = nullptr) {
  return {true, true, std::move(result), std::move(evidence)};
}
Finding no(std::string evidence) { return {true, false, nullptr, std::move(evidence)}; }

// What the provider's books say about the call.
Finding look_up(const Run& run, const json& saga, const Held& held) {
  const std::string booking = text_at(saga, "/input/booking");
  if (held.path == "intent" && held.direction == "do") {
    const Reply found =
        run.world.provider("GET", "/v1/payment_intents?metadata_booking=" + booking);
    if (!found.ok()) return {};
    if (found.body.at("data").empty()) return no("the provider has no intent of this booking");
    const std::string id = text_at(found.body, "/data/0/id");
    return yes("the provider has intent " + id, {{"id", id}});
  }
  const std::string intent_id = text_at(saga, "/values/intent/id");
  const Reply intent = run.world.provider("GET", "/v1/payment_intents/" + intent_id);
  if (!intent.ok()) return {};
  const std::string status = text_at(intent.body, "/status"),
                    charge = text_at(intent.body, "/latest_charge");
  if (held.path == "intent") {
    if (status == "canceled") return yes("intent " + intent_id + " is canceled");
    return no("intent " + intent_id + " is " + status);
  }
  if (held.path == "capture" && held.direction == "do") {
    if (status == "succeeded")
      return yes("intent " + intent_id + " succeeded", {{"charge", charge}});
    return no("intent " + intent_id + " is " + status);
  }
  if (held.path == "capture") {
    const Reply refunds = run.world.provider("GET", "/v1/refunds?charge=" + charge);
    if (!refunds.ok()) return {};
    if (refunds.body.at("data").empty()) return no("charge " + charge + " has no refund");
    return yes("refund " + text_at(refunds.body, "/data/0/id"));
  }
  return {};
}

bool is_old(const Run& run, const json& saga, const std::string& path, const std::string& direction,
            std::map<std::string, std::chrono::steady_clock::time_point>& seen) {
  const std::string key = text_at(saga, "/id") + path + direction + text_at(saga, "/seq");
  const auto first = seen.emplace(key, std::chrono::steady_clock::now()).first->second;
  return std::chrono::steady_clock::now() - first > std::chrono::milliseconds(run.settled_after_ms);
}

using Seen = std::map<std::string, std::chrono::steady_clock::time_point>;

void settle(Run& run, const std::string& id, Seen& seen) {
  const json saga = run.world.saga(id);
  const std::optional<Held> held = held_call(saga);
  if (!held) return;
  const std::string step = "/steps/" + held->path;
  json body = {{"direction", held->direction}};
  std::string act = "/retry";
  // A statement in the business's own database: its receipt tells whether it happened, under the
  // same key.
  const bool has_receipt = held->path == "hold" || held->path == "confirm";
  if (held->unsure && !has_receipt) {
    const Finding finding = look_up(run, saga, *held);
    if (!finding.known) return;
    if (!finding.happened && !is_old(run, saga, held->path, held->direction, seen)) return;
    body["happened"] = finding.happened;
    body["evidence"] = finding.evidence;
    if (!finding.result.is_null()) body["result"] = finding.result;
    act = "/resolve";
  }
  body["reason"] = has_receipt    ? "its receipt tells"
                   : held->unsure ? "looked up in the provider's books"
                                  : "the provider works again";
  const Reply reply = run.world.act(id, step + act, body);
  if (reply.ok())
    ++run.acts_by_ops;
  else if (reply.status == 422 || reply.status == 400 || reply.status == 404)
    run.problem("ops was refused " + step + act + ": " + reply.text + " for " + body.dump());
}

}  // namespace

void be_ops(Run& run) {
  Seen seen;
  while (!run.over) {
    for (const char* health : {"unknown_outcome", "undo_failed", "held"}) {
      const Reply list = run.world.api("GET", std::string("/v1/sagas?limit=500&health=") + health);
      if (list.status != 200) continue;
      for (const json& row : list.body.at("sagas")) settle(run, text_at(row, "/id"), seen);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
  }
}

}  // namespace belay::chaos
