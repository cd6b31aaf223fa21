// Tagged values, paths and fields of the stored JSON. See tagged_json.h and, for the tags,
// journal_json.h.
#include "runtime/base/tagged_json.h"

#include <charconv>
#include <cmath>

#include "interpreter/time.h"
#include "runtime/base/journal_json.h"
#include "runtime/base/json_value.h"

namespace belay::runtime {
namespace stored {
namespace {

using interpreter::Graph;
using interpreter::List;
using interpreter::Map;
using interpreter::NodeId;
using interpreter::Path;
using interpreter::Value;

constexpr char kHex[] = "0123456789abcdef";
// Values may nest as deep as a definition builds them, and every level of a map may take three of
// JSON.
constexpr JsonLimits kStoredLimits = {.bytes_max = std::size_t{1} << 30, .depth_max = 2'000};

bool is_plain_name(std::string_view name) {
  return !name.empty() && name.front() != '#' && name.find('[') == std::string_view::npos;
}

// Plain: an object with the same names holds it.
bool is_plain(const Map& map) {
  for (const auto& [key, item] : map) {
    if (key.kind() != Value::Kind::kString) return false;
    const std::string& name = key.as_string();
    if (name.starts_with('$') || !is_storable_text(name)) return false;
  }
  return true;
}

void append_double(double v, std::string& out) {
  if (std::isfinite(v)) {
    append_finite_double(v, out);
  } else {
    out += "{\"$double\":\"";
    out += interpreter::double_to_text(v);
    out += "\"}";
  }
}

void append_map(const Map& map, std::string& out) {
  bool first = true;
  if (is_plain(map)) {
    out += '{';
    for (const auto& [key, item] : map) {
      if (!first) out += ',';
      first = false;
      append_json_string(key.as_string(), out);
      out += ':';
      append_value(item, out);
    }
    out += '}';
    return;
  }
  out += "{\"$map\":[";
  for (const auto& [key, item] : map) {
    out += first ? "[" : ",[";
    first = false;
    append_value(key, out);
    out += ',';
    append_value(item, out);
    out += ']';
  }
  out += "]}";
}

bool untag(const Value& in, Value& out, std::string& problem);

bool corrupt(std::string& problem, const std::string& why) {
  if (problem.empty()) problem = why;
  return false;
}

bool untag_map_tag(const Value& content, Value& out, std::string& problem) {
  if (content.kind() != Value::Kind::kList) return corrupt(problem, "`$map` is no list");
  Map map;
  for (const Value& pair : content.as_list()) {
    if (pair.kind() != Value::Kind::kList || pair.as_list().size() != 2)
      return corrupt(problem, "`$map` holds no pair");
    Value key, item;
    if (!untag(pair.as_list()[0], key, problem) || !untag(pair.as_list()[1], item, problem))
      return false;
    map.emplace_back(std::move(key), std::move(item));
  }
  out = Value::map(std::move(map));
  for (std::size_t i = 1; i < out.as_map().size(); ++i) {
    if (out.as_map()[i - 1].first == out.as_map()[i].first)
      return corrupt(problem, "`$map` holds a key twice");
  }
  return true;
}

bool untag_money(const Value& content, Value& out, std::string& problem) {
  if (content.kind() != Value::Kind::kList || content.as_list().size() != 2 ||
      content.as_list()[0].kind() != Value::Kind::kInt ||
      content.as_list()[1].kind() != Value::Kind::kString ||
      content.as_list()[1].as_string().size() != 3) {
    return corrupt(problem, "`$money` is not [minor units, code]");
  }
  interpreter::Money money;
  money.minor = content.as_list()[0].as_int();
  for (std::size_t i = 0; i < 3; ++i) money.currency[i] = content.as_list()[1].as_string()[i];
  out = Value::money(money);
  return true;
}

bool untag_duration(const std::string& text, Value& out) {
  const auto duration = interpreter::parse_duration(text);
  if (duration) out = Value::duration(*duration);
  return duration.has_value();
}

bool untag_tag(const std::string& tag, const Value& content, Value& out, std::string& problem) {
  if (tag == "$map") return untag_map_tag(content, out, problem);
  if (tag == "$money") return untag_money(content, out, problem);
  if (tag == "$uint") {
    if (content.kind() == Value::Kind::kUint)
      out = content;
    else if (content.kind() == Value::Kind::kInt && content.as_int() >= 0) {
      out = Value::unsigned_integer(static_cast<std::uint64_t>(content.as_int()));
    } else
      return corrupt(problem, "`$uint` is no unsigned number");
    return true;
  }
  if (content.kind() != Value::Kind::kString) return corrupt(problem, "`" + tag + "` is no text");
  const std::string& text = content.as_string();
  std::string bytes;
  bool ok = false;
  if (tag == "$ts") {
    const auto at = interpreter::parse_timestamp(text);
    if (at) out = Value::timestamp(*at);
    ok = at.has_value();
  } else if (tag == "$dur") {
    ok = untag_duration(text, out);
  } else if (tag == "$bytes") {
    ok = from_base64(text, bytes);
    out = Value::bytes(std::move(bytes));
  } else if (tag == "$text") {
    ok = from_base64(text, bytes);
    out = Value::string(std::move(bytes));
  } else if (tag == "$type") {
    out = Value::type(text);
    ok = true;
  } else if (tag == "$double") {
    const double inf = std::numeric_limits<double>::infinity();
    ok = text == "NaN" || text == "Infinity" || text == "-Infinity";
    out = Value::real(text == "NaN"        ? std::numeric_limits<double>::quiet_NaN()
                      : text == "Infinity" ? inf
                                           : -inf);
  }
  return ok || corrupt(problem, "`" + tag + "` cannot be read");
}

bool untag(const Value& in, Value& out, std::string& problem) {
  if (in.kind() == Value::Kind::kList) {
    List list;
    list.reserve(in.as_list().size());
    for (const Value& item : in.as_list()) {
      Value v;
      if (!untag(item, v, problem)) return false;
      list.push_back(std::move(v));
    }
    out = Value::list(std::move(list));
    return true;
  }
  if (in.kind() != Value::Kind::kMap) {
    out = in;
    return true;
  }
  const Map& object = in.as_map();
  if (object.size() == 1 && object[0].first.as_string().starts_with('$')) {
    return untag_tag(object[0].first.as_string(), object[0].second, out, problem);
  }
  Map map;
  map.reserve(object.size());
  for (const auto& [key, item] : object) {
    if (key.as_string().starts_with('$'))
      return corrupt(problem, "a tag stands beside other names");
    Value v;
    if (!untag(item, v, problem)) return false;
    map.emplace_back(key, std::move(v));
  }
  out = Value::map(std::move(map));
  return true;
}

}  // namespace

void append_text(std::string_view text, std::string& out) {
  if (is_storable_text(text)) {
    append_json_string(text, out);
  } else {
    out += "{\"$text\":\"";
    out += to_base64(text);
    out += "\"}";
  }
}

void append_value(const Value& value, std::string& out) {
  switch (value.kind()) {
    case Value::Kind::kNull: out += "null"; return;
    case Value::Kind::kBool: out += value.as_bool() ? "true" : "false"; return;
    case Value::Kind::kInt: append_int(value.as_int(), out); return;
    case Value::Kind::kUint:
      out += "{\"$uint\":";
      append_uint(value.as_uint(), out);
      out += '}';
      return;
    case Value::Kind::kDouble: append_double(value.as_double(), out); return;
    case Value::Kind::kString: append_text(value.as_string(), out); return;
    case Value::Kind::kBytes:
      out += "{\"$bytes\":\"";
      out += to_base64(value.as_bytes());
      out += "\"}";
      return;
    case Value::Kind::kList: {
      bool first = true;
      out += '[';
      for (const Value& item : value.as_list()) {
        if (!first) out += ',';
        first = false;
        append_value(item, out);
      }
      out += ']';
      return;
    }
    case Value::Kind::kMap: append_map(value.as_map(), out); return;
    case Value::Kind::kTimestamp:
      out += "{\"$ts\":\"";
      out += interpreter::format_timestamp(value.as_timestamp());
      out += "\"}";
      return;
    case Value::Kind::kDuration:
      out += "{\"$dur\":\"";
      out += interpreter::format_duration(value.as_duration());
      out += "\"}";
      return;
    case Value::Kind::kMoney:
      out += "{\"$money\":[";
      append_int(value.as_money().minor, out);
      out += ',';
      append_json_string(value.as_money().code(), out);
      out += "]}";
      return;
    case Value::Kind::kType:
      out += "{\"$type\":";
      append_json_string(value.as_type(), out);
      out += '}';
      return;
    case Value::Kind::kOptional:  // no declared type holds one; null is what absence is elsewhere
      if (value.as_optional() != nullptr)
        append_value(*value.as_optional(), out);
      else
        out += "null";
      return;
  }
}

void append_path(const Graph& graph, const Path& path, std::string& out) {
  if (path == Path{}) {
    out += "null";
    return;
  }
  std::string text;
  if (path.node < graph.nodes.size() && is_plain_name(graph.nodes[path.node].name)) {
    text = graph.nodes[path.node].name;
  } else {
    text = "#" + std::to_string(path.node);
  }
  for (const std::uint32_t round : path.iteration) text += "[" + std::to_string(round) + "]";
  append_json_string(text, out);
}

void Writer::digest(std::string_view name, std::uint64_t digest) {
  if (digest == 0) return;
  std::string& out = begin(name);
  out += '"';
  for (int shift = 60; shift >= 0; shift -= 4) out += kHex[digest >> shift & 15];
  out += '"';
}

Result<Value> parse_stored(std::string_view json) {
  auto parsed = parse_json(json, kStoredLimits);
  if (!parsed)
    return fail(ErrorCode::kCorrupt, "stored JSON cannot be read: " + parsed.error().message);
  if (parsed->kind() != Value::Kind::kMap)
    return fail(ErrorCode::kCorrupt, "stored JSON is no object");
  return parsed;
}

namespace {
const Value& empty_object() {
  static const Value empty = Value::map({});
  return empty;
}
const List& empty_list() {
  static const List empty;
  return empty;
}
}  // namespace

Reader::Reader(const Graph& graph, const Value& object, std::string& problem)
    : graph_(graph),
      object_(object.kind() == Value::Kind::kMap ? object : empty_object()),
      problem_(problem) {
  if (object.kind() != Value::Kind::kMap) fail_with("an object is missing");
}

void Reader::fail_with(std::string why) const {
  if (problem_.empty()) problem_ = std::move(why);
}

Path Reader::path_of(const Value& value) const {
  if (value.is_null()) return {};
  if (value.kind() != Value::Kind::kString) {
    fail_with("a path is no text");
    return {};
  }
  std::string_view text = value.as_string();
  Path path;
  const std::size_t bracket = std::min(text.find('['), text.size());
  std::string_view rounds = text.substr(bracket);
  const std::string_view name = text.substr(0, bracket);
  bool ok = true;
  if (name.starts_with('#')) {
    const auto read = std::from_chars(name.data() + 1, name.data() + name.size(), path.node);
    ok = read.ec == std::errc() && read.ptr == name.data() + name.size();
  } else {
    path.node = interpreter::find_node(graph_, name);
    ok = path.node != interpreter::kNoNode;
  }
  while (ok && !rounds.empty()) {
    std::uint32_t round = 0;
    const auto read = std::from_chars(rounds.data() + 1, rounds.data() + rounds.size(), round);
    ok = rounds.front() == '[' && read.ec == std::errc() &&
         read.ptr != rounds.data() + rounds.size() && *read.ptr == ']';
    if (!ok) break;
    path.iteration.push_back(round);
    rounds.remove_prefix(static_cast<std::size_t>(read.ptr - rounds.data()) + 1);
  }
  if (!ok) fail_with("the definition has no step `" + std::string(text) + "`");
  return path;
}

std::string Reader::text_of(const Value& value) const {
  Value plain;
  if (!untag(value, plain, problem_)) return {};
  if (plain.kind() == Value::Kind::kString) return plain.as_string();
  fail_with("a text is missing");
  return {};
}

Path Reader::path(std::string_view name) const {
  const Value* found = object_.find(name);
  return found == nullptr ? Path{} : path_of(*found);
}

std::string Reader::text(std::string_view name) const {
  const Value* found = object_.find(name);
  return found == nullptr ? std::string() : text_of(*found);
}

bool Reader::flag(std::string_view name) const {
  const Value* found = object_.find(name);
  if (found == nullptr) return false;
  if (found->kind() != Value::Kind::kBool) {
    fail_with("`" + std::string(name) + "` is no boolean");
    return false;
  }
  return found->as_bool();
}

std::int64_t Reader::number(std::string_view name, std::int64_t usual) const {
  const Value* found = object_.find(name);
  if (found == nullptr) return usual;
  if (found->kind() == Value::Kind::kInt) return found->as_int();
  fail_with("`" + std::string(name) + "` is no number");
  return usual;
}

std::uint64_t Reader::unsigned_number(std::string_view name, std::uint64_t usual) const {
  const Value* found = object_.find(name);
  if (found == nullptr) return usual;
  if (found->kind() == Value::Kind::kUint) return found->as_uint();
  if (found->kind() == Value::Kind::kInt && found->as_int() >= 0)
    return static_cast<std::uint64_t>(found->as_int());
  fail_with("`" + std::string(name) + "` is no unsigned number");
  return usual;
}

std::uint32_t Reader::small(std::string_view name, std::uint32_t usual) const {
  const std::uint64_t number = unsigned_number(name, usual);
  if (number <= 0xffffffff) return static_cast<std::uint32_t>(number);
  fail_with("`" + std::string(name) + "` is too large");
  return usual;
}

std::uint64_t Reader::digest(std::string_view name) const {
  const Value* found = object_.find(name);
  if (found == nullptr) return 0;
  std::uint64_t digest = 0;
  if (found->kind() == Value::Kind::kString && found->as_string().size() == 16) {
    const std::string& text = found->as_string();
    const auto read = std::from_chars(text.data(), text.data() + 16, digest, 16);
    if (read.ec == std::errc() && read.ptr == text.data() + 16) return digest;
  }
  fail_with("`" + std::string(name) + "` is no digest");
  return 0;
}

Value Reader::value(std::string_view name) const {
  const Value* found = object_.find(name);
  Value out;
  if (found != nullptr) untag(*found, out, problem_);
  return out;
}

const List& Reader::list(std::string_view name) const {
  const Value* found = object_.find(name);
  if (found == nullptr) return empty_list();
  if (found->kind() == Value::Kind::kList) return found->as_list();
  fail_with("`" + std::string(name) + "` is no list");
  return empty_list();
}

const Value* Reader::object(std::string_view name) const { return object_.find(name); }

std::size_t Reader::word_index(std::string_view name, const char* const* words, std::size_t count,
                               std::size_t usual) const {
  const Value* found = object_.find(name);
  if (found == nullptr) return usual;
  if (found->kind() == Value::Kind::kString) {
    for (std::size_t i = 0; i < count; ++i) {
      if (found->as_string() == words[i]) return i;
    }
  }
  fail_with("`" + std::string(name) + "` holds an unknown word");
  return usual;
}

namespace {

// `name: [item, …]`, left out while it is empty.
template <class T, class Append>
void write_items(Writer& w, const char* name, const std::vector<T>& items, Append append) {
  if (items.empty()) return;
  std::string& out = w.begin(name);
  out += '[';
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (i > 0) out += ',';
    append(items[i], out);
  }
  out += ']';
}

}  // namespace

void write_texts(Writer& w, const char* name, const std::vector<std::string>& texts) {
  write_items(w, name, texts, append_text);
}

void write_values(Writer& w, const char* name, const std::vector<interpreter::Value>& values) {
  write_items(w, name, values, append_value);
}

void write_numbers(Writer& w, const char* name, const std::vector<std::uint32_t>& numbers) {
  write_items(w, name, numbers, [](std::uint32_t n, std::string& out) { append_uint(n, out); });
}

std::vector<interpreter::Value> Reader::values(std::string_view name) const {
  std::vector<interpreter::Value> out;
  for (const interpreter::Value& item : list(name)) untag(item, out.emplace_back(), problem_);
  return out;
}

std::vector<std::uint32_t> Reader::numbers(std::string_view name) const {
  std::vector<std::uint32_t> out;
  for (const interpreter::Value& item : list(name)) {
    if (item.kind() == interpreter::Value::Kind::kInt && item.as_int() >= 0 &&
        item.as_int() <= 0xffffffff) {
      out.push_back(static_cast<std::uint32_t>(item.as_int()));
    } else {
      fail_with("`" + std::string(name) + "` holds no number of this kind");
    }
  }
  return out;
}

}  // namespace stored

void append_tagged(const interpreter::Value& value, std::string& out) {
  stored::append_value(value, out);
}

Result<interpreter::Value> decode_tagged(std::string_view json) {
  // One field around it, so that the same bounds and readers serve.
  std::string wrapped = "{\"value\":";
  wrapped += json;
  wrapped += '}';
  auto parsed = stored::parse_stored(wrapped);
  if (!parsed) return parsed;
  std::string problem;
  const interpreter::Graph none;
  interpreter::Value value = stored::Reader(none, *parsed, problem).value("value");
  if (!problem.empty()) return fail(ErrorCode::kCorrupt, problem);
  return value;
}

}  // namespace belay::runtime
