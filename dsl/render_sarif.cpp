// Diagnostics for other tools: SARIF 2.1.0 (OASIS), as code hosts and editors read it. A kind is a
// rule with its page as help, a problem a result, notes with a place and further places are related
// locations, an author's `allow` an in-source suppression with its reason. Columns are code points,
// paths are relative. Tested in tests/dsl/sarif_test.cpp.
#include <algorithm>
#include <map>

#include "dsl/diagnostic.h"
#include "dsl/render_json.h"

namespace belay::dsl {
namespace {

std::string text_of(std::string_view text) { return "{\"text\":" + json_quoted(text) + "}"; }

// A relative reference (RFC 3986): what may stand in a path stays, the rest is %-encoded.
std::string uri(std::string_view path) {
  std::string out;
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-._~/!$&'()*+,;=@").find(c) != std::string_view::npos;
    if (plain) {
      out += c;
    } else {
      out += '%';
      out += "0123456789ABCDEF"[byte >> 4];
      out += "0123456789ABCDEF"[byte & 15];
    }
  }
  return out;
}

std::size_t code_points(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

class Sarif {
 public:
  Sarif(const Diagnostics& diagnostics, const Sources& sources, std::string_view prefix)
      : diagnostics_(diagnostics), sources_(sources), prefix_(prefix) {
    if (!prefix_.empty() && prefix_.back() != '/') prefix_ += '/';
  }

  std::string render() {
    std::string results;
    const auto add = [&](const Diagnostic& d, const std::string& suppression) {
      results += (results.empty() ? "\n" : ",\n") + result(d, suppression);
    };
    for (const Diagnostic& d : diagnostics_.all()) add(d, {});
    for (const Diagnostics::Allowed& one : diagnostics_.allowed()) {
      const Diagnostics::Allowance& by = diagnostics_.allowances()[one.by];
      add(one.diagnostic,
          ",\"suppressions\":[{\"kind\":\"inSource\",\"status\":\"accepted\",\"justification\":" +
              json_quoted(by.because) + ",\"location\":" + location(by.span) + "}]");
    }
    return "{\"$schema\":\"https://json.schemastore.org/"
           "sarif-2.1.0.json\",\"version\":\"2.1.0\",\"runs\":[{"
           "\"tool\":{\"driver\":{\"name\":\"belay\",\"semanticVersion\":\"0.1.0\",\"rules\":[" +
           rules_ + "]}},\"columnKind\":\"unicodeCodePoints\",\"results\":[" + results + "]}]}\n";
  }

 private:
  static std::string_view level(const DiagnosticKind& kind) {
    return kind.severity == Severity::kError ? "\"error\"" : "\"warning\"";
  }

  std::size_t rule_of(const DiagnosticKind& kind) {
    const auto [known, fresh] = index_.emplace(kind.code, index_.size());
    if (!fresh) return known->second;
    const std::string what(kind.what), why(kind.why), bad(kind.bad), fixed(kind.fixed);
    rules_ += (rules_.empty() ? "\n" : ",\n");
    rules_ += "{\"id\":" + json_quoted(kind.code) + ",\"shortDescription\":" + text_of(kind.title) +
              ",\"fullDescription\":" + text_of(what + " " + why) +
              ",\"defaultConfiguration\":{\"level\":" + std::string(level(kind)) +
              "},\"help\":{\"text\":" +
              json_quoted(what + "\n\n" + why + "\n\nFor example:\n\n" + bad + "\n\nInstead:\n\n" +
                          fixed) +
              ",\"markdown\":" +
              json_quoted(what + "\n\n" + why + "\n\nFor example:\n\n```\n" + bad +
                          "\n```\n\nInstead:\n\n```\n" + fixed + "\n```\n") +
              "}}";
    return known->second;
  }

  std::string location(const Span& span, std::string_view message = {}) const {
    const bool known = span.file < sources_.size();
    const std::string_view line = known ? sources_.line(span.file, span.line) : std::string_view();
    const std::size_t from =
        std::min<std::size_t>(span.column > 0 ? span.column - 1 : 0, line.size());
    const std::size_t begin = code_points(line.substr(0, from)) + 1;
    const std::size_t end = begin + code_points(line.substr(from, span.length));
    std::string out = "{";
    if (!message.empty()) out += "\"message\":" + text_of(message) + ",";
    return out + "\"physicalLocation\":{\"artifactLocation\":{\"uri\":" +
           json_quoted(uri(known ? prefix_ + sources_.file(span.file).path : std::string())) +
           ",\"uriBaseId\":\"%SRCROOT%\"},\"region\":{\"startLine\":" +
           std::to_string(std::max(1u, span.line)) + ",\"startColumn\":" + std::to_string(begin) +
           ",\"endLine\":" + std::to_string(std::max(1u, span.line)) +
           ",\"endColumn\":" + std::to_string(end) + "}}}";
  }

  std::string result(const Diagnostic& d, const std::string& suppression) {
    std::string message = d.message, related;
    const auto relate = [&](const Span& span, std::string_view what) {
      related += (related.empty() ? "" : ",") + location(span, what);
    };
    for (const Note& note : d.notes) {
      if (note.has_span) {
        relate(note.span, note.text);
      } else {
        message += "\n" + note.text;
      }
    }
    for (const Span& span : d.also) relate(span, "the same here");
    if (!d.help.empty()) message += "\nhelp: " + d.help;
    const std::size_t rule = rule_of(*d.kind);
    return "{\"ruleId\":" + json_quoted(d.kind->code) + ",\"ruleIndex\":" + std::to_string(rule) +
           ",\"level\":" + std::string(level(*d.kind)) + ",\"message\":" + text_of(message) +
           ",\"locations\":[" + location(d.span, d.label) + "]" +
           (related.empty() ? "" : ",\"relatedLocations\":[" + related + "]") + suppression + "}";
  }

  const Diagnostics& diagnostics_;
  const Sources& sources_;
  std::string prefix_;
  std::map<std::string_view, std::size_t> index_;
  std::string rules_;
};

}  // namespace

std::string render_sarif(const Diagnostics& diagnostics, const Sources& sources,
                         std::string_view prefix) {
  return Sarif(diagnostics, sources, prefix).render();
}

}  // namespace belay::dsl
