// SQL actions, exactly once: one transaction inserts receipt(lane, tenant, request key), runs the
// statement in a savepoint and writes the outcome into the receipt. A receipt that is there already
// is the outcome. When the answer to the commit is lost, the same transaction is tried again: its
// receipt waits for the lost one's end and finds its outcome, or runs in its place. If that brings
// no answer either the outcome is unsure, and the same call later tells, whoever makes it: of two
// transactions with one key one writes the receipt and the other reads it. The commit reaches the
// disk also where synchronous_commit is off. The statements run on
// their own connections and, if set, under their own role, so that a slow one blocks no lane and a
// careless one cannot touch the engine's tables. Tested in tests/postgres/receipt*_test.cpp and
// tests/runtime/sql_test.cpp.
#pragma once
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "interpreter/graph.h"
#include "runtime/actions/action_runner.h"
#include "runtime/base/fair.h"
#include "runtime/base/result.h"
#include "runtime/store/postgres_store.h"

namespace belay::runtime {

class PostgresConnection;

struct SqlOptions {
  PostgresOptions database;  // the store's own: the receipt must commit together with the statement
  std::string role;          // SET ROLE for the statement; empty: the connection's user
  std::size_t connections = 8;
  std::size_t queue_max = 20'000;
  int lock_timeout_ms = 5'000;
  int statement_timeout_ms = 20'000;  // or the step's `within`, if that is less
};

// A statement with its holes replaced: `:hold` becomes `$1::uuid`, `:price.minor` `$2::bigint`.
// Text in quotes (also dollar quotes), comments and casts are left alone, and so is a name that the
// action does not take.
struct BoundSql {
  std::string text;
  std::vector<std::optional<std::string>> params;  // as text; nullopt: null
};
Result<BoundSql> bind_sql(const std::string& statement,
                          const std::vector<interpreter::Field>& takes,
                          const interpreter::Value& args);

// Statement results as the slots of an action's scope:
//   body    the row's columns (when there is exactly one, or the first of any), and rows,
//   constraint, message, sqlstate status  the SQLSTATE as text, "00000" when it succeeded
class SqlRunner final : public ActionRunner {
 public:
  explicit SqlRunner(SqlOptions options);
  ~SqlRunner() override;  // what waits is answered as transient, what runs is waited for

  void run(ActionCall call, std::function<void(ActionOutcome)> done) override;

 private:
  struct Job {
    ActionCall call;
    std::function<void(ActionOutcome)> done;
  };
  void work();

  const SqlOptions options_;
  std::mutex mutex_;
  std::condition_variable wake_;
  FairQueue<Job> queue_;  // tenants take turns
  std::size_t idle_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace belay::runtime
