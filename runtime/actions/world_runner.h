// The runner of a real engine: HTTP through connectors, SQL by receipt, plugins in this process.
#pragma once
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/actions/action_runner.h"
#include "runtime/actions/connector.h"
#include "runtime/actions/http_client.h"
#include "runtime/actions/plugin.h"
#include "runtime/actions/sql_action.h"
#include "runtime/base/secret.h"

namespace belay::runtime {

struct WorldOptions {
  const PluginRegistry* plugins = nullptr;  // outlives the runner; null: none
  std::size_t plugin_threads = 8;
  std::vector<ConnectorConfig> connectors;
  HttpClient::Options http;
  SecretStore secrets;
  std::optional<SqlOptions> sql;  // none: SQL actions are answered as unavailable
  std::vector<PostgresOptions>
      sql_cells;  // of several cells (store/cells.h) all; a receipt lies with its saga
  // Something is wrong with a connector itself (keys refused, a secret missing), not with a saga.
  // Any thread; short.
  std::function<void(const std::string& connector, const std::string& what)> on_incident;
};

class WorldRunner final : public ActionRunner {
 public:
  explicit WorldRunner(WorldOptions options);
  // What waits is answered as transient, what is on its way as unsure; every `done` was called when
  // this returns.
  ~WorldRunner() override;

  void run(ActionCall call, std::function<void(ActionOutcome)> done) override;

  // Live: calls that begin from now on use these. Limits and breakers of connectors whose settings
  // did not change keep their counts.
  void set_connectors(std::vector<ConnectorConfig> connectors);

 private:
  void send(ActionCall call, std::function<void(ActionOutcome)> done);

  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace belay::runtime
