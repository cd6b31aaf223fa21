// Where Postgres keeps its data: as root two small file systems of a size of our own, one for the
// server that works and one for the standby that takes over from it, so that a disk can be full and
// be freed again. Otherwise plain folders, and no disk is ever full.
#pragma once
#include <memory>
#include <string>

#include "tests/support/world.h"

namespace belay::campaign {

class Disks {
 public:
  // Below `folder`. `bytes`: of each, when we may mount.
  Disks(std::string folder, std::int64_t bytes);
  ~Disks();
  Disks(const Disks&) = delete;
  Disks& operator=(const Disks&) = delete;

  bool small() const { return mounted_ == 2; }
  std::string directory() const { return place(active_) + "/postgres"; }
  // Not a byte is left on the active one, until free() is called. How many bytes that took.
  std::int64_t fill();
  void free();

  // A standby on the other disk: copied from the world's server, following it, and every commit
  // waits for it. The world's server is killed by `promote`, and the standby takes its place, also
  // for the links.
  void make_standby(test::World& world, const std::map<std::string, std::string>& settings);
  void promote(test::World& world);

 private:
  std::string place(int number) const { return folder_ + "/disk-" + std::to_string(number); }

  std::string folder_;
  int mounted_ = 0, active_ = 0;
  std::unique_ptr<runtime::PrivatePostgres> standby_;
};

}  // namespace belay::campaign
