// The worst case of a workflow's time, added up over its structure: what follows adds, what is side
// by side counts by its longest. Only constants count; see time_budget.h.
#include "dsl/time_budget.h"

#include <algorithm>

#include "dsl/compile/programs.h"
#include "dsl/compile/tables.h"

namespace belay::dsl {
namespace {

using interpreter::Act;
using interpreter::Action;
using interpreter::ActKind;
using interpreter::Binding;
using interpreter::Block;
using interpreter::Call;
using interpreter::Effect;
using interpreter::Graph;
using interpreter::kNoNode;
using interpreter::Node;
using interpreter::NodeId;
using interpreter::NodeKind;
using interpreter::Program;
using interpreter::Value;

constexpr std::int64_t kTryMs = 30'000;  // of a call that has no limit of its own

class NoNames final : public interpreter::Scope {
 public:
  const Value* slot(std::uint32_t) const override { return nullptr; }
  interpreter::Timestamp now() const override { return {}; }
};

// A duration that reads nothing, in ms.
std::optional<std::int64_t> constant_ms(const Program& program) {
  if (program.empty()) return std::nullopt;
  for (const interpreter::ExprNode& node : program.nodes) {
    if (node.kind == interpreter::ExprKind::kSlot || node.kind == interpreter::ExprKind::kNow) {
      return std::nullopt;
    }
  }
  const interpreter::Evaluated value = interpreter::evaluate(program, NoNames());
  if (!value.ok || value.value.kind() != Value::Kind::kDuration) return std::nullopt;
  const interpreter::Duration d = value.value.as_duration();
  return d.seconds * 1000 + d.nanos / 1'000'000;
}

bool has(const Action& action, Effect effect) {
  return (action.effects & static_cast<std::uint8_t>(effect)) != 0;
}

class Clock {
 public:
  Clock(const Graph& graph, const std::map<std::string, std::int64_t>& timeout_ms)
      : graph_(graph), timeout_ms_(timeout_ms) {}

  TimeBudget run() {
    out_.total_ms = block(graph_.root, 0);
    out_.finish_within_ms = constant_ms(graph_.finish_within);
    for (const NodeBudget& one : out_.nodes) hold(one);
    return std::move(out_);
  }

 private:
  std::int64_t block(const Block& nodes, std::int64_t at) {
    for (const NodeId id : nodes) at = node(id, at);
    return at;
  }

  std::int64_t longest(const std::vector<const Block*>& blocks, std::int64_t at) {
    std::int64_t end = at;
    for (const Block* one : blocks) end = std::max(end, block(*one, at));
    return end;
  }

  std::int64_t node(NodeId id, std::int64_t at) {
    const Node& node = graph_.nodes[id];
    const std::size_t place = out_.nodes.size();
    out_.nodes.push_back({id, at, at});
    std::int64_t end = at;
    if (node.kind == NodeKind::kStep) {
      end += call(node.call);
    } else if (node.kind == NodeKind::kWait || node.kind == NodeKind::kAsk) {
      end += bounded(id, node.within);
    } else if (node.kind == NodeKind::kPause) {
      end += bounded(id, node.pause_for);
    } else if (node.kind == NodeKind::kPointOfNoReturn) {
      out_.point_ms = at;
    } else if (node.kind == NodeKind::kForEach ||
               (node.kind == NodeKind::kRun && !node.run.detached)) {
      out_.open.push_back(id);  // as many items as there are; as long as the other saga takes
    }
    // The body comes first, as often as it is repeated; then one of the blocks behind it.
    const std::vector<const Block*> all = interpreter::blocks_of(node);
    std::vector<const Block*> behind;
    for (const Block* one : all) {
      if (one != &node.body) behind.push_back(one);
    }
    const std::int64_t body_end = block(node.body, end);
    end += (body_end - end) * (node.kind == NodeKind::kRepeat ? node.times : 1);
    end = longest(behind, end);
    out_.nodes[place].ends_ms = end;
    return end;
  }

  std::int64_t bounded(NodeId id, const Program& length) {
    const auto ms = constant_ms(length);
    if (!ms) out_.open.push_back(id);
    return ms.value_or(0);
  }

  std::int64_t one_try(const Call& call) const {
    if (const auto ms = constant_ms(call.within)) return *ms;
    if (call.action >= graph_.actions.size()) return 0;  // a child saga
    const Action& action = graph_.actions[call.action];
    if (action.runs != Action::Runs::kHttp) return kTryMs;
    const auto found = timeout_ms_.find(action.http.connector);
    return found == timeout_ms_.end() ? kTryMs : found->second;
  }

  // All tries with the waits between them; longer where it keeps trying, is told to try again, or
  // is checked.
  std::int64_t call(const Call& call) const {
    const std::int64_t limit = one_try(call);
    std::int64_t ms = limit * call.retry.tries;
    std::int64_t wait = call.retry.first_wait_ms;
    for (std::uint32_t i = 1; i < call.retry.tries; ++i) {
      ms += std::min(wait, call.retry.wait_ms_max);
      if (call.retry.doubling && wait < call.retry.wait_ms_max) wait *= 2;
    }
    if (call.keep) ms = std::max(ms, call.keep->for_ms + limit);
    for (const interpreter::Handler& handler : call.handlers) {
      if (handler.act.kind != ActKind::kTryAgain) continue;
      ms += (handler.act.after_ms + limit) * handler.act.at_most;
    }
    for (const Call& check : call.check) {
      ms += this->call(check) + graph_.actions[check.action].settling_s * 1000;
    }
    return ms;
  }

  // ---- Holds ----

  std::optional<std::int64_t> life_of(const Node& node) const {
    if (node.kind != NodeKind::kStep) return std::nullopt;
    const Action& action = graph_.actions[node.call.action];
    if (!has(action, Effect::kReserves)) return std::nullopt;
    const interpreter::Field* life = nullptr;
    int durations = 0;
    for (const interpreter::Field& take : action.takes) {
      if (take.type.base != interpreter::Type::Base::kDuration) continue;
      ++durations;
      if (life == nullptr || take.name == "keep_for") life = &take;
    }
    if (life == nullptr || (durations > 1 && life->name != "keep_for")) return std::nullopt;
    const Binding* given = find_binding(node.call.args, life->name);
    return given == nullptr ? std::nullopt : constant_ms(given->value);
  }

  bool needs(const Node& node, interpreter::SlotId hold) const {
    if (node.kind != NodeKind::kStep) return false;
    if (has(graph_.actions[node.call.action], Effect::kMovesMoney)) return true;
    return std::any_of(node.call.args.begin(), node.call.args.end(),
                       [&](const Binding& b) { return reads_slot(b.value, hold); });
  }

  void hold(const NodeBudget& step) {
    const auto life = life_of(graph_.nodes[step.node]);
    if (!life) return;
    HoldBudget out{step.node, *life, kNoNode, out_.binding_ms() - step.begins_ms};
    bool found = false;
    for (const NodeBudget& other : out_.nodes) {
      const bool behind = out_.point_ms && other.begins_ms >= *out_.point_ms &&
                          graph_.nodes[other.node].kind != NodeKind::kPointOfNoReturn;
      if (behind || other.begins_ms < step.ends_ms) continue;
      const Node& node = graph_.nodes[other.node];
      if (!found && node.kind == NodeKind::kPointOfNoReturn) out.until = other.node;
      if (!needs(node, graph_.nodes[step.node].slot)) continue;
      if (found && other.ends_ms - step.begins_ms < out.worst_ms) continue;
      found = true;
      out.until = other.node;
      out.worst_ms = other.ends_ms - step.begins_ms;
    }
    out_.holds.push_back(out);
  }

  const Graph& graph_;
  const std::map<std::string, std::int64_t>& timeout_ms_;
  TimeBudget out_;
};

const Statement* find_statement(const Statements& list, std::string_view name);

const Statement* find_in(const dsl::Act& act, std::string_view name) {
  return find_statement(act.block, name);
}

const Statement* find_statement(const Statements& list, std::string_view name) {
  for (const Statement& s : list) {
    if (s.name.text == name && s.kind == Statement::Kind::kStep) return &s;
    const Statement* found = find_in(s.act, name);
    for (const dsl::Arm& arm : s.arms) found = found ? found : find_statement(arm.block, name);
    found = found ? found : find_statement(s.body, name);
    for (const Branch& branch : s.branches) {
      found = found ? found : find_statement(branch.block, name);
    }
    for (const dsl::Handler& handler : s.policies.handlers) {
      found = found ? found : find_in(handler.act, name);
    }
    if (found != nullptr) return found;
  }
  return nullptr;
}

// What takes most of the time before `until_ms`, longest first: "`paid` 15 minutes".
std::string longest_parts(const Graph& graph, const TimeBudget& budget, std::int64_t from_ms,
                          std::int64_t until_ms) {
  std::vector<NodeBudget> parts;
  for (const NodeBudget& one : budget.nodes) {
    const NodeKind kind = graph.nodes[one.node].kind;
    const bool own = kind == NodeKind::kStep || kind == NodeKind::kWait || kind == NodeKind::kPause;
    if (own && one.begins_ms >= from_ms && one.ends_ms <= until_ms) parts.push_back(one);
  }
  std::stable_sort(parts.begin(), parts.end(), [](const NodeBudget& a, const NodeBudget& b) {
    return a.ends_ms - a.begins_ms > b.ends_ms - b.begins_ms;
  });
  if (parts.size() > 3) parts.resize(3);
  std::string text;
  for (const NodeBudget& one : parts) {
    text += (text.empty() ? "" : ", ") + quoted(graph.nodes[one.node].name) + " " +
            length_text(one.ends_ms - one.begins_ms);
  }
  return text;
}

}  // namespace

TimeBudget time_budget(const Graph& graph, const std::map<std::string, std::int64_t>& timeout_ms) {
  return Clock(graph, timeout_ms).run();
}

std::string length_text(std::int64_t ms) {
  struct Unit {
    std::int64_t ms;
    const char* name;
  };
  static constexpr Unit kUnits[] = {
      {86'400'000, "day"}, {3'600'000, "hour"}, {60'000, "minute"}, {1000, "second"}};
  std::string text;
  int units = 0;
  for (const Unit& unit : kUnits) {
    const std::int64_t n = ms / unit.ms;
    if (units == 1 && n == 0) break;
    if (n == 0) continue;
    text += (text.empty() ? "" : " ") + std::to_string(n) + " " + unit.name + (n == 1 ? "" : "s");
    ms %= unit.ms;
    if (++units == 2) break;
  }
  return text.empty() ? std::to_string(ms) + " milliseconds" : text;
}

void check_time_budget(const Declaration& declaration, const Graph& graph, Tables& tables) {
  std::map<std::string, std::int64_t> timeout_ms;
  for (const auto& [name, info] : tables.connectors) timeout_ms[name] = info.connector.timeout_ms;
  const TimeBudget budget = time_budget(graph, timeout_ms);
  const auto& decl = std::get<WorkflowDecl>(declaration.body);
  if (budget.finish_within_ms && *budget.finish_within_ms < budget.binding_ms()) {
    Diagnostic& d = tables.diagnostics.add(
        "BEL2041", decl.finish_within.span,
        "the saga must finish within " + length_text(*budget.finish_within_ms) +
            ", but the worst case " +
            (budget.point_ms ? "until the point of no return" : "to its end") + " is " +
            length_text(budget.binding_ms()));
    add_note(d, "most of it: " + longest_parts(graph, budget, 0, budget.binding_ms()));
    add_note(d, "when the time is over everything is undone, even if it would have succeeded");
    d.help = "give it more time, or let tries and waits take less";
  }
  for (const HoldBudget& hold : budget.holds) {
    if (hold.life_ms >= hold.worst_ms) continue;
    const Node& step = graph.nodes[hold.step];
    const Statement* statement = find_statement(decl.body, step.name);
    const std::string until = hold.until == kNoNode ? std::string("the end")
                              : graph.nodes[hold.until].kind == NodeKind::kPointOfNoReturn
                                  ? std::string("the point of no return")
                                  : quoted(graph.nodes[hold.until].name);
    Diagnostic& d = tables.diagnostics.add(
        "BEL2042", statement == nullptr ? declaration.span : statement->name.span,
        quoted(step.name) + " is held for " + length_text(hold.life_ms) +
            ", but the worst case until " + until + " is " + length_text(hold.worst_ms));
    const auto from = std::find_if(budget.nodes.begin(), budget.nodes.end(),
                                   [&](const NodeBudget& n) { return n.node == hold.step; });
    add_note(d, "most of it: " +
                    longest_parts(graph, budget, from->begins_ms, from->begins_ms + hold.worst_ms));
    add_note(d, "somebody else may have taken it by then");
    d.help = "hold it for longer, or let tries and waits take less";
  }
}

}  // namespace belay::dsl
