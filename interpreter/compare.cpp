// See compare.h.
#include "interpreter/compare.h"

#include <algorithm>

namespace belay::interpreter {
namespace {

template <class T, class Same>
bool same_list(const std::vector<T>& a, const std::vector<T>& b, Same same_one) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), same_one);
}

bool same_source(const Source& a, const Source& b) {
  return a.name == b.name && a.event == b.event && same(a.key, b.key) &&
         a.even_before_ms == b.even_before_ms;
}

}  // namespace

bool same(const Program& before, const Program& after) {
  return same_list(before.nodes, after.nodes, [](const ExprNode& a, const ExprNode& b) {
    const bool by_name = a.kind == ExprKind::kSlot && !a.text.empty();
    return a.kind == b.kind && (by_name || a.index == b.index) && a.literal == b.literal &&
           a.text == b.text && a.args == b.args;
  });
}

bool same(const std::vector<Binding>& before, const std::vector<Binding>& after) {
  return same_list(before, after, [](const Binding& a, const Binding& b) {
    return a.name == b.name && same(a.value, b.value);
  });
}

bool Versions::same_action(ActionId a, ActionId b) const {
  if (a == kNoAction || b == kNoAction) return a == b;
  Action old = before_.actions[a];
  old.title = after_.actions[b].title;
  return old == after_.actions[b];
}

bool Versions::same_block(const Block& a, const Block& b) const {
  return same_list(
      a, b, [&](NodeId x, NodeId y) { return before_.nodes[x].name == after_.nodes[y].name; });
}

bool Versions::same_act(const Act& a, const Act& b) const {
  return a.kind == b.kind && a.because == b.because && same(a.with, b.with) &&
         a.after_ms == b.after_ms && a.at_most == b.at_most && a.team == b.team &&
         same_block(a.block, b.block);
}

bool Versions::same_handlers(const std::vector<Handler>& a, const std::vector<Handler>& b) const {
  return same_list(a, b, [&](const Handler& x, const Handler& y) {
    return x.errors == y.errors && same_act(x.act, y.act);
  });
}

bool Versions::same_keep(const std::optional<Keep>& a, const std::optional<Keep>& b) const {
  if (!a || !b) return a.has_value() == b.has_value();
  return a->for_ms == b->for_ms && same_act(a->then, b->then);
}

bool Versions::same_rate(const std::optional<Rate>& a, const std::optional<Rate>& b) const {
  if (!a || !b) return a.has_value() == b.has_value();
  return a->count == b->count && a->per_ms == b->per_ms && same(a->per, b->per);
}

bool Versions::same_call(const Call& a, const Call& b) const {
  return same_action(a.action, b.action) && same(a.args, b.args) && a.retry == b.retry &&
         same(a.within, b.within) && same_handlers(a.handlers, b.handlers) &&
         a.if_unsure == b.if_unsure && same_keep(a.keep, b.keep) &&
         same(a.request_key, b.request_key) && a.alive_ms == b.alive_ms &&
         same_rate(a.rate, b.rate) &&
         same_list(a.check, b.check, [&](const Call& x, const Call& y) { return same_call(x, y); });
}

bool Versions::same_forward(const Node& a, const Node& b) const {
  if (a.kind != b.kind || !same_act(a.act, b.act) || !same_act(a.otherwise, b.otherwise))
    return false;
  const bool calls = a.kind == NodeKind::kStep || a.kind == NodeKind::kRun;
  if (calls && !same_call(a.call, b.call)) return false;
  if (a.kind == NodeKind::kTry && !same_handlers(a.call.handlers, b.call.handlers)) return false;
  return a.run == b.run &&
         same_list(a.arms, b.arms,
                   [](const Arm& x, const Arm& y) { return same(x.condition, y.condition); }) &&
         a.branches.size() == b.branches.size() && a.wanted == b.wanted && same(a.items, b.items) &&
         a.at_once == b.at_once && a.tolerated == b.tolerated && same(a.until, b.until) &&
         a.times == b.times && a.role == b.role && a.answers == b.answers &&
         same_list(a.sources, b.sources, same_source) && a.any_source == b.any_source &&
         a.event == b.event && same(a.key, b.key) && same(a.within, b.within) &&
         same(a.pause_for, b.pause_for) && same(a.pause_until, b.pause_until) &&
         same(a.data, b.data) && same(a.value, b.value);
}

bool Versions::same_undo(const Node& a, const Node& b) const {
  if (!a.undo || !b.undo) {
    return a.undo.has_value() == b.undo.has_value() && a.no_undo_because == b.no_undo_because;
  }
  return same_call(*a.undo, *b.undo);
}

bool Versions::same_place(const Node& a, const Node& b) const {
  if ((a.parent == kNoNode) != (b.parent == kNoNode)) return false;
  if (a.parent == kNoNode) return true;
  return before_.nodes[a.parent].name == after_.nodes[b.parent].name && a.block == b.block;
}

}  // namespace belay::interpreter
