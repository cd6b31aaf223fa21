// Notes in YAML: they go into what is to be emitted (emit.h), so that small maps open where a
// comment stands inside. The units of the plain print answer one to one to the entries and items
// that were emitted. Several comments for the end of one line become lines above it.
#include <algorithm>
#include <map>

#include "dsl/format/place.h"

namespace belay::dsl::format {
namespace {

using yaml::Out;

struct One {
  std::string text;
  std::size_t behind = kNone;  // the unit whose line it would end
};
struct Slot {
  std::vector<One> notes;  // in order; those for the end of the line become lines above it unless
                           // it is one, and the last
};

class Placer {
 public:
  Placer(yaml::Sheet& sheet, Layout& layout, bool same_form)
      : sheet_(sheet), out_(layout), same_form_(same_form) {
    std::size_t document = 0;
    for (std::size_t unit = 0; unit < out_.units.size(); unit = out_.units[unit].end) {
      if (out_.units[unit].head == "---" && document < sheet_.documents.size())
        bind(unit, sheet_.documents[document++]);
    }
  }

  void put(const Note& note) {
    using Kind = Note::Kind;
    std::size_t unit = kNone;
    if (note.kind == Kind::kAfter) {
      unit = unit_after(out_, note, same_form_);
      if (unit != kNone && out_.units[unit].out != nullptr) return after(unit, note.text);
    } else if (note.kind == Kind::kBefore) {
      unit = unit_before(out_, note, same_form_);
      if (unit != kNone) return slots_[unit].notes.push_back({note.text, kNone});
    } else if (note.kind == Kind::kBehind) {
      unit = unit_behind(out_, note, same_form_);
      if (unit != kNone) return slots_[line_of(out_, unit)].notes.push_back({note.text, unit});
    }
    end_.push_back(note.text);
  }

  void finish() {
    for (auto& [unit, slot] : slots_) {
      const auto ends = std::count_if(slot.notes.begin(), slot.notes.end(),
                                      [](const One& one) { return one.behind != kNone; });
      if (ends == 1 && slot.notes.back().behind != kNone) {
        Out* out = out_.units[slot.notes.back().behind].out;
        (out == nullptr ? sheet_.behind : out->behind) = slot.notes.back().text;
        slot.notes.pop_back();
      }
      std::vector<std::string> texts;
      for (const One& one : slot.notes) texts.push_back(one.text);
      const bool top = out_.units[unit].top;
      std::vector<std::string> lines =
          lines_of(texts, {false, !top && out_.first_of_parent(unit), same_form_});
      (out_.units[unit].out == nullptr ? sheet_.before : out_.units[unit].out->before) =
          std::move(lines);
    }
    if (end_.empty()) return;
    if (!end_.front().empty() && !sheet_.documents.empty()) end_.insert(end_.begin(), "");
    sheet_.at_end = lines_of(end_, {false, false, true});
  }

 private:
  // Units and what was emitted have the same shape.
  void bind(std::size_t unit, Out& out) {
    out_.units[unit].out = &out;
    std::size_t child = unit + 1, n = 0;
    for (; child < out_.units[unit].end; child = out_.units[child].end, ++n) {
      if (out.kind == Out::Kind::kMap && n < out.entries.size()) bind(child, out.entries[n].second);
      if (out.kind == Out::Kind::kList && n < out.items.size()) bind(child, out.items[n]);
    }
  }

  void after(std::size_t unit, const std::string& text) {
    std::vector<std::string>& lines = out_.units[unit].out->after;
    const std::size_t parent = out_.units[unit].parent;
    const bool edge = parent != kNone &&
                      out_.units[parent].top;  // where a blank line would begin the end of the file
    if (text.empty() && (edge || lines.empty() || lines.back().empty())) return;
    lines.push_back(text);
  }

  yaml::Sheet& sheet_;
  Layout& out_;
  bool same_form_;
  std::map<std::size_t, Slot> slots_;  // by the unit that begins the line
  std::vector<std::string> end_;
};

}  // namespace

std::string place_in_yaml(yaml::Sheet sheet, Layout layout, const std::vector<Note>& notes,
                          bool same_form) {
  Placer placer(sheet, layout, same_form);
  for (const Note& note : notes) placer.put(note);
  placer.finish();
  return yaml::emit(sheet);
}

}  // namespace belay::dsl::format
