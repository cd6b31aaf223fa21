// The step graph: what the compiler makes of a workflow and all that the interpreter ever sees of
// it. It is self-contained (actions and event types are inside), so that a running saga keeps the
// definition it started with and a recorded run recovers without a parser. Connectors stay outside,
// by name: address, credentials and limits are live. Blocks are lists of nodes; control flow is by
// structure, there are no jumps. Written and read by graph_codec.h; golden files in
// tests/golden/graphs.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "interpreter/expr.h"
#include "interpreter/type.h"

namespace belay::interpreter {

using NodeId = std::uint32_t;
using SlotId = std::uint32_t;
using ActionId = std::uint32_t;
using Block = std::vector<NodeId>;

inline constexpr NodeId kNoNode = 0xffffffff;
inline constexpr SlotId kNoSlot = 0xffffffff;
inline constexpr ActionId kNoAction = 0xffffffff;  // of a call that runs a child saga

struct Binding {  // `name = value`
  std::string name;
  Program value;
  bool operator==(const Binding&) const = default;
};

// ---- Actions

enum class Effect : std::uint8_t {
  kReads = 1,
  kReserves = 2,
  kMovesMoney = 4,
  kNotifies = 8,
  kRecords = 16
};

struct Gives {  // a field of a result and where it comes from
  Field field;
  Program from;  // over body, status, header and the arguments; empty: the field of the same name
                 // in the answer
  bool operator==(const Gives&) const = default;
};

struct OutcomeRule {  // `if status is 402, stripe.card_declined`
  Program when;
  std::string error;
  bool operator==(const OutcomeRule&) const = default;
};

struct HttpCall {
  std::string connector;
  std::string method;
  std::string path;  // with {argument} holes, percent-encoded when filled
  std::vector<Binding> body, query, headers;
  bool operator==(const HttpCall&) const = default;
};

struct SqlCall {
  std::string statement;  // with :argument holes; becomes $1…
  bool any_rows = false;  // else exactly one row must come back (or be touched)
  bool operator==(const SqlCall&) const = default;
};

struct PluginCall {
  std::string plugin;  // the name it registered under
  bool operator==(const PluginCall&) const = default;
};

// An action's own scope has these slots: its takes in order, then kBody, kStatus, kHeader counted
// from takes.size().
enum class ActionSlot : std::uint8_t { kBody = 0, kStatus = 1, kHeader = 2 };

struct Action {
  enum class Runs : std::uint8_t { kHttp, kSql, kPlugin };
  std::string name, title;
  std::vector<Field> takes;
  std::vector<Gives> gives;
  std::vector<OutcomeRule> outcomes;
  std::vector<std::string> errors;  // business errors it may end in, without the built-in ones
  std::uint8_t effects = 0;         // Effect bits
  bool repeat_safe = false;         // the same key may be sent again (SQL: always, by receipt)
  bool harmless_if_nothing_done = false;
  std::int64_t keys_remembered_s =
      0;  // the connector's promise at compile time; 0: unknown, taken as for ever
  bool replays_errors = false;
  std::int64_t settling_s = 0;  // a check's "no" counts only this long after the last try
  Runs runs = Runs::kHttp;
  HttpCall http;
  SqlCall sql;
  PluginCall plugin;
  bool operator==(const Action&) const = default;
};

// ---- Policies

struct RetryPlan {
  std::uint32_t tries = 4;  // in all
  std::int64_t first_wait_ms = 1000;
  bool doubling = true;
  std::int64_t wait_ms_max = 3'600'000;
  bool spread = false;  // waits are scaled by 0.5 to 1.0, drawn from the effect key
  bool operator==(const RetryPlan&) const = default;
};

enum class ActKind : std::uint8_t { kCancel, kFinish, kCarryOn, kTryAgain, kHandTo, kBlock };

struct Act {
  ActKind kind = ActKind::kCancel;
  std::string because;        // kCancel
  std::vector<Binding> with;  // kFinish: the outputs; kCarryOn: the step's whole result
  std::int64_t after_ms = 0;  // kTryAgain
  std::uint32_t at_most = 0;  // kTryAgain: times
  std::string team;           // kHandTo
  Block block;                // kBlock
  bool operator==(const Act&) const = default;
};

struct Handler {                    // `if a.b or c.d, ACT`
  std::vector<std::string> errors;  // empty: any error
  Act act;
  bool operator==(const Handler&) const = default;
};

struct Keep {  // `keep trying for 1 day, then carry on | hand to TEAM`
  std::int64_t for_ms = 0;
  Act then;
  bool operator==(const Keep&) const = default;
};

struct Unsure {
  enum class Kind : std::uint8_t { kCheck, kTryAgain, kUndoAnyway, kHandTo };
  Kind kind = Kind::kCheck;
  std::string team;  // kHandTo
  bool operator==(const Unsure&) const = default;
};

struct Rate {  // `at most 10 per minute per customer.id`; held to by each node for itself
  std::uint32_t count = 0;
  std::int64_t per_ms = 0;
  Program per;  // empty: one measure for all
  bool operator==(const Rate&) const = default;
};

// One use of an action: forward, as a check, or as an undo. An undo has every policy that a step
// has.
struct Call {
  ActionId action = 0;
  std::vector<Binding>
      args;  // complete: defaults of `undone by` / `checked by` are filled in by the compiler
  RetryPlan retry;
  Program within;  // limit of one try; empty: the connector's
  std::vector<Handler> handlers;
  std::optional<Unsure> if_unsure;
  std::optional<Keep> keep;
  Program request_key;  // empty: the effect key
  std::int64_t alive_ms =
      0;  // `alive every`: silence of this length makes the call unsure; 0: not asked for
  std::optional<Rate> rate;
  // The check that settles this call (`if unsure, check with`, else the action's `checked by`); 0
  // or 1.
  std::vector<Call> check;
  bool operator==(const Call&) const = default;
};

// ---- Nodes

enum class NodeKind : std::uint8_t {
  kStep,
  kWhen,
  kTogether,
  kWait,
  kPause,
  kPublish,
  kSet,
  kCancel,
  kFinish,
  kPointOfNoReturn,
  kForEach,
  kRepeat,
  kAsk,
  kTry,
  kRun,  // a child saga: `call` holds its arguments and handlers, `undo` (when there) means that
         // the child undoes itself
  kAct,  // `carry on`, `try again after`, `hand to`: about the statement in whose handler block it
         // stands
};

struct Source {      // of a wait
  std::string name;  // under `for all of`, `for any of`; else empty
  std::string event;
  Program key;
  std::int64_t even_before_ms = 0;  // events that came up to so long before the saga count too
  bool operator==(const Source&) const = default;
};

// A name of a loop's body that the loop leaves behind: `for each`: the list of all items' values,
// in order, without those that failed or never came there; `repeat`: the last round's value.
struct Export {
  SlotId inner = kNoSlot, outer = kNoSlot;
  bool operator==(const Export&) const = default;
};

struct ChildRun {
  std::string workflow;
  std::uint32_t version = 1;
  std::string hash;       // pinned at compile time
  bool detached = false;  // nobody waits for it, nobody undoes it
  bool operator==(const ChildRun&) const = default;
};

struct Arm {  // of `when`; an empty condition is `otherwise`, last
  Program condition;
  Block block;
  bool operator==(const Arm&) const = default;
};

struct Node {
  NodeKind kind = NodeKind::kStep;
  std::string name;   // unique in the workflow; statements without a name get one: `when_2`
  std::string title;  // for people; not part of the hash
  std::string at;     // "file:line" for people; not part of the hash
  SlotId slot =
      kNoSlot;  // kStep, kRun, kWait, kAsk: the result; kSet: the target; kForEach: the item

  Call call;                    // kStep, kRun; kTry: handlers only
  std::optional<Call> undo;     // kStep, kWait, kRun
  std::string no_undo_because;  // kStep, kRun
  ChildRun run;                 // kRun

  std::vector<Arm> arms;                  // kWhen
  std::vector<Block> branches;            // kTogether
  std::vector<std::string> branch_names;  // kTogether, same length
  std::uint32_t wanted =
      0;  // kTogether: how many branches must succeed; 0: all. The others are undone

  Block body;                   // kForEach, kRepeat, kTry
  Program items;                // kForEach: a list
  std::uint32_t at_once = 1;    // kForEach
  std::uint32_t tolerated = 0;  // kForEach: so many items may fail; each is undone at once
  std::vector<Export> exports;  // kForEach, kRepeat
  Program until;                // kRepeat: after each round, sees the round's names
  std::uint32_t times = 1;      // kRepeat: rounds at most

  std::string role;            // kAsk
  std::vector<Field> answers;  // kAsk

  std::vector<Source> sources;  // kWait: one, or several
  bool any_source = false;      // kWait: the first of several is enough
  std::string event;            // kPublish
  Program key;                  // kPublish
  Program within;               // kWait, kAsk: a duration; empty: no limit
  Act otherwise;  // kWait, kAsk: when the limit is over; kRepeat: when the rounds are used up
  Program pause_for, pause_until;  // kPause: one of them
  std::vector<Binding> data;       // kPublish
  Program value;                   // kSet
  Act act;                         // kCancel, kFinish, kAct

  // Filled by Graph::index(): where the node stands.
  NodeId parent = kNoNode;     // the node whose block holds it, kNoNode at top level
  std::uint32_t block = 0;     // which block of the parent: arm, branch, handler (see blocks_of)
  std::uint32_t position = 0;  // in that block
};

struct EventType {
  std::string name;
  std::uint32_t version = 1;
  std::string key;  // the field that is the key, or empty
  std::vector<Field> fields;
  bool operator==(const EventType&) const = default;
};

struct SlotInfo {
  std::string name;
  Type type;
  std::uint32_t depth = 0;  // how many loops surround it
  bool operator==(const SlotInfo&) const = default;
};

struct Graph {
  std::string workflow, title, owner;
  std::uint32_t version = 1;
  std::string hash;          // hex SHA-256 of the canonical bytes, set by the compiler
  std::vector<Field> takes;  // slot i holds takes[i]
  std::vector<Binding> gives;
  std::vector<SlotInfo> slots;
  Program once_per;          // empty: none
  Program one_at_a_time;     // empty: any number
  bool others_queue = true;  // else a start is refused while one is under way
  struct StartsOn {          // an event of this type starts a saga
    std::string event;
    std::vector<Binding> input;  // over slot 0: the event's payload
    bool operator==(const StartsOn&) const = default;
  };
  std::vector<StartsOn> starts_on;
  Program finish_within;  // empty: none
  Keep if_undo_fails;     // default: keep trying for 1 day, then hand to "operations"
  std::vector<Action> actions;
  std::vector<EventType> events;  // those it waits for or publishes
  std::vector<Node> nodes;
  Block root;
  const Environment* environment = nullptr;  // of whoever runs it; not part of the definition

  // Filled by index(): whether it asks people, and whether any value of it is private.
  bool asks = false, holds_private = false;

  // Fills Node::parent, block and position, and what is said to be filled by it. Called by the
  // compiler and by the reader of stored graphs.
  void index();
};

// Whether a value of one of these fields may be private.
bool holds_private(const std::vector<Field>& fields);

// The blocks that a node holds, in a fixed order: arms, branches, the body, then blocks of handlers
// (call, then undo), the block of `otherwise`. Node::block is an index into this list.
std::vector<const Block*> blocks_of(const Node& node);

// Whether the node stands directly in the body of a `for each` or `repeat`.
bool in_loop_body(const Graph& graph, NodeId node);

// Whether a receipt tells how the call ended when its answer is lost: the same request then either
// finds the receipt or runs in place of the first. Of SQL that changes something, where nobody else
// is said to find out (a check, `if unsure, undo anyway`, `if unsure, hand to`).
bool told_by_receipt(const Graph& graph, const Call& call);

// The node of that name, or kNoNode.
NodeId find_node(const Graph& graph, std::string_view name);

}  // namespace belay::interpreter
