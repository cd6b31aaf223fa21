// The HTML page: one file, nothing loaded from anywhere, readable on paper too.
#include "runtime/simulator/explain.h"

namespace belay::runtime::simulator {

namespace {

constexpr const char* kStyle = R"css(
:root{--ink:#1c2330;--soft:#5b6577;--line:#dfe3ea;--paper:#fff;--ground:#f4f6f9;--good:#1f7a4d;--warn:#a15c00;--bad:#b3261e;--code:#eef1f6}
@media (prefers-color-scheme:dark){:root{--ink:#e6e9ef;--soft:#9aa4b5;--line:#333b49;--paper:#1b212c;--ground:#12161d;--good:#5fc492;--warn:#e3a74d;--bad:#f2857d;--code:#262e3b}}
*{box-sizing:border-box}body{margin:0;background:var(--ground);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:76rem;margin:0 auto;padding:2.5rem 1.25rem 5rem}h1{font-size:1.9rem;line-height:1.2;margin:0 0 1rem}h2{font-size:1.3rem;margin:2.5rem 0 .75rem}
h3{font-size:1.05rem;margin:0 0 .25rem}section.card{background:var(--paper);border:1px solid var(--line);border-radius:12px;padding:1.1rem 1.25rem;margin:1rem 0}
code{background:var(--code);border-radius:4px;padding:.05em .35em;font:.88em ui-monospace,SFMono-Regular,Menlo,monospace}p{margin:.35rem 0}.soft{color:var(--soft)}
.step{display:grid;grid-template-columns:3.2rem 1fr;gap:.25rem .5rem;margin:.2rem 0}.step b{color:var(--soft);font-weight:600;text-align:right}
.first{margin-top:.8rem}.picture{overflow-x:auto;text-align:center}.picture svg{max-width:100%;height:auto;background:#fff;border-radius:8px;padding:.5rem}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.92rem;min-width:52rem}th,td{text-align:left;vertical-align:top;padding:.5rem .6rem;border-top:1px solid var(--line)}
th{border-top:0;color:var(--soft);font-weight:600}td:first-child{width:32%}td ul{margin:0;padding-left:1.1rem}.done td:nth-child(2){color:var(--good)}.undone td:nth-child(2){color:var(--warn)}
.held td:nth-child(2){color:var(--bad)}.then td:first-child{padding-left:1.6rem}.mind{color:var(--bad);font-weight:600}nav a{margin-right:1rem;color:inherit}
@media print{body{background:#fff}section.card{break-inside:avoid}}
)css";

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      default: out += c;
    }
  }
  return out;
}

// Names stand in backticks.
std::string rich(std::string_view text) {
  std::string out;
  bool code = false;
  for (const char c : escaped(text)) {
    if (c != '`') {
      out += c;
      continue;
    }
    out += code ? "</code>" : "<code>";
    code = !code;
  }
  return out + (code ? "</code>" : "");
}

std::string list(const std::vector<std::string>& items) {
  if (items.empty()) return "<span class=\"soft\">nothing</span>";
  if (items.size() == 1) return rich(items.front());
  std::string out = "<ul>";
  for (const std::string& item : items) out += "<li>" + rich(item) + "</li>";
  return out + "</ul>";
}

std::string sequence(const std::vector<std::string>& items) {
  if (items.empty()) return list(items);
  std::string out;
  for (const std::string& item : items) out += (out.empty() ? "" : ", then ") + rich(item);
  return out;
}

const char* class_of(const WhatIfRow& row) {
  if (row.ends.starts_with("held") || row.ends.starts_with("it waits")) return "held";
  return row.ends.starts_with("completed") ? "done" : "undone";
}

void card(const char* title, const std::vector<std::string>& lines, std::string& out) {
  if (lines.empty()) return;
  out += "<h2>" + std::string(title) + "</h2><section class=\"card\">";
  for (const std::string& line : lines) out += "<p>" + rich(line) + "</p>";
  out += "</section>\n";
}

void table_row(const WhatIfRow& row, bool failure, std::string& out) {
  out += std::string("<tr class=\"") + class_of(row) + (failure ? " then" : "") + "\"><td>" +
         (failure ? "<em>and then</em> " : "") + list(row.ifs) + "</td><td>" + rich(row.ends);
  for (const std::string& remark : row.remarks) {
    out += "<p class=\"mind\">" + rich(remark) + "</p>";
  }
  out += "</td><td>" + sequence(row.undone) + "</td><td>" + list(row.left_over) + "</td><td>" +
         list(row.told) + "</td></tr>\n";
  for (const WhatIfRow& one : row.undo_failures) table_row(one, true, out);
}

void table(const WhatIfSection& section, std::string& out) {
  out += "<section class=\"card\"><h3>" + rich(section.title) + "</h3>";
  if (!section.about.empty()) out += "<p class=\"soft\">" + rich(section.about) + "</p>";
  out +=
      "<div class=\"scroll\"><table><thead><tr><th>if</th><th>it ends</th><th>undone</th>"
      "<th>left over</th><th>what the customer is told</th></tr></thead><tbody>\n";
  for (const WhatIfRow& row : section.rows) table_row(row, false, out);
  out += "</tbody></table></div></section>\n";
}

// The picture without its XML prologue, so that it can stand in HTML.
std::string picture_of(const std::string& svg) {
  const std::size_t begin = svg.find("<svg");
  return begin == std::string::npos ? "" : svg.substr(begin);
}

}  // namespace

std::string explain_html(const Explanation& e) {
  std::string out =
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>";
  std::string plain;
  for (const char c : e.reading.title) {
    if (c != '`') plain += c;
  }
  out += escaped(plain) + "</title><style>" + kStyle + "</style></head><body><main>\n<h1>" +
         rich(e.reading.title) + "</h1>\n";
  for (const std::string& line : e.reading.frame) out += "<p>" + rich(line) + "</p>";
  if (const std::string picture = picture_of(e.picture); !picture.empty()) {
    out += "<h2>Picture</h2><section class=\"card picture\">" + picture + "</section>\n";
  }
  out += "<h2>What happens</h2><section class=\"card\">";
  for (const ReadingLine& line : e.reading.steps) {
    const std::string indent = std::to_string(line.depth * 2) + "rem";
    out += std::string("<div class=\"step") + (line.number.empty() ? " soft" : " first") +
           "\" style=\"margin-left:" + indent + "\"><b>" + escaped(line.number) + "</b><span>" +
           rich(line.text) + "</span></div>";
  }
  if (!e.reading.gives.empty()) out += "<p>" + rich(e.reading.gives) + "</p>";
  out += "</section>\n";
  card("Money", e.reading.money, out);
  card("Who is asked", e.reading.people, out);
  card("Time", e.time, out);
  out += "<h2>What if</h2><p class=\"soft\">" + rich(table_note(e.table)) + "</p>\n";
  for (const WhatIfSection& section : e.table.sections) table(section, out);
  card("Not reached by samples or scenarios", e.table.not_reached, out);
  return out + "</main></body></html>\n";
}

}  // namespace belay::runtime::simulator
