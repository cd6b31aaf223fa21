// Writing JSON, and nothing of reading it (json_value.h reads). See json_writer.h.
#include "runtime/api/json_writer.h"

#include <cmath>

#include "interpreter/value.h"
#include "runtime/base/check.h"
#include "runtime/base/json_value.h"

namespace belay::runtime::api {
JsonWriter& JsonWriter::begin_object() {
  separate();
  out_ += '{';
  open_.push_back('{');
  first_ = true;
  return *this;
}

JsonWriter& JsonWriter::end_object() {
  BELAY_CHECK(!open_.empty() && open_.back() == '{' && !after_key_,
              "an object is open and no key waits");
  open_.pop_back();
  out_ += '}';
  first_ = false;
  return *this;
}

JsonWriter& JsonWriter::begin_array() {
  separate();
  out_ += '[';
  open_.push_back('[');
  first_ = true;
  return *this;
}

JsonWriter& JsonWriter::end_array() {
  BELAY_CHECK(!open_.empty() && open_.back() == '[', "an array is open");
  open_.pop_back();
  out_ += ']';
  first_ = false;
  return *this;
}

JsonWriter& JsonWriter::key(std::string_view name) {
  BELAY_CHECK(!open_.empty() && open_.back() == '{' && !after_key_, "a key stands in an object");
  if (!first_) out_ += ',';
  append_json_string(name, out_);
  out_ += ':';
  after_key_ = true;
  return *this;
}

JsonWriter& JsonWriter::value(std::string_view text) {
  separate();
  append_json_string(text, out_);
  first_ = false;
  return *this;
}

JsonWriter& JsonWriter::value(bool v) { return scalar(v ? "true" : "false"); }

JsonWriter& JsonWriter::value(double v) {
  return std::isfinite(v) ? scalar(interpreter::double_to_text(v)) : null();
}

JsonWriter& JsonWriter::strings(std::string_view name, const std::vector<std::string>& texts) {
  key(name).begin_array();
  for (const std::string& text : texts) value(text);
  return end_array();
}

std::string JsonWriter::take() {
  BELAY_CHECK(open_.empty() && !after_key_, "everything that was begun has ended");
  std::string out = std::move(out_);
  out_.clear();
  first_ = true;
  return out;
}

JsonWriter& JsonWriter::scalar(std::string_view json) {
  separate();
  out_ += json;
  first_ = false;
  return *this;
}

void JsonWriter::separate() {
  if (after_key_) {
    after_key_ = false;
    return;
  }
  BELAY_CHECK(open_.empty() || open_.back() == '[', "a value in an object has a key");
  if (!first_) out_ += ',';
}

}  // namespace belay::runtime::api
