// Erasing the private values of a saga that has ended: the key that they are sealed under is deleted. What happened,
// when, by whom, what failed and what is left over can still be seen. Tested in tests/runtime/api_erase_test.cpp and
// tests/postgres/seal_test.cpp.
#include "runtime/api/api.h"
#include "runtime/api/saga_json.h"
#include "runtime/base/limits.h"

namespace belay::runtime::api {

using namespace interpreter;

namespace {

HttpResponse reply(const SagaView& view, bool dry_run, bool repeated) {
  JsonWriter w;
  w.begin_object().field("id", view.row.id).field("erased", !dry_run).field("dry_run", dry_run);
  return json_response(200, w.field("repeated", repeated).end_object().take());
}

HttpResponse erase(Context& context, const Call& call) {
  Read<bool> dry_run = flag(call.http, "dry_run");
  if (!dry_run) return std::move(dry_run.error());
  Read<Value> request = body(call.http, {{"reason", BodyField::kText, true}});
  if (!request) return std::move(request.error());
  const std::string reason = text_field(*request, "reason");
  if (reason.find_first_not_of(' ') == std::string::npos || !is_clean(reason, limits::reason_bytes_max)) {
    return refuse(422, "invalid", "`reason` must be a line of text, at most " +
                                      std::to_string(limits::reason_bytes_max) + " bytes");
  }
  Read<SagaView> view = find_saga(context, call);
  if (!view) return std::move(view.error());
  if (view->erased) return reply(*view, *dry_run, true);
  if (!view->graph->holds_private) {
    return refuse(409, "not_allowed_now", "nothing of this saga is private", "there is nothing to erase");
  }
  if (!view->state.ended()) {
    return refuse(409, "not_allowed_now", "the saga has not ended: it still needs its values",
                  "cancel it, or wait until it has ended");
  }
  if (const SagaId& parent = view->state.parent.saga; !parent.empty()) {
    // From its row: another node may hold it.
    Result<InstanceRow> above = context.reader.saga(call.who.tenant, parent);
    const bool gone = !above && above.error().code == ErrorCode::kNotFound;
    const bool ended = above && (above->status == "completed" || above->status == "compensated");
    if (!gone && !ended) {
      return refuse(409, "not_allowed_now", "its parent has not ended, and may have it undone",
                    "erase it when saga " + parent + " has ended");
    }
  }
  if (*dry_run) return reply(*view, true, false);
  Result<bool> erased = context.reader.erase(call.who.tenant, view->row.id, call.who.actor, reason);
  if (!erased) return refuse(erased.error());
  return reply(*view, false, !*erased);
}

}  // namespace

void add_erase_route(std::vector<Route>& routes, Context& context) {
  Route& route = routes.emplace_back();
  route.method = "POST";
  route.pattern = "/v1/sagas/{id}/erase";
  route.id = "eraseSaga";
  route.tag = "acts";
  route.summary = "Erase the private values of a saga that has ended, for good";
  route.role = Role::kOperator;
  route.parameters = {
      {Parameter::kPath, "id", R"({"type":"string","format":"uuid"})", "The saga's id", true},
      {Parameter::kQuery, "dry_run", R"({"type":"boolean","default":false})",
       "Only tell whether it may be erased"}};
  route.request = "Reason";
  route.answers = {{200, "Erased; `repeated` when it had been before", "Erased"}};
  route.handler = [&context](const Call& call) { return erase(context, call); };
}

}  // namespace belay::runtime::api
