// See match.h.
#include "dsl/diff/match.h"

#include <algorithm>

#include "dsl/diff/words.h"

namespace belay::diff {
namespace {

bool has_own_name(NodeKind kind) {
  return kind == NodeKind::kStep || kind == NodeKind::kRun || kind == NodeKind::kWait ||
         kind == NodeKind::kAsk;
}

void read_in_order(const Graph& graph, const Block& block, std::vector<NodeId>& order) {
  for (const NodeId id : block) {
    order.push_back(id);
    for (const Block* inner : blocks_of(graph.nodes[id])) read_in_order(graph, *inner, order);
  }
}

class Matcher {
 public:
  explicit Matcher(const Versions& versions)
      : versions_(versions), old_(versions.before()), new_(versions.after()) {
    result_.of_before.assign(old_.nodes.size(), kNoNode);
    result_.of_after.assign(new_.nodes.size(), kNoNode);
    read_in_order(old_, old_.root, result_.order_before);
    read_in_order(new_, new_.root, result_.order_after);
  }

  Matching run() {
    pass([&](const Node& a, const Node& b) {
      return has_own_name(a.kind) && a.kind == b.kind && a.name == b.name;
    });
    // Parents come before their blocks in reading order, so where a statement stands is known when
    // it is looked at.
    pass([&](const Node& a, const Node& b) { return alike(a, b) && same_parent(a, b); });
    pass([&](const Node& a, const Node& b) { return alike(a, b); });
    pass([&](const Node& a, const Node& b) {
      return !has_own_name(a.kind) && a.kind == b.kind && same_parent(a, b) && a.block == b.block;
    });
    return std::move(result_);
  }

 private:
  template <class Same>
  void pass(Same same_one) {
    for (const NodeId b : result_.order_after) {
      if (result_.of_after[b] != kNoNode) continue;
      for (const NodeId a : result_.order_before) {
        if (result_.of_before[a] != kNoNode || !same_one(old_.nodes[a], new_.nodes[b])) continue;
        result_.of_before[a] = b;
        result_.of_after[b] = a;
        break;
      }
    }
  }

  // They do the same, whatever they are called.
  bool alike(const Node& a, const Node& b) const {
    if (a.kind != b.kind || !versions_.same_forward(a, b)) return false;
    if (a.kind == NodeKind::kSet) {
      return a.slot < old_.slots.size() && b.slot < new_.slots.size() &&
             old_.slots[a.slot].name == new_.slots[b.slot].name;
    }
    const bool by_blocks = a.kind == NodeKind::kTogether || a.kind == NodeKind::kTry;
    if (!by_blocks) return true;
    return blocks_share(a, b);
  }

  // Containers that say nothing themselves are known by what they hold.
  bool blocks_share(const Node& a, const Node& b) const {
    for (const Block* x : blocks_of(a)) {
      for (const NodeId inner : *x) {
        const NodeId other = result_.of_before[inner];
        if (other != kNoNode && new_.nodes[other].parent != kNoNode &&
            &new_.nodes[new_.nodes[other].parent] == &b)
          return true;
      }
    }
    return false;
  }

  bool same_parent(const Node& a, const Node& b) const {
    if (a.parent == kNoNode || b.parent == kNoNode) return a.parent == b.parent;
    return result_.of_before[a.parent] == b.parent;
  }

  const Versions& versions_;
  const Graph& old_;
  const Graph& new_;
  Matching result_;
};

}  // namespace

Matching match(const Versions& versions) { return Matcher(versions).run(); }

std::vector<Move> moves(const Versions& versions, const Matching& matching) {
  const Graph& old = versions.before();
  const Graph& now = versions.after();
  std::vector<std::size_t> place_before(old.nodes.size());
  for (std::size_t i = 0; i < matching.order_before.size(); ++i)
    place_before[matching.order_before[i]] = i;

  std::vector<Move> found;
  std::vector<NodeId> stayed;  // matched and in the same block, in the new order
  for (const NodeId b : matching.order_after) {
    const NodeId a = matching.of_after[b];
    if (a == kNoNode) continue;
    const Node& before = old.nodes[a];
    const Node& after = now.nodes[b];
    const bool same_parent = before.parent == kNoNode || after.parent == kNoNode
                                 ? before.parent == after.parent
                                 : matching.of_before[before.parent] == after.parent;
    // Handler blocks are numbered; an arm or branch that came before others moves no statement.
    if (same_parent)
      stayed.push_back(b);
    else
      found.push_back({a, b, false, {}, true});
  }
  // The heaviest rising chain stays where it was; a step that moves money weighs a little less, so
  // it is said to move.
  const std::size_t n = stayed.size();
  std::vector<long> best(n);
  std::vector<std::size_t> from(n, n);
  std::size_t end = n;
  for (std::size_t i = 0; i < n; ++i) {
    const Node& node = now.nodes[stayed[i]];
    const long weight = touches_money(now, node)                  ? 1'000
                        : node.kind == NodeKind::kPointOfNoReturn ? 1'001
                                                                  : 1'002;
    best[i] = weight;
    for (std::size_t k = 0; k < i; ++k) {
      if (place_before[matching.of_after[stayed[k]]] < place_before[matching.of_after[stayed[i]]] &&
          best[k] + weight > best[i]) {
        best[i] = best[k] + weight;
        from[i] = k;
      }
    }
    if (end == n || best[i] > best[end]) end = i;
  }
  std::vector<bool> kept(n, false);
  for (std::size_t i = end; i < n; i = from[i]) kept[i] = true;

  for (std::size_t i = 0; i < n; ++i) {
    if (kept[i]) continue;
    const Node& node = now.nodes[stayed[i]];
    Move move{matching.of_after[stayed[i]], stayed[i], false, {}, false};
    for (std::size_t k = 0; k < n; ++k) {
      const Node& other = now.nodes[stayed[k]];
      if (k == i || other.parent != node.parent || other.block != node.block) continue;
      const bool was_before =
          place_before[matching.of_after[stayed[k]]] < place_before[move.before];
      const bool is_before = k < i;
      if (was_before == is_before || !kept[k]) continue;
      move.earlier = was_before;
      move.passed.push_back(stayed[k]);
    }
    if (!move.passed.empty()) found.push_back(std::move(move));
  }
  return found;
}

}  // namespace belay::diff
