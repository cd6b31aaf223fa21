// The order of the phases, and the hash of what comes out.
#include "dsl/compile/compile_files.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "dsl/compile/again.h"
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

// A sentence of a page, as a message goes on: in lower case, without its full stop.
std::string said_after_colon(std::string_view sentence) {
  std::string out(sentence);
  if (!out.empty()) out[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(out[0])));
  if (out.ends_with('.')) out.pop_back();
  return out;
}

void take_allowance(const Allow& allow, Diagnostics& diagnostics) {
  const DiagnosticKind* kind = find_kind(allow.kind.text);
  if (kind == nullptr) {
    std::vector<std::string> codes;
    for (const DiagnosticKind& known : diagnostic_kinds()) codes.emplace_back(known.code);
    Diagnostic& d =
        diagnostics.add("BEL1307", allow.kind.span, "there is no kind " + quoted(allow.kind.text));
    if (!suggest(d, allow.kind.text, codes))
      d.help = "a kind is the code in brackets, such as `BEL2001`";
    return;
  }
  if (!may_be_allowed(*kind)) {
    Diagnostic& d =
        diagnostics.add("BEL1308", allow.kind.span, quoted(allow.kind.text) + " cannot be allowed");
    add_note(d, "it says: " + std::string(kind->title));
    if (kind->code.starts_with("BEL2"))
      add_note(d, "nobody can answer for it: " + said_after_colon(kind->why));
    d.help = "mend what it reports, and take this line out";
    return;
  }
  diagnostics.allow({allow.kind.text, allow.span.file, allow.from_line, allow.to_line,
                     allow.kind.span, allow.because.text});
}

void take_allowances(const Statements& list, Diagnostics& diagnostics) {
  const auto of_handlers = [&](const Policies& policies) {
    for (const Handler& handler : policies.handlers)
      take_allowances(handler.act.block, diagnostics);
  };
  for (const Statement& s : list) {
    for (const Arm& arm : s.arms) take_allowances(arm.block, diagnostics);
    for (const Branch& branch : s.branches) {
      take_allowances(branch.block, diagnostics);
      for (const Allow& allow : branch.allows) take_allowance(allow, diagnostics);
    }
    take_allowances(s.body, diagnostics);
    of_handlers(s.policies);
    if (s.undo) of_handlers(s.undo->policies);
    take_allowances(s.act.block, diagnostics);
    for (const Allow& allow : s.allows) take_allowance(allow, diagnostics);
  }
}

// The innermost first: of two that fit, the one nearest to the problem is used.
void take_allowances(const std::vector<File>& files, Diagnostics& diagnostics) {
  for (const File& file : files) {
    for (const Declaration& declaration : file.declarations) {
      if (const auto* workflow = std::get_if<WorkflowDecl>(&declaration.body)) {
        take_allowances(workflow->body, diagnostics);
      } else if (const auto* webhook = std::get_if<WebhookDecl>(&declaration.body)) {
        take_allowances(webhook->body, diagnostics);
      }
      for (const Allow& allow : declaration.allows) take_allowance(allow, diagnostics);
    }
  }
}

void report_unused_allowances(Diagnostics& diagnostics) {
  if (diagnostics.errors() > 0) return;  // what was not checked whole may still need it
  for (const Diagnostics::Allowance& one : std::vector(diagnostics.allowances())) {
    if (one.used > 0) continue;
    diagnostics
        .add("BEL1307", one.span,
             quoted(one.code) + " is not reported here, so there is nothing to allow")
        .help = "take this line out";
  }
}

void lower_workflows(Tables& tables, CompiledProgram& program) {
  Diagnostics& diagnostics = tables.diagnostics;
  const std::size_t said_before = diagnostics.said();
  const std::vector<const Declaration*> order = order_workflows(tables);
  // Of sagas that run each other, none is before the others: what one knows of the next hangs on
  // all files.
  const bool straight = diagnostics.said() == said_before;
  for (const Declaration* declaration : order) {
    if (straight && tables.memory != nullptr &&
        tables.memory->take(*declaration, tables, program.graphs))
      continue;
    const std::size_t before = diagnostics.all().size(), said = diagnostics.said();
    auto graph = lower_workflow(*declaration, tables);
    if (declaration->broken) diagnostics.forget_follow_ups(before);
    if (!graph) continue;
    check_time_budget(*declaration, *graph, tables);
    graph->hash = sha256_hex(interpreter::encode_graph(*graph, true));
    WorkflowInfo& info = tables.sagas[graph->workflow];
    info.hash = graph->hash;
    info.ok = true;
    info.quiet = straight && !declaration->broken && diagnostics.said() == said;
    program.graphs.push_back(std::move(*graph));
  }
}

void remember(Tables& tables, EditorMemory& memory) {
  std::erase_if(tables.actions, [](const auto& entry) { return !entry.second.quiet; });
  std::erase_if(tables.sagas, [](const auto& entry) { return !entry.second.quiet; });
  memory.actions = std::move(tables.actions);
  memory.sagas = std::move(tables.sagas);
  memory.lowered.clear();
}

}  // namespace

CompiledProgram compile_files(const std::vector<File>& files, const Sources& sources,
                              const PluginCatalog* catalog, Diagnostics& diagnostics,
                              Symbols* symbols, EditorMemory* memory) {
  take_allowances(files, diagnostics);
  Tables tables{.sources = sources,
                .diagnostics = diagnostics,
                .catalog = catalog,
                .symbols = symbols,
                .memory = memory};
  for (const File& file : files) tables.lost = tables.lost || file.lost;
  declare_names(files, tables);
  resolve_types(tables);
  check_events(tables);
  check_connectors(tables);
  check_plans(tables);
  check_actions(tables);

  CompiledProgram program;
  lower_workflows(tables, program);
  for (const Declaration* declaration : tables.webhooks) {
    const std::size_t before = diagnostics.all().size();
    if (auto webhook = lower_webhook(*declaration, tables))
      program.webhooks.push_back(std::move(*webhook));
    if (declaration->broken) diagnostics.forget_follow_ups(before);
  }
  for (const Declaration* declaration : tables.scenarios) {
    if (auto scenario = check_scenario(*declaration, program.graphs, tables))
      program.scenarios.push_back(std::move(*scenario));
  }
  for (auto& [name, info] : tables.connectors) program.connectors.push_back(info.connector);
  for (auto& [name, info] : tables.events) program.events.push_back(info.type);

  if (symbols != nullptr) fill_symbols(tables, *symbols);
  if (memory != nullptr) remember(tables, *memory);
  report_unused_allowances(diagnostics);
  std::sort(program.graphs.begin(), program.graphs.end(),
            [](const auto& a, const auto& b) { return a.workflow < b.workflow; });
  by_name(program.webhooks);
  return program;
}

}  // namespace belay::dsl
