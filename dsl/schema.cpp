// The schema is built from the table of keys (dsl/yaml/keys.h). Which declaration or statement a
// map is, its first key tells: a chain of if / then / else on that key, never oneOf, so that an
// editor knows after one key what else belongs there, and a misspelt key is the only thing it
// complains of. Where no such key is there yet, those keys are offered, and keys that belong to
// some construct are let pass. Scalars are what our reader takes: `title: 007` is text.
#include "dsl/schema.h"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>

#include "dsl/text/lexical.h"
#include "dsl/yaml/keys.h"

namespace belay::dsl {
namespace {

using yaml::Construct;
using yaml::KeyRow;

std::string ref(std::string_view name) {
  return "{\"$ref\":\"#/definitions/" + std::string(name) + "\"}";
}

// An object with these members; what is empty is left out.
class Object {
 public:
  Object& put(std::string_view key, const std::string& json) {
    if (!json.empty()) out_ += (out_.empty() ? "" : ",") + quote(key) + ":" + json;
    return *this;
  }
  Object& with(const std::string& object) {  // the members of another one
    out_ += (out_.empty() ? "" : ",") + object.substr(1, object.size() - 2);
    return *this;
  }
  std::string done() const { return "{" + out_ + "}"; }

 private:
  std::string out_;
};

std::string list(const std::vector<std::string>& items) {
  std::string out;
  for (const std::string& item : items) out += (out.empty() ? "" : ",") + item;
  return "[" + out + "]";
}
std::string words(const std::vector<std::string_view>& items) {
  std::vector<std::string> quoted;
  for (const std::string_view item : items) quoted.push_back(quote(item));
  return list(quoted);
}

std::string described(const KeyRow& row) {
  // `description` beside a `$ref` is ignored in draft-07: allOf keeps both.
  return "{\"description\":" + quote(row.doc) + ",\"allOf\":[" + ref(row.shape) + "]}";
}

std::vector<const KeyRow*> rows_of(std::string_view construct) {
  std::vector<const KeyRow*> out;
  for (const KeyRow& row : yaml::key_rows()) {
    if (row.of == construct) out.push_back(&row);
  }
  return out;
}

// The closed map of a construct. `belay` may stand in declarations.
std::string closed(const Construct& construct, const std::string& types = "\"object\"") {
  std::string properties, needed;
  std::vector<std::string> needed_unless;
  if (construct.kind == Construct::Kind::kDeclaration) properties = "\"belay\":" + ref("belay");
  for (const KeyRow* row : rows_of(construct.name)) {
    properties += (properties.empty() ? "" : ",") + quote(row->key) + ":" + described(*row);
    if (!row->unless.empty()) {
      std::vector<std::string> others;
      for (std::size_t from = 0; from < row->unless.size();) {
        const std::size_t end = std::min(row->unless.find(' ', from), row->unless.size());
        others.push_back("{\"required\":[" + quote(row->unless.substr(from, end - from)) + "]}");
        from = end + 1;
      }
      // What is no map is judged by its type alone.
      others.push_back("{\"not\":{\"type\":\"object\"}}");
      needed_unless.push_back(Object()
                                  .put("if", "{\"not\":{\"anyOf\":" + list(others) + "}}")
                                  .put("then", "{\"required\":[" + quote(row->key) + "]}")
                                  .done());
    } else if (row->needed) {
      needed += (needed.empty() ? "" : ",") + quote(row->key);
    }
  }
  return Object()
      .put("type", types)
      .put("properties", "{" + properties + "}")
      .put("required", needed.empty() ? "" : "[" + needed + "]")
      .put("additionalProperties", "false")
      .put("allOf", needed_unless.empty() ? "" : list(needed_unless))
      .done();
}

const Construct& construct(std::string_view name) {
  for (const Construct& one : yaml::constructs()) {
    if (one.name == name) return one;
  }
  return yaml::constructs().front();
}

// What one of these constructs is, told by its first key.
std::string told_by_key(Construct::Kind kind, const std::set<std::string_view>& only, bool belay,
                        std::string_view also = "") {
  std::string offered, all;
  std::vector<std::string_view> names;
  for (const Construct& one : yaml::constructs()) {
    const bool wanted = one.kind == kind && (only.empty() || only.contains(one.name));
    if (!wanted && one.name != also) continue;
    names.push_back(one.name);
    for (const KeyRow* row : rows_of(one.name)) {
      if (row->key == one.name) {
        offered += (offered.empty() ? "" : ",") + quote(row->key) +
                   ":{\"description\":" + quote(row->doc) + "}";
      } else {
        all += (all.empty() ? "" : "|") + std::string(row->key);
      }
    }
  }
  if (belay) offered += ",\"belay\":" + ref("belay");
  std::string out =
      Object()
          .put("type", "\"object\"")
          .put("properties", "{" + offered + "}")
          .put("patternProperties", all.empty() ? "" : "{" + quote("^(" + all + ")$") + ":{}}")
          .put("additionalProperties", "false")
          .done();
  for (auto name = names.rbegin(); name != names.rend(); ++name) {
    out = Object()
              .put("if", "{\"type\":\"object\",\"required\":[" + quote(*name) + "]}")
              .put("then", ref(*name))
              .put("else", out)
              .done();
  }
  return out;
}

std::string map_of(std::string_view shape, std::string_view doc = "") {
  return Object()
      .put("type", "\"object\"")
      .put("description", doc.empty() ? "" : quote(doc))
      .put("additionalProperties", ref(shape))
      .done();
}
std::string list_of(std::string_view shape) {
  return Object().put("type", "\"array\"").put("items", ref(shape)).done();
}
// A word or name, or a map.
std::string scalar_or(std::string_view map) {
  return closed(construct(map), "[\"string\",\"object\"]");
}
std::string word_or(const std::vector<std::string_view>& choices, std::string_view map) {
  return Object()
      .put("if", "{\"type\":\"object\"}")
      .put("then", ref(map))
      .put("else", "{\"enum\":" + words(choices) + "}")
      .done();
}
std::string true_or(std::string_view map) {
  return Object()
      .put("if", "{\"type\":\"object\"}")
      .put("then", ref(map))
      .put("else", "{\"const\":true}")
      .done();
}
std::string choice(const std::vector<std::string_view>& choices) {
  return "{\"enum\":" + words(choices) + "}";
}

// Shapes of values that are no closed map.
const std::map<std::string, std::string>& shapes() {
  static const std::string scalar = "[\"string\",\"number\",\"boolean\"]";
  static const std::map<std::string, std::string> all = {
      {"belay",
       "{\"description\":\"The version of the language: the first line of every "
       "definition.\",\"const\":1}"},
      {"text", "{\"type\":" + scalar + "}"},
      {"name", "{\"type\":" + scalar + "}"},
      {"type_name", "{\"type\":\"string\",\"pattern\":\"^[A-Z][A-Za-z0-9]*$\"}"},
      {"env", "{\"type\":\"string\",\"pattern\":\"^[A-Z_][A-Z0-9_]*$\"}"},
      {"number", "{\"type\":\"integer\"}"},
      {"flag", "{\"type\":\"boolean\"}"},
      {"only_true", "{\"const\":true}"},
      {"expression", "{\"type\":" + scalar + "}"},
      {"type_expression",
       "{\"type\":\"string\",\"description\":\"A type: `text`, `int`, `money`, `bool`, `uuid`, "
       "`timestamp`, `date`, "
       "`duration`, `email`, `url`, `json`, a declared one, `list of T`, `map of T`, `one of "
       "\\\"a\\\", \\\"b\\\"`; "
       "`optional` and `private` before, bounds behind.\"}"},
      {"texts", list_of("text")},
      {"names", list_of("name")},
      {"any_data", "{}"},
      {"data", "{\"type\":\"object\"}"},
      {"expressions", map_of("expression")},
      {"fields", map_of("type_expression")},
      {"given", scalar_or("given_map")},
      {"given_fields", map_of("given")},
      {"lifts", map_of("data")},
      {"tries", scalar_or("tries_map")},
      {"plans", map_of("tries")},
      {"retry", ref("tries")},
      {"base", scalar_or("base_map")},
      {"body_kind", choice({"json", "form"})},
      {"effects",
       Object()
           .put("type", "\"array\"")
           .put("items", choice({"reads", "reserves", "moves money", "notifies", "records"}))
           .done()},
      {"repeating", choice({"safe", "unsafe"})},
      {"scheme",
       "{\"type\":\"string\",\"examples\":[\"stripe\",\"standard\",\"github\",\"slack\"]}"},
      {"outcomes", list_of("outcome")},
      {"allows", list_of("allow_map")},
      {"undo_or_name", scalar_or("undo")},
      {"errors",
       map_of("act", "Errors by name (`a.b or c.d` for several), and what follows each.")},
      {"arms", list_of("arm")},
      {"together_kind",
       "{\"type\":\"string\",\"pattern\":\"^(all|any|[0-9]+ of [0-9]+)$\","
       "\"examples\":[\"all\",\"any\",\"2 of 3\"]}"},
      {"turns_kind", choice({"queue", "are refused"})},
      {"awaited_events", map_of("awaited_event")},
      {"starts_on", Object()
                        .put("if", "{\"type\":\"array\"}")
                        .put("then", list_of("starts"))
                        .put("else", ref("starts"))
                        .done()},
      {"check", scalar_or("check_map")},
      {"if_unsure", word_or({"check", "try again", "undo anyway"}, "unsure_map")},
      {"act", Object()
                  .put("if", "{\"type\":\"array\"}")
                  .put("then", ref("statements"))
                  .put("else", word_or({"carry on", "finish"}, "act_map"))
                  .done()},
      {"finish_value", true_or("finish_map")},
      {"carry_on_value", true_or("carry_on_map")},
      {"statement", told_by_key(Construct::Kind::kStatement, {}, false)},
      {"statements", list_of("statement")},
      {"webhook_statement", told_by_key(Construct::Kind::kStatement, {"when", "publish"}, false)},
      {"webhook_statements", list_of("webhook_statement")},
      {"branch_or_statement", told_by_key(Construct::Kind::kStatement, {}, false, "branch")},
      {"branches", list_of("branch_or_statement")},
  };
  return all;
}

// One member or item a line, short ones together.
std::string pretty(const std::string& json) {
  std::string out;
  std::size_t depth = 0;
  const auto line = [&] { out += "\n" + std::string(depth * 2, ' '); };
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (c == '"') {
      const std::size_t end = string_end(json, i);
      out += json.substr(i, end - i);
      i = end - 1;
    } else if ((c == '{' || c == '[') && json[i + 1] == (c == '{' ? '}' : ']')) {
      out += c;
      out += json[++i];
    } else if (c == '{' || c == '[') {
      out += c;
      ++depth;
      line();
    } else if (c == '}' || c == ']') {
      --depth;
      line();
      out += c;
    } else {
      out += c;
      if (c == ',') line();
      if (c == ':') out += ' ';
    }
  }
  return out + "\n";
}

}  // namespace

std::string yaml_schema() {
  Object definitions;
  for (const auto& [name, json] : shapes()) definitions.put(name, json);
  for (const Construct& one : yaml::constructs()) definitions.put(one.name, closed(one));
  const std::string document = told_by_key(Construct::Kind::kDeclaration, {}, true);
  return pretty(Object()
                    .put("$schema", "\"http://json-schema.org/draft-07/schema#\"")
                    .put("title", "\"Belay definitions (YAML form)\"")
                    .put("definitions", definitions.done())
                    .with(document)
                    .done());
}

}  // namespace belay::dsl
