// See journal_file.h.
#include "runtime/cli/journal_file.h"

#include <fstream>
#include <iostream>

#include "interpreter/graph_codec.h"
#include "runtime/api/json_writer.h"
#include "runtime/base/environment.h"
#include "runtime/base/journal_json.h"
#include "runtime/base/json_value.h"

namespace belay::runtime::cli {

using interpreter::Value;
using runtime::api::JsonWriter;

namespace {

runtime::Failure of_answer(const ApiAnswer& answer) {
  return {answer.status == 404 ? runtime::ErrorCode::kNotFound : runtime::ErrorCode::kForbidden,
          problem_text(answer), ""};
}

RecordedEntry entry_of(const Value& json) {
  return {static_cast<std::uint64_t>(number_of(json, "seq")),
          static_cast<std::uint16_t>(number_of(json, "version")),
          number_of(json, "at_us"),
          text_of(json, "actor"),
          text_of(json, "kind"),
          text_of(json, "body")};
}

runtime::Result<void> keep_definition(const Value& json, Definitions& definitions) {
  const std::string hash = text_of(json, "definition");
  std::string bytes, error;
  auto graph = std::make_shared<interpreter::Graph>();
  if (!runtime::from_base64(text_of(json, "graph"), bytes))
    return runtime::fail(runtime::ErrorCode::kCorrupt, "definition " + hash + " is no base64");
  if (!interpreter::decode_graph(bytes, *graph, error))
    return runtime::fail(runtime::ErrorCode::kCorrupt, "definition " + hash + ": " + error);
  if (graph->hash != hash)
    return runtime::fail(runtime::ErrorCode::kCorrupt, "definition " + hash + " is another one");
  graph->environment = &runtime::environment();
  definitions[hash] = std::move(graph);
  return {};
}

}  // namespace

runtime::Result<RecordedSaga> fetch_journal(ApiClient& client, const std::string& id) {
  RecordedSaga saga;
  for (std::int64_t after = 0;;) {
    auto page = client.call(
        "GET", "/v1/sagas/" + encoded(id) + "/journal?limit=500&after=" + std::to_string(after));
    if (!page) return runtime::fail(page.error());
    if (!page->ok()) return runtime::fail(of_answer(*page));
    saga.id = text_of(page->json, "saga");
    saga.workflow = text_of(page->json, "workflow");
    saga.definition = text_of(page->json, "definition");
    saga.status = text_of(page->json, "status");
    for (const Value& entry : list_of(page->json, "entries"))
      saga.entries.push_back(entry_of(entry));
    after = number_of(page->json, "next_after");
    if (after == 0) return saga;
  }
}

runtime::Result<void> fetch_definition(ApiClient& client, const std::string& hash,
                                       Definitions& definitions, std::string* line) {
  if (definitions.contains(hash)) return {};
  auto answer = client.call("GET", "/v1/definitions/" + encoded(hash));
  if (!answer) return runtime::fail(answer.error());
  if (!answer->ok()) return runtime::fail(of_answer(*answer));
  if (line != nullptr) *line = answer->body + '\n';
  return keep_definition(answer->json, definitions);
}

std::string to_lines(const RecordedSaga& saga) {
  JsonWriter w;
  w.begin_object().field("saga", saga.id).field("workflow", saga.workflow);
  w.field("definition", saga.definition).field("status", saga.status).end_object();
  std::string lines = w.take() + '\n';
  for (const RecordedEntry& entry : saga.entries) {
    w.begin_object().field("saga", saga.id).field("seq", entry.seq);
    w.field("version", static_cast<int>(entry.version)).field("at_us", entry.at_us);
    w.field_unless_empty("actor", entry.actor).field("kind", entry.kind).field("body", entry.body);
    w.end_object();
    lines += w.take() + '\n';
  }
  return lines;
}

runtime::Result<void> read_journals(const std::string& path, Definitions& definitions,
                                    const std::function<void(const RecordedSaga&)>& saga) {
  std::ifstream file;
  if (path != "-") {
    file.open(path, std::ios::binary);
    if (!file) return runtime::fail(runtime::ErrorCode::kNotFound, "`" + path + "` cannot be read");
  }
  std::istream& in = path == "-" ? std::cin : file;
  RecordedSaga open;
  const auto close = [&] {
    if (!open.id.empty()) saga(open);
    open = {};
  };
  std::size_t number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    if (line.find_first_not_of(" \r") == std::string::npos) continue;
    const std::string where = path + ":" + std::to_string(number) + ": ";
    const auto wrong = [&](const std::string& why) {
      return runtime::fail(runtime::ErrorCode::kInvalid, where + why,
                           "lines as `belay history ID --export` writes them are wanted");
    };
    const runtime::Result<Value> json = runtime::parse_json(line);
    if (!json) return wrong("no JSON: " + json.error().message);
    if (json->find("graph") != nullptr) {
      if (auto kept = keep_definition(*json, definitions); !kept)
        return wrong(kept.error().message);
    } else if (json->find("saga") == nullptr) {
      return wrong("neither a saga, nor an entry, nor a definition");
    } else if (json->find("seq") == nullptr) {
      close();
      open.id = text_of(*json, "saga");
      open.workflow = text_of(*json, "workflow");
      open.definition = text_of(*json, "definition");
      open.status = text_of(*json, "status");
      if (open.id.empty() || open.definition.empty())
        return wrong("a saga has an id and a definition");
    } else if (text_of(*json, "saga") != open.id) {
      return wrong("an entry of a saga that has not begun");
    } else {
      open.entries.push_back(entry_of(*json));
    }
  }
  close();
  return {};
}

runtime::Result<std::vector<interpreter::Entry>> decode(const RecordedSaga& saga,
                                                        const interpreter::Graph& graph) {
  std::vector<interpreter::Entry> entries;
  entries.reserve(saga.entries.size());
  for (const RecordedEntry& one : saga.entries) {
    auto entry = runtime::decode_entry(
        graph, {one.seq, one.version, {one.at_us}, one.actor, one.kind, one.body});
    if (!entry) return runtime::fail(entry.error());
    entries.push_back(std::move(*entry));
  }
  return entries;
}

}  // namespace belay::runtime::cli
