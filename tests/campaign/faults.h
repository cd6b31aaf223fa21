// Breaks things, one episode after the other: an episode is one fault or two that overlap, drawn
// from the seed with the weights of what is still wanted. A fault counts only when it met
// something: calls of a node that was killed or frozen were in flight, a frozen node's lanes were
// taken over before it woke, bytes or connections of a broken link were hit. After an episode
// everything must be back and at work within the lease and half a minute.
#pragma once
#include <array>
#include <chrono>
#include <random>

#include "tests/campaign/balancer.h"
#include "tests/campaign/crowd.h"
#include "tests/campaign/disk.h"

namespace belay::campaign {

enum class Kind : std::uint8_t {
  kKillNodes,
  kKillPostgres,
  kFreezeNode,
  kBreakLink,
  kRestartAll,
  kNodeClock,
  kDatabaseClock,
  kDiskFull,
  kPromotion
};
inline constexpr int kKinds = 9;
const char* name(Kind kind);

inline constexpr std::size_t kLanes = 32;
inline constexpr int kLeaseS = 15;
inline constexpr int kBackWithinS = kLeaseS + 30;

struct FaultOptions {
  std::array<int, kKinds>
      wanted{};        // of each kind, counted; a kind of which none is wanted does not occur
  int at_least_s = 0;  // goes on for so long, also when there were enough
  std::uint64_t seed = 1;
  // How far the database's clock may be set back. Time stands still for so long: it must be over
  // within kBackWithinS.
  int clock_back_s = 0;
  std::string node_clock, database_clock;  // files of libfaketime; empty: there is none
  std::map<std::string, std::string> database_settings;  // as the world has them, for a standby
  bool hold_wal_writer = false;                          // see below
};

// What was committed without waiting for it stays in the server's memory from now on: stops the
// process that would write it. For the negative control; a server without it does not stop by
// itself.
void hold_wal_writer(test::World& world);

struct Tally {
  int made = 0, counted = 0;
};

class Faults {
 public:
  Faults(chaos::Run& run, test::World& world, Crowd& crowd, Balancer& balancer, Disks& disks,
         FaultOptions options);
  // Until there were enough, or run.over. Leaves everything whole and at work.
  void play();

  const std::array<Tally, kKinds>& tallies() const { return tallies_; }
  bool enough() const;
  int slowest_back_ms() const { return slowest_back_ms_; }
  int calls_in_flight() const { return calls_in_flight_; }
  int lanes_taken_over() const { return lanes_taken_over_; }
  int starts_in_vain() const { return starts_in_vain_; }

 private:
  using Clock = std::chrono::steady_clock;
  struct Fault {
    Kind kind = Kind::kKillNodes;
    std::vector<int> nodes;
    std::size_t link = 0;
    test::LinkFault how;
    int jump_s = 0;
    int begins_ms = 0, lasts_ms = 0;  // of its episode
    // While it lasts:
    pid_t pid = 0;
    std::int64_t hit_before = 0;
    bool met = false;
  };

  Kind draw_kind();
  Fault draw(Kind kind);
  std::vector<Fault> draw_episode();
  test::LinkFault draw_link_fault();
  int between(int least, int most);

  void play_episode();
  void begin(Fault& fault, std::string& said);
  void end(Fault& fault, std::string& said);
  void kill_nodes(Fault& fault, std::string& said);
  void freeze(Fault& fault, std::string& said);
  void thaw(Fault& fault, std::string& said);
  void restart_all(Fault& fault, std::string& said);
  void promote(Fault& fault, std::string& said);
  void count(Fault& fault, bool met);
  // Sagas go on: all nodes ready, every lane held, new starts answered, calls sent.
  void wait_until_back(std::string& said);

  // Starts what has ended, as systemd would. What ended although nobody did anything to it is a
  // problem of the run.
  void look_after();
  void start(int node);
  void pause(int ms);
  void say(const std::string& text);
  int in_flight(int node) const;
  // What each of them has in flight, as soon as all have something; after some seconds what there
  // is.
  std::vector<int> wait_for_calls(const std::vector<int>& nodes);
  int wait_for_any_call();
  bool holds_no_lane(int node) const;

  chaos::Run& run_;
  test::World& world_;
  Crowd& crowd_;
  Balancer& balancer_;
  Disks& disks_;
  FaultOptions options_;
  std::mt19937_64 random_;
  std::array<Tally, kKinds> tallies_{};
  std::vector<bool> wanted_up_, was_ready_;
  std::vector<Clock::time_point> started_;
  bool postgres_wanted_up_ = true;
  int episodes_ = 0, slowest_back_ms_ = 0, calls_in_flight_ = 0, lanes_taken_over_ = 0,
      starts_in_vain_ = 0;
  int database_clock_s_ = 0;
  Clock::time_point begun_ = Clock::now();
};

}  // namespace belay::campaign
