// Ties comments to the nearest node. On a line of its own, a comment belongs to what follows,
// unless it stands deeper than that: then it ends the block in whose column it is. Behind code it
// belongs to that line. In YAML a comment at the left edge right above `---` or right below the
// last line ends its document; below a blank line at the end, the file.
#include "dsl/format/notes.h"

#include <algorithm>
#include <optional>

namespace belay::dsl::format {
namespace {

using Kind = Note::Kind;

class Tie {
 public:
  Tie(const Sources& sources, const File& file, const Layout& layout)
      : sources_(sources), file_(file), in_(layout) {}

  std::vector<Note> run() {
    std::size_t unit = 0;
    for (const Comment& comment : in_.comments) {
      blanks_before_units(unit, comment.at.line);
      this->comment(comment);
    }
    blanks_before_units(unit, 0xFFFFFFFF);
    return std::move(out_);
  }

 private:
  bool blank(std::uint32_t line) const {
    return line >= 1 &&
           sources_.line(file_.source, line).find_first_not_of(" \t\r") == std::string_view::npos;
  }

  // Blank lines right above units that begin before `line`.
  void blanks_before_units(std::size_t& unit, std::uint32_t line) {
    for (; unit < in_.units.size() && in_.units[unit].line <= line; ++unit) {
      const Unit& u = in_.units[unit];
      const bool begins_line = unit == 0 || in_.units[unit - 1].line != u.line;
      if (!begins_line || u.in_flow || !blank(u.line - 1)) continue;
      if (std::optional<Note> note = before(unit)) out_.push_back(*note);
    }
  }

  std::optional<Note> of(Kind kind, std::size_t unit) const {
    while (unit != kNone && in_.units[unit].first == kNone) unit = in_.units[unit].parent;
    if (unit == kNone) return std::nullopt;
    const Unit& u = in_.units[unit];
    std::vector<std::size_t> units = in_.beginning_with(u.first);
    if (kind == Kind::kAfter)
      std::erase_if(units, [&](std::size_t one) { return in_.units[one].last != u.last; });
    const auto nth = std::find(units.begin(), units.end(), unit) - units.begin();
    return Note{kind,        u.first, u.last, false, u.head, "", static_cast<std::size_t>(nth),
                units.size()};
  }
  std::optional<Note> before(std::size_t unit) const { return of(Kind::kBefore, unit); }

  void comment(const Comment& comment) {
    Comment here = comment;
    const std::size_t previous = in_.unit_at({comment.at.line, comment.at.column});
    if (comment.own_line) {  // never deeper than a comment right above it: they keep their order
      if (run_ == previous) here.at.column = std::min(here.at.column, run_column_);
      run_ = previous;
      run_column_ = here.at.column;
    }
    Note note = (comment.own_line ? own_line(here) : behind(here)).value_or(Note{Kind::kEnd});
    if (comment.own_line && blank(comment.at.line - 1)) out_.push_back(note);
    note.text = comment.text;
    out_.push_back(std::move(note));
  }

  // ---- at the end of a line ----

  std::optional<Note> behind(const Comment& comment) const {
    const Position at{comment.at.line, comment.at.column};
    std::size_t unit = in_.unit_at(at);
    if (unit == kNone) return before(0);
    if (in_.form == File::Form::kText && in_.units[unit].line != at.line)
      return continued(unit, at, Kind::kBehind);
    while (unit > 0 && in_.units[unit - 1].line == at.line) --unit;  // the outermost of the line
    if (in_.units[unit].line != at.line) {  // a closing bracket, `---`: above what it belongs to
      const bool marks =
          std::binary_search(in_.document_lines.begin(), in_.document_lines.end(), at.line);
      return before(marks && unit + 1 < in_.units.size() ? unit + 1 : unit);
    }
    std::optional<Note> note = of(Kind::kBehind, unit);
    if (note) note->head = in_.places[note->place].line != at.line;
    return note;
  }

  // In an expression of several lines: at the place of its line.
  std::optional<Note> continued(std::size_t unit, Position at, Kind kind) const {
    std::size_t best = kNone;
    for (std::size_t i = 1; i < in_.places.size(); ++i) {
      if (in_.home[i] != unit || in_.places[i].line < at.line) continue;
      if (best == kNone || Position{in_.places[i].line, in_.places[i].column} <
                               Position{in_.places[best].line, in_.places[best].column}) {
        best = i;
      }
    }
    if (best == kNone) return before(unit);
    return Note{kind, best, best, false, "", ""};
  }

  // ---- on a line of its own ----

  std::optional<Note> own_line(const Comment& comment) const {
    const Position at{comment.at.line, comment.at.column};
    const std::size_t previous = in_.unit_at(at);
    if (in_.form == File::Form::kText && previous != kNone &&
        in_.units[previous].last_line >= at.line) {
      return continued(previous, at, Kind::kBefore);
    }
    const std::size_t next = previous == kNone ? 0 : previous + 1;
    for (const auto& [begin, end] : in_.flows) {
      if (at < begin || end < at) continue;
      const bool more =
          next < in_.units.size() && Position{in_.units[next].line, in_.units[next].column} < end;
      return more ? before(next) : of(Kind::kAfter, previous);
    }
    if (next >= in_.units.size()) return at_the_end(comment, previous);
    const bool next_document = std::any_of(
        in_.document_lines.begin(), in_.document_lines.end(),
        [&](std::uint32_t line) { return line > at.line && line <= in_.units[next].line; });
    if (!next_document && at.column <= in_.units[next].column) return before(next);
    const std::size_t block = block_of(previous, at.column);
    if (block == kNone || (!next_document && in_.units[block].column <= in_.units[next].column))
      return before(next);
    return of(Kind::kAfter, block);
  }

  // The deepest unit around `unit` that begins at or left of `column`, and is no declaration.
  std::size_t block_of(std::size_t unit, std::uint32_t column) const {
    for (; unit != kNone; unit = in_.units[unit].parent) {
      if (!in_.units[unit].top && !in_.units[unit].in_flow && in_.units[unit].column <= column)
        return unit;
    }
    return kNone;
  }

  std::optional<Note> at_the_end(const Comment& comment, std::size_t previous) const {
    const std::size_t block = block_of(previous, comment.at.column);
    if (block == kNone) return std::nullopt;
    if (comment.at.column > 1) return of(Kind::kAfter, block);
    for (std::uint32_t line = comment.at.line - 1; line > in_.units[previous].line; --line) {
      if (blank(line)) return std::nullopt;
    }
    return of(Kind::kAfter, block);
  }

  const Sources& sources_;
  const File& file_;
  const Layout& in_;
  std::vector<Note> out_;
  std::size_t run_ =
      kNone - 1;  // the unit above the last comment on a line of its own, and its column
  std::uint32_t run_column_ = 0;
};

}  // namespace

std::vector<Note> notes_of(const Sources& sources, const File& file, const Layout& layout) {
  return Tie(sources, file, layout).run();
}

std::vector<std::string> lines_of(const std::vector<std::string>& notes, Group how) {
  std::vector<std::string> out;
  for (const std::string& one : notes) {
    if (!one.empty() || out.empty() || !out.back().empty()) out.push_back(one);
  }
  const bool comments =
      std::any_of(out.begin(), out.end(), [](const std::string& one) { return !one.empty(); });
  if (!comments) {
    const bool blank = how.natural || (how.same_form && !how.first && !out.empty());
    return blank ? std::vector<std::string>{""} : std::vector<std::string>{};
  }
  const bool exact = how.same_form && std::find(out.begin(), out.end(), "") != out.end();
  if ((!how.same_form || (how.first && !how.natural)) && out.front().empty())
    out.erase(out.begin());
  if (how.natural && !exact && !out.front().empty()) out.insert(out.begin(), "");
  return out;
}

}  // namespace belay::dsl::format
