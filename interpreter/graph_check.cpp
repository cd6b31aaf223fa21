// See graph_check.h. Tested in tests/dsl/graph_codec_test.cpp.
#include "interpreter/graph_check.h"

#include <string_view>
#include <vector>

namespace belay::interpreter {
namespace {

class Validator {
 public:
  explicit Validator(const Graph& graph) : graph_(graph) {}

  // Empty when the graph keeps the promises of graph_codec.h.
  std::string check() {
    seen_.assign(graph_.nodes.size(), false);
    if (graph_.slots.size() < graph_.takes.size()) return "fewer slots than inputs";
    for (const SlotInfo& slot : graph_.slots) type(slot.type);
    for (const Action& action : graph_.actions) check_action(action);
    for (const Binding& binding : graph_.gives) program(binding.value, graph_.slots.size());
    program(graph_.once_per, graph_.slots.size());
    program(graph_.one_at_a_time, graph_.slots.size());
    for (const Graph::StartsOn& on : graph_.starts_on) {
      for (const Binding& binding : on.input) program(binding.value, 1, true);
    }
    program(graph_.finish_within, graph_.slots.size());
    act(graph_.if_undo_fails.then);
    block(graph_.root);
    for (const Node& node : graph_.nodes) check_node(node);
    for (bool seen : seen_) expect(seen, "a node that no block holds");
    if (error_.empty()) reach_all();
    return error_;
  }

 private:
  void check_action(const Action& action) {
    const std::size_t slots = action.takes.size() + 3;
    for (const Field& field : action.takes) type(field.type);
    for (const Gives& gives : action.gives) {
      type(gives.field.type);
      program(gives.from, slots);
    }
    for (const OutcomeRule& rule : action.outcomes) program(rule.when, slots, true);
    for (const auto* list : {&action.http.body, &action.http.query, &action.http.headers}) {
      for (const Binding& binding : *list) program(binding.value, slots, true);
    }
  }
  void check_node(const Node& node) {
    const std::size_t slots = graph_.slots.size();
    expect(node.slot == kNoSlot || node.slot < slots, "a slot out of range");
    if (node.kind == NodeKind::kStep || node.kind == NodeKind::kSet ||
        node.kind == NodeKind::kWait || node.kind == NodeKind::kAsk ||
        node.kind == NodeKind::kForEach) {
      expect(node.slot != kNoSlot, "a result without a slot");
    }
    call(node.call, node.kind == NodeKind::kStep);
    if (node.undo) call(*node.undo, node.kind != NodeKind::kRun);
    block(node.body);
    program(node.items, slots, node.kind == NodeKind::kForEach);
    program(node.until, slots, node.kind == NodeKind::kRepeat);
    expect(node.at_once > 0 && node.times > 0, "a loop that does nothing");
    expect(node.wanted <= node.branches.size(), "more branches wanted than there are");
    for (const Export& e : node.exports) {
      if (!expect(e.inner < slots && e.outer < slots, "a slot out of range")) continue;
      expect(graph_.slots[e.inner].depth == graph_.slots[e.outer].depth + 1,
             "an export of no loop");
    }
    for (const Field& field : node.answers) type(field.type);
    expect((node.kind == NodeKind::kWait) == !node.sources.empty(), "a wait for nothing");
    for (const Source& source : node.sources) program(source.key, slots, true);
    for (const Arm& arm : node.arms) {
      program(arm.condition, slots);
      block(arm.block);
    }
    expect(node.branches.size() == node.branch_names.size(), "a branch without its name");
    for (const Block& branch : node.branches) block(branch);
    program(node.key, slots, node.kind == NodeKind::kPublish);
    program(node.within, slots);
    program(node.pause_for, slots);
    program(node.pause_until, slots);
    program(node.value, slots, node.kind == NodeKind::kSet);
    expect(node.kind != NodeKind::kPause || node.pause_for.empty() != node.pause_until.empty(),
           "a pause without end");
    for (const Binding& binding : node.data) program(binding.value, slots, true);
    act(node.otherwise);
    act(node.act);
  }
  void call(const Call& v, bool runs_action) {
    const std::size_t slots = graph_.slots.size();
    if (runs_action) expect(v.action < graph_.actions.size(), "an action out of range");
    if (v.rate) program(v.rate->per, slots);
    for (const Binding& binding : v.args) program(binding.value, slots, true);
    program(v.within, slots);
    program(v.request_key, slots);
    for (const Handler& handler : v.handlers) act(handler.act);
    if (v.keep) act(v.keep->then);
    expect(v.check.size() <= 1, "more than one check");
    for (const Call& check : v.check) call(check, true);
  }
  void act(const Act& v) {
    for (const Binding& binding : v.with) program(binding.value, graph_.slots.size(), true);
    expect(v.kind == ActKind::kBlock || v.block.empty(), "a block where none belongs");
    block(v.block);
  }
  void block(const Block& list) {
    for (NodeId id : list) {
      if (!expect(id < seen_.size(), "a node out of range")) return;
      expect(!seen_[id], "a node in two places");
      seen_[id] = true;
    }
  }
  void program(const Program& v, std::size_t slots, bool required = false) {
    expect(!required || !v.empty(), "an expression is missing");
    for (std::size_t i = 0; i < v.nodes.size(); ++i) {
      for (std::uint32_t arg : v.nodes[i].args)
        expect(arg < i, "an expression's argument comes after its user");
      if (v.nodes[i].kind == ExprKind::kSlot)
        expect(v.nodes[i].index < slots, "an expression reads a slot out of range");
    }
  }
  void type(const Type& v) {
    const bool container = v.base == Type::Base::kList || v.base == Type::Base::kMap;
    expect(!container || v.element.size() == 1, "a list of nothing");
    for (const Type& element : v.element) type(element);
    for (const Field& field : v.fields) type(field.type);
  }
  // Each node is in exactly one block; a node that is not reached from the root sits in a circle.
  void reach_all() {
    std::vector<NodeId> todo(graph_.root);
    std::size_t reached = 0;
    while (!todo.empty()) {
      const Node& node = graph_.nodes[todo.back()];
      todo.pop_back();
      ++reached;
      for (const Block* list : blocks_of(node)) todo.insert(todo.end(), list->begin(), list->end());
    }
    expect(reached == graph_.nodes.size(), "a node that is never reached");
  }
  bool expect(bool condition, std::string_view otherwise) {
    if (!condition && error_.empty()) error_ = otherwise;
    return condition;
  }

  const Graph& graph_;
  std::vector<bool> seen_;
  std::string error_;
};

}  // namespace

std::string graph_problem(const Graph& graph) { return Validator(graph).check(); }

}  // namespace belay::interpreter
