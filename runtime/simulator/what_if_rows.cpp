// Rows of the what-if table: what a finished run says about itself and what the world's books say.
#include "runtime/simulator/what_if_rows.h"

#include <algorithm>
#include <set>

#include "runtime/simulator/reading.h"
#include "runtime/simulator/timeline.h"

namespace belay::runtime::simulator {

using namespace interpreter;  // NOLINT: nearly every type here is the interpreter's

namespace {

constexpr std::int64_t kLongMs = 3'600'000;  // an ending that takes longer says so

bool has(const Action& action, Effect effect) {
  return (action.effects & static_cast<std::uint8_t>(effect)) != 0;
}

class Row {
 public:
  Row(const Graph& graph, const Run& run) : graph_(graph), run_(run) {}

  WhatIfRow make() {
    WhatIfRow row;
    row.ends = ends();
    row.undone = undone();
    row.left_over = left();
    row.told = told();
    row.remarks = disagreements(graph_, run_);
    if (!run_.problem.empty()) row.remarks.push_back(run_.problem);
    return row;
  }

 private:
  // In the order in which it was undone, in the saga and in those that it waits for.
  std::vector<std::string> undone() const {
    std::vector<std::pair<std::uint64_t, std::string>> all;
    for (const auto& [path, seq] : undone_in_order(graph_, run_))
      all.emplace_back(run_.told[seq - 1], quoted(place_text(graph_, path)));
    for (const SagaRun* child : children()) {
      for (const auto& [path, seq] : undone_in_order(*child->graph, child->run))
        all.emplace_back(child->run.told[seq - 1], quoted(place_text(*child, path)));
    }
    std::stable_sort(all.begin(), all.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    std::vector<std::string> out;
    for (auto& [told, text] : all) out.push_back(std::move(text));
    return out;
  }

  // The sagas that it waits for, and those that they wait for.
  std::vector<const SagaRun*> children() const {
    std::vector<const SagaRun*> out;
    for (const SagaRun& other : run_.others) {
      if (!other.second && !other.detached) out.push_back(&other);
    }
    return out;
  }

  // Where a person had to act, in the order in which it came to that.
  std::string holds() const {
    std::vector<std::pair<std::uint64_t, std::string>> all;
    const auto look = [&](const Run& run, const auto& place) {
      for (std::size_t i = 0; i < run.journal.size(); ++i) {
        for (const Drawn& drawn : run.journal[i].drawn) {
          const auto* held = std::get_if<Held>(&drawn);
          if (held == nullptr) continue;
          std::string text = call_words(place(held->path), held->direction) + " (" +
                             hold_words(held->reason) + ")";
          if (!held->team.empty()) text += " for " + quoted(held->team);
          all.emplace_back(run.told[i], std::move(text));
        }
      }
    };
    look(run_, [&](const Path& path) { return place_text(graph_, path); });
    for (const SagaRun* child : children())
      look(child->run, [&](const Path& path) { return place_text(*child, path); });
    std::stable_sort(all.begin(), all.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    std::vector<std::string> seen;
    for (auto& [told, text] : all) {
      if (std::find(seen.begin(), seen.end(), text) == seen.end()) seen.push_back(std::move(text));
    }
    std::string out;
    for (const std::string& one : seen) out += (out.empty() ? "" : " and ") + one;
    return out;
  }

  std::string ends() const {
    const std::string held = holds();
    const std::int64_t took = (run_.ended_at.us - kStart.us) / 1000;
    const std::string late = took >= kLongMs ? " after " + length_words(took) : "";
    if (!run_.state.ended()) {
      if (held.empty()) return "it waits: " + interpreter::summary(graph_, run_.state).waiting_on;
      const bool undoing = run_.state.status == Status::kCompensating &&
                           run_.state.deadline_passed &&
                           run_.state.because == "it did not finish in time";
      return "held at " + held + (undoing ? ", and the time is over meanwhile" : "");
    }
    const std::string end =
        run_.state.status == Status::kCompleted ? "completed" : "everything is undone";
    if (held.empty()) return end + late;
    return "held at " + held + "; if nobody acts, " + end + " after " + length_words(took);
  }

  std::vector<std::string> left() const {
    Grouped out;
    std::set<Path> said;
    for (const LeftOver& left : left_over(graph_, run_.state)) {
      const auto effect = run_.world.find(left.path);
      const bool happened = effect != run_.world.end() && effect->second.done > 0;
      const Activity* activity = activity_at(left.path);
      const bool unknown = activity != nullptr && activity->forward.unsure && marks(left.path);
      const std::string path = path_text(graph_, left.path);
      const std::string known = happened ? " (it did happen)" : " (it did not happen)";
      out.add(quoted(place_text(graph_, left.path)) + left.what.substr(path.size()),
              why(left.why) + (unknown ? known : ""));
      said.insert(left.path);
    }
    const bool open = run_.state.status == Status::kRunning && !run_.state.past_no_return;
    for (const auto& [path, effect] : run_.world) {
      if (said.count(path) != 0 || effect.done == 0 || effect.undone || effect.excused) continue;
      const std::string what = quoted(place_text(graph_, path));
      if (effect.late_event) out.add(what, "it came when nothing waited for it");
      if (open && marks(path)) out.add(what, "until a person has acted");
    }
    for (const SagaRun* child : children()) {
      for (const LeftOver& left : left_over(*child->graph, child->run.state)) {
        const std::string path = path_text(*child->graph, left.path);
        out.add(quoted(place_text(*child, left.path)) + left.what.substr(path.size()),
                why(left.why));
      }
    }
    return out.take();
  }

  // Things that share a reason are told together.
  class Grouped {
   public:
    void add(const std::string& what, const std::string& reason) {
      for (auto& [known, whats] : all_) {
        if (known != reason) continue;
        whats += ", " + what;
        return;
      }
      all_.emplace_back(reason, what);
    }
    std::vector<std::string> take() const {
      std::vector<std::string> out;
      for (const auto& [reason, whats] : all_) out.push_back(whats + ": " + reason);
      return out;
    }

   private:
    std::vector<std::pair<std::string, std::string>> all_;
  };

  // How an undo failed stands beside the row already.
  static std::string why(const std::string& text) {
    return text.starts_with("its undo failed: ") ? "its undo failed" : text;
  }

  const Activity* activity_at(const Path& path) const {
    for (const Activity& activity : run_.state.activities) {
      if (activity.path == path) return &activity;
    }
    return nullptr;
  }

  bool marks(const Path& path) const {
    const Node& node = graph_.nodes[path.node];
    if (node.undo) return true;
    return node.kind == NodeKind::kStep &&
           graph_.actions[node.call.action].effects != static_cast<std::uint8_t>(Effect::kReads);
  }

  std::vector<std::string> told() const {
    std::vector<std::string> out;
    const auto look = [&](const Graph& graph, const Run& run) {
      for (const auto& [path, effect] : run.world) {
        const Node& node = graph.nodes[path.node];
        if (effect.done == 0 || node.kind != NodeKind::kStep) continue;
        const std::string title = title_of(node);  // the same in every round of a loop
        if (!has(graph.actions[node.call.action], Effect::kNotifies)) continue;
        if (std::find(out.begin(), out.end(), title) == out.end()) out.push_back(title);
      }
      for (const PublishedEvent& event : run.published)
        out.push_back("event " + quoted(event.event));
    };
    look(graph_, run_);
    for (const SagaRun& other : run_.others) {
      if (!other.second) look(*other.graph, other.run);
    }
    const bool undoing =
        run_.state.status == Status::kCompensating || run_.state.status == Status::kCompensated;
    if (undoing) out.push_back("“" + run_.state.because + "”");
    return out;
  }

  const Graph& graph_;
  const Run& run_;
};

}  // namespace

std::string quoted(std::string_view name) { return "`" + std::string(name) + "`"; }

WhatIfRow row_of_run(const Graph& graph, const Run& run) { return Row(graph, run).make(); }

bool same_outcome(const WhatIfRow& a, const WhatIfRow& b) {
  return a.ends == b.ends && a.undone == b.undone && a.left_over == b.left_over &&
         a.told == b.told && a.remarks == b.remarks;
}

void merge(std::vector<WhatIfRow>& rows, WhatIfRow row) {
  for (WhatIfRow& known : rows) {
    if (!same_outcome(known, row)) continue;
    for (std::string& one : row.ifs) {
      const bool there = std::find(known.ifs.begin(), known.ifs.end(), one) != known.ifs.end();
      if (!there) known.ifs.push_back(std::move(one));
    }
    for (WhatIfRow& failure : row.undo_failures) {
      merge(known.undo_failures, std::move(failure));
    }
    return;
  }
  rows.push_back(std::move(row));
}

void compact(std::vector<std::string>& ifs) {
  const auto fold = [&](const std::vector<std::string>& all, const std::string& into) {
    std::size_t first = ifs.size();
    for (const std::string& one : all) {
      const auto at = std::find(ifs.begin(), ifs.end(), one);
      if (at == ifs.end()) return;
      first = std::min(first, static_cast<std::size_t>(at - ifs.begin()));
    }
    ifs[first] = into;
    for (const std::string& one : all) std::erase(ifs, one);
  };
  const std::string lost = "its answer is lost or it times out ";
  const std::string yes = ", and it happened", no = ", and it did not happen";
  for (const std::string& whether : {yes, no, std::string()}) {
    for (const std::string times : {"once", "each time"}) {
      fold({"its answer is lost " + times + whether, "it times out " + times + whether},
           lost + times + whether);
    }
    fold({lost + "once" + whether, lost + "each time" + whether},
         lost + "once or each time" + whether);
  }
  for (const std::string times : {"once", "each time", "once or each time"}) {
    fold({lost + times + yes, lost + times + no}, lost + times + ", whether or not it happened");
  }
  const std::string blind = "its answer is lost each time and its check cannot be reached";
  fold({blind + yes, blind + no}, blind + ", whether or not it happened");
  fold({"the engine stops before it leaves",
        "the engine stops before its checkpoint, when it has happened",
        "the engine stops after its checkpoint"},
       "the engine stops before it leaves, before its checkpoint or after that");
}

}  // namespace belay::runtime::simulator
