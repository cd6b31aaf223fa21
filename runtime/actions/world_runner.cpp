// See world_runner.h.
#include "runtime/actions/world_runner.h"

#include "runtime/actions/action_decode.h"
#include "runtime/actions/http_action.h"
#include "runtime/actions/plugin_runner.h"

namespace belay::runtime {

struct WorldRunner::Parts {
  const PluginRegistry none;
  std::unique_ptr<PluginRunner> plugins;
  std::unique_ptr<SqlRunner> sql;
  std::unique_ptr<HttpRunner> http;
};

WorldRunner::WorldRunner(WorldOptions options) : parts_(std::make_unique<Parts>()) {
  const PluginRegistry& plugins = options.plugins != nullptr ? *options.plugins : parts_->none;
  parts_->plugins = std::make_unique<PluginRunner>(plugins, options.plugin_threads);
  if (options.sql) parts_->sql = std::make_unique<SqlRunner>(std::move(*options.sql));
  parts_->http = std::make_unique<HttpRunner>(HttpRunnerOptions{.connectors = std::move(options.connectors),
                                                                .client = std::move(options.http),
                                                                .secrets = std::move(options.secrets),
                                                                .on_incident = std::move(options.on_incident)});
}

WorldRunner::~WorldRunner() = default;

void WorldRunner::run(ActionCall call, std::function<void(ActionOutcome)> done) {
  switch (action_of(call).runs) {
    case interpreter::Action::Runs::kHttp: return parts_->http->run(std::move(call), std::move(done));
    case interpreter::Action::Runs::kPlugin: return parts_->plugins->run(std::move(call), std::move(done));
    case interpreter::Action::Runs::kSql:
      if (parts_->sql != nullptr) return parts_->sql->run(std::move(call), std::move(done));
      done(failed(interpreter::FailureKind::kTransient, "unavailable", "no database is set up for SQL actions"));
      return;
  }
}

void WorldRunner::set_connectors(std::vector<ConnectorConfig> connectors) {
  parts_->http->set_connectors(std::move(connectors));
}

}  // namespace belay::runtime
