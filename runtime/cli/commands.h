// Every command as an options struct and a function that returns the exit code. cli.cpp fills the
// structs from the command line (and is the only file that includes CLI11).
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "runtime/actions/plugin.h"

namespace belay::runtime::cli {

inline constexpr int kDone = 0, kRefused = 1, kUsage = 2, kNoServer = 3;

// ---- Definitions (definitions.cpp): no server needed ----

struct CheckCommand {
  std::string directory = ".";
  std::string format = "text";
  bool any_plugin = false;  // plugins that this program does not have are no error
};
int run(const CheckCommand& command, const runtime::PluginRegistry& plugins);

struct GraphCommand {
  std::string workflow, directory = ".", format = "svg", out;
};
int run(const GraphCommand& command);

// ---- Layout and forms (format_command.cpp): no server needed ----

struct FormatCommand {
  std::vector<std::string> inputs = {"."};  // files and folders; `-` is standard input
  std::string form;      // of standard input: yaml or belay; empty: as its first line says
  bool check = false;    // only tell which files would change
  bool upgrade = false;  // also mend what an older version of the language let pass
};
int run(const FormatCommand& command);

struct ConvertCommand {
  std::string input, to, out;
};
int run(const ConvertCommand& command);

struct SchemaCommand {
  std::string out;
};
int run(const SchemaCommand& command);

// ---- Editors (lsp_command.cpp): no server needed ----

struct LspCommand {
  std::string directory;    // of definitions, below the editor's folder; empty: that folder
  bool any_plugin = false;  // as CheckCommand's
  bool stdio = false;       // editors say it out of habit; there is no other way
};
int run(const LspCommand& command, const runtime::PluginRegistry& plugins);

// ---- Expressions (eval_command.cpp): no server needed ----

struct EvalCommand {
  std::string expression, with;
  bool jsonl = false;  // cases of plain CEL on standard input, see cel_case.h
};
int run(const EvalCommand& command);

// A diagnostic's page (definitions.cpp), or a workflow's reading (explain_command.cpp).
struct ExplainCommand {
  std::string subject, directory = ".", format = "text", out;
};
int run(const ExplainCommand& command);
int explain_diagnostic(const std::string& code);

// ---- Scenarios (test_command.cpp): no server needed ----

struct TestCommand {
  std::string directory = ".", filter, format = "text";
  bool any_plugin = false;
};
int run(const TestCommand& command, const runtime::PluginRegistry& plugins);

// ---- What an edit changes (replay_command.cpp) ----

struct DiffCommand {
  std::string before, after, workflow, format = "text";
};
// kDone, whatever has changed; 3: it could not be told.
int run(const DiffCommand& command);

struct ReplayCommand {
  std::string workflow, journal, server, directory = ".", format = "text";
};
// kDone: all the same; 1: some continue differently; 2: some cannot continue; 3: it could not be
// told.
int run(const ReplayCommand& command);

// ---- The server (serve_command.cpp) ----

struct ServeCommand {
  std::string directory = ".", listen = "127.0.0.1:7070", data = ".belay", tenant = "default";
  std::vector<std::string> databases;  // of the cells, in their order
  int writers = 1, lease_s = 15;
  bool listen_said = false;  // not the default: other nodes may be told of it, even on loopback
  std::string node, advertise;
  std::string once_ready_file, log_level = "info", sql_role, seal_key_file;
  std::vector<std::string> hosts;
  bool allow_public = false, require_keys = false, keep_postgres = false;
  int keep_days = 0;  // 0: for ever
  std::size_t requests_max = 20'000, live_sagas_max = 100'000, shared_flush_rows = 32,
              quiet_flush_rows = 8;  // EngineOptions
};
int run(ServeCommand command, runtime::PluginRegistry& plugins);

// ---- Sagas, over the API (sagas_commands.cpp) ----

struct ServerOptions {
  std::string server;
  bool json = false;
};

struct StartCommand {
  ServerOptions server;
  std::string workflow, input, key;
  int wait_s = 0;
};
int run(const StartCommand& command);

struct ListCommand {
  ServerOptions server;
  std::string workflow, status, health, key, waiting_on, created_after, created_before, cursor;
  int limit = 50;
};
int run(const ListCommand& command);

struct ShowCommand {
  ServerOptions server;
  std::string id;
};
int run(const ShowCommand& command);

struct HistoryCommand {
  ServerOptions server;
  std::string id;
  std::uint64_t at = 0;
  bool as_file = false;  // --export
};
int run(const HistoryCommand& command);

struct EventsCommand {
  ServerOptions server;
  std::string type, key, cursor;
  bool unclaimed = false;
  int limit = 50;
};
int run(const EventsCommand& command);

struct PublishCommand {
  ServerOptions server;
  std::string type, key, payload, id;
};
int run(const PublishCommand& command);

struct WorkflowsCommand {
  ServerOptions server;
};
int run(const WorkflowsCommand& command);

struct NodesCommand {
  ServerOptions server;
};
int run(const NodesCommand& command);

struct QuestionsCommand {
  ServerOptions server;
  std::string role, cursor;
  int limit = 50;
};
int run(const QuestionsCommand& command);

// ---- Acts, over the API (acts_command.cpp) ----

struct ActCommand {
  ServerOptions server;
  std::string act, id, path, reason, direction, output, result, evidence, happened, answer;
  bool dry_run = false, yes = false;
};
int run(const ActCommand& command);

// ---- Moving a saga to another definition, over the API (migrate_command.cpp) ----

struct MigrateCommand {
  ServerOptions server;
  std::string id, to, reason;
  bool dry_run = false, yes = false;
};
int run(const MigrateCommand& command);

// ---- Erasing a saga's private values, over the API (erase_command.cpp) ----

struct EraseCommand {
  ServerOptions server;
  std::string id, reason;
  bool dry_run = false, yes = false;
};
int run(const EraseCommand& command);

// ---- API keys, on the database (keys_command.cpp) ----

struct KeysCommand {
  std::string verb, tenant, role = "viewer", name, id, data = ".belay";
  std::vector<std::string> databases;
  std::vector<std::string> may_answer;
  bool json = false;
};
int run(const KeysCommand& command);

}  // namespace belay::runtime::cli
