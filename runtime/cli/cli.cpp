// The grammar of the command line, and nothing else: options into structs (commands.h).
#include "runtime/cli/cli.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <functional>

#include "runtime/cli/commands.h"
#include "runtime/store/cells.h"
#include "runtime/store/retention.h"

namespace belay::runtime::cli {
namespace {

using Action = std::function<int()>;

void add_server(CLI::App* app, ServerOptions& options) {
  app->add_option("--server", options.server,
                  "Address of the server [env BELAY_SERVER, http://127.0.0.1:7070]");
  app->add_flag("--json", options.json, "The server's JSON as it is, for tools");
}

// Everything that one run of the command line may fill in.
struct Commands {
  CheckCommand check;
  GraphCommand graph;
  FormatCommand format;
  ConvertCommand convert;
  SchemaCommand schema;
  ExplainCommand explain;
  EvalCommand eval;
  LspCommand lsp;
  TestCommand test;
  ServeCommand serve;
  StartCommand start;
  ListCommand list;
  ShowCommand show;
  HistoryCommand history;
  EventsCommand events;
  PublishCommand publish;
  WorkflowsCommand workflows;
  NodesCommand nodes;
  QuestionsCommand questions;
  ActCommand act;
  DiffCommand diff;
  ReplayCommand replay;
  MigrateCommand migrate;
  EraseCommand erase;
  KeysCommand keys;
};

void add_definition_commands(CLI::App& app, Commands& c, Action& chosen,
                             runtime::PluginRegistry& plugins) {
  CLI::App* check =
      app.add_subcommand("check", "Find every problem in the definitions below a folder");
  check->add_option("DIR", c.check.directory, "The folder")->capture_default_str();
  check->add_option("--format", c.check.format, "text, json or sarif")
      ->check(CLI::IsMember({"text", "json", "sarif"}))
      ->capture_default_str();
  check->add_flag("--any-plugin", c.check.any_plugin,
                  "Let actions name plugins that this program does not have");
  check->callback([&] { chosen = [&] { return run(c.check, plugins); }; });

  CLI::App* graph = app.add_subcommand("graph", "Draw a workflow");
  graph->add_option("WORKFLOW", c.graph.workflow, "Its name")->required();
  graph->add_option("--dir", c.graph.directory, "The folder of definitions")->capture_default_str();
  graph->add_option("--format", c.graph.format, "svg, dot, mermaid or json")
      ->check(CLI::IsMember({"svg", "dot", "mermaid", "json"}))
      ->capture_default_str();
  graph->add_option("--out", c.graph.out, "A file to write; otherwise standard output");
  graph->callback([&] { chosen = [&] { return run(c.graph); }; });

  CLI::App* explain = app.add_subcommand(
      "explain", "Read a workflow out and tell what happens if, or what a diagnostic means");
  explain->add_option("WORKFLOW|CODE", c.explain.subject, "For example confirm_booking, or BEL2001")
      ->required();
  explain->add_option("--dir", c.explain.directory, "The folder of definitions")
      ->capture_default_str();
  explain->add_option("--format", c.explain.format, "text, markdown or html")
      ->check(CLI::IsMember({"text", "markdown", "html"}))
      ->capture_default_str();
  explain->add_option("--out", c.explain.out, "A file to write; otherwise standard output");
  explain->callback([&] { chosen = [&] { return run(c.explain); }; });

  CLI::App* test = app.add_subcommand("test", "Run the scenarios below a folder, without a server");
  test->add_option("DIR", c.test.directory, "The folder of definitions")->capture_default_str();
  test->add_option("--filter", c.test.filter,
                   "Only scenarios whose title or workflow has this text in it");
  test->add_option("--format", c.test.format, "text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  test->add_flag("--any-plugin", c.test.any_plugin,
                 "Let actions name plugins that this program does not have");
  test->callback([&] { chosen = [&] { return run(c.test, plugins); }; });
}

void add_form_commands(CLI::App& app, Commands& c, Action& chosen) {
  CLI::App* format = app.add_subcommand("fmt", "Lay definitions out the one usual way");
  format
      ->add_option("FILE|DIR", c.format.inputs,
                   "Definitions, folders of them, or - for standard input")
      ->capture_default_str();
  format->add_flag("--check", c.format.check, "Change nothing; list the files that differ");
  format->add_flag("--upgrade", c.format.upgrade,
                   "Also mend what older versions let pass: a missing first line");
  format->add_option("--form", c.format.form, "Of standard input; otherwise its first line tells")
      ->check(CLI::IsMember({"yaml", "belay"}));
  format->callback([&] { chosen = [&] { return run(c.format); }; });

  CLI::App* convert = app.add_subcommand("convert", "Write definitions in the other form");
  convert->add_option("FILE|DIR", c.convert.input, "A definition, or a folder of them")->required();
  convert->add_option("--to", c.convert.to, "yaml or belay")
      ->required()
      ->check(CLI::IsMember({"yaml", "belay"}));
  convert->add_option("--out", c.convert.out, "A file or folder to write; needed for a folder");
  convert->callback([&] { chosen = [&] { return run(c.convert); }; });

  CLI::App* schema = app.add_subcommand("schema", "Print the JSON Schema of the YAML form");
  schema->add_option("--out", c.schema.out, "A file to write; otherwise standard output");
  schema->callback([&] { chosen = [&] { return run(c.schema); }; });
}

void add_lsp_command(CLI::App& app, Commands& c, Action& chosen, runtime::PluginRegistry& plugins) {
  CLI::App* lsp =
      app.add_subcommand("lsp", "Serve editors: the Language Server Protocol on stdin and stdout");
  lsp->add_option("DIR", c.lsp.directory,
                  "The folder of definitions below the one that the editor opens");
  lsp->add_flag("--any-plugin", c.lsp.any_plugin,
                "Let actions name plugins that this program does not have");
  lsp->add_flag("--stdio", c.lsp.stdio, "Standard input and output, as always");
  lsp->callback([&] { chosen = [&] { return run(c.lsp, plugins); }; });
}

void add_eval_command(CLI::App& app, Commands& c, Action& chosen) {
  CLI::App* eval = app.add_subcommand("eval", "Evaluate an expression");
  CLI::Option* text = eval->add_option("EXPR", c.eval.expression, "For example '2 days + 3 hours'");
  CLI::Option* with = eval->add_option("--with", c.eval.with,
                                       "A JSON file (- is standard input) whose fields are names");
  eval->add_flag("--jsonl", c.eval.jsonl,
                 "Plain CEL: cases on standard input, one JSON line each, answered in kind")
      ->excludes(text)
      ->excludes(with);
  eval->callback([&] { chosen = [&] { return run(c.eval); }; });
}

void add_edit_commands(CLI::App& app, Commands& c, Action& chosen) {
  CLI::App* diff = app.add_subcommand(
      "diff", "Tell what two versions of definitions do differently, money first");
  diff->add_option("OLD", c.diff.before, "A file or folder")->required();
  diff->add_option("NEW", c.diff.after, "A file or folder")->required();
  diff->add_option("--workflow", c.diff.workflow, "Only of this workflow and what it uses");
  diff->add_option("--format", c.diff.format, "text, markdown or json")
      ->check(CLI::IsMember({"text", "markdown", "json"}))
      ->capture_default_str();
  diff->callback([&] { chosen = [&] { return run(c.diff); }; });

  CLI::App* replay = app.add_subcommand(
      "replay", "Replay recorded histories against an edited workflow, with a verdict for each");
  replay->add_option("WORKFLOW", c.replay.workflow, "Its name")->required();
  auto* journal =
      replay->add_option("--journal", c.replay.journal,
                         "A file that `belay history ID --export` wrote; - is standard input");
  auto* server =
      replay->add_option("--server", c.replay.server,
                         "All sagas under way there [env BELAY_SERVER, http://127.0.0.1:7070]");
  journal->excludes(server);
  replay->add_option("--dir", c.replay.directory, "The edited definitions")->capture_default_str();
  replay->add_option("--format", c.replay.format, "text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  replay->callback([&] { chosen = [&] { return run(c.replay); }; });

  CLI::App* migrate = app.add_subcommand(
      "migrate", "Move a saga to another definition, when its verdict allows it");
  migrate->add_option("ID", c.migrate.id, "The saga")->required();
  migrate->add_option("--to", c.migrate.to, "The hash of a definition; otherwise the current one");
  migrate->add_option("--reason", c.migrate.reason, "Why: it is kept in the saga's history")
      ->required();
  migrate->add_flag("--dry-run", c.migrate.dry_run, "Only tell the verdict");
  migrate->add_flag("-y,--yes", c.migrate.yes, "Do not ask");
  add_server(migrate, c.migrate.server);
  migrate->callback([&] { chosen = [&] { return run(c.migrate); }; });
}

void add_serve_command(CLI::App& app, Commands& c, Action& chosen,
                       runtime::PluginRegistry& plugins) {
  CLI::App* serve = app.add_subcommand("serve", "Run sagas and serve the HTTP API");
  serve->add_option("DIR", c.serve.directory, "The folder of definitions")->capture_default_str();
  serve
      ->add_option(
          "--database", c.serve.databases,
          "A Postgres (postgresql://…); otherwise a private one is kept. Given several times, each "
          "is a cell "
          "that holds its part of all sagas: always all of them, and always in the same order")
      ->allow_extra_args(false)
      ->envname("BELAY_DATABASE");
  serve->add_option("--writers", c.serve.writers, "Connections that write, to each database")
      ->check(CLI::Range(1, static_cast<int>(runtime::kWritersMax)))
      ->capture_default_str();
  serve
      ->add_option("--requests-max", c.serve.requests_max,
                   "Requests that may wait for their answer; a tenant has a fair part of them, and "
                   "gets 429 beyond it")
      ->check(CLI::Range(10, 1'000'000))
      ->capture_default_str();
  serve
      ->add_option("--live-sagas-max", c.serve.live_sagas_max,
                   "Sagas that may run at a time; a tenant has a fair part of them, and gets 429 "
                   "for starts beyond it")
      ->check(CLI::Range(10, 10'000'000))
      ->capture_default_str();
  serve
      ->add_option("--shared-flush-rows", c.serve.shared_flush_rows,
                   "Rows that each tenant brings to a flush while others are at work")
      ->check(CLI::Range(1, 2'000))
      ->capture_default_str();
  serve
      ->add_option("--quiet-flush-rows", c.serve.quiet_flush_rows,
                   "The same while one of those others asks for little: the fewer, the less that "
                   "one waits")
      ->check(CLI::Range(1, 2'000))
      ->capture_default_str();
  serve
      ->add_option("--lease", c.serve.lease_s,
                   "Seconds that a lane stays with a node that is not heard of; calls are sent "
                   "until 5 are left. The same on all nodes")
      ->check(CLI::Range(10, 300))
      ->capture_default_str();
  CLI::Option* listen =
      serve->add_option("--listen", c.serve.listen, "HOST:PORT; port 0 picks a free one")
          ->capture_default_str();
  serve->add_option(
      "--node", c.serve.node,
      "Our name among the nodes on one database, each its own; otherwise HOST:PROCESS");
  serve->add_option("--advertise", c.serve.advertise,
                    "The URL at which other nodes reach us; otherwise that of --listen, when it is "
                    "said and names one "
                    "address. None: they go through the database");
  serve->add_option("--data", c.serve.data, "Where the private Postgres lives")
      ->capture_default_str();
  serve->add_option("--tenant", c.serve.tenant, "Tenant of requests without a key, and of webhooks")
      ->capture_default_str();
  serve->add_option("--host", c.serve.hosts, "A further name that the Host header may hold")
      ->allow_extra_args(false);
  serve
      ->add_option("--keep", c.serve.keep_days,
                   "DAYS that a saga and what belongs to it is kept after its end, at least; then "
                   "it goes with its "
                   "month. Otherwise for ever. Sagas that live are never touched")
      ->type_name("DAYS")
      ->check(CLI::Range(runtime::kKeepDaysMin, runtime::kKeepDaysMax));
  serve->add_option("--sql-role", c.serve.sql_role,
                    "The role under which SQL actions run; otherwise the connection's user");
  serve->add_option("--seal-key-file", c.serve.seal_key_file,
                    "The master key of private values, unless BELAY_SEAL_KEY holds it");
  serve->add_flag("--require-keys", c.serve.require_keys, "Ask for API keys also on loopback");
  serve->add_flag("--allow-public", c.serve.allow_public,
                  "Listen beyond this machine although no API key was made yet");
  serve->add_flag("--keep-postgres", c.serve.keep_postgres,
                  "Leave the private Postgres running at the end");
  serve->add_option("--once-ready-file", c.serve.once_ready_file,
                    "A file that gets the address once it is ready");
  serve->add_option("--log-level", c.serve.log_level, "debug, info, warn or error")
      ->check(CLI::IsMember({"debug", "info", "warn", "error"}))
      ->capture_default_str();
  serve->callback([&, listen] {
    c.serve.listen_said = listen->count() > 0;
    chosen = [&] { return run(c.serve, plugins); };
  });
}

void add_saga_commands(CLI::App& app, Commands& c, Action& chosen) {
  CLI::App* start = app.add_subcommand("start", "Start a saga");
  start->add_option("WORKFLOW", c.start.workflow, "Its workflow")->required();
  start->add_option("--input", c.start.input, "JSON, or @FILE, or @- for standard input");
  start->add_option("--key", c.start.key, "Idempotency key: the same start again is the same saga");
  start->add_option("--wait", c.start.wait_s,
                    "Wait up to so many seconds until it ends or needs a person");
  add_server(start, c.start.server);
  start->callback([&] { chosen = [&] { return run(c.start); }; });

  CLI::App* list = app.add_subcommand("list", "List sagas, newest first");
  list->add_option("--workflow", c.list.workflow, "Only of this workflow");
  list->add_option("--status", c.list.status, "running, compensating, completed or compensated");
  list->add_option(
      "--health", c.list.health,
      "ok, retrying, paused, overdue, held, unknown_outcome, undo_failed or quarantined");
  list->add_option("--key", c.list.key, "Only with this `once per` value");
  list->add_option("--waiting-on", c.list.waiting_on,
                   "Only those that wait for something with this text");
  list->add_option("--created-after", c.list.created_after, "A time, 2026-11-21T12:00:00Z");
  list->add_option("--created-before", c.list.created_before, "A time");
  list->add_option("--limit", c.list.limit, "Rows of a page")->capture_default_str();
  list->add_option("--cursor", c.list.cursor, "Where the page before ended");
  add_server(list, c.list.server);
  list->callback([&] { chosen = [&] { return run(c.list); }; });

  CLI::App* show =
      app.add_subcommand("show", "Show a saga: its steps, what it waits for, what may be done");
  show->add_option("ID", c.show.id, "The saga")->required();
  add_server(show, c.show.server);
  show->callback([&] { chosen = [&] { return run(c.show); }; });

  CLI::App* history = app.add_subcommand("history", "Tell what happened to a saga");
  history->add_option("ID", c.history.id, "The saga")->required();
  history->add_option("--at", c.history.at, "Show the saga as it was after this entry");
  history->add_flag(
      "--export", c.history.as_file,
      "Its journal and definition as JSON lines, for `belay replay`; nothing is masked");
  add_server(history, c.history.server);
  history->callback([&] { chosen = [&] { return run(c.history); }; });

  CLI::App* events = app.add_subcommand("events", "List events, newest first");
  events->add_option("--type", c.events.type, "Only of this type");
  events->add_option("--key", c.events.key, "Only with this key");
  events->add_flag("--unclaimed", c.events.unclaimed, "Only those that no saga has taken");
  events->add_option("--limit", c.events.limit, "Rows of a page")->capture_default_str();
  events->add_option("--cursor", c.events.cursor, "Where the page before ended");
  add_server(events, c.events.server);
  events->callback([&] { chosen = [&] { return run(c.events); }; });

  CLI::App* publish = app.add_subcommand("publish", "Publish an event");
  publish->add_option("TYPE", c.publish.type, "Its type")->required();
  publish->add_option("--key", c.publish.key, "Its key");
  publish->add_option("--payload", c.publish.payload, "JSON, or @FILE, or @- for standard input");
  publish->add_option("--id", c.publish.id, "Its id: the same again changes nothing");
  add_server(publish, c.publish.server);
  publish->callback([&] { chosen = [&] { return run(c.publish); }; });

  CLI::App* workflows = app.add_subcommand("workflows", "List what can be started");
  add_server(workflows, c.workflows.server);
  workflows->callback([&] { chosen = [&] { return run(c.workflows); }; });

  CLI::App* nodes =
      app.add_subcommand("nodes", "List the nodes on one database and the lanes that they hold");
  add_server(nodes, c.nodes.server);
  nodes->callback([&] { chosen = [&] { return run(c.nodes); }; });
}

void add_act_commands(CLI::App& app, Commands& c, Action& chosen) {
  struct Row {
    const char* act;
    const char* help;
    bool on_step;
  };
  for (const Row& row : {Row{"cancel", "Undo everything that a saga did", false},
                         Row{"pause", "Send nothing more for a saga until it is resumed", false},
                         Row{"resume", "Go on with a paused saga", false},
                         Row{"retry", "Try a held or waiting step again, now", true},
                         Row{"skip", "Go on as if a step had given --output", true},
                         Row{"resolve", "Say whether an unsure step happened", true}}) {
    CLI::App* act = app.add_subcommand(row.act, row.help);
    act->add_option("ID", c.act.id, "The saga")->required();
    if (row.on_step) {
      act->add_option("PATH", c.act.path, "The step, for example capture")->required();
      act->add_option("--direction", c.act.direction,
                      "do, check, undo or undo-check; otherwise the call that is held")
          ->check(CLI::IsMember({"do", "check", "undo", "undo-check"}));
    }
    act->add_option("--reason", c.act.reason, "Why: it is kept in the saga's history")->required();
    const std::string name = row.act;
    if (name == "skip")
      act->add_option("--output", c.act.output, "What the step gives: JSON, or @FILE");
    if (name == "resolve") {
      act->add_option("--happened", c.act.happened, "yes or no")
          ->required()
          ->check(CLI::IsMember({"yes", "no"}));
      act->add_option("--result", c.act.result, "What the step gave: JSON, or @FILE");
      act->add_option("--evidence", c.act.evidence, "How you know: a ledger entry, a ticket")
          ->required();
    }
    act->add_flag("--dry-run", c.act.dry_run, "Only tell what would happen");
    act->add_flag("-y,--yes", c.act.yes, "Do not ask");
    add_server(act, c.act.server);
    act->callback([&, name] {
      chosen = [&, name] {
        c.act.act = name;
        return run(c.act);
      };
    });
  }
}

void add_erase_command(CLI::App& app, Commands& c, Action& chosen) {
  CLI::App* erase =
      app.add_subcommand("erase", "Erase the private values of a saga that has ended, for good");
  erase->add_option("ID", c.erase.id, "The saga")->required();
  erase->add_option("--reason", c.erase.reason, "Why: it is kept in the audit")->required();
  erase->add_flag("--dry-run", c.erase.dry_run, "Only tell what would be lost");
  erase->add_flag("-y,--yes", c.erase.yes, "Do not ask");
  add_server(erase, c.erase.server);
  erase->callback([&] { chosen = [&] { return run(c.erase); }; });
}

void add_question_commands(CLI::App& app, Commands& c, Action& chosen) {
  CLI::App* questions = app.add_subcommand("questions", "List what sagas ask people");
  questions->add_option("--role", c.questions.role, "Only for this role");
  questions->add_option("--limit", c.questions.limit, "Rows of a page")->capture_default_str();
  questions->add_option("--cursor", c.questions.cursor, "Where the page before ended");
  add_server(questions, c.questions.server);
  questions->callback([&] { chosen = [&] { return run(c.questions); }; });

  CLI::App* answer = app.add_subcommand("answer", "Answer a question of a saga");
  answer->add_option("ID", c.act.id, "The saga")->required();
  answer->add_option("PATH", c.act.path, "The question, for example approve")->required();
  answer->add_option("--answer", c.act.answer, "Its fields: JSON, or @FILE")->required();
  answer->add_option("--reason", c.act.reason, "Why: it is kept in the saga's history");
  answer->add_flag("--dry-run", c.act.dry_run, "Only tell what would happen");
  answer->add_flag("-y,--yes", c.act.yes, "Do not ask");
  add_server(answer, c.act.server);
  answer->callback([&] {
    chosen = [&] {
      c.act.act = "answer";
      return run(c.act);
    };
  });
}

void add_key_commands(CLI::App& app, Commands& c, Action& chosen) {
  CLI::App* keys =
      app.add_subcommand("keys", "Make, list and revoke API keys (on the database itself)");
  keys->require_subcommand(1);
  const auto add = [&](const char* verb, const char* help) {
    CLI::App* command = keys->add_subcommand(verb, help);
    command
        ->add_option("--database", c.keys.databases,
                     "The Postgres; otherwise the private one. Of cells all, in their order")
        ->allow_extra_args(false)
        ->envname("BELAY_DATABASE");
    command->add_option("--data", c.keys.data, "Where the private Postgres lives")
        ->capture_default_str();
    command->add_flag("--json", c.keys.json, "JSON, for tools");
    command->callback([&, name = std::string(verb)] {
      chosen = [&, name] {
        c.keys.verb = name;
        return run(c.keys);
      };
    });
    return command;
  };
  CLI::App* create = add("create", "Make a key; it is shown once");
  create->add_option("--tenant", c.keys.tenant, "Whose sagas it reaches")->required();
  create
      ->add_option("--role", c.keys.role,
                   "viewer reads; starter starts and publishes; operator acts; admin")
      ->required()
      ->check(CLI::IsMember({"viewer", "starter", "operator", "admin"}));
  create
      ->add_option("--may-answer", c.keys.may_answer,
                   "A role of questions that it may answer whatever its own; may be said again")
      ->allow_extra_args(false);
  create->add_option("--name", c.keys.name, "Who uses it: it stands in histories");
  add("list", "List keys")->add_option("--tenant", c.keys.tenant, "Only of this tenant");
  add("revoke", "End a key")
      ->add_option("ID", c.keys.id, "As `belay keys list` shows it")
      ->required();
}

}  // namespace
}  // namespace belay::runtime::cli

namespace belay::runtime {

int belay_main(int argc, char** argv, PluginRegistry& plugins) {
  using namespace cli;
  CLI::App app{"Belay: durable sagas, declared in files and steered over HTTP", "belay"};
  app.set_version_flag("--version", "belay 0.1.0");
  app.require_subcommand(1);
  app.set_help_all_flag("--help-all", "All commands with all their options");
  Commands commands;
  Action chosen;
  add_definition_commands(app, commands, chosen, plugins);
  add_eval_command(app, commands, chosen);
  add_lsp_command(app, commands, chosen, plugins);
  add_form_commands(app, commands, chosen);
  add_serve_command(app, commands, chosen, plugins);
  add_saga_commands(app, commands, chosen);
  add_edit_commands(app, commands, chosen);
  add_act_commands(app, commands, chosen);
  add_question_commands(app, commands, chosen);
  add_erase_command(app, commands, chosen);
  add_key_commands(app, commands, chosen);
  if (argc < 2) {
    std::fputs(app.help().c_str(), stderr);
    return kUsage;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? kDone : kUsage;
  }
  return chosen ? chosen() : kUsage;
}

}  // namespace belay::runtime
