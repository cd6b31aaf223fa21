// The OpenAPI 3.1 document, from the table of routes that dispatches; the schemas that it names are
// openapi_schemas.cpp. See routes.h.
#include <map>

#include "runtime/api/json_writer.h"
#include "runtime/api/routes.h"

namespace belay::runtime::api {
namespace {

std::string reference(const char* schema) {
  return std::string(R"({"$ref":"#/components/schemas/)") + schema + "\"}";
}

void write_content(JsonWriter& w, const char* content_type, const char* schema) {
  w.key("content").begin_object().key(content_type).begin_object();
  if (*schema != '\0')
    w.raw_field("schema", reference(schema));
  else
    w.raw_field("schema", R"({"type":"string"})");
  w.end_object().end_object();
}

const char* place(Parameter::In in) {
  switch (in) {
    case Parameter::kPath: return "path";
    case Parameter::kQuery: return "query";
    case Parameter::kHeader: return "header";
  }
  return "query";
}

void write_answers(JsonWriter& w, const Route& route) {
  w.key("responses").begin_object();
  for (const Answer& answer : route.answers) {
    w.key(std::to_string(answer.status)).begin_object().field("description", answer.description);
    const bool has_body = answer.status != 304;
    if (has_body) write_content(w, answer.content_type, answer.schema);
    w.end_object();
  }
  w.key("default").begin_object().field("description",
                                        "A problem: what was seen, a code, and a way out");
  write_content(w, "application/problem+json", "Problem");
  w.end_object().end_object();
}

void write_operation(JsonWriter& w, const Route& route) {
  w.begin_object().field("operationId", route.id).field("summary", route.summary);
  w.strings("tags", {route.tag});
  if (route.role == Role::kNobody)
    w.raw_field("security", "[]");
  else
    w.field("x-belay-role", name(route.role));
  if (!route.parameters.empty()) {
    w.key("parameters").begin_array();
    for (const Parameter& parameter : route.parameters) {
      w.begin_object().field("name", parameter.name).field("in", place(parameter.in));
      if (parameter.required) w.field("required", true);
      w.field("description", parameter.description)
          .raw_field("schema", parameter.schema)
          .end_object();
    }
    w.end_array();
  }
  if (*route.request != '\0') {
    w.key("requestBody").begin_object().field("required", true);
    write_content(w, "application/json", route.request);
    w.end_object();
  }
  write_answers(w, route);
  w.end_object();
}

std::string lower(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}

}  // namespace

std::string openapi(const std::vector<Route>& routes) {
  std::map<std::string, std::vector<const Route*>> by_path;
  for (const Route& route : routes) by_path[route.pattern].push_back(&route);
  JsonWriter w;
  w.begin_object().field("openapi", "3.1.0");
  w.key("info").begin_object().field("title", "Belay").field("version", "1");
  w.field("description",
          "The control API of Belay: start sagas, look at them, act on them, publish events. "
          "2xx to anything that writes means committed.");
  w.end_object().key("paths").begin_object();
  for (const auto& [path, at_path] : by_path) {
    w.key(path).begin_object();
    for (const Route* route : at_path) {
      w.key(lower(route->method));
      write_operation(w, *route);
    }
    w.end_object();
  }
  w.end_object().key("components").begin_object().key("schemas").begin_object();
  for (const Schema& schema : schemas()) w.raw_field(schema.name, schema.json);
  w.end_object();
  w.raw_field("securitySchemes",
              R"({"key":{"type":"http","scheme":"bearer","description":"An API key, belay_…"}})");
  w.end_object().raw_field("security", R"([{"key":[]}])").end_object();
  return w.take();
}

}  // namespace belay::runtime::api
