// One table of routes: dispatch, access, the check of parameters, the OpenAPI document and the
// metrics all come from it, so that none of them can say something else than the others. Adding a
// route is adding a row and its handler (sagas.cpp, acts.cpp, events.cpp, workflows.cpp,
// webhooks.cpp, health.cpp). Tested in tests/runtime/api_access_test.cpp.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "runtime/api/request.h"

namespace belay::runtime::api {

struct Parameter {
  enum In : std::uint8_t { kPath, kQuery, kHeader } in = kQuery;
  const char* name = "";
  const char* schema = "";  // JSON
  const char* description = "";
  bool required = false;
};

struct Answer {
  int status = 200;
  const char* description = "";
  const char* schema = "";  // a name of schemas(), or empty: no JSON
  const char* content_type = "application/json";
};

struct Route;

// One request on its way through a handler.
struct Call {
  const HttpRequest& http;
  Principal who;
  const Route* route = nullptr;  // the one whose handler it is
};

struct Route {
  std::string method = "GET";
  std::string pattern;  // "/v1/sagas/{id}"
  std::string id;       // OpenAPI's operationId, the label of metrics and logs
  std::string tag;
  std::string summary;
  Role role = Role::kViewer;
  std::vector<Parameter> parameters;
  const char* request = "";  // a name of schemas(), or empty: no body
  std::vector<Answer> answers;
  std::function<HttpResponse(const Call&)> handler;
  std::size_t body_bytes_max = 0;  // 0: the server's
};

// The OpenAPI 3.1 document of a table.
std::string openapi(const std::vector<Route>& routes);

// The JSON schemas that routes name: name, JSON.
struct Schema {
  const char* name;
  const char* json;
};
const std::vector<Schema>& schemas();

}  // namespace belay::runtime::api
