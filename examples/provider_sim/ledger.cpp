// The append-only file behind ledger.h: recovery of a torn tail, group fdatasync.
#include "examples/provider_sim/ledger.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <thread>

namespace belay::provider {
namespace {

[[noreturn]] void die(const char* what) {
  std::fprintf(stderr, "provider_sim: ledger: %s: %s\n", what, std::strerror(errno));
  std::abort();
}

// A new file's name is durable only when its folder is.
void sync_folder_of(const std::string& path) {
  std::string folder = std::filesystem::path(path).parent_path().string();
  int fd = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  if (::fsync(fd) != 0) die("fsync of the folder");
  ::close(fd);
}

}  // namespace

Ledger::Ledger(std::string path, const std::function<void(std::string_view)>& replay)
    : path_(std::move(path)) {
  file_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (file_ < 0) throw std::runtime_error("cannot open " + path_ + ": " + std::strerror(errno));
  lock_file();
  recover(replay);
  sync_folder_of(path_);
}

Ledger::~Ledger() {
  if (file_ >= 0) ::close(file_);
}

// A predecessor that was just killed may hold the lock for a moment longer.
void Ledger::lock_file() {
  for (int tries = 0; ::flock(file_, LOCK_EX | LOCK_NB) != 0; ++tries) {
    if (tries == 40) throw std::runtime_error(path_ + " is in use by another simulator");
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

void Ledger::recover(const std::function<void(std::string_view)>& replay) {
  std::string all = text();
  std::size_t last = all.rfind('\n');
  std::size_t whole = last == std::string::npos ? 0 : last + 1;
  if (whole != all.size() && ::ftruncate(file_, static_cast<off_t>(whole)) != 0) die("truncate");
  // What is folded now will be answered from: it must be on disk, whoever wrote it.
  if (::fdatasync(file_) != 0) die("fdatasync");
  for (std::size_t from = 0; from < whole;) {
    std::size_t end = all.find('\n', from);
    replay(std::string_view(all).substr(from, end - from));
    from = end + 1;
  }
}

void Ledger::append(std::string line) {
  line += '\n';
  std::string_view left = line;
  while (!left.empty()) {
    ssize_t written = ::write(file_, left.data(), left.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) die("write");
    left.remove_prefix(static_cast<std::size_t>(written));
  }
  std::lock_guard lock(mutex_);
  ++appended_;
}

void Ledger::sync() {
  std::unique_lock lock(mutex_);
  const std::uint64_t mine = appended_;
  while (durable_ < mine) {
    if (syncing_) {
      synced_.wait(lock);
      continue;
    }
    syncing_ = true;
    const std::uint64_t reached = appended_;
    lock.unlock();
    if (::fdatasync(file_) != 0) die("fdatasync");
    lock.lock();
    durable_ = reached;
    syncing_ = false;
    synced_.notify_all();
  }
}

std::string Ledger::text() const {
  std::ifstream in(path_, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

}  // namespace belay::provider
