// Finds the unit of a print that a note belongs to. Several units may begin with one place (`takes`
// and its first field, `undo:` and its `do:`): in the same form the one of the same name is meant;
// in the other form the same one of as many, else the outermost.
#include "dsl/format/place.h"

namespace belay::dsl::format {
namespace {

// The nearest unit to a place that stands in the print: places that only one form has lean on the
// one before.
std::size_t holding(const Layout& out, std::size_t place) {
  while (place > 0 && out.home[place] == kNone) --place;
  return out.home[place];
}

std::size_t named(const Layout& out, const std::vector<std::size_t>& units, const Note& note,
                  bool same_form) {
  if (!same_form) {
    if (units.size() == note.of && note.nth < units.size()) return units[note.nth];
    if (units.size() < 2 || note.of < 2) return kNone;
    return note.nth == 0 ? units.front() : note.nth + 1 == note.of ? units.back() : kNone;
  }
  if (note.nth < units.size() && out.units[units[note.nth]].head == note.hint)
    return units[note.nth];
  for (const std::size_t unit : units) {
    if (out.units[unit].head == note.hint) return unit;
  }
  return kNone;
}

}  // namespace

std::size_t line_of(const Layout& out, std::size_t unit) {
  while (out.first_of_parent(unit) && !out.units[unit].in_flow && !out.units[unit].item) {
    const Unit& parent = out.units[out.units[unit].parent];
    if (!parent.item && parent.head != "---") break;
    unit = out.units[unit].parent;
  }
  return unit;
}

std::size_t unit_before(const Layout& out, const Note& note, bool same_form) {
  const std::vector<std::size_t> units = out.beginning_with(note.place);
  std::size_t unit = units.empty() ? holding(out, note.place) : named(out, units, note, same_form);
  if (unit == kNone) {
    unit = units.front();
    for (std::size_t i = 1; i < units.size(); ++i) {
      if (out.units[unit].item && !out.units[unit].in_flow) break;  // an item stays in its list
      unit = units[i];
    }
  }
  return line_of(out, unit);
}

std::size_t unit_behind(const Layout& out, const Note& note, bool same_form) {
  const std::vector<std::size_t> units = out.beginning_with(note.place);
  if (units.empty()) return holding(out, note.place);
  const std::size_t meant = named(out, units, note, same_form);
  std::size_t unit = meant != kNone ? meant : note.head ? units.back() : units.front();
  while ((out.units[unit].item || out.units[unit].head == "---") &&
         unit + 1 < out.units[unit].end && !out.units[unit + 1].in_flow &&
         !out.units[unit + 1].item) {
    ++unit;  // a block of entries begins with the first of them
  }
  // On one line with what is around it: the outermost that begins with the place, so that little
  // has to open.
  if (out.units[unit].in_flow && meant == kNone) {
    for (const std::size_t outer : units) {
      if (outer <= unit) unit = outer;
      if (!out.units[unit].in_flow) break;
    }
  }
  return unit;
}

std::size_t unit_after(const Layout& out, const Note& note, bool same_form) {
  const std::size_t from = holding(out, note.place), until = holding(out, note.until);
  if (from == kNone || until == kNone) return kNone;
  const auto holds = [&](std::size_t unit) {
    return unit <= from && from < out.units[unit].end && unit <= until &&
           until < out.units[unit].end;
  };
  std::size_t whole = from;  // the smallest unit that holds both ends
  while (whole != kNone && !holds(whole)) whole = out.units[whole].parent;
  const auto exact = [&](std::size_t unit) {
    return out.units[unit].first == note.place && out.units[unit].last == note.until &&
           !out.units[unit].top;
  };
  // A line that says itself, or by its children, all that the note stood below: `do` for YAML's
  // `with:`.
  const auto says_all = [&](std::size_t unit) {
    return unit != kNone && !out.units[unit].top && out.units[unit].last == note.until &&
           (unit == from ||
            (unit + 1 < out.units[unit].end && out.units[unit + 1].first == note.place));
  };
  std::size_t unit = until;
  if (whole != kNone && exact(whole)) {
    std::vector<std::size_t> units = out.beginning_with(note.place);
    std::erase_if(units, [&](std::size_t one) { return !exact(one); });
    const std::size_t meant = named(out, units, note, same_form);
    unit = whole;
    if (meant != kNone) {
      unit = meant;
    } else if (!same_form && note.nth >= units.size() && says_all(out.units[whole].parent)) {
      unit = out.units[whole].parent;
    }
  } else if (says_all(whole)) {
    unit = whole;
  } else if (until != whole) {
    while (out.units[unit].parent != whole) unit = out.units[unit].parent;
  }
  if (out.units[unit].top) return kNone;
  return unit;
}

}  // namespace belay::dsl::format
