// Writes JSON straight into a string, in the order in which people want to read it. What it writes
// is always one well-formed value: strings are escaped, nesting is checked. No json.hpp behind it,
// so every handler may include it. Tested in tests/runtime/api_text_test.cpp.
#pragma once
#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace belay::runtime::api {

class JsonWriter {
 public:
  JsonWriter& begin_object();
  JsonWriter& end_object();
  JsonWriter& begin_array();
  JsonWriter& end_array();
  // REQUIRES: directly inside an object, and a value follows.
  JsonWriter& key(std::string_view name);

  JsonWriter& value(std::string_view text);
  JsonWriter& value(const char* text) { return value(std::string_view(text)); }
  JsonWriter& value(const std::string& text) { return value(std::string_view(text)); }
  JsonWriter& value(bool v);
  JsonWriter& value(double v);  // null when it is not finite
  template <std::integral T>
  JsonWriter& value(T v) {
    if constexpr (std::is_signed_v<T>) {
      return scalar(std::to_string(static_cast<std::int64_t>(v)));
    } else {
      return scalar(std::to_string(static_cast<std::uint64_t>(v)));
    }
  }
  JsonWriter& null() { return scalar("null"); }
  // `json` is one well-formed value already; empty writes null.
  JsonWriter& raw(std::string_view json) { return scalar(json.empty() ? "null" : json); }

  template <class T>
  JsonWriter& field(std::string_view name, const T& v) {
    return key(name).value(v);
  }
  JsonWriter& raw_field(std::string_view name, std::string_view json) {
    return key(name).raw(json);
  }
  // Nothing at all when `text` is empty.
  JsonWriter& field_unless_empty(std::string_view name, std::string_view text) {
    return text.empty() ? *this : key(name).value(text);
  }
  // null when `v` is empty or 0, as where the next page would begin behind the last one.
  template <class T>
  JsonWriter& field_or_null(std::string_view name, const T& v) {
    return v == T{} ? key(name).null() : field(name, v);
  }
  JsonWriter& strings(std::string_view name, const std::vector<std::string>& texts);

  // REQUIRES: everything that was begun has ended. Leaves the writer empty.
  std::string take();

 private:
  JsonWriter& scalar(std::string_view json);
  void separate();

  std::string out_;
  std::vector<char> open_;  // '{' or '['
  bool first_ = true, after_key_ = false;
};

}  // namespace belay::runtime::api
