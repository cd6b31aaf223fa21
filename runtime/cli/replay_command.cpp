// diff and replay: what an edit changes, and what it would have changed for sagas that are under
// way.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "dsl/compile.h"
#include "dsl/diff/diff.h"
#include "interpreter/replay.h"
#include "runtime/api/json_writer.h"
#include "runtime/api/verdict_text.h"
#include "runtime/base/environment.h"
#include "runtime/cli/commands.h"
#include "runtime/cli/files.h"
#include "runtime/cli/journal_file.h"
#include "runtime/cli/report.h"
#include "runtime/cli/terminal.h"

namespace belay::runtime::cli {

using interpreter::Graph;
using interpreter::Value;
using interpreter::VerdictKind;

namespace {

// For both: what was asked cannot be answered at all.
constexpr int kUnanswered = 3;

int complain(const std::string& text) {
  std::fprintf(stderr, "belay: %s\n", text.c_str());
  return kUnanswered;
}

// Of a folder or one file. What has errors is reported.
bool compiled(const std::string& path, dsl::Compilation& out) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    out = dsl::compile_workspace(path);
  } else {
    auto text = read_file(path);
    if (!text) {
      complain(text.error().message);
      return false;
    }
    out = dsl::compile_sources({{path, std::move(*text)}});
  }
  if (out.ok()) return true;
  out.diagnostics.sort();
  std::fputs(dsl::render_text(out.diagnostics, out.sources, isatty(STDERR_FILENO) == 1).c_str(),
             stderr);
  return false;
}

// What was found out about all sagas that were looked at.
class Tally {
 public:
  Tally(const Graph& edited, bool json)
      : edited_(edited), json_(json), terminal_(Terminal::of_stdout()) {}

  // Returns false when it could not be judged; then it has said why.
  bool judge(const RecordedSaga& saga, const Definitions& definitions) {
    const auto graph = definitions.find(saga.definition);
    if (graph == definitions.end()) {
      return unread(saga, "its definition " + saga.definition.substr(0, 12) + " is not there");
    }
    const auto journal = decode(saga, *graph->second);
    if (!journal) return unread(saga, journal.error().message);
    if (journal->empty()) return unread(saga, "it has no entries");
    const interpreter::Verdict verdict =
        interpreter::replay(*graph->second, edited_, saga.id, *journal).verdict;
    ++counts_[static_cast<std::size_t>(verdict.kind)];
    print(saga, verdict, *graph->second);
    return true;
  }

  int finish() {
    if (json_) {
      std::printf("]%s}\n", summary_json().c_str());
    } else {
      std::printf(
          "%zu %s: %zu same, %zu differ, %zu cannot continue%s\n", total(),
          total() == 1 ? "saga" : "sagas", counts_[0], counts_[1], counts_[2],
          unread_ == 0 ? "" : (", " + std::to_string(unread_) + " could not be judged").c_str());
    }
    if (unread_ > 0) return kUnanswered;
    return counts_[2] > 0 ? 2 : counts_[1] > 0 ? 1 : kDone;
  }
  void begin() const {
    if (json_)
      std::printf("{\"workflow\":\"%s\",\"definition\":\"%s\",\"sagas\":[",
                  edited_.workflow.c_str(), edited_.hash.c_str());
  }

 private:
  std::size_t total() const { return counts_[0] + counts_[1] + counts_[2]; }

  bool unread(const RecordedSaga& saga, const std::string& why) {
    ++unread_;
    std::fprintf(stderr, "belay: saga %s could not be judged: %s\n", harmless(saga.id).c_str(),
                 harmless(why).c_str());
    return false;
  }

  std::string summary_json() const {
    runtime::api::JsonWriter w;
    w.begin_object()
        .field("same", counts_[0])
        .field("differ", counts_[1])
        .field("cannot", counts_[2]);
    w.field("not_judged", unread_).end_object();
    return ",\"counts\":" + w.take();
  }

  void print(const RecordedSaga& saga, const interpreter::Verdict& verdict,
             const Graph& recorded_by) {
    if (json_) {
      runtime::api::JsonWriter w;
      w.begin_object()
          .field("id", saga.id)
          .field("status", saga.status)
          .field("recorded_by", saga.definition);
      w.raw_field("verdict", runtime::api::verdict_json(verdict, &recorded_by, &edited_))
          .end_object();
      std::printf("%s%s", total() > 1 ? "," : "", w.take().c_str());
      return;
    }
    const Colour colour = verdict.kind == VerdictKind::kSame      ? Colour::kGreen
                          : verdict.kind == VerdictKind::kDiffers ? Colour::kYellow
                                                                  : Colour::kRed;
    std::printf("%s  %s\n", harmless(saga.id).c_str(),
                terminal_.paint(colour, harmless(runtime::api::verdict_line(verdict))).c_str());
    for (const std::string& line : runtime::api::drawn_lines(recorded_by, verdict.recorded))
      std::printf("    recorded  %s\n", harmless(line).c_str());
    for (const std::string& line : runtime::api::drawn_lines(edited_, verdict.instead))
      std::printf("    now       %s\n", harmless(line).c_str());
  }

  const Graph& edited_;
  const bool json_;
  const Terminal terminal_;
  std::size_t counts_[3] = {0, 0, 0};
  std::size_t unread_ = 0;
};

int replay_file(const ReplayCommand& command, Tally& tally) {
  Definitions definitions;
  tally.begin();
  const auto read = read_journals(command.journal, definitions, [&](const RecordedSaga& saga) {
    if (saga.workflow == command.workflow) tally.judge(saga, definitions);
  });
  const int code = tally.finish();
  return read ? code : complain(runtime::to_text(read.error()));
}

// All sagas of the workflow that have not ended, page by page.
int replay_server(const ReplayCommand& command, Tally& tally) {
  ApiClient client(server_address(command.server));
  Definitions definitions;
  tally.begin();
  for (const char* status : {"running", "compensating"}) {
    for (std::string cursor;;) {
      auto page = client.call("GET", "/v1/sagas" + query_of({{"workflow", command.workflow},
                                                             {"status", status},
                                                             {"limit", "500"},
                                                             {"cursor", cursor}}));
      if (!page) return report(page.error());
      if (!page->ok()) return report(*page, false), kUnanswered;
      for (const Value& row : list_of(page->json, "sagas")) {
        auto saga = fetch_journal(client, text_of(row, "id"));
        if (!saga) return complain(runtime::to_text(saga.error()));
        if (auto known = fetch_definition(client, saga->definition, definitions, nullptr); !known)
          return complain(runtime::to_text(known.error()));
        tally.judge(*saga, definitions);
      }
      cursor = text_of(page->json, "next");
      if (cursor.empty()) break;
    }
  }
  return tally.finish();
}

}  // namespace

int run(const DiffCommand& command) {
  dsl::Compilation before, after;
  const bool old_fine = compiled(command.before, before), new_fine = compiled(command.after, after);
  if (!old_fine || !new_fine) return complain("definitions with errors are not compared");
  if (!command.workflow.empty()) {
    std::vector<std::string> names;
    for (const auto* side : {&before, &after}) {
      for (const Graph& graph : side->program.graphs) names.push_back(graph.workflow);
    }
    if (std::find(names.begin(), names.end(), command.workflow) == names.end()) {
      const std::string near = dsl::nearest(command.workflow, names);
      return complain("neither version has a workflow `" + command.workflow + "`" +
                      (near.empty() ? "" : "; did you mean `" + near + "`?"));
    }
  }
  const auto diffs = dsl::business_diff(before.program, after.program, command.workflow);
  const auto format = command.format == "markdown" ? dsl::DiffFormat::kMarkdown
                      : command.format == "json"   ? dsl::DiffFormat::kJson
                                                   : dsl::DiffFormat::kText;
  std::fputs(dsl::render(diffs, format).c_str(), stdout);
  return kDone;
}

int run(const ReplayCommand& command) {
  dsl::Compilation edited;
  if (!compiled(command.directory, edited))
    return complain("definitions with errors are not replayed");
  std::vector<std::string> names;
  for (Graph& graph : edited.program.graphs) {
    names.push_back(graph.workflow);
    if (graph.workflow != command.workflow) continue;
    graph.environment = &runtime::environment();
    Tally tally(graph, command.format == "json");
    return command.journal.empty() ? replay_server(command, tally) : replay_file(command, tally);
  }
  const std::string near = dsl::nearest(command.workflow, names);
  return complain("there is no workflow `" + command.workflow + "` below `" + command.directory +
                  "`" + (near.empty() ? "" : "; did you mean `" + near + "`?"));
}

}  // namespace belay::runtime::cli
