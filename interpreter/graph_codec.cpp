// One archive template lists each struct's fields once; Writer and Reader give them meaning.
// Integers are LEB128 (signed ones zigzag), strings and lists are preceded by their length, a
// missing optional is one zero byte. After reading, validate() makes the promises of graph_codec.h,
// so that nobody downstream checks ids again.
#include "interpreter/graph_codec.h"

#include <bit>
#include <concepts>
#include <limits>
#include <type_traits>

namespace belay::interpreter {
namespace {

constexpr std::string_view kMagic = "belay graph 1\n";
constexpr std::size_t kBytesMax = 16u << 20;
constexpr int kDepthMax = 200;  // types in types, literals in literals, checks in calls

class Writer {
 public:
  static constexpr bool kReading = false;
  explicit Writer(bool for_hash) : for_hash_(for_hash) {}

  void number(std::uint64_t v) {
    while (v >= 0x80) {
      out_.push_back(static_cast<char>(v | 0x80));
      v >>= 7;
    }
    out_.push_back(static_cast<char>(v));
  }
  void text(const std::string& v) {
    number(v.size());
    out_ += v;
  }
  // For people only: no part of the hash.
  void note(const std::string& v) {
    if (!for_hash_) text(v);
  }
  std::string take() { return std::move(out_); }

 private:
  bool for_hash_;
  std::string out_;
};

class Reader {
 public:
  static constexpr bool kReading = true;
  explicit Reader(std::string_view in) : in_(in) {}

  std::uint64_t number() {
    std::uint64_t v = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (in_.empty()) break;
      const auto byte = static_cast<unsigned char>(in_.front());
      in_.remove_prefix(1);
      if (shift == 63 && byte > 1) break;
      v |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return v;
    }
    fail("the bytes end in the middle of a number");
    return 0;
  }
  void text(std::string& v) {
    const std::uint64_t size = number();
    if (size > in_.size()) return fail("a text is longer than what is there");
    v.assign(in_.substr(0, size));
    in_.remove_prefix(size);
  }
  void note(std::string& v) { text(v); }

  // Every element takes at least one byte, so a list can never be longer than the bytes that are
  // left.
  std::size_t count() {
    const std::uint64_t size = number();
    if (size > in_.size()) {
      fail("a list is longer than what is there");
      return 0;
    }
    return size;
  }
  bool enter() {
    if (depth_ >= kDepthMax) fail("nested too deep");
    return ok() && ++depth_ > 0;
  }
  void leave() { --depth_; }
  void fail(std::string_view why) {
    if (error_.empty()) error_ = why;
    in_ = {};
  }
  bool ok() const { return error_.empty(); }
  const std::string& error() const { return error_; }
  bool at_end() const { return in_.empty(); }

 private:
  std::string_view in_;
  std::string error_;
  int depth_ = 0;
};

std::uint64_t zigzag(std::int64_t v) {
  return (static_cast<std::uint64_t>(v) << 1) ^ static_cast<std::uint64_t>(v >> 63);
}
std::int64_t unzigzag(std::uint64_t v) {
  return static_cast<std::int64_t>(v >> 1) ^ -static_cast<std::int64_t>(v & 1);
}

// ---- Scalars and containers
// ----------------------------------------------------------------------------------

void io(Writer& a, const std::string& v) { a.text(v); }
void io(Reader& a, std::string& v) { a.text(v); }
void io(Writer& a, const bool& v) { a.number(v ? 1 : 0); }
void io(Reader& a, bool& v) {
  const std::uint64_t n = a.number();
  if (n > 1) a.fail("neither yes nor no");
  v = n == 1;
}

template <std::integral T>
void io(Writer& a, const T& v) {
  if constexpr (std::is_signed_v<T>)
    a.number(zigzag(v));
  else
    a.number(v);
}
template <std::integral T>
void io(Reader& a, T& v) {
  const std::uint64_t n = a.number();
  if constexpr (std::is_signed_v<T>) {
    v = static_cast<T>(unzigzag(n));
  } else {
    if (n > std::numeric_limits<T>::max()) a.fail("a number is too large");
    v = static_cast<T>(n);
  }
}

// `last` is the enumeration's last value: the bound of what may be read.
template <class E>
void io_enum(Writer& a, const E& v, E) {
  a.number(static_cast<std::uint64_t>(v));
}
template <class E>
void io_enum(Reader& a, E& v, E last) {
  const std::uint64_t n = a.number();
  if (n > static_cast<std::uint64_t>(last)) return a.fail("an unknown kind");
  v = static_cast<E>(n);
}

template <class T>
void io(Writer& a, const T& v) requires std::is_class_v<T>;
template <class T>
void io(Reader& a, T& v) requires std::is_class_v<T>;

template <class T>
void io(Writer& a, const std::vector<T>& v) {
  a.number(v.size());
  for (const T& item : v) io(a, item);
}
template <class T>
void io(Reader& a, std::vector<T>& v) {
  const std::size_t size = a.count();
  v.clear();
  for (std::size_t i = 0; i < size && a.ok(); ++i) io(a, v.emplace_back());
}
template <class T>
void io(Writer& a, const std::optional<T>& v) {
  a.number(v ? 1 : 0);
  if (v) io(a, *v);
}
template <class T>
void io(Reader& a, std::optional<T>& v) {
  bool there = false;
  io(a, there);
  if (there)
    io(a, v.emplace());
  else
    v.reset();
}

// ---- Values
// --------------------------------------------------------------------------------------------------

void io(Writer& a, const Value& v) {
  a.number(static_cast<std::uint64_t>(v.kind()));
  switch (v.kind()) {
    case Value::Kind::kNull:
      return;
    case Value::Kind::kBool:
      return io(a, v.as_bool());
    case Value::Kind::kInt:
      return io(a, v.as_int());
    case Value::Kind::kUint:
      return io(a, v.as_uint());
    case Value::Kind::kDouble:
      return a.number(std::bit_cast<std::uint64_t>(v.as_double()));
    case Value::Kind::kString:
      return a.text(v.as_string());
    case Value::Kind::kBytes:
      return a.text(v.as_bytes());
    case Value::Kind::kList:
      return io(a, v.as_list());
    case Value::Kind::kMap:
      a.number(v.as_map().size());
      for (const auto& [key, value] : v.as_map()) {
        io(a, key);
        io(a, value);
      }
      return;
    case Value::Kind::kTimestamp:
      io(a, v.as_timestamp().seconds);
      return io(a, v.as_timestamp().nanos);
    case Value::Kind::kDuration:
      io(a, v.as_duration().seconds);
      return io(a, v.as_duration().nanos);
    case Value::Kind::kMoney:
      io(a, v.as_money().minor);
      return a.text(std::string(v.as_money().code()));
    case Value::Kind::kType:
      return a.text(v.as_type());
  }
}

void io(Reader& a, Value& v);

Value read_map(Reader& a) {
  Map map;
  const std::size_t size = a.count();
  for (std::size_t i = 0; i < size && a.ok(); ++i) {
    Value key, value;
    io(a, key);
    io(a, value);
    // Written in order, so an entry out of order (or twice) is not ours.
    if (!map.empty() && order(map.back().first, key) != std::strong_ordering::less)
      a.fail("a map out of order");
    map.emplace_back(std::move(key), std::move(value));
  }
  return a.ok() ? Value::map(std::move(map)) : Value();
}

void io(Reader& a, Value& v) {
  Value::Kind kind = Value::Kind::kNull;
  io_enum(a, kind, Value::Kind::kType);
  if (!a.enter()) return;
  std::int64_t whole = 0;
  std::int32_t nanos = 0;
  std::string text;
  switch (kind) {
    case Value::Kind::kNull:
      v = Value();
      break;
    case Value::Kind::kBool: {
      bool b = false;
      io(a, b);
      v = Value::boolean(b);
      break;
    }
    case Value::Kind::kInt:
      io(a, whole);
      v = Value::integer(whole);
      break;
    case Value::Kind::kUint:
      v = Value::unsigned_integer(a.number());
      break;
    case Value::Kind::kDouble:
      v = Value::real(std::bit_cast<double>(a.number()));
      break;
    case Value::Kind::kString:
      a.text(text);
      v = Value::string(std::move(text));
      break;
    case Value::Kind::kBytes:
      a.text(text);
      v = Value::bytes(std::move(text));
      break;
    case Value::Kind::kList: {
      List list;
      io(a, list);
      v = Value::list(std::move(list));
      break;
    }
    case Value::Kind::kMap:
      v = read_map(a);
      break;
    case Value::Kind::kTimestamp:
      io(a, whole);
      io(a, nanos);
      v = Value::timestamp({whole, nanos});
      break;
    case Value::Kind::kDuration:
      io(a, whole);
      io(a, nanos);
      v = Value::duration({whole, nanos});
      break;
    case Value::Kind::kMoney: {
      io(a, whole);
      a.text(text);
      if (text.size() != 3) {
        a.fail("not a currency");
        break;
      }
      Money money;
      money.minor = whole;
      money.currency = {text[0], text[1], text[2]};
      v = Value::money(money);
      break;
    }
    case Value::Kind::kType:
      a.text(text);
      v = Value::type(std::move(text));
      break;
  }
  a.leave();
}

// ---- The structs of graph.h, type.h and expr.h: each field once
// ---------------------------------------------- `V` is `const T` when writing and `T` when
// reading.

#define BELAY_FIELDS(TYPE)                            \
  template <class A, class V>                         \
  requires std::same_as<std::remove_const_t<V>, TYPE> \
  void fields(A& a, V& v)

BELAY_FIELDS(Field) {
  io(a, v.name);
  io(a, v.type);
}
BELAY_FIELDS(Type) {
  io_enum(a, v.base, Type::Base::kError);
  io(a, v.optional);
  io(a, v.is_private);
  io(a, v.min);
  io(a, v.max);
  io(a, v.size_max);
  io(a, v.pattern);
  io(a, v.options);
  io(a, v.element);
  io(a, v.record);
  io(a, v.fields);
}
BELAY_FIELDS(ExprNode) {
  io_enum(a, v.kind, ExprKind::kMapMacro);
  io(a, v.index);
  io(a, v.literal);
  io(a, v.text);
  io(a, v.args);
}
BELAY_FIELDS(Program) {
  io(a, v.nodes);
  a.note(v.source);
}
BELAY_FIELDS(Binding) {
  io(a, v.name);
  io(a, v.value);
}
BELAY_FIELDS(Gives) {
  io(a, v.field);
  io(a, v.from);
}
BELAY_FIELDS(OutcomeRule) {
  io(a, v.when);
  io(a, v.error);
}
BELAY_FIELDS(HttpCall) {
  io(a, v.connector);
  io(a, v.method);
  io(a, v.path);
  io(a, v.body);
  io(a, v.query);
  io(a, v.headers);
}
BELAY_FIELDS(SqlCall) {
  io(a, v.statement);
  io(a, v.any_rows);
}
BELAY_FIELDS(PluginCall) { io(a, v.plugin); }
BELAY_FIELDS(Action) {
  io(a, v.name);
  a.note(v.title);
  io(a, v.takes);
  io(a, v.gives);
  io(a, v.outcomes);
  io(a, v.errors);
  io(a, v.effects);
  io(a, v.repeat_safe);
  io(a, v.harmless_if_nothing_done);
  io(a, v.keys_remembered_s);
  io(a, v.replays_errors);
  io(a, v.settling_s);
  io_enum(a, v.runs, Action::Runs::kPlugin);
  io(a, v.http);
  io(a, v.sql);
  io(a, v.plugin);
}
BELAY_FIELDS(RetryPlan) {
  io(a, v.tries);
  io(a, v.first_wait_ms);
  io(a, v.doubling);
  io(a, v.wait_ms_max);
  io(a, v.spread);
}
BELAY_FIELDS(Act) {
  io_enum(a, v.kind, ActKind::kBlock);
  io(a, v.because);
  io(a, v.with);
  io(a, v.after_ms);
  io(a, v.at_most);
  io(a, v.team);
  io(a, v.block);
}
BELAY_FIELDS(Handler) {
  io(a, v.errors);
  io(a, v.act);
}
BELAY_FIELDS(Keep) {
  io(a, v.for_ms);
  io(a, v.then);
}
BELAY_FIELDS(Unsure) {
  io_enum(a, v.kind, Unsure::Kind::kHandTo);
  io(a, v.team);
}
BELAY_FIELDS(Rate) {
  io(a, v.count);
  io(a, v.per_ms);
  io(a, v.per);
}
BELAY_FIELDS(Call) {
  io(a, v.action);
  io(a, v.args);
  io(a, v.retry);
  io(a, v.within);
  io(a, v.handlers);
  io(a, v.if_unsure);
  io(a, v.keep);
  io(a, v.request_key);
  io(a, v.alive_ms);
  io(a, v.rate);
  io(a, v.check);
}
BELAY_FIELDS(Arm) {
  io(a, v.condition);
  io(a, v.block);
}
BELAY_FIELDS(Source) {
  io(a, v.name);
  io(a, v.event);
  io(a, v.key);
  io(a, v.even_before_ms);
}
BELAY_FIELDS(Export) {
  io(a, v.inner);
  io(a, v.outer);
}
BELAY_FIELDS(ChildRun) {
  io(a, v.workflow);
  io(a, v.version);
  io(a, v.hash);
  io(a, v.detached);
}
BELAY_FIELDS(Node) {
  io_enum(a, v.kind, NodeKind::kAct);
  io(a, v.name);
  a.note(v.title);
  a.note(v.at);
  io(a, v.slot);
  io(a, v.call);
  io(a, v.undo);
  io(a, v.no_undo_because);
  io(a, v.run);
  io(a, v.arms);
  io(a, v.branches);
  io(a, v.branch_names);
  io(a, v.wanted);
  io(a, v.body);
  io(a, v.items);
  io(a, v.at_once);
  io(a, v.tolerated);
  io(a, v.exports);
  io(a, v.until);
  io(a, v.times);
  io(a, v.role);
  io(a, v.answers);
  io(a, v.sources);
  io(a, v.any_source);
  io(a, v.event);
  io(a, v.key);
  io(a, v.within);
  io(a, v.otherwise);
  io(a, v.pause_for);
  io(a, v.pause_until);
  io(a, v.data);
  io(a, v.value);
  io(a, v.act);
}
BELAY_FIELDS(EventType) {
  io(a, v.name);
  io(a, v.version);
  io(a, v.key);
  io(a, v.fields);
}
BELAY_FIELDS(SlotInfo) {
  io(a, v.name);
  io(a, v.type);
  io(a, v.depth);
}
BELAY_FIELDS(Graph::StartsOn) {
  io(a, v.event);
  io(a, v.input);
}
BELAY_FIELDS(Graph) {
  io(a, v.workflow);
  a.note(v.title);
  a.note(v.owner);
  io(a, v.version);
  a.note(v.hash);
  io(a, v.takes);
  io(a, v.gives);
  io(a, v.slots);
  io(a, v.once_per);
  io(a, v.one_at_a_time);
  io(a, v.others_queue);
  io(a, v.starts_on);
  io(a, v.finish_within);
  io(a, v.if_undo_fails);
  io(a, v.actions);
  io(a, v.events);
  io(a, v.nodes);
  io(a, v.root);
}
#undef BELAY_FIELDS

template <class T>
void io(Writer& a, const T& v) requires std::is_class_v<T> {
  fields(a, v);
}
template <class T>
void io(Reader& a, T& v) requires std::is_class_v<T> {
  if (!a.enter()) return;
  fields(a, v);
  a.leave();
}

// ---- Well-formedness of what was read
// ------------------------------------------------------------------------

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
      expect(graph_.slots[e.inner].depth == graph_.slots[e.outer].depth + 1, "an export of no loop");
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

std::string encode_graph(const Graph& graph, bool for_hash) {
  Writer writer(for_hash);
  io(writer, graph);
  return std::string(kMagic) + writer.take();
}

bool decode_graph(std::string_view bytes, Graph& graph, std::string& error) {
  if (bytes.size() > kBytesMax) return error = "the stored graph is too large", false;
  if (!bytes.starts_with(kMagic))
    return error = "not a graph of a format this version can read", false;
  Reader reader(bytes.substr(kMagic.size()));
  io(reader, graph);
  if (reader.ok() && !reader.at_end()) reader.fail("bytes after the end");
  error = reader.ok() ? Validator(graph).check() : reader.error();
  if (!error.empty()) {
    error = "the stored graph is damaged: " + error;
    return false;
  }
  graph.index();
  return true;
}

}  // namespace belay::interpreter
