// The people of a run. Guests start bookings and pay, or not; ops looks for sagas that need a
// person and settles them with evidence from the provider's books, as the runbook says. All of them
// speak HTTP, and try again when nobody answers.
#pragma once
#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "tests/chaos/plan.h"

namespace belay::chaos {

// What the world has promised: every start that was answered with a 2xx. Thread-safe.
class Promises {
 public:
  // False when the same start was answered before with another saga.
  bool add(const std::string& booking, const std::string& saga);
  std::string saga_of(const std::string& booking) const;
  std::size_t size() const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::string> sagas_;
};

struct Run {
  const test::World& world;
  const std::vector<Guest>& guests;
  Promises promises;
  std::atomic<bool> over{false};        // everybody goes home
  std::atomic<int> kills{0};            // made, and everything is back
  std::atomic<int> starts_repeated{0};  // sent again because no answer came
  std::atomic<int> acts_by_ops{0};
  int settled_after_ms = 4000;  // nothing that was sent is still under way then
  std::mutex problems_mutex;
  std::vector<std::string> problems;

  explicit Run(const test::World& w, const std::vector<Guest>& g) : world(w), guests(g) {}
  void problem(std::string text);
  // Does a person's part; what goes wrong in it is a problem of the run.
  template <class Part>
  void play(Part part) {
    try {
      part();
    } catch (const std::exception& error) {
      problem(error.what());
    }
  }
};

// One guest's whole evening; returns when the guest's part is done.
void be_guest(Run& run, const Guest& guest);
// Until run.over.
void be_ops(Run& run);

}  // namespace belay::chaos
