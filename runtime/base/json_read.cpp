// JSON text to untyped values: nlohmann's SAX events onto an explicit stack, so that neither a deep
// nor a wide document costs more than its own bytes. The same reader serves the journal, with its
// own bounds. See json_value.h.
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "runtime/base/json_value.h"

namespace belay::runtime {
namespace {

using interpreter::List;
using interpreter::Map;
using interpreter::Value;

class Builder : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit Builder(const JsonLimits& bounds)
      : depth_max_(bounds.depth_max), nul_allowed_(bounds.nul_allowed) {}

  bool null() override { return put(Value()); }
  bool boolean(bool v) override { return put(Value::boolean(v)); }
  bool number_integer(number_integer_t v) override { return put(Value::integer(v)); }
  bool number_unsigned(number_unsigned_t v) override {
    if (v <= static_cast<number_unsigned_t>(INT64_MAX))
      return put(Value::integer(static_cast<std::int64_t>(v)));
    return put(Value::unsigned_integer(v));
  }
  bool number_float(number_float_t v, const string_t&) override {
    if (!std::isfinite(v)) return stop("a number is out of range");
    return put(Value::real(v));
  }
  bool string(string_t& v) override {
    if (!nul_allowed_ && v.find('\0') != std::string::npos) return stop("a text holds U+0000");
    return put(Value::string(std::move(v)));
  }
  bool binary(binary_t&) override { return stop("binary"); }
  bool start_object(std::size_t) override { return open(true); }
  bool start_array(std::size_t) override { return open(false); }
  bool key(string_t& v) override {
    if (!nul_allowed_ && v.find('\0') != std::string::npos) return stop("a name holds U+0000");
    stack_.back().key = std::move(v);
    return true;
  }
  bool end_object() override {
    Map map = std::move(stack_.back().map);
    stack_.pop_back();
    std::sort(map.begin(), map.end(), [](const auto& a, const auto& b) {
      return a.first.as_string() < b.first.as_string();
    });
    for (std::size_t i = 1; i < map.size(); ++i) {
      if (map[i - 1].first.as_string() == map[i].first.as_string()) {
        return stop("the name \"" + map[i].first.as_string().substr(0, 60) +
                    "\" stands twice in one object");
      }
    }
    return put(Value::map(std::move(map)));
  }
  bool end_array() override {
    List list = std::move(stack_.back().list);
    stack_.pop_back();
    return put(Value::list(std::move(list)));
  }
  bool parse_error(std::size_t position, const std::string& token,
                   const nlohmann::json::exception&) override {
    if (problem_.empty()) {
      // Bytes that are not UTF-8 must not reach a message.
      const std::string seen = token.substr(0, 40);
      problem_ = "malformed JSON at byte " + std::to_string(position);
      if (!seen.empty() && is_storable_text(seen)) problem_ += ", near `" + seen + "`";
    }
    return false;
  }

  Value result;
  const std::string& problem() const { return problem_; }

 private:
  struct Open {
    bool is_map;
    std::string key;
    Map map;
    List list;
  };
  bool open(bool is_map) {
    if (stack_.size() >= depth_max_)
      return stop("nested deeper than " + std::to_string(depth_max_));
    stack_.push_back({is_map, {}, {}, {}});
    return true;
  }
  bool put(Value value) {
    if (stack_.empty()) {
      result = std::move(value);
    } else if (stack_.back().is_map) {
      stack_.back().map.emplace_back(Value::string(std::move(stack_.back().key)), std::move(value));
    } else {
      stack_.back().list.push_back(std::move(value));
    }
    return true;
  }
  bool stop(std::string why) {
    problem_ = std::move(why);
    return false;
  }

  std::size_t depth_max_;
  bool nul_allowed_;
  std::vector<Open> stack_;
  std::string problem_;
};

}  // namespace

Result<Value> parse_json(std::string_view text, JsonLimits bounds) {
  if (text.size() > bounds.bytes_max) {
    return fail(ErrorCode::kTooLarge, "the JSON is " + std::to_string(text.size()) +
                                          " bytes, the limit is " +
                                          std::to_string(bounds.bytes_max));
  }
  Builder builder(bounds);
  if (!nlohmann::json::sax_parse(text.begin(), text.end(), &builder)) {
    return fail(ErrorCode::kInvalid,
                builder.problem().empty() ? "malformed JSON" : builder.problem());
  }
  return std::move(builder.result);
}

}  // namespace belay::runtime
