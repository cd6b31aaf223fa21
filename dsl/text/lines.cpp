// Lines: comments are cut, tabs and smart quotes reported and replaced, brackets followed over
// deeper lines, block text taken as it is, and indentation turned into a tree. The only words known
// here are the heads: a deeper line that begins with one does not continue an open bracket, so that
// a forgotten bracket costs its own line and not the block below. Tested in tests/dsl/text_test.cpp
// and tests/golden/diagnostics_read.
#include "dsl/text/lines.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "dsl/limits.h"
#include "dsl/text/heads.h"
#include "dsl/text/lexical.h"
#include "dsl/text/words.h"

namespace belay::dsl::text {

Span Line::span(std::size_t offset, std::size_t length) const {
  const Piece* piece = &pieces.front();
  for (const Piece& p : pieces) {
    if (p.offset > offset) break;
    piece = &p;
  }
  Span at = piece->at;
  at.column += static_cast<std::uint32_t>(offset - piece->offset);
  const std::size_t line_end = std::min(text.find('\n', offset), text.size());
  at.length =
      static_cast<std::uint32_t>(std::min(length, line_end > offset ? line_end - offset : 0));
  return at;
}

Span Line::whole() const { return span(0, text.size()); }

namespace {

struct SmartQuote {
  std::string_view bytes;
  char straight;
};
constexpr SmartQuote kSmartQuotes[] = {
    {"“", '"'}, {"”", '"'}, {"„", '"'}, {"‘", '\''}, {"’", '\''}};

class Reader {
 public:
  Reader(const Sources& sources, std::uint32_t source, Diagnostics& diagnostics,
         std::vector<Comment>* comments, bool mend)
      : sources_(sources),
        source_(source),
        diagnostics_(diagnostics),
        comments_(comments),
        mend_(mend) {}

  std::vector<Line> run() {
    const auto count = static_cast<std::uint32_t>(sources_.file(source_).line_starts.size());
    const std::size_t errors_before = diagnostics_.errors();
    for (number_ = 1; number_ <= count; ++number_) {
      if (flat_.size() >= limits::nodes_per_file_max) {
        diagnostics_.add("BEL1005", {source_, number_, 1, 0},
                         "more than " + std::to_string(limits::nodes_per_file_max) +
                             " lines, the rest of the file was not read");
        break;
      }
      if (diagnostics_.errors() - errors_before >= kProblemsPerFile) {
        diagnostics_.add("BEL1006", {source_, number_, 1, 0},
                         "too many problems in this file, the rest of it was not read");
        break;
      }
      read_logical();
    }
    say_tabs();
    std::size_t at = 0;
    return build(at, 0);
  }

 private:
  struct Flat {
    Line line;
    std::size_t level;
    std::size_t left = 0;  // the nearest column that this line left; 0: none
  };

  // ---- one physical line ----

  std::string_view raw() const {
    std::string_view line = sources_.line(source_, number_);
    return line;
  }
  static std::size_t indent_of(std::string_view line) {
    std::size_t i = number_of_bom(line);
    while (i < line.size() && (line[i] == ' ' || line[i] == '\t')) ++i;
    return i;
  }
  static std::size_t number_of_bom(std::string_view line) {
    return line.substr(0, 3) == "\xEF\xBB\xBF" ? 3 : 0;
  }
  // Columns of indentation: a tab counts as two, so that a file indented by tabs keeps its blocks.
  static std::size_t column_of(std::string_view line) {
    std::size_t column = 0;
    const std::size_t indent = indent_of(line);
    for (std::size_t i = number_of_bom(line); i < indent; ++i) column += line[i] == '\t' ? 2 : 1;
    return column;
  }
  static bool blank(std::string_view line) {
    const std::size_t i = indent_of(line);
    return i == line.size() || line[i] == '#';
  }
  Span at(std::size_t offset, std::size_t length) const {
    return {source_, number_, static_cast<std::uint32_t>(offset + 1),
            static_cast<std::uint32_t>(length)};
  }

  void comment(std::uint32_t number, std::size_t offset, bool own_line) {
    if (comments_ == nullptr) return;
    std::string_view text = sources_.line(source_, number).substr(offset);
    text = text.substr(0, text.find_last_not_of(" \t\r") + 1);
    comments_->push_back({std::string(text),
                          {source_, number, static_cast<std::uint32_t>(offset + 1),
                           static_cast<std::uint32_t>(text.size())},
                          own_line});
  }
  // A line without code: blank, or a comment on its own.
  void no_code(std::uint32_t number) {
    const std::string_view line = sources_.line(source_, number);
    if (indent_of(line) < line.size()) comment(number, indent_of(line), true);
  }

  void tab(std::size_t offset) {
    if (tabs_++ == 0) first_tab_ = at(offset, 1);
  }
  void say_tabs() {
    if (tabs_ == 0) return;
    Diagnostic& d = diagnostics_.add(
        "BEL1020", first_tab_, "a tab: blocks are told by columns, and tabs have no agreed width");
    if (tabs_ > 1)
      d.notes.push_back({{}, false, std::to_string(tabs_) + " lines of this file have tabs"});
    d.help = "use spaces, two for each level";
  }

  // Appends the line's code to `line`: comment cut, smart quotes straightened, brackets followed.
  void scan(std::string_view source, Line& line) {
    std::size_t i = indent_of(source);
    if (source.substr(0, i).find('\t') != std::string_view::npos) tab(source.find('\t'));
    line.pieces.push_back({line.text.size(), at(i, 0)});
    bool tab_seen = false;
    while (i < source.size()) {
      const char c = source[i];
      if (c == '#') {
        comment(number_, i, false);
        break;
      }
      if (c == '"' || c == '\'') {
        const std::size_t end = string_end(source, i);
        if (end == std::string_view::npos) {
          open_string(source, i, line);
          line.text += source.substr(i);
          line.broken = true;
          i = source.size();
          break;
        }
        line.text += source.substr(i, end - i);
        i = end;
      } else if (c == '\t') {
        if (!tab_seen) tab(i);
        tab_seen = true;
        line.text += ' ';
        ++i;
      } else if (static_cast<unsigned char>(c) >= 0x80) {
        i = smart_quote(source, i, line);
      } else {
        bracket(c, i, line);
        line.text += c;
        ++i;
      }
    }
    while (!line.text.empty() && (line.text.back() == ' ')) line.text.pop_back();
  }

  void open_string(std::string_view source, std::size_t i, Line& line) {
    if (line.broken) return;
    diagnostics_
        .add("BEL1025", at(i, source.size() - i),
             "the string that begins here does not end on its line")
        .help = "close it with `" + std::string(1, source[i]) + "`";
  }

  std::size_t smart_quote(std::string_view source, std::size_t i, Line& line) {
    for (const SmartQuote& smart : kSmartQuotes) {
      if (source.substr(i, smart.bytes.size()) != smart.bytes) continue;
      diagnostics_
          .add("BEL1021", at(i, smart.bytes.size()),
               "`" + std::string(smart.bytes) + "` is a word processor's quote")
          .help = "use the straight quote `" + std::string(1, smart.straight) + "`";
      // Straighten to the end of the string it opens, so that the rest of the line reads on.
      const std::size_t begin = i + smart.bytes.size();
      std::size_t end = source.size(), after = source.size();
      for (const SmartQuote& other : kSmartQuotes) {
        const std::size_t found = source.find(other.bytes, begin);
        if (other.straight == smart.straight && found < end) {
          end = found;
          after = found + other.bytes.size();
        }
      }
      const std::size_t straight = source.find(smart.straight, begin);
      if (straight < end) {
        end = straight;
        after = straight + 1;
      }
      line.text += quote(source.substr(begin, end - begin));
      line.pieces.push_back({line.text.size(), at(after, 0)});
      line.broken = line.broken || end == source.size();
      return after;
    }
    line.text += source[i];
    return i + 1;
  }

  void bracket(char c, std::size_t i, Line& line) {
    if (c == '(' || c == '[' || c == '{') {
      open_.push_back({c, at(i, 1)});
      if (open_.size() == limits::expression_depth_max + 1 && !line.broken) {
        diagnostics_.add("BEL1004", at(i, 1),
                         "brackets are nested more than " +
                             std::to_string(limits::expression_depth_max) + " deep");
        line.broken = true;
      }
    } else if (c == ')' || c == ']' || c == '}') {
      const char wanted = c == ')' ? '(' : c == ']' ? '[' : '{';
      if (!open_.empty() && open_.back().c == wanted) {
        open_.pop_back();
      } else if (!line.broken) {
        Diagnostic& d =
            diagnostics_.add("BEL1026", at(i, 1),
                             "`" + std::string(1, c) + "` closes a bracket that was never opened");
        if (!open_.empty())
          d.notes.push_back(
              {open_.back().at, true, "open is `" + std::string(1, open_.back().c) + "`"});
        line.broken = true;
      }
    }
  }

  // ---- one logical line ----

  void read_logical() {
    const std::string_view first = raw();
    if (blank(first)) {
      no_code(number_);
      return;
    }
    const std::size_t level = level_of(first);
    Line line;
    open_.clear();
    if (!short_enough(first, line)) {
      line.pieces.push_back({0, at(indent_of(first), 0)});
      push(std::move(line), level);
      return;
    }
    scan(first, line);
    const std::size_t column = column_of(first);
    const auto count = static_cast<std::uint32_t>(sources_.file(source_).line_starts.size());
    while (!open_.empty() && number_ < count) {
      std::uint32_t next = number_ + 1;
      while (next <= count && blank(sources_.line(source_, next))) ++next;
      if (next > count) break;
      const std::string_view more = sources_.line(source_, next);
      const char head = more[indent_of(more)];
      const bool closes = column_of(more) == column && (head == ')' || head == ']' || head == '}');
      if (column_of(more) <= column && !closes) break;
      if (!closes && match_head(more.substr(indent_of(more)), ~0u).here != nullptr)
        break;  // the bracket was forgotten: keep the children
      for (++number_; number_ < next; ++number_) no_code(number_);
      if (!short_enough(more, line)) break;
      line.text += '\n';
      scan(more, line);
    }
    if (!open_.empty() && !line.broken) {
      diagnostics_
          .add("BEL1024", open_.back().at,
               "`" + std::string(1, open_.back().c) + "` is opened here and never closed")
          .notes.push_back({{}, false, "a line goes on only inside brackets, on deeper lines"});
      line.broken = true;
    }
    take_block(line, column);
    if (line.text.size() > 1 && line.text.back() == ':') {
      diagnostics_.add("BEL1022", line.span(line.text.size() - 1, 1), "the line ends with a colon")
          .help = "leave it out: a block begins by indenting";
      line.text.pop_back();
    }
    push(std::move(line), level);
  }

  bool short_enough(std::string_view source, Line& line) {
    if (source.size() <= limits::line_bytes_max) return true;
    diagnostics_.add("BEL1003", at(indent_of(source), 1),
                     "the line has " + std::to_string(source.size()) + " bytes, at most " +
                         std::to_string(limits::line_bytes_max) + " are read");
    line.broken = true;
    return false;
  }

  void take_block(Line& line, std::size_t column) {
    if (line.text.size() < 2 || line.text.substr(line.text.size() - 2) != " |") return;
    line.text.resize(line.text.size() - 2);
    while (!line.text.empty() && line.text.back() == ' ') line.text.pop_back();
    const auto count = static_cast<std::uint32_t>(sources_.file(source_).line_starts.size());
    std::string block;
    while (number_ < count) {
      const std::string_view more = sources_.line(source_, number_ + 1);
      const bool empty = more.find_first_not_of(" \t") == std::string_view::npos;
      if (!empty && column_of(more) <= column) break;
      const std::size_t first = line.block_span.line > 1 ? line.block_span.column - 1 : 0;
      if (!empty && !block.empty() && column_of(more) < first &&
          match_head(more.substr(indent_of(more)), ~0u).here != nullptr) {
        break;  // shallower than the text, and begins like a clause: it is one, badly indented
      }
      ++number_;
      if (block.empty() && !empty)
        line.block_span = at(indent_of(more), more.size() - indent_of(more));
      block += more;
      block += '\n';
    }
    line.block = dedent(block);
  }

  // ---- the tree ----

  std::size_t level_of(std::string_view source) {
    const std::size_t column = column_of(source);
    bool dedented = false;
    std::size_t inner = 0;  // the nearest column right of this line
    while (!columns_.empty() && column < columns_.back()) {
      inner = columns_.back();
      columns_.pop_back();
      dedented = true;
    }
    if (column == 0) said_.clear();  // another declaration, other mistakes
    left_ = inner;
    if (!columns_.empty() && column == columns_.back()) return columns_.size() - 1;
    if (dedented) {
      if (changed_places(source.substr(indent_of(source)), column)) {
        columns_.push_back(column);
        return columns_.size() - 1;
      }
      if (slipped(column)) return columns_.size() - 1;
      const std::size_t outer = columns_.empty() ? 0 : columns_.back();
      moved_ = true;
      const bool said = !said_.insert({outer, column}).second;  // one mistake moves many lines
      Diagnostic& d = said ? diagnostics_.untold()
                           : diagnostics_.add("BEL1023", at(indent_of(source), 1),
                                              "this line does not line up with any line above");
      if (columns_.empty() || !outer_meant(source, column, inner)) {
        // Where more lines stand in this column, or the next one belongs under this one, the lines
        // above stand wrong (their head may be gone): the block goes on from here.
        columns_.push_back(stands_again(column, outer) || leads(source, inner) ? column : inner);
      }
      d.help = "begin it in column " + std::to_string(columns_.back() + 1) +
               ", or line it up with the block it belongs to";
      return columns_.size() - 1;
    }
    const bool allows =
        match_head(source.substr(indent_of(source)), kUnderStatement).here != nullptr;
    if (!columns_.empty() && !allows && childless() && slipped(column)) return columns_.size() - 1;
    if (!columns_.empty() && column == columns_.back() + 1 && unit_ > 1 && childless()) {
      if (said_.insert({columns_.back(), column}).second) {
        diagnostics_
            .add("BEL1023", at(indent_of(source), 1),
                 "this line does not line up with the line above")
            .help = "begin it in column " + std::to_string(columns_.back() + 1);
      }
      return columns_.size() - 1;
    }
    if (unit_ == 0 && !columns_.empty()) unit_ = column - columns_.back();
    columns_.push_back(column);
    return columns_.size() - 1;
  }

  // The last line of the innermost open block left the column in which this line stands: it is that
  // one that slipped to the left. Puts it back, with what is under it.
  bool slipped(std::size_t column) {
    if (columns_.empty()) return false;
    for (std::size_t i = flat_.size(); i-- > 0;) {
      if (flat_[i].level + 1 > columns_.size()) continue;
      if (flat_[i].level + 1 < columns_.size() || flat_[i].line.pieces.empty()) return false;
      if (goes_on(i) || (flat_[i].level == 0 && belongs(flat_[i].line.text, {}))) return false;
      if (mend_ && swaps_with(i, column)) return false;
      // Or it should have been the first line under the one before it.
      const bool first = flat_[i].left == 0 && i > 0 && flat_[i - 1].level == flat_[i].level &&
                         belongs(flat_[i].line.text, flat_[i - 1].line.text) &&
                         !belongs(flat_[i].line.text, owner_of(flat_[i].level));
      if (flat_[i].left != column && !first) return false;
      Span where = flat_[i].line.pieces.front().at;
      where.length = 1;
      diagnostics_.add("BEL1023", where, "this line stands left of the lines that it belongs to")
          .help = "begin it in column " + std::to_string(column + 1);
      for (std::size_t k = i; k < flat_.size(); ++k) ++flat_[k].level;
      flat_[i].left = 0;
      columns_.push_back(column);
      return true;
    }
    return false;
  }

  // A line between two columns: whether it belongs to the left one. The block that knows its head
  // takes it; else the one at which the next line stands.
  bool outer_meant(std::string_view source, std::size_t column, std::size_t inner) const {
    const std::string_view text = source.substr(indent_of(source));
    const std::string_view right = owner_of(columns_.size());
    const bool in_outer = belongs(text, owner_of(columns_.size() - 1)),
               in_inner = belongs(text, right);
    if (in_outer != in_inner) return in_outer;
    const std::string_view below = next_line(~std::size_t{0});
    if (column_of(below) == inner) {  // its own first line, or its neighbour?
      const std::string_view said = below.substr(indent_of(below));
      if (belongs(said, text) && !belongs(said, right)) return true;
    }
    const std::size_t next = column_of(next_line(inner));
    return next == columns_.back() || (next != inner && column - columns_.back() < inner - column);
  }

  // Whether another line of this block stands in `column`: one that comes before any at `outer`.
  bool stands_again(std::size_t column, std::size_t outer) const {
    const auto count = static_cast<std::uint32_t>(sources_.file(source_).line_starts.size());
    for (std::uint32_t next = number_ + 1; next <= count; ++next) {
      const std::string_view line = sources_.line(source_, next);
      if (blank(line)) continue;
      if (column_of(line) == column) return true;
      if (column_of(line) <= outer) return false;
    }
    return false;
  }

  // Whether the next line, in the column `inner` of the lines above, stands under this one.
  bool leads(std::string_view source, std::size_t inner) const {
    const std::string_view below = next_line(~std::size_t{0});
    if (column_of(below) != inner) return false;
    const std::string_view said = below.substr(indent_of(below));
    return belongs(said, source.substr(indent_of(source))) &&
           !belongs(said, owner_of(columns_.size()));
  }

  // Whether the line at `i` goes on with the one before it in its column: `otherwise` behind a
  // `when`.
  bool goes_on(std::size_t i) const {
    const HeadMatch match = match_head(flat_[i].line.text, ~0u);
    if (match.here == nullptr) return false;
    const std::string_view head = match.here->words;
    if (head != "otherwise" && head != "or when" && head != "if") return false;
    for (std::size_t k = i; k-- > 0 && flat_[k].level >= flat_[i].level;) {
      if (flat_[k].level > flat_[i].level) continue;
      const HeadMatch before = match_head(flat_[k].line.text, ~0u);
      if (before.here == nullptr) return false;
      const std::string_view leader = before.here->words;
      if (head == "if") return leader == "try" || leader == "if";
      return leader == "when" || leader == "or when" ||
             (leader == "repeat until" && head == "otherwise");
    }
    return false;
  }

  // The text of the line under which lines of `level` stand now.
  std::string_view owner_of(std::size_t level) const {
    for (std::size_t i = flat_.size(); level > 0 && i-- > 0;) {
      if (flat_[i].level + 1 == level) return flat_[i].line.text;
    }
    return {};
  }

  static unsigned place_under(std::string_view owner) {
    if (owner.empty()) return kFile;
    const HeadMatch match = match_head(owner, ~0u);
    if (match.here == nullptr) return 0;
    static constexpr std::pair<std::string_view, unsigned> kInside[] = {
        {"workflow", kWorkflowBlock}, {"action", kActionBlock},      {"connector", kConnectorBlock},
        {"webhook", kWebhookBlock},   {"step", kStepBlock},          {"wait", kWaitBlock},
        {"when", kStatements},        {"or when", kStatements},      {"otherwise", kStatements},
        {"together", kTogetherBlock}, {"branch", kStatements},       {"undo with", kUndoBlock},
        {"event", kEventBlock},       {"call", kCallBlock},          {"ask", kAskBlock},
        {"for each", kForEachBlock},  {"repeat until", kStatements}, {"try", kStatements},
        {"within", kStatements}};
    for (const auto& [words, place] : kInside) {
      if (match.here->words == words) return place;
    }
    return 0;
  }

  static bool belongs(std::string_view text, std::string_view owner) {
    const unsigned place = place_under(owner);
    return place != 0 && match_head(text, place).here != nullptr;
  }

  // The next line of code that stands at column `most` or before it.
  std::string_view next_line(std::size_t most) const {
    const auto count = static_cast<std::uint32_t>(sources_.file(source_).line_starts.size());
    for (std::uint32_t next = number_ + 1; next <= count; ++next) {
      const std::string_view line = sources_.line(source_, next);
      if (!blank(line) && column_of(line) <= most) return line;
    }
    return {};
  }

  // Whether the line read last can have no lines under it: an argument, a field, a clause in one
  // line.
  bool childless() const {
    if (flat_.empty()) return false;
    const std::string& last = flat_.back().line.text;
    const std::size_t level = flat_.back().level;
    std::string_view owner;
    for (std::size_t i = flat_.size(); i-- > 0 && level > 0;) {
      if (flat_[i].level + 1 != level) continue;
      owner = flat_[i].line.text;
      break;
    }
    for (const std::string_view fields : {"takes", "gives", "type ", "event ", "connector "}) {
      if (owner.starts_with(fields) && !last.starts_with("from version")) return true;
    }
    if (owner.starts_with("scenario "))
      return !last.ends_with(" with") && !last.ends_with(" gives");
    std::size_t name = 0;
    while (name < last.size() && is_word(last[name])) ++name;
    if (name > 0 && last.find_first_not_of(' ', name) != std::string::npos &&
        last[last.find_first_not_of(' ', name)] == '=') {
      return true;
    }
    const HeadMatch match = match_head(last, ~0u);
    if (match.here == nullptr) return false;
    switch (match.here->rule) {
      case Rule::kRetry:
      case Rule::kBecause:
      case Rule::kSource:
      case Rule::kRepeating:
      case Rule::kOwner:
      case Rule::kTags:
      case Rule::kCanEndIn:
      case Rule::kKeep:
      case Rule::kUndoFails:
      case Rule::kFirstLine:
      case Rule::kPause:
      case Rule::kSet:
      case Rule::kPlan:
      case Rule::kVerified: return true;
      case Rule::kExpression:
      case Rule::kNothing: {
        static constexpr std::string_view kLeaves[] = {"reads",
                                                       "reserves",
                                                       "moves money",
                                                       "notifies",
                                                       "records",
                                                       "harmless if nothing was done",
                                                       "may reach private addresses",
                                                       "point of no return",
                                                       "once per",
                                                       "finish within",
                                                       "settles in",
                                                       "each call within",
                                                       "request key",
                                                       "alive every"};
        return std::find(std::begin(kLeaves), std::end(kLeaves), match.here->words) !=
               std::end(kLeaves);
      }
      default: return false;
    }
  }

  void push(Line line, std::size_t level) {
    if (level >= limits::nesting_max) {
      if (!too_deep_said_) {
        diagnostics_.add(
            "BEL1004", line.whole(),
            "blocks are nested more than " + std::to_string(limits::nesting_max) + " deep");
      }
      too_deep_said_ = true;
      return;
    }
    const bool exchange = changed_places(line.text, line.pieces.front().at.column - 1);
    line.moved = std::exchange(moved_, false);
    flat_.push_back({std::move(line), level, left_});
    if (exchange) exchange_last();
  }

  // `do hold` above its `step`, in its own deeper column: whether the line read last and the one
  // that is read now, in `column`, changed places.
  bool changed_places(std::string_view head, std::size_t column) const {
    if (!mend_ || flat_.size() < 2 || flat_.back().line.broken) return false;
    const Flat& first = flat_.back();
    const std::string_view below = next_line(~std::size_t{0});
    if (column_of(below) <= column) return false;  // nothing else stands under it
    if (first.line.pieces.front().at.column - 1 <= column || !under(first.line.text, head))
      return false;
    const Flat& before = flat_[flat_.size() - 2];
    const std::string_view owner = before.line.text;
    // It cannot stand where it does; or what stands under its head now belongs under itself.
    const unsigned place = place_under(owner);
    if (before.level < first.level && place != 0 && place != kEventBlock &&
        !under(first.line.text, owner))
      return true;
    const std::string_view said = below.substr(indent_of(below));
    return under(said, first.line.text) && !under(said, head);
  }

  void exchange_last() {
    Flat& first = flat_[flat_.size() - 2];
    Flat& head = flat_.back();
    Span at = first.line.pieces.front().at;
    at.length = static_cast<std::uint32_t>(
        std::min<std::size_t>(first.line.text.size(), first.line.text.find('\n')));
    diagnostics_.add("BEL1023", at, "this line stands above the line that it belongs under").help =
        "put it one line down";
    std::swap(first.line, head.line);
    first.level = head.level;
    head.level = first.level + 1;
    const std::size_t column =
        head.line.pieces.front().at.column - 1;  // what is open under the head now
    while (!columns_.empty() && columns_.back() >= column) columns_.pop_back();
    columns_.push_back(column);
  }

  // Whether the line after the one at `i` stands deeper and belongs under the one that is read now:
  // the two changed places, and none slipped.
  bool swaps_with(std::size_t i, std::size_t column) const {
    const std::string_view now = raw();
    return i + 1 < flat_.size() && i + 2 == flat_.size() &&
           flat_[i + 1].line.pieces.front().at.column - 1 > column &&
           under(flat_[i + 1].line.text, now.substr(indent_of(now))) &&
           !under(flat_[i + 1].line.text, flat_[i].line.text);
  }

  static bool argument(std::string_view text) {
    std::size_t name = 0;
    while (name < text.size() && is_word(text[name])) ++name;
    const std::size_t sign = text.find_first_not_of(' ', name);
    return name > 0 && sign != std::string_view::npos && text[sign] == '=';
  }
  static bool under(std::string_view text, std::string_view owner) {
    if (!argument(text)) return belongs(text, owner);
    const HeadMatch match = match_head(owner, ~0u);
    return match.here != nullptr &&
           (match.here->rule == Rule::kDo || match.here->words == "undo with");
  }

  std::vector<Line> build(std::size_t& next, std::size_t level) {
    std::vector<Line> siblings;
    while (next < flat_.size() && flat_[next].level >= level) {
      siblings.push_back(std::move(flat_[next].line));
      ++next;
      if (next < flat_.size() && flat_[next].level > level)
        siblings.back().children = build(next, level + 1);
    }
    return siblings;
  }

  struct Open {
    char c;
    Span at;
  };
  const Sources& sources_;
  std::uint32_t source_;
  Diagnostics& diagnostics_;
  std::vector<Comment>* comments_;
  bool mend_;
  std::uint32_t number_ = 1;
  std::vector<Open> open_;
  std::vector<std::size_t> columns_;
  std::vector<Flat> flat_;
  std::size_t left_ = 0;  // see Flat
  bool moved_ = false;    // the line that is read stands in no column of its neighbours: reported
  std::set<std::pair<std::size_t, std::size_t>>
      said_;              // columns that lines stand wrong against: reported
  std::size_t unit_ = 0;  // columns of the first indentation of the file
  std::size_t tabs_ = 0;
  Span first_tab_;
  bool too_deep_said_ = false;
};

}  // namespace

std::vector<Line> read_lines(const Sources& sources, std::uint32_t source, Diagnostics& diagnostics,
                             std::vector<Comment>* comments, bool mend) {
  return Reader(sources, source, diagnostics, comments, mend).run();
}

}  // namespace belay::dsl::text
