// The writer thread: one batch at a time, one statement each. What comes back is reported to the
// loop through the inbox; the next batch is handed over only then, so everything that happened
// meanwhile travels together.
//
//   committed   report, heads moved on
//   fenced      report; the lanes named belong to somebody else
//   data error  split by owner and try the halves, until the culprit stands alone and is reported
//   as such down        keep the batch and try again, later and later; the loop is told, callers
//   who waited too long too
//
// Tested in tests/runtime/engine_test.cpp.
#pragma once
#include <array>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/engine/batch.h"

namespace belay::runtime {

struct FlushReport {
  Batch batch;  // on kDataError: its one owner with rows is the culprit
  FlushResult
      result;  // kCommitted, kFenced or kDataError; kDown only when the writer was stopped over it
  SteadyTime started;  // before the flush: the lease counts from here
  std::int64_t took_us = 0;
  bool last = false;  // of its batch: the writer is free again
};

class Writer {
 public:
  // `report` and `down` are called on the loop thread, through the inbox.
  Writer(Store& store, std::size_t number, DatabaseClock& clock, std::shared_ptr<Inbox> inbox,
         std::vector<ClaimedLane> lanes, std::function<void(FlushReport)> report,
         std::function<void(bool down, const std::string& why)> down, bool own_thread = true);
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  // REQUIRES: the last report of the batch before has been seen.
  void submit(Batch batch);
  // Gives up a batch that cannot be written (it is reported as kDown), then ends the thread.
  void stop();

  // Without a thread of its own: tries one flush. False: there is nothing to write.
  bool step();

 private:
  struct Part {  // of the batch at hand
    Batch batch;
    int tries = 0;
  };
  void run();
  bool take();
  void leave_lost_lanes(Batch& batch, bool in_doubt);
  void write_next();
  void give_up();
  void split(Batch batch);
  void done(FlushReport report, Batch batch);
  void fill_lanes(Batch& batch) const;
  void set_down(bool down, const std::string& why = {});
  void give_up_answers(Batch& batch);
  void post(FlushReport report);
  bool rest(int attempt);

  Store& store_;
  const std::size_t number_;  // of the store's writers
  DatabaseClock& clock_;
  const std::shared_ptr<Inbox> inbox_;
  const std::function<void(FlushReport)> report_;
  const std::function<void(bool, const std::string&)> down_hook_;
  std::vector<ClaimedLane> lanes_;  // by lane number; epoch 0: not ours
  bool down_ = false;
  std::string down_why_;
  std::vector<Part> parts_;  // what is still to be written of the batch at hand, the next one last

  std::mutex mutex_;
  std::condition_variable wake_;
  std::optional<Batch> next_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace belay::runtime
