// `belay keys`: API keys, made and ended by whoever may reach the database itself.
#include <algorithm>
#include <cstdio>

#include "runtime/api/api.h"
#include "runtime/api/json_writer.h"
#include "runtime/base/ids.h"
#include "runtime/cli/commands.h"
#include "runtime/cli/report.h"
#include "runtime/cli/serve.h"
#include "runtime/store/cell_reader.h"
#include "runtime/store/cells.h"

namespace belay::runtime::cli {

using api::JsonWriter;

namespace {

int create(const KeysCommand& command, Reader& reader) {
  if (command.tenant.empty() || !api::is_clean(command.tenant, 100) ||
      !api::is_clean(command.name, 100)) {
    std::fprintf(stderr, "belay: tenant and name must be plain text of at most 100 bytes\n");
    return kUsage;
  }
  const auto is_role = [](const std::string& role) {
    return !role.empty() && role.size() <= 100 &&
           role.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_.") == std::string::npos;
  };
  if (!std::all_of(command.may_answer.begin(), command.may_answer.end(), is_role)) {
    std::fprintf(stderr, "belay: a role is written as in the workflow: lower_snake\n");
    return kUsage;
  }
  ApiKeyRow row;
  row.id = "key_" + random_hex(8);
  row.tenant = command.tenant;
  row.role = command.role;
  row.name = command.name;
  row.may_answer = command.may_answer;
  row.created_at = {wall_clock_us()};
  const std::string key = api::make_api_key();
  if (auto added = reader.add_api_key(row, sha256_hex(key)); !added) return report(added.error());
  JsonWriter w;
  w.begin_object()
      .field("id", row.id)
      .field("tenant", row.tenant)
      .field("role", row.role)
      .field("name", row.name)
      .strings("may_answer", row.may_answer);
  const std::string detail = JsonWriter(w).end_object().take();
  (void)reader.audit(row.tenant, "cli", "key.created",
                     detail);  // the key counts, whether or not this was written down
  if (command.json) {
    std::printf("%s\n", w.field("key", key).end_object().take().c_str());
    return kDone;
  }
  std::printf("%s\n", key.c_str());
  std::fprintf(stderr,
               "this is shown once; send it as `Authorization: Bearer …` or set BELAY_API_KEY. Its "
               "id is %s\n",
               row.id.c_str());
  return kDone;
}

int list(const KeysCommand& command, Reader& reader) {
  Result<std::vector<ApiKeyRow>> keys = reader.api_keys(command.tenant);
  if (!keys) return report(keys.error());
  const std::int64_t now = wall_clock_us();
  JsonWriter w;
  w.begin_array();
  std::vector<std::vector<Cell>> rows;
  for (const ApiKeyRow& key : *keys) {
    w.begin_object()
        .field("id", key.id)
        .field("tenant", key.tenant)
        .field("role", key.role)
        .field("name", key.name)
        .strings("may_answer", key.may_answer);
    w.field("revoked", static_cast<bool>(key.revoked_at)).end_object();
    rows.push_back(
        {key.id, harmless(key.tenant), key.role, harmless(key.name),
         relative(key.created_at.us, now),
         key.revoked_at ? Cell("revoked", Colour::kRed) : Cell("valid", Colour::kGreen)});
  }
  if (command.json)
    std::printf("%s\n", w.end_array().take().c_str());
  else if (rows.empty())
    std::printf("no keys\n");
  else
    std::fputs(
        table(Terminal::of_stdout(), {"ID", "TENANT", "ROLE", "NAME", "MADE", ""}, rows).c_str(),
        stdout);
  return kDone;
}

int revoke(const KeysCommand& command, Reader& reader) {
  Result<bool> revoked = reader.revoke_api_key(command.id);
  if (!revoked) return report(revoked.error());
  if (!*revoked) {
    std::fprintf(
        stderr,
        "belay: there is no valid key with the id `%s`\nhelp: `belay keys list` shows them\n",
        command.id.c_str());
    return kRefused;
  }
  JsonWriter w;
  (void)reader.audit("", "cli", "key.revoked",
                     w.begin_object().field("id", command.id).end_object().take());
  std::printf("revoked; servers notice within seconds\n");
  return kDone;
}

}  // namespace

int run(const KeysCommand& command) {
  std::unique_ptr<PrivatePostgres> postgres;
  const auto progress = [](std::string_view line) {
    std::fprintf(stderr, "%.*s\n", static_cast<int>(line.size()), line.data());
  };
  Result<std::vector<PostgresOptions>> databases =
      connect_to_all(command.databases, command.data, false, progress, postgres);
  if (!databases) return report(databases.error());
  if (auto settled = settle_cells(*databases); !settled) return report(settled.error());
  Result<std::unique_ptr<Reader>> reader = open_readers(*databases, 1);
  if (!reader) return report(reader.error());
  if (command.verb == "create") return create(command, **reader);
  if (command.verb == "list") return list(command, **reader);
  return revoke(command, **reader);
}

}  // namespace belay::runtime::cli
