// Loops: `for each` over a list, `repeat` until something holds. A name that a loop's body declares
// has a value a round, one slot deeper than the loop stands. What outlives the loop is copied to a
// slot of its own: `for each` leaves the lists that it collects, `repeat` the last round's names.
#include "dsl/compile/lowering.h"

namespace belay::dsl {

using interpreter::Block;
using interpreter::NodeId;
using interpreter::SlotId;
using interpreter::Type;

namespace {

constexpr std::int64_t kRoundsMax = 10'000;  // as many items as a `for each` takes

Type plain(Type::Base base) {
  Type type;
  type.base = base;
  return type;
}

}  // namespace

// A number from 1 to `max`. Of smaller ones the reader complained.
std::uint32_t Lowering::count(const Number& number, std::int64_t max, std::string what,
                              std::string help) {
  if (number.value >= 1 && number.value <= max) return static_cast<std::uint32_t>(number.value);
  failed_ = true;
  if (number.value > max) {
    error("BEL4018", number.span, std::move(what) + " is a number from 1 to " + std::to_string(max))
        .help = std::move(help);
  }
  return 1;
}

void Lowering::lower_for_each(const Statement& statement, NodeId id, Flow& flow) {
  const std::string owner = quoted(graph_.nodes[id].name);
  CheckedExpr items = check(statement.value, flow, When::kForward, owner);
  Type element = plain(Type::Base::kError);
  if (items.ok && items.type.base == Type::Base::kList) {
    if (!items.type.element.empty()) element = items.type.element.front();
    element.is_private = element.is_private || tainted(items).is_private;
  } else if (items.ok && items.type.base != Type::Base::kError) {
    Diagnostic& d =
        error("BEL4020", statement.value.span,
              "`for each` goes through a list, and this is " + quoted(to_text(items.type)));
    if (items.type.base == Type::Base::kMap)
      d.help = "go through its keys: `" + statement.value.text + ".map(k, k)`";
    else if (items.type.base == Type::Base::kJson)
      d.help = "declare it as `list of …` where it comes from";
    else
      d.help = "give it a list";
  }
  graph_.nodes[id].items = std::move(items.program);
  graph_.nodes[id].at_once = count(statement.at_once, kRoundsMax, "how many items run at once",
                                   "write `, at most 5 at once`");
  if (statement.tolerating && statement.tolerating->value != 0) {
    graph_.nodes[id].tolerated = count(*statement.tolerating, kRoundsMax, "how many items may fail",
                                       "a `for each` has at most 10000 items");
  }

  ++loop_depth_;
  const Known* item = make_known(statement.name, element, Known::Origin::kItem);
  graph_.nodes[id].slot = item->slot;
  lowered_.insert(statement.name.text);
  const std::size_t before = flow.names.size();
  Flow inside = flow;
  show(inside, item);
  std::map<std::string, SlotId> shared_before;
  std::swap(shared_before, shared_sets_);  // those of the outside have one value for all rounds
  loops_.push_back({.for_each = true, .collected = {}});
  parallel_.push_back("for each");
  const bool part = graph_.nodes[id].tolerated > 0;
  if (part) parts_.push_back({Part::Kind::kItem, &statement.body});
  Block body = lower_closed(statement.body, inside, "for each");
  if (part) parts_.pop_back();
  parallel_.pop_back();
  graph_.nodes[id].body = std::move(body);
  const Loop loop = std::move(loops_.back());
  loops_.pop_back();
  std::swap(shared_before, shared_sets_);
  --loop_depth_;

  for (std::size_t i = before; i < inside.names.size(); ++i)
    in_loop_.insert(inside.names[i].known->name);
  for (const Collected& collected : loop.collected) {
    Type list = plain(Type::Base::kList);
    if (collected.type.base == Type::Base::kError)
      list = collected.type;
    else
      list.element.push_back(collected.type);
    const Known* outer = make_known(collected.name, list, Known::Origin::kCollect);
    graph_.nodes[id].exports.push_back({collected.inner, outer->slot});
    lowered_.insert(collected.name.text);
    show(flow, outer);
  }
}

// The value of one item; the loop makes the list of them.
void Lowering::lower_collect(const Statement& statement, NodeId id, Flow& flow) {
  CheckedExpr checked = check(statement.value, flow, When::kForward, quoted(statement.name.text));
  Type type = tainted(checked);
  graph_.nodes[id].value = std::move(checked.program);
  graph_.nodes[id].slot = 0;
  if (loops_.empty() || !loops_.back().for_each || statement.name.empty()) {
    failed_ = true;  // the reader complained
    return;
  }
  type.optional = false;  // an item that has none is left out
  const Known* inner = make_known(statement.name, type, Known::Origin::kCollect);
  graph_.nodes[id].slot = inner->slot;
  loops_.back().collected.push_back({statement.name, inner->slot, std::move(type)});
}

void Lowering::lower_repeat(const Statement& statement, NodeId id, Flow& flow) {
  const std::string owner = quoted(graph_.nodes[id].name);
  graph_.nodes[id].times =
      count(statement.times, kRoundsMax, "how often it is repeated", "write `, at most 10 times`");
  ++loop_depth_;
  const std::size_t before = flow.names.size();
  Flow inside = flow;
  std::map<std::string, SlotId> shared_before;
  std::swap(shared_before, shared_sets_);
  loops_.push_back({});
  Block body = lower_closed(statement.body, inside, "repeat");
  loops_.pop_back();
  std::swap(shared_before, shared_sets_);
  graph_.nodes[id].body = std::move(body);
  CheckedExpr until =
      check(statement.value, inside, When::kForward, owner, plain(Type::Base::kBool), "`until`");
  --loop_depth_;

  // The first round is always run, so that what it declares exists afterwards.
  Flow enough = flow;
  for (std::size_t i = before; i < inside.names.size(); ++i) {
    const Visible& visible = inside.names[i];
    const Known& inner = *visible.known;
    const Known* outer = make_known({inner.name, inner.at}, inner.type, inner.origin);
    graph_.nodes[id].exports.push_back({inner.slot, outer->slot});
    show(enough, outer, visible.may_be_absent, visible.because);
  }
  enough.present = inside.present;
  Flow used_up = enough;
  prove(until, enough, used_up);
  graph_.nodes[id].until = std::move(until.program);

  if (statement.act.kind == dsl::Act::Kind::kNone) {
    raise({"gave_up"});
  } else {
    std::vector<Flow> ways;
    Onward onward = Onward::kEnds;
    interpreter::Act otherwise =
        lower_act(statement.act,
                  {.flow = &used_up,
                   .owner = "the end of " + owner,
                   .no_try_again = "it has been tried as often as it may: allow more `times`",
                   .ways = &ways},
                  onward);
    graph_.nodes[id].otherwise = std::move(otherwise);
    for (const Flow& way : ways) {
      std::erase_if(enough.present,
                    [&](const std::string& path) { return !way.present.contains(path); });
    }
  }
  flow.names = std::move(enough.names);
  flow.present = std::move(enough.present);
  if (inside.ended) {
    flow.ended = true;
    flow.left = false;
    flow.ended_by = inside.ended_by;
  }
}

}  // namespace belay::dsl
