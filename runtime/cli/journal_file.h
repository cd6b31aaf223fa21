// Journals on their way to a replay: from the server's API, or from a file of JSON lines as `belay
// history ID --export` writes it. Lines of three kinds:
//
//   {"definition":HASH,"workflow":…,"version":…,"graph":BASE64}            before its first use
//   {"saga":ID,"workflow":…,"definition":HASH,"status":…}                  one saga begins
//   {"saga":ID,"seq":1,"version":1,"at_us":…,"actor":…,"kind":…,"body":…}  its entries, in order
//
// Tested with a server by docs/ops/migrating.md (tests/docs/migrating_world.sh).
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "interpreter/graph.h"
#include "interpreter/journal.h"
#include "runtime/base/result.h"
#include "runtime/cli/client.h"

namespace belay::runtime::cli {

struct RecordedEntry {
  std::uint64_t seq = 0;
  std::uint16_t version = 1;
  std::int64_t at_us = 0;
  std::string actor, kind, body;
};
struct RecordedSaga {
  std::string id, workflow, definition, status;
  std::vector<RecordedEntry> entries;
};
using Definitions = std::map<std::string, std::shared_ptr<const interpreter::Graph>>;  // by hash

// Of one saga, all pages.
runtime::Result<RecordedSaga> fetch_journal(ApiClient& client, const std::string& id);
// Into `definitions`, unless it is there. `line` (may be null) gets it as a line of the file.
runtime::Result<void> fetch_definition(ApiClient& client, const std::string& hash,
                                       Definitions& definitions, std::string* line);
// The lines of a saga, without its definition's.
std::string to_lines(const RecordedSaga& saga);

// Reads a file saga by saga; "-" is standard input. The failure names the line.
runtime::Result<void> read_journals(const std::string& path, Definitions& definitions,
                                    const std::function<void(const RecordedSaga&)>& saga);

// By the definition that wrote them.
runtime::Result<std::vector<interpreter::Entry>> decode(const RecordedSaga& saga,
                                                        const interpreter::Graph& graph);

}  // namespace belay::runtime::cli
