// See world_runner.h.
#include "runtime/actions/world_runner.h"

#include <utility>

#include "runtime/actions/action_decode.h"
#include "runtime/actions/http_action.h"
#include "runtime/actions/pace.h"
#include "runtime/actions/plugin_runner.h"
#include "runtime/store/cells.h"

namespace belay::runtime {

namespace {

// A call that is held back by its rate. One that is thrown away with the runner is answered all the
// same.
struct Waiting {
  Waiting(ActionCall c, std::function<void(ActionOutcome)> d)
      : call(std::move(c)), done(std::move(d)) {}
  ~Waiting() { give_up("belay is shutting down"); }
  void give_up(const char* why) {
    auto tell = std::exchange(done, nullptr);
    if (tell) tell(failed(interpreter::FailureKind::kTransient, "unavailable", why, 1000));
  }
  ActionCall call;
  std::function<void(ActionOutcome)> done;
};

}  // namespace

struct WorldRunner::Parts {
  const PluginRegistry none;
  std::unique_ptr<PluginRunner> plugins;
  std::vector<std::unique_ptr<SqlRunner>> sql;  // by cell
  std::unique_ptr<HttpRunner> http;
  Pace pace;  // last: nothing is let out any more when the others end
};

WorldRunner::WorldRunner(WorldOptions options) : parts_(std::make_unique<Parts>()) {
  const PluginRegistry& plugins = options.plugins != nullptr ? *options.plugins : parts_->none;
  parts_->plugins = std::make_unique<PluginRunner>(plugins, options.plugin_threads);
  if (options.sql) {
    if (options.sql_cells.empty()) options.sql_cells.push_back(options.sql->database);
    for (PostgresOptions& database : options.sql_cells) {
      SqlOptions sql = *options.sql;
      sql.database = std::move(database);
      parts_->sql.push_back(std::make_unique<SqlRunner>(std::move(sql)));
    }
  }
  parts_->http = std::make_unique<HttpRunner>(
      HttpRunnerOptions{.connectors = std::move(options.connectors),
                        .client = std::move(options.http),
                        .secrets = std::move(options.secrets),
                        .on_incident = std::move(options.on_incident)});
}

WorldRunner::~WorldRunner() = default;

// A limit of the workflow comes before the connector's own.
void WorldRunner::run(ActionCall call, std::function<void(ActionOutcome)> done) {
  if (call.rate_count == 0 || call.rate_per_ms <= 0) return send(std::move(call), std::move(done));
  const std::string measure = call.rate_measure;
  const std::uint32_t count = call.rate_count;
  const std::int64_t per_ms = call.rate_per_ms;
  auto waiting = std::make_shared<Waiting>(std::move(call), std::move(done));
  const bool taken = parts_->pace.pass(measure, count, per_ms, [this, waiting] {
    send(std::move(waiting->call), std::exchange(waiting->done, nullptr));
  });
  if (!taken) waiting->give_up("too many calls wait for their rate");
}

void WorldRunner::send(ActionCall call, std::function<void(ActionOutcome)> done) {
  switch (action_of(call).runs) {
    case interpreter::Action::Runs::kHttp:
      return parts_->http->run(std::move(call), std::move(done));
    case interpreter::Action::Runs::kPlugin:
      return parts_->plugins->run(std::move(call), std::move(done));
    case interpreter::Action::Runs::kSql:
      if (!parts_->sql.empty()) {
        SqlRunner& of_cell = *parts_->sql[cell_of_lane(call.lane, parts_->sql.size())];
        return of_cell.run(std::move(call), std::move(done));
      }
      done(failed(interpreter::FailureKind::kTransient, "unavailable",
                  "no database is set up for SQL actions"));
      return;
  }
}

void WorldRunner::set_connectors(std::vector<ConnectorConfig> connectors) {
  parts_->http->set_connectors(std::move(connectors));
}

}  // namespace belay::runtime
