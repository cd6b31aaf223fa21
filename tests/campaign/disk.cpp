// See disk.h.
#include "tests/campaign/disk.h"

#include <fcntl.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <thread>

#include "runtime/store/private_postgres.h"

namespace belay::campaign {

namespace fs = std::filesystem;
using runtime::PrivatePostgres;

namespace {

constexpr const char* kServerUser = "postgres";  // as private_postgres.cpp when we are root

std::string basebackup_program() {
  if (const char* chosen = std::getenv("BELAY_POSTGRES_BIN")) {
    if (fs::exists(std::string(chosen) + "/pg_basebackup"))
      return std::string(chosen) + "/pg_basebackup";
  }
  std::string newest;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/usr/lib/postgresql", error))
    newest = std::max(newest, entry.path().string() + "/bin/pg_basebackup");
  if (newest.empty()) throw std::runtime_error("there is no pg_basebackup");
  return newest;
}

void give_to_server_user(const std::string& path) {
  const passwd* user = ::geteuid() == 0 ? ::getpwnam(kServerUser) : nullptr;
  if (user != nullptr && ::chown(path.c_str(), user->pw_uid, user->pw_gid) != 0)
    throw std::runtime_error("chown of " + path + ": " + std::strerror(errno));
}

void copy_from(const std::string& connection, const std::string& data, const std::string& log) {
  std::vector<std::string> words;
  if (::geteuid() == 0)
    words = {"/usr/bin/setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"};
  for (const std::string& word :
       {basebackup_program(), std::string("--pgdata=") + data,
        std::string("--dbname=") + connection, std::string("--wal-method=stream"),
        std::string("--write-recovery-conf"), std::string("--checkpoint=fast"),
        std::string("--no-sync")}) {
    words.push_back(word);
  }
  test::Process copy({.words = words, .environment = {}, .log = log, .ready = ""});
  copy.start();
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(2);
  while (copy.running() && std::chrono::steady_clock::now() < end)
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  if (copy.exit_code() != 0) throw std::runtime_error("pg_basebackup: " + copy.said());
}

std::string ask(const std::string& connection, const char* sql) {
  const std::unique_ptr<PGconn, void (*)(PGconn*)> c(PQconnectdb(connection.c_str()), PQfinish);
  const std::unique_ptr<PGresult, void (*)(PGresult*)> result(PQexec(c.get(), sql), PQclear);
  if (PQresultStatus(result.get()) != PGRES_TUPLES_OK)
    throw std::runtime_error(PQerrorMessage(c.get()));
  return PQntuples(result.get()) == 0 ? "" : PQgetvalue(result.get(), 0, 0);
}

}  // namespace

Disks::Disks(std::string folder, std::int64_t bytes) : folder_(std::move(folder)) {
  for (int i = 0; i < 2; ++i) {
    fs::create_directories(place(i));
    const std::string size = "mode=0755,size=" + std::to_string(bytes);
    if (::geteuid() == 0 && ::mount("belay", place(i).c_str(), "tmpfs", 0, size.c_str()) == 0)
      ++mounted_;
  }
}

Disks::~Disks() {
  standby_.reset();
  for (int i = 0; i < mounted_; ++i) ::umount2(place(i).c_str(), MNT_DETACH);
}

std::int64_t Disks::fill() {
  const std::string path = place(active_) + "/filler";
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) throw std::runtime_error("cannot make " + path);
  std::int64_t size = 0;
  for (std::int64_t step = 64 << 20; step >= 4096;) {
    if (::posix_fallocate(file, size, step) == 0)
      size += step;
    else
      step /= 2;
  }
  ::close(file);
  return size;
}

void Disks::free() { ::unlink((place(active_) + "/filler").c_str()); }

void Disks::make_standby(test::World& world, const std::map<std::string, std::string>& settings) {
  const std::string directory = place(1 - active_) + "/postgres";
  fs::remove_all(directory);
  fs::create_directory(directory);
  ::chmod(directory.c_str(), 0700);
  give_to_server_user(directory);
  copy_from(world.postgres().connection_string(), directory + "/data",
            world.folder() + "/basebackup.log");
  runtime::PrivatePostgresOptions options;
  options.directory = directory;
  options.settings = settings;
  options.stop_on_exit = true;
  auto started = PrivatePostgres::start(std::move(options));
  if (!started) throw std::runtime_error("the standby does not start: " + started.error().message);
  standby_ = std::make_unique<PrivatePostgres>(std::move(*started));
  world.sql("ALTER SYSTEM SET synchronous_standby_names = '*'");
  world.sql("SELECT pg_reload_conf()");
  for (int i = 0; i < 600; ++i) {
    if (world.count("pg_stat_replication WHERE sync_state = 'sync' AND state = 'streaming'") == 1)
      return;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  throw std::runtime_error("the standby does not follow");
}

void Disks::promote(test::World& world) {
  world.kill_postgres();
  ask(standby_->connection_string(), "SELECT pg_promote(true, 30)");
  if (ask(standby_->connection_string(), "SELECT pg_is_in_recovery()") != "f")
    throw std::runtime_error("not promoted");
  const auto before = world.use_postgres(std::move(standby_));
  active_ = 1 - active_;
}

}  // namespace belay::campaign
