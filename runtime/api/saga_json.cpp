// State → JSON for people and programs. See saga_json.h.
#include "runtime/api/saga_json.h"

#include <map>

#include "interpreter/time.h"
#include "runtime/api/history_text.h"
#include "runtime/api/private_fields.h"
#include "runtime/api/type_schema.h"
#include "runtime/base/json_value.h"
#include "runtime/engine/saga.h"

namespace belay::runtime::api {

using namespace interpreter;

namespace {

const char* name_of(CallPhase phase) {
  switch (phase) {
    case CallPhase::kIdle: return "idle";
    case CallPhase::kDue: return "due";
    case CallPhase::kInFlight: return "in_flight";
    case CallPhase::kFailed: return "failed";
    case CallPhase::kBackoff: return "retrying";
    case CallPhase::kSettling: return "settling";
    case CallPhase::kHeld: return "held";
    case CallPhase::kSucceeded: return "succeeded";
    case CallPhase::kRefused: return "failed";
  }
  return "idle";
}

const char* undo_phase(CallPhase phase) {
  switch (phase) {
    case CallPhase::kIdle: return "";
    case CallPhase::kDue:
    case CallPhase::kInFlight:
    case CallPhase::kFailed: return "undoing";
    case CallPhase::kBackoff: return "undo_retrying";
    case CallPhase::kSettling: return "undo_settling";
    case CallPhase::kHeld: return "undo_held";
    case CallPhase::kSucceeded: return "undone";
    case CallPhase::kRefused: return "undo_failed";
  }
  return "";
}

const char* name_of(EffectState effect) {
  switch (effect) {
    case EffectState::kNone: return "none";
    case EffectState::kMaybe: return "maybe";
    case EffectState::kDone: return "done";
    case EffectState::kUndone: return "undone";
    case EffectState::kLeftOver: return "left_over";
  }
  return "none";
}

const char* name_of(NodeKind kind) {
  switch (kind) {
    case NodeKind::kStep: return "step";
    case NodeKind::kWhen: return "when";
    case NodeKind::kTogether: return "together";
    case NodeKind::kWait: return "wait";
    case NodeKind::kPause: return "pause";
    case NodeKind::kPublish: return "publish";
    case NodeKind::kSet: return "set";
    case NodeKind::kCancel: return "cancel";
    case NodeKind::kFinish: return "finish";
    case NodeKind::kPointOfNoReturn: return "point_of_no_return";
    case NodeKind::kForEach: return "for_each";
    case NodeKind::kRepeat: return "repeat";
    case NodeKind::kAsk: return "ask";
    case NodeKind::kTry: return "try";
    case NodeKind::kRun: return "run";
    case NodeKind::kAct: return "act";
  }
  return "step";
}

bool lasts(NodeKind kind) {  // is worth a line of its own among the steps
  return kind == NodeKind::kStep || kind == NodeKind::kWait || kind == NodeKind::kPause ||
         kind == NodeKind::kAsk || kind == NodeKind::kRun;
}

void write_value(JsonWriter& w, std::string_view name, const Value& value, const Type& type) {
  std::string json;
  append_json_masked(type, value, json);
  w.raw_field(name, json);
}

void write_call(JsonWriter& w, const SagaView& view, const Activity& activity, Direction direction,
                const CallState& call) {
  if (call.phase == CallPhase::kIdle) return;
  const Action* action = action_of(*view.graph, activity.path, direction);
  w.begin_object().field("direction", name(direction));
  if (action != nullptr) w.field("action", action->name);
  w.field("phase", name_of(call.phase))
      .field("tries", call.tries)
      .field("generation", call.generation);
  w.field("key", call.key.empty() ? effect_key(view.row.id, *view.graph, activity.path, direction,
                                               call.generation)
                                  : call.key);
  write_instant(w, "sent_at", call.sent_at);
  if (call.phase == CallPhase::kBackoff) write_instant(w, "due", call.due);
  if (call.unsure) w.field("unsure", true);
  if (!call.error.empty()) {
    w.key("failure").begin_object();
    w.field("kind", name(call.failure))
        .field("error", call.error)
        .field_unless_empty("message", call.message);
    w.end_object();
  }
  if (call.phase == CallPhase::kHeld) {
    w.key("held").begin_object();
    w.field("reason", name(call.hold))
        .field("words", words(call.hold))
        .field_unless_empty("team", call.team);
    w.end_object();
  }
  w.end_object();
}

// A question that takes an answer.
bool is_open(const Activity& activity, const State& state) {
  return !state.ended() && activity.open && !activity.limit_passed &&
         activity.forward.phase == CallPhase::kIdle;
}

void write_step(JsonWriter& w, const SagaView& view, const Path& path, const Activity* activity) {
  const Node& node = view.graph->nodes[path.node];
  w.begin_object();
  w.field("path", path_text(*view.graph, path)).field("kind", name_of(node.kind));
  w.field_unless_empty("title", node.title);
  w.field("phase", phase(node, activity));
  if (node.kind == NodeKind::kStep && node.call.action < view.graph->actions.size()) {
    w.field("action", view.graph->actions[node.call.action].name);
  }
  if (activity != nullptr) {
    w.field("effect", name_of(activity->effect)).field("tries", activity->forward.tries);
    if (node.kind == NodeKind::kWait && !activity->keys.empty()) {
      w.field("event", node.sources.front().event).field("key", activity->keys.front());
    }
    write_instant(w, node.kind == NodeKind::kPause ? "until" : "limit", activity->until);
    w.field_unless_empty("left_because", activity->left_because);
    w.key("calls").begin_array();
    write_call(w, view, *activity, Direction::kForward, activity->forward);
    write_call(w, view, *activity, Direction::kCheck, activity->check);
    write_call(w, view, *activity, Direction::kUndo, activity->undo);
    write_call(w, view, *activity, Direction::kUndoCheck, activity->undo_check);
    w.end_array();
  }
  if (activity != nullptr && node.kind == NodeKind::kAsk && is_open(*activity, view.state)) {
    w.key("question").begin_object();
    write_question(w, view.row.id, node, path_text(*view.graph, path));
    w.end_object();
  }
  w.field_unless_empty("at", node.at).end_object();
}

// Activities of a node in path order; every lasting node of the graph shows at least once, in the
// author's order.
void write_steps(JsonWriter& w, const SagaView& view) {
  std::map<NodeId, std::vector<const Activity*>> by_node;
  for (const Activity& a : view.state.activities) by_node[a.path.node].push_back(&a);
  w.key("steps").begin_array();
  const auto& nodes = view.graph->nodes;
  const auto visit = [&](const auto& self, const Block& block) -> void {
    for (const NodeId id : block) {
      if (lasts(nodes[id].kind)) {
        const auto found = by_node.find(id);
        if (found == by_node.end())
          write_step(w, view, Path{id, {}}, nullptr);
        else
          for (const Activity* a : found->second) write_step(w, view, a->path, a);
      }
      for (const Block* inner : blocks_of(nodes[id])) self(self, *inner);
    }
  };
  visit(visit, view.graph->root);
  w.end_array();
}

void write_values(JsonWriter& w, const SagaView& view) {
  w.key("values").begin_object();
  for (const Variable& variable : view.state.variables) {
    const bool input = variable.slot < view.graph->takes.size();
    if (input || variable.slot >= view.graph->slots.size() || !variable.iteration.empty()) continue;
    const SlotInfo& slot = view.graph->slots[variable.slot];
    write_value(w, slot.name, variable.value, slot.type);
  }
  w.end_object();
}

// The input, masked: the state has it in its first slots.
void write_input(JsonWriter& w, const SagaView& view) {
  w.key("input").begin_object();
  for (const Variable& variable : view.state.variables) {
    if (variable.slot >= view.graph->takes.size()) continue;
    const Field& field = view.graph->takes[variable.slot];
    write_value(w, field.name, variable.value, field.type);
  }
  w.end_object();
}

// The outputs have the types of what they are made from; where that is private so is the output.
std::string output_json(const SagaView& view) {
  if (view.state.output.is_null()) return "null";
  std::vector<Field> fields;
  for (const Binding& binding : view.graph->gives) {
    Type type;
    type.is_private = reads_private(binding.value, *view.graph);
    fields.push_back({binding.name, type});
  }
  return to_json_masked(fields, view.state.output);
}

const Activity* activity_of(const State& state, NodeId node) {
  const Activity* latest = nullptr;  // of the last round
  for (const Activity& activity : state.activities) {
    if (activity.path.node == node) latest = &activity;
  }
  return latest;
}

const char* symbol(std::string_view phase) {
  struct Symbol {
    std::string_view phase;
    const char* symbol;
  };
  static constexpr Symbol kSymbols[] = {
      {"succeeded", "✓ "}, {"in_flight", "▶ "},     {"due", "▶ "},           {"waiting", "⏳ "},
      {"retrying", "↻ "},  {"settling", "? "},      {"held", "✋ "},          {"failed", "✗ "},
      {"undoing", "↶ "},   {"undo_retrying", "↶ "}, {"undo_settling", "↶ "}, {"undone", "↶ "},
      {"undo_held", "✋ "}, {"undo_failed", "✗ "},
  };
  for (const Symbol& s : kSymbols) {
    if (s.phase == phase) return s.symbol;
  }
  return "";
}

}  // namespace

const char* phase(const Node& node, const Activity* activity) {
  if (activity == nullptr) return "not_reached";
  if (const char* word = undo_phase(activity->undo.phase); *word != '\0') return word;
  if (node.kind == NodeKind::kStep) {
    return activity->forward.phase == CallPhase::kIdle && !activity->open
               ? "skipped"
               : name_of(activity->forward.phase);
  }
  if (activity->open) return "waiting";
  return activity->limit_passed ? "limit_passed" : "succeeded";
}

void write_question(JsonWriter& w, const SagaId& saga, const Node& node, const std::string& path) {
  w.field("question", node.title)
      .field("role", node.role)
      .raw_field("fields", schema_of(node.answers));
  w.field("href", "/v1/sagas/" + saga + "/questions/" + path + "/answer");
}

void write_instant(JsonWriter& w, std::string_view name, Instant at) {
  if (at) w.field(name, format_timestamp(to_timestamp(at)));
}

std::string allowed_json(const std::string& saga, const Graph& graph, const State& state) {
  JsonWriter w;
  w.begin_array();
  for (const AllowedAct& act : allowed_acts(graph, state)) {
    std::string href = "/v1/sagas/" + saga;
    if (!act.path.empty()) href += (act.act == "answer" ? "/questions/" : "/steps/") + act.path;
    href += "/" + act.act;
    if (act.direction != Direction::kForward)
      href += std::string("?direction=") + name(act.direction);
    w.begin_object().field("act", act.act).field_unless_empty("path", act.path);
    if (!act.path.empty() && act.act != "answer") w.field("direction", name(act.direction));
    w.field("method", "POST").field("href", href).end_object();
  }
  return w.end_array().take();
}

std::string preview_json(const Preview& preview) {
  JsonWriter w;
  w.begin_object().field("allowed", preview.allowed).field_unless_empty("why_not", preview.why_not);
  w.strings("repeats", preview.repeats).strings("keeps", preview.keeps);
  w.strings("undoes", preview.undoes).strings("leaves", preview.leaves);
  return w.field("next", preview.next).end_object().take();
}

namespace {

// The marks of one that is being taken up are between the engine and its rows.
std::string shown_health(const InstanceRow& row) {
  return row.health == kLoading || row.health == kLoadingAgain ? name(Health::kOk) : row.health;
}

void write_links(JsonWriter& w, const SagaId& id) {
  const std::string self = "/v1/sagas/" + id;
  w.key("links").begin_object();
  w.field("self", self).field("history", self + "/history").field("graph", self + "/graph");
  w.end_object();
}

}  // namespace

void write_saga_row(JsonWriter& w, const InstanceRow& row) {
  w.begin_object();
  w.field("id", row.id)
      .field("workflow", row.workflow)
      .field("workflow_version", row.workflow_version);
  w.field("status", row.status).field("health", shown_health(row));
  write_instant(w, "since", row.health_since);
  w.field("waiting_on", row.waiting_on).field("failure", row.failure);
  w.field_unless_empty("key", row.key).field("seq", row.seq);
  write_instant(w, "created_at", row.created_at);
  write_instant(w, "updated_at", row.updated_at);
  write_instant(w, "due_at", row.due_at);
  write_instant(w, "ended_at", row.ended_at);
  w.field("href", "/v1/sagas/" + row.id).end_object();
}

std::string saga_json(const SagaView& view, bool at_seq) {
  const Graph& graph = *view.graph;
  const State& state = view.state;
  const Summary now = summary(graph, state);
  JsonWriter w;
  w.begin_object();
  w.field("id", view.row.id)
      .field("workflow", graph.workflow)
      .field("workflow_version", graph.version);
  w.field_unless_empty("title", graph.title).field_unless_empty("owner", graph.owner);
  w.field("status", name(state.status)).field("health", name(now.health));
  if (view.erased) w.field("erased", true);
  if (!at_seq) write_instant(w, "since", view.row.health_since);
  w.field("waiting_on", now.waiting_on).field("failure", now.failure);
  w.field_unless_empty("because", state.because).field_unless_empty("problem", state.problem);
  w.field("paused", state.paused).field("past_no_return", state.past_no_return);
  w.field_unless_empty("key", view.row.key).field("seq", state.seq);
  write_instant(w, "created_at", state.started_at);
  write_instant(w, "updated_at", state.now);
  write_instant(w, "deadline", state.deadline);
  if (!at_seq) {
    write_instant(w, "due_at", view.row.due_at);
    write_instant(w, "ended_at", view.row.ended_at);
  }
  w.key("left_over").begin_array();
  for (const LeftOver& left : left_over(graph, state)) {
    w.begin_object()
        .field("path", path_text(graph, left.path))
        .field("what", left.what)
        .field("why", left.why)
        .end_object();
  }
  w.end_array();
  if (!at_seq) w.raw_field("allowed_actions", allowed_json(view.row.id, graph, state));
  write_steps(w, view);
  write_input(w, view);
  write_values(w, view);
  w.raw_field("output", output_json(view));
  w.field("definition", graph.hash);
  write_links(w, view.row.id);
  w.end_object();
  return w.take();
}

std::string quarantined_allowed_json(const std::string& saga) {
  JsonWriter w;
  w.begin_array().begin_object().field("act", "resume").field("method", "POST");
  w.field("href", "/v1/sagas/" + saga + "/resume").end_object();
  return w.end_array().take();
}

std::string quarantined_json(const InstanceRow& row) {
  JsonWriter w;
  w.begin_object()
      .field("id", row.id)
      .field("workflow", row.workflow)
      .field("workflow_version", row.workflow_version);
  w.field("status", row.status).field("health", row.health);
  write_instant(w, "since", row.health_since);
  w.field("waiting_on", row.waiting_on).field("failure", row.failure);
  w.field(
      "note",
      "it was set aside so that others go on: steps, values and what is left over are not known "
      "here, and nothing more happens to it; its history is kept, and `failure` says why; when "
      "that "
      "is mended, `resume` reads it again");
  w.field_unless_empty("key", row.key).field("seq", row.seq);
  write_instant(w, "created_at", row.created_at);
  write_instant(w, "updated_at", row.updated_at);
  w.raw_field("allowed_actions", quarantined_allowed_json(row.id));
  for (const char* none : {"left_over", "steps"}) w.key(none).begin_array().end_array();
  for (const char* none : {"input", "values"}) w.key(none).begin_object().end_object();
  w.key("output").null();
  w.field("definition", row.definition);
  write_links(w, row.id);
  w.end_object();
  return w.take();
}

std::string live_graph_json(const SagaView& view, const std::string& graph_json) {
  JsonWriter w;
  w.begin_object().field("id", view.row.id).field("workflow", view.graph->workflow);
  w.field("definition", view.graph->hash)
      .field("seq", view.state.seq)
      .field("status", name(view.state.status));
  w.key("nodes").begin_array();
  for (NodeId id = 0; id < view.graph->nodes.size(); ++id) {
    const Node& node = view.graph->nodes[id];
    if (!lasts(node.kind)) continue;
    const Activity* activity = activity_of(view.state, id);
    w.begin_object()
        .field("name", node.name)
        .field("kind", name_of(node.kind))
        .field("phase", phase(node, activity));
    w.field("effect", name_of(activity == nullptr ? EffectState::kNone : activity->effect))
        .end_object();
  }
  w.end_array().raw_field("graph", graph_json).end_object();
  return w.take();
}

Graph live_titles(const SagaView& view) {
  Graph graph = *view.graph;
  for (NodeId id = 0; id < graph.nodes.size(); ++id) {
    Node& node = graph.nodes[id];
    if (!lasts(node.kind)) continue;
    const Activity* activity = activity_of(view.state, id);
    node.title = symbol(phase(node, activity)) + (node.title.empty() ? node.name : node.title);
  }
  return graph;
}

}  // namespace belay::runtime::api
