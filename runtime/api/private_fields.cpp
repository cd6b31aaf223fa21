// Masking by type. See private_fields.h.
#include "runtime/api/private_fields.h"

#include <algorithm>

namespace belay::runtime::api {

using namespace interpreter;

namespace {

bool holds_private(const Type& type) {
  if (type.is_private) return true;
  const auto in_field = [](const Field& f) { return holds_private(f.type); };
  return std::any_of(type.element.begin(), type.element.end(), holds_private) ||
         std::any_of(type.fields.begin(), type.fields.end(), in_field);
}

const Call* call_of(const Node& node, Direction direction) {
  switch (direction) {
    case Direction::kForward: return node.kind == NodeKind::kStep ? &node.call : nullptr;
    case Direction::kCheck: return node.call.check.empty() ? nullptr : node.call.check.data();
    case Direction::kUndo: return node.undo ? &*node.undo : nullptr;
    case Direction::kUndoCheck:
      return !node.undo || node.undo->check.empty() ? nullptr : node.undo->check.data();
  }
  return nullptr;
}

// The type of what a step or wait leaves in its slot.
Value masked_slot(const Value& value, const Graph& graph, const Path& path) {
  if (path.node >= graph.nodes.size()) return value;
  const SlotId slot = graph.nodes[path.node].slot;
  return slot < graph.slots.size() ? masked(value, graph.slots[slot].type) : value;
}

Value masked_result(const Value& value, const Graph& graph, const Path& path, Direction direction) {
  const Action* action = action_of(graph, path, direction);
  return action == nullptr ? value : masked(value, result_fields(*action));
}

Value masked_payload(const Value& value, const Graph& graph, const std::string& event) {
  const EventType* type = event_of(graph, event);
  return type == nullptr ? value : masked(value, type->fields);
}

Value masked_output(const Value& output, const Graph& graph) {
  std::vector<Field> fields;
  for (const Binding& binding : graph.gives) {
    Type type;
    type.is_private = reads_private(binding.value, graph);
    fields.push_back({binding.name, type});
  }
  return masked(output, fields);
}

}  // namespace

Value masked(const Value& value, const Type& type) {
  if (value.is_null() || !holds_private(type)) return value;
  if (type.is_private) return Value::string("***");
  switch (type.base) {
    case Type::Base::kList: {
      if (value.kind() != Value::Kind::kList) return value;
      List out;
      for (const Value& item : value.as_list()) out.push_back(masked(item, type.element.front()));
      return Value::list(std::move(out));
    }
    case Type::Base::kMap: {
      if (value.kind() != Value::Kind::kMap) return value;
      Map out;
      for (const auto& [key, item] : value.as_map())
        out.emplace_back(key, masked(item, type.element.front()));
      return Value::map(std::move(out));
    }
    case Type::Base::kRecord: return masked(value, type.fields);
    default: return value;
  }
}

Value masked(const Value& value, const std::vector<Field>& fields) {
  if (value.kind() != Value::Kind::kMap) return value;
  Map out = value.as_map();
  for (auto& [key, item] : out) {
    if (key.kind() != Value::Kind::kString) continue;
    for (const Field& field : fields) {
      if (field.name == key.as_string()) item = masked(item, field.type);
    }
  }
  return Value::map(std::move(out));
}

Entry masked(const Entry& entry, const Graph& graph) {
  Entry out = entry;
  if (auto* f = std::get_if<Started>(&out.fact)) {
    f->input = masked(f->input, graph.takes);
  } else if (auto* s = std::get_if<StepSucceeded>(&out.fact)) {
    s->result = masked_result(s->result, graph, s->path, s->direction);
  } else if (auto* e = std::get_if<EventTaken>(&out.fact)) {
    e->payload = masked_payload(e->payload, graph, e->event);
  } else if (auto* q = std::get_if<AnswerGiven>(&out.fact)) {
    if (q->path.node < graph.nodes.size())
      q->answer = masked(q->answer, graph.nodes[q->path.node].answers);
  } else if (auto* a = std::get_if<OperatorActed>(&out.fact)) {
    a->output = masked_result(a->output, graph, a->path, a->direction);
  }
  for (Drawn& drawn : out.drawn) {
    if (auto* d = std::get_if<Assigned>(&drawn)) {
      d->value = masked_slot(d->value, graph, d->path);
    } else if (auto* l = std::get_if<Looped>(&drawn)) {
      for (Value& item : l->items) item = masked_slot(item, graph, l->path);
    } else if (auto* e = std::get_if<Ended>(&drawn)) {
      e->output = masked_output(e->output, graph);
    } else if (auto* h = std::get_if<Handled>(&drawn)) {
      h->value = masked_slot(h->value, graph, h->path);
    } else if (auto* s = std::get_if<Settled>(&drawn)) {
      s->result = masked_result(s->result, graph, s->path, s->direction);
    } else if (auto* p = std::get_if<Published>(&drawn)) {
      p->payload = masked_payload(p->payload, graph, p->event);
    }
  }
  return out;
}

// Follows `customer.email` to its declared type; what it cannot follow (calls, macros) counts by
// what goes in.
bool reads_private(const Program& program, const Graph& graph) {
  std::vector<const Type*> types(program.nodes.size(), nullptr);
  std::vector<bool> is_base(program.nodes.size(), false);  // only a field of it is read
  for (std::size_t i = 0; i < program.nodes.size(); ++i) {
    const ExprNode& node = program.nodes[i];
    if (node.kind == ExprKind::kSlot && node.index < graph.slots.size()) {
      types[i] = &graph.slots[node.index].type;
    } else if (node.kind == ExprKind::kField && node.args.size() == 1 &&
               types[node.args[0]] != nullptr) {
      for (const Field& field : types[node.args[0]]->fields) {
        if (field.name == node.text) types[i] = &field.type;
      }
      is_base[node.args[0]] = types[i] != nullptr && !types[node.args[0]]->is_private;
    }
  }
  for (std::size_t i = 0; i < types.size(); ++i) {
    if (types[i] != nullptr && !is_base[i] && holds_private(*types[i])) return true;
  }
  return false;
}

const Action* action_of(const Graph& graph, const Path& path, Direction direction) {
  if (path.node >= graph.nodes.size()) return nullptr;
  const interpreter::Call* call = call_of(graph.nodes[path.node], direction);
  return call == nullptr || call->action >= graph.actions.size() ? nullptr
                                                                 : &graph.actions[call->action];
}

const EventType* event_of(const Graph& graph, std::string_view name) {
  for (const EventType& type : graph.events) {
    if (type.name == name) return &type;
  }
  return nullptr;
}

std::vector<Field> result_fields(const Action& action) {
  std::vector<Field> out;
  out.reserve(action.gives.size());
  for (const Gives& gives : action.gives) out.push_back(gives.field);
  return out;
}

}  // namespace belay::runtime::api
