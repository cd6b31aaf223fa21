// One archive template lists each struct's fields once; Writer and Reader give them meaning.
// Integers are LEB128 (signed ones zigzag), strings and lists are preceded by their length, a
// missing optional is one zero byte. After reading, graph_problem() sees to the promises of
// graph_codec.h, so that nobody downstream checks ids again.
#include "interpreter/graph_codec.h"

#include <bit>
#include <concepts>
#include <limits>
#include <type_traits>

#include "interpreter/graph_check.h"

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

void io(Writer& a, const Value& v) {
  a.number(static_cast<std::uint64_t>(v.kind()));
  switch (v.kind()) {
    case Value::Kind::kNull: return;
    case Value::Kind::kBool: return io(a, v.as_bool());
    case Value::Kind::kInt: return io(a, v.as_int());
    case Value::Kind::kUint: return io(a, v.as_uint());
    case Value::Kind::kDouble: return a.number(std::bit_cast<std::uint64_t>(v.as_double()));
    case Value::Kind::kString: return a.text(v.as_string());
    case Value::Kind::kBytes: return a.text(v.as_bytes());
    case Value::Kind::kList: return io(a, v.as_list());
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
    case Value::Kind::kType: return a.text(v.as_type());
    case Value::Kind::kOptional:  // no literal of a workflow is one
      if (v.as_optional() != nullptr) return io(a, *v.as_optional());
      return a.number(0);
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
    case Value::Kind::kNull: v = Value(); break;
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
    case Value::Kind::kUint: v = Value::unsigned_integer(a.number()); break;
    case Value::Kind::kDouble: v = Value::real(std::bit_cast<double>(a.number())); break;
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
    case Value::Kind::kMap: v = read_map(a); break;
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
    case Value::Kind::kOptional: a.fail("an optional value"); break;
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
  io_enum(a, v.kind, kExprKindLast);
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
  error = reader.ok() ? graph_problem(graph) : reader.error();
  if (!error.empty()) {
    error = "the stored graph is damaged: " + error;
    return false;
  }
  graph.index();
  return true;
}

}  // namespace belay::interpreter
