// HTTP actions: a call becomes a request by its connector, waits for the connector's limiter, is
// refused while its breaker is open, and its answer becomes an outcome: the action's rules first,
// then the table of http_outcome.h. Tested in tests/runtime/plugin_http_action_test.cpp.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "runtime/actions/action_runner.h"
#include "runtime/actions/connector.h"
#include "runtime/actions/http_client.h"
#include "runtime/base/secret.h"

namespace belay::runtime {

struct HttpRunnerOptions {
  std::vector<ConnectorConfig> connectors;
  HttpClient::Options client;
  SecretStore secrets;
  std::function<void(const std::string& connector, const std::string& what)> on_incident;
};

// What the runner needs of a call besides the connector: the evaluated request. Failure: an
// expression failed or a value cannot be encoded; nothing was sent.
Result<CallParts> parts_of(const ActionCall& call, const ConnectorConfig& connector);

// What an answer means for the saga. `incident` is set to words when something is wrong with the
// connector itself.
ActionOutcome outcome_of_answer(const ActionCall& call, const OutgoingResponse& response,
                                std::string& incident);

class HttpRunner final : public ActionRunner {
 public:
  explicit HttpRunner(HttpRunnerOptions options);
  ~HttpRunner() override;

  void run(ActionCall call, std::function<void(ActionOutcome)> done) override;
  void set_connectors(std::vector<ConnectorConfig> connectors);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace belay::runtime
