// Erasing the private values of a saga that has ended: the key that they are sealed under is
// deleted. What happened, when, by whom, what failed and what is left over can still be seen. There
// is no way back, so a dry run lists what will be lost. An ended saga hardly moves any more, so
// `If-Match` may be left out; when it is sent, it holds. The act is one that cannot be done twice:
// an Idempotency-Key is taken, and nothing need be remembered for it. Tested in
// tests/runtime/api_erase_test.cpp and tests/postgres/seal_test.cpp.
#include <algorithm>

#include "runtime/api/api.h"
#include "runtime/api/private_fields.h"
#include "runtime/api/saga_json.h"
#include "runtime/base/limits.h"

namespace belay::runtime::api {

using namespace interpreter;

namespace {

// "input `email` (private)": all values go, those that are not private too, for one key seals them.
void lose(const char* what, std::string_view name, bool is_private,
          std::vector<std::string>& lost) {
  std::string line =
      std::string(what) + " `" + std::string(name) + "`" + (is_private ? " (private)" : "");
  if (std::find(lost.begin(), lost.end(), line) == lost.end()) lost.push_back(std::move(line));
}

std::vector<std::string> what_is_lost(const SagaView& view) {
  const Graph& graph = *view.graph;
  std::vector<std::string> lost;
  for (const bool inputs : {true, false}) {
    for (const Variable& variable : view.state.variables) {
      if (variable.slot >= graph.slots.size() || variable.value.is_null()) continue;
      if ((variable.slot < graph.takes.size()) != inputs) continue;
      const SlotInfo& slot = graph.slots[variable.slot];
      lose(inputs ? "input" : "value", slot.name,
           !(masked(variable.value, slot.type) == variable.value), lost);
    }
  }
  for (const Binding& binding : graph.gives) {
    if (view.state.output.find(binding.name) != nullptr)
      lose("output", binding.name, reads_private(binding.value, graph), lost);
  }
  for (const Activity& activity : view.state.activities) {
    if (activity.path.node >= graph.nodes.size()) continue;
    const Node& node = graph.nodes[activity.path.node];
    if (node.kind == NodeKind::kPublish)
      lose("payload of the event it published,", node.event, false, lost);
  }
  lost.push_back("the data of the " + std::to_string(view.state.seq) + " entries of its history");
  return lost;
}

std::vector<std::string> what_is_kept() {
  return {"its steps, times, errors, who acted on it, and what is left over",
          "its keys: `once per`, keys of events and requests"};
}

HttpResponse reply(const SagaView& view, bool dry_run, bool repeated) {
  JsonWriter w;
  w.begin_object().field("id", view.row.id).field("erased", !dry_run || view.erased);
  w.field("dry_run", dry_run).field("repeated", repeated).field("seq", view.state.seq);
  const std::vector<std::string> lost =
      view.erased ? std::vector<std::string>() : what_is_lost(view);
  w.key("preview").begin_object().strings("loses", lost).strings("keeps", what_is_kept());
  w.end_object();
  HttpResponse response = json_response(200, w.end_object().take());
  set_header(response, "ETag", etag(view.state.seq));
  return response;
}

HttpResponse erase(Context& context, const Call& call) {
  Read<ActTerms> terms = act_terms(call.http);
  if (!terms) return std::move(terms.error());
  Read<Value> request = body(call.http, {{"reason", BodyField::kText, true}});
  if (!request) return std::move(request.error());
  Read<std::string> reason = reason_of(*request);
  if (!reason) return std::move(reason.error());
  Read<SagaView> view = find_saga(context, call);
  if (!view) return std::move(view.error());
  if (view->erased) return reply(*view, terms->dry_run, true);
  if (terms->if_match && *terms->if_match != view->state.seq) {
    Problem no =
        problem(Failure{ErrorCode::kStale,
                        "the saga has moved on: entry " + std::to_string(*terms->if_match) +
                            " was shown to you, and it is at " + std::to_string(view->state.seq),
                        "look at it again: `dry_run=true` lists what will be lost"});
    no.headers.emplace_back("ETag", etag(view->state.seq));
    return to_response(no);
  }
  if (!view->graph->holds_private) {
    return refuse(409, "not_allowed_now", "nothing of this saga is private",
                  "there is nothing to erase");
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
  if (terms->dry_run) return reply(*view, true, false);
  Result<bool> erased =
      context.reader.erase(call.who.tenant, view->row.id, call.who.actor, *reason);
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
       "Only tell whether it may be erased, and what will be lost"},
      {Parameter::kHeader, "If-Match", R"({"type":"string","examples":["\"12\""]})",
       "The ETag of the saga as it was shown", false},
      {Parameter::kHeader, "Idempotency-Key", R"({"type":"string","maxLength":255})",
       "May be sent: erasing once more changes nothing in any case", false}};
  route.request = "Reason";
  route.answers = {{200, "Erased; `repeated` when it had been before", "Erased"}};
  route.handler = [&context](const Call& call) { return erase(context, call); };
}

}  // namespace belay::runtime::api
