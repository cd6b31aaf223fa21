// What the stored JSON of journals and states is made of: tagged values, paths by node name,
// enumerators by word, and fields that are left out while they hold their default. Private to
// journal_json.cpp and state_json.cpp.
#pragma once
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "interpreter/graph.h"
#include "interpreter/journal.h"
#include "interpreter/state.h"
#include "interpreter/value.h"
#include "runtime/base/json_text.h"
#include "runtime/base/result.h"

namespace belay::runtime::stored {

// The stored words; the position is the enumerator. Append only.
inline constexpr const char* kDirections[] = {"do", "check", "undo", "undo-check"};
inline constexpr const char* kFailureKinds[] = {"business", "transient", "unsure"};
inline constexpr const char* kHoldReasons[] = {
    "none",    "unknown_outcome", "refused",         "failed",
    "gave_up", "undo_failed",     "request_changed", "bad_value"};
inline constexpr const char* kPurposes[] = {"retry", "limit", "pause", "deadline"};
inline constexpr const char* kOperatorActs[] = {"pause", "resume", "retry", "skip", "resolve"};
inline constexpr const char* kStatuses[] = {"running", "compensating", "completed", "compensated"};
inline constexpr const char* kPhases[] = {"idle",     "due",  "in_flight", "failed", "backoff",
                                          "settling", "held", "succeeded", "refused"};
inline constexpr const char* kEffects[] = {"none", "maybe", "done", "undone", "left_over"};

// A string, or {"$text": base64} when JSON cannot hold it.
void append_text(std::string_view text, std::string& out);
void append_value(const interpreter::Value& value, std::string& out);  // tagged
void append_path(const interpreter::Graph& graph, const interpreter::Path& path, std::string& out);

// Writes one object; every field is left out while it holds its default.
class Writer {
 public:
  Writer(const interpreter::Graph& graph, std::string& out) : graph_(graph), out_(out) {
    out_ += '{';
  }
  void close() { out_ += '}'; }

  // Begins a field and leaves its value to the caller. `name` needs no escaping.
  std::string& begin(std::string_view name) {
    out_ += first_ ? "\"" : ",\"";
    first_ = false;
    out_ += name;
    out_ += "\":";
    return out_;
  }
  void path(std::string_view name, const interpreter::Path& path) {
    if (path != interpreter::Path{}) append_path(graph_, path, begin(name));
  }
  void path_always(std::string_view name, const interpreter::Path& path) {
    append_path(graph_, path, begin(name));
  }
  void text(std::string_view name, std::string_view text) {
    if (!text.empty()) append_text(text, begin(name));
  }
  void flag(std::string_view name, bool flag) {
    if (flag) begin(name) += "true";
  }
  void number(std::string_view name, std::int64_t number, std::int64_t usual = 0) {
    if (number != usual) append_int(number, begin(name));
  }
  void unsigned_number(std::string_view name, std::uint64_t number, std::uint64_t usual = 0) {
    if (number != usual) append_uint(number, begin(name));
  }
  void instant(std::string_view name, interpreter::Instant at) { number(name, at.us); }
  void digest(std::string_view name, std::uint64_t digest);
  void value(std::string_view name, const interpreter::Value& value) {
    if (!value.is_null()) append_value(value, begin(name));
  }
  template <class E, std::size_t N>
  void word(std::string_view name, E e, const char* const (&words)[N], E usual = E{}) {
    if (e != usual) {
      std::string& out = begin(name);
      out += '"';
      out += words[static_cast<std::size_t>(e)];
      out += '"';
    }
  }
  const interpreter::Graph& graph() const { return graph_; }

 private:
  const interpreter::Graph& graph_;
  std::string& out_;
  bool first_ = true;
};

void write_texts(Writer& w, const char* name, const std::vector<std::string>& texts);
void write_values(Writer& w, const char* name, const std::vector<interpreter::Value>& values);
void write_numbers(Writer& w, const char* name, const std::vector<std::uint32_t>& numbers);

// Reads stored JSON into the untagged tree that the readers below walk.
Result<interpreter::Value> parse_stored(std::string_view json);

// Reads one object; the first problem is kept, everything after it reads as defaults.
class Reader {
 public:
  // `problem` is shared by all readers of one document.
  Reader(const interpreter::Graph& graph, const interpreter::Value& object, std::string& problem);

  bool has(std::string_view name) const { return object_.find(name) != nullptr; }
  interpreter::Path path(std::string_view name) const;
  std::string text(std::string_view name) const;
  bool flag(std::string_view name) const;
  std::int64_t number(std::string_view name, std::int64_t usual = 0) const;
  std::uint64_t unsigned_number(std::string_view name, std::uint64_t usual = 0) const;
  std::uint32_t small(std::string_view name, std::uint32_t usual = 0) const;
  interpreter::Instant instant(std::string_view name) const { return {number(name)}; }
  std::uint64_t digest(std::string_view name) const;
  interpreter::Value value(std::string_view name) const;
  // The items of a list field; empty when it is left out.
  const interpreter::List& list(std::string_view name) const;
  // The object field, or nullptr.
  const interpreter::Value* object(std::string_view name) const;
  template <class E, std::size_t N>
  E word(std::string_view name, const char* const (&words)[N], E usual = E{}) const {
    const std::size_t index = word_index(name, words, N, static_cast<std::size_t>(usual));
    return static_cast<E>(index);
  }

  std::vector<std::uint32_t> numbers(std::string_view name) const;
  // A list of tagged values, as write_values wrote it.
  std::vector<interpreter::Value> values(std::string_view name) const;
  interpreter::Path path_of(const interpreter::Value& value) const;
  std::string text_of(const interpreter::Value& value) const;
  void fail_with(std::string why) const;
  std::string& problem() const { return problem_; }
  const interpreter::Graph& graph() const { return graph_; }

 private:
  std::size_t word_index(std::string_view name, const char* const* words, std::size_t count,
                         std::size_t usual) const;

  const interpreter::Graph& graph_;
  const interpreter::Value& object_;
  std::string& problem_;
};

}  // namespace belay::runtime::stored
