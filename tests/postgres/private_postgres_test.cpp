// The private Postgres: made, adopted, killed, restarted; by root and by others; in awkward
// directories.
#include "runtime/store/private_postgres.h"

#include <libpq-fe.h>
#include <pwd.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "tests/catch.h"

using namespace belay::runtime;
namespace fs = std::filesystem;

namespace {

// A directory of this test, gone at its end.
struct Scratch {
  fs::path path;
  explicit Scratch(const std::string& name, const fs::path& below = "/tmp") {
    static std::atomic<int> count{0};
    path = below /
           ("belay_pg_" + name + "_" + std::to_string(getpid()) + "_" + std::to_string(++count));
    fs::create_directories(path);
    fs::permissions(path, fs::perms::others_exec | fs::perms::group_exec, fs::perm_options::add);
  }
  ~Scratch() {
    std::error_code error;
    fs::remove_all(path, error);
  }
};

PrivatePostgresOptions options_in(const fs::path& directory) {
  PrivatePostgresOptions options;
  options.directory = (directory / "postgres").string();
  options.stop_on_exit = true;
  return options;
}

// The first field of the first row, or the error in angle brackets.
std::string ask(const std::string& connection, const char* sql) {
  PGconn* conn = PQconnectdb(connection.c_str());
  std::string out;
  if (PQstatus(conn) != CONNECTION_OK) {
    out = std::string("<") + PQerrorMessage(conn) + ">";
  } else {
    PGresult* result = PQexec(conn, sql);
    if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) > 0) {
      out = PQgetvalue(result, 0, 0);
    } else if (PQresultStatus(result) != PGRES_COMMAND_OK) {
      out = std::string("<") + PQresultErrorMessage(result) + ">";
    }
    PQclear(result);
  }
  PQfinish(conn);
  return out;
}

}  // namespace

TEST_CASE("a private Postgres is made, answers durably, and stops") {
  const Scratch scratch("made");
  std::vector<std::string> said;
  auto options = options_in(scratch.path);
  options.settings = {{"wal_compression", "on"}};
  options.progress = [&](std::string_view line) { said.emplace_back(line); };
  auto postgres = PrivatePostgres::start(options);
  REQUIRE((postgres ? "" : to_text(postgres.error())) == std::string());
  CHECK(!postgres->adopted());
  CHECK(said.size() == 2);
  const std::string& connection = postgres->connection_string();
  CHECK(ask(connection, "SELECT current_database()") == "belay");
  CHECK(ask(connection, "SHOW fsync") == "on");
  CHECK(ask(connection, "SHOW synchronous_commit") == "on");
  CHECK(ask(connection, "SHOW listen_addresses").empty());
  CHECK(ask(connection, "SHOW wal_compression") == "pglz");
  CHECK(ask(connection, "SHOW max_connections") == "50");
  CHECK(ask(connection, "SHOW server_encoding") == "UTF8");

  struct stat info {};
  REQUIRE(stat(postgres->data_directory().c_str(), &info) == 0);
  CHECK((info.st_mode & 077) == 0);
  CHECK(info.st_uid != 0);

  REQUIRE(postgres->stop());
  CHECK(!postgres->running());
  CHECK(postgres->stop());  // twice is no error
}

TEST_CASE("a live Postgres that was left behind is adopted, with what was committed") {
  const Scratch scratch("adopt");
  auto options = options_in(scratch.path);
  options.stop_on_exit = false;
  pid_t pid = 0;
  {
    auto left = PrivatePostgres::start(options);
    REQUIRE((left ? "" : to_text(left.error())) == std::string());
    pid = left->pid();
    CHECK(ask(left->connection_string(), "CREATE TABLE kept AS SELECT 7 AS n").empty());
  }
  options.stop_on_exit = true;
  auto found = PrivatePostgres::start(options);
  REQUIRE((found ? "" : to_text(found.error())) == std::string());
  CHECK(found->adopted());
  CHECK(found->pid() == pid);
  CHECK(ask(found->connection_string(), "SELECT n FROM kept") == "7");
}

TEST_CASE("it comes back after kill -9, again and again, and loses nothing that was committed") {
  const Scratch scratch("kill");
  auto postgres = PrivatePostgres::start(options_in(scratch.path));
  REQUIRE((postgres ? "" : to_text(postgres.error())) == std::string());
  ask(postgres->connection_string(), "CREATE TABLE t(n int)");
  for (int round = 1; round <= 3; ++round) {
    ask(postgres->connection_string(), "INSERT INTO t VALUES (1)");
    if (round == 2) {
      kill(postgres->pid(), SIGKILL);  // only the postmaster: its children notice by themselves
    } else {
      postgres->kill9();
      CHECK(!postgres->running());
    }
    const auto back = postgres->restart();
    REQUIRE((back ? "" : to_text(back.error())) == std::string());
    CHECK(ask(postgres->connection_string(), "SELECT count(*) FROM t") == std::to_string(round));
  }
}

TEST_CASE(
    "a stale pid file does not keep it from starting, even when the pid is now someone else's") {
  const Scratch scratch("stale");
  auto postgres = PrivatePostgres::start(options_in(scratch.path));
  REQUIRE((postgres ? "" : to_text(postgres.error())) == std::string());
  postgres->kill9();
  for (const std::string& line : {std::to_string(getpid()), std::string("1"),
                                  std::string("99999999"), std::string("garbage")}) {
    std::ofstream(postgres->data_directory() + "/postmaster.pid")
        << line << "\n"
        << postgres->data_directory() << "\n0\n5432\n/nowhere\n\n";
    const auto back = postgres->restart();
    REQUIRE((back ? "" : to_text(back.error())) == std::string());
    CHECK(ask(postgres->connection_string(), "SELECT 1") == "1");
    postgres->kill9();
  }
}

TEST_CASE("a path too long for a socket, or with odd characters, still works") {
  const Scratch scratch("long");
  const fs::path longer = scratch.path / std::string(90, 'x') / "it's, \"odd\" \\ here";
  auto postgres = PrivatePostgres::start(options_in(longer));
  REQUIRE((postgres ? "" : to_text(postgres.error())) == std::string());
  CHECK(ask(postgres->connection_string(), "SELECT 1") == "1");
}

TEST_CASE("many start side by side in their own directories, and two on the same one share it") {
  const Scratch scratch("many");
  std::vector<std::thread> threads;
  std::vector<std::string> answers(4);
  std::vector<pid_t> pids(4);
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      auto options = options_in(scratch.path / std::to_string(i / 2));
      options.stop_on_exit = false;
      auto postgres = PrivatePostgres::start(options);
      answers[i] =
          postgres ? ask(postgres->connection_string(), "SELECT 1") : to_text(postgres.error());
      pids[i] = postgres ? postgres->pid() : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::string& answer : answers) CHECK(answer == "1");
  CHECK(pids[0] == pids[1]);
  CHECK(pids[2] == pids[3]);
  CHECK(pids[0] != pids[2]);
  for (int i = 0; i < 2; ++i)
    CHECK(PrivatePostgres::start(options_in(scratch.path / std::to_string(i))));
}

TEST_CASE(
    "as root, a directory that `postgres` cannot reach is replaced, and a pointer says by what") {
  if (geteuid() != 0) return;
  const Scratch scratch("closed");
  chmod(scratch.path.c_str(), 0700);
  std::string home;
  {
    auto postgres = PrivatePostgres::start(options_in(scratch.path));
    REQUIRE((postgres ? "" : to_text(postgres.error())) == std::string());
    CHECK(ask(postgres->connection_string(), "CREATE TABLE kept AS SELECT 7 AS n").empty());
    std::ifstream(scratch.path / "postgres" / "location") >> home;
    CHECK(postgres->data_directory() == home + "/data");
  }
  {
    auto again = PrivatePostgres::start(options_in(scratch.path));
    REQUIRE((again ? "" : to_text(again.error())) == std::string());
    CHECK(ask(again->connection_string(), "SELECT n FROM kept") == "7");
  }
  fs::remove_all(home);
}

TEST_CASE("what stands in the way is said") {
  const Scratch scratch("way");
  SECTION("the server refuses a setting") {
    auto options = options_in(scratch.path);
    options.settings = {{"shared_buffers", "nonsense"}};
    const auto postgres = PrivatePostgres::start(options);
    REQUIRE(!postgres);
    CHECK(postgres.error().code == ErrorCode::kUnavailable);
    CHECK(postgres.error().message.find("invalid value for parameter \"shared_buffers\"") !=
          std::string::npos);
  }
  SECTION("the data directory holds something else") {
    fs::create_directories(scratch.path / "postgres" / "data" / "photos");
    if (const passwd* user = getpwnam("postgres"); user != nullptr && geteuid() == 0) {
      REQUIRE(chown((scratch.path / "postgres").c_str(), user->pw_uid, user->pw_gid) == 0);
    }
    const auto postgres = PrivatePostgres::start(options_in(scratch.path));
    REQUIRE(!postgres);
    CHECK(postgres.error().code == ErrorCode::kMisconfigured);
  }
}
