// check, graph, explain: what a business analyst runs. No server, no database.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <sstream>

#include "dsl/compile.h"
#include "runtime/cli/commands.h"
#include "runtime/cli/files.h"
#include "runtime/cli/terminal.h"

namespace belay::runtime::cli {

namespace fs = std::filesystem;

namespace {

int complain(const std::string& text) {
  std::fprintf(stderr, "belay: %s\n", text.c_str());
  return kRefused;
}

// "1 file", "2 files".
std::string counted(std::size_t n, const char* thing) {
  return std::to_string(n) + " " + thing + (n == 1 ? "" : "s");
}

}  // namespace

int run(const CheckCommand& command, const runtime::PluginRegistry& plugins) {
  std::error_code error;
  if (!fs::is_directory(command.directory, error))
    return complain("there is no folder `" + command.directory + "`");
  const dsl::PluginCatalog catalog{plugins.names()};
  dsl::Compilation compilation =
      dsl::compile_workspace(command.directory, command.any_plugin ? nullptr : &catalog);
  compilation.diagnostics.sort();
  if (command.format == "json") {
    std::printf("%s\n", dsl::render_json(compilation.diagnostics, compilation.sources).c_str());
    return compilation.ok() ? kDone : kRefused;
  }
  if (command.format == "sarif") {
    fs::path prefix = fs::path(command.directory).lexically_normal();
    if (!prefix.has_filename()) prefix = prefix.parent_path();
    if (prefix.is_absolute()) {
      const fs::path below = prefix.lexically_relative(fs::current_path(error));
      if (!below.empty() && *below.begin() != "..") prefix = below;
    }
    const bool here = prefix == "." || prefix == "..";
    std::fputs(dsl::render_sarif(compilation.diagnostics, compilation.sources,
                                 here ? "" : prefix.parent_path().generic_string())
                   .c_str(),
               stdout);
    return compilation.ok() ? kDone : kRefused;
  }
  const bool colour = isatty(STDOUT_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr;
  if (!compilation.diagnostics.all().empty()) {
    std::fputs(dsl::render_text(compilation.diagnostics, compilation.sources, colour).c_str(),
               stdout);
  }
  std::fputs(dsl::render_allowed(compilation.diagnostics, compilation.sources).c_str(), stdout);
  if (!compilation.ok()) return kRefused;
  if (compilation.files.empty()) {
    std::printf(
        "no definitions below `%s`: a text file ends in .belay, a YAML file has the line `belay: "
        "1`\n",
        command.directory.c_str());
    return kDone;
  }
  const dsl::CompiledProgram& program = compilation.program;
  std::printf("%s fine: %s, %s, %s, %s\n", counted(compilation.files.size(), "file").c_str(),
              counted(program.graphs.size(), "workflow").c_str(),
              counted(program.webhooks.size(), "webhook").c_str(),
              counted(program.connectors.size(), "connector").c_str(),
              counted(program.events.size(), "event").c_str());
  return kDone;
}

int run(const GraphCommand& command) {
  const dsl::Compilation compilation = dsl::compile_workspace(command.directory);
  std::vector<std::string> names;
  for (const interpreter::Graph& graph : compilation.program.graphs) {
    names.push_back(graph.workflow);
    if (graph.workflow != command.workflow) continue;
    const dsl::GraphFormat format = command.format == "dot"       ? dsl::GraphFormat::kDot
                                    : command.format == "mermaid" ? dsl::GraphFormat::kMermaid
                                    : command.format == "json"    ? dsl::GraphFormat::kJson
                                                                  : dsl::GraphFormat::kSvg;
    std::string error;
    std::string picture = dsl::draw_graph(graph, format, error);
    if (!error.empty()) return complain(error);
    if (!picture.empty() && picture.back() != '\n') picture += '\n';
    if (command.out.empty()) {
      std::fwrite(picture.data(), 1, picture.size(), stdout);
      return kDone;
    }
    const auto written = write_file(command.out, picture);
    return written ? kDone : complain(written.error().message);
  }
  if (!compilation.ok()) {
    std::fputs(
        dsl::render_text(compilation.diagnostics, compilation.sources, isatty(STDERR_FILENO) == 1)
            .c_str(),
        stderr);
    return complain("`" + command.workflow + "` has problems, or is not there");
  }
  const std::string near = dsl::nearest(command.workflow, names);
  return complain("there is no workflow `" + command.workflow + "` below `" + command.directory +
                  "`" + (near.empty() ? "" : "; did you mean `" + near + "`?"));
}

int explain_diagnostic(const std::string& subject) {
  std::string code = subject;
  for (char& c : code) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  const dsl::DiagnosticKind* kind = dsl::find_kind(code);
  if (kind == nullptr) {
    std::vector<std::string> codes;
    for (const dsl::DiagnosticKind& k : dsl::diagnostic_kinds()) codes.emplace_back(k.code);
    const std::string near = dsl::nearest(code, codes);
    return complain("there is no diagnostic `" + subject + "`" +
                    (near.empty() ? "" : "; did you mean `" + near + "`?"));
  }
  const Terminal terminal = Terminal::of_stdout();
  const auto section = [&](const char* title, std::string_view text) {
    if (text.empty()) return;
    std::printf("\n%s\n", terminal.paint(Colour::kBold, title).c_str());
    std::istringstream lines{std::string(text)};
    for (std::string line; std::getline(lines, line);) std::printf("  %s\n", line.c_str());
  };
  std::printf("%s %s: %s\n", kind->severity == dsl::Severity::kError ? "error" : "warning",
              std::string(kind->code).c_str(), std::string(kind->title).c_str());
  section("what was seen", kind->what);
  section("why it matters", kind->why);
  section("for example", kind->bad);
  section("instead", kind->fixed);
  return kDone;
}

}  // namespace belay::runtime::cli
