// See replay.h. Two states are folded side by side: `stands` from what was recorded, which is the
// state that the saga would go on with, and `would` from what the edited definition draws. They can
// differ only in what may differ; at the end every such difference in something that is not over is
// a verdict.
#include "interpreter/replay.h"

#include <algorithm>
#include <map>
#include <set>

#include "interpreter/compare.h"
#include "interpreter/control.h"
#include "interpreter/view.h"

namespace belay::interpreter {
namespace {

constexpr Direction kDirections[] = {Direction::kForward, Direction::kCheck, Direction::kUndo,
                                     Direction::kUndoCheck};

// The statement that something is about, for a `why`.
std::string quoted(const Graph& graph, const Path& path) {
  return "`" + path_text(graph, path) + "`";
}

// What a record of values lacks to be one of these fields, or empty.
std::string misfit(const Value& record, const std::vector<Field>& fields) {
  for (const Field& field : fields) {
    const Value* value = record.kind() == Value::Kind::kMap ? record.find(field.name) : nullptr;
    const bool absent = value == nullptr || value->is_null();
    if (absent && !field.type.optional) return "it has no `" + field.name + "`";
    if (!absent && !fits(*value, field.type)) {
      return "its `" + field.name + "` is no " + to_text(field.type);
    }
  }
  return "";
}

std::vector<Field> result_fields(const Graph& graph, const Node& node) {
  std::vector<Field> fields;
  if (node.kind == NodeKind::kAsk) return node.answers;
  if (node.kind == NodeKind::kStep && node.call.action < graph.actions.size()) {
    for (const Gives& gives : graph.actions[node.call.action].gives) fields.push_back(gives.field);
  } else if (node.slot < graph.slots.size() && node.kind == NodeKind::kRun) {
    fields = graph.slots[node.slot].type.fields;
  }
  return fields;
}

class Replayer {
 public:
  Replayer(const Graph& recorded_by, const Graph& edited, std::string_view saga)
      : versions_(recorded_by, edited), old_(recorded_by), new_(edited), saga_(saga) {}

  Replayed run(const std::vector<Entry>& journal) {
    for (const Entry& entry : journal) {
      if (!step(entry)) return {std::move(verdict_), {}};
    }
    if (!at_rest() || !ahead()) return {std::move(verdict_), {}};
    return {std::move(verdict_), std::move(stands_)};
  }

 private:
  bool cannot(std::uint64_t entry, std::string why) {
    verdict_.kind = VerdictKind::kCannot;
    verdict_.entry = entry;
    verdict_.why = std::move(why);
    return false;
  }
  bool differs(std::uint64_t entry, std::string why) {
    verdict_.kind = VerdictKind::kDiffers;
    verdict_.entry = entry;
    verdict_.why = std::move(why);
    return false;
  }

  // ---- One entry ----

  bool step(const Entry& entry) {
    if (entry.seq != stands_.seq + 1) return cannot(entry.seq, "an entry before it is missing");
    Entry mine = entry;
    mine.drawn.clear();
    std::string problem;
    if (!moved(mine.fact, problem)) return cannot(entry.seq, std::move(problem));
    if (problem = misplaced(mine.fact); !problem.empty())
      return cannot(entry.seq, std::move(problem));

    Decision decision = decide(new_, apply(new_, would_, mine), saga_);
    const std::size_t same = compare(entry, decision.drawn, mine.drawn);
    if (same < entry.drawn.size() || same < decision.drawn.size()) {
      const auto rest = [&](const std::vector<Drawn>& all) {
        return std::vector<Drawn>(
            all.begin() + static_cast<std::ptrdiff_t>(std::min(same, all.size())), all.end());
      };
      verdict_.recorded = rest(entry.drawn);
      verdict_.instead = rest(decision.drawn);
      if (!lost_.empty()) return cannot(entry.seq, std::move(lost_));
      return differs(entry.seq, "the edited definition draws something else");
    }
    for (const Drawn& drawn : mine.drawn) note_over(drawn);
    would_ = std::move(decision.state);
    stands_ = apply(new_, std::move(stands_), mine);
    return true;
  }

  // Statements without a call that control has passed, outside of loops: they come no more.
  void note_over(const Drawn& drawn) {
    std::visit(
        [&](const auto& one) {
          using T = std::decay_t<decltype(one)>;
          constexpr bool passes = std::is_same_v<T, Took> || std::is_same_v<T, Assigned> ||
                                  std::is_same_v<T, Published> || std::is_same_v<T, Passed>;
          if constexpr (passes) {
            // What a `together`, `try` or loop says counts until it has ended, and when that is
            // nobody has drawn.
            const bool lasts =
                std::is_same_v<T, Took> && new_.nodes[one.path.node].kind != NodeKind::kWhen;
            if (one.path.iteration.empty() && !lasts) {
              over_.insert(one.path.node);
            }
          }
        },
        drawn);
  }

  // Paths by name, in place.
  template <class Variant>
  bool moved(Variant& what, std::string& problem) const {
    return std::visit(
        [&](auto& one) {
          if constexpr (requires { one.path; }) {
            if (!translate(old_, new_, one.path, problem)) return false;
          }
          if constexpr (requires { one.cause; }) {
            if (!translate(old_, new_, one.cause, problem)) return false;
          }
          return true;
        },
        what);
  }

  // Whether the edited definition has a place for what a fact brought.
  std::string misplaced(const Fact& fact) const {
    if (const auto* started = std::get_if<Started>(&fact)) {
      const std::string lacks = misfit(started->input, new_.takes);
      return lacks.empty() ? "" : "the input does not fit what the workflow takes now: " + lacks;
    }
    if (const auto* taken = std::get_if<EventTaken>(&fact)) return misplaced_event(*taken);
    if (const auto* succeeded = std::get_if<StepSucceeded>(&fact)) {
      if (succeeded->direction != Direction::kForward) return "";
      return misplaced_result(succeeded->path, succeeded->result);
    }
    if (const auto* answered = std::get_if<AnswerGiven>(&fact)) {
      return misplaced_result(answered->path, answered->answer);
    }
    if (const auto* acted = std::get_if<OperatorActed>(&fact)) {
      if (acted->direction != Direction::kForward || acted->output.is_null()) return "";
      return misplaced_result(acted->path, acted->output);
    }
    return "";
  }

  std::string misplaced_result(const Path& path, const Value& result) const {
    if (path.node >= new_.nodes.size() || new_.nodes[path.node].kind == NodeKind::kWait) return "";
    const std::string lacks = misfit(result, result_fields(new_, new_.nodes[path.node]));
    return lacks.empty()
               ? ""
               : "what " + quoted(new_, path) + " gave does not fit what it gives now: " + lacks;
  }

  std::string misplaced_event(const EventTaken& taken) const {
    const Node& node = new_.nodes[taken.path.node];
    const std::string wait = quoted(new_, taken.path);
    if (taken.source >= node.sources.size() || node.sources[taken.source].event != taken.event) {
      return wait + " took the event `" + taken.event + "`, for which it does not wait any more";
    }
    for (const EventType& type : new_.events) {
      if (type.name != taken.event) continue;
      const std::string lacks = misfit(taken.payload, type.fields);
      if (lacks.empty()) continue;
      return "the event `" + taken.event + "` that " + wait +
             " took does not fit its type now: " + lacks;
    }
    return "";
  }

  // ---- What was drawn against what would be ----

  // How many conclusions agree, from the first on; fills `moved_drawn` with the recorded ones,
  // paths by the edited graph.
  std::size_t compare(const Entry& entry, const std::vector<Drawn>& would,
                      std::vector<Drawn>& moved_drawn) {
    std::size_t same = 0;
    for (; same < entry.drawn.size(); ++same) {
      Drawn recorded = entry.drawn[same];
      std::string problem;
      if (!moved(recorded, problem)) {
        lost_ = std::move(problem);
        return same;
      }
      if (same >= would.size() || !agree(entry.seq, entry.drawn[same], recorded, would[same]))
        return same;
      moved_drawn.push_back(std::move(recorded));
    }
    return same;
  }

  // Equal but for what may differ while it is over; notes where it was drawn.
  bool agree(std::uint64_t seq, const Drawn& by_old, const Drawn& recorded, const Drawn& would) {
    if (recorded.index() != would.index()) return false;
    Drawn alike = recorded;
    if (auto* sent = std::get_if<Sent>(&alike)) {
      const Sent& other = std::get<Sent>(would);
      if (!same_target(std::get<Sent>(by_old), other)) return false;
      drawn_at_[{sent->path, sent->direction}] = seq;
      sent->digest = other.digest;
      sent->key = other.key;
    } else if (auto* retry = std::get_if<RetryAt>(&alike)) {
      drawn_at_[{retry->path, retry->direction}] = seq;
      retry->at = std::get<RetryAt>(would).at;
    } else if (auto* waiting = std::get_if<Waiting>(&alike)) {
      drawn_at_[{waiting->path, Direction::kForward}] = seq;
      waiting->until = std::get<Waiting>(would).until;
    } else if (auto* asked = std::get_if<Asked>(&alike)) {
      drawn_at_[{asked->path, Direction::kForward}] = seq;
      asked->until = std::get<Asked>(would).until;
    } else if (auto* paused = std::get_if<PausedUntil>(&alike)) {
      drawn_at_[{paused->path, Direction::kForward}] = seq;
      paused->until = std::get<PausedUntil>(would).until;
    } else if (auto* deadline = std::get_if<DeadlineAt>(&alike)) {
      drawn_at_[{{}, Direction::kForward}] = seq;
      deadline->at = std::get<DeadlineAt>(would).at;
    }
    return alike == would;
  }

  // The same operation (of the same name), whatever is asked of it.
  bool same_target(const Sent& before, const Sent& after) const {
    const Call* a = spec_of(old_.nodes[before.path.node], before.direction);
    const Call* b = spec_of(new_.nodes[after.path.node], after.direction);
    if (a == nullptr || b == nullptr) return false;
    if (a->action == kNoAction || b->action == kNoAction) {
      return a->action == b->action &&
             old_.nodes[before.path.node].run.workflow == new_.nodes[after.path.node].run.workflow;
    }
    return old_.actions[a->action].name == new_.actions[b->action].name;
  }

  // ---- The end of the journal ----

  // Whether what is under way is under way in the same manner.
  bool at_rest() {
    if (stands_.ended()) return true;
    if (stands_.deadline != would_.deadline && !stands_.deadline_passed &&
        stands_.status == Status::kRunning) {
      return differs(drawn_at({}, Direction::kForward),
                     "the time by which it has to finish is another one");
    }
    if (!same(old_.one_at_a_time, new_.one_at_a_time)) {
      return differs(1, "it takes its turn among others than it would (`one at a time per`)");
    }
    for (std::size_t i = 0; i < stands_.activities.size() && i < would_.activities.size(); ++i) {
      const Activity& stands = stands_.activities[i];
      const Activity& would = would_.activities[i];
      const std::string what = quoted(new_, stands.path);
      const std::uint64_t entry = drawn_at(stands.path, Direction::kForward);
      if (stands.open && stands.until != would.until) {
        return differs(entry, what + " is under way and would have another limit");
      }
      if (stands.open && new_.nodes[stands.path.node].kind == NodeKind::kWait &&
          !same_events(stands.path)) {
        return differs(entry, what + " waits, and would wait for other events");
      }
      for (const Direction direction : kDirections) {
        if (!at_rest(what, stands.path, direction, call_of(stands, direction),
                     call_of(would, direction))) {
          return false;
        }
      }
    }
    return true;
  }

  bool at_rest(const std::string& what, const Path& path, Direction direction,
               const CallState& stands, const CallState& would) {
    const std::uint64_t entry = drawn_at(path, direction);
    if (stands.phase == CallPhase::kBackoff && stands.due != would.due) {
      return differs(entry,
                     what + " waits to be tried again, and would wait for another length of time");
    }
    const bool over = stands.phase == CallPhase::kIdle || stands.phase == CallPhase::kSucceeded ||
                      stands.phase == CallPhase::kRefused ||
                      (stands.phase == CallPhase::kHeld && !stands.unsure);
    if (over || !stands.first_sent_at) return true;
    if (stands.digest == would.digest && stands.key == would.key) return true;
    return differs(entry,
                   what + " was sent and is not settled, and its request would be another one");
  }

  bool same_events(const Path& path) const {
    const std::string& name = new_.nodes[path.node].name;
    const std::vector<Source>& before = old_.nodes[find_node(old_, name)].sources;
    const std::vector<Source>& after = new_.nodes[path.node].sources;
    return std::equal(
        before.begin(), before.end(), after.begin(), after.end(),
        [](const Source& a, const Source& b) { return a.event == b.event && a.name == b.name; });
  }

  std::uint64_t drawn_at(const Path& path, Direction direction) const {
    const auto found = drawn_at_.find({path, direction});
    return found == drawn_at_.end() ? stands_.seq : found->second;
  }

  // What may still come.
  bool ahead() {
    if (stands_.ended() || old_.hash == new_.hash) return true;
    std::set<std::string> changed;
    for (NodeId id = 0; id < old_.nodes.size(); ++id) {
      const Node& before = old_.nodes[id];
      const NodeId other = find_node(new_, before.name);
      if (other == kNoNode) {
        if (forward_comes()) changed.insert(before.name);
      } else if (node_changed(before, new_.nodes[other], other)) {
        changed.insert(before.name);
      }
    }
    for (const Node& after : new_.nodes) {
      if (find_node(old_, after.name) == kNoNode && forward_comes()) changed.insert(after.name);
    }
    if (forward_comes() && !same(old_.gives, new_.gives)) changed.insert("gives");
    if (!versions_.same_keep(old_.if_undo_fails, new_.if_undo_fails))
      changed.insert("if an undo fails");
    if (changed.empty()) return true;
    verdict_.kind = VerdictKind::kDiffers;
    verdict_.ahead = true;
    verdict_.entry = stands_.seq + 1;
    verdict_.changed.assign(changed.begin(), changed.end());
    verdict_.why = "all entries draw the same; what may still come has changed";
    return true;
  }

  bool forward_comes() const { return stands_.status == Status::kRunning; }

  bool node_changed(const Node& before, const Node& after, NodeId id) const {
    const Activity* activity = find_activity(stands_, {id, {}});
    const bool settled = activity != nullptr && !activity->open && is_settled(*activity);
    if (!settled && !versions_.same_undo(before, after)) return true;
    if (!forward_comes()) return false;
    const bool over = (activity != nullptr && !activity->open) || over_.contains(id);
    if (!over && !versions_.same_forward(before, after)) return true;
    return !over && (!versions_.same_place(before, after) || order_changed(before, after));
  }

  // Whether other statements that both versions have stand before it in its block.
  bool order_changed(const Node& before, const Node& after) const {
    return earlier_siblings(old_, before, new_) != earlier_siblings(new_, after, old_);
  }
  static std::set<std::string> earlier_siblings(const Graph& graph, const Node& node,
                                                const Graph& other) {
    std::set<std::string> names;
    for (const Node& n : graph.nodes) {
      if (n.parent == node.parent && n.block == node.block && n.position < node.position &&
          find_node(other, n.name) != kNoNode) {
        names.insert(n.name);
      }
    }
    return names;
  }

  Versions versions_;
  const Graph& old_;
  const Graph& new_;
  const std::string_view saga_;
  Verdict verdict_;
  State stands_, would_;
  std::string lost_;
  std::map<std::pair<Path, Direction>, std::uint64_t> drawn_at_;
  std::set<NodeId> over_;  // by the edited graph
};

bool fits_record(const Value& value, const Type& type) {
  return value.kind() == Value::Kind::kMap && misfit(value, type.fields).empty();
}

bool within_bounds(std::int64_t n, const Type& type) {
  return (!type.min || n >= *type.min) && (!type.max || n <= *type.max);
}

std::size_t characters(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U;
  }));
}

}  // namespace

Replayed replay(const Graph& recorded_by, const Graph& edited, std::string_view saga,
                const std::vector<Entry>& journal) {
  return Replayer(recorded_by, edited, saga).run(journal);
}

const char* name(VerdictKind kind) {
  switch (kind) {
    case VerdictKind::kSame: return "same";
    case VerdictKind::kDiffers: return "differs";
    case VerdictKind::kCannot: return "cannot";
  }
  return "";
}

bool translate(const Graph& from, const Graph& to, Path& path, std::string& problem) {
  if (path.node == kNoNode) return true;
  if (path.node >= from.nodes.size()) {
    problem = "it speaks of a statement that its own definition does not have";
    return false;
  }
  const Node& before = from.nodes[path.node];
  const NodeId id = find_node(to, before.name);
  if (id == kNoNode) {
    problem = "`" + before.name + "` is not there any more";
    return false;
  }
  if (to.nodes[id].kind != before.kind) {
    problem = "`" + before.name + "` was " + kind_words(before.kind) + " and is " +
              kind_words(to.nodes[id].kind) + " now";
    return false;
  }
  const auto loops = [](const Graph& graph, NodeId node) {
    std::vector<std::string> names;
    for (NodeId up = graph.nodes[node].parent; up != kNoNode; up = graph.nodes[up].parent) {
      const NodeKind kind = graph.nodes[up].kind;
      if (kind == NodeKind::kForEach || kind == NodeKind::kRepeat)
        names.push_back(graph.nodes[up].name);
    }
    return names;
  };
  if (loops(from, path.node) != loops(to, id)) {
    problem = "`" + before.name + "` stands in other loops now";
    return false;
  }
  path.node = id;
  return true;
}

bool fits(const Value& value, const Type& type) {
  using Kind = Value::Kind;
  if (type.is_private) return true;
  if (value.is_null()) return type.optional || type.base == Type::Base::kJson;
  switch (type.base) {
    case Type::Base::kJson:
    case Type::Base::kError: return true;
    case Type::Base::kText:
      if (value.kind() != Kind::kString) return false;
      return !type.size_max ||
             characters(value.as_string()) <= static_cast<std::size_t>(*type.size_max);
    case Type::Base::kUuid:
    case Type::Base::kEmail:
    case Type::Base::kUrl:
    case Type::Base::kDate: return value.kind() == Kind::kString;
    case Type::Base::kInt: return value.kind() == Kind::kInt && within_bounds(value.as_int(), type);
    case Type::Base::kDouble: return value.kind() == Kind::kDouble || value.kind() == Kind::kInt;
    case Type::Base::kBool: return value.kind() == Kind::kBool;
    case Type::Base::kMoney: return value.kind() == Kind::kMoney;
    case Type::Base::kTimestamp: return value.kind() == Kind::kTimestamp;
    case Type::Base::kDuration: return value.kind() == Kind::kDuration;
    case Type::Base::kBytes: return value.kind() == Kind::kBytes;
    case Type::Base::kOneOf:
      return value.kind() == Kind::kString && std::find(type.options.begin(), type.options.end(),
                                                        value.as_string()) != type.options.end();
    case Type::Base::kList:
      return value.kind() == Kind::kList &&
             std::all_of(value.as_list().begin(), value.as_list().end(), [&](const Value& v) {
               return type.element.empty() || fits(v, type.element[0]);
             });
    case Type::Base::kMap:
      return value.kind() == Kind::kMap &&
             std::all_of(value.as_map().begin(), value.as_map().end(), [&](const auto& member) {
               return type.element.empty() || fits(member.second, type.element[0]);
             });
    case Type::Base::kRecord: return fits_record(value, type);
    case Type::Base::kUint: return value.kind() == Kind::kUint;
    case Type::Base::kNull: return false;
    case Type::Base::kType: return value.kind() == Kind::kType;
  }
  return false;
}

}  // namespace belay::interpreter
