// Notes in the text form: lines go in between the printed lines, in the column of the unit they
// belong to. Several comments for the end of one line become lines above it.
#include <algorithm>
#include <map>

#include "dsl/format/place.h"

namespace belay::dsl::format {
namespace {

struct Slot {  // a line of the print
  struct One {
    std::string text;
    bool behind = false;
  };
  std::vector<One> above;                                  // in order, those for its end among them
  std::vector<std::pair<std::size_t, std::string>> below;  // indentation, text
  bool first = false;                                      // the first line of a block
};

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> lines;
  std::size_t from = 0;
  while (from < text.size()) {
    const std::size_t end = std::min(text.find('\n', from), text.size());
    lines.push_back(text.substr(from, end - from));
    from = end + 1;
  }
  return lines;
}

std::uint32_t last_line(const Layout& out, std::size_t unit) {
  std::uint32_t last = 0;
  for (std::size_t i = unit; i < out.units[unit].end; ++i)
    last = std::max(last, out.units[i].last_line);
  return last;
}

// The comment for the end of the line, when it can stay there: alone, and the last of them.
std::string end_of_line(Slot& slot) {
  const auto ends = std::count_if(slot.above.begin(), slot.above.end(),
                                  [](const Slot::One& one) { return one.behind; });
  if (ends != 1 || !slot.above.back().behind) return {};
  std::string out = "  " + slot.above.back().text;
  slot.above.pop_back();
  return out;
}

void write(const std::vector<std::string>& lines, std::size_t indent, std::string& out) {
  for (const std::string& line : lines)
    out += line.empty() ? "\n" : std::string(indent, ' ') + line + "\n";
}

}  // namespace

std::string place_in_text(const std::string& plain, const Layout& out,
                          const std::vector<Note>& notes, bool same_form) {
  std::map<std::uint32_t, Slot> slots;
  std::vector<std::string> end;
  for (const Note& note : notes) {
    const bool behind = note.kind == Note::Kind::kBehind;
    const bool after = note.kind == Note::Kind::kAfter;
    std::size_t unit = kNone;
    if (note.kind != Note::Kind::kEnd) {
      unit = after    ? unit_after(out, note, same_form)
             : behind ? unit_behind(out, note, same_form)
                      : unit_before(out, note, same_form);
    }
    if (unit == kNone) {
      end.push_back(note.text);
    } else if (after) {
      slots[last_line(out, unit)].below.emplace_back(out.units[unit].column - 1, note.text);
    } else {
      std::uint32_t line = out.units[unit].line;
      if (note.hint.empty() && out.home[note.place] == unit)
        line = std::max(line, out.places[note.place].line);
      Slot& slot = slots[line];
      slot.above.push_back({note.text, behind});
      slot.first = out.first_of_parent(unit) && line == out.units[unit].line;
    }
  }
  std::vector<bool> inside;  // lines of a unit: their blanks are no layout
  const std::vector<std::string> lines = split(plain);
  inside.assign(lines.size() + 2, false);
  for (const Unit& unit : out.units) {
    for (std::uint32_t line = unit.line; line <= unit.last_line; ++line) inside[line] = true;
  }
  std::string text;
  bool natural = false;
  for (std::uint32_t number = 1; number <= lines.size(); ++number) {
    const std::string& line = lines[number - 1];
    if (!inside[number]) {
      natural = natural || line.empty();
      continue;
    }
    Slot& slot = slots[number];
    const std::string ending = end_of_line(slot);
    std::vector<std::string> above;
    for (const Slot::One& one : slot.above) above.push_back(one.text);
    write(lines_of(above, {natural, slot.first, same_form}),
          std::min(line.find_first_not_of(' '), line.size()), text);
    natural = false;
    text += line + ending + "\n";
    for (std::size_t i = 0; i < slot.below.size(); ++i) {
      std::vector<std::string> one{slot.below[i].second};
      if (one[0].empty() &&
          (i == 0 || i + 1 == slot.below.size() || slot.below[i - 1].second.empty()))
        continue;
      write(one, slot.below[i].first, text);
    }
  }
  if (!end.empty()) write(lines_of(end, {!same_form, false, same_form}), 0, text);
  return text;
}

}  // namespace belay::dsl::format
