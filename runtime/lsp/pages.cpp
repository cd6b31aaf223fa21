// Formatting, the outline, and the pages of diagnostics: questions about a document as a whole.
#include <algorithm>

#include "dsl/format.h"
#include "dsl/read.h"
#include "runtime/lsp/index.h"
#include "runtime/lsp/query.h"

namespace belay::runtime::lsp {

using namespace dsl;

std::optional<std::uint32_t> source_of(const View& view, const std::string& path) {
  const Sources& sources = view.compilation.sources;
  for (std::uint32_t i = 0; i < sources.size(); ++i) {
    if (sources.file(i).path == path) return i;
  }
  return std::nullopt;
}

std::optional<std::string> formatted(const std::string& path, const std::string& text) {
  Sources sources;
  Diagnostics diagnostics;
  const std::uint32_t source = sources.add(path, text);
  File file;
  if (path.ends_with(".belay")) {
    file = read_text(sources, source, diagnostics);
  } else {
    if (classify_yaml(sources, source, diagnostics) != YamlKind::kBelay) return std::nullopt;
    file = read_yaml(sources, source, diagnostics);
  }
  if (diagnostics.errors() > 0) return std::nullopt;
  return format_file(sources, file, file.form);
}

std::string page_of(const DiagnosticKind& kind) {
  std::string out = "**" + std::string(kind.code) + "** " + std::string(kind.title) + "\n\n" +
                    std::string(kind.what) + "\n\n" + std::string(kind.why);
  const auto code = [&](const char* head, std::string_view text) {
    if (text.empty()) return;
    out += "\n\n" + std::string(head) + ":\n```belay\n" + std::string(text) +
           (text.ends_with('\n') ? "" : "\n") + "```";
  };
  code("wrong", kind.bad);
  code("right", kind.fixed);
  return out;
}

namespace {

using Kind = Statement::Kind;

void outline_block(const Statements& list, std::vector<OutlineItem>& out);

void outline_statement(const Statement& s, std::vector<OutlineItem>& out) {
  static const std::pair<Kind, const char*> kNames[] = {
      {Kind::kStep, "step"}, {Kind::kWait, "wait"},       {Kind::kAsk, "ask"},
      {Kind::kSet, "set"},   {Kind::kCollect, "collect"}, {Kind::kForEach, "for each"}};
  static const std::pair<Kind, const char*> kBlocks[] = {
      {Kind::kTogether, "together"}, {Kind::kTry, "try"},
      {Kind::kRepeat, "repeat"},     {Kind::kWhen, "when"},
      {Kind::kPublish, "publish"},   {Kind::kPointOfNoReturn, "point of no return"}};
  OutlineItem item;
  for (const auto& [kind, word] : kNames) {
    if (s.kind != kind || s.name.empty()) continue;
    item = {.name = s.name.text, .detail = s.title.text, .at = s.name.span, .kind = word};
    if (item.detail.empty()) item.detail = word;
  }
  for (const auto& [kind, word] : kBlocks) {
    if (s.kind == kind)
      item = {.name = word, .detail = s.source.event.text, .at = s.span, .kind = word};
  }
  std::vector<OutlineItem> inside;
  for (const Arm& arm : s.arms) outline_block(arm.block, inside);
  for (const Branch& branch : s.branches) outline_block(branch.block, inside);
  outline_block(s.body, inside);
  for (const Handler& handler : s.policies.handlers) outline_block(handler.act.block, inside);
  outline_block(s.act.block, inside);
  if (item.name.empty()) {
    for (OutlineItem& child : inside) out.push_back(std::move(child));
    return;
  }
  item.inside = std::move(inside);
  out.push_back(std::move(item));
}

void outline_block(const Statements& list, std::vector<OutlineItem>& out) {
  for (const Statement& s : list) outline_statement(s, out);
}

void outline_fields(const std::vector<FieldDecl>& fields, std::vector<OutlineItem>& out) {
  for (const FieldDecl& field : fields) {
    if (!field.name.empty())
      out.push_back(
          {.name = field.name.text, .detail = {}, .at = field.name.span, .kind = "field"});
  }
}

// An item ends before the next one of its list, or where what is around it ends.
void close_items(const Sources& sources, std::vector<OutlineItem>& items, std::uint32_t last) {
  for (std::size_t i = 0; i < items.size(); ++i) {
    std::uint32_t end = i + 1 < items.size() ? items[i + 1].at.line - 1 : last;
    while (end > items[i].at.line) {
      const std::string_view line = sources.line(items[i].at.file, end);
      const std::size_t first = line.find_first_not_of(" \t\r");
      if (first != std::string_view::npos && line[first] != '#' && line != "---") break;
      --end;
    }
    items[i].last_line = std::max(end, items[i].at.line);
    close_items(sources, items[i].inside, items[i].last_line);
  }
}

std::string word_of(const Declaration& d) {
  static constexpr const char* kWords[] = {"type",       "event",    "connector",
                                           "action",     "workflow", "webhook",
                                           "retry plan", "scenario", "declaration"};
  return kWords[d.body.index()];
}

}  // namespace

std::vector<OutlineItem> outline_of(const View& view, std::uint32_t source) {
  std::vector<OutlineItem> out;
  const File* file = file_of(view.compilation, source);
  if (file == nullptr) return out;
  for (const Declaration& d : file->declarations) {
    OutlineItem item;
    item.name = !d.name.empty() ? d.name.text : !d.title.empty() ? d.title.text : word_of(d);
    item.kind = word_of(d);
    item.detail = item.kind + (d.title.empty() || d.name.empty() ? "" : " · " + d.title.text);
    item.at = d.name.empty() ? d.span : d.name.span;
    item.is_declaration = true;
    if (const auto* type = std::get_if<TypeDecl>(&d.body))
      outline_fields(type->fields, item.inside);
    if (const auto* event = std::get_if<EventDecl>(&d.body))
      outline_fields(event->fields, item.inside);
    if (const auto* workflow = std::get_if<WorkflowDecl>(&d.body))
      outline_block(workflow->body, item.inside);
    if (const auto* webhook = std::get_if<WebhookDecl>(&d.body))
      outline_block(webhook->body, item.inside);
    out.push_back(std::move(item));
  }
  // YAML may say things in any order: items stand as they are read.
  const auto by_line = [](const OutlineItem& a, const OutlineItem& b) {
    return a.at.line < b.at.line;
  };
  std::stable_sort(out.begin(), out.end(), by_line);
  for (OutlineItem& item : out) std::stable_sort(item.inside.begin(), item.inside.end(), by_line);
  const Sources& sources = view.compilation.sources;
  close_items(sources, out, static_cast<std::uint32_t>(sources.file(source).line_starts.size()));
  return out;
}

}  // namespace belay::runtime::lsp
