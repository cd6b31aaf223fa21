// Mistakes in the text form.
#include <algorithm>

#include "tests/mutations/mutate.h"

namespace belay::mutations {
namespace {

const char* const kHeads[] = {"workflow",
                              "action",
                              "event",
                              "type",
                              "connector",
                              "webhook",
                              "retry plan",
                              "takes",
                              "gives",
                              "once per",
                              "finish within",
                              "if an undo fails",
                              "owner",
                              "step",
                              "wait",
                              "when",
                              "together",
                              "publish",
                              "point of no return",
                              "cancel because",
                              "do",
                              "undo with",
                              "no undo because",
                              "retry",
                              "if unsure",
                              "keep trying for",
                              "for",
                              "within",
                              "reads",
                              "reserves",
                              "moves money",
                              "notifies",
                              "records",
                              "repeating is",
                              "call",
                              "sql any rows",
                              "sql",
                              "plugin",
                              "undone by",
                              "checked by",
                              "settles in",
                              "base",
                              "sign in with bearer",
                              "request key in",
                              "remembers keys for",
                              "body",
                              "each call within",
                              "verified by",
                              "can end in",
                              "harmless if nothing was done",
                              "for each",
                              "repeat until",
                              "branch",
                              "ask",
                              "answers",
                              "try",
                              "run",
                              "for all of",
                              "for any of",
                              "pause",
                              "set",
                              "collect",
                              "carry on",
                              "try again after",
                              "hand to",
                              "alive every",
                              "at most",
                              "request key",
                              "one at a time per",
                              "starts on",
                              "tags",
                              "otherwise",
                              "or when"};

// The head of a row that is not a field or an argument; empty when there is none.
std::string head_of(const Outline& outline, int row) {
  const std::string said = outline.rows[static_cast<std::size_t>(row)].said();
  const std::string parent = outline.parent_said(row);
  if (matches(
          parent,
          "^(takes|gives|type |event |do |run |undo with|publish |undone by|checked by|"
          "call |if unsure|finish with|query|answers$|starts on |for (all|any) of$|scenario )") &&
      !matches(said, "^if ")) {
    return {};
  }
  std::string best;
  for (const std::string head : kHeads) {
    if (said.starts_with(head) && head.size() > best.size() &&
        (said.size() == head.size() || !word_char(said[head.size()]))) {
      best = head;
    }
  }
  return best;
}

bool is_field(const Outline& outline, int row) {
  return matches(outline.parent_said(row), "^(takes|gives|answers$|type |event )") &&
         !outline.rows[static_cast<std::size_t>(row)].said().starts_with("from version") &&
         !matches(outline.parent_said(outline.rows[static_cast<std::size_t>(row)].parent),
                  "^workflow");
}

bool is_arg(const Outline& outline, int row) {
  return matches(outline.parent_said(row),
                 "^(do|undo with|publish|undone by|checked by|if unsure) ") &&
         matches(outline.rows[static_cast<std::size_t>(row)].said(), "^[a-z_]+ += ");
}

void of_words(const Outline& o, int row, Sink& sink) {
  const std::string& line = o.rows[static_cast<std::size_t>(row)].text;
  const std::size_t indent = o.rows[static_cast<std::size_t>(row)].indent;
  const std::string head = head_of(o, row);
  std::string word;
  const auto misspell = [&](const char* kind, const char* pattern, bool anywhere = false) {
    const std::size_t at = group(line, pattern, word);
    if (at != std::string::npos)
      sink.misspell(std::string("text: ") + kind, row, at, word, anywhere);
  };
  if (!head.empty()) {
    sink.misspell("text: misspelt head", row, indent, head);
    std::string upper = line;
    upper[indent] = static_cast<char>(upper[indent] - 'a' + 'A');
    sink.change("text: capital head", row, upper);
    sink.change("text: trailing colon", row, line + ":");
    if (const std::size_t space = head.rfind(' ');
        space != std::string::npos && head != "sql any rows" && head != "retry plan") {
      std::string less = line;
      less.erase(indent + space, head.size() - space);
      sink.change("text: word missing", row, less);
    }
    std::string tab = line;
    if (indent >= 2) sink.change("text: tab", row, "\t" + tab.substr(2));
    if (indent >= 2)
      sink.change("text: tab", row, std::string(indent / 2, '\t') + tab.substr(indent));
  }
  misspell("misspelt action", "^ *(?:do|undo with|undone by|checked by) ([a-z_.]+)");
  misspell("misspelt action", "check with ([a-z_.]+)");
  misspell("misspelt event", "^ *(?:for|publish) ([a-z_]+\\.[a-z_]+),");
  if (matches(o.parent_said(row), "^(step|undo with)")) {
    misspell("misspelt error", "^ *if ([a-z_]+\\.[a-z_]+)");
  }
  misspell("misspelt connector", "^ *call ([a-z_]+),");
  misspell("misspelt plan", "^ *retry ([a-z_]+)$");
  misspell("misspelt key word",
           ", (key|version|doubling|otherwise|waiting for|first wait|carry on|"
           "cancel because|hand to|no older than|per second|at once|rest)");
  std::string step;
  group(line, "^ *(?:step|wait) ([a-z_]+)", step);
  if (sink.root(step) && sink.read_here(step + ".")) {
    misspell("misspelt step", "^ *step ([a-z_]+)", true);
    misspell("misspelt wait", "^ *wait ([a-z_]+)", true);
  }
  misspell("misspelt declaration", "^(?:action|event|connector|type|retry plan) ([A-Za-z_.]+)",
           true);
  if (is_field(o, row)) {
    misspell("misspelt type", "^ *[a-z_]+ +(?:optional |private )*([a-zA-Z]+)");
    std::string field;
    group(line, "^ *([a-z_]+)", field);
    if (sink.read(field) && sink.declared_once(field))
      misspell("misspelt declared field", "^ *([a-z_]+)", true);
  }
  if (matches(o.parent_said(row), "^takes") && !is_field(o, row)) {
    std::string taken;
    group(line, "^ *([a-z_]+)", taken);
    if (sink.read_here(taken)) misspell("misspelt input", "^ *([a-z_]+)", true);
    // The uses may be named instead; `bool` goes where none of the others does.
    std::string type, input;
    const std::size_t at = group(line, "^ *[a-z_]+ +(money|uuid|timestamp)$", type);
    group(line, "^ *([a-z_]+)", input);
    if (at != std::string::npos && sink.read(input) && sink.read_here(input)) {
      std::string wrong = line;
      wrong.replace(at, type.size(), "bool");
      sink.change("text: wrong declared type", row, wrong, {}, true);
    }
    misspell("misspelt type", "^ *[a-z_]+ +(?:optional |private )*([a-zA-Z]+)");
  }
  if (is_arg(o, row)) misspell("misspelt argument", "^ *([a-z_]+) +=");
  const bool typed = !matches(line, "body\\.|status |\"|from version");
  if (typed && matches(line, "^ *[a-z_]+ += [a-z_]+$") &&
      matches(o.parent_said(row), "^(do|undo with|publish|if unsure) ")) {
    misspell("misspelt name", "= ([a-z_]+)$");
  }
  if (typed) {
    misspell("misspelt name", "(?:= |when )([a-z_]+)\\.[a-z_]+");
    misspell("misspelt field", "(?:= |when )[a-z_]+\\.([a-z_]+)");
    misspell("misspelt name", ", key ([a-z_]+)$");
  }
}

void of_signs(const Outline& o, int row, Sink& sink) {
  const std::string& line = o.rows[static_cast<std::size_t>(row)].text;
  const std::size_t indent = o.rows[static_cast<std::size_t>(row)].indent;
  const auto without = [&](const char* kind, std::size_t at, std::size_t n, const char* with = "") {
    std::string out = line;
    out.replace(at, n, with);
    while (!out.empty() && out.back() == ' ') out.pop_back();
    sink.change(std::string("text: ") + kind, row, out, {o.sibling(row, 1), row + 1});
  };
  bool string = false;
  for (std::size_t i = indent; i < line.size(); ++i) {
    const char c = line[i];
    if (c == '"') {
      without("missing quote", i, 1);
      string = !string;
      if (string) {
        std::string smart = line;
        const std::size_t end = smart.find('"', i + 1);
        if (end != std::string::npos) {
          smart.replace(end, 1, "”");
          smart.replace(i, 1, "“");
          sink.change("text: smart quotes", row, smart);
          without("cut in a string", i + 2, line.size());
        }
      }
    } else if (!string && c == ',') {
      without("missing comma", i, 1);
      without("cut behind a comma", i + 1, line.size());
      without("semicolon for comma", i, 1, ";");
    } else if (!string && std::string_view("()[]{}").find(c) != std::string_view::npos) {
      without("missing bracket", i, 1);
    }
  }
  std::string word;
  const auto swap = [&](const char* kind, const char* pattern, std::vector<std::string> with) {
    const std::size_t at = group(line, pattern, word);
    if (at == std::string::npos) return;
    for (const std::string& w : with) {
      if (w == "0 minutes" && (is_arg(o, row) || matches(line, " arrives | answers .* after ")))
        continue;  // may be meant
      without(kind, at, word.size(), w.c_str());
    }
  };
  swap("= as comparison", "^ *(?:when|if (?:body|status)).*?[a-z] (is)(?: not)? [a-z0-9\"]", {"="});
  swap("if for when", "^ *(when) ", {"if", "else if", "elif", "unless", "where"});
  swap("else", "^ *within .*, (otherwise)", {"else", "or else", "then"});
  swap("wrong unit", "([0-9]+ (?:milliseconds?|seconds?|minutes?|hours?|days?))",
       {"15m", "40 minuets", "2 weeks", "30 mins", "17", "-5 minutes", "1.5 hours", "ten minutes",
        "5 Minutes", "PT5M", "0 minutes", "\"5 minutes\"", "5", "1 month"});
  swap("version", "(, version 1)",
       {"", ", version", ", version one", ", version -1", ", version 0", ", version 1.5",
        " version 1", ", v1"});
  swap("event key", "^event .*(, key [a-z_]+)", {"", ", key", ", key bookng_nr"});
  swap("wait key", "^ *for [a-z_.]+(, key [a-z_]+)", {"", ", key", ", by booking"});
  swap("number", "(?:at most|^ *after|:) ([0-9]+) ", {"-5", "0", "many", "1.5", "1,000"});
  swap("colon for equals", "^ *[a-z_\"]+ +(=) ", {":"});
  swap("equals missing", "^ *[a-z_]+ +(= )[a-z\"0-9]", {""});
  swap("two equals", "^ *[a-z_]+ +(=) ", {"==", ":=", "=>"});
  swap("value missing", "^ *[a-z_]+ +=( .*)$", {""});
  swap("comparison", "^ *when .* (is not) ", {"is no", "isnt", "<>", "not is", "IS NOT", "not"});
  swap("name", "^ *(?:step|wait) ([a-z_]+)",
       {"Hold", "hold-slot", "hold.slot", "hold slot", "", "1st"});
  std::string action;
  if (group(line, "^ *(?:do|undo with|undone by) ([a-z_]+\\.[a-z_]+)$", action) !=
      std::string::npos) {
    const std::size_t dot = action.find('.');
    const std::string family = action.substr(0, dot), verb = action.substr(dot + 1);
    std::string big = family;
    big[0] = static_cast<char>(big[0] - 'a' + 'A');
    swap("action name", "^ *(?:do|undo with|undone by) ([a-z_]+\\.[a-z_]+)$",
         {"", family + " " + verb, family + ".." + verb, "." + verb, big + "." + verb,
          family + "/" + verb, action + "()", "the thing", family + ".", verb});
  }
  swap("colon for a blank", "^ *(?:do|undo with|step|wait|retry|once per)( )", {": "});
  swap("type", "^ +[a-z_]+ +(text|int|money|uuid|timestamp)$",
       {"string", "decimal", "datetime", "a uuid", "Text", "list", "list text", "", "text?",
        "list of", "optional", "map of", "one of", "Custmer", "number"});
  swap("point", "(point of no return)",
       {"point of return", "point_of_no_return", "no return", "point of no return now",
        "point of no retrun"});
  swap("cancel", "(cancel because) ",
       {"cancel", "cancel with", "abort because", "cancel, because", "cancell because"});
  swap("keep", "(keep trying for) ",
       {"keep trying", "keeps trying for", "try for", "keep on trying for"});
  swap("then", "^ *keep trying .*(, then carry on)",
       {"", " then carry on", ", carry on", ", then", ", then carry", ", then go on",
        ", then cancel"});
  swap("together", "^ *together(, waiting for all)",
       {"", " waiting for all", ", waiting for", ", wait for all", ", waiting for everyone"});
  swap("undo", "^ *(undo with) ",
       {"undo", "undo by", "undone by", "undo:", "rollback with", "with"});
  swap("do", "^ *(do) ", {"call", "run it", "Do", "does", "doing", "execute"});
  if (line == "belay 1") {
    for (const char* first : {"belay", "belay 2", "belay1", "belay: 1", "Belay 1", "version 1"}) {
      sink.change("text: first line", row, first);
    }
    sink.replace("text: first line", row, row + 1, {}, {row + 1, row + 2});
  }
}

void of_values(const Outline& o, int row, Sink& sink,
               const std::map<std::string, std::map<std::string, std::string>>& takes) {
  const std::string& line = o.rows[static_cast<std::size_t>(row)].text;
  const std::string parent = o.parent_said(row);
  std::string name, action, value;
  if (!is_arg(o, row) ||
      group(parent, "^(?:do|undo with) ([a-z_.]+)", action) == std::string::npos) {
    return;
  }
  const auto found = takes.find(action);
  group(line, "^ *([a-z_]+)", name);
  const std::size_t at = group(line, " = (.*)$", value);
  if (found == takes.end() || !found->second.contains(name) || at == std::string::npos) return;
  for (const std::string& wrong : values_of_another_type(found->second.at(name))) {
    sink.change("text: wrong type", row, line.substr(0, at) + wrong);
  }
  if (parent.starts_with("do ") && !found->second.at(name).starts_with("optional")) {
    const int owner = o.rows[static_cast<std::size_t>(row)].parent;
    sink.replace("text: missing argument", row, row + 1, {}, {owner, row - 1});
  }
}

void of_lines(const Outline& o, int row, Sink& sink) {
  const auto& here = o.rows[static_cast<std::size_t>(row)];
  const std::string said = here.said(), parent = o.parent_said(row);
  const std::string head = head_of(o, row);
  const int end = o.end_of(row), next = o.sibling(row, 1), prev = o.sibling(row, -1);
  std::vector<std::string> block;
  for (int i = row; i < end; ++i) block.push_back(o.rows[static_cast<std::size_t>(i)].text);
  std::set<int> inside;
  for (int i = row; i < end; ++i) inside.insert(i);

  // Twice.
  if (!matches(said,
               "^(publish|when|or when|belay|pause|if |branch|carry on|hand to|try "
               "again|try$|repeat until|together)") &&
      (!head.empty() || is_field(o, row) || is_arg(o, row))) {
    std::vector<std::string> twice = block;
    if (head == "step" || here.indent == 0) twice.push_back("");
    twice.insert(twice.end(), block.begin(), block.end());
    sink.replace("text: twice", row, end, twice, {next});
  }
  // Gone.
  if (matches(said, "^(do |for )") && !said.starts_with("for each ")) {
    sink.replace("text: line removed", row, end, {}, {here.parent, row - 1, end});
  }
  if (matches(said, "^within .*otherwise"))
    sink.replace("text: line removed", row, end, {}, {here.parent, row - 1});
  if (matches(said, "^no undo because")) {
    std::set<int> step = {here.parent};
    for (const int clause : o.children(here.parent)) step.insert(clause);
    sink.replace("text: line removed", row, end, {}, step);
  }
  if (matches(said, "^((reads|reserves|records|notifies|moves money)$|plugin|call |sql|base )")) {
    sink.replace("text: line removed", row, end, {}, {here.parent, row - 1, end});
  }
  if (matches(said, "^(keep trying for)")) {
    sink.replace("text: line removed", row, end, {}, {here.parent, row - 1, end});
  }
  if (matches(said, "^(step|wait|action|event|type|connector) [a-z]") &&
      o.children(row).size() > 0) {
    // What it declared is missed where it is used.
    const bool used = matches(said, "^(event|type|step|wait)");
    sink.replace("text: head removed", row, row + 1, {}, {row + 1, row - 1, row + 2, row + 3});
    sink.last().anywhere = used;
  }
  // Cut behind the head.
  if (!head.empty() && said.size() > head.size() + 1 && head != "carry on" && head != "sql" &&
      head != "sql any rows") {
    sink.change("text: cut behind the head", row, here.text.substr(0, here.indent + head.size()),
                {row + 1, here.parent});
  }
  // Indentation.
  const auto indented = [&](const char* kind, int by) {
    std::string moved = by > 0 ? std::string(static_cast<std::size_t>(by), ' ') + here.text
                               : here.text.substr(static_cast<std::size_t>(-by));
    sink.change(kind, row, moved, {row - 1, row + 1, next});
  };
  const std::string before = prev >= 0 ? o.rows[static_cast<std::size_t>(prev)].said() : "";
  const bool leaf_before = prev >= 0 && (prev == row - 1) &&
                           !matches(before,
                                    "^(undo with|publish|finish|do |undone by|checked by|call |"
                                    "takes|gives|if unsure|belay)");
  const bool opened = prev >= 0 && !o.children(prev).empty();
  if (here.indent > 0 && prev >= 0 && next >= 0 && (leaf_before || opened)) {
    indented("text: one blank more", 1);
    indented("text: one blank less", -1);
  }
  if (here.indent >= 4 && prev >= 0 && matches(parent, "^step") && opened &&
      !o.rows[static_cast<std::size_t>(o.children(prev).back())].said().starts_with("if ") &&
      !(said.starts_with("if ") && matches(before, "^undo with"))) {
    indented("text: clause too deep", 2);
  }
  if (here.indent >= 4 && next >= 0 &&
      (is_arg(o, row) || (matches(parent, "^step") && !head.empty()))) {
    indented("text: clause too shallow", -2);
  }
  if (here.indent == 2 && head == "step") indented("text: step at the left edge", -2);
  // Wrong level.
  if (head == "step") {
    for (const char* clause :
         {"retry careful", "once per booking", "do booking.hold", "undo with booking.release",
          "keep trying for 1 day, then carry on", "within 5 minutes"}) {
      if (std::string_view(clause).starts_with("once")) {
        sink.replace("text: clause at the wrong level", row, row + 1,
                     {here.text, std::string(here.indent + 2, ' ') + clause}, {});
      } else {
        sink.replace("text: clause at the wrong level", row, row,
                     {std::string(here.indent, ' ') + clause}, {});
      }
    }
    for (const char* line :
         {"// a remark", "-- a remark", "/* a remark */", "else", "otherwise", "end", "}", "{",
          "or when true", "begin", "step", "...", "???", "<<<<<<< HEAD"}) {
      sink.replace("text: stray line", row, row, {std::string(here.indent, ' ') + line}, {});
    }
    for (const char* line :
         {"takes", "gives", "once per x", "reads", "call stripe, POST \"/x\"", "with", "end",
          "for payment.authorised, key booking", "else", "when true", "moves money"}) {
      sink.replace("text: stray clause", row, row + 1,
                   {here.text, std::string(here.indent + 2, ' ') + line}, {});
    }
  }
  // Order: a step before the one that it reads.
  if (head == "step" && next >= 0 &&
      o.rows[static_cast<std::size_t>(next)].said().starts_with("step ")) {
    std::string name;
    group(said, "^step ([a-z_]+)", name);
    const int after = o.end_of(next);
    std::vector<std::string> swapped;
    bool reads = false;
    std::set<int> good;
    for (int i = next; i < after; ++i) {
      const std::string& t = o.rows[static_cast<std::size_t>(i)].text;
      if (matches(t, ("= " + name + "\\.").c_str())) {
        reads = true;
        good.insert(i);
      }
      swapped.push_back(t);
    }
    swapped.push_back("");
    swapped.insert(swapped.end(), block.begin(), block.end());
    if (reads) sink.replace("text: steps swapped", row, after, swapped, good);
  }
}

}  // namespace

std::vector<Mutation> text_mutations(const Files& files, std::uint32_t seed) {
  std::vector<Mutation> out;
  const std::set<std::string> words = words_of(files);
  const auto takes = takes_of(files);
  Random random(seed);
  for (const auto& [path, text] : files) {
    if (!path.ends_with(".belay")) continue;
    const Outline outline(text);
    Sink sink(out, path, outline, random, words);
    for (int row = 0; row < static_cast<int>(outline.rows.size()); ++row) {
      if (!outline.rows[static_cast<std::size_t>(row)].code) continue;
      of_words(outline, row, sink);
      of_signs(outline, row, sink);
      of_values(outline, row, sink, takes);
      of_lines(outline, row, sink);
      text_flow(outline, row, sink);
      text_slips(outline, row, sink);
    }
  }
  return out;
}

}  // namespace belay::mutations
