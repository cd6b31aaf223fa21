// Acts on a saga: show first what would happen, ask, then do exactly that (If-Match) and only once
// (Idempotency-Key).
#include <cstdio>

#include "runtime/api/json_writer.h"
#include "runtime/base/ids.h"
#include "runtime/cli/client.h"
#include "runtime/cli/commands.h"
#include "runtime/cli/files.h"
#include "runtime/cli/report.h"
#include "runtime/cli/terminal.h"

namespace belay::runtime::cli {

using interpreter::Value;
using runtime::api::JsonWriter;

namespace {

runtime::Result<std::string> body_of(const ActCommand& command) {
  if (command.act == "answer") return json_argument(command.answer, "");
  JsonWriter w;
  w.begin_object()
      .field("reason", command.reason)
      .field_unless_empty("direction", command.direction);
  if (!command.output.empty()) {
    const auto output = json_argument(command.output, "");
    if (!output) return runtime::fail(output.error());
    w.raw_field("output", *output);
  }
  if (command.act == "resolve") {
    w.field("happened", command.happened == "yes").field("evidence", command.evidence);
    if (!command.result.empty()) {
      const auto result = json_argument(command.result, "");
      if (!result) return runtime::fail(result.error());
      w.raw_field("result", *result);
    }
  }
  return w.end_object().take();
}

std::string path_of(const ActCommand& command) {
  std::string path = "/v1/sagas/" + encoded(command.id);
  const bool answers = command.act == "answer";
  if (!command.path.empty()) path += (answers ? "/questions/" : "/steps/") + encoded(command.path);
  return path + "/" + command.act;
}

// The preview of an answer (of a dry run, or of a problem), or null.
const Value& preview_of(const ApiAnswer& answer) {
  static const Value kNone;
  const Value* preview = answer.json.find("preview");
  return preview == nullptr ? kNone : *preview;
}

int print_done(const ApiAnswer& answer, const Terminal& terminal) {
  const std::string health = text_of(answer.json, "health"),
                    waiting = harmless(text_of(answer.json, "waiting_on"));
  std::printf("%s: %s, %s%s\n", bool_of(answer.json, "repeated") ? "it was done before" : "done",
              text_of(answer.json, "status").c_str(),
              terminal.paint(colour_of_health(health), health).c_str(),
              waiting.empty() ? "" : (", waiting on " + waiting).c_str());
  return kDone;
}

}  // namespace

int run(const ActCommand& command) {
  const auto body = body_of(command);
  if (!body) return report(body.error());
  const Terminal terminal = Terminal::of_stdout();
  ApiClient client(server_address(command.server.server));
  // The body of an answer is the answer.
  const std::string reason = command.act == "answer" ? command.reason : "";
  auto shown = client.call(
      "POST", path_of(command) + query_of({{"dry_run", "true"}, {"reason", reason}}), *body);
  if (!shown) return report(shown.error());
  if (!shown->ok()) return report(*shown, command.server.json);
  const Value& preview = preview_of(*shown);
  const bool allowed = bool_of(preview, "allowed");
  if (command.server.json && (command.dry_run || !allowed)) {
    print_json(*shown);
    return allowed ? kDone : kRefused;
  }
  if (!allowed) {
    std::fprintf(stderr, "belay: this is not possible now: %s\n",
                 harmless(text_of(preview, "why_not")).c_str());
    return kRefused;
  }
  if (!command.server.json) print_preview(preview, terminal);
  if (command.dry_run) return kDone;
  const std::string what = command.path.empty() ? command.id : command.path;
  if (const auto code = not_confirmed(command.yes, command.act + " " + what)) return *code;
  auto done = client.call(
      "POST", path_of(command) + query_of({{"reason", reason}}), *body,
      {{"If-Match", shown->etag}, {"Idempotency-Key", "cli-" + runtime::random_hex(16)}});
  if (!done) return report(done.error());
  if (!done->ok()) {
    const int code = report(*done, command.server.json);
    if (done->status == 412 && !command.server.json) {
      std::printf("as it is now:\n");
      print_preview(preview_of(*done), terminal);
    }
    return code;
  }
  return command.server.json ? print_json(*done) : print_done(*done, terminal);
}

}  // namespace belay::runtime::cli
