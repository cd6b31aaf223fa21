// start, list, show, history, events, publish, workflows, nodes: asking the API and telling people
// what it said.
#include <chrono>
#include <cstdio>
#include <thread>

#include "runtime/api/json_writer.h"
#include "runtime/cli/client.h"
#include "runtime/cli/commands.h"
#include "runtime/cli/files.h"
#include "runtime/cli/journal_file.h"
#include "runtime/cli/report.h"
#include "runtime/cli/terminal.h"

namespace belay::runtime::cli {

using interpreter::Value;
using runtime::api::JsonWriter;

namespace {

std::string row_time(const Value& row, const char* member, std::int64_t now) {
  return relative(instant_us(text_of(row, member)), now);
}

void print_next(const Value& json, const char* hint) {
  const std::string next = text_of(json, "next");
  if (!next.empty()) std::printf("more: %s --cursor %s\n", hint, next.c_str());
}

// Until it has ended or a person must act; the last answer.
runtime::Result<ApiAnswer> wait_for(ApiClient& client, const std::string& id, int seconds) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  for (;;) {
    auto answer = client.call("GET", "/v1/sagas/" + encoded(id));
    if (!answer || !answer->ok() || is_at_rest(answer->json) ||
        std::chrono::steady_clock::now() >= until)
      return answer;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
}

// A file that a replay takes: the definition, the saga, its entries.
int export_journal(ApiClient& client, const std::string& id) {
  const auto saga = fetch_journal(client, id);
  if (!saga) return report(saga.error());
  Definitions definitions;
  std::string line;
  const auto known = fetch_definition(client, saga->definition, definitions, &line);
  if (!known) return report(known.error());
  std::printf("%s%s", line.c_str(), to_lines(*saga).c_str());
  return kDone;
}

// Lanes in a row as one: "0-3, 7".
std::string lane_ranges(const interpreter::List& lanes) {
  std::string out;
  for (std::size_t i = 0; i < lanes.size();) {
    std::size_t end = i;
    while (end + 1 < lanes.size() && lanes[end + 1].as_int() == lanes[end].as_int() + 1) ++end;
    out += (out.empty() ? "" : ", ") + std::to_string(lanes[i].as_int());
    if (end > i) out += "-" + std::to_string(lanes[end].as_int());
    i = end + 1;
  }
  return out;
}

}  // namespace

int run(const StartCommand& command) {
  const auto input = json_argument(command.input, "{}");
  if (!input) return report(input.error());
  JsonWriter w;
  w.begin_object().field("workflow", command.workflow).raw_field("input", *input).end_object();
  Headers headers;
  if (!command.key.empty()) headers.emplace_back("Idempotency-Key", command.key);
  ApiClient client(server_address(command.server.server));
  auto answer = client.call("POST", "/v1/sagas", w.take(), std::move(headers));
  if (!answer) return report(answer.error());
  if (!answer->ok()) return report(*answer, command.server.json);
  const std::string id = text_of(answer->json, "id");
  const bool created = bool_of(answer->json, "created");
  if (command.wait_s > 0) {
    auto last = wait_for(client, id, command.wait_s);
    if (!last) return report(last.error());
    if (!last->ok()) return report(*last, command.server.json);
    if (command.server.json)
      print_json(*last);
    else
      print_saga(last->json, Terminal::of_stdout());
    return text_of(last->json, "status") == "completed" ? kDone : kRefused;
  }
  if (command.server.json)
    print_json(*answer);
  else
    std::printf("%s%s\n", id.c_str(), created ? "" : "  (it was started before)");
  return kDone;
}

int run(const ListCommand& command) {
  ApiClient client(server_address(command.server.server));
  auto answer =
      client.call("GET", "/v1/sagas" + query_of({{"workflow", command.workflow},
                                                 {"status", command.status},
                                                 {"health", command.health},
                                                 {"key", command.key},
                                                 {"waiting_on", command.waiting_on},
                                                 {"created_after", command.created_after},
                                                 {"created_before", command.created_before},
                                                 {"limit", std::to_string(command.limit)},
                                                 {"cursor", command.cursor}}));
  if (!answer) return report(answer.error());
  if (!answer->ok()) return report(*answer, command.server.json);
  if (command.server.json) return print_json(*answer);
  const std::int64_t now = wall_clock_us();
  std::vector<std::vector<Cell>> rows;
  for (const Value& saga : list_of(answer->json, "sagas")) {
    const std::string health = text_of(saga, "health");
    const std::string waiting = text_of(saga, "waiting_on");
    rows.push_back({text_of(saga, "id"), harmless(text_of(saga, "workflow")),
                    text_of(saga, "status"), Cell(health, colour_of_health(health)),
                    row_time(saga, "since", now), row_time(saga, "created_at", now),
                    harmless(waiting.empty() ? text_of(saga, "failure") : waiting)});
  }
  if (rows.empty()) {
    std::printf("no sagas\n");
    return kDone;
  }
  std::fputs(table(Terminal::of_stdout(),
                   {"ID", "WORKFLOW", "STATUS", "HEALTH", "SINCE", "STARTED", "WAITING ON"}, rows)
                 .c_str(),
             stdout);
  print_next(answer->json, "belay list");
  return kDone;
}

int run(const ShowCommand& command) {
  ApiClient client(server_address(command.server.server));
  auto answer = client.call("GET", "/v1/sagas/" + encoded(command.id));
  if (!answer) return report(answer.error());
  if (!answer->ok()) return report(*answer, command.server.json);
  if (command.server.json) return print_json(*answer);
  print_saga(answer->json, Terminal::of_stdout());
  return kDone;
}

int run(const HistoryCommand& command) {
  ApiClient client(server_address(command.server.server));
  if (command.as_file) return export_journal(client, command.id);
  const std::string path = "/v1/sagas/" + encoded(command.id) + "/history";
  if (command.at > 0) {
    auto answer = client.call("GET", path + "?at=" + std::to_string(command.at));
    if (!answer) return report(answer.error());
    if (!answer->ok()) return report(*answer, command.server.json);
    if (command.server.json) return print_json(*answer);
    print_saga(answer->json, Terminal::of_stdout());
    return kDone;
  }
  const Terminal terminal = Terminal::of_stdout();
  std::int64_t begun = 0;
  for (std::int64_t after = 0;;) {
    auto answer = client.call("GET", path + "?limit=500&after=" + std::to_string(after));
    if (!answer) return report(answer.error());
    if (!answer->ok()) return report(*answer, command.server.json);
    if (command.server.json)
      print_json(*answer);
    else
      print_timeline(answer->json, terminal, begun);
    after = number_of(answer->json, "next_after");
    if (after == 0) return kDone;
  }
}

int run(const QuestionsCommand& command) {
  ApiClient client(server_address(command.server.server));
  auto answer =
      client.call("GET", "/v1/questions" + query_of({{"role", command.role},
                                                     {"limit", std::to_string(command.limit)},
                                                     {"cursor", command.cursor}}));
  if (!answer) return report(answer.error());
  if (!answer->ok()) return report(*answer, command.server.json);
  if (command.server.json) return print_json(*answer);
  const std::int64_t now = wall_clock_us();
  std::vector<std::vector<Cell>> rows;
  for (const Value& question : list_of(answer->json, "questions")) {
    rows.push_back({row_time(question, "since", now), harmless(text_of(question, "role")),
                    text_of(question, "saga"), harmless(text_of(question, "path")),
                    harmless(text_of(question, "question"))});
  }
  if (rows.empty()) {
    std::printf("no open questions\n");
    return kDone;
  }
  std::fputs(
      table(Terminal::of_stdout(), {"SINCE", "ROLE", "SAGA", "PATH", "QUESTION"}, rows).c_str(),
      stdout);
  if (const std::string next = text_of(answer->json, "next"); !next.empty())
    std::printf("more: --cursor %s\n", next.c_str());
  return kDone;
}

int run(const EventsCommand& command) {
  ApiClient client(server_address(command.server.server));
  auto answer =
      client.call("GET", "/v1/events" + query_of({{"type", command.type},
                                                  {"key", command.key},
                                                  {"unclaimed", command.unclaimed ? "true" : ""},
                                                  {"limit", std::to_string(command.limit)},
                                                  {"cursor", command.cursor}}));
  if (!answer) return report(answer.error());
  if (!answer->ok()) return report(*answer, command.server.json);
  if (command.server.json) return print_json(*answer);
  const std::int64_t now = wall_clock_us();
  std::vector<std::vector<Cell>> rows;
  for (const Value& event : list_of(answer->json, "events")) {
    const bool claimed = bool_of(event, "claimed");
    rows.push_back(
        {row_time(event, "at", now), harmless(text_of(event, "type")),
         harmless(text_of(event, "key")),
         Cell(claimed ? "taken" : "unclaimed", claimed ? Colour::kGreen : Colour::kYellow),
         harmless(text_of(event, "id"))});
  }
  if (rows.empty()) {
    std::printf("no events\n");
    return kDone;
  }
  std::fputs(table(Terminal::of_stdout(), {"WHEN", "TYPE", "KEY", "", "ID"}, rows).c_str(), stdout);
  print_next(answer->json, "belay events");
  return kDone;
}

int run(const PublishCommand& command) {
  const auto payload = json_argument(command.payload, "{}");
  if (!payload) return report(payload.error());
  JsonWriter w;
  w.begin_object().field("type", command.type).field_unless_empty("key", command.key);
  w.raw_field("payload", *payload).field_unless_empty("id", command.id).end_object();
  ApiClient client(server_address(command.server.server));
  auto answer = client.call("POST", "/v1/events", w.take());
  if (!answer) return report(answer.error());
  if (!answer->ok()) return report(*answer, command.server.json);
  if (command.server.json) return print_json(*answer);
  std::printf("%s%s\n", harmless(text_of(answer->json, "id")).c_str(),
              bool_of(answer->json, "duplicate") ? "  (it was published before)" : "");
  return kDone;
}

int run(const NodesCommand& command) {
  ApiClient client(server_address(command.server.server));
  auto answer = client.call("GET", "/v1/nodes");
  if (!answer) return report(answer.error());
  if (!answer->ok()) return report(*answer, command.server.json);
  if (command.server.json) return print_json(*answer);
  std::vector<std::vector<Cell>> rows;
  for (const Value& node : list_of(answer->json, "nodes")) {
    const std::int64_t lease_ms = number_of(node, "lease_ms");
    const std::string address = text_of(node, "address");
    rows.push_back({harmless(text_of(node, "node")) + (bool_of(node, "me") ? " *" : ""),
                    harmless(address.empty() ? "(by mail)" : address),
                    Cell(lease_ms > 0 ? std::to_string(lease_ms / 1000) + " s" : "over",
                         lease_ms > 0 ? Colour::kNone : Colour::kRed),
                    std::to_string(number_of(node, "lane_count")),
                    lane_ranges(list_of(node, "lanes"))});
  }
  if (rows.empty()) {
    std::printf("no nodes: this server knows only itself\n");
    return kDone;
  }
  std::fputs(
      table(Terminal::of_stdout(), {"NODE", "ADDRESS", "LEASE", "COUNT", "LANES"}, rows).c_str(),
      stdout);
  if (const auto& unheld = list_of(answer->json, "unheld"); !unheld.empty())
    std::printf("held by nobody now: %s\n", lane_ranges(unheld).c_str());
  return kDone;
}

int run(const WorkflowsCommand& command) {
  ApiClient client(server_address(command.server.server));
  auto answer = client.call("GET", "/v1/workflows");
  if (!answer) return report(answer.error());
  if (!answer->ok()) return report(*answer, command.server.json);
  if (command.server.json) return print_json(*answer);
  std::vector<std::vector<Cell>> rows;
  for (const Value& workflow : list_of(answer->json, "workflows")) {
    rows.push_back(
        {harmless(text_of(workflow, "name")), std::to_string(number_of(workflow, "version")),
         text_of(workflow, "definition").substr(0, 12), harmless(text_of(workflow, "title"))});
  }
  std::fputs(
      table(Terminal::of_stdout(), {"WORKFLOW", "VERSION", "DEFINITION", "TITLE"}, rows).c_str(),
      stdout);
  return kDone;
}

}  // namespace belay::runtime::cli
