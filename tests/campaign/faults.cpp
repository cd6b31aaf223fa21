// Drawing episodes, playing them, and waiting until everything is back. What each fault does is in
// faults_kinds.cpp.
#include "tests/campaign/faults.h"

#include <algorithm>
#include <cstdio>

namespace belay::campaign {

using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::seconds;
using test::LinkFault;
using test::number_at;
using test::text_at;

namespace {

constexpr int kOverlapPercent = 40;
constexpr int kGiveUpS = 180;

std::size_t at(Kind kind) { return static_cast<std::size_t>(kind); }

}  // namespace

const char* name(Kind kind) {
  static constexpr const char* kNames[kKinds] = {"kill -9 of a node",
                                                 "kill -9 of Postgres",
                                                 "a node stopped past its lease",
                                                 "a broken link",
                                                 "a node restarted (SIGTERM)",
                                                 "a node's clock jumps",
                                                 "the database's clock jumps",
                                                 "the disk is full",
                                                 "a standby is promoted"};
  return kNames[static_cast<int>(kind)];
}

Faults::Faults(chaos::Run& run, test::World& world, Crowd& crowd, Balancer& balancer, Disks& disks,
               FaultOptions options)
    : run_(run),
      world_(world),
      crowd_(crowd),
      balancer_(balancer),
      disks_(disks),
      options_(std::move(options)),
      random_(options_.seed),
      wanted_up_(static_cast<std::size_t>(world.nodes()), true),
      was_ready_(static_cast<std::size_t>(world.nodes()), true),
      started_(static_cast<std::size_t>(world.nodes()), Clock::now()) {}

bool Faults::enough() const {
  for (std::size_t i = 0; i < tallies_.size(); ++i) {
    if (tallies_[i].counted < options_.wanted[i]) return false;
  }
  return true;
}

void Faults::play() {
  const auto until = Clock::now() + seconds(options_.at_least_s);
  std::string said;
  while (!run_.over && (!enough() || Clock::now() < until)) {
    pause(between(200, 1200));
    if (!run_.over) play_episode();
  }
}

// ---- Drawing

int Faults::between(int least, int most) {
  return least + static_cast<int>(random_() % static_cast<std::uint64_t>(most - least + 1));
}

// By how many are missing; when there were enough, by how many were wanted.
Kind Faults::draw_kind() {
  std::array<int, kKinds> weights{};
  int sum = 0;
  const bool done = enough();
  for (std::size_t i = 0; i < weights.size(); ++i) {
    weights[i] = done ? options_.wanted[i] : std::max(0, options_.wanted[i] - tallies_[i].counted);
    sum += weights[i];
  }
  int left = sum == 0 ? 0 : between(0, sum - 1);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (left < weights[i]) return static_cast<Kind>(i);
    left -= weights[i];
  }
  return Kind::kKillNodes;
}

LinkFault Faults::draw_link_fault() {
  switch (between(0, 5)) {
    case 0: return {.kind = LinkFault::Kind::kDelay, .ms = between(50, 600), .bytes = 0};
    case 1: return {.kind = LinkFault::Kind::kReset, .ms = 0, .bytes = 0};
    case 2: return {.kind = LinkFault::Kind::kHalfOpen, .ms = 0, .bytes = 0};
    case 3: return {.kind = LinkFault::Kind::kDrip, .ms = between(1, 8), .bytes = 0};
    case 4: return {.kind = LinkFault::Kind::kCutAfter, .ms = 0, .bytes = between(20, 6000)};
    default: return {.kind = LinkFault::Kind::kBlackHole, .ms = 0, .bytes = 0};
  }
}

Faults::Fault Faults::draw(Kind kind) {
  Fault fault;
  fault.kind = kind;
  fault.lasts_ms = between(200, 3000);
  const int nodes = world_.nodes();
  switch (kind) {
    case Kind::kKillNodes: {
      const int dice = between(0, 99);
      const int count = dice < 70 ? 1 : dice < 85 ? std::min(2, nodes) : nodes;
      for (int i = 0; i < nodes; ++i) fault.nodes.push_back(i);
      std::shuffle(fault.nodes.begin(), fault.nodes.end(), random_);
      fault.nodes.resize(static_cast<std::size_t>(count));
      // Now and then it stays away until the others have its lanes.
      if (count < nodes && between(0, 9) == 0)
        fault.lasts_ms = between((kLeaseS + 2) * 1000, (kLeaseS + 5) * 1000);
      break;
    }
    case Kind::kFreezeNode:
      fault.nodes = {between(0, nodes - 1)};
      fault.lasts_ms = between((kLeaseS + 3) * 1000, (kLeaseS + 6) * 1000);
      break;
    case Kind::kBreakLink: {
      fault.link =
          static_cast<std::size_t>(between(0, static_cast<int>(world_.links().size()) - 1));
      fault.how = draw_link_fault();
      fault.lasts_ms = between(800, 7000);
      // A node that is cut off from the database for longer than its lease, and lives.
      const bool cuts = fault.how.kind == LinkFault::Kind::kBlackHole ||
                        fault.how.kind == LinkFault::Kind::kHalfOpen;
      if (cuts && world_.links()[fault.link].to == test::World::Link::To::kDatabase &&
          between(0, 2) == 0)
        fault.lasts_ms = between((kLeaseS + 2) * 1000, (kLeaseS + 5) * 1000);
      break;
    }
    case Kind::kNodeClock:
      fault.nodes = {nodes - 1};
      fault.jump_s = (between(0, 1) == 0 ? -1 : 1) * between(20, 3600);
      fault.lasts_ms = between(3000, 9000);
      break;
    case Kind::kDatabaseClock:
      fault.jump_s = between(5, 300);
      if (options_.clock_back_s > 0 && between(0, 1) == 0)
        fault.jump_s = -between(1, options_.clock_back_s);
      fault.lasts_ms = between(3000, 6000);
      break;
    case Kind::kDiskFull: fault.lasts_ms = between(4000, 8000); break;
    case Kind::kPromotion: fault.lasts_ms = between(2000, 4000); break;
    case Kind::kKillPostgres:
    case Kind::kRestartAll: break;
  }
  return fault;
}

// One, or two that overlap. Faults that need the database as it is have only links broken beside
// them; so has a clock that is set back, since timers of a Postgres that starts under it, among
// them those that find deadlocks, wait for as long as the clock was ahead in all.
std::vector<Faults::Fault> Faults::draw_episode() {
  std::vector<Fault> faults = {draw(draw_kind())};
  if (between(0, 99) >= kOverlapPercent) return faults;
  static constexpr Kind kBeside[] = {Kind::kKillNodes, Kind::kKillPostgres, Kind::kBreakLink};
  const Fault& first = faults.front();
  Kind kind = kBeside[between(0, 2)];
  const bool delicate = first.kind == Kind::kRestartAll || first.kind == Kind::kDiskFull ||
                        first.kind == Kind::kPromotion ||
                        (first.kind == Kind::kDatabaseClock && first.jump_s < 0);
  if (delicate) kind = Kind::kBreakLink;
  if (options_.wanted[at(kind)] == 0 || kind == first.kind) return faults;
  Fault second = draw(kind);
  second.begins_ms = between(0, first.lasts_ms);
  second.lasts_ms = std::min(second.lasts_ms, 5000);
  if (kind == Kind::kKillNodes) {
    std::erase_if(second.nodes, [&](int node) { return first.nodes == std::vector{node}; });
    if (second.nodes.empty()) return faults;
  }
  faults.push_back(std::move(second));
  return faults;
}

// ---- Playing

void Faults::play_episode() {
  std::vector<Fault> faults = draw_episode();
  struct Moment {
    int ms;
    Fault* fault;
    bool begins;
  };
  std::vector<Moment> moments;
  for (Fault& fault : faults) {
    moments.push_back({fault.begins_ms, &fault, true});
    moments.push_back({fault.begins_ms + fault.lasts_ms, &fault, false});
  }
  std::stable_sort(moments.begin(), moments.end(),
                   [](const Moment& a, const Moment& b) { return a.ms < b.ms; });
  std::string said;
  const auto begun = Clock::now();
  for (const Moment& moment : moments) {
    pause(moment.ms -
          static_cast<int>(std::chrono::duration_cast<milliseconds>(Clock::now() - begun).count()));
    try {
      if (moment.begins)
        begin(*moment.fault, said);
      else
        end(*moment.fault, said);
    } catch (const std::exception& error) {
      run_.problem(std::string(name(moment.fault->kind)) + ": " + error.what());
      said += std::string(" [") + error.what() + "]";
    }
  }
  wait_until_back(said);
  ++episodes_;
  ++run_.kills;
  say("#" + std::to_string(episodes_) + said);
}

void Faults::count(Fault& fault, bool met) {
  Tally& tally = tallies_[at(fault.kind)];
  ++tally.made;
  if (met) ++tally.counted;
  fault.met = fault.met || met;
}

void Faults::wait_until_back(std::string& said) {
  const auto since = Clock::now();
  const std::size_t promised = run_.promises.size();
  const int asked = crowd_.asked_for_money();
  bool late = false;
  std::string missing;
  while (!run_.over) {
    look_after();
    missing.clear();
    for (int i = 0; i < world_.nodes(); ++i) {
      const test::Reply reply = world_.ask_node(i, "/readyz");
      if (reply.status != 200 || text_at(reply.body, "/database") != "true")
        missing += " node " + test::World::node_name(i) + " says " + std::to_string(reply.status) +
                   " " + reply.text + ";";
    }
    if (missing.empty()) {
      const json nodes = world_.ask_node(0, "/v1/nodes").body;
      std::size_t held = 0;
      if (nodes.is_object()) {
        for (const json& node : nodes.value("nodes", json::array()))
          held += node.value("lanes", json::array()).size();
      }
      if (held != kLanes) missing += " only " + std::to_string(held) + " lanes are held;";
    }
    if (run_.promises.size() == promised && crowd_.about() > 0) missing += " no start is answered;";
    if (crowd_.asked_for_money() == asked && crowd_.about() > 0)
      missing += " no saga asks for money;";
    const auto passed = Clock::now() - since;
    if (missing.empty()) {
      const int ms = static_cast<int>(std::chrono::duration_cast<milliseconds>(passed).count());
      slowest_back_ms_ = std::max(slowest_back_ms_, ms);
      char text[64];
      std::snprintf(text, sizeof text, "; back at work after %.1f s", ms / 1000.0);
      said += text;
      return;
    }
    if (passed > seconds(kBackWithinS) && !late) {
      late = true;
      run_.problem("not back within " + std::to_string(kBackWithinS) + " s after" + said + ":" +
                   missing);
    }
    if (passed > seconds(kGiveUpS)) {
      run_.problem("never back after" + said + ":" + missing);
      run_.over = true;
    }
    std::this_thread::sleep_for(milliseconds(50));
  }
}

void Faults::look_after() {
  for (int i = 0; i < world_.nodes(); ++i) {
    const auto n = static_cast<std::size_t>(i);
    if (!wanted_up_[n]) continue;
    test::Process& node = world_.node(i);
    const bool young =
        Clock::now() - started_[n] < seconds(2);  // the balancer may still tell of the one before
    if (node.running()) {
      if (!young && balancer_.ready(i)) was_ready_[n] = true;
      continue;
    }
    if (was_ready_[n]) {
      const std::string log = node.said();
      run_.problem("node " + test::World::node_name(i) + " ended by itself with " +
                   std::to_string(node.exit_code()) + ": " +
                   log.substr(log.size() > 600 ? log.size() - 600 : 0));
    } else {
      if (Clock::now() - started_[n] < milliseconds(500)) continue;
      ++starts_in_vain_;
    }
    start(i);
  }
  if (postgres_wanted_up_ && !world_.postgres_running()) {
    run_.problem("Postgres ended by itself");
    world_.start_postgres();
  }
}

void Faults::start(int node) {
  const auto n = static_cast<std::size_t>(node);
  was_ready_[n] = false;
  started_[n] = Clock::now();
  wanted_up_[n] = true;
  world_.node(node).start();
}

void Faults::pause(int ms) {
  const auto until = Clock::now() + milliseconds(ms);
  while (!run_.over && Clock::now() < until) {
    look_after();
    std::this_thread::sleep_for(milliseconds(30));
  }
}

void Faults::say(const std::string& text) {
  std::printf("%6.1f s  %5d came, %3d about  %s\n",
              std::chrono::duration<double>(Clock::now() - begun_).count(), crowd_.arrived(),
              crowd_.about(), text.c_str());
  std::fflush(stdout);
}

int Faults::in_flight(int node) const {
  return static_cast<int>(number_at(world_.ask_node(node, "/readyz", 800).body, "/in_flight"));
}

}  // namespace belay::campaign
