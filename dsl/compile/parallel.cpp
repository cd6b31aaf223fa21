// `together`: branches side by side. All of them, or the first few that succeed: then the others
// are undone, so that what they declared need not exist afterwards.
#include "dsl/compile/lowering.h"

namespace belay::dsl {

using interpreter::Block;
using interpreter::NodeId;
using interpreter::SlotId;

// How many branches must succeed; 0: all of them.
std::uint32_t Lowering::wanted_branches(const Statement& statement) {
  const auto branches = static_cast<std::int64_t>(statement.branches.size());
  if (statement.wanted == Statement::Wanted::kAll || branches == 0) return 0;
  if (statement.wanted == Statement::Wanted::kAny) {
    if (branches > 1) return 1;
    Diagnostic& d = warning("BEL5010", statement.span, "a race of one branch");
    add_note(d, "`waiting for any` goes on with the first branch that succeeds");
    d.help = "add the branches that it runs against, or take the `together` out";
    return 0;
  }
  const std::int64_t n = statement.wanted_count.value;
  if (statement.wanted_of.value != branches || n < 1 || n > branches) {
    failed_ = true;  // the reader complained
    return 0;
  }
  return n == branches ? 0 : static_cast<std::uint32_t>(n);
}

void Lowering::lower_together(const Statement& statement, NodeId id, Flow& flow) {
  const std::uint32_t wanted = wanted_branches(statement);
  graph_.nodes[id].wanted = wanted;
  const std::size_t before = flow.names.size();
  std::map<std::string, SlotId> shared_before;
  std::swap(shared_before, shared_sets_);  // two branches never share a slot
  std::set<std::string> names;
  std::vector<Flow> ends;
  int number = 0;
  parallel_.push_back("together");
  for (const Branch& branch : statement.branches) {
    ++number;
    std::string name = branch.name.text;
    if (name.empty() && branch.block.size() == 1 && !branch.block.front().name.empty()) {
      name = branch.block.front().name.text;
    }
    if (name.empty() || (branch.name.empty() && names.contains(name)))
      name = "branch_" + std::to_string(number);
    if (!branch.name.empty() && !check_name(branch.name, false, tables_)) failed_ = true;
    if (!names.insert(name).second) {
      Diagnostic& d =
          error("BEL3012", branch.name.span, "there is already a branch " + quoted(name));
      d.help = "rename one of them";
    }
    Flow inside = flow;
    if (wanted > 0) parts_.push_back({Part::Kind::kBranch, &branch.block});
    Block block = lower_closed(branch.block, inside, "together");
    if (wanted > 0) parts_.pop_back();
    graph_.nodes[id].branches.push_back(std::move(block));
    graph_.nodes[id].branch_names.push_back(std::move(name));
    ends.push_back(std::move(inside));
  }
  parallel_.pop_back();
  std::swap(shared_before, shared_sets_);
  std::size_t successes = 0;  // at most
  for (const Flow& end : ends) successes += end.ended ? 0 : 1;
  const std::size_t needed = wanted > 0 ? wanted : ends.size();
  for (Flow& end : ends) {
    if (end.ended && successes < needed) {
      flow.ended = true;
      flow.left = false;
      flow.ended_by = end.ended_by;
    }
    for (std::size_t i = before; i < end.names.size(); ++i) {
      if (const Visible* other = find_visible(flow, end.names[i].known->name)) {
        if (elsewhere_.contains(other->known->name) &&
            other->known->origin != Known::Origin::kSet) {
          failed_ = true;  // BEL3012 was reported
          continue;
        }
        Diagnostic& d =
            error("BEL5007", end.names[i].known->at,
                  quoted(end.names[i].known->name) + " is set by two branches at the same time");
        add_note_at(d, other->known->at, "the other is here");
        d.help = "give each branch a name of its own";
        continue;
      }
      if (wanted > 0 && !end.names[i].may_be_absent) {
        end.names[i].may_be_absent = true;
        end.names[i].because = "the `together` may go on without this branch";
      }
      flow.names.push_back(std::move(end.names[i]));
    }
    // A branch that may be undone proves nothing.
    if (wanted == 0) flow.present.insert(end.present.begin(), end.present.end());
  }
}

}  // namespace belay::dsl
