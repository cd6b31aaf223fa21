// migrate: shows the verdict, asks, moves the saga.
#include <cstdio>

#include "runtime/api/json_writer.h"
#include "runtime/base/ids.h"
#include "runtime/cli/client.h"
#include "runtime/cli/commands.h"
#include "runtime/cli/report.h"
#include "runtime/cli/terminal.h"

namespace belay::runtime::cli {

using interpreter::Value;

namespace {

void print_verdict(const Value& answer) {
  const Value* verdict = answer.find("verdict");
  if (verdict == nullptr) return;
  std::printf("%s\n", harmless(text_of(*verdict, "text")).c_str());
  for (const Value& line : list_of(*verdict, "recorded"))
    std::printf("    recorded  %s\n", harmless(line.as_string()).c_str());
  for (const Value& line : list_of(*verdict, "instead"))
    std::printf("    now       %s\n", harmless(line.as_string()).c_str());
}

}  // namespace

int run(const MigrateCommand& command) {
  runtime::api::JsonWriter w;
  w.begin_object()
      .field("reason", command.reason)
      .field_unless_empty("to", command.to)
      .end_object();
  const std::string body = w.take();
  const std::string path = "/v1/sagas/" + encoded(command.id) + "/migrate";
  ApiClient client(server_address(command.server.server));
  auto shown = client.call("POST", path + "?dry_run=true", body);
  if (!shown) return report(shown.error());
  if (!shown->ok()) return report(*shown, command.server.json);
  const Value* verdict = shown->json.find("verdict");
  const bool movable = verdict != nullptr && bool_of(*verdict, "movable");
  const bool only_told = command.dry_run || !movable;
  if (command.server.json && only_told) print_json(*shown);
  if (!command.server.json) print_verdict(shown->json);
  if (!movable) {
    if (!command.server.json)
      std::fprintf(stderr, "belay: the saga stays under its own definition\n");
    return kRefused;
  }
  if (command.dry_run) return kDone;
  if (const auto code = not_confirmed(command.yes, "move " + command.id)) return *code;
  auto done = client.call(
      "POST", path, body,
      {{"If-Match", shown->etag}, {"Idempotency-Key", "cli-" + runtime::random_hex(16)}});
  if (!done) return report(done.error());
  if (!done->ok()) return report(*done, command.server.json);
  if (command.server.json) return print_json(*done);
  std::printf("done, it goes by version %lld now; it is %s, %s\n",
              static_cast<long long>(number_of(done->json, "to_version")),
              text_of(done->json, "status").c_str(), text_of(done->json, "health").c_str());
  return kDone;
}

}  // namespace belay::runtime::cli
