// The diff as text for a terminal, as Markdown for a review, as JSON for tools.
#include <cstdio>

#include "dsl/diff/diff.h"

namespace belay::dsl {
namespace {

std::string json_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\t': out += "\\t"; break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          char code[8];
          std::snprintf(code, sizeof code, "\\u%04x", static_cast<unsigned>(c));
          out += code;
        } else {
          out += c;
        }
    }
  }
  return out + "\"";
}

// Later lines of a text stand under the first one.
std::string indented(const std::string& text, const std::string& indent) {
  std::string out;
  for (const char c : text) {
    out += c;
    if (c == '\n') out += indent;
  }
  return out;
}

std::string as_text(const std::vector<SubjectDiff>& diffs) {
  std::string out;
  for (const SubjectDiff& diff : diffs) {
    if (!out.empty()) out += '\n';
    out += diff.subject + '\n';
    for (const Change& change : diff.changes) {
      const std::string label = name(change.gravity);
      out += "  " + label + std::string(10 - label.size(), ' ') + change.text +
             (change.breaking ? " (breaking)" : "") + '\n';
      const std::string under(20, ' ');
      if (!change.before.empty())
        out += "            before  " + indented(change.before, under) + '\n';
      if (!change.after.empty())
        out += "            now     " + indented(change.after, under) + '\n';
    }
  }
  return out.empty() ? "nothing has changed for customers, callers or money\n" : out;
}

std::string as_markdown(const std::vector<SubjectDiff>& diffs) {
  std::string out;
  for (const SubjectDiff& diff : diffs) {
    if (!out.empty()) out += '\n';
    out += "## " + diff.subject + "\n\n";
    for (const Change& change : diff.changes) {
      out += std::string("- **") + name(change.gravity) + "**: " + change.text +
             (change.breaking ? " (**breaking**)" : "") + '\n';
      if (!change.before.empty())
        out += "  - before: `` " + indented(change.before, "    ") + " ``\n";
      if (!change.after.empty()) out += "  - now: `` " + indented(change.after, "    ") + " ``\n";
    }
  }
  return out.empty() ? "Nothing has changed for customers, callers or money.\n" : out;
}

std::string as_json(const std::vector<SubjectDiff>& diffs) {
  std::string out = "{\"subjects\":[";
  for (const SubjectDiff& diff : diffs) {
    if (out.back() != '[') out += ',';
    out += "{\"subject\":" + json_text(diff.subject) + ",\"changes\":[";
    for (const Change& change : diff.changes) {
      if (out.back() != '[') out += ',';
      out +=
          "{\"gravity\":" + json_text(name(change.gravity)) + ",\"text\":" + json_text(change.text);
      if (!change.before.empty()) out += ",\"before\":" + json_text(change.before);
      if (!change.after.empty()) out += ",\"after\":" + json_text(change.after);
      out += std::string(",\"breaking\":") + (change.breaking ? "true" : "false") + "}";
    }
    out += "]}";
  }
  return out + "]}\n";
}

}  // namespace

std::string render(const std::vector<SubjectDiff>& diffs, DiffFormat format) {
  switch (format) {
    case DiffFormat::kText: return as_text(diffs);
    case DiffFormat::kMarkdown: return as_markdown(diffs);
    case DiffFormat::kJson: return as_json(diffs);
  }
  return "";
}

}  // namespace belay::dsl
