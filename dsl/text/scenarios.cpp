// Scenarios of the text form: lines that begin with `given`, `when` or `then`, in this order; `and`
// goes on with the one before. The sentence behind the word is read by sentences.h; its arguments
// may stand under it.
#include "dsl/text/builder.h"
#include "dsl/text/sentences.h"

namespace belay::dsl::text {

namespace {

constexpr std::string_view kSections[] = {"given", "when", "then"};

std::size_t rank(std::string_view section) {
  std::size_t i = 0;
  while (i < std::size(kSections) && kSections[i] != section) ++i;
  return i;
}

}  // namespace

ScenarioDecl Builder::scenario(const Line& line, const Parsed& parsed, std::vector<Allow>& allows) {
  ScenarioDecl out;
  out.workflow = name(line, parsed.first(Part::Tag::kName));
  std::string_view section;
  bool lost = false;  // which section this is cannot be told: what goes on with it is passed over
  for (const Line& child : line.children) {
    const std::size_t end = std::min(child.text.find_first_of(" \n"), child.text.size());
    const std::string_view word = std::string_view(child.text).substr(0, end);
    if (child.broken) {
      broken_ = true;
      if (rank(word) < std::size(kSections)) section = kSections[rank(word)];
      continue;
    }
    no_block(child);
    if (allow(child, line, allows)) continue;
    if (word == "and" && lost) continue;
    if (word == "and" && !section.empty()) {
      scenario_line(child, section, end, out);
      continue;
    }
    if (rank(word) == std::size(kSections)) {
      Diagnostic& d = problem("BEL1045", child.span(0, end),
                              "a line of a scenario begins with `given`, `when`, `then` or `and`");
      if (word == "and") d.help = "begin with `given`, `when` or `then`; `and` goes on with it";
      lost = true;
      continue;
    }
    lost = false;
    if (!section.empty() && rank(word) < rank(section)) {
      problem("BEL1045", child.span(0, end),
              "`" + std::string(word) + "` cannot stand after `" + std::string(section) + "`")
          .help =
          "a scenario says what is given, then what happens, then what is expected of the end";
    } else {
      section = kSections[rank(word)];
    }
    scenario_line(child, kSections[rank(word)], end, out);
  }
  if (out.then.empty() && !broken_) {
    missing(line.span(0, 8), "the scenario expects nothing",
            "add `then it ends completed`, or what else should be true at the end");
  }
  return out;
}

void Builder::scenario_line(const Line& line, std::string_view section, std::size_t from,
                            ScenarioDecl& into) {
  const PartReader reader{[&](const Part& part) { return name(line, &part); },
                          [&](const Part& part) { return text(line, &part); },
                          [&](const Part& part) { return expr(line, &part); },
                          [&](const Part& part) { return number(line, &part); }};
  const Rule rule = section == "given"  ? Rule::kGiven
                    : section == "when" ? Rule::kSaidWhen
                                        : Rule::kSaidThen;
  if (broken_ && line.text.starts_with("and")) {
    // It goes on with another section, the word of which was lost above.
    const auto fits = [&](Rule other) { return parse_line(other, line.text, from).ok; };
    if (!fits(rule) && (fits(Rule::kGiven) || fits(Rule::kSaidWhen) || fits(Rule::kSaidThen)))
      return;
  }
  const Parsed parsed = parse(line, rule, from, section);
  if (!parsed.ok) return;
  // Arguments stand in the line or under it.
  const auto below = [&](std::vector<Arg>& with) {
    const bool open = line.text.ends_with(" with") || line.text.ends_with(" gives");
    if (open) with = args(line.children);
    if (open && with.empty() && !broken_)
      missing(line.whole(), "the sentence ends where its arguments are needed",
              "write `name = value` behind it, or on deeper lines");
    if (!open) leaf(line, section);
  };
  const Span span = line.whole();
  if (section == "given") {
    leaf(line, section);
    for (Arg& arg : read_given(parsed, reader)) into.given.push_back(std::move(arg));
  } else if (section == "when") {
    ScenarioWhen when = read_when(parsed, reader);
    when.span = span;
    below(when.with);
    into.when.push_back(std::move(when));
  } else {
    ScenarioThen then = read_then(parsed, reader);
    then.span = span;
    below(then.with);
    into.then.push_back(std::move(then));
  }
}

}  // namespace belay::dsl::text
