// The page, put together, and its text and Markdown forms. The HTML form is in explain_html.cpp.
#include "runtime/simulator/explain.h"

#include <algorithm>

#include "runtime/simulator/what_if_rows.h"

namespace belay::runtime::simulator {

namespace {

using interpreter::NodeKind;

std::vector<std::string> time_words(const Graph& graph, const dsl::TimeBudget& budget) {
  std::vector<std::string> out;
  const std::string worst = dsl::length_text(budget.binding_ms());
  const std::string until = budget.point_ms ? "until the point of no return" : "to the end";
  std::string line =
      "If every try runs into its limit and every wait takes all its time, it takes " + worst +
      " " + until + ".";
  if (budget.finish_within_ms) {
    const std::string limit = dsl::length_text(*budget.finish_within_ms);
    line += *budget.finish_within_ms >= budget.binding_ms()
                ? " That is within the " + limit + " it has."
                : " That is more than the " + limit +
                      " it has: it may be undone although it would have succeeded.";
  }
  out.push_back(std::move(line));
  for (const dsl::HoldBudget& hold : budget.holds) {
    const std::string last = hold.until == interpreter::kNoNode ? "the end"
                             : graph.nodes[hold.until].kind == NodeKind::kPointOfNoReturn
                                 ? "the point of no return"
                                 : title_of(graph.nodes[hold.until]);
    out.push_back("What " + title_of(graph.nodes[hold.step]) + " reserves is kept for " +
                  dsl::length_text(hold.life_ms) + "; at worst it is needed for " +
                  dsl::length_text(hold.worst_ms) + ", until " + last + "." +
                  (hold.life_ms >= hold.worst_ms ? "" : " It may be gone by then."));
  }
  for (const dsl::NodeBudget& one : budget.nodes) {
    const interpreter::Node& node = graph.nodes[one.node];
    const bool own = node.kind == NodeKind::kStep || node.kind == NodeKind::kWait ||
                     node.kind == NodeKind::kPause;
    if (!own || one.ends_ms == one.begins_ms) continue;
    out.push_back(title_of(node) + " takes at most " +
                  dsl::length_text(one.ends_ms - one.begins_ms) + ".");
  }
  for (const interpreter::NodeId id : budget.open) {
    out.push_back(title_of(graph.nodes[id]) +
                  " takes as long as its expression says; that is not counted.");
  }
  return out;
}

std::string joined(const std::vector<std::string>& parts, const char* between, const char* none) {
  std::string out;
  for (const std::string& part : parts) out += (out.empty() ? "" : between) + part;
  return out.empty() ? none : out;
}

}  // namespace

std::string table_note(const WhatIf& table) {
  const auto number = [](std::size_t n) { return std::to_string(n); };
  std::string out = "Of " + number(table.cases) + " cases " + number(table.completed) +
                    " end completed, " + number(table.undone) + " with everything undone, " +
                    number(table.left_over) + " undone with something left over, and " +
                    number(table.need_a_person) +
                    " need a person. An undo fails when it is refused, or stays out of reach for "
                    "as long as it is tried. " +
                    number(table.runs) +
                    " runs of the real interpreter in a simulated world; equal endings are put "
                    "together.";
  if (table.cut > 0) {
    out += " The bound on runs left out at least " + number(table.cut) +
           " more: the table is not complete.";
    std::string sagas;
    for (const std::string& name : table.cut_children)
      sagas += (sagas.empty() ? "" : ", ") + quoted(name);
    if (!sagas.empty())
      out += " Statements of sagas that it runs stayed without a case: in " + sagas +
             "; the pages of these workflows have them.";
  }
  return out;
}

namespace {

// ---- Text ----

constexpr std::size_t kWidth = 100;

// Words over lines of at most kWidth columns, further lines indented.
std::string wrapped(const std::string& text, std::size_t first, std::size_t rest) {
  std::string out(first, ' ');
  std::size_t column = first;
  std::size_t at = 0;
  bool begun = false;
  while (at < text.size()) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    const std::string word = text.substr(at, end - at);
    const auto width = static_cast<std::size_t>(std::count_if(word.begin(), word.end(), [](char c) {
      return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    }));
    if (begun && column + 1 + width > kWidth) {
      out += '\n' + std::string(rest, ' ');
      column = rest;
    } else if (begun) {
      out += ' ';
      ++column;
    }
    out += word;
    column += width;
    begun = true;
    at = end + 1;
  }
  return out + '\n';
}

void text_row(const WhatIfRow& row, std::string& out) {
  bool first = true;
  for (const std::string& one : row.ifs) {
    out += wrapped((first ? "if " : "or ") + one, first ? 2 : 4, 6);
    first = false;
  }
  const auto field = [&](const char* name, const std::string& value) {
    out += wrapped(name + value, 6, 17);
  };
  field("ends:      ", row.ends);
  field("undone:    ", joined(row.undone, ", ", "nothing"));
  field("left over: ", joined(row.left_over, "; ", "nothing"));
  field("told:      ", joined(row.told, "; ", "nothing"));
  for (const std::string& remark : row.remarks) field("mind:      ", remark);
  for (const WhatIfRow& failure : row.undo_failures) {
    std::string text = "and if " + joined(failure.ifs, " or ", "") + ": " + failure.ends +
                       "; undone " + joined(failure.undone, ", ", "nothing") + "; left over " +
                       joined(failure.left_over, "; ", "nothing");
    if (!failure.told.empty()) text += "; told " + joined(failure.told, "; ", "");
    for (const std::string& remark : failure.remarks) text += "; mind: " + remark;
    out += wrapped(text, 6, 8);
  }
}

// ---- Markdown ----

std::string cell(std::string text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

void markdown_row(const WhatIfRow& row, bool failure, std::string& out) {
  std::string ends = row.ends;
  for (const std::string& remark : row.remarks) ends += "<br>**mind:** " + remark;
  out += "| " + std::string(failure ? "*and then* " : "") + cell(joined(row.ifs, ";<br>", "")) +
         " | " + cell(ends) + " | " + cell(joined(row.undone, ", ", "nothing")) + " | " +
         cell(joined(row.left_over, ";<br>", "nothing")) + " | " +
         cell(joined(row.told, ";<br>", "nothing")) + " |\n";
  for (const WhatIfRow& one : row.undo_failures) markdown_row(one, true, out);
}

}  // namespace

Explanation explain(const Graph& graph, const std::vector<dsl::Scenario>& scenarios,
                    const Surroundings& around, WhatIfBounds bounds) {
  Explanation out;
  out.reading = read_out(graph);
  out.time = time_words(graph, dsl::time_budget(graph, around.timeout_ms));
  out.table = what_if(graph, scenarios, around, bounds);
  return out;
}

std::string explain_text(const Explanation& e) {
  std::string out = e.reading.title + "\n" + "\n";
  for (const std::string& line : e.reading.frame) out += wrapped(line, 0, 0);
  out += '\n';
  for (const ReadingLine& line : e.reading.steps) {
    const auto indent = static_cast<std::size_t>(line.depth) * 3;
    const std::string number = line.number.empty() ? "" : line.number + ". ";
    out += number.empty() ? wrapped(line.text, indent + 4, indent + 4)
                          : wrapped(number + line.text, indent, indent + 4);
  }
  const auto part = [&](const char* title, const std::vector<std::string>& lines) {
    if (lines.empty()) return;
    out += std::string("\n") + title + "\n";
    for (const std::string& line : lines) out += wrapped(line, 2, 4);
  };
  if (!e.reading.gives.empty()) out += '\n' + wrapped(e.reading.gives, 0, 0);
  part("Money", e.reading.money);
  part("Who is asked", e.reading.people);
  part("Time", e.time);
  out += "\nWhat if\n" + wrapped(table_note(e.table), 2, 2);
  for (const WhatIfSection& section : e.table.sections) {
    out += '\n' + section.title + '\n';
    if (!section.about.empty()) out += wrapped("(" + section.about + ")", 2, 2);
    for (const WhatIfRow& row : section.rows) text_row(row, out);
  }
  part("Not reached by samples or scenarios: write a scenario for", e.table.not_reached);
  return out;
}

std::string explain_markdown(const Explanation& e) {
  std::string out = "# " + e.reading.title + "\n\n";
  for (const std::string& line : e.reading.frame) out += line + "\n";
  out += "\n## What happens\n\n";
  for (const ReadingLine& line : e.reading.steps) {
    const std::string indent(static_cast<std::size_t>(line.depth) * 4, ' ');
    out += line.number.empty() ? indent + "  " + line.text + "\n"
                               : indent + "- **" + line.number + "** " + line.text + "\n";
  }
  if (!e.reading.gives.empty()) out += "\n" + e.reading.gives + "\n";
  const auto part = [&](const char* title, const std::vector<std::string>& lines) {
    if (lines.empty()) return;
    out += std::string("\n## ") + title + "\n\n";
    for (const std::string& line : lines) out += "- " + line + "\n";
  };
  part("Money", e.reading.money);
  part("Who is asked", e.reading.people);
  part("Time", e.time);
  out += "\n## What if\n\n" + table_note(e.table) + "\n";
  for (const WhatIfSection& section : e.table.sections) {
    out += "\n### " + section.title + "\n\n";
    if (!section.about.empty()) out += "*" + section.about + "*\n\n";
    out += "| if | it ends | undone | left over | told |\n|---|---|---|---|---|\n";
    for (const WhatIfRow& row : section.rows) markdown_row(row, false, out);
  }
  part("Not reached by samples or scenarios", e.table.not_reached);
  return out;
}

}  // namespace belay::runtime::simulator
