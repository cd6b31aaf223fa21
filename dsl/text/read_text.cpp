// The text reader's entry, and what every block shares: matching a head, saying why a line does not
// fit, and turning parts into names, expressions, fields, arguments and types. A line that cannot
// be read costs one message; its children are read on wherever the head still tells what they are.
#include <algorithm>
#include <cctype>
#include <charconv>
#include <utility>

#include "dsl/limits.h"
#include "dsl/read.h"
#include "dsl/slips.h"
#include "dsl/text/builder.h"
#include "dsl/text/lexical.h"
#include "dsl/text/words.h"

namespace belay::dsl {

File read_text(const Sources& sources, std::uint32_t source, Diagnostics& diagnostics) {
  File file;
  file.source = source;
  file.form = File::Form::kText;
  file.lost = true;
  if (!readable(sources, source, diagnostics)) return file;
  const auto read_from = [&](const Sources& from, Diagnostics& into, bool mend) {
    text::Builder builder(from, source, into);
    file.declarations = builder.file(text::read_lines(from, source, into, nullptr, mend));
    file.lost = builder.lost();
  };
  Diagnostics found;  // of the file as it is
  read_from(sources, found, false);
  if (!found.all().empty()) {
    Diagnostics slipped;
    Slips slips = mend_slips(sources, source, file.form, slipped);
    const Sources base = with_text(
        sources, source, slipped.all().empty() ? sources.file(source).text : std::move(slips.text));
    Diagnostics mended = slipped;
    read_from(base, mended, true);
    if (slipped.all().empty() && mended.errors() >= found.errors()) {
      Diagnostics again;
      read_from(sources, again, false);
    } else {
      found = std::move(mended);
    }
    file.lost = file.lost || slips.lost;
  }
  diagnostics.absorb(std::move(found));
  return file;
}

namespace text {

using Tag = Part::Tag;

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string digits_at(const std::string& text, std::size_t from) {
  std::size_t end = from;
  while (end < text.size() && is_digit(text[end])) ++end;
  return text.substr(from, end - from);
}

// `EUR 49` when the text reads `EUR 49,90` and the comma is at `at`; else empty.
std::string amount_before(const std::string& text, std::size_t at) {
  if (at + 1 >= text.size() || text[at] != ',' || !is_digit(text[at + 1])) return "";
  std::size_t begin = at;
  while (begin > 0 && is_digit(text[begin - 1])) --begin;
  if (begin == at || begin < 4 || text[begin - 1] != ' ') return "";
  for (std::size_t i = begin - 4; i < begin - 1; ++i) {
    if (text[i] < 'A' || text[i] > 'Z') return "";
  }
  return text.substr(begin - 4, at - begin + 4);
}

}  // namespace

Diagnostic& Builder::problem(std::string_view code, Span at, std::string message) {
  broken_ = true;
  return diagnostics_.add(code, at, std::move(message));
}

void Builder::missing(Span at, std::string message, std::string help) {
  problem("BEL1038", at, std::move(message)).help = std::move(help);
}

bool Builder::full() { return diagnostics_.errors() - errors_before_ >= kProblemsPerFile; }

bool Builder::once(Seen& seen, const std::string& what, Span at) {
  const auto [it, fresh] = seen.emplace(what, at);
  const Seen* before = std::exchange(twice_in_, fresh ? nullptr : &seen);
  if (fresh) return true;
  broken_ = true;
  if (before == &seen)
    return false;  // a whole block is here twice, or the head of the second is gone
  Diagnostic& d = problem("BEL1034", at, "`" + what + "` is said twice");
  d.notes.push_back({it->second, true, "first said here"});
  d.help = "keep one of the two";
  return false;
}

// Lines in a row that do not fit for one reason have lost their head: one message is enough.
// Returns whether the line follows such a one, and takes note of it.
bool Builder::goes_on(const Line& line) {
  const Span at = line.pieces.front().at;
  const bool again = at.column == lost_column_ && at.line > lost_line_ && at.line <= lost_line_ + 2;
  lost_line_ = last_line(line);
  lost_column_ = at.column;
  broken_ = broken_ || again;
  return again;
}

void Builder::no_block(const Line& line) {
  if (line.block)
    problem("BEL1044", line.whole(),
            "a final ` |` takes block text only after `sql` or `sql any rows`");
}

void Builder::leaf(const Line& line, std::string_view head) {
  if (line.children.empty()) return;
  problem("BEL1039", line.children.front().whole(),
          "nothing can stand under `" + std::string(head) + "`")
      .help = "indent this line like the one it belongs with";
}

bool Builder::looks_like_arg(const Line& line, bool strings) const {
  const std::string& t = line.text;
  std::size_t i = 0;
  if (strings && !t.empty() && t[0] == '"') {
    i = string_end(t, 0);
    if (i == std::string::npos) return false;
  } else {
    while (i < t.size() && (is_word(t[i]) || t[i] == '.' || t[i] == '-')) ++i;
  }
  if (i == 0) return false;
  while (i < t.size() && t[i] == ' ') ++i;
  return i < t.size() && t[i] == '=' && (i + 1 == t.size() || t[i + 1] != '=');
}

// ---- One line

Builder::Read Builder::read(const Line& line, unsigned place) {
  Read out;
  if (line.broken) broken_ = true;
  constexpr unsigned kWhens = kWorkflowBlock | kStatements | kTogetherBlock | kForEachBlock |
                              kWebhookBlock | kWebhookStatements;
  const auto take = [&](std::string_view words,
                        std::size_t from) {  // read on as if `words` had been written
    for (const Head& head : heads()) {
      if (head.words != words || (head.places & place) == 0) continue;
      out.head = &head;
      out.parsed = parse(line, head.rule, from, head.words);
      out.usable = true;
      return;
    }
  };
  if (looks_like_arg(line, false)) {
    if (goes_on(line)) return out;
    problem("BEL1031", line.whole(), "an argument cannot stand in " + place_name(place)).help =
        (place & kStepBlock) != 0 ? "indent it under `do`"
                                  : "indent it under the line that takes it";
    return out;
  }
  for (const std::string_view word : {"else if", "elif", "elsif", "else"}) {
    if (line.text.substr(0, word.size()) != word ||
        (line.text.size() > word.size() && is_word(line.text[word.size()])))
      continue;
    const bool more = word != "else";
    problem("BEL1033", line.span(0, word.size()),
            "`" + std::string(word) + "` is not a word of this language")
        .help = more ? "say `or when`" : "say `otherwise`";
    if ((place & kWhens) != 0)
      take(more ? "or when" : "otherwise", more ? word.size() : line.text.size());
    return out;
  }
  HeadMatch match = match_head(line.text, place);
  const std::string long_if =
      match.here == nullptr && line.text.substr(0, 3) == "if " ? meant_head(line.text, place) : "";
  const bool clause = match.elsewhere != nullptr && match.elsewhere->words.size() > 2;
  if ((place & kWhens) != 0 && match.here == nullptr && line.text.substr(0, 3) == "if " &&
      long_if.size() <= 4 && !clause) {
    const Parsed error = parse_line(Rule::kIfError, line.text, 2);
    const bool names_one =
        std::any_of(error.parts.begin(), error.parts.end(), [](const Part& part) {
          return part.tag == Tag::kWord && part.text != "or";  // `any error`, or an act
        });
    if (error.ok && names_one) {
      problem("BEL1031", line.span(0, 2), "`if` with an error cannot stand in " + place_name(place))
          .help =
          "it stands under its `step`, or in the column of a `try`, directly behind its block";
      return out;
    }
    problem("BEL1032", line.span(0, 2),
            "`if` names what went wrong in a step; a decision on data is `when`")
        .help = "say `when" + line.text.substr(2) + "`";
    take("when", 2);
    return out;
  }
  if (match.here == nullptr) {
    if (line.broken) return out;
    const bool other = match.elsewhere != nullptr && long_if.size() <= 4;
    const std::string meant = other ? "" : meant_head(line.text, place);
    if (!other) match.elsewhere = nullptr;
    unknown(line, place, match);
    if (meant.empty()) return out;
    std::size_t from = 0;
    for (std::size_t words =
             1 + static_cast<std::size_t>(std::count(meant.begin(), meant.end(), ' '));
         words > 0; --words) {
      from = std::min(line.text.size(), line.text.find_first_of(" \n,", from));
      while (words > 1 && from < line.text.size() && line.text[from] == ' ') ++from;
    }
    take(meant, from);
    return out;
  }
  out.head = match.here;
  const bool colon = match.length < line.text.size() && line.text[match.length] == ':';
  if (colon) {
    problem("BEL1022", line.span(match.length, 1),
            "no colon stands behind `" + std::string(match.here->words) + "`")
        .help = "leave it out";
    out.parsed = parse(line, out.head->rule, match.length + 1, out.head->words);
    out.usable = true;
    return out;
  }
  if (out.head->words != "sql" && out.head->words != "sql any rows") no_block(line);
  out.parsed = parse(line, out.head->rule, match.length, out.head->words);
  out.usable = true;
  misplaced_ = 0;
  return out;
}

void Builder::unknown(const Line& line, unsigned place, const HeadMatch& match) {
  std::size_t first = 0;
  while (first < line.text.size() &&
         (is_word(line.text[first]) || static_cast<unsigned char>(line.text[first]) >= 0x80))
    ++first;
  first = std::max<std::size_t>(first, 1);
  if (match.elsewhere != nullptr) {
    const unsigned belongs = places_of(match.elsewhere->words);
    const std::uint32_t column = line.pieces.empty() ? 0 : line.pieces.front().at.column;
    const bool same_block = std::exchange(misplaced_column_, column) == column;
    if (same_block &&
        (misplaced_ & belongs) != 0) {  // the head of all of them is missing: one message is enough
      misplaced_ &= belongs;
      broken_ = true;
      return;
    }
    misplaced_ = belongs;
    const std::string words(match.elsewhere->words);
    problem("BEL1031", line.span(0, match.length),
            "`" + words + "` cannot stand in " + place_name(place))
        .help = "`" + words + "` " + where_it_belongs(*match.elsewhere);
    return;
  }
  if ((place & (kArgs | kCallBlock)) != 0) {
    Diagnostic& d = problem("BEL1035", line.whole(), "an argument is needed here: `name = value`");
    const std::size_t colon = line.text.find(':');
    if (colon != std::string::npos && colon == first) {
      std::size_t value = line.text.find_first_not_of(' ', colon + 1);
      d.help = "say `" + line.text.substr(0, first) + " = " +
               (value == std::string::npos ? "…" : line.text.substr(value)) + "`";
    }
    return;
  }
  const std::string meant = meant_head(line.text, place);
  const std::string other = head_of_other_languages(line.text.substr(0, first));
  if ((place & kFile) == 0 && meant.empty() && other.empty() && goes_on(line)) return;
  Diagnostic& d =
      problem("BEL1030", line.span(0, first),
              "`" + line.text.substr(0, first) + "` does not begin a line in " + place_name(place));
  if (!meant.empty()) {
    // The head that was meant may be of more words than the one that is pointed at.
    std::size_t end = 0,
                words = 1 + static_cast<std::size_t>(std::count(meant.begin(), meant.end(), ' '));
    for (; words > 0 && end < line.text.size(); --words) {
      end = line.text.find_first_not_of(' ', end);
      end = std::min(line.text.find_first_of(" ,\n", end), line.text.size());
    }
    did_you_mean(d, line.text.substr(0, first), meant);
    d.fix = Fix{line.span(0, end), meant};
  } else if (!other.empty()) {
    d.help = "say `" + other + "`";
  }
}

Parsed Builder::parse(const Line& line, Rule rule, std::size_t from, std::string_view after) {
  Parsed parsed = parse_line(rule, line.text, from);
  if (!parsed.ok) {
    broken_ = true;
    if (!line.broken) misfit(line, parsed, rule, from, after);
  }
  return parsed;
}

void Builder::misfit(const Line& line, const Parsed& parsed, Rule rule, std::size_t from,
                     std::string_view after) {
  const std::size_t at = std::min(parsed.failed_at, line.text.size());
  std::size_t end = at;
  while (end < line.text.size() && line.text[end] != ' ' && line.text[end] != '\n' &&
         line.text[end] != ',')
    ++end;
  if (end == at && end < line.text.size()) ++end;
  const std::string found = line.text.substr(at, end - at);
  if (rule == Rule::kIfError && !found.empty() &&
      (found == "is" || found == "and" || found == "not" ||
       std::string_view("<>=!+-*/?([&|").find(found[0]) != std::string_view::npos)) {
    problem("BEL1032", line.span(0, 2),
            "`if` names what went wrong in a step; a decision on data is `when`")
        .help = "put a `when` before the step, or name the error: `if booking.slot_taken, …`";
    return;
  }
  std::string wanted;
  const bool could_end = std::find(parsed.expected.begin(), parsed.expected.end(),
                                   "the end of the line") != parsed.expected.end();
  for (std::size_t i = 0; i < parsed.expected.size(); ++i) {
    wanted += (i == 0 ? "" : i + 1 == parsed.expected.size() ? " or " : ", ") + parsed.expected[i];
  }
  const std::string place = at == from || after.empty()
                                ? (after.empty() ? "" : " after `" + std::string(after) + "`")
                                : "";
  if (at >= line.text.size()) {
    problem("BEL1035", line.span(line.text.size(), 0),
            "the line ends where " + wanted + " is needed" + place)
        .help = example_of(rule);
    return;
  }
  const Span where = line.span(at, end - at);
  const bool digits = parsed.expected.size() == 1 && parsed.expected[0] == "a whole number";
  if (digits) {
    problem("BEL1037", where, "`" + found + "` is not a whole number");
  } else if (const std::string amount = amount_before(line.text, at); !amount.empty()) {
    problem("BEL1207", line.span(at - amount.size(), amount.size() + 1),
            "an amount has a point before its decimals, not a comma")
        .help = "write `" + amount + "." + digits_at(line.text, at + 1) + "`";
  } else if (could_end) {
    Diagnostic& d = problem("BEL1036", where, "`" + found + "` is left over here");
    d.notes.push_back({{}, false, "expected " + wanted});
    d.help = example_of(rule);
  } else {
    problem("BEL1035", where, "`" + found + "` stands where " + wanted + " is needed" + place)
        .help = example_of(rule);
  }
}

// ---- Parts

Name Builder::plain_name(const Line& line, const Part* part) {
  if (part == nullptr) return {};
  return {part->text, at(line, *part)};
}

Name Builder::name(const Line& line, const Part* part) {
  Name out = plain_name(line, part);
  if (part != nullptr && !is_dotted_name(out.text)) {
    Diagnostic& d = problem(
        "BEL1041", out.span,
        "`" + out.text + "` is not a name: small letters, digits and `_`, with dots between");
    const std::string better = as_name(out.text);
    if (!better.empty()) d.help = "say `" + better + "`";
  }
  return out;
}

Name Builder::declared(const Line& line, const Part* part) {
  Name out = name(line, part);
  if (is_dotted_name(out.text) && out.text.find('.') != std::string::npos) {
    problem("BEL1041", out.span, "`" + out.text + "` has a dot: names inside a workflow have none");
  }
  return out;
}

Text Builder::text(const Line& line, const Part* part) {
  if (part == nullptr) return {};
  return {unquote(part->text), at(line, *part)};
}

Expr Builder::expr(const Line& line, const Part* part) {
  if (part == nullptr) return {};
  Expr out{part->text, at(line, *part), {}};
  for (std::size_t i = out.text.find('\n'); i != std::string::npos;
       i = out.text.find('\n', i + 1)) {
    out.lines.push_back(line.span(part->offset + i + 1, out.text.size() - i - 1));
  }
  if (out.text.size() > limits::expression_bytes_max) {
    problem("BEL1003", out.span,
            "the expression has " + std::to_string(out.text.size()) + " bytes, at most " +
                std::to_string(limits::expression_bytes_max) + " are read");
    out.text.resize(1);
    out.lines.clear();
  }
  return out;
}

Number Builder::number(const Line& line, const Part* part) {
  if (part == nullptr) return {};
  Number out{0, at(line, *part)};
  const auto result =
      std::from_chars(part->text.data(), part->text.data() + part->text.size(), out.value);
  if (result.ec != std::errc{})
    problem("BEL1037", out.span, "`" + part->text + "` is too large a number");
  return out;
}

// ---- Fields, arguments, tries

TypeExpr Builder::type(const Line& line, const std::vector<Part>& parts, std::size_t& next) {
  TypeExpr out;
  std::string error;
  std::size_t failed = next;
  out = type_of(
      parts, next, [&](const Part& part) { return at(line, part); }, error, failed);
  if (!error.empty()) {
    const std::string help = failed < parts.size() && parts[failed].tag == Tag::kName
                                 ? type_help(parts[failed].text)
                                 : "";
    Diagnostic& d =
        problem("BEL1042", failed < parts.size() ? at(line, parts[failed]) : line.whole(), error);
    d.help = help;
    // "did you mean `text`?", "say `text`": the word in backticks is the fix.
    const std::size_t tick = help.find('`');
    const std::size_t end = tick == std::string::npos ? tick : help.find('`', tick + 1);
    if (end != std::string::npos && d.span.length == parts[failed].text.size())
      d.fix = Fix{d.span, help.substr(tick + 1, end - tick - 1)};
  }
  return out;
}

FieldDecl Builder::field(const Line& line, bool& usable, bool values) {
  FieldDecl out;
  usable = false;
  no_block(line);
  const HeadMatch match = match_head(line.text, kFields);
  const Parsed parsed = parse_line(Rule::kField, line.text, 0);
  if (!parsed.ok) {
    broken_ = true;
    if (line.broken) return out;
    const bool clause =
        match.elsewhere != nullptr && match.length < line.text.size() &&
        (parsed.parts.size() < 2 || parse_line(match.elsewhere->rule, line.text, match.length).ok);
    if (clause) {
      unknown(line, kFields, match);
    } else {
      const bool lost = looks_like_arg(line, false) && goes_on(line);
      if (!lost) misfit(line, parsed, Rule::kField, 0, "");
      if (!parsed.parts.empty() &&
          parsed.parts[0].tag == Tag::kName) {  // keep the name, of no type
        out.name = plain_name(line, &parsed.parts[0]);
        usable = is_identifier(out.name.text);
      }
    }
    return out;
  }
  if (line.broken) broken_ = true;
  out.name = declared(line, &parsed.parts[0]);
  std::size_t next = 1;
  out.type = type(line, parsed.parts, next);
  if (next + 1 < parsed.parts.size()) {
    out.value = expr(line, &parsed.parts[next + 1]);
    if (!values && !goes_on(line)) {
      problem("BEL1036", out.value.span,
              "a value cannot be given to `" + out.name.text +
                  "` here: only `gives` of an action says `= …`");
    }
  }
  leaf(line, out.name.text);
  usable = true;
  return out;
}

std::vector<FieldDecl> Builder::fields(const Lines& lines, bool values) {
  std::vector<FieldDecl> out;
  Seen seen;
  for (const Line& line : lines) {
    bool usable = false;
    FieldDecl one = field(line, usable, values);
    const bool typed = one.type.shape != TypeExpr::Shape::kNamed || !one.type.name.empty();
    if (!usable || (!typed && seen.contains(one.name.text))) continue;
    if (once(seen, one.name.text, one.name.span)) out.push_back(std::move(one));
  }
  return out;
}

void Builder::arg(const Line& line, Rule rule, std::size_t from, std::vector<Arg>& into) {
  no_block(line);
  const Parsed parsed = parse(line, rule, from, "");
  if (!parsed.ok || line.broken) {
    broken_ = true;
    return;
  }
  Arg out;
  if (parsed.parts[0].tag == Tag::kString) {
    const Text quoted = text(line, &parsed.parts[0]);
    out.name = {quoted.text, quoted.span};
  } else {
    out.name = plain_name(line, &parsed.parts[0]);
    if (rule == Rule::kArg && !is_identifier(out.name.text)) {
      problem("BEL1041", out.name.span, "`" + out.name.text + "` is not the name of an argument")
          .help = "letters, digits and `_`, for example `" + as_name(out.name.text) + "`";
    }
  }
  out.value = expr(line, &parsed.parts[2]);
  leaf(line, out.name.text);
  for (const Arg& known : into) {
    if (known.name.text != out.name.text) continue;
    if (goes_on(line)) return;
    Diagnostic& d = problem("BEL1034", out.name.span, "`" + out.name.text + "` is said twice");
    d.notes.push_back({known.name.span, true, "first said here"});
    d.help = "keep one of the two";
    return;
  }
  into.push_back(std::move(out));
}

std::vector<Arg> Builder::args(const Lines& lines, Rule rule) {
  std::vector<Arg> out;
  for (const Line& line : lines) {
    if (looks_like_arg(line, rule == Rule::kCallArg)) {
      arg(line, rule, 0, out);
    } else if (line.broken) {
      broken_ = true;
    } else {
      const HeadMatch match = match_head(line.text, kArgs);
      unknown(line, kArgs, match);
      if (match.elsewhere != nullptr) break;  // what follows is more likely its own
    }
  }
  return out;
}

Tries Builder::tries(const Line& line, const Parsed& parsed, Span span) {
  Tries out;
  out.span = span;
  Seen seen;
  const auto value = [&](std::size_t i) {
    return i + 1 < parsed.parts.size() ? &parsed.parts[i + 1] : nullptr;
  };
  for (std::size_t i = 0; i < parsed.parts.size(); ++i) {
    const Part& part = parsed.parts[i];
    if (part.tag == Tag::kNumber) out.tries = number(line, &part);
    if (part.tag != Tag::kWord || part.text.empty() || part.text == ":") continue;
    if (!once(seen, part.text, at(line, part))) continue;
    if (part.text == "first wait") out.first_wait = expr(line, value(i));
    if (part.text == "at most") out.at_most = expr(line, value(i));
    if (part.text == "doubling") {
      out.doubling = true;
      out.doubling_span = at(line, part);
    }
    if (part.text == "random spread") {
      out.spread = true;
      out.spread_span = at(line, part);
    }
  }
  if (out.tries.value < 1 && parsed.ok)
    problem("BEL1037", out.tries.span, "at least one try is needed");
  return out;
}

}  // namespace text
}  // namespace belay::dsl
