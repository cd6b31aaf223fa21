// The guests of a campaign: they come at a rate for as long as the campaign lasts, and each plays
// its fate of tests/chaos/plan.h. A guest is a few steps with pauses between them, done by a pool
// of workers, so that tens of thousands need no thread each.
#pragma once
#include <condition_variable>
#include <deque>
#include <optional>
#include <queue>
#include <thread>

#include "tests/chaos/people.h"

namespace belay::campaign {

struct CrowdOptions {
  double per_second = 8;
  int at_once_max = 400;  // nobody new comes while so many are about
  int workers = 48;
  std::uint64_t seed = 1;
};

class Crowd {
 public:
  // Guests come from now on. `run` and `world` outlive it.
  Crowd(chaos::Run& run, test::World& world, CrowdOptions options);
  // Sends everybody home when run.over, else waits until the last has done its part.
  ~Crowd();
  Crowd(const Crowd&) = delete;
  Crowd& operator=(const Crowd&) = delete;

  void close_door();  // nobody new
  bool empty() const { return about_ == 0; }
  int about() const { return about_; }
  int arrived() const { return arrived_; }
  // Rises whenever a guest saw that a call of its saga went out: a sign that work goes on.
  int asked_for_money() const { return asked_for_money_; }
  // REQUIRES: closed and empty.
  const std::deque<chaos::Guest>& guests() const { return guests_; }

 private:
  using Clock = std::chrono::steady_clock;
  enum class Stage : std::uint8_t {
    kStarts,
    kStartsAgain,
    kWaitsToPay,
    kThinks,
    kLosesHold,
    kPays,
    kCancels
  };
  struct Visit {
    const chaos::Guest* guest = nullptr;
    Stage stage = Stage::kStarts;
    std::string saga;
    int tries = 0;  // of this stage
  };
  struct Due {
    Clock::time_point at;
    Visit visit;
    bool operator<(const Due& other) const { return at > other.at; }  // the earliest on top
  };

  void let_in();
  void work();
  void put(Visit visit, int after_ms);
  // Milliseconds until its next step; none: it has done its part.
  std::optional<int> step(Visit& visit);
  std::optional<int> start(Visit& visit);
  std::optional<int> look_for_bill(Visit& visit);
  std::optional<int> lose_hold(Visit& visit);
  std::optional<int> pay(Visit& visit);
  std::optional<int> cancel(Visit& visit);

  chaos::Run& run_;
  test::World& world_;
  CrowdOptions options_;
  std::mt19937_64 random_;
  std::deque<chaos::Guest> guests_;
  std::vector<std::string> rooms_;
  std::atomic<int> about_{0}, arrived_{0}, asked_for_money_{0};
  std::atomic<bool> closed_{false}, ended_{false};
  std::mutex mutex_;
  std::condition_variable wake_;
  std::priority_queue<Due> due_;
  std::vector<std::thread> threads_;
};

}  // namespace belay::campaign
