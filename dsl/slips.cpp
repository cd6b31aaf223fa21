// What a word processor, a web page or a merge leaves in a file. The mended text keeps its lines,
// and outside of indentation its columns too, so that what is said of it fits the author's file.
// Tested in tests/golden/diagnostics_read and by tests/mutations.
#include "dsl/slips.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "dsl/text/lexical.h"

namespace belay::dsl {
namespace {

// U+00A0, U+2000 to U+200B, U+202F, U+205F, U+3000, U+FEFF: how many bytes of such a blank begin
// here.
std::size_t odd_blank(std::string_view text, std::size_t at) {
  static constexpr std::string_view kBlanks[] = {"\xC2\xA0", "\xE2\x80\xAF", "\xE2\x81\x9F",
                                                 "\xE3\x80\x80", "\xEF\xBB\xBF"};
  for (const std::string_view one : kBlanks) {
    if (text.substr(at, one.size()) == one) return one.size();
  }
  const bool general = text.substr(at, 2) == "\xE2\x80" && at + 2 < text.size() &&
                       static_cast<unsigned char>(text[at + 2]) >= 0x80 &&
                       static_cast<unsigned char>(text[at + 2]) <= 0x8B;
  return general ? 3 : 0;
}

class Mender {
 public:
  Mender(const Sources& sources, std::uint32_t source, File::Form form, Diagnostics& diagnostics)
      : source_(source), form_(form), diagnostics_(diagnostics) {
    const auto count = static_cast<std::uint32_t>(sources.file(source).line_starts.size());
    for (std::uint32_t n = 1; n <= count; ++n) lines_.emplace_back(sources.line(source, n));
  }

  Slips run() {
    merges();
    std::size_t block = std::string::npos;  // column of a line that ends in ` |`
    for (std::size_t i = 0; i < lines_.size(); ++i) {
      const std::size_t column = std::min(lines_[i].find_first_not_of(' '), lines_[i].size());
      if (column == lines_[i].size()) continue;
      if (block != std::string::npos && column > block) continue;
      block = lines_[i].ends_with("|") ? column : std::string::npos;
      blanks(i);
    }
    if (odd_ > 0) {
      Diagnostic& d =
          diagnostics_.add("BEL1027", first_, "this blank is none: it only looks like one");
      if (odd_ > 1)
        d.notes.push_back({{}, false, std::to_string(odd_) + " of them are in this file"});
      d.help = "type a plain blank; such ones come with text that is pasted";
    }
    for (const std::string& line : lines_) out_.text += line + "\n";
    return std::move(out_);
  }

 private:
  void blanks(std::size_t number) {
    const std::string line = lines_[number];
    std::string out;
    bool indent = true;
    for (std::size_t i = number == 0 && line.starts_with("\xEF\xBB\xBF") ? 3 : 0;
         i < line.size();) {
      const char c = line[i];
      if (form_ == File::Form::kText && (c == '"' || c == '\'')) {
        const std::size_t end = std::min(string_end(line, i), line.size());
        out += line.substr(i, end - i);
        i = end;
        indent = false;
        continue;
      }
      if (c == '#' && (indent || line[i - 1] == ' '))
        return keep(number, std::move(out), line.substr(i));
      const std::size_t size = odd_blank(line, i);
      // A value of YAML may hold any of them.
      const bool here = size > 0 && (form_ == File::Form::kText || indent || line[i - 1] == ':' ||
                                     line[i - 1] == '-' || i + size == line.size());
      if (!here) {
        indent = indent && c == ' ';
        out += line.substr(i, std::max<std::size_t>(size, 1));
        i += std::max<std::size_t>(size, 1);
        continue;
      }
      if (odd_++ == 0) {
        first_ = {source_, static_cast<std::uint32_t>(number + 1),
                  static_cast<std::uint32_t>(i + 1), static_cast<std::uint32_t>(size)};
      }
      out += std::string(indent ? 1 : size, ' ');
      i += size;
    }
    keep(number, std::move(out), "");
  }
  void keep(std::size_t number, std::string code, const std::string& comment) {
    if (comment.empty()) {
      while (code.ends_with(' ')) code.pop_back();
    }
    lines_[number] = std::move(code) + comment;
  }

  static bool mark(const std::string& line, char c) {
    return line.size() >= 7 && line.find_first_not_of(c) >= 7 &&
           (line.find_first_not_of(c) == std::string::npos || line[7] == ' ') &&
           std::all_of(line.begin(), line.begin() + 7, [&](char one) { return one == c; });
  }
  // Of two sides the first is read on.
  void merges() {
    bool open = false, other = false;
    for (std::size_t i = 0; i < lines_.size(); ++i) {
      const std::string& line = lines_[i];
      const bool begins = mark(line, '<'), ends = mark(line, '>'), base = mark(line, '|'),
                 middle = line == "=======";
      if (begins || ((middle || ends || base) && !open)) {
        diagnostics_
            .add("BEL1028",
                 {source_, static_cast<std::uint32_t>(i + 1), 1,
                  static_cast<std::uint32_t>(line.size())},
                 "a merge was not finished here")
            .help = "keep one of the two sides, and take the lines with the marks out";
      }
      if (begins) open = true;
      other = !ends && (other || (open && (middle || base)));
      if (begins || ends || base || middle || other) {
        out_.lost = true;
        lines_[i].clear();
      }
      if (ends) open = false;
    }
  }

  std::uint32_t source_;
  File::Form form_;
  Diagnostics& diagnostics_;
  std::vector<std::string> lines_;
  std::size_t odd_ = 0;
  Span first_;
  Slips out_;
};

}  // namespace

Slips mend_slips(const Sources& sources, std::uint32_t source, File::Form form,
                 Diagnostics& diagnostics) {
  return Mender(sources, source, form, diagnostics).run();
}

Sources with_text(const Sources& sources, std::uint32_t source, std::string text) {
  Sources out;
  for (std::uint32_t i = 0; i < source; ++i) out.add("", "");
  out.add(sources.file(source).path, std::move(text));
  return out;
}

}  // namespace belay::dsl
