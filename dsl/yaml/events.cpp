// Events: yaml-cpp reads one document at a time and tells us scalars, maps and lists with their
// marks; we build nodes and refuse what has no place here: duplicate keys, anchors, aliases, tags,
// too many nodes, too deep nests. When yaml-cpp throws, the problem is reported at its mark, the
// value of that line is replaced by a stand-in, and the document is read again (bounded), so that
// later problems are not hidden. This is the only file that includes yaml-cpp. Tested in
// tests/dsl/yaml_test.cpp and tests/golden/diagnostics_read.
#include "dsl/yaml/events.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <optional>
#include <set>
#include <sstream>

#include "dsl/limits.h"
#include "dsl/text/lexical.h"
#include "dsl/text/words.h"
#include "dsl/yaml/shape.h"

namespace belay::dsl::yaml {
namespace {

constexpr std::size_t kRestartsMax = 20;        // a file
constexpr std::size_t kBytesReadMax = 3 << 20;  // a file, all restarts together

struct Stop {};  // a bound was passed and reported: give up this file

std::string single_quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    out += c;
    if (c == '\'') out += '\'';
  }
  return out + "'";
}

// What outlives one attempt at one document.
struct Session {
  const Sources& sources;
  std::uint32_t source;
  Diagnostics& diagnostics;
  std::size_t nodes = 0, restarts = 0, bytes = 0;
  std::uint32_t unreadable = 0;  // the last line that YAML could not read
};

class Handler : public YAML::EventHandler {
 public:
  Handler(Session& session, std::uint32_t first_line)
      : session_(session), first_line_(first_line) {}

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Node node = start(mark, "?", anchor);
    const std::string_view line = session_.sources.line(session_.source, node.span.line);
    const std::string_view rest =
        node.span.column <= line.size() ? line.substr(node.span.column - 1) : "";
    for (const std::string_view word : {"~", "null", "Null", "NULL"}) {
      if (rest.substr(0, word.size()) != word) continue;
      node.kind = Node::Kind::kScalar;
      node.text = "null";
      node.plain = true;
      node.span.length = static_cast<std::uint32_t>(word.size());
    }
    add(std::move(node));
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    Node node = start(mark, "?", 0);
    anchor(node.span, "alias");
    node.broken = true;
    add(std::move(node));
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    Node node = start(mark, tag, anchor);
    node.kind = Node::Kind::kScalar;
    node.plain = tag == "?";
    node.text = value;
    if (value == kStandIn) node.broken = true;
    const std::string_view line = session_.sources.line(session_.source, node.span.line);
    const char first = node.span.column <= line.size() ? line[node.span.column - 1] : ' ';
    node.block = !node.plain && (first == '|' || first == '>');
    if (!node.plain && (first == '"' || first == '\'')) open_quote(node, first);
    const std::size_t length =
        value.find('\n') == std::string::npos ? value.size() + (node.plain ? 0 : 2) : 1;
    const std::size_t space =
        line.size() - std::min<std::size_t>(node.span.column - 1, line.size());
    node.span.length = static_cast<std::uint32_t>(node.block ? 1 : std::min(length, space));
    add(std::move(node));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value style) override {
    open(start(mark, tag, anchor), Node::Kind::kList, style == YAML::EmitterStyle::Flow);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value style) override {
    open(start(mark, tag, anchor), Node::Kind::kMap, style == YAML::EmitterStyle::Flow);
  }
  void OnMapEnd() override { close(); }

  // The root, and whether there was one. What was open when an exception came is closed.
  Node take() {
    while (!open_.empty()) close();
    return std::move(root_);
  }

 private:
  struct Open {
    Node node;
    bool flow = false;
    std::optional<Node> key;
    std::set<std::string> keys;
    bool under_empty = false;  // its last key has no value
    std::set<std::string>
        astray;  // keys right below one without a value: maybe they belong under it
  };

  Span span_of(const YAML::Mark& mark) const {
    return {session_.source, first_line_ + static_cast<std::uint32_t>(std::max(mark.line, 0)),
            static_cast<std::uint32_t>(std::max(mark.column, 0) + 1), 0};
  }

  // yaml-cpp takes the end of the file for the end of a quote.
  void open_quote(Node& node, char mark) {
    std::size_t at = node.span.column;
    const auto count =
        static_cast<std::uint32_t>(session_.sources.file(session_.source).line_starts.size());
    for (std::uint32_t number = node.span.line; number <= count; ++number, at = 0) {
      const std::string_view line = session_.sources.line(session_.source, number);
      for (; at < line.size(); ++at) {
        if (mark == '"' && line[at] == '\\') {
          ++at;
        } else if (line[at] == mark) {
          if (mark == '"' || line.substr(at + 1, 1) != "'") return;
          ++at;
        }
      }
      if (number > node.span.line && line == "---") break;
    }
    Span span = node.span;
    span.length = 1;
    session_.diagnostics.add("BEL1025", span, "the quote that begins here is never closed").help =
        "close it with `" + std::string(1, mark) + "`, or leave it out";
    node.broken = true;
  }

  void anchor(Span span, const char* what) {
    const std::string_view line = session_.sources.line(session_.source, span.line);
    const std::size_t from = std::min<std::size_t>(span.column - 1, line.size());
    span.length =
        static_cast<std::uint32_t>(std::min(line.find_first_of(" ,]}", from), line.size()) - from);
    const std::string word(line.substr(from, span.length));
    session_.diagnostics
        .add("BEL1103", span, "`" + word + "` is a YAML " + what + ", which definitions do not use")
        .help = "write the value out, or quote it when it is an expression";
  }

  Node start(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor_id) {
    Node node;
    node.span = span_of(mark);
    if (++session_.nodes > limits::nodes_per_file_max) {
      session_.diagnostics.add("BEL1005", node.span,
                               "more than " + std::to_string(limits::nodes_per_file_max) +
                                   " values, the rest of the file was not read");
      throw Stop{};
    }
    if (anchor_id != 0) {
      anchor(node.span, "anchor");
      node.broken = true;
    }
    if (tag != "?" && tag != "!" && !tag.empty()) {
      const std::string_view line = session_.sources.line(session_.source, node.span.line);
      const std::size_t from = std::min<std::size_t>(node.span.column - 1, line.size());
      const std::size_t end = std::min(line.find_first_of(" ,]}", from), line.size());
      node.span.length = static_cast<std::uint32_t>(end - from);
      const std::string word(line.substr(from, end - from));
      session_.diagnostics.add("BEL1104", node.span, "YAML reads `" + word + "` as a tag").help =
          "quote this: `" + single_quoted(word) + "`";
      node.broken = true;
    }
    return node;
  }

  void open(Node node, Node::Kind kind, bool flow) {
    node.kind = kind;
    node.flow = flow;
    if (open_.size() >= limits::nesting_max) {
      session_.diagnostics.add(
          "BEL1004", node.span,
          "values are nested more than " + std::to_string(limits::nesting_max) + " deep");
      throw Stop{};
    }
    open_.push_back({std::move(node), flow, std::nullopt, {}, false, {}});
  }

  void close() {
    Open top = std::move(open_.back());
    open_.pop_back();
    if (top.key) top.node.entries.push_back({std::move(*top.key), Node{}});
    if (top.flow && top.node.kind == Node::Kind::kMap) cuts(top.node);
    add(std::move(top.node));
  }

  void add(Node node) {
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    Open& top = open_.back();
    if (top.node.kind == Node::Kind::kList) {
      top.node.items.push_back(std::move(node));
    } else if (!top.key) {
      top.key = std::move(node);
    } else {
      Entry entry{std::move(*top.key), std::move(node)};
      top.key.reset();
      entry_of(top, std::move(entry));
    }
  }

  void entry_of(Open& top, Entry entry) {
    if (entry.key.broken) return;
    if (entry.key.kind != Node::Kind::kScalar || entry.key.text.empty()) {
      session_.diagnostics.add("BEL1108", entry.key.span, "a key is a plain word");
      return;
    }
    const bool twice = !top.keys.insert(entry.key.text).second;
    // Below a key without a value: what should be indented is not another clause of this map.
    if (twice && top.under_empty) return;
    if (!twice && top.under_empty && !top.flow) top.astray.insert(entry.key.text);
    top.under_empty = entry.value.kind == Node::Kind::kMissing;
    if (twice && top.astray.erase(entry.key.text) > 0) {
      std::erase_if(top.node.entries,
                    [&](const Entry& known) { return known.key.text == entry.key.text; });
      top.node.entries.push_back(std::move(entry));
      return;
    }
    if (twice) {
      Diagnostic& d = session_.diagnostics.add("BEL1102", entry.key.span,
                                               "the key `" + entry.key.text + "` is here twice");
      for (const Entry& known : top.node.entries) {
        if (known.key.text == entry.key.text)
          d.notes.push_back({known.key.span, true, "first said here"});
      }
      d.help = "keep one of the two";
      return;
    }
    top.node.entries.push_back(std::move(entry));
  }

  // In `{ x: = max(a, b) }` YAML ends the value at the comma, and `b)` becomes a key without a
  // value.
  void cuts(Node& map) {
    for (std::size_t i = 0; i + 1 < map.entries.size(); ++i) {
      Node& value = map.entries[i].value;
      if (value.kind != Node::Kind::kScalar || !value.plain || value.broken) continue;
      std::size_t end = i + 1;
      while (end < map.entries.size() && map.entries[end].value.kind == Node::Kind::kMissing) ++end;
      if (end == i + 1) continue;
      std::string whole = value.text;
      for (std::size_t k = i + 1; k < end; ++k) whole += ", " + map.entries[k].key.text;
      session_.diagnostics.add("BEL1106", value.span, "YAML ends this value at the comma").help =
          "quote this: `" + single_quoted(whole) + "`";
      value.broken = true;
      map.entries.erase(map.entries.begin() + static_cast<std::ptrdiff_t>(i + 1),
                        map.entries.begin() + static_cast<std::ptrdiff_t>(end));
    }
  }

  Session& session_;
  std::uint32_t first_line_;
  std::vector<Open> open_;
  Node root_;
};

// ---- One document, read until it can be read

// The value of a `key: value` line: where it begins; npos when the line is none.
std::size_t value_of(std::string_view line) {
  std::size_t i = line.find_first_not_of(' ');
  while (i != std::string_view::npos && line.substr(i, 2) == "- ")
    i = line.find_first_not_of(' ', i + 2);
  if (i == std::string_view::npos) return i;
  std::size_t end = i;
  while (end < line.size() && (is_word(line[end]) || line[end] == '.' || line[end] == '-')) ++end;
  if (end == i || line.substr(end, 2) != ": ") return std::string_view::npos;
  return line.find_first_not_of(' ', end + 1);
}

class DocumentReader {
 public:
  DocumentReader(Session& session, std::uint32_t first_line, std::vector<std::string> lines)
      : session_(session), first_line_(first_line), lines_(std::move(lines)) {}

  void run(std::vector<Document>& into) {
    const std::size_t documents = into.size(), nodes = session_.nodes;
    while (true) {
      into.resize(documents);
      session_.nodes = nodes;
      std::string text;
      for (const std::string& line : lines_) text += line + "\n";
      session_.bytes += text.size();
      Handler handler(session_, first_line_);
      bool again = false;
      try {
        std::istringstream in(text);
        YAML::Parser parser(in);
        while (parser.HandleNextDocument(handler)) {
          into.push_back({handler.take(), broken_});
        }
      } catch (const YAML::Exception& e) {
        broken_ = true;
        again = failed(e);
        if (!again) into.push_back({handler.take(), true});
      }
      if (!again) return;
    }
  }

 private:
  // Reports, and takes the value out. False: give up this document.
  bool failed(const YAML::Exception& e) {
    std::size_t line = e.mark.is_null() ? 0 : static_cast<std::size_t>(std::max(e.mark.line, 0));
    std::size_t column =
        e.mark.is_null() ? 0 : static_cast<std::size_t>(std::max(e.mark.column, 0));
    while (line > 0 &&
           (line >= lines_.size() || lines_[line].find_first_not_of(' ') == std::string::npos)) {
      --line;
      column = std::string::npos;
    }
    if (lines_.empty()) return false;
    std::string& text = lines_[line];
    const std::size_t value = value_of(text);
    column = std::min(column, text.empty() ? 0 : text.size() - 1);
    Span at{session_.source, first_line_ + static_cast<std::uint32_t>(line),
            static_cast<std::uint32_t>(column + 1), 1};
    report(e, at, text, value);
    if (session_.restarts++ >= kRestartsMax || session_.bytes > kBytesReadMax) return false;
    take_out(line, value);
    return true;
  }

  void report(const YAML::Exception& e, Span at, const std::string& line, std::size_t value) {
    const std::string said = e.msg;
    if (said.find("anchor") != std::string::npos || said.find("alias") != std::string::npos) {
      session_.diagnostics
          .add("BEL1103", at, "this is a YAML anchor or alias, which definitions do not use")
          .help = "write the value out, or quote it when it is an expression";
      return;
    }
    const std::string rest = value == std::string::npos ? "" : line.substr(value);
    const bool flow = !rest.empty() && (rest[0] == '{' || (rest[0] == '[' && rest.back() != ']'));
    const bool expression =
        !rest.empty() && !flow && rest.find(std::string(kStandIn)) == std::string::npos &&
        (std::string_view("[\"'!%@`&*|>").find(rest[0]) != std::string_view::npos ||
         rest.find(": ") != std::string::npos || rest.find(" ?") != std::string::npos);
    if (expression) {
      at.column = static_cast<std::uint32_t>(value + 1);
      at.length = static_cast<std::uint32_t>(rest.size());
      session_.diagnostics.add("BEL1106", at, "YAML cannot read this value as it stands").help =
          "quote this: `" + single_quoted(rest) + "`";
      return;
    }
    // A line that stands wrong moves those below it: they are read on, and one message is enough.
    const auto moves = [&](const Diagnostic& known) {
      const std::string_view code = known.kind->code;
      return known.span.file == at.file && known.span.line + 1 == at.line &&
             (code == "BEL1101" || code == "BEL1023" || code == "BEL1020");
    };
    const auto& all = session_.diagnostics.all();
    const bool goes_on =
        std::exchange(session_.unreadable, at.line) + 2 >= at.line && session_.restarts > 0;
    if (goes_on || std::any_of(all.begin(), all.end(), moves)) return;
    Diagnostic& d = session_.diagnostics.add("BEL1101", at, "YAML cannot read this: " + said);
    if (line.find('\t') != std::string::npos) {
      d.help = "indent with spaces, not tabs";
    } else {
      d.help = "an expression or text with `, [ ] { } # : ? \" '` must be quoted";
    }
  }

  // Puts the stand-in for the value of this line, or blanks the line; deeper lines go when a
  // bracket or quote was open.
  void take_out(std::size_t line, std::size_t value) {
    std::string& text = lines_[line];
    const std::string rest = value == std::string::npos ? text : text.substr(value);
    const bool done = rest.find(std::string(kStandIn)) != std::string::npos;
    const bool open = expression_problem(rest).kind != LexicalProblem::Kind::kNone;
    const std::size_t indent = std::min(text.find_first_not_of(' '), text.size());
    if (value == std::string::npos || done) {
      text.clear();
    } else {
      text = text.substr(0, value) + std::string(kStandIn);
    }
    for (std::size_t next = line + 1; open && next < lines_.size(); ++next) {
      const std::size_t first = lines_[next].find_first_not_of(' ');
      if (first == std::string::npos) continue;
      const bool closes = lines_[next][first] == '}' || lines_[next][first] == ']';
      if (first <= indent && !(closes && first == indent)) break;
      lines_[next].clear();
    }
  }

  Session& session_;
  std::uint32_t first_line_;
  std::vector<std::string> lines_;
  bool broken_ = false;
};

}  // namespace

std::vector<Document> read_documents(const Sources& sources, std::uint32_t source,
                                     Diagnostics& diagnostics, const Shape* shape) {
  std::vector<Document> out;
  Session session{sources, source, diagnostics};
  const auto count = static_cast<std::uint32_t>(sources.file(source).line_starts.size());
  std::vector<std::string> lines;
  std::uint32_t first = 1;
  bool lost = false;
  const auto flush = [&] {
    const std::size_t before = out.size();
    if (!lines.empty()) DocumentReader(session, first, std::move(lines)).run(out);
    for (std::size_t i = before; lost && i < out.size(); ++i) out[i].broken = true;
    lines.clear();
    lost = false;
  };
  const std::size_t errors_before = diagnostics.errors();
  try {
    for (std::uint32_t number = 1; number <= count; ++number) {
      if (diagnostics.errors() - errors_before >= text::kProblemsPerFile) {
        diagnostics.add("BEL1006", {source, number, 1, 0},
                        "too many problems in this file, the rest of it was not read");
        break;
      }
      std::string_view line = sources.line(source, number);
      if (number == 1 && line.substr(0, 3) == "\xEF\xBB\xBF") line.remove_prefix(3);
      const bool part = shape != nullptr && shape->parts.contains(number);
      if (number > 1 && (part || line == "---" || line.substr(0, 4) == "--- ")) {
        flush();
        first = number;
      }
      lost = lost || (shape != nullptr && shape->lost.contains(number));
      if (line.size() > limits::line_bytes_max) {
        diagnostics.add("BEL1003", {source, number, 1, 1},
                        "the line has " + std::to_string(line.size()) + " bytes, at most " +
                            std::to_string(limits::line_bytes_max) + " are read");
        line = "";
      }
      lines.emplace_back(line);
    }
    flush();
  } catch (const Stop&) {
    out.push_back({Node{}, true});
  }
  return out;
}

}  // namespace belay::dsl::yaml
