// Sample values. Ids are drawn from names by a hash, so that they differ and yet never change from
// run to run.
#include "runtime/simulator/samples.h"

#include <algorithm>
#include <cstdio>

namespace belay::runtime::simulator {

namespace {

using interpreter::Field;
using interpreter::Map;
using interpreter::Type;
using interpreter::Value;

constexpr std::int64_t kHourS = 3600;
constexpr std::int64_t kSampleCents = 4990;

std::string sample_uuid(std::string_view owner, std::string_view name) {
  const std::uint64_t a = interpreter::fnv1a(name, interpreter::fnv1a(owner));
  const std::uint64_t b = interpreter::fnv1a("-", a);
  char text[37];
  std::snprintf(text, sizeof text, "%08x-%04x-7%03x-8%03x-%012llx", static_cast<unsigned>(a >> 32),
                static_cast<unsigned>(a >> 16 & 0xffff), static_cast<unsigned>(a & 0xfff),
                static_cast<unsigned>(b >> 48 & 0xfff),
                static_cast<unsigned long long>(b & 0xffff'ffff'ffffULL));
  return text;
}

std::string sample_text(const Type& type, std::string_view name, const SampleContext& context) {
  if (!type.pattern.empty()) {
    if (std::string made = sample_of_pattern(type.pattern); !made.empty()) return made;
  }
  std::string text =
      context.owner.empty() ? std::string(name) : context.owner + "_" + std::string(name);
  const auto longest = static_cast<std::size_t>(type.size_max.value_or(200));
  if (text.size() > longest) text.resize(longest);  // names are ASCII
  return text;
}

std::int64_t sample_int(const Type& type) {
  std::int64_t value = 1;
  if (type.min) value = std::max(value, *type.min);
  if (type.max) value = std::min(value, *type.max);
  return value;
}

Value sample_time(const SampleContext& context, std::int64_t hours) {
  return Value::timestamp({context.now.us / 1'000'000 + hours * kHourS, 0});
}

Value sample_at(const Type& type, std::string_view name, const SampleContext& context,
                std::int64_t hours) {
  using Base = Type::Base;
  switch (type.base) {
    case Base::kText: return Value::string(sample_text(type, name, context));
    case Base::kUuid: return Value::string(sample_uuid(context.owner, name));
    case Base::kEmail: return Value::string("ada@example.com");
    case Base::kUrl: return Value::string("https://example.com/" + std::string(name));
    case Base::kDate:
      return Value::string(interpreter::to_text(sample_time(context, hours)).substr(0, 10));
    case Base::kInt: return Value::integer(sample_int(type));
    case Base::kUint: return Value::unsigned_integer(static_cast<std::uint64_t>(sample_int(type)));
    case Base::kDouble: return Value::real(1.5);
    case Base::kBool: return Value::boolean(true);
    case Base::kMoney: return Value::money({kSampleCents, {'E', 'U', 'R'}});
    case Base::kTimestamp: return sample_time(context, hours);
    case Base::kDuration: return Value::duration({600, 0});
    case Base::kBytes: return Value::bytes("bytes");
    case Base::kOneOf: return type.options.empty() ? Value() : Value::string(type.options.front());
    case Base::kList: {
      if (type.element.empty()) return Value::list({});
      std::vector<Value> items;
      const std::int64_t count = std::min(context.items, type.size_max.value_or(context.items));
      for (std::int64_t i = 0; i < count; ++i) {
        const std::string item = std::string(name) + (i == 0 ? "" : "_" + std::to_string(i + 1));
        items.push_back(sample_at(type.element.front(), item, context, hours));
      }
      return Value::list(std::move(items));
    }
    case Base::kMap: {
      if (type.element.empty() || type.size_max.value_or(1) < 1) return Value::map({});
      return interpreter::record({{"a", sample_at(type.element.front(), name, context, hours)}});
    }
    case Base::kRecord: {
      SampleContext inner = context;
      inner.owner =
          context.owner.empty() ? std::string(name) : context.owner + "_" + std::string(name);
      return sample_record(type.fields, inner);
    }
    case Base::kJson: return interpreter::record({{"sample", Value::boolean(true)}});
    case Base::kNull:
    case Base::kType:
    case Base::kError: return {};
  }
  return {};
}

// ---- Patterns: one text of a simple regular expression ----

class Pattern {
 public:
  explicit Pattern(std::string_view text) : text_(text) {}

  std::string make() {
    std::string out = alternatives(0);
    return ok_ && at_ == text_.size() ? out : std::string();
  }

 private:
  static constexpr int kDepthMax = 16;

  bool done() const { return at_ >= text_.size(); }
  char peek() const { return text_[at_]; }

  std::string alternatives(int depth) {  // the first one counts, the others are read over
    if (depth > kDepthMax) ok_ = false;
    std::string out = sequence(depth);
    while (ok_ && !done() && peek() == '|') {
      ++at_;
      sequence(depth);
    }
    return out;
  }

  std::string sequence(int depth) {
    std::string out;
    while (ok_ && !done() && peek() != '|' && peek() != ')') {
      const std::string one = atom(depth);
      for (std::size_t n = count(); n > 0 && ok_; --n) out += one;
    }
    return out;
  }

  std::string atom(int depth) {
    const char c = text_[at_++];
    if (c == '^' || c == '$') return "";
    if (c == '.') return "a";
    if (c == '[') return set();
    if (c == '\\') return escape();
    if (c == '(') {
      if (text_.substr(at_, 2) == "?:") at_ += 2;
      std::string inner = alternatives(depth + 1);
      if (done() || peek() != ')') ok_ = false;
      ++at_;
      return inner;
    }
    if (c == '*' || c == '+' || c == '?' || c == '{') ok_ = false;
    return std::string(1, c);
  }

  std::string escape() {
    if (done()) {
      ok_ = false;
      return "";
    }
    const char c = text_[at_++];
    if (c == 'd') return "1";
    if (c == 'w') return "a";
    if (c == 's') return " ";
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (letter) ok_ = false;
    return std::string(1, c);
  }

  std::string set() {  // the first member
    if (done() || peek() == '^') {
      ok_ = false;
      return "";
    }
    const std::string first = peek() == '\\' ? (++at_, escape()) : std::string(1, text_[at_++]);
    while (!done() && peek() != ']') at_ += peek() == '\\' ? 2 : 1;
    if (done()) ok_ = false;
    ++at_;
    return first;
  }

  std::size_t count() {  // the least number that the count behind an atom allows, but at least one
                         // where it may be
    if (done()) return 1;
    if (peek() == '*' || peek() == '+' || peek() == '?') {
      ++at_;
      return 1;
    }
    if (peek() != '{') return 1;
    const std::size_t end = text_.find('}', at_);
    if (end == std::string_view::npos) {
      ok_ = false;
      return 0;
    }
    std::size_t least = 0;
    for (std::size_t i = at_ + 1; i < end && text_[i] >= '0' && text_[i] <= '9'; ++i) {
      least = least * 10 + static_cast<std::size_t>(text_[i] - '0');
      if (least > 1000) ok_ = false;
    }
    at_ = end + 1;
    return least;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  bool ok_ = true;
};

}  // namespace

std::string sample_of_pattern(std::string_view pattern) { return Pattern(pattern).make(); }

Value sample(const Type& type, std::string_view name, const SampleContext& context) {
  return sample_at(type, name, context, context.ahead_h);
}

Value sample_record(const std::vector<Field>& fields, const SampleContext& context) {
  Map values;
  std::int64_t hours = context.ahead_h;
  for (const Field& field : fields) {
    Value value = sample_at(field.type, field.name, context, hours);
    if (value.is_null()) continue;
    if (field.type.base == Type::Base::kTimestamp) ++hours;
    values.emplace_back(Value::string(field.name), std::move(value));
  }
  return Value::map(std::move(values));
}

}  // namespace belay::runtime::simulator
