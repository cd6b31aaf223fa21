// The keys that tell what a line of YAML is. See shape_keys.h.
#include "dsl/yaml/shape_keys.h"

#include <algorithm>
#include <set>

#include "dsl/text/lexical.h"
#include "dsl/yaml/keys.h"

namespace belay::dsl::yaml {

std::string word_at(std::string_view text, std::size_t from) {
  std::size_t end = from;
  while (end < text.size() && is_word(text[end])) ++end;
  return std::string(text.substr(from, end - from));
}

bool is_one_of(std::string_view word, const std::vector<std::string_view>& words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

bool declares(std::string_view key) {
  static const std::vector<std::string_view> keys = {
      "workflow", "webhook",      "connector",  "action",    "event", "type",    "retry_plan",
      "scenario", "subscription", "projection", "lifecycle", "api",   "schedule"};
  return is_one_of(key, keys);
}

// Keys that begin a statement.
bool begins_statement(std::string_view key) {
  static const std::vector<std::string_view> keys = {
      "step",    "wait",     "when",         "together",
      "publish", "set",      "pause",        "point_of_no_return",
      "branch",  "for_each", "repeat_until", "ask",
      "try"};
  return is_one_of(key, keys);
}

bool is_known(std::string_view key) {
  static const std::set<std::string_view> keys = [] {
    std::set<std::string_view> all = {"belay"};
    for (const KeyRow& row : key_rows()) all.insert(row.key);
    return all;
  }();
  return keys.contains(key);
}

// Keys that are a statement by themselves.
bool is_act(std::string_view key) {
  static const std::vector<std::string_view> keys = {"cancel",   "finish",    "collect",
                                                     "carry_on", "try_again", "hand_to"};
  return is_one_of(key, keys);
}

// Keys whose value is a list of statements.
bool holds_statements(std::string_view key) {
  return key == "steps" || key == "then" || key == "branches" || key == "or_when" || key == "try";
}

}  // namespace belay::dsl::yaml
