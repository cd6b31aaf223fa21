// What each kind of fault does, and by what it is known to have met something. See faults.h.
#include <signal.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <numeric>

#include "tests/campaign/faults.h"

namespace belay::campaign {

using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::seconds;
using test::text_at;
using test::World;

namespace {

std::string names(const std::vector<int>& nodes) {
  std::string out;
  for (const int node : nodes) out += (out.empty() ? "" : ", ") + World::node_name(node);
  return out;
}

// libfaketime looks into this file once a second.
void set_clock(const std::string& file, int offset_s) {
  std::ofstream(file + ".new") << (offset_s < 0 ? "" : "+") << offset_s << "\n";
  std::filesystem::permissions(file + ".new", std::filesystem::perms(0644));
  std::filesystem::rename(file + ".new", file);
}

std::string seconds_of(int ms) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f s", ms / 1000.0);
  return text;
}

}  // namespace

void hold_wal_writer(test::World& world) {
  const auto ask = [&](const char* of) {
    return world.sql(std::string("SELECT ") + of +
                     " FROM pg_stat_activity WHERE backend_type = 'walwriter'");
  };
  for (int i = 0; i < 400; ++i) {
    const std::string pid = ask("pid");
    if (!pid.empty() && ::kill(std::stoi(pid), SIGSTOP) == 0) {
      // In its sleep it holds no lock. Stopped anywhere else it may have one in its hands, and then
      // the next who must write waits for ever.
      std::this_thread::sleep_for(milliseconds(20));
      if (ask("wait_event") == "WalWriterMain") return;
      ::kill(std::stoi(pid), SIGCONT);
    }
    std::this_thread::sleep_for(milliseconds(20));
  }
  throw std::runtime_error("the WAL writer could not be held in its sleep");
}

std::vector<int> Faults::wait_for_calls(const std::vector<int>& nodes) {
  std::vector<int> calls;
  const auto until = Clock::now() + seconds(4);
  do {
    calls.clear();
    bool all = true;
    for (const int node : nodes) {
      calls.push_back(in_flight(node));
      all = all && calls.back() > 0;
    }
    if (all) return calls;
    pause(10);
  } while (!run_.over && Clock::now() < until);
  return calls;
}

int Faults::wait_for_any_call() {
  const auto until = Clock::now() + seconds(4);
  int calls = 0;
  do {
    calls = 0;
    for (int i = 0; i < world_.nodes(); ++i) calls += world_.node(i).running() ? in_flight(i) : 0;
    if (calls > 0) return calls;
    pause(10);
  } while (!run_.over && Clock::now() < until);
  return calls;
}

void Faults::begin(Fault& fault, std::string& said) {
  switch (fault.kind) {
    case Kind::kKillNodes: return kill_nodes(fault, said);
    case Kind::kFreezeNode: return freeze(fault, said);
    case Kind::kRestartAll: return restart_all(fault, said);
    case Kind::kPromotion: return promote(fault, said);
    case Kind::kKillPostgres: {
      const int calls = wait_for_any_call();
      postgres_wanted_up_ = false;
      world_.kill_postgres();
      calls_in_flight_ += calls;
      count(fault, calls > 0);
      said += "; Postgres killed, " + std::to_string(calls) + " calls in flight";
      return;
    }
    case Kind::kBreakLink: {
      const World::Link& link = world_.links()[fault.link];
      const int calls = wait_for_any_call();
      fault.hit_before = link.proxy->bytes_hit() + link.proxy->connections_hit();
      fault.met = calls > 0;
      link.proxy->set(fault.how);
      said += "; " + link.name + ": " + to_string(fault.how) + " for " + seconds_of(fault.lasts_ms);
      return;
    }
    case Kind::kNodeClock: {
      const int calls = wait_for_calls(fault.nodes).front();
      set_clock(options_.node_clock, fault.jump_s);
      count(fault, calls > 0);
      said += "; the clock of " + names(fault.nodes) + " jumps by " + std::to_string(fault.jump_s) +
              " s, " + std::to_string(calls) + " calls in flight";
      return;
    }
    case Kind::kDatabaseClock: {
      const int calls = wait_for_any_call();
      database_clock_s_ += fault.jump_s;
      set_clock(options_.database_clock, database_clock_s_);
      count(fault, calls > 0);
      said += "; the database's clock jumps by " + std::to_string(fault.jump_s) + " s, " +
              std::to_string(calls) + " calls in flight";
      return;
    }
    case Kind::kDiskFull: {
      const int calls = wait_for_any_call();
      postgres_wanted_up_ = false;  // it may end over it
      fault.met = calls > 0;
      fault.hit_before = static_cast<std::int64_t>(run_.promises.size());
      const std::int64_t bytes = disks_.fill();
      said += "; the disk is full (" + std::to_string(bytes >> 20) + " MiB were free), " +
              std::to_string(calls) + " calls in flight";
      return;
    }
  }
}

void Faults::end(Fault& fault, std::string& said) {
  switch (fault.kind) {
    case Kind::kKillNodes:
      for (const int node : fault.nodes) start(node);
      return;
    case Kind::kKillPostgres:
      world_.start_postgres();
      postgres_wanted_up_ = true;
      if (options_.hold_wal_writer) hold_wal_writer(world_);
      return;
    case Kind::kFreezeNode: return thaw(fault, said);
    case Kind::kBreakLink: {
      const World::Link& link = world_.links()[fault.link];
      link.proxy->set({});
      const std::int64_t hit =
          link.proxy->bytes_hit() + link.proxy->connections_hit() - fault.hit_before;
      count(fault, fault.met && hit > 0);
      said += " (" + std::to_string(hit) + " bytes and connections hit)";
      return;
    }
    case Kind::kNodeClock: return set_clock(options_.node_clock, 0);
    case Kind::kDiskFull: {
      // It was really full when the server ended over it or nodes lost the database: no start was
      // answered for a while.
      bool met = !world_.postgres_running();
      for (int i = 0; i < world_.nodes(); ++i)
        met = met || text_at(world_.ask_node(i, "/readyz").body, "/database") != "true";
      disks_.free();
      if (!world_.postgres_running()) {
        said += " (Postgres ended over it)";
        world_.start_postgres();
      }
      postgres_wanted_up_ = true;
      count(fault, fault.met && met);
      said += met ? " (and was met)" : " (nobody noticed)";
      return;
    }
    case Kind::kRestartAll:
    case Kind::kDatabaseClock:
    case Kind::kPromotion: return;
  }
}

void Faults::kill_nodes(Fault& fault, std::string& said) {
  const std::vector<int> calls = wait_for_calls(fault.nodes);
  for (const int node : fault.nodes) {
    wanted_up_[static_cast<std::size_t>(node)] = false;
    world_.node(node).signal_all(SIGKILL);
  }
  said += "; killed";
  for (std::size_t i = 0; i < fault.nodes.size(); ++i) {
    world_.node(fault.nodes[i]).kill9();  // and reaped
    count(fault, calls[i] > 0);
    calls_in_flight_ += calls[i];
    said += (i == 0 ? " " : ", ") + World::node_name(fault.nodes[i]) + " (" +
            std::to_string(calls[i]) + " in flight)";
  }
  if (fault.lasts_ms > kLeaseS * 1000) said += " for " + seconds_of(fault.lasts_ms);
}

void Faults::freeze(Fault& fault, std::string& said) {
  const int calls = wait_for_calls(fault.nodes).front();
  test::Process& node = world_.node(fault.nodes.front());
  fault.pid = node.pid();
  fault.met = calls > 0;
  node.signal_all(SIGSTOP);
  said += "; stopped " + names(fault.nodes) + " (" + std::to_string(calls) + " in flight) for " +
          seconds_of(fault.lasts_ms);
}

bool Faults::holds_no_lane(int node) const {
  for (int other = 0; other < world_.nodes(); ++other) {
    if (other == node || !balancer_.ready(other)) continue;
    const json nodes = world_.ask_node(other, "/v1/nodes").body;
    if (!nodes.is_object()) continue;
    std::size_t held = 0;
    for (const json& row : nodes.value("nodes", json::array())) {
      if (text_at(row, "/node") == World::node_name(node))
        return row.value("lanes", json::array()).empty();
      held += row.value("lanes", json::array()).size();
    }
    return held == kLanes;  // its own row has gone, and others have all
  }
  return false;
}

void Faults::thaw(Fault& fault, std::string& said) {
  const int number = fault.nodes.front();
  test::Process& node = world_.node(number);
  const bool taken_over = holds_no_lane(number);
  if (node.running() && node.pid() == fault.pid) node.signal_all(SIGCONT);
  if (taken_over) ++lanes_taken_over_;
  count(fault, fault.met && taken_over);
  said += taken_over ? ", its lanes were taken over" : ", its lanes were NOT taken over";
}

void Faults::restart_all(Fault& fault, std::string& said) {
  said += "; restarted";
  for (int i = 0; i < world_.nodes() && !run_.over; ++i) {
    const int calls = wait_for_calls({i}).front();
    test::Process& node = world_.node(i);
    wanted_up_[static_cast<std::size_t>(i)] = false;
    const auto told = Clock::now();
    node.signal_all(SIGTERM);
    while (node.running() && Clock::now() - told < seconds(kBackWithinS)) pause(20);
    if (node.running()) {
      run_.problem("node " + World::node_name(i) + " does not stop when it is told to");
      node.kill9();
    } else if (node.exit_code() != 0) {
      run_.problem("node " + World::node_name(i) + " stopped with " +
                   std::to_string(node.exit_code()));
    }
    start(i);
    while (!run_.over && !world_.node_ready(i) && Clock::now() - told < seconds(2 * kBackWithinS))
      pause(50);
    count(fault, calls > 0);
    said += " " + World::node_name(i) + " (" + std::to_string(calls) + " in flight)";
  }
}

void Faults::promote(Fault& fault, std::string& said) {
  postgres_wanted_up_ = false;
  try {
    disks_.make_standby(world_, options_.database_settings);
    pause(fault.lasts_ms);
    const int calls = wait_for_any_call();
    disks_.promote(world_);
    count(fault, calls > 0);
    said += "; the primary killed and the standby promoted, " + std::to_string(calls) +
            " calls in flight";
  } catch (...) {
    try {
      world_.sql("ALTER SYSTEM RESET synchronous_standby_names");
      world_.sql("SELECT pg_reload_conf()");
    } catch (const std::exception&) {
    }
    postgres_wanted_up_ = true;
    throw;
  }
  postgres_wanted_up_ = true;
}

}  // namespace belay::campaign
