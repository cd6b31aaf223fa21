// A database of its own for each test case: one private Postgres a process, made at first use.
#pragma once
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "runtime/store/migrations.h"
#include "runtime/store/postgres_connection.h"
#include "runtime/store/postgres_store.h"
#include "runtime/store/private_postgres.h"
#include "tests/catch.h"

namespace belay::runtime::testing {

class TestServer {
 public:
  static TestServer& get() {
    static TestServer server;
    return server;
  }
  ~TestServer() {
    postgres_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  PrivatePostgres& postgres() { return *postgres_; }

  // A migrated database of that name suffix.
  PostgresOptions fresh() {
    static std::atomic<int> count{0};
    const std::string name = "t" + std::to_string(++count);
    PostgresOptions options;
    options.connection = postgres_->connection_string();
    auto admin = PostgresConnection::open(options);
    REQUIRE(admin);
    REQUIRE((*admin)->execute("CREATE DATABASE " + name));
    const std::size_t at = options.connection.find("dbname=");
    const std::size_t end = options.connection.find(' ', at);
    options.connection.replace(
        at, (end == std::string::npos ? options.connection.size() : end) - at, "dbname=" + name);
    return options;
  }

 private:
  TestServer() {
    directory_ =
        std::filesystem::temp_directory_path() / ("belay_store_test_" + std::to_string(getpid()));
    PrivatePostgresOptions options;
    options.directory = directory_.string();
    options.stop_on_exit = true;
    auto started = PrivatePostgres::start(options);
    REQUIRE((started ? "" : to_text(started.error())) == std::string());
    postgres_ = std::make_unique<PrivatePostgres>(std::move(*started));
  }
  std::filesystem::path directory_;
  std::unique_ptr<PrivatePostgres> postgres_;
};

inline PostgresOptions migrated_database() {
  PostgresOptions options = TestServer::get().fresh();
  const auto done = migrate(options);
  REQUIRE((done ? "" : to_text(done.error())) == std::string());
  return options;
}

inline std::vector<Lane> all_lanes() {
  std::vector<Lane> lanes;
  for (Lane lane = 0; lane < 32; ++lane) lanes.push_back(lane);
  return lanes;
}

template <class T>
T take(Result<T> result) {
  INFO((result ? "" : to_text(result.error())));
  REQUIRE(result);
  return std::move(*result);
}

// A second server, for what is spread over two.
struct SecondServer {
  std::filesystem::path directory =
      std::filesystem::temp_directory_path() / ("belay_second_cell_" + std::to_string(getpid()));
  std::unique_ptr<PrivatePostgres> postgres;

  SecondServer() {
    PrivatePostgresOptions options;
    options.directory = directory.string();
    options.stop_on_exit = true;
    postgres = std::make_unique<PrivatePostgres>(take(PrivatePostgres::start(options)));
  }
  ~SecondServer() {
    postgres.reset();
    std::error_code ignored;
    std::filesystem::remove_all(directory, ignored);
  }
  PostgresOptions database() const {
    PostgresOptions options;
    options.connection = postgres->connection_string();
    REQUIRE(migrate(options));
    return options;
  }
};

}  // namespace belay::runtime::testing
