// Seeded mistakes: what people really do to a definition (a misspelt name, a dropped line, a bad
// indent, a wrong unit, …), made from sound files. Every mistake is wrong by construction: a
// change that could leave a valid and safe program is not made. See mutations_test.cpp.
#pragma once
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace belay::mutations {

using Files = std::map<std::string, std::string>;  // path → text

struct Mutation {
  std::string kind;              // "text: misspelt head"
  std::string path;              // of the file that was changed
  std::uint32_t line = 0;        // of the change, in the changed text
  std::set<std::uint32_t> good;  // lines of that file where a person would look, `line` included
  bool anywhere = false;         // a declaration was renamed: its uses may be named instead
  std::string before, after;     // the line, for messages
  std::string text;              // of the changed file
};

// Every mistake that can be made in these files, each kind and place once a variant; the same for
// the same seed.
std::vector<Mutation> text_mutations(const Files& files, std::uint32_t seed);
std::vector<Mutation> yaml_mutations(const Files& files, std::uint32_t seed);

// ---- Shared by both forms (mutate.cpp)

class Random {  // small and the same everywhere
 public:
  explicit Random(std::uint32_t seed) : state_(seed * 2654435761u + 1) {}
  std::uint32_t below(std::size_t n);

 private:
  std::uint32_t state_;
};

// One file as lines with their place in the tree of indentation.
struct Outline {
  struct Row {
    std::string text;  // whole line
    std::size_t indent = 0;
    int parent = -1;    // row it is indented under
    bool code = false;  // not blank, not a comment, not block text
    std::string said() const { return text.substr(indent); }
  };
  std::vector<Row> rows;
  explicit Outline(const std::string& text);
  std::vector<int> children(int row) const;
  int end_of(int row) const;  // first row behind its block
  int sibling(int row, int step) const;
  std::string parent_said(int row) const;
  std::string text() const;
};

// Collects mutations of one file.
class Sink {
 public:
  Sink(std::vector<Mutation>& out, std::string path, const Outline& outline, Random& random,
       const std::set<std::string>& words)
      : out_(out), path_(std::move(path)), outline_(outline), random_(random), words_(words) {}
  // The row becomes `after`.
  void change(const std::string& kind, int row, const std::string& after,
              std::set<int> also_rows = {}, bool anywhere = false);
  // The rows [row, end) become `after` (which may be none).
  void replace(const std::string& kind, int row, int end, const std::vector<std::string>& after,
               std::set<int> also_rows = {});
  // `word` at `at` of the row gets a typing error that gives no other word of the workspace.
  void misspell(const std::string& kind, int row, std::size_t at, const std::string& word,
                bool anywhere = false);
  std::string typo(const std::string& word);
  // Whether the files read a name: `hold.`, `= hold`, `.hold`.
  bool read(const std::string& name) const { return words_.contains("read " + name); }
  bool root(const std::string& name) const { return words_.contains("root " + name); }
  // Whether this file reads it: `name` behind a `=`, or `name.`.
  bool read_here(const std::string& name) const;
  bool declared_once(const std::string& name) const { return !words_.contains("again " + name); }
  Mutation& last() { return out_.back(); }
  Random& random() { return random_; }

 private:
  std::vector<Mutation>& out_;
  std::string path_;
  const Outline& outline_;
  Random& random_;
  const std::set<std::string>& words_;
};

// Every word of the files: what a typing error must not hit.
std::set<std::string> words_of(const Files& files);
bool word_char(char c);
// Position and text of the first group of `pattern` in `line`; npos when it does not match.
std::size_t group(const std::string& line, const char* pattern, std::string& word);
bool matches(const std::string& line, const char* pattern);
// What an action takes: action → field → type, read from the text form.
std::map<std::string, std::map<std::string, std::string>> takes_of(const Files& files);
std::vector<std::string> values_of_another_type(const std::string& type);

// The mistakes of statements around others, of policies and of scenarios, at one row
// (mutate_flow_text.cpp, mutate_flow_yaml.cpp).
void text_flow(const Outline& outline, int row, Sink& sink);
void yaml_flow(const Outline& outline, int row, Sink& sink);
// Slips of an editor, alike in both forms (mutate_slips.cpp).
void text_slips(const Outline& outline, int row, Sink& sink);
void yaml_slips(const Outline& outline, int row, Sink& sink);

}  // namespace belay::mutations
