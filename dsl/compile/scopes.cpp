// Where a failure goes, and the blocks that are about another statement. A failure that its own
// step does not handle goes outward: to the `try`s around it, and where the step stands in a part
// that may be undone alone (a tolerated item, a branch of a race), no further than that. The block
// of a handler is about the statement around it: `carry on`, `try again` and `hand to` in it leave
// it.
#include <algorithm>

#include "dsl/compile/lowering.h"

namespace belay::dsl {

using interpreter::Block;
using interpreter::NodeId;
using interpreter::SlotId;

namespace {

bool takes(const std::vector<dsl::Handler>& handlers, const std::string& error) {
  return std::any_of(handlers.begin(), handlers.end(), [&](const dsl::Handler& handler) {
    return handler.errors.empty() ||
           std::any_of(handler.errors.begin(), handler.errors.end(),
                       [&](const Name& name) { return name.text == error; });
  });
}

}  // namespace

std::vector<std::string> Lowering::raise(const std::vector<std::string>& errors) {
  std::vector<std::string> left = errors;
  for (auto catcher = catchers_.rbegin(); catcher != catchers_.rend(); ++catcher) {
    (*catcher)->raised.insert(left.begin(), left.end());
    std::erase_if(left,
                  [&](const std::string& error) { return takes(*(*catcher)->handlers, error); });
  }
  return left;
}

void Lowering::raise_anything() {
  for (Catcher* catcher : catchers_) catcher->anything = true;
}

bool Lowering::failure_is_local() const {
  return std::any_of(parts_.begin(), parts_.end(),
                     [](const Part& part) { return part.kind != Part::Kind::kTry; });
}

Block Lowering::lower_closed(const Statements& block, Flow& flow, std::string_view inside) {
  HandlerBlock* was = std::exchange(handler_block_, nullptr);
  const std::string_view was_barrier = barrier_;
  if (was != nullptr) barrier_ = inside;
  Block lowered = lower_block(block, flow, false);
  handler_block_ = was;
  barrier_ = was_barrier;
  return lowered;
}

Block Lowering::lower_handler_block(const Statements& block, const ActSite& site, Onward& onward) {
  HandlerBlock here{.site = &site, .leaves = {}};
  HandlerBlock* was = std::exchange(handler_block_, &here);
  const std::string_view was_barrier = std::exchange(barrier_, std::string_view());
  Flow inside = *site.flow;
  inside.waited.reset();
  Block lowered = lower_block(block, inside, false);
  handler_block_ = was;
  barrier_ = was_barrier;
  if (!inside.ended || here.without_value) {
    onward = Onward::kWithoutValue;
  } else {
    onward = here.with_value ? Onward::kWithValue : here.holds ? Onward::kHolds : Onward::kEnds;
  }
  if (site.ways != nullptr) {
    for (Flow& leave : here.leaves) site.ways->push_back(std::move(leave));
    if (!inside.ended) site.ways->push_back(std::move(inside));
  }
  return lowered;
}

// `carry on`, `try again after`, `hand to` as a statement.
void Lowering::lower_act_statement(const Statement& statement, NodeId id, Flow& flow) {
  dsl::Act act = statement.act;
  if (act.span.length == 0) act.span = statement.span;
  const std::string_view word = act.kind == dsl::Act::Kind::kCarryOn    ? "`carry on`"
                                : act.kind == dsl::Act::Kind::kTryAgain ? "`try again`"
                                                                        : "`hand to`";
  if (handler_block_ == nullptr) {
    failed_ = true;
    if (barrier_.empty()) return;  // the reader complained
    Diagnostic& d = error("BEL5005", statement.span,
                          std::string(word) + " cannot leave the " + quoted(barrier_));
    add_note(d, "it says how it goes on after the step, wait or `try` whose handler it stands in");
    d.help = "`set` what you found out, and leave the block after the " + quoted(barrier_);
    return;
  }
  flow.ended = flow.left = true;
  flow.ended_by = statement.span;
  HandlerBlock& block = *handler_block_;
  if (act.kind == dsl::Act::Kind::kTryAgain && flow.waited && block.site->no_try_again.empty()) {
    Diagnostic& d =
        error("BEL5005", statement.span, "`try again` comes too late in its handler's block");
    add_note_at(d, *flow.waited, "this stands before it");
    add_note(d, "the block would be run again with each try, and what it did would be done twice");
    d.help = "try again first, or `carry on`";
  }
  ActSite site = *block.site;
  Flow here = flow;
  here.ended = here.left = false;
  site.flow = &here;
  site.ways = nullptr;
  Onward onward = Onward::kEnds;
  interpreter::Act lowered = lower_act(act, site, onward);
  graph_.nodes[id].act = std::move(lowered);
  block.without_value = block.without_value || onward == Onward::kWithoutValue;
  block.with_value = block.with_value || onward == Onward::kWithValue;
  block.holds = block.holds || onward == Onward::kHolds;
  if (act.kind == dsl::Act::Kind::kCarryOn) block.leaves.push_back(std::move(here));
}

// The body is undone before a handler runs, so that a handler knows what was known before the
// body, and what the body declared need not exist afterwards.
void Lowering::lower_try(const Statement& statement, NodeId id, Flow& flow) {
  const std::vector<dsl::Handler>& handlers = statement.policies.handlers;
  if (handlers.empty()) failed_ = true;  // the reader complained
  std::vector<const Statements*> blocks = {&statement.body};
  for (const dsl::Handler& handler : handlers) blocks.push_back(&handler.act.block);
  std::map<std::string, SlotId> shared_before;
  share_sets(blocks, shared_before);
  const std::size_t before = flow.names.size();

  Catcher catcher{.handlers = &handlers, .raised = {"bad_value"}};
  catchers_.push_back(&catcher);
  parts_.push_back({Part::Kind::kTry, &statement.body});
  Flow inside = flow;
  Block body = lower_closed(statement.body, inside, "try");
  parts_.pop_back();
  catchers_.pop_back();
  graph_.nodes[id].body = std::move(body);
  for (std::size_t i = before; i < inside.names.size(); ++i)
    in_try_.insert(inside.names[i].known->name);

  const std::vector<std::string> possible(catcher.raised.begin(), catcher.raised.end());
  std::vector<Flow> ends;
  CallSite site{.flow = &flow,
                .owner = "this `try`",
                .at = statement.span,
                .errors_of = "this `try`",
                .ways = &ends,
                .no_try_again = "its body was undone: `repeat` it, or go on"};
  if (!catcher.anything) site.errors = &possible;
  bool goes_on_without = false;
  interpreter::Call call;
  call.action = interpreter::kNoAction;
  lower_handlers(handlers, site, call, goes_on_without);
  graph_.nodes[id].call = std::move(call);
  shared_sets_ = std::move(shared_before);
  for (std::size_t i = before; i < inside.names.size(); ++i)
    in_try_.erase(inside.names[i].known->name);

  if (!inside.ended) ends.push_back(inside);
  if (ends.empty()) {
    flow.ended = true;
    flow.left = false;
    flow.ended_by = statement.span;
    return;
  }
  const bool certain = ends.size() == 1;  // only the body goes on, or only one handler
  Flow after = flow;
  merge_ends(ends, before, after);
  for (std::size_t i = before; i < inside.names.size() && !inside.ended; ++i) {
    const Visible& visible = inside.names[i];
    if (find_visible(after, visible.known->name) != nullptr) continue;
    if (certain || visible.may_be_absent)
      show(after, visible.known, visible.may_be_absent, visible.because);
    else
      show(after, visible.known, true, "the `try` may have gone another way");
  }
  flow = std::move(after);
}

}  // namespace belay::dsl
