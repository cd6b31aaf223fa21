// Which nodes there are, which lanes they hold and how long still, as this node last saw it.
#include "runtime/api/api.h"
#include "runtime/api/json_writer.h"
#include "runtime/api/nudge.h"
#include "runtime/base/limits.h"

namespace belay::runtime::api {
namespace {

HttpResponse nodes(Context& context) {
  const std::vector<NodeView> all = context.engine.nodes();
  std::map<std::string, std::vector<Lane>> lanes;  // by node; nobody's by ""
  const auto count = static_cast<Lane>(limits::lanes_default);
  for (Lane lane = 0; lane < count; ++lane) {
    const LaneHolder holder = context.engine.holder(lane);
    lanes[holder.mine ? context.options.forward.node : holder.node].push_back(lane);
  }
  const auto write_lanes = [](JsonWriter& w, const char* name, const std::vector<Lane>& numbers) {
    w.key(name).begin_array();
    for (const Lane lane : numbers) w.value(lane);
    w.end_array();
  };
  JsonWriter w;
  w.begin_object().field("me", context.options.forward.node);
  w.field("stopping", context.stopping.load()).key("nodes").begin_array();
  for (const NodeView& node : all) {
    w.begin_object().field("node", node.node).field("me", node.me);
    w.field_unless_empty("address", node.address).field("lease_ms", node.lease_ms);
    w.field("lane_count", node.lanes);
    write_lanes(w, "lanes", lanes[node.node]);
    w.end_object();
  }
  w.end_array();
  write_lanes(w, "unheld", lanes[""]);
  return json_response(200, w.end_object().take());
}

}  // namespace

void add_node_routes(std::vector<Route>& routes, Context& context) {
  routes.push_back({"GET",
                    "/v1/nodes",
                    "listNodes",
                    "health",
                    "The nodes on this database, the lanes that each holds, and what is left of "
                    "their leases; as this "
                    "node saw them a second ago at most",
                    Role::kOperator,
                    {},
                    "",
                    {{200, "All of them", "NodeList"}},
                    [&context](const Call&) { return nodes(context); }});
  routes.push_back({"POST",
                    kNudgePath,
                    "lookForMail",
                    "health",
                    "Another node says that it has sent mail to lanes of this one, which looks for "
                    "it by itself all the same; of no use to anybody else",
                    Role::kNobody,
                    {},
                    "",
                    {{204, "It looks"}},
                    [&context](const Call&) {
                      context.engine.look_for_mail();
                      HttpResponse response;
                      response.status = 204;
                      return response;
                    }});
}

}  // namespace belay::runtime::api
