// erase: shows what will be lost for good, asks, and deletes the key of a saga's private values.
#include <cstdio>

#include "runtime/api/json_writer.h"
#include "runtime/base/ids.h"
#include "runtime/cli/client.h"
#include "runtime/cli/commands.h"
#include "runtime/cli/report.h"
#include "runtime/cli/terminal.h"

namespace belay::runtime::cli {

int run(const EraseCommand& command) {
  runtime::api::JsonWriter w;
  const std::string body = w.begin_object().field("reason", command.reason).end_object().take();
  const std::string path = "/v1/sagas/" + encoded(command.id) + "/erase";
  ApiClient client(server_address(command.server.server));
  auto shown = client.call("POST", path + "?dry_run=true", body);
  if (!shown) return report(shown.error());
  if (!shown->ok()) return report(*shown, command.server.json);
  const bool gone = bool_of(shown->json, "repeated");
  if (command.server.json && (command.dry_run || gone)) return print_json(*shown);
  if (gone) {
    std::printf("it was erased before\n");
    return kDone;
  }
  if (!command.server.json) {
    if (const interpreter::Value* preview = shown->json.find("preview"))
      print_preview(*preview, Terminal::of_stdout());
  }
  if (command.dry_run) return kDone;
  if (const auto code = not_confirmed(command.yes, "erase " + command.id + " for good"))
    return *code;
  auto done = client.call(
      "POST", path, body,
      {{"If-Match", shown->etag}, {"Idempotency-Key", "cli-" + runtime::random_hex(16)}});
  if (!done) return report(done.error());
  if (!done->ok()) return report(*done, command.server.json);
  if (command.server.json) return print_json(*done);
  std::printf("%s\n", bool_of(done->json, "repeated") ? "it was erased before" : "done: erased");
  return kDone;
}

}  // namespace belay::runtime::cli
