// Units, places and comments of one file. The text form's reader tells its comments itself;
// yaml-cpp drops them, so for YAML a scanner of our own goes over the raw lines: a `#` at the
// beginning of a line or behind a blank is a comment unless a quoted or block scalar covers it, and
// where those stand the events told us. Tested in tests/dsl/comment_test.cpp.
#include "dsl/format/layout.h"

#include <algorithm>
#include <map>
#include <string_view>

#include "dsl/format.h"
#include "dsl/text/lines.h"
#include "dsl/yaml/events.h"

namespace belay::dsl::format {
namespace {

Position position_of(const Span& span) { return {span.line, span.column}; }

// A place that no reader filled in.
bool unknown(const Span& span) { return span.line == 1 && span.column == 1 && span.length == 0; }

class Builder {
 public:
  Builder(const Sources& sources, const File& file) : sources_(sources), file_(file) {
    out_.form = file.form;
  }

  Layout build() {
    Diagnostics ignored;
    if (file_.form == File::Form::kText) {
      text(text::read_lines(sources_, file_.source, ignored, &out_.comments));
    } else {
      yaml(yaml::read_documents(sources_, file_.source, ignored));
    }
    places();
    return std::move(out_);
  }

 private:
  std::size_t add(Unit unit) {
    out_.units.push_back(std::move(unit));
    return out_.units.size() - 1;
  }
  void close(std::size_t unit) { out_.units[unit].end = out_.units.size(); }
  std::string_view line(std::uint32_t number) const { return sources_.line(file_.source, number); }

  // ---- text ----

  void text(const std::vector<text::Line>& lines) {
    bool first = true;
    for (const text::Line& one : lines) {
      if (first && one.text.substr(0, 5) == "belay") first_line_ = one.pieces.front().at;
      first = false;
      text_unit(one, kNone);
    }
  }
  void text_unit(const text::Line& line, std::size_t parent) {
    const Span at = line.pieces.front().at;
    std::uint32_t last = line.pieces.back().at.line;
    if (line.block && !line.block->empty()) {
      const auto breaks = std::count(line.block->begin(), line.block->end(), '\n');
      last = std::max(last, line.block_span.line + static_cast<std::uint32_t>(breaks));
    }
    std::string head = line.text;
    std::erase(head, ' ');
    const std::size_t unit =
        add({at.line, at.column, last, parent, 0, std::move(head), parent == kNone});
    for (const text::Line& child : line.children) text_unit(child, unit);
    close(unit);
  }

  // ---- YAML ----

  void yaml(const std::vector<yaml::Document>& documents) {
    for (const yaml::Document& document : documents) {
      const yaml::Node& root = document.root;
      if (root.kind != yaml::Node::Kind::kMap || root.entries.empty()) continue;
      std::size_t from = 0;
      if (out_.units.empty() && root.entries[0].key.text == "belay") {
        first_line_ = root.entries[0].key.span;
        scalar(root.entries[0].value, 0);
        entry(root.entries[0], kNone, false, true);
        from = 1;
      }
      if (from == root.entries.size()) continue;
      const Span at = root.entries[from].key.span;
      const std::size_t unit = add({at.line, at.column, at.line, kNone, 0, "---", true});
      if (root.flow) flow(root);
      for (std::size_t i = from; i < root.entries.size(); ++i) {
        if (root.entries[i].key.text == "belay") first_line_ = root.entries[i].key.span;
        entry(root.entries[i], unit, root.flow, false);
      }
      close(unit);
    }
    yaml_comments();
  }
  void entry(const yaml::Entry& entry, std::size_t parent, bool in_flow, bool top) {
    const Span at = entry.key.span;
    const std::size_t unit =
        add({at.line, at.column, at.line, parent, 0, entry.key.text, top, false, in_flow});
    scalar(entry.key, at.column - 1);
    value(entry.value, unit, in_flow, at.column - 1);
    close(unit);
  }
  void value(const yaml::Node& node, std::size_t unit, bool in_flow, std::size_t indent) {
    if (node.flow && !in_flow) flow(node);
    if (node.flow && !node.entries.empty())
      within_[position_of(node.span)] = position_of(node.entries[0].key.span);
    for (const yaml::Entry& one : node.entries) entry(one, unit, in_flow || node.flow, false);
    for (const yaml::Node& one : node.items) item(one, unit, in_flow || node.flow);
    if (node.kind == yaml::Node::Kind::kScalar) scalar(node, indent);
  }
  void item(const yaml::Node& node, std::size_t parent, bool in_flow) {
    Span at = node.span;
    if (!in_flow) {  // its dash, when it is on this line
      const std::string_view there = line(at.line).substr(0, at.column - 1);
      const std::size_t dash = there.find_last_not_of(' ');
      if (dash != std::string_view::npos && there[dash] == '-')
        at.column = static_cast<std::uint32_t>(dash + 1);
    }
    const std::size_t unit =
        add({at.line, at.column, at.line, parent, 0, "-", false, true, in_flow});
    value(node, unit, in_flow, at.column - 1);
    close(unit);
  }

  // ---- YAML: what is no comment ----

  // Remembers where a quoted or block scalar stands. `indent`: blanks before the key or dash that
  // it belongs to.
  void scalar(const yaml::Node& node, std::size_t indent) {
    if (node.plain || node.kind != yaml::Node::Kind::kScalar) return;
    if (node.block) {
      block_scalar(node, indent);
    } else {
      covered_.push_back({position_of(node.span), quoted_end(position_of(node.span))});
    }
  }
  std::uint32_t line_count() const {
    return static_cast<std::uint32_t>(sources_.file(file_.source).line_starts.size());
  }
  Position quoted_end(Position at) const {
    const std::string_view first = line(at.line);
    if (at.column > first.size()) return at;
    const char mark = first[at.column - 1];
    if (mark != '"' && mark != '\'') return at;
    std::size_t i = at.column;
    for (std::uint32_t number = at.line; number <= line_count(); ++number, i = 0) {
      const std::string_view there = line(number);
      for (; i < there.size(); ++i) {
        if (mark == '"' && there[i] == '\\') {
          ++i;
        } else if (there[i] == mark) {
          if (mark == '\'' && i + 1 < there.size() && there[i + 1] == mark) {
            ++i;
          } else {
            return {number, static_cast<std::uint32_t>(i + 1)};
          }
        }
      }
    }
    return {line_count(), 1};
  }
  void block_scalar(const yaml::Node& node, std::size_t indent) {
    std::size_t content = 0;
    for (const char c : line(node.span.line).substr(node.span.column)) {
      if (c >= '1' && c <= '9') content = indent + static_cast<std::size_t>(c - '0');
      if (c == ' ' || c == '#') break;
    }
    std::uint32_t last = node.span.line;
    for (std::uint32_t number = node.span.line + 1; number <= line_count(); ++number) {
      const std::size_t begins = line(number).find_first_not_of(' ');
      if (begins == std::string_view::npos) continue;
      if (content == 0 && begins <= indent) break;
      if (content == 0) content = begins;
      if (begins < content) break;
      last = number;
    }
    if (last > node.span.line) covered_.push_back({{node.span.line + 1, 1}, {last, 0xFFFFFFFF}});
  }
  void flow(const yaml::Node& node) { flow_begins_.push_back(position_of(node.span)); }

  const std::pair<Position, Position>* covering(Position at) const {
    auto it = std::upper_bound(covered_.begin(), covered_.end(), at,
                               [](Position p, const auto& range) { return p < range.first; });
    if (it == covered_.begin()) return nullptr;
    --it;
    return at <= it->second ? &*it : nullptr;
  }

  void yaml_comments() {
    std::sort(covered_.begin(), covered_.end());
    for (std::uint32_t number = 1; number <= line_count(); ++number) {
      const std::string_view there = line(number);
      const std::size_t bom = number == 1 && there.substr(0, 3) == "\xEF\xBB\xBF" ? 3 : 0;
      if (there == "---" || there.substr(0, 4) == "--- ") out_.document_lines.push_back(number);
      for (std::size_t i = bom; i < there.size(); ++i) {
        if (there[i] != '#' || (i > bom && there[i - 1] != ' ' && there[i - 1] != '\t')) continue;
        if (covering({number, static_cast<std::uint32_t>(i + 1)}) != nullptr) continue;
        std::string_view text = there.substr(i);
        text = text.substr(0, text.find_last_not_of(" \t\r") + 1);
        const bool own =
            there.substr(bom, i - bom).find_first_not_of(" \t") == std::string_view::npos;
        out_.comments.push_back({std::string(text),
                                 {file_.source, number, static_cast<std::uint32_t>(i + 1),
                                  static_cast<std::uint32_t>(text.size())},
                                 own});
        break;
      }
    }
    for (const Position begin : flow_begins_) out_.flows.push_back({begin, flow_end(begin)});
  }
  bool in_comment(Position at) const {
    return std::any_of(out_.comments.begin(), out_.comments.end(), [&](const Comment& c) {
      return c.at.line == at.line && c.at.column <= at.column;
    });
  }
  Position flow_end(Position begin) const {
    std::size_t depth = 0;
    for (std::uint32_t number = begin.line; number <= line_count(); ++number) {
      const std::string_view there = line(number);
      for (std::size_t i = number == begin.line ? begin.column - 1 : 0; i < there.size(); ++i) {
        const Position at{number, static_cast<std::uint32_t>(i + 1)};
        if (std::string_view("[]{}").find(there[i]) == std::string_view::npos ||
            covering(at) != nullptr)
          continue;
        if (number != begin.line && in_comment(at)) break;
        if (there[i] == '[' || there[i] == '{') {
          ++depth;
        } else if (--depth == 0) {
          return at;
        }
      }
    }
    return begin;
  }

  // ---- places ----

  void places() {
    out_.places = belay::dsl::places(file_);
    out_.places.insert(out_.places.begin(), first_line_);
    out_.home.assign(out_.places.size(), kNone);
    for (std::size_t i = 0; i < out_.places.size(); ++i) {
      if (i > 0 && unknown(out_.places[i])) continue;
      Position at = position_of(out_.places[i]);
      // A map in blocks begins with its first key, one in { } does not: make them alike.
      for (auto it = within_.find(at); it != within_.end(); it = within_.find(at)) at = it->second;
      out_.home[i] = out_.unit_at(at);
    }
    for (std::size_t i = 0; i < out_.places.size(); ++i) {
      for (std::size_t unit = out_.home[i]; unit != kNone; unit = out_.units[unit].parent) {
        Unit& u = out_.units[unit];
        if (i == 0 && unit != out_.home[0]) break;  // the first line stands for itself alone
        if (u.first == kNone) u.first = i;
        if (u.last == kNone || position_of(out_.places[u.last]) <= position_of(out_.places[i]))
          u.last = i;
      }
    }
  }

  const Sources& sources_;
  const File& file_;
  Layout out_;
  Span first_line_;
  std::vector<std::pair<Position, Position>> covered_;  // quoted and block scalars
  std::vector<Position> flow_begins_;
  std::map<Position, Position> within_;  // where a map in { } begins, and its first key
};

}  // namespace

std::vector<std::size_t> Layout::beginning_with(std::size_t place) const {
  std::vector<std::size_t> out;
  for (std::size_t unit = home[place]; unit != kNone && units[unit].first == place;
       unit = units[unit].parent) {
    out.push_back(unit);
  }
  return out;
}

std::size_t Layout::unit_at(Position at) const {
  const auto it =
      std::upper_bound(units.begin(), units.end(), at, [](Position p, const Unit& unit) {
        return p < Position{unit.line, unit.column};
      });
  return it == units.begin() ? kNone : static_cast<std::size_t>(it - units.begin()) - 1;
}

bool Layout::last_of_parent(std::size_t unit) const {
  const Unit& u = units[unit];
  return u.parent == kNone ? u.end == units.size() : u.end == units[u.parent].end;
}

bool Layout::first_of_parent(std::size_t unit) const {
  return units[unit].parent != kNone && units[unit].parent + 1 == unit;
}

Layout layout_of(const Sources& sources, const File& file) {
  return Builder(sources, file).build();
}

}  // namespace belay::dsl::format

namespace belay::dsl {

std::vector<Comment> comments_of(const Sources& sources, const File& file) {
  return format::layout_of(sources, file).comments;
}

}  // namespace belay::dsl
