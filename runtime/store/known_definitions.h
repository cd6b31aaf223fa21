// Which definitions this database is known to hold, so that an instance row may name one by its
// workflow and version instead of its hash (adr/0021). A definition's row never changes and never
// goes. Private to the store.
#pragma once
#include <mutex>
#include <set>
#include <shared_mutex>
#include <string>
#include <tuple>

#include "runtime/store/store.h"

namespace belay::runtime {

// Thread-safe.
class KnownDefinitions {
 public:
  // REQUIRES: the row was committed, or seen.
  void add(const std::string& workflow, std::uint32_t version, const std::string& hash) {
    const std::unique_lock lock(mutex_);
    known_.emplace(hash, workflow, version);
  }
  bool holds(const InstanceRow& row) const {
    const std::shared_lock lock(mutex_);
    return known_.contains(std::tie(row.definition, row.workflow, row.workflow_version));
  }

 private:
  mutable std::shared_mutex mutex_;
  std::set<std::tuple<std::string, std::string, std::uint32_t>, std::less<>> known_;
};

}  // namespace belay::runtime
