#include "tests/mutations/mutate.h"

#include <re2/re2.h>

#include <algorithm>
#include <cctype>

namespace belay::mutations {

bool word_char(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

std::size_t group(const std::string& line, const char* pattern, std::string& word) {
  re2::StringPiece found[2];
  const RE2 regex(pattern);
  if (!regex.Match(line, 0, line.size(), RE2::UNANCHORED, found, 2)) return std::string::npos;
  word = std::string(found[1]);
  return static_cast<std::size_t>(found[1].data() - line.data());
}

bool matches(const std::string& line, const char* pattern) {
  return RE2::PartialMatch(line, pattern);
}

std::uint32_t Random::below(std::size_t n) {
  state_ = state_ * 1664525u + 1013904223u;
  return n == 0 ? 0 : (state_ >> 8) % static_cast<std::uint32_t>(n);
}

// ---- Outline

Outline::Outline(const std::string& text) {
  std::size_t at = 0;
  std::vector<int> open;
  std::size_t block = std::string::npos;  // column of a line that ends in ` |`
  while (at < text.size()) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    Row row;
    row.text = text.substr(at, end - at);
    at = end + 1;
    row.indent = std::min(row.text.find_first_not_of(' '), row.text.size());
    const bool blank = row.indent == row.text.size() || row.text[row.indent] == '#';
    if (!blank && block != std::string::npos && row.indent <= block) block = std::string::npos;
    row.code = !blank && block == std::string::npos;
    if (row.code) {
      while (!open.empty() && rows[static_cast<std::size_t>(open.back())].indent >= row.indent) {
        open.pop_back();
      }
      row.parent = open.empty() ? -1 : open.back();
      open.push_back(static_cast<int>(rows.size()));
      if (row.text.ends_with(" |")) block = row.indent;
    }
    rows.push_back(std::move(row));
  }
}

std::vector<int> Outline::children(int row) const {
  std::vector<int> out;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].code && rows[i].parent == row) out.push_back(static_cast<int>(i));
  }
  return out;
}

int Outline::end_of(int row) const {
  const auto& head = rows[static_cast<std::size_t>(row)];
  int last = row;
  for (std::size_t i = static_cast<std::size_t>(row) + 1; i < rows.size(); ++i) {
    const bool blank = rows[i].indent == rows[i].text.size();
    if (!blank && rows[i].indent <= head.indent) break;
    if (!blank) last = static_cast<int>(i);
  }
  return last + 1;
}

int Outline::sibling(int row, int step) const {
  const std::vector<int> all = children(rows[static_cast<std::size_t>(row)].parent);
  const auto here = std::find(all.begin(), all.end(), row) - all.begin() + step;
  return here < 0 || here >= static_cast<std::ptrdiff_t>(all.size())
             ? -1
             : all[static_cast<std::size_t>(here)];
}

std::string Outline::parent_said(int row) const {
  const int parent = rows[static_cast<std::size_t>(row)].parent;
  return parent < 0 ? "" : rows[static_cast<std::size_t>(parent)].said();
}

std::string Outline::text() const {
  std::string out;
  for (const Row& row : rows) out += row.text + "\n";
  return out;
}

// ---- Sink

bool Sink::read_here(const std::string& name) const {
  for (const Outline::Row& row : outline_.rows) {
    const std::size_t at = row.text.find_first_of("=:, ", row.indent);
    for (std::size_t i = row.text.find(name, at); i != std::string::npos;
         i = row.text.find(name, i + 1)) {
      const std::size_t end = i + name.size();
      const bool word = !word_char(row.text[i - 1]) && row.text[i - 1] != '.' &&
                        (name.back() == '.' || end >= row.text.size() || !word_char(row.text[end]));
      const bool of_record =
          matches(row.text, "^ *(- )?(steps?|wait|workflow|event|once|takes|ask):? ");
      if (row.code && word && !of_record) return true;
    }
  }
  return false;
}

void Sink::change(const std::string& kind, int row, const std::string& after,
                  std::set<int> also_rows, bool anywhere) {
  if (outline_.rows[static_cast<std::size_t>(row)].text == after) return;
  replace(kind, row, row + 1, {after}, std::move(also_rows));
  out_.back().anywhere = anywhere;
}

void Sink::replace(const std::string& kind, int row, int end, const std::vector<std::string>& after,
                   std::set<int> also_rows) {
  Mutation m;
  m.kind = kind;
  m.path = path_;
  m.line = static_cast<std::uint32_t>(row + 1);
  for (std::size_t i = 0; i <= std::max<std::size_t>(after.size(), 1) - 1; ++i) {
    m.good.insert(m.line + static_cast<std::uint32_t>(i));
  }
  const int moved = static_cast<int>(after.size()) - (end - row);
  for (const int also : also_rows) {
    if (also < 0) continue;
    m.good.insert(static_cast<std::uint32_t>(also + 1 + (also >= end ? moved : 0)));
  }
  m.before = outline_.rows[static_cast<std::size_t>(row)].text;
  m.after = after.empty() ? "(gone)" : after.front();
  for (int i = 0; i < static_cast<int>(outline_.rows.size()); ++i) {
    if (i == row) {
      for (const std::string& line : after) m.text += line + "\n";
    }
    if (i < row || i >= end) m.text += outline_.rows[static_cast<std::size_t>(i)].text + "\n";
  }
  if (end == row && row == static_cast<int>(outline_.rows.size())) {
    for (const std::string& line : after) m.text += line + "\n";
  }
  out_.push_back(std::move(m));
}

std::string Sink::typo(const std::string& word) {
  for (int tries = 0; tries < 50; ++tries) {
    std::string out = word;
    const std::size_t at = random_.below(word.size());
    if (!word_char(word[at]) || word[at] == '_') continue;
    switch (random_.below(4)) {
      case 0: out.erase(at, 1); break;
      case 1: out.insert(at, 1, word[at]); break;
      case 2:
        if (at + 1 < out.size() && word_char(out[at + 1])) std::swap(out[at], out[at + 1]);
        break;
      default: out[at] = "aeiostrnlxq"[random_.below(11)];
    }
    const bool sound = !out.empty() && !std::isdigit(static_cast<unsigned char>(out[0])) &&
                       out.front() != '.' && out.back() != '.' &&
                       out.find("..") == std::string::npos;
    if (sound && out != word && !words_.contains(out)) return out;
  }
  return {};
}

void Sink::misspell(const std::string& kind, int row, std::size_t at, const std::string& word,
                    bool anywhere) {
  const std::string wrong = typo(word);
  if (wrong.empty()) return;
  std::string line = outline_.rows[static_cast<std::size_t>(row)].text;
  line.replace(at, word.size(), wrong);
  change(kind, row, line, {}, anywhere);
}

// ---- What the files know

std::set<std::string> words_of(const Files& files) {
  std::set<std::string> words = {"text", "int",    "money", "bool", "uuid", "timestamp", "date",
                                 "url",  "json",   "email", "run",  "ask",  "try",       "set",
                                 "api",  "header", "query", "type", "body", "worker",    "map"};
  for (const auto& [path, text] : files) {
    for (std::size_t i = 0; i < text.size();) {
      std::size_t end = i;
      while (end < text.size() && (word_char(text[end]) || text[end] == '.')) ++end;
      if (end > i) {
        const std::string word = text.substr(i, end - i);
        words.insert(word);
        const std::size_t line = text.rfind('\n', i) + 1;
        const std::string before = text.substr(line, i - line);
        const bool comment = before.find('#') != std::string::npos;
        const bool read = before.ends_with("= ") || before.ends_with("key ") ||
                          before.ends_with("when ") || before.ends_with("key: ") ||
                          before.ends_with("when: ");
        const std::size_t behind = text.find_first_not_of(' ', end);
        const bool field = i - line == 2 || (i - line == 4 && behind != std::string::npos &&
                                             behind > end + 1 && word_char(text[behind]));
        if (before.find_first_not_of(' ') == std::string::npos && field &&
            !words.insert("declared " + word).second) {
          words.insert("again " + word);
        }
        if (word.find('.') != std::string::npos && !comment) {
          if (read) words.insert("root " + word.substr(0, word.find('.')));
          if (read) words.insert("read " + word.substr(word.rfind('.') + 1));
        } else if (read && !comment) {
          words.insert("read " + word);
        }
        for (std::size_t at = i; at < end;) {
          const std::size_t dot = std::min(text.find('.', at), end);
          words.insert(text.substr(at, dot - at));
          at = dot + 1;
        }
      }
      i = std::max(end, i + 1);
    }
  }
  return words;
}

std::map<std::string, std::map<std::string, std::string>> takes_of(const Files& files) {
  std::map<std::string, std::map<std::string, std::string>> out;
  for (const auto& [path, text] : files) {
    if (!path.ends_with(".belay")) continue;
    const Outline outline(text);
    for (int i = 0; i < static_cast<int>(outline.rows.size()); ++i) {
      const auto& row = outline.rows[static_cast<std::size_t>(i)];
      if (!row.code || row.said() != "takes") continue;
      const std::string owner = outline.parent_said(i);
      if (!owner.starts_with("action ")) continue;
      const std::string name = owner.substr(7, owner.find(' ', 7) - 7);
      for (const int child : outline.children(i)) {
        const std::string field = outline.rows[static_cast<std::size_t>(child)].said();
        const std::size_t space = field.find(' ');
        if (space == std::string::npos) continue;
        out[name][field.substr(0, space)] = field.substr(field.find_first_not_of(' ', space));
      }
    }
  }
  return out;
}

std::vector<std::string> values_of_another_type(const std::string& type) {
  if (type == "duration") return {"40", "\"40 minutes\"", "EUR 40.00", "true"};
  if (type == "money")
    return {"49.90",     "\"49.90\"", "4990",  "5 minutes",
            "EUR 49,90", "EUR 49.9",  "XYZ 5", "EUR49.90"};
  if (type == "uuid") return {"7", "\"seven\"", "true", "5 minutes", "EUR 5.00"};
  if (type == "timestamp") return {"\"tomorrow\"", "5 minutes", "17", "false"};
  if (type.starts_with("text") || type == "email") return {"7", "false", "5 minutes", "EUR 7.00"};
  if (type == "int") return {"\"7\"", "7.5", "true", "5 minutes"};
  if (type.starts_with("int")) return {"\"7\"", "7.5", "true", "-1", "5 minutes"};
  return {};
}

}  // namespace belay::mutations
