// The ledger file: JSON lines, append only, fsynced. It is the whole memory of the simulator;
// everything else is folded from it at start. Syncs are shared: while one thread is in fdatasync,
// the others' lines gather for the next one. Tested in tests/provider (kill -9 and restart).
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>

namespace belay::provider {

class Ledger {
 public:
  // Opens or creates `path`, locks it against a second simulator, cuts off a torn last line, and
  // hands every whole line to `replay` in order. Throws std::runtime_error when the file cannot be
  // opened, locked or read.
  Ledger(std::string path, const std::function<void(std::string_view)>& replay);
  ~Ledger();
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;

  // Writes one line (without its newline). Not durable before sync() returns. Aborts the process
  // when the disk refuses: a provider that cannot write its books must not answer. Callers order
  // their appends themselves.
  void append(std::string line);

  // Returns once everything appended before the call is on disk.
  void sync();

  // The raw file so far.
  std::string text() const;

 private:
  void lock_file();
  void recover(const std::function<void(std::string_view)>& replay);

  std::string path_;
  int file_ = -1;
  std::mutex mutex_;
  std::condition_variable synced_;
  std::uint64_t appended_ = 0;
  std::uint64_t durable_ = 0;
  bool syncing_ = false;
};

}  // namespace belay::provider
