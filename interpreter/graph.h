// The step graph: what the compiler makes of a workflow and all that the interpreter ever sees of it. It is
// self-contained (actions and event types are inside), so that a running saga keeps the definition it started with
// and a recorded run recovers without a parser. Connectors stay outside, by name: address, credentials and limits
// are live. Blocks are lists of nodes; control flow is by structure, there are no jumps.
// Written and read by graph_codec.h; golden files in tests/golden/graphs.
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

struct Binding {  // `name = value`
  std::string name;
  Program value;
  bool operator==(const Binding&) const = default;
};

// ---- Actions -------------------------------------------------------------------------------------------------

enum class Effect : std::uint8_t { kReads = 1, kReserves = 2, kMovesMoney = 4, kNotifies = 8, kRecords = 16 };

struct Gives {  // a field of a result and where it comes from
  Field field;
  Program from;  // over body, status, header and the arguments; empty: the field of the same name in the answer
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
  std::string statement;   // with :argument holes; becomes $1…
  bool any_rows = false;   // else exactly one row must come back (or be touched)
  bool operator==(const SqlCall&) const = default;
};

struct PluginCall {
  std::string plugin;  // the name it registered under
  bool operator==(const PluginCall&) const = default;
};

// An action's own scope has these slots: its takes in order, then kBody, kStatus, kHeader counted from takes.size().
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
  std::int64_t keys_remembered_s = 0;  // the connector's promise at compile time; 0: unknown, taken as for ever
  bool replays_errors = false;
  std::int64_t settling_s = 0;         // a check's "no" counts only this long after the last try
  Runs runs = Runs::kHttp;
  HttpCall http;
  SqlCall sql;
  PluginCall plugin;
  bool operator==(const Action&) const = default;
};

// ---- Policies ------------------------------------------------------------------------------------------------

struct RetryPlan {
  std::uint32_t tries = 4;  // in all
  std::int64_t first_wait_ms = 1000;
  bool doubling = true;
  std::int64_t wait_ms_max = 3'600'000;
  bool spread = false;      // waits are scaled by 0.5 to 1.0, drawn from the effect key
  bool operator==(const RetryPlan&) const = default;
};

enum class ActKind : std::uint8_t { kCancel, kFinish, kCarryOn, kTryAgain, kHandTo, kBlock };

struct Act {
  ActKind kind = ActKind::kCancel;
  std::string because;             // kCancel
  std::vector<Binding> with;       // kFinish: the outputs; kCarryOn: the step's whole result
  std::int64_t after_ms = 0;       // kTryAgain
  std::uint32_t at_most = 0;       // kTryAgain: times
  std::string team;                // kHandTo
  Block block;                     // kBlock
  bool operator==(const Act&) const = default;
};

struct Handler {  // `if a.b or c.d, ACT`
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

// One use of an action: forward, as a check, or as an undo. An undo has every policy that a step has.
struct Call {
  ActionId action = 0;
  std::vector<Binding> args;    // complete: defaults of `undone by` / `checked by` are filled in by the compiler
  RetryPlan retry;
  Program within;               // limit of one try; empty: the connector's
  std::vector<Handler> handlers;
  std::optional<Unsure> if_unsure;
  std::optional<Keep> keep;
  Program request_key;          // empty: the effect key
  // The check that settles this call (`if unsure, check with`, else the action's `checked by`); 0 or 1.
  std::vector<Call> check;
  bool operator==(const Call&) const = default;
};

// ---- Nodes ---------------------------------------------------------------------------------------------------

enum class NodeKind : std::uint8_t {
  kStep, kWhen, kTogether, kWait, kPause, kPublish, kSet, kCancel, kFinish, kPointOfNoReturn,
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
  SlotId slot = kNoSlot;         // kStep, kWait: the result; kSet: the target

  Call call;                     // kStep
  std::optional<Call> undo;      // kStep, kWait
  std::string no_undo_because;   // kStep

  std::vector<Arm> arms;         // kWhen
  std::vector<Block> branches;   // kTogether, all of them
  std::vector<std::string> branch_names;  // kTogether, same length

  std::string event;             // kWait, kPublish
  Program key;                   // kWait, kPublish
  std::int64_t even_before_ms = 0;  // kWait: events that came up to so long before the saga count too
  Program within;                // kWait: a duration; empty: no limit
  Act otherwise;                 // kWait: when the limit is over
  Program pause_for, pause_until;  // kPause: one of them
  std::vector<Binding> data;     // kPublish
  Program value;                 // kSet
  Act act;                       // kCancel, kFinish

  // Filled by Graph::index(): where the node stands.
  NodeId parent = kNoNode;       // the node whose block holds it, kNoNode at top level
  std::uint32_t block = 0;       // which block of the parent: arm, branch, handler (see blocks_of)
  std::uint32_t position = 0;    // in that block
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
  std::string hash;                 // hex SHA-256 of the canonical bytes, set by the compiler
  std::vector<Field> takes;         // slot i holds takes[i]
  std::vector<Binding> gives;
  std::vector<SlotInfo> slots;
  Program once_per;                 // empty: none
  Program finish_within;            // empty: none
  Keep if_undo_fails;               // default: keep trying for 1 day, then hand to "operations"
  std::vector<Action> actions;
  std::vector<EventType> events;    // those it waits for or publishes
  std::vector<Node> nodes;
  Block root;

  // Fills Node::parent, block and position. Called by the compiler and by the reader of stored graphs.
  void index();
};

// The blocks that a node holds, in a fixed order: arms, branches, then blocks of handlers (call, then undo), the
// wait's otherwise. Node::block is an index into this list.
std::vector<const Block*> blocks_of(const Node& node);

// The node of that name, or kNoNode.
NodeId find_node(const Graph& graph, std::string_view name);

}  // namespace belay::interpreter
