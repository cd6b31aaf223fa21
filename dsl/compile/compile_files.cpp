// The order of the phases, and the hash of what comes out.
#include "dsl/compile/compile_files.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>

#include "dsl/compile/symbols.h"
#include "dsl/compile/tables.h"
#include "interpreter/graph_codec.h"

namespace belay::dsl {
namespace {

std::string sha256_hex(std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1)
    return {};
  std::string hex;
  for (unsigned int i = 0; i < size; ++i) {
    hex += "0123456789abcdef"[digest[i] >> 4];
    hex += "0123456789abcdef"[digest[i] & 15];
  }
  return hex;
}

template <class T>
void by_name(std::vector<T>& list) {
  std::sort(list.begin(), list.end(), [](const T& a, const T& b) { return a.name < b.name; });
}

}  // namespace

CompiledProgram compile_files(const std::vector<File>& files, const Sources& sources,
                              const PluginCatalog* catalog, Diagnostics& diagnostics,
                              Symbols* symbols) {
  Tables tables{
      .sources = sources, .diagnostics = diagnostics, .catalog = catalog, .symbols = symbols};
  declare_names(files, tables);
  resolve_types(tables);
  check_events(tables);
  check_connectors(tables);
  check_plans(tables);
  check_actions(tables);

  CompiledProgram program;
  for (const Declaration* declaration : order_workflows(tables)) {
    if (auto graph = lower_workflow(*declaration, tables)) {
      graph->hash = sha256_hex(interpreter::encode_graph(*graph, true));
      WorkflowInfo& info = tables.sagas[graph->workflow];
      info.hash = graph->hash;
      info.ok = true;
      program.graphs.push_back(std::move(*graph));
    }
  }
  for (const Declaration* declaration : tables.webhooks) {
    if (auto webhook = lower_webhook(*declaration, tables))
      program.webhooks.push_back(std::move(*webhook));
  }
  for (const Declaration* declaration : tables.scenarios) check_scenario(*declaration, tables);
  for (auto& [name, info] : tables.connectors) program.connectors.push_back(info.connector);
  for (auto& [name, info] : tables.events) program.events.push_back(info.type);

  if (symbols != nullptr) fill_symbols(tables, *symbols);
  std::sort(program.graphs.begin(), program.graphs.end(),
            [](const auto& a, const auto& b) { return a.workflow < b.workflow; });
  by_name(program.webhooks);
  return program;
}

}  // namespace belay::dsl
