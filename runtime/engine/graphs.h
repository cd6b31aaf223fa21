// Definitions by hash and the current one of each workflow. Read by every thread; graphs are
// immutable once in.
#pragma once
#include <map>
#include <mutex>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "runtime/engine/engine.h"

namespace belay::runtime {

class Graphs {
 public:
  // Keeps a graph that is known by its hash; returns the one that is kept.
  GraphPtr keep(GraphPtr graph) {
    std::lock_guard lock(mutex_);
    return by_hash_.try_emplace(graph->hash, graph).first->second;
  }
  void make_current(const GraphPtr& graph) {
    std::lock_guard lock(mutex_);
    current_[graph->workflow] = graph;
    for (const interpreter::Graph::StartsOn& clause : graph->starts_on)
      starters_.insert(clause.event);
  }
  GraphPtr by_hash(const std::string& hash) const {
    std::lock_guard lock(mutex_);
    const auto found = by_hash_.find(hash);
    return found == by_hash_.end() ? nullptr : found->second;
  }
  GraphPtr current(const std::string& workflow) const {
    std::lock_guard lock(mutex_);
    const auto found = current_.find(workflow);
    return found == current_.end() ? nullptr : found->second;
  }
  // The current definitions that say `starts on` this event.
  std::vector<GraphPtr> started_by(const std::string& event) const {
    std::lock_guard lock(mutex_);
    std::vector<GraphPtr> started;
    if (!starters_.contains(event)) return started;
    for (const auto& [workflow, graph] : current_) {
      for (const interpreter::Graph::StartsOn& clause : graph->starts_on) {
        if (clause.event == event) started.push_back(graph);
      }
    }
    return started;
  }
  std::vector<GraphPtr> all_current() const {
    std::lock_guard lock(mutex_);
    std::vector<GraphPtr> all;
    for (const auto& [workflow, graph] : current_) all.push_back(graph);
    return all;
  }

 private:
  mutable std::mutex mutex_;
  std::unordered_map<std::string, GraphPtr> by_hash_;
  std::map<std::string, GraphPtr> current_;
  std::unordered_set<std::string> starters_;  // events that start something, or once did
};

}  // namespace belay::runtime
