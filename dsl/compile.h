// The compiler: a workspace folder in, every problem of every file out, and a program when there is
// no error.
//   read (dsl/text, dsl/yaml) → resolve and check (dsl/compile) → step graphs (interpreter/graph.h)
//   → graph pictures.
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dsl/diagnostic.h"
#include "dsl/scenario.h"
#include "dsl/syntax.h"
#include "interpreter/graph.h"

namespace belay::dsl {

struct Connector {  // a checked `connector`; live, so it is no part of a graph
  std::string name, title;
  std::string base_env, base;
  enum class SignIn { kNone, kBearer, kBasic, kHeader } sign_in = SignIn::kNone;
  std::string secret, user, header;
  std::string request_key_header;
  std::int64_t keys_remembered_s = 0;
  bool replays_errors = false, form = false, allow_private = false;
  std::int64_t per_second = 0, at_once = 0, breaker_failures = 0, breaker_rest_ms = 0,
               timeout_ms = 30'000;
};

// A checked webhook. Slots of its programs: 0 body (json), 1 header (map of text), 2 received_at
// (timestamp).
struct Webhook {
  std::string name, title, method, path, scheme;
  std::vector<std::string> secrets;
  std::int64_t tolerance_s = 300;
  interpreter::Program once_per;  // the id that makes a duplicate
  // Straight list: the publishes whose conditions (all of them) hold are done, in order.
  struct Publish {
    std::vector<interpreter::Program> conditions;
    std::string event;
    interpreter::Program key;
    std::vector<interpreter::Binding> data;
  };
  std::vector<Publish> publishes;
};

struct CompiledProgram {
  std::vector<interpreter::Graph> graphs;  // one a workflow, by name
  std::vector<Connector> connectors;
  std::vector<Webhook> webhooks;
  std::vector<interpreter::EventType> events;  // all declared
  std::vector<Scenario> scenarios;             // in the order of files and lines
};

struct Compilation {
  Sources sources;
  Diagnostics diagnostics;
  std::vector<File> files;
  CompiledProgram program;  // graphs of workflows without errors, even when others have some
  bool ok() const { return diagnostics.errors() == 0; }
};

// What the compiler knows of plugins: data, never code. A plugin that is not in the catalog is an
// error unless the catalog is absent (then any name passes).
struct PluginCatalog {
  std::vector<std::string> names;
};

// Reads every .belay and .yaml below `dir` (symbolic links are not followed; `tests`, `.belay` and
// dot folders skipped).
Compilation compile_workspace(const std::string& dir, const PluginCatalog* catalog = nullptr);
// The same from memory: path → text. The form is told by the path's ending.
Compilation compile_sources(const std::map<std::string, std::string>& files,
                            const PluginCatalog* catalog = nullptr);

enum class GraphFormat { kSvg, kDot, kMermaid, kJson };
// A picture of a workflow: forward path, undo path, waits, the point of no return. kSvg runs
// Graphviz' `dot`; returns an error text in `error` when it is not there.
std::string draw_graph(const interpreter::Graph& graph, GraphFormat format, std::string& error);

}  // namespace belay::dsl
