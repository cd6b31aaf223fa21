// Mistakes in the YAML form.
#include <algorithm>

#include "tests/mutations/mutate.h"

namespace belay::mutations {
namespace {

// Keys that only the language knows (not fields, arguments, errors).
constexpr const char* kKey =
    "(?:^ *(?:- )?|[{,] "
    ")(belay|workflow|action|event|connector|webhook|retry_plan|title|version|takes|"
    "gives|once_per|finish_within|if_undo_fails|steps|step|wait|when|then|together|branches|"
    "publish|"
    "data|point_of_no_return|do|with|undo|errors|retry|if_unsure|check|keep_trying|for|within|"
    "otherwise|effects|repeating|call|route|sql|sql_any_rows|plugin|undone_by|checked_by|settles_"
    "in|"
    "sign_in|request_key_in|remembers_keys_for|outcomes|verify|no_undo_because|can_end_in|fields|"
    "even_if_up_to|scheme|secrets|tolerance|query|replays_errors|each_call_within|"
    "for_each|in|at_once|tolerating|collect|repeat_until|at_most|ask|question|of_role|answers|all_"
    "of|"
    "any_of|or_when|pause|try|run|and_do_not_wait|alive_every|one_at_a_time|starts_on|carry_on|"
    "try_again|hand_to|branch|set|request_key|scenario|given): ?";

void of_words(const Outline& o, int row, Sink& sink) {
  const std::string& line = o.rows[static_cast<std::size_t>(row)].text;
  std::string word;
  const auto misspell = [&](const char* kind, const char* pattern, bool anywhere = false) {
    const std::size_t at = group(line, pattern, word);
    if (at != std::string::npos)
      sink.misspell(std::string("yaml: ") + kind, row, at, word, anywhere);
  };
  const bool record =
      matches(o.parent_said(row),
              "^(?:- )?(takes|gives|fields|with|data|query|headers|answers|set|collect):");
  if (!record) {
    misspell("misspelt key", kKey);
    const std::size_t at = group(line, kKey, word);
    if (at != std::string::npos && word != "title") {
      std::string out = line;
      out.replace(at, word.size(), word == "for" ? "fuer" : word + "_");
      sink.change("yaml: wrong key", row, out);
      out = line;
      const std::size_t colon = at + word.size();
      out.erase(colon, 1);
      sink.change("yaml: colon missing", row, out, {row + 1, row - 1});
      if (colon + 1 < line.size() && line[colon + 1] == ' ' && word != "point_of_no_return") {
        out = line;
        out.erase(colon + 1, 1);
        sink.change("yaml: blank missing", row, out, {row + 1, row - 1});
        out = line;
        out.insert(colon + 2, "&here ");
        if (word != "sql" && word != "sql_any_rows") sink.change("yaml: anchor", row, out);
        out = line.substr(0, colon + 2) + "*there";
        if (colon + 2 < line.size() && at < 8 + o.rows[static_cast<std::size_t>(row)].indent) {
          sink.change("yaml: alias", row, out, {row + 1});
        }
        out = line;
        out.insert(colon + 2, "!tag ");
        sink.change("yaml: tag", row, out);
        if (!matches(word, "^(title|no_undo_because|cancel|sql|sql_any_rows)$")) {
          sink.change("yaml: value missing", row, line.substr(0, colon + 1), {row + 1});
        }
        if (std::string_view("{[").find(line[colon + 2]) == std::string_view::npos) {
          out = line;
          out.insert(colon + 2, "[");
          sink.change("yaml: stray bracket", row, out, {row + 1});
          out = line;
          out.insert(colon + 2, "{");
          sink.change("yaml: stray bracket", row, out, {row + 1});
          if (line[colon + 2] != '\'' && line[colon + 2] != '"') {
            out = line;
            out.insert(colon + 2, "\"");
            sink.change("yaml: quote not closed", row, out, {row + 1});
            out = line;
            out.insert(colon + 2, "'");
            sink.change("yaml: quote not closed", row, out, {row + 1});
            sink.change("yaml: quote not opened", row, line + "\": x", {row + 1});
          }
        }
      }
    }
  }
  misspell("misspelt action", "(?:do|undone_by|checked_by): ([a-z_]+\\.[a-z_]+)");
  const bool declared = matches(line, "^(event|action|type|connector|retry_plan): ");
  misspell("misspelt event", "(?:publish|event): ([a-z_]+\\.[a-z_]+)(?:,|$)", declared);
  if (declared) misspell("misspelt declaration", "^[a-z_]+: ([A-Za-z_.]+)", true);
  misspell("misspelt error", "errors: \\{ ([a-z_.]+):");
  misspell("misspelt connector", "connector: ([a-z_]+),");
  misspell("misspelt plan", "retry: ([a-z_]+)$");
  std::string step;
  group(line, "- (?:step|wait): ([a-z_]+)$", step);
  if (sink.root(step) && sink.read_here(step + ".")) {
    misspell("misspelt step", "- step: ([a-z_]+)$", true);
    misspell("misspelt wait", "- wait: ([a-z_]+)$", true);
  }
  if (matches(o.parent_said(row), "^(takes|gives|fields):"))
    misspell("misspelt type", "^ +[a-z_]+: (?:optional |private )*([a-zA-Z]+)$");
  misspell("misspelt name", "= ([a-z_]+)[ ,}]*$");
  if (!declared)
    misspell("misspelt name",
             "[:=] ((?:hold|intent|capture|confirm|paid|customer|payment))\\.[a-z_]+");
  if (!declared)
    misspell("misspelt field",
             "[:=] (?:hold|intent|capture|confirm|paid|customer|payment)\\.([a-z_]+)");
  if (matches(o.parent_said(row), "^takes:")) misspell("misspelt input", "^ +([a-z_]+):", true);
  if (matches(o.parent_said(row), "^with:") &&
      !matches(o.parent_said(o.rows[static_cast<std::size_t>(row)].parent), "^action")) {
    if (o.rows[static_cast<std::size_t>(row)].indent > 2)
      misspell("misspelt argument", "^ +([a-z_]+): =");
  }
}

void of_signs(const Outline& o, int row, Sink& sink) {
  const std::string& line = o.rows[static_cast<std::size_t>(row)].text;
  const std::size_t indent = o.rows[static_cast<std::size_t>(row)].indent;
  const auto with = [&](const char* kind, std::size_t at, std::size_t n, const std::string& w) {
    std::string out = line;
    out.replace(at, n, w);
    while (!out.empty() && out.back() == ' ') out.pop_back();
    sink.change(std::string("yaml: ") + kind, row, out, {row + 1, o.sibling(row, 1)});
  };
  char quote = 0;
  bool open = false;
  for (std::size_t i = indent; i < line.size(); ++i) {
    const char c = line[i];
    if (quote != 0) {
      if (c == quote && line[i + 1] == quote) {
        ++i;
      } else if (c == quote) {
        quote = 0;
        if (line[i - 1] != quote) with("quote missing", i, 1, "");
      }
      continue;
    }
    const bool starts = i > 0 && (line[i - 1] == ' ' || line[i - 1] == '[');
    if ((c == '"' || c == '\'') && starts) {
      quote = c;
      // Without its first quote, a text is a text that ends in an apostrophe.
      if (line.find(": '= ") == i - 2) with("quote missing", i, 1, "");
      continue;
    }
    const bool flow =
        line.find(": {") != std::string::npos || line.find(": [") != std::string::npos;
    if (flow && std::string_view("{}[]").find(c) != std::string_view::npos &&
        line.find(": =") > i) {
      with("bracket missing", i, 1, "");
      if (c == '{') open = true;
    }
    if (open && c == ',' && line.find("= money(") == std::string::npos)
      with("comma missing", i, 1, "");
    if (open && c == ',') with("semicolon for comma", i, 1, ";");
  }
  std::string word;
  const auto swap = [&](const char* kind, const char* pattern, std::vector<std::string> values) {
    const std::size_t at = group(line, pattern, word);
    if (at == std::string::npos) return;
    for (const std::string& v : values) {
      if (line.find("keep_for") != std::string::npos && v == "0 minutes") continue;  // may be meant
      with(kind, at, word.size(), v);
    }
  };
  swap("wrong unit",
       "(?:within|for|keep_for|finish_within|keep_trying|first_wait|at_most|even_if_up_to|"
       "tolerance|settles_in): ([0-9]+ [a-z]+)",
       {"15m", "40 minuets", "2 weeks", "30 mins", "17", "-5 minutes", "1.5 hours", "ten minutes",
        "PT5M", "0 minutes", "5", "1 month", "[5, minutes]"});
  swap("version", "^version: (1)", {"one", "-1", "0", "1.5", "v1", "", "[1]", "'1 '"});
  swap("number", "(?:tries|failures|per_second|at_once): ([0-9]+)", {"-5", "many", "1.5", "", "0"});
  swap("= as comparison", "when: [a-z.]+ (is)(?: not)? ", {"="});
  swap("if for when", "^ *- (when):", {"if", "unless", "where", "If"});
  swap("else", "[ ](otherwise):", {"else", "or_else", "default"});
  swap("flag", "(?:doubling|random_spread|replays_errors|point_of_no_return): (true)",
       {"yes", "1", "on", "True", "nope"});
  swap("keep then", "then: (carry on)",
       {"carry_on_now", "go on", "{ cancel: Late }", "", "[carry on]"});
  swap("act", "errors: \\{ [a-z_.]+: (\\{ cancel:)",
       {"{ cancle:", "{ abort:", "cancel {", "{ cancel_because:"});
  swap("repeating", "repeating: (safe)", {"yes", "save", "true"});
  swap("effect", "effects: \\[(moves money|reads|reserves|records|notifies)\\]",
       {"moves_money", "move money", "read", "sends"});
  swap("data without =",
       "(?:amount|price|from_time|to_time|starts_at|ends_at|confirmed_at): (= )[a-z_.]+",
       {"", "=="});
  swap("type", "^ +[a-z_]+: (text|int|money|uuid|timestamp)$",
       {"string", "decimal", "datetime", "a uuid", "Text", "list", "list text", "text?", "list of",
        "optional", "Custmer", "[text]", "{ type: }"});
  swap("name", "^ *- (?:step|wait): ([a-z_]+)$",
       {"Hold", "hold-slot", "hold.slot", "hold slot", "", "1st", "[hold]"});
  swap("cut by a comment", "(cancel: )[A-Z]", {"cancel: #"});
  swap("cut by a colon", "(when: )[a-z]", {"when: a: "});
  swap("first line", "^(belay: 1)$",
       {"belay: 2", "belay 1", "belay:1", "version: 1", "belay: one", ""});
  if (indent >= 2) {
    sink.change("yaml: tab", row, "\t" + line.substr(indent), {row - 1, row + 1});
    sink.change("yaml: tab", row, std::string(indent - 2, ' ') + "\t" + line.substr(indent),
                {row - 1, row + 1});
  }
  if (matches(line, "^ *- [a-z_]+:")) {
    with("dash missing", line.find("- "), 2, "");
    with("dash missing", line.find("- "), 2, "  ");
    with("blank behind the dash missing", line.find("- "), 2, "-");
  }
  if (line == "---") {
    sink.replace("yaml: document line missing", row, row + 1, {}, {row + 1, row - 1});
    sink.change("yaml: document line", row, "--", {row + 1, row - 1});
  }
}

void of_lines(const Outline& o, int row, Sink& sink,
              const std::map<std::string, std::map<std::string, std::string>>& takes) {
  const auto& here = o.rows[static_cast<std::size_t>(row)];
  const std::string said = here.said(), parent = o.parent_said(row);
  const int end = o.end_of(row), next = o.sibling(row, 1), prev = o.sibling(row, -1);
  if (said == "---" || said.starts_with("belay")) return;
  std::vector<std::string> block;
  for (int i = row; i < end; ++i) block.push_back(o.rows[static_cast<std::size_t>(i)].text);
  const bool item = said.starts_with("- ");
  if (!item || said.starts_with("- step:") || said.starts_with("- wait:")) {
    std::vector<std::string> twice = block;
    twice.insert(twice.end(), block.begin(), block.end());
    const bool head =
        here.indent == 0 && prev >= 0 && o.rows[static_cast<std::size_t>(prev)].said() == "---";
    if (!head) sink.replace("yaml: twice", row, end, twice, {next});
  }
  if (matches(said,
              "^(do|for|version|key|then|steps|route|call|effects|within|branches|connector|verify|"
              "no_undo_because|keep_trying|with): ?") &&
      !(said == "steps:" && here.indent == 0 && o.text().find("\ngives:") == std::string::npos) &&
      !(said == "steps:" && here.indent == 0 && matches(o.text(), "(?s)workflow:.*\nworkflow:")) &&
      !(said.starts_with("with:") && here.indent != 4) &&
      !(said.starts_with("within") && next >= 0 &&
        !o.rows[static_cast<std::size_t>(next)].said().starts_with("otherwise"))) {
    std::set<int> good = {here.parent, row - 1, end, prev};
    if (prev >= 0) good.insert(o.sibling(prev, -1));
    int head = row;
    while (o.sibling(head, -1) >= 0 &&
           o.rows[static_cast<std::size_t>(o.sibling(head, -1))].said() != "---" &&
           !o.rows[static_cast<std::size_t>(o.sibling(head, -1))].said().starts_with("belay")) {
      head = o.sibling(head, -1);
    }
    good.insert(head);
    if (said.starts_with("no_undo")) {
      for (const int beside : o.children(here.parent)) good.insert(beside);
    }
    sink.replace("yaml: line removed", row, end, {}, good);
    sink.last().anywhere = said.starts_with("steps");  // what `gives` reads is gone with them
  }
  // Indentation.
  const auto indented = [&](const char* kind, int by, std::set<int> also) {
    std::string moved = by > 0 ? std::string(static_cast<std::size_t>(by), ' ') + here.text
                               : here.text.substr(static_cast<std::size_t>(-by));
    also.insert({row - 1, row + 1, next, prev});
    sink.change(kind, row, moved, also);
  };
  const bool first_of_item = prev < 0;
  if (here.indent >= 2 && prev >= 0 && next >= 0 && !item) {
    indented("yaml: one blank more", 1, {});
    indented("yaml: one blank less", -1, {});
    if (!matches(o.parent_said(row), "^(with|takes|gives|fields|data):")) {
      indented("yaml: two blanks less", -2, {});
    }
    indented("yaml: two blanks more", 2, {});
  }
  if (item && prev >= 0 && next >= 0) {
    indented("yaml: item one blank more", 1, {});
    indented("yaml: item one blank less", -1, {});
  }
  (void)first_of_item;
  // A key where it has no place.
  if (said.starts_with("- step:")) {
    for (const char* key :
         {"otherwise: []", "version: 1", "takes: { a: uuid }", "steps: []", "if: a", "else: b",
          "call: x", "for: payment.authorised", "undo_with: x", "on_error: x", "name: hold",
          "depends_on: hold", "next: capture", "args: {}", "cancel: No", "moves: money"}) {
      sink.replace("yaml: stray key", row, row + 1,
                   {here.text, std::string(here.indent + 2, ' ') + key}, {});
    }
    for (const char* line : {"- stop", "- do: booking.hold", "- if: a is b", "- else:", "- step",
                             "-", "- retry: careful", "step: x", "// a remark", "- { step: x",
                             "- [step, x]", "- \"step: x\"", "- stpe: x"}) {
      sink.replace("yaml: stray item", row, row, {std::string(here.indent, ' ') + line},
                   {row, here.parent});
    }
  }
  // Arguments of another type.
  std::string field, action;
  if (here.indent >= 6 && parent == "with:" &&
      group(said, "^([a-z_]+): = ", field) != std::string::npos) {
    const int owner = here.parent;
    for (int i = owner; i >= 0 && action.empty(); --i)
      group(o.rows[static_cast<std::size_t>(i)].text, "^    do: ([a-z_.]+)$", action);
    const auto found = takes.find(action);
    if (found != takes.end() && found->second.contains(field)) {
      for (const std::string& wrong : values_of_another_type(found->second.at(field))) {
        if (wrong.find('"') != std::string::npos && !found->second.at(field).starts_with("int"))
          continue;
        sink.change("yaml: wrong type", row, std::string(here.indent, ' ') + field + ": " + wrong);
      }
      sink.replace("yaml: missing argument", row, row + 1, {}, {owner, owner - 1, row - 1});
    }
  }
}

}  // namespace

std::vector<Mutation> yaml_mutations(const Files& files, std::uint32_t seed) {
  std::vector<Mutation> out;
  const std::set<std::string> words = words_of(files);
  const auto takes = takes_of(files);
  Random random(seed);
  for (const auto& [path, text] : files) {
    if (!path.ends_with(".yaml")) continue;
    const Outline outline(text);
    Sink sink(out, path, outline, random, words);
    for (int row = 0; row < static_cast<int>(outline.rows.size()); ++row) {
      if (!outline.rows[static_cast<std::size_t>(row)].code) continue;
      of_words(outline, row, sink);
      of_signs(outline, row, sink);
      of_lines(outline, row, sink, takes);
      yaml_flow(outline, row, sink);
      yaml_slips(outline, row, sink);
    }
  }
  return out;
}

}  // namespace belay::mutations
