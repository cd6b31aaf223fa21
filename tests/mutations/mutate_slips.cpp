// Slips of an editor rather than of a head, alike in both forms: two lines swapped or joined, a
// line broken in two, a whole block moved by a column, a sign too many at the end of a line, a
// blank that is none (pasted from a word processor), the marks of a merge, a value of another type,
// an action that nobody declares.
#include <algorithm>

#include "tests/mutations/mutate.h"

namespace belay::mutations {
namespace {

using Words = std::vector<std::string>;
constexpr const char* kHardBlank = "\xC2\xA0";

std::string at_column(std::size_t column, const std::string& said) {
  return std::string(column, ' ') + said;
}

Words rows_of(const Outline& o, int from, int end) {
  Words out;
  for (int i = from; i < end; ++i) out.push_back(o.rows[static_cast<std::size_t>(i)].text);
  return out;
}

struct Here {
  const Outline& o;
  int row;
  const Outline::Row& line;
  std::string said;
  int end, next, prev;
  bool leads;  // its first child stands right below
  bool block;  // block text stands somewhere in it
  std::set<int> inside;

  Here(const Outline& outline, int at)
      : o(outline),
        row(at),
        line(outline.rows[static_cast<std::size_t>(at)]),
        said(line.said()),
        end(outline.end_of(at)),
        next(outline.sibling(at, 1)),
        prev(outline.sibling(at, -1)) {
    const std::vector<int> children = outline.children(at);
    leads = !children.empty() && children.front() == at + 1;
    block = said.ends_with("|");
    for (int i = at; i < end; ++i) {
      inside.insert(i);
      const Outline::Row& one = outline.rows[static_cast<std::size_t>(i)];
      block = block || (!one.code && one.indent < one.text.size());
    }
  }
  bool below_is_code() const {
    return row + 1 < static_cast<int>(o.rows.size()) &&
           o.rows[static_cast<std::size_t>(row + 1)].code;
  }
  const Outline::Row& below() const { return o.rows[static_cast<std::size_t>(row + 1)]; }
};

// The whole block one column to the right or to the left.
void moved_block(const Here& h, const std::string& form, Sink& sink) {
  if (h.block || h.line.indent < 2 || h.prev < 0 || h.end == h.row + 1) return;
  for (const int by : {1, -1}) {
    Words moved;
    for (const std::string& text : rows_of(h.o, h.row, h.end)) {
      moved.push_back(text.empty() ? text : by > 0 ? " " + text : text.substr(1));
    }
    std::set<int> good = h.inside;
    good.insert({h.row - 1, h.next, h.prev});
    sink.replace(form + "block moved by one", h.row, h.end, moved, good);
  }
}

// What git leaves when two people changed one line.
void merge_marks(const Here& h, const std::string& form, Sink& sink) {
  if (h.line.indent > 2 || h.end > h.row + 12 || h.said == "---" || h.said.starts_with("belay"))
    return;
  Words both = {"<<<<<<< HEAD"};
  const Words lines = rows_of(h.o, h.row, h.end);
  both.insert(both.end(), lines.begin(), lines.end());
  both.push_back("=======");
  both.insert(both.end(), lines.begin(), lines.end());
  both.push_back(">>>>>>> other");
  std::set<int> good = h.inside;
  sink.replace(form + "marks of a merge", h.row, h.end, both, good);
}

}  // namespace

void text_slips(const Outline& o, int row, Sink& sink) {
  const Here h(o, row);
  const std::string parent = o.parent_said(row);
  const std::string& line = h.line.text;
  const bool first = h.said.starts_with("belay");
  const bool told = h.said.starts_with("scenario ") || parent.starts_with("scenario ");
  const auto change = [&](const char* kind, const std::string& after) {
    sink.change(std::string("text: ") + kind, row, after, {row + 1, row - 1, h.next});
  };
  moved_block(h, "text: ", sink);
  merge_marks(h, "text: ", sink);
  if (h.leads && matches(h.said, "^(step|wait|ask|do|run)\\b") &&
      !o.rows[static_cast<std::size_t>(row + 1)].text.ends_with("|")) {
    sink.replace("text: head and first line swapped", row, row + 2, {h.below().text, line},
                 {row - 1, row + 2, h.line.parent, h.next});
    sink.last().anywhere = true;
  }
  if (h.leads &&
      matches(h.said,
              "^(step|wait|ask|do|undo with|for each|together|try|repeat until|takes)\\b")) {
    sink.replace("text: head twice", row, row + 1, {line, line}, {h.line.parent});
  }
  if (h.below_is_code() && !first && !line.ends_with("|") && !h.below().text.ends_with("|") &&
      !matches(h.said, "#") && !matches(h.below().said(), "#|^belay")) {
    sink.replace("text: lines joined", row, row + 2, {line + " " + h.below().said()},
                 {row + 2, h.next, h.line.parent});
    sink.last().anywhere = true;  // what the second line declared
  }
  std::string head;
  const std::size_t space = group(line, "^ *(?:[a-z]+ )*[a-z]+( )[a-z_.\"]+", head);
  if (space != std::string::npos && !line.ends_with("|") && !first &&
      matches(h.said, "^(do|step|wait|undo with|retry|for|call|event|action|type) ")) {
    const std::size_t cut = h.line.indent + h.said.find(' ');
    sink.replace("text: line broken in two", row, row + 1,
                 {line.substr(0, cut), at_column(h.line.indent, line.substr(cut + 1))},
                 {row + 1, row + 2, h.next, h.line.parent});
    sink.last().anywhere = matches(h.said, "^(step|wait|event|action|type) ");
  }
  if (line.find('#') == std::string::npos && !line.ends_with("|") && !first) {
    for (const char* sign : {")", "]", "}", ";", " {"})
      change("stray sign at the end", line + sign);
  }
  if (const std::size_t blank = h.said.find(' '); blank != std::string::npos && !first) {
    std::string wrong = line;
    wrong.replace(h.line.indent + blank, 1, kHardBlank);
    if (!parent.starts_with("call "))
      change("hard blank", wrong);  // the key of a body may hold any sign
    if (h.line.indent >= 2) {
      wrong = line;
      wrong.replace(h.line.indent - 1, 1, kHardBlank);
      change("hard blank", wrong);
    }
  }
  if (told) return;
  std::string word;
  const auto swap = [&](const char* kind, const char* pattern, const Words& with) {
    const std::size_t at = group(line, pattern, word);
    if (at == std::string::npos) return;
    for (const std::string& w : with) {
      std::string wrong = line;
      wrong.replace(at, word.size(), w);
      change(kind, wrong);
    }
  };
  const bool hook = matches(line, "body\\.");  // json: anything may be compared with it
  swap("wrong type in an expression", "^ *(?:or )?when (.*)$",
       {"7", "\"yes\"", "5 minutes", "EUR 5.00", "[true]"});
  swap("wrong type in an expression", "^ *repeat until (.*), at most",
       {"7", "\"done\"", "5 minutes"});
  swap("wrong type in an expression", "^ *finish within (.*)$",
       {"true", "\"soon\"", "EUR 5.00", "now"});
  swap("wrong type in an expression", "^ *pause for (.*)$", {"true", "\"soon\"", "now"});
  if (!hook)
    swap("wrong type in an expression", "^ *when [a-z.]+ is(?: not)? ([a-z0-9.\"]+)$",
         {"5 minutes", "[1]"});
  swap("unknown action", "^ *(?:do|undo with|undone by|checked by) ([a-z_.]+)$",
       {"nobody.there", "nobody"});
  swap("missing else", " \\? [^:]+( : .*)$", {"", " :", " else 1"});
}

void yaml_slips(const Outline& o, int row, Sink& sink) {
  const Here h(o, row);
  const std::string parent = o.parent_said(row);
  const std::string& line = h.line.text;
  if (h.said == "---" || h.said.starts_with("belay")) return;
  const bool item = h.said.starts_with("- ");
  const auto change = [&](const char* kind, const std::string& after) {
    sink.change(std::string("yaml: ") + kind, row, after, {row + 1, row - 1, h.next});
  };
  moved_block(h, "yaml: ", sink);
  merge_marks(h, "yaml: ", sink);
  const bool record = matches(
      parent, "^(- )?(takes|gives|fields|with|data|query|headers|answers|set|collect|given):");
  std::string key;
  const std::size_t at = group(line, "^ *(?:- )*([a-z_]+):(?: |$)", key);
  if (at == std::string::npos || record) return;
  if (h.leads && item && matches(h.said, "^- (step|wait|ask|for_each|repeat_until): ")) {
    sink.replace("yaml: head and first line swapped", row, row + 2, {h.below().text, line},
                 {row - 1, row + 2, h.line.parent, h.next});
    sink.last().anywhere = true;
  }
  if (item && h.leads && matches(h.said, "^- (step|wait|ask|for_each|repeat_until|together): ")) {
    sink.replace("yaml: head twice", row, row + 1, {line, line}, {h.line.parent});
  }
  const bool sound_below = h.below_is_code() && h.below().said() != "---";
  if (sound_below && !line.ends_with("|") && !h.below().text.ends_with("|") &&
      !matches(line, "[#']|\\[$|\\{$")) {
    sink.replace("yaml: lines joined", row, row + 2, {line + " " + h.below().said()},
                 {row + 2, h.next, h.line.parent});
    sink.last().anywhere = true;
  }
  const std::size_t colon = at + key.size();
  const bool valued = colon + 2 < line.size();
  const bool small = valued && (line[colon + 2] == '{' || line[colon + 2] == '[');
  if (valued && !small && !line.ends_with("|") &&
      matches(key,
              "^(do|step|wait|run|retry|version|publish|event|key|within|route|for_each|in)$")) {
    sink.replace("yaml: line broken in two", row, row + 1,
                 {line.substr(0, colon + 1), at_column(h.line.indent, line.substr(colon + 2))},
                 {row + 1, row + 2, h.next, h.line.parent});
    sink.last().anywhere = matches(key, "^(step|wait|event)$");
    for (const char* sign : {")", "]", "}", ";", " {", ","})
      change("stray sign at the end", line + sign);
  } else if (valued && (line.ends_with("}") || line.ends_with("]"))) {
    for (const char* sign : {")", "]", "}", ";", ","}) change("stray sign at the end", line + sign);
  }
  if (valued && !line.ends_with("|")) {
    std::string wrong = line;
    wrong.replace(colon + 1, 1, kHardBlank);
    change("hard blank", wrong);
  }
  if (h.line.indent >= 2 && h.prev >= 0) {
    std::string wrong = line;
    wrong.replace(h.line.indent - 1, 1, kHardBlank);
    change("hard blank", wrong);
  }
  std::string capital = line;
  capital[at] = static_cast<char>(capital[at] - 'a' + 'A');
  change("capital key", capital);
  std::string word;
  const auto swap = [&](const char* kind, const char* pattern, const Words& with) {
    const std::size_t place = group(line, pattern, word);
    if (place == std::string::npos) return;
    for (const std::string& w : with) {
      std::string wrong = line;
      wrong.replace(place, word.size(), w);
      change(kind, wrong);
    }
  };
  swap("wrong type in an expression", "^ *- when: (.*)$",
       {"7", "'\"yes\"'", "5 minutes", "EUR 5.00"});
  swap("wrong type in an expression", "^ *- repeat_until: (.*)$", {"7", "'\"done\"'", "5 minutes"});
  swap("wrong type in an expression", "^ *finish_within: (.*)$",
       {"'true'", "'\"soon\"'", "EUR 5.00", "now"});
  swap("unknown action", "(?:do|undone_by|checked_by): ([a-z_]+\\.[a-z_]+)",
       {"nobody.there", "nobody"});
  swap("missing else", " \\? [^:]+( : .*?)['}]", {"", " else 1"});
  // A step before the one that it reads.
  if (item && h.next >= 0 && h.said.starts_with("- step: ") &&
      o.rows[static_cast<std::size_t>(h.next)].said().starts_with("- step: ")) {
    const std::string name = h.said.substr(8);
    const int after = o.end_of(h.next);
    Words swapped = rows_of(o, h.next, after);
    std::set<int> good;
    for (int i = h.next; i < after; ++i) {
      if (matches(o.rows[static_cast<std::size_t>(i)].text, ("= " + name + "\\.").c_str()))
        good.insert(i);
    }
    const Words own = rows_of(o, row, h.end);
    swapped.insert(swapped.end(), own.begin(), own.end());
    std::set<int> moved;
    for (const int line_of : good) moved.insert(row + line_of - h.next);
    if (!good.empty()) {
      sink.replace("yaml: steps swapped", row, after, swapped, {});
      for (const int one : moved) sink.last().good.insert(static_cast<std::uint32_t>(one + 1));
    }
  }
}

}  // namespace belay::mutations
