// Belay as an object: database, engine, runner of actions and HTTP server, put together in the
// order that they need and taken apart in reverse. `belay serve` is this and signals; tests and the
// benchmark run it in their own process.
//
//   auto program = compile_program("workflows", plugins);
//   ServeOptions options;  options.program = std::move(*program);  options.port = 0;
//   auto service = Service::start(std::move(options));
//   … (*service)->engine().start(…) or HTTP at (*service)->url() …
//
// Tested in tests/system/api_test.cpp.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dsl/compile.h"
#include "runtime/actions/plugin.h"
#include "runtime/api/api.h"
#include "runtime/base/secret.h"
#include "runtime/engine/engine.h"
#include "runtime/store/private_postgres.h"
#include "runtime/store/reader.h"

namespace belay::runtime {

struct ServeOptions {
  dsl::CompiledProgram program;
  // Outlives the service. Null: no plugins.
  const PluginRegistry* plugins = nullptr;

  // libpq, one for each cell in their order (store/cells.h); none: a private Postgres below `data`.
  std::vector<std::string> databases;
  std::size_t writers = 1;  // connections that flush, of each database
  std::string data = ".belay";
  bool stop_postgres = false;  // the private one, at stop()

  // A file with the master key of private values (32 bytes in base64 or hex); BELAY_SEAL_KEY in the
  // environment counts before it. Neither: with the private Postgres a file `seal.key` below
  // `data`, made when it is first needed; with a database of one's own, workflows with private
  // values are refused.
  std::string seal_key_file;

  int keep_days = 0;  // what ended so long ago goes (store/retention.h); 0: nothing ever does

  std::string sql_role;  // of the statements of SQL actions; empty: the connection's user

  bool http = true;  // false: only the engine (benchmarks)
  std::string host = "127.0.0.1";
  int port = 7070;                 // 0: any free one
  bool allow_public = false;       // listen beyond loopback although no API key was made
  bool require_keys = false;       // also on loopback
  std::vector<std::string> hosts;  // further names for the Host header on loopback
  std::string tenant = "default";

  // `node` and `address` are who we are for other nodes on the same database; `node` empty: made of
  // host and process. `lease_ms` is also what a flush gives a lane in the database.
  EngineOptions engine;
  // One line a call, for people: what takes a while. May be empty.
  std::function<void(std::string_view)> progress;
};

class Service {
 public:
  // Returns when it serves. Failures: kMisconfigured, kUnavailable, kConflict (a workflow's version
  // is known with another content), kForbidden (a public address without keys).
  static Result<std::unique_ptr<Service>> start(ServeOptions options);
  ~Service();  // stop()

  // Clean: answers what is being asked, lets the last flush commit, hands the lanes over; what is
  // asked meanwhile is handed over to other nodes, or refused with 503 and Retry-After. Idempotent.
  void stop();

  Engine& engine();
  Reader& reader();
  const std::string& url() const;         // "http://127.0.0.1:7070"; empty without HTTP
  const std::string& connection() const;  // libpq, of the first cell
  PrivatePostgres* postgres();            // null with a database of one's own
  const std::vector<api::Route>& routes() const;

 private:
  struct Parts;
  explicit Service(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

// Everything below a folder, or kInvalid with all diagnostics as its message.
Result<dsl::CompiledProgram> compile_program(const std::string& directory,
                                             const PluginRegistry& plugins, bool colour = false);

// Where other nodes reach a server that listens there, when nobody says: nothing for port 0 and for
// addresses that mean "all of them".
std::string advertised(const std::string& host, int port);

// Whether an address is one that only this machine reaches: 127.0.0.0/8, ::1, localhost.
bool is_loopback(const std::string& host);

// The database of an option: its own, or the private one below `data`, started or adopted (then
// `postgres` holds it).
Result<std::string> connect_to(const std::string& database, const std::string& data,
                               bool stop_postgres,
                               const std::function<void(std::string_view)>& progress,
                               std::unique_ptr<PrivatePostgres>& postgres);

// The databases of options, with all migrations: those named, of which one may be several with
// blanks between (BELAY_DATABASE), or the private one.
Result<std::vector<PostgresOptions>> connect_to_all(
    const std::vector<std::string>& databases, const std::string& data, bool stop_postgres,
    const std::function<void(std::string_view)>& progress,
    std::unique_ptr<PrivatePostgres>& postgres);

}  // namespace belay::runtime
