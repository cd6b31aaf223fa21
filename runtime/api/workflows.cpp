// Workflows: which definitions are current, what each takes and gives, and its picture.
#include "dsl/diagnostic.h"
#include "runtime/api/api.h"
#include "runtime/api/json_writer.h"
#include "runtime/api/type_schema.h"

namespace belay::runtime::api {

using namespace interpreter;

namespace {

void write_head(JsonWriter& w, const Graph& graph) {
  w.field("name", graph.workflow)
      .field_unless_empty("title", graph.title)
      .field("version", graph.version);
  w.field("definition", graph.hash).field_unless_empty("owner", graph.owner);
  w.field("href", "/v1/workflows/" + graph.workflow);
}

HttpResponse list(Context& context) {
  JsonWriter w;
  w.begin_object().key("workflows").begin_array();
  for (const GraphPtr& graph : context.engine.definitions()) {
    w.begin_object();
    write_head(w, *graph);
    w.end_object();
  }
  w.end_array().end_object();
  return json_response(200, w.take());
}

Read<GraphPtr> find(Context& context, const Call& call) {
  const std::string& name = hole(call.http, "name");
  if (GraphPtr graph = context.engine.definition(name)) return graph;
  std::vector<std::string> names;
  for (const GraphPtr& graph : context.engine.definitions()) names.push_back(graph->workflow);
  const std::string near = dsl::nearest(name, names);
  return tl::unexpected<HttpResponse>(refuse(404, "not_found",
                                             "there is no workflow with this name",
                                             near.empty() ? "" : "did you mean `" + near + "`?"));
}

HttpResponse show(Context& context, const Call& call) {
  Read<GraphPtr> found = find(context, call);
  if (!found) return std::move(found.error());
  const Graph& graph = **found;
  JsonWriter w;
  w.begin_object();
  write_head(w, graph);
  w.field_unless_empty("once_per", graph.once_per.source)
      .field_unless_empty("finish_within", graph.finish_within.source);
  w.key("takes").begin_array();
  for (const Field& field : graph.takes) {
    w.begin_object().field("name", field.name).field("type", to_text(field.type)).end_object();
  }
  w.end_array().raw_field("input_schema", schema_of(graph.takes)).key("gives").begin_array();
  for (const Binding& binding : graph.gives) {
    w.begin_object().field("name", binding.name).field("from", binding.value.source).end_object();
  }
  w.end_array().key("actions").begin_array();
  for (const Action& action : graph.actions) {
    w.begin_object().field("name", action.name).field_unless_empty("title", action.title);
    w.strings("errors", action.errors).field("repeat_safe", action.repeat_safe).end_object();
  }
  w.end_array().key("events").begin_array();
  for (const EventType& event : graph.events) {
    w.begin_object()
        .field("name", event.name)
        .field("version", event.version)
        .field("key", event.key);
    w.raw_field("schema", schema_of(event.fields)).end_object();
  }
  w.end_array().field("graph", "/v1/workflows/" + graph.workflow + "/graph").end_object();
  HttpResponse response = json_response(200, w.take());
  set_header(response, "ETag", '"' + graph.hash + '"');
  return response;
}

HttpResponse picture(Context& context, const Call& call) {
  Read<GraphPtr> found = find(context, call);
  if (!found) return std::move(found.error());
  const std::string* format = query(call.http, "format");
  return draw(**found, format == nullptr ? "json" : *format);
}

}  // namespace

void add_workflow_routes(std::vector<Route>& routes, Context& context) {
  const Parameter name{Parameter::kPath, "name", R"({"type":"string"})", "The workflow's name",
                       true};
  routes.push_back({"GET",
                    "/v1/workflows",
                    "listWorkflows",
                    "workflows",
                    "The current definitions",
                    Role::kViewer,
                    {},
                    "",
                    {{200, "All of them", "WorkflowList"}},
                    [&context](const Call&) { return list(context); }});
  routes.push_back(
      {"GET",
       "/v1/workflows/{name}",
       "getWorkflow",
       "workflows",
       "What a workflow takes, gives, calls and waits for, with a JSON schema of its input",
       Role::kViewer,
       {name},
       "",
       {{200, "The workflow", "Workflow"}},
       [&context](const Call& call) { return show(context, call); }});
  routes.push_back(
      {"GET",
       "/v1/workflows/{name}/graph",
       "getWorkflowGraph",
       "workflows",
       "Its picture",
       Role::kViewer,
       {name,
        {Parameter::kQuery, "format", R"({"enum":["json","svg","dot","mermaid"],"default":"json"})",
         "The form of the picture"}},
       "",
       {{200, "The picture", "Any"}},
       [&context](const Call& call) { return picture(context, call); }});
}

}  // namespace belay::runtime::api
