// YAML tells of a missing dash, colon or bracket only where it can go on no further, often many
// lines below, and of a line that slipped by one column perhaps never. When a file has a problem,
// its lines are looked at here as a person would: each is `key: value`, `- item`, part of an open
// bracket or of a block of text, in the column of its neighbours. What breaks that is reported on
// its own line and mended (a column, a dash, a colon, a bracket), and the mended text is read
// instead. A file that YAML and the reader find sound never comes here, so this cannot raise a
// false alarm. Tested by tests/mutations and tests/golden/diagnostics_read.
#include "dsl/yaml/shape.h"

#include <algorithm>
#include <cctype>
#include <set>
#include <utility>

#include "dsl/text/lexical.h"
#include "dsl/yaml/shape_keys.h"
#include "dsl/yaml/shape_text.h"

namespace belay::dsl::yaml {
namespace {

struct Level {
  std::size_t column = 0;
  bool list = false;
  bool statements = false;  // a list of statements
  std::string key;          // map: the last key
  std::set<std::string> keys = {};
  bool open = false;   // map: its last key has no value on its line
  bool begun = false;  // map: one of its keys begins a statement
};

class Mender {
 public:
  Mender(const Sources& sources, std::uint32_t source, Diagnostics& diagnostics)
      : sources_(sources), source_(source), diagnostics_(diagnostics) {
    const auto count = static_cast<std::uint32_t>(sources.file(source).line_starts.size());
    for (std::uint32_t n = 1; n <= count; ++n) lines_.emplace_back(sources.line(source, n));
    if (!lines_.empty() && lines_[0].starts_with("\xEF\xBB\xBF")) lines_[0].erase(0, 3);
    for (const std::string& line : lines_) {
      tabs_ += line.find('\t') < line.find_first_not_of(" \t") ? 1 : 0;
    }
  }

  Shape run() {
    while (at_ < lines_.size()) {
      if (!blank(lines_[at_])) line();
      ++at_;
    }
    for (const std::string& line : lines_) out_.text += line + "\n";
    return std::move(out_);
  }

 private:
  Span at(std::size_t column, std::size_t length) const {
    return {source_, static_cast<std::uint32_t>(at_ + 1), static_cast<std::uint32_t>(column + 1),
            static_cast<std::uint32_t>(length)};
  }
  Diagnostic& problem(std::string_view code, std::size_t column, std::size_t length,
                      std::string message) {
    return diagnostics_.add(code, at(column, length), std::move(message));
  }
  void leave_out() {
    out_.lost.insert(static_cast<std::uint32_t>(at_ + 1));
    lines_[at_].clear();
  }

  // ---- One line ----

  void line() {
    if (document_line()) return;
    tabs();
    std::string& text = lines_[at_];
    std::size_t column = column_of(text);
    if (text.size() > column + 1 && text[column] == '-' &&
        std::isalpha(static_cast<unsigned char>(text[column + 1])) != 0 &&
        key_end(text, column + 1) != kNone) {
      problem("BEL1101", column, 1, "a blank is needed behind the `-` of an item");
      text.insert(column + 1, " ");
    }
    bool item = text.substr(column, 2) == "- " || text.substr(column) == "-";
    if (dashless_ != kNone && (column < dashless_ || (item && column == dashless_)))
      dashless_ = kNone;
    if (shift_from_ != kNone && column > shift_from_) {  // it moved together with the line above
      const std::size_t to = column - shift_from_ + shift_to_;
      const bool open = std::any_of(levels_.begin(), levels_.end(),
                                    [&](const Level& l) { return l.column == column; });
      if (!open && !levels_.empty() && levels_.back().column == to) {
        text = std::string(to, ' ') + text.substr(column);
        column = to;
      }
    } else {
      shift_from_ = kNone;
    }
    if (!item && continues_scalar(text, column)) return;
    if (!item && (value_astray(column) || above_its_item(column))) return;
    item = settle(column, item);
    if (text.empty()) return;
    column = column_of(text);
    std::size_t inner = column;
    while (text.substr(inner, 2) == "- ")
      inner = std::min(text.find_first_not_of(' ', inner + 1), text.size());
    if (item) {
      Level list{.column = column, .list = true};
      if (!levels_.empty() && levels_.back().list && levels_.back().column == column) {
        list.statements = levels_.back().statements;
        levels_.pop_back();
      } else if (!levels_.empty()) {
        list.statements =
            statements_under(levels_.back().key) ||
            (levels_.back().key == "otherwise" && begins_statement(key_of(text, inner)));
      }
      levels_.push_back(list);
    }
    if (inner >= text.size() || text[inner] == '-') return;
    entry(inner, item);
  }

  // `---`, and what was meant for it.
  bool document_line() {
    std::string& text = lines_[at_];
    const std::string_view said =
        std::string_view(text).substr(0, text.find_last_not_of(" \r") + 1);
    if (said == "---" || said.starts_with("--- ") || said == "...") {
      levels_.clear();
      declared_ = false;
      return true;
    }
    const bool dashes = said.size() >= 2 && said.find_first_not_of('-') == kNone;
    if (!dashes) return false;
    problem("BEL1101", 0, said.size(), "a line between two declarations is `---`");
    text = "---";
    levels_.clear();
    declared_ = false;
    return true;
  }

  void tabs() {
    std::string& text = lines_[at_];
    const std::size_t first = text.find_first_not_of(" \t");
    const std::size_t tab = text.find('\t');
    if (tab == kNone || tab >= first) return;
    if (!tab_said_) {
      problem("BEL1020", tab, 1, "a tab: blocks are told by columns, and tabs have no agreed width")
          .help = "use spaces, two for each level";
    }
    tab_said_ = true;
    slipped_ = true;
    std::string spaces;
    for (std::size_t i = 0; i < first; ++i) spaces += text[i] == '\t' ? "  " : " ";
    text = spaces + text.substr(first);
    if (tabs_ > 3 || levels_.empty()) return;  // indented by tabs throughout
    // One line of few: it most likely stands where its neighbours do.
    const bool item = text.substr(spaces.size(), 2) == "- ";
    std::size_t column = levels_.back().column;
    const std::size_t next = next_column(kNone);
    if (item && levels_.back().open && !levels_.back().list &&
        statements_under(levels_.back().key)) {
      column += 2;  // the list that its key waits for
    } else if (text.ends_with(":") && next >= 2) {
      column = next - 2;  // the head of what follows
    } else if (item && next >= 2 &&
               std::any_of(levels_.begin(), levels_.end(),
                           [&](const Level& l) { return l.list && l.column == next - 2; })) {
      column = next - 2;
    } else if (item) {
      const auto list =
          std::find_if(levels_.rbegin(), levels_.rend(), [](const Level& l) { return l.list; });
      if (levels_.back().open)
        column += 2;
      else if (list != levels_.rend())
        column = list->column;
    } else if (levels_.back().list || levels_.back().open) {
      column = levels_.back().open && next > column ? next : column + 2;
    } else if (next < column && is_known(word_at(text, spaces.size())) &&
               !is_known(levels_.back().key)) {
      column = next;  // behind the last argument, a clause like the next line
    }
    text = std::string(column, ' ') + text.substr(spaces.size());
  }

  // A deeper line behind a plain value that is no entry of its own: YAML joins the two.
  bool continues_scalar(const std::string& text, std::size_t column) const {
    if (levels_.empty() || levels_.back().open || levels_.back().list) return false;
    if (column <= levels_.back().column) return false;
    const std::string word = word_at(text, column);
    return key_end(text, column) == kNone && !is_known(word);
  }

  // The value of the key above, on a line of its own and not deeper than that key.
  bool value_astray(std::size_t column) {
    std::string& text = lines_[at_];
    const bool right_below =
        opened_ != kNone && opened_ + 1 == at_ && !levels_.empty() && levels_.back().open;
    if (!right_below || column > levels_.back().column || key_end(text, column) != kNone)
      return false;
    if (std::isalnum(static_cast<unsigned char>(text[column])) == 0 ||
        is_known(word_at(text, column)))
      return false;
    problem("BEL1023", column, text.size() - column, "this value stands left of its key").help =
        "put it behind `" + levels_.back().key + ":`";
    lines_[opened_] += " " + text.substr(column);
    text.clear();
    levels_.back().open = false;
    opened_ = kNone;
    return true;
  }

  // A clause above the item that it belongs to: `do:` above its `- step:`.
  bool above_its_item(std::size_t column) {
    if (levels_.empty() || !levels_.back().open || at_ + 1 >= lines_.size() || column < 2)
      return false;
    if (!statements_under(levels_.back().key) && levels_.back().key != "otherwise") return false;
    const std::string& below = lines_[at_ + 1];
    const std::string key = key_of(lines_[at_], column);
    const bool head = column_of(below) + 2 == column && below.substr(column - 2, 2) == "- " &&
                      begins_statement(key_of(below, column));
    if (!head || !is_known(key) || begins_statement(key)) return false;
    problem("BEL1023", column, lines_[at_].size() - column,
            "this line stands above the line that it belongs under")
        .help = "put it one line down";
    std::swap(lines_[at_], lines_[at_ + 1]);
    line();
    return true;
  }

  // `do: hold with:`, `retry: careful - step: tell`: two lines in one. The second is read on, as
  // the lines below belong to it.
  bool joined(std::size_t from, std::size_t column) {
    std::string& text = lines_[at_];
    if (std::string_view("{[\"'|>=").find(text[from]) == kNone || text[from] == '{' ||
        text[from] == '[') {
      for (std::size_t at = text.find(' ', from); at != kNone; at = text.find(' ', at + 1)) {
        const bool item = text.substr(at + 1, 2) == "- ";
        const std::size_t begin = at + (item ? 3 : 1);
        const std::string key = key_of(text, begin);
        if (key.find(' ') != kNone ||
            !(item ? begins_statement(key) : is_known(key) && text.ends_with(key + ":")))
          continue;
        if (text[from] == '{' && text.find('}', from) > at) continue;  // an entry of a small map
        // The lines below tell in which block it stood.
        const std::size_t next = next_column(kNone);
        std::size_t to = item ? kNone : column;
        for (const Level& l : levels_) {
          if (l.list == item && (to == kNone || l.column + 2 == next)) to = l.column;
        }
        if (to == kNone) return false;
        problem("BEL1101", at + 1, text.size() - at - 1,
                "`" + text.substr(at + 1) + "` stands on a line of its own");
        out_.lost.insert(static_cast<std::uint32_t>(at_ + 1));
        text = std::string(to, ' ') + text.substr(at + 1);
        line();
        return true;
      }
    }
    return false;
  }

  // Puts the line into a column of its neighbours. Returns whether it is an item (a dash may have
  // been added).
  bool settle(std::size_t column, bool item) {
    std::string& text = lines_[at_];
    std::size_t right = kNone;  // the nearest column right of this line
    const std::vector<Level> before = levels_;
    while (!levels_.empty() && column < levels_.back().column) {
      right = levels_.back().column;
      popped_ = levels_.back();
      levels_.pop_back();
    }
    if (!levels_.empty() && column > levels_.back().column && !levels_.back().list &&
        !levels_.back().open && ((last_left_ == column && last_twice_) || last_first_) &&
        key_end(text, column) != kNone) {
      // It was the line before that slipped, out of the column of this one.
      const std::size_t here = std::exchange(at_, last_);
      problem("BEL1023", column_of(lines_[last_]), 1,
              "this line stands left of the lines that it belongs to")
          .help = "begin it in column " + std::to_string(column + 1);
      lines_[last_] = std::string(column, ' ') + lines_[last_].substr(column_of(lines_[last_]));
      levels_ = last_levels_;
      if (std::exchange(last_first_, false)) levels_.push_back({.column = column});
      levels_.back().key = key_of(lines_[last_], column);
      at_ = here;
      last_left_ = kNone;
      return item;
    }
    last_left_ = right;
    last_ = at_;
    last_first_ = !item && !before.empty() && before.back().open &&
                  before.back().column == column && !before.back().list;
    if (right != kNone || last_first_) last_levels_ = before;
    const auto move = [&](std::size_t to) {
      const bool goes_on = moved_ != kNone && moved_ + 1 == at_;  // one mistake moves many lines
      moved_ = at_;
      if (!std::exchange(slipped_, false) && !goes_on) {
        problem("BEL1023", column, 1, "this line does not line up with the lines around it").help =
            "begin it in column " + std::to_string(to + 1);
      }
      text = std::string(to, ' ') + text.substr(column);
      shift_from_ = column;
      shift_to_ = to;
      return to;
    };
    if (right != kNone && (levels_.empty() || levels_.back().column != column)) {
      const std::size_t left = levels_.empty() ? 0 : levels_.back().column;
      const std::size_t next = next_column(right);
      const bool fits_right = popped_.list == item,
                 fits_left = !levels_.empty() && levels_.back().list == item;
      if (fits_right && (!fits_left || (next != left && next == right) ||
                         (next != left && right - column <= column - left))) {
        levels_.push_back(popped_);
        column = move(right);
      } else if (!levels_.empty()) {
        column = move(left);
      }
    } else if (!levels_.empty() && column > levels_.back().column) {
      Level& top = levels_.back();
      const bool deeper = top.list ? false : top.open;
      if (!deeper && (item || key_end(text, column) != kNone)) {
        column = move(top.list && !item ? top.column + 2 : top.column);
      }
    } else if (levels_.empty() && column > 0 && !item) {
      column = move(0);
    }
    slipped_ = false;
    if (levels_.empty()) return item;
    if (item && !levels_.back().list && levels_.back().column == column && !levels_.back().open &&
        levels_.size() > 1 && levels_[levels_.size() - 2].list) {
      const std::string key = key_of(text, column + 2);
      if (levels_[levels_.size() - 2].statements && is_known(key) && !begins_statement(key) &&
          !is_act(key)) {
        problem("BEL1101", column, 1,
                "`" + key + "` is a key of the statement above, not an item of its own")
            .help = "leave the `-` out";
        text.erase(column, 2);
        return false;
      }
      // An item in the column of another item's keys: it belongs to the list.
      levels_.pop_back();
      move(levels_.back().column);
      return true;
    }
    return item || dash_missing(column);
  }

  // A statement that begins without its `- `.
  bool dash_missing(std::size_t column) {
    std::string& text = lines_[at_];
    const std::string key = key_of(text, column);
    if (key.empty()) return false;
    Level& top = levels_.back();
    const auto add = [&](std::size_t to) {
      // A whole list without its dashes is one mistake.
      if (std::exchange(dashless_, to) != to) {
        problem("BEL1101", column, key.size(), "an item of a list begins with `- `").help =
            "write `- " + key + ": …`";
      }
      text = std::string(to, ' ') + "- " + text.substr(column);
      return true;
    };
    if (top.list) {
      if (levels_.size() > 1 && levels_[levels_.size() - 2].column == column) {
        levels_.pop_back();  // the list ended: its items stand in the column of their key
        return false;
      }
      if (top.statements && !begins_statement(key) && popped_.column > column && !popped_.list) {
        // A clause that slipped out of its item.
        problem("BEL1023", column, 1, "this line stands left of the lines that it belongs to")
            .help = "begin it in column " + std::to_string(popped_.column + 1);
        text = std::string(popped_.column, ' ') + text.substr(column);
        levels_.push_back(popped_);
        return false;
      }
      return top.statements ? add(column) : false;
    }
    if (!begins_statement(key)) return false;
    if (column > top.column && top.open && (statements_under(top.key) || top.key == "otherwise")) {
      return add(column >= top.column + 4 ? column - 2 : column);
    }
    const bool in_item = levels_.size() > 1 && levels_[levels_.size() - 2].statements;
    if (column == top.column && in_item && top.begun) {
      levels_.pop_back();
      return add(levels_.back().column);
    }
    return false;
  }

  // The column of the next line that stands at `most` or before it.
  std::size_t next_column(std::size_t most) const {
    for (std::size_t i = at_ + 1; i < lines_.size(); ++i) {
      if (!blank(lines_[i]) && column_of(lines_[i]) <= most) return column_of(lines_[i]);
    }
    return 0;
  }

  // ---- Keys ----

  // The lists of a scenario hold sentences.
  bool statements_under(std::string_view key) const {
    return holds_statements(key) && !(declared_ && declaration_.starts_with("scenario:"));
  }
  // `key: value` at `column`; the colon is added where it was forgotten.
  void entry(std::size_t column, bool item) {
    std::string& text = lines_[at_];
    std::size_t colon = key_end(text, column);
    const std::string word = word_at(text, column);
    const std::size_t behind = column + word.size();
    const bool scalar_item = item && !levels_.back().statements;
    if (is_known(word) && !scalar_item && behind < text.size() && text[behind] == ':' &&
        behind + 1 < text.size() && text[behind + 1] != ' ') {
      problem("BEL1101", behind, 1, "a blank is needed behind `" + word + ":`");
      text.insert(behind + 1, " ");
      colon = behind;
    } else if (is_known(word) && !scalar_item && colon != behind &&
               (behind == text.size() || text[behind] == ' ') && colon == kNone) {
      problem("BEL1101", column, word.size(), "a colon is needed behind `" + word + "`");
      text.insert(behind, ":");
      colon = behind;
    }
    if (colon == kNone) {
      if (item) {
        value(column, levels_.back().column);
        return;
      }
      const bool flow = std::string_view("{[\"'|>").find(text[column]) != kNone;
      const bool child = !levels_.empty() && levels_.back().open &&
                         column > levels_.back().column &&
                         next_column(column) <= levels_.back().column;
      if (flow || child) {
        value(column, levels_.empty() ? 0 : levels_.back().column);
        if (child) levels_.back().open = false;
        return;
      }
      problem("BEL1101", column, std::max<std::size_t>(1, text.size() - column),
              "this line is no `key: value`");
      leave_out();
      return;
    }
    const std::string key = text.substr(column, colon - column);
    if (column == 0 && declares(key)) {
      if (declared_ && text == declaration_) {
        problem("BEL1102", 0, key.size(), "the key `" + key + "` is here twice").help =
            "keep one of the two";
        leave_out();
        return;
      }
      if (declared_ && key == "workflow" && declaration_.starts_with("scenario:")) {
        problem("BEL1105", 0, key.size(), "`workflow` is no key of a `scenario`").help =
            "say `for`: it names the workflow that the scenario runs";
        text.replace(0, key.size() + 1, "for:     ");  // what follows stays in its column
        entry(column, item);
        return;
      }
      // Right below a key without a value it belongs to that one, and is not indented.
      if (declared_ && !levels_.empty() && levels_.back().open && !levels_.back().list &&
          levels_.back().column == 0 && opened_ + 1 == at_) {
        levels_.back().key = key;
        levels_.back().open = false;
        return;
      }
      if (declared_) {
        problem("BEL1110", 0, key.size(), "a second declaration in one document").help =
            "put a line `---` before `" + key + "`";
        out_.parts.insert(static_cast<std::uint32_t>(at_ + 1));
        levels_.clear();
      }
      declared_ = true;
      declaration_ = text;
    }
    if (levels_.empty() || levels_.back().column < column || levels_.back().list) {
      levels_.push_back({.column = column});
    }
    Level& top = levels_.back();
    static const std::vector<std::string_view> kInner = {"route",     "query", "headers",
                                                         "connector", "check", "then"};
    last_twice_ = !top.keys.insert(key).second || (column == 0 && is_one_of(key, kInner));
    top.key = key;
    top.begun = top.begun || begins_statement(key);
    const std::size_t from = text.find_first_not_of(' ', colon + 1);
    top.open = from == kNone || text[from] == '#';
    if (top.open) opened_ = at_;
    if (top.open) return;
    if (begins_below(from)) return lose_below(from, column);
    if (joined(from, column)) return;
    // A value where a list or map begins on the next line: that one is what was meant.
    const bool list = key == "steps" && statements_under(key);
    if ((list ? text[from] != '[' && text[from] != '|' : value_below(from)) &&
        at_ + 1 < lines_.size() && next_column(kNone) > column) {
      problem("BEL1108", from, std::max<std::size_t>(1, text.size() - from),
              list ? "a list is needed here: items that begin with `- `"
                   : "the value of `" + key + "` stands below")
          .help = list ? "leave this out: the list stands below"
                       : "put this on a line of its own, or leave it out";
      text.erase(from);
      top.open = true;
      opened_ = at_;
      return;
    }
    if (text[from] == '|' || text[from] == '>') {
      skip_block(item ? levels_[levels_.size() - 2].column : column);
      return;
    }
    value(from, column);
  }

  // Whether the next line is an entry though this one's key has a plain value.
  bool value_below(std::size_t from) const {
    if (std::string_view("{[\"'|>").find(lines_[at_][from]) != kNone || at_ + 1 >= lines_.size())
      return false;
    const std::string& below = lines_[at_ + 1];
    return !blank(below) && lines_[at_].find(": ", from) != kNone &&
           key_end(below, column_of(below)) != kNone;
  }

  // `steps: - step: hold`, `gives: happened:` above lines that belong to the second: what stands
  // below cannot be put right without a line of its own.
  bool begins_below(std::size_t from) const {
    const std::string& text = lines_[at_];
    if (at_ + 1 >= lines_.size() || blank(lines_[at_ + 1])) return false;
    const bool item = text.substr(from, 2) == "- " && key_end(text, from + 2) != kNone;
    return item || (text.ends_with(":") && key_end(text, from) + 1 == text.size() &&
                    column_of(lines_[at_ + 1]) > column_of(text));
  }
  void lose_below(std::size_t from, std::size_t column) {
    problem("BEL1101", from, lines_[at_].size() - from,
            "`" + lines_[at_].substr(from) + "` stands on a line of its own")
        .help = "put it on the next line, indented";
    stand_in(from);
    const auto deeper = [&](const std::string& line) {
      return blank(line) || column_of(line) > column ||
             (column_of(line) == column && line.substr(column, 2) == "- ");
    };
    while (at_ + 1 < lines_.size() && deeper(lines_[at_ + 1])) lines_[++at_].clear();
  }

  void skip_block(std::size_t column) {
    while (at_ + 1 < lines_.size()) {
      const std::string& next = lines_[at_ + 1];
      const bool empty = next.find_first_not_of(" \t\r") == kNone;
      if (!empty && column_of(next) <= column) break;
      ++at_;
    }
  }

  // ---- Values ----

  void value(std::size_t from, std::size_t column) {
    std::string& text = lines_[at_];
    if (text[from] == '"' || text[from] == '\'') return quoted(from, column);
    if (text[from] == '{' || text[from] == '[') return flow(from, column);
  }

  void quoted(std::size_t from, std::size_t column) {
    std::string& text = lines_[at_];
    std::size_t end = closed(text, from);
    if (end == kNone) {
      const bool block =
          text.size() == from + 2 && (text[from + 1] == '|' || text[from + 1] == '>');
      for (std::size_t line = at_ + 1; !block && goes_on(lines_, line, column); ++line) {
        if (lines_[line].find(text[from]) == kNone) continue;
        at_ = line;
        return;
      }
      problem("BEL1025", from, text.size() - from,
              "the quote that begins here is not closed on its line")
          .help = "close it with `" + std::string(1, text[from]) + "`, or leave it out";
      stand_in(from);
      if (block) {
        const std::size_t first = at_;
        skip_block(column);
        for (std::size_t line = first + 1; line <= at_; ++line) lines_[line].clear();
      }
      return;
    }
    const std::size_t more = text.find_first_not_of(' ', end + 1);
    if (more == kNone || (text[more] == '#' && more > end + 1)) return;
    Diagnostic& d =
        problem("BEL1106", from, text.size() - from, "YAML ends this value at the second quote");
    d.help = "quote the whole of it: `'" + text.substr(from) + "'`";
    stand_in(from);
  }

  void stand_in(std::size_t from) {
    out_.lost.insert(static_cast<std::uint32_t>(at_ + 1));
    lines_[at_] = lines_[at_].substr(0, from) + std::string(kStandIn);
  }

  void flow(std::size_t from, std::size_t column) {
    struct Open {
      char c;
      std::size_t line, column;
    };
    std::vector<Open> open;
    const std::size_t first = at_;
    for (std::size_t line = at_;
         line == first || goes_on(lines_, line, column) || closes(lines_, line, column); ++line) {
      const std::string& text = lines_[line];
      bool token = true;  // a quote may begin here
      for (std::size_t i = line == first ? from : column_of(text); i < text.size(); ++i) {
        const char c = text[i];
        if (token && (c == '"' || c == '\'')) {
          const std::size_t end = closed(text, i);
          if (end == kNone) {
            problem("BEL1025", i, text.size() - i,
                    "the quote that begins here is not closed on its line")
                .help = "close it with `" + std::string(1, c) + "`";
            return give_up(first, from, line, column);
          }
          i = end;
          token = false;
        } else if (c == '{' || c == '[') {
          open.push_back({c, line, i});
          token = true;
        } else if (c == '}' || c == ']') {
          if (open.empty() || open.back().c != (c == '}' ? '{' : '[')) {
            Diagnostic& d =
                problem("BEL1026", i, 1,
                        "`" + std::string(1, c) + "` closes a bracket that was never opened");
            if (!open.empty()) d.help = "open is `" + std::string(1, open.back().c) + "`";
            return give_up(first, from, line, column);
          }
          open.pop_back();
          token = false;
          if (!open.empty()) continue;
          const std::size_t more = text.find_first_not_of(' ', i + 1);
          at_ = line;
          if (more == kNone || text[more] == '#') return;
          const bool bracket = text[more] == '}' || text[more] == ']';
          problem(bracket ? "BEL1026" : "BEL1036", more, 1,
                  bracket ? "`" + text.substr(more, 1) + "` closes a bracket that was never opened"
                          : "`" + text.substr(more) + "` is left over here");
          at_ = first;
          return give_up(first, from, line, column);
        } else if (c == '#' && i > 0 && text[i - 1] == ' ') {
          break;
        } else if (c != ' ') {
          token = c == ',' || (c == ':' && i + 1 < text.size() && text[i + 1] == ' ');
        }
      }
      if (line + 1 >= lines_.size()) break;
    }
    const Open& last = open.back();
    at_ = last.line;
    problem("BEL1024", last.column, 1,
            "`" + std::string(1, last.c) + "` is opened here and never closed")
        .help = std::string("close it with `") + (last.c == '{' ? "}" : "]") + "`";
    at_ = first;
    give_up(first, from, first, column);
  }

  // The value from `from` of line `first` to line `last`, and what goes on below it, is left out.
  void give_up(std::size_t first, std::size_t from, std::size_t last, std::size_t column) {
    at_ = first;
    stand_in(from);
    for (std::size_t line = first + 1;
         line <= last || goes_on(lines_, line, column) || closes(lines_, line, column); ++line) {
      if (line >= lines_.size()) break;
      lines_[line].clear();
      at_ = line;
    }
  }

  const Sources& sources_;
  std::uint32_t source_;
  Diagnostics& diagnostics_;
  std::vector<std::string> lines_;
  std::size_t at_ = 0;
  std::vector<Level> levels_;
  Level popped_;
  // The line before: its number, the column that it left, what was open then, whether its key
  // stands there twice.
  std::size_t last_ = 0, last_left_ = kNone;
  std::vector<Level> last_levels_;
  bool last_twice_ = false,
       last_first_ = false;  // last_first_: it stands beside a key that has no value
  std::size_t shift_from_ = kNone, shift_to_ = 0;  // columns of a line that was moved
  std::size_t tabs_ = 0;                           // lines indented by tabs
  bool declared_ = false, tab_said_ = false;
  std::size_t dashless_ = kNone;  // the column of a list whose item had no dash: reported
  std::size_t opened_ = kNone;    // the last line whose key has no value on it
  std::size_t moved_ = kNone;     // the last line that was put into another column
  bool slipped_ = false;          // the column of this line was reported already, as a tab
  std::string declaration_;       // the line that declares, of this document
  Shape out_;
};

}  // namespace

Shape mend_shape(const Sources& sources, std::uint32_t source, Diagnostics& diagnostics) {
  return Mender(sources, source, diagnostics).run();
}

}  // namespace belay::dsl::yaml
