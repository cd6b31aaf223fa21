// Starting, adopting and stopping the private Postgres. See private_postgres.h.
//
// From top to bottom: where things lie; launch (adopt or spawn, wait until it answers); the public
// calls. Processes are in server_process.cpp.
#include "runtime/store/private_postgres.h"

#include <fcntl.h>
#include <grp.h>
#include <libpq-fe.h>
#include <openssl/sha.h>
#include <pwd.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "runtime/store/server_process.h"

namespace belay::runtime {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr const char* kPort = "5432";           // only names the socket file
constexpr const char* kRole = "belay";          // superuser of this server, and the database's name
constexpr std::size_t kSocketPathMax = 107;     // sun_path without its NUL
constexpr std::size_t kLogBytesMax = 16 << 20;  // then it becomes postgres.log.1

struct Places {
  std::string home;  // data, log, lock
  std::string data;
  std::string log;
  std::string socket;  // directory
};

// ---- Small helpers

std::string short_hash(const std::string& text) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest);
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  for (int i = 0; i < 6; ++i) {
    out += kHex[digest[i] >> 4];
    out += kHex[digest[i] & 15];
  }
  return out;
}

std::string quoted(const std::string& value) {
  std::string out = "'";
  for (char c : value) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

// ---- Where things lie

struct Binaries {
  std::string directory;
  int major = 0;
};

std::vector<Binaries> find_binaries() {
  std::vector<Binaries> found;
  std::error_code error;
  auto consider = [&](const fs::path& bin, int major) {
    if (access((bin / "postgres").c_str(), X_OK) == 0 &&
        access((bin / "initdb").c_str(), X_OK) == 0) {
      found.push_back({bin.string(), major});
    }
  };
  if (const char* chosen = std::getenv("BELAY_POSTGRES_BIN")) consider(chosen, 0);
  if (!found.empty()) return found;
  for (const auto& entry : fs::directory_iterator("/usr/lib/postgresql", error)) {
    if (const auto major = parse_int<int>(entry.path().filename().string()))
      consider(entry.path() / "bin", *major);
  }
  std::sort(found.begin(), found.end(),
            [](const auto& a, const auto& b) { return a.major > b.major; });
  if (const char* path = std::getenv("PATH"); path != nullptr && found.empty()) {
    std::string_view rest = path;
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find(':'), rest.size());
      if (end > 0) consider(fs::path(rest.substr(0, end)), 0);
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
  return found;
}

Result<Binaries> choose_binaries(const std::string& data) {
  const std::vector<Binaries> found = find_binaries();
  if (found.empty()) {
    return fail(ErrorCode::kMisconfigured, "no Postgres server programs are installed",
                "install the package `postgresql`, set BELAY_POSTGRES_BIN, or pass --database URL");
  }
  const auto version = parse_int<int>(read_text(data + "/PG_VERSION", 64));
  if (!version) return found.front();
  for (const Binaries& binaries : found) {
    if (binaries.major == *version || binaries.major == 0) return binaries;
  }
  return fail(
      ErrorCode::kMisconfigured,
      "the data in " + data + " is of Postgres " + std::to_string(*version) +
          ", but only version " + std::to_string(found.front().major) + " is installed",
      "install postgresql-" + std::to_string(*version) + ", or move the data on with pg_upgrade");
}

Result<ServerUser> user_of(uid_t uid) {
  std::array<char, 16384> buffer;
  passwd entry{};
  passwd* found = nullptr;
  ServerUser user;
  user.uid = uid;
  if (getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr) {
    user.name = found->pw_name;
    user.gid = found->pw_gid;
    int count = 64;
    user.groups.resize(static_cast<std::size_t>(count));
    if (getgrouplist(found->pw_name, found->pw_gid, user.groups.data(), &count) < 0) count = 0;
    user.groups.resize(static_cast<std::size_t>(count));
  } else {
    user.name = "uid " + std::to_string(uid);
    user.gid = getegid();
  }
  if (user.groups.empty()) user.groups.push_back(user.gid);
  return user;
}

// Ourselves, or, when we are root (whom Postgres refuses), the owner of the data, or `postgres`.
Result<ServerUser> choose_user(const std::string& data) {
  struct stat info {};
  const bool exists = stat(data.c_str(), &info) == 0;
  if (geteuid() != 0) {
    if (exists && info.st_uid != geteuid()) {
      return fail(ErrorCode::kMisconfigured, "the data in " + data + " belongs to another user",
                  "run as that user or as root, or choose another directory");
    }
    return user_of(geteuid());
  }
  uid_t uid = exists ? info.st_uid : 0;
  if (uid == 0) {
    std::array<char, 16384> buffer;
    passwd entry{};
    passwd* found = nullptr;
    if (getpwnam_r("postgres", &entry, buffer.data(), buffer.size(), &found) != 0 ||
        found == nullptr) {
      return fail(ErrorCode::kMisconfigured,
                  "Postgres refuses to run as root and there is no user `postgres`",
                  "install the package `postgresql` or run belay as another user");
    }
    uid = found->pw_uid;
  }
  auto user = user_of(uid);
  if (user) user->drop = true;
  return user;
}

// May that user walk to this directory? Asked of the kernel, by a child that has become the user.
bool reachable(const ServerUser& user, const std::string& directory) {
  if (!user.drop) return access(directory.c_str(), X_OK) == 0;
  const char* path = directory.c_str();
  const pid_t pid = fork();
  if (pid == 0) {
    if (syscall(SYS_setgroups, user.groups.size(), user.groups.data()) != 0 ||
        syscall(SYS_setresgid, user.gid, user.gid, user.gid) != 0 ||
        syscall(SYS_setresuid, user.uid, user.uid, user.uid) != 0) {
      _exit(2);
    }
    _exit(access(path, X_OK) == 0 ? 0 : 1);
  }
  int status = 0;
  while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// Makes the directory, 0700, the user's. An existing one must be the user's, or ours and empty.
Result<void> own_directory(const ServerUser& user, const std::string& path) {
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return fail(ErrorCode::kMisconfigured,
                "cannot make the directory " + path + ": " + errno_text(),
                "choose a directory that this user may write");
  }
  struct stat info {};
  if (lstat(path.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) {
    return fail(ErrorCode::kMisconfigured, path + " is not a directory",
                "choose another directory");
  }
  if (info.st_uid != user.uid) {
    std::error_code error;
    if (!user.drop || info.st_uid != geteuid() || !fs::is_empty(path, error) || error) {
      // Another start of the same directory may have handed it over just now.
      if (lstat(path.c_str(), &info) == 0 && info.st_uid == user.uid) return {};
      return fail(
          ErrorCode::kMisconfigured,
          path + " belongs to another user than `" + user.name + "`, as which Postgres runs",
          "choose another directory, or give it to that user with chown");
    }
    if (chown(path.c_str(), user.uid, user.gid) != 0) {
      return fail(ErrorCode::kMisconfigured,
                  "cannot give " + path + " to `" + user.name + "`: " + errno_text());
    }
  }
  if ((info.st_mode & 0777) != 0700) chmod(path.c_str(), 0700);
  return {};
}

Result<Places> choose_places(const PrivatePostgresOptions& options, ServerUser& user_out) {
  std::error_code error;
  fs::path wanted = fs::absolute(options.directory, error).lexically_normal();
  if (wanted.filename().empty()) wanted = wanted.parent_path();
  fs::create_directories(wanted.parent_path(), error);
  if (error) {
    return fail(
        ErrorCode::kMisconfigured,
        "cannot make the directory " + wanted.parent_path().string() + ": " + error.message());
  }
  // The path that the kernel will show for the server's working directory.
  wanted = fs::canonical(wanted.parent_path(), error) / wanted.filename();
  if (fs::is_symlink(wanted)) wanted = fs::canonical(wanted, error);

  Places places;
  places.home = wanted.string();
  const auto pointer = lines_of(read_text(places.home + "/location", 4096));
  if (!pointer.empty()) places.home = pointer.front();

  auto user = choose_user(places.home + "/data");
  if (!user) return fail(user.error());
  if (pointer.empty() && !reachable(*user, wanted.parent_path().string())) {
    places.home = "/var/tmp/belay-postgres-" + short_hash(wanted.string());
    if (options.progress) {
      options.progress("the user `" + user->name + "` cannot reach " +
                       wanted.parent_path().string() + ", so the data is kept in " + places.home);
    }
    fs::create_directories(wanted, error);
    const int fd =
        open((wanted / "location").c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    const std::string line = places.home + "\n";
    if (fd < 0 || write(fd, line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
      if (fd >= 0) close(fd);
      return fail(ErrorCode::kMisconfigured, "cannot write " + (wanted / "location").string());
    }
    close(fd);
    user = choose_user(places.home + "/data");
    if (!user) return fail(user.error());
  }
  if (auto owned = own_directory(*user, places.home); !owned) return fail(owned.error());
  places.data = places.home + "/data";
  places.log = places.home + "/postgres.log";
  // A comma would be two directories to Postgres; a leading @ an abstract socket.
  places.socket = places.home;
  const std::size_t needed = places.socket.size() + std::strlen("/.s.PGSQL.") + std::strlen(kPort);
  if (needed > kSocketPathMax || places.socket.find_first_of(",\"'\\") != std::string::npos) {
    places.socket = "/tmp/belay-" + std::to_string(user->uid) + "-" + short_hash(places.home);
    if (auto owned = own_directory(*user, places.socket); !owned) return fail(owned.error());
  }
  user_out = std::move(*user);
  return places;
}

std::string connection_string_of(const Places& places, const char* database) {
  return "host=" + quoted(places.socket) + " port=" + kPort + " user=" + kRole +
         " dbname=" + database;
}

// An advisory lock on the directory while it is being set up, so that two starts do not race.
class DirectoryLock {
 public:
  explicit DirectoryLock(const std::string& home)
      : fd_(open((home + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)) {
    while (fd_ >= 0 && flock(fd_, LOCK_EX) != 0 && errno == EINTR) {
    }
  }
  ~DirectoryLock() {
    if (fd_ >= 0) close(fd_);
  }
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;

 private:
  int fd_;
};

}  // namespace

// ---- Launch

struct PrivatePostgres::State {
  PrivatePostgresOptions options;
  Places places;
  ServerUser user;
  std::string connection;
  pid_t pid = 0;
  bool adopted = false;

  void say(std::string_view line) const {
    if (options.progress) options.progress(line);
  }

  // Adopts a live server or starts one; returns when it answers and has the database.
  Result<void> launch() {
    const DirectoryLock lock(places.home);
    const auto until = Clock::now() + milliseconds(options.start_timeout_ms);
    if (const auto live = live_postmaster(places.data)) {
      pid = *live;
      adopted = true;
      find_socket();
      if (auto ready = wait_ready(until); ready) return ensure_database();
      if (alive(pid)) {
        return fail(ErrorCode::kUnavailable,
                    "a Postgres (pid " + std::to_string(pid) + ") runs in " + places.data +
                        " but does not answer",
                    "look at " + places.log + ", stop it with `kill -INT " + std::to_string(pid) +
                        "`, start again");
      }
    }
    adopted = false;
    auto binaries = choose_binaries(places.data);
    if (!binaries) return fail(binaries.error());
    if (auto made = make_data(*binaries); !made) return made;
    // A pid file whose process is not this server (the pid was recycled) would make Postgres
    // refuse.
    if (!live_postmaster(places.data)) unlink((places.data + "/postmaster.pid").c_str());
    return spawn_until_ready(*binaries, until);
  }

  // After a kill -9 of a postmaster its children may hold the shared memory for a moment; the new
  // one then ends at once. So an early end is tried again for a while.
  Result<void> spawn_until_ready(const Binaries& binaries, Clock::time_point until) {
    const auto give_up = std::min(until, Clock::now() + std::chrono::seconds(15));
    for (;;) {
      if (auto spawned = spawn_server(binaries); !spawned) return spawned;
      if (auto ready = wait_ready(until); ready) return ensure_database();
      if (alive(pid)) {
        return fail(
            ErrorCode::kUnavailable,
            "Postgres is not ready after " + std::to_string(options.start_timeout_ms / 1000) + " s",
            "it may still be replaying its log: see " + places.log);
      }
      const std::string tail = tail_of(places.log, 1500);
      const bool passing = tail.find("shared memory block") != std::string::npos ||
                           tail.find("is already in use") != std::string::npos ||
                           tail.find("already exists") != std::string::npos;
      if (!passing || Clock::now() > give_up) {
        return fail(ErrorCode::kUnavailable, "Postgres did not start; its log ends with:\n" + tail,
                    "the whole log is " + places.log);
      }
      std::this_thread::sleep_for(milliseconds(200));
    }
  }

  Result<void> make_data(const Binaries& binaries) {
    if (access((places.data + "/PG_VERSION").c_str(), F_OK) == 0) return {};
    if (access(places.data.c_str(), F_OK) == 0) {
      return fail(ErrorCode::kMisconfigured, places.data + " exists but holds no Postgres data",
                  "move it away, or choose another directory");
    }
    say("making a private Postgres in " + places.home + " (a second or two)");
    // Under another name until it is whole: an initdb that was interrupted is never taken for data.
    const std::string fresh = places.home + "/data.new";
    std::error_code error;
    fs::remove_all(fresh, error);
    const int output = open_log();
    if (output < 0)
      return fail(ErrorCode::kMisconfigured, "cannot write " + places.log + ": " + errno_text());
    const int code = run(
        user,
        {binaries.directory + "/initdb", "--pgdata=" + fresh, std::string("--username=") + kRole,
         "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-instructions"},
        output);
    close(output);
    if (code != 0) {
      return fail(
          ErrorCode::kUnavailable,
          "initdb failed (exit " + std::to_string(code) + "):\n" + tail_of(places.log, 1500),
          "the whole log is " + places.log);
    }
    if (rename(fresh.c_str(), places.data.c_str()) != 0) {
      return fail(ErrorCode::kMisconfigured, "cannot name " + places.data + ": " + errno_text());
    }
    return {};
  }

  Result<void> spawn_server(const Binaries& binaries) {
    std::map<std::string, std::string> settings = {
        {"max_connections", "50"},
        {"shared_buffers", "128MB"},
        {"fsync", "on"},
        {"full_page_writes", "on"},
        {"synchronous_commit", "on"},
        {"wal_level", "replica"},
        {"wal_compression", "on"},
        {"max_wal_size", "1GB"},
        {"log_checkpoints", "off"},
        {"log_line_prefix", "%m [%p] "},
        {"timezone", "UTC"},
        {"log_timezone", "UTC"},
        {"jit", "off"},
        {"logging_collector", "off"},
    };
    for (const auto& [name, value] : options.settings) settings[name] = value;
    // Ours, whatever was asked: reachable only through the socket that only its owner may open.
    settings["listen_addresses"] = "";
    settings["unix_socket_directories"] = places.socket;
    settings["unix_socket_permissions"] = "0700";
    settings["port"] = kPort;
    std::vector<std::string> command = {binaries.directory + "/postgres", "-D", places.data};
    for (const auto& [name, value] : settings) {
      command.push_back("-c");
      command.push_back(name + "=" + value);
    }
    if (auto owned = own_directory(user, places.socket); !owned) return owned;
    const int output = open_log();
    if (output < 0)
      return fail(ErrorCode::kMisconfigured, "cannot write " + places.log + ": " + errno_text());
    pid = spawn(user, command, output);
    close(output);
    if (pid < 0) return fail(ErrorCode::kUnavailable, "cannot start Postgres: " + errno_text());
    say("starting the private Postgres");
    return {};
  }

  // A live server says itself where its socket is (line 5 of the pid file).
  void find_socket() {
    const auto lines = lines_of(read_text(places.data + "/postmaster.pid", 4096));
    if (lines.size() >= 5 && !lines[4].empty()) places.socket = lines[4];
    connection = connection_string_of(places, kRole);
  }

  // Ready means it accepts connections; an error means it ended or the time is over.
  Result<void> wait_ready(Clock::time_point until) {
    const std::string probe = connection_string_of(places, "postgres") + " connect_timeout=5";
    auto next_word = Clock::now() + std::chrono::seconds(5);
    while (alive(pid)) {
      if (PQping(probe.c_str()) == PQPING_OK) return {};
      const auto now = Clock::now();
      if (now > until) return fail(ErrorCode::kUnavailable, "not ready in time");
      if (now > next_word) {
        say("Postgres is still starting (it may be replaying its log)");
        next_word = now + std::chrono::seconds(5);
      }
      std::this_thread::sleep_for(kPoll);
    }
    return fail(ErrorCode::kUnavailable, "it ended");
  }

  Result<void> ensure_database() {
    const std::string target = connection_string_of(places, "postgres") + " connect_timeout=10";
    PGconn* raw = PQconnectdb(target.c_str());
    const std::unique_ptr<PGconn, void (*)(PGconn*)> connection_guard(raw, PQfinish);
    if (PQstatus(raw) != CONNECTION_OK) {
      return fail(ErrorCode::kUnavailable,
                  std::string("the private Postgres refuses us: ") + PQerrorMessage(raw),
                  "look at " + places.log);
    }
    auto ask = [&](const char* sql) {
      return std::unique_ptr<PGresult, void (*)(PGresult*)>(PQexec(raw, sql), PQclear);
    };
    const auto found = ask("SELECT 1 FROM pg_database WHERE datname = 'belay'");
    if (PQresultStatus(found.get()) == PGRES_TUPLES_OK && PQntuples(found.get()) == 1) return {};
    const auto made = ask("CREATE DATABASE belay");
    if (PQresultStatus(made.get()) == PGRES_COMMAND_OK) return {};
    return fail(ErrorCode::kUnavailable,
                std::string("cannot create the database: ") + PQerrorMessage(raw));
  }

  // Appending, owned by the server's user, moved aside when it has grown.
  int open_log() const {
    struct stat info {};
    if (lstat(places.log.c_str(), &info) == 0 && info.st_size > static_cast<off_t>(kLogBytesMax)) {
      rename(places.log.c_str(), (places.log + ".1").c_str());
    }
    const int fd =
        open(places.log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0 && user.drop && fchown(fd, user.uid, user.gid) != 0) {
      close(fd);
      return -1;
    }
    return fd;
  }
};

// ---- The public calls

PrivatePostgres::PrivatePostgres(std::unique_ptr<State> state) : state_(std::move(state)) {}
PrivatePostgres::PrivatePostgres(PrivatePostgres&&) noexcept = default;
PrivatePostgres& PrivatePostgres::operator=(PrivatePostgres&& other) noexcept {
  std::swap(state_, other.state_);  // the other one's destructor sees to what we held
  return *this;
}
PrivatePostgres::~PrivatePostgres() {
  if (state_ && state_->options.stop_on_exit) (void)stop();
}

Result<PrivatePostgres> PrivatePostgres::start(PrivatePostgresOptions options) {
  auto state = std::make_unique<State>();
  auto places = choose_places(options, state->user);
  if (!places) return fail(places.error());
  state->options = std::move(options);
  state->places = std::move(*places);
  state->connection = connection_string_of(state->places, kRole);
  if (auto launched = state->launch(); !launched) return fail(launched.error());
  return PrivatePostgres(std::move(state));
}

const std::string& PrivatePostgres::connection_string() const { return state_->connection; }
pid_t PrivatePostgres::pid() const { return state_->pid; }
bool PrivatePostgres::adopted() const { return state_->adopted; }
bool PrivatePostgres::running() const { return live_postmaster(state_->places.data).has_value(); }
const std::string& PrivatePostgres::data_directory() const { return state_->places.data; }
const std::string& PrivatePostgres::log_path() const { return state_->places.log; }

Result<void> PrivatePostgres::stop(int timeout_ms) {
  // The one that is there now: someone may have started another one, and an old pid may be
  // anybody's.
  const auto live = live_postmaster(state_->places.data);
  if (!live) return {};
  state_->pid = *live;
  kill(state_->pid, SIGINT);
  if (wait_until_gone(state_->pid, timeout_ms)) {
    if (state_->places.socket != state_->places.home)
      rmdir(state_->places.socket.c_str());  // when empty
    return {};
  }
  return fail(ErrorCode::kUnavailable,
              "Postgres (pid " + std::to_string(state_->pid) + ") does not stop within " +
                  std::to_string(timeout_ms / 1000) + " s",
              "look at " + state_->places.log);
}

Result<void> PrivatePostgres::restart() {
  if (auto stopped = stop(); !stopped) return stopped;
  return state_->launch();
}

void PrivatePostgres::kill9() {
  const auto live = live_postmaster(state_->places.data);
  if (!live) return;
  const pid_t postmaster = *live;
  const std::vector<pid_t> children = children_of(postmaster);
  kill(postmaster, SIGKILL);
  for (pid_t child : children) kill(child, SIGKILL);
  (void)wait_until_gone(postmaster, 10'000);
  for (pid_t child : children) (void)wait_until_gone(child, 10'000);
}

}  // namespace belay::runtime
