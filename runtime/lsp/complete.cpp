// Completion: what may stand where somebody types. The line is told by the lines around it and not
// by the tree, because a line that is being typed is in no tree. Text form: the heads above by
// their columns, with the reader's own table of heads. YAML: the key before the place, and the keys
// beside and above it.
#include <algorithm>
#include <set>

#include "dsl/text/heads.h"
#include "dsl/text/words.h"
#include "dsl/yaml/keys.h"
#include "runtime/lsp/complete_scenario.h"
#include "runtime/lsp/flow_map.h"
#include "runtime/lsp/names.h"

namespace belay::runtime::lsp {

using namespace dsl;
using text::Place;

namespace {

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

std::string dotted_at(std::string_view line, std::size_t from) {
  from = std::min(line.find_first_not_of(' ', from), line.size());
  std::size_t end = from;
  while (end < line.size() && (is_word(line[end]) || line[end] == '.')) ++end;
  return std::string(line.substr(from, end - from));
}

class Completer {
 public:
  Completer(const View& view, const Span& at) : view_(view), at_(at) {
    line_ = view.compilation.sources.line(at.file, at.line);
    before_ = line_.substr(0, std::min<std::size_t>(at.column - 1, line_.size()));
    file_ = file_of(view.compilation, at.file);
  }

  Completion run() {
    replace_from(word_start(true));
    if (file_ == nullptr || in_comment_or_text()) return std::move(out_);
    view_.compilation.sources.file(at_.file).path.ends_with(".belay") ? in_text() : in_yaml();
    return std::move(out_);
  }

 private:
  // ---- What can be offered ----

  void add(Suggestion::Kind kind, std::string label, std::string detail = {},
           std::string insert = {}) {
    if (seen_.insert(label).second)
      out_.items.push_back({kind, std::move(label), std::move(insert), std::move(detail), {}});
  }
  void declared(Symbol::Kind wanted, Suggestion::Kind kind) {
    replace_from(word_start(true));
    for (const auto& [name, symbol] : view_.symbols.declared) {
      if (symbol.kind == wanted) add(kind, name, symbol.title);
    }
  }
  void actions() { declared(Symbol::Kind::kAction, Suggestion::Kind::kAction); }
  void events() { declared(Symbol::Kind::kEvent, Suggestion::Kind::kEvent); }
  void workflows() { declared(Symbol::Kind::kWorkflow, Suggestion::Kind::kWorkflow); }
  void plans() { declared(Symbol::Kind::kPlan, Suggestion::Kind::kPlan); }
  void connectors() { declared(Symbol::Kind::kConnector, Suggestion::Kind::kConnector); }
  void types() {
    for (const std::string& base : text::base_types()) add(Suggestion::Kind::kType, base);
    for (const char* word : {"optional", "private", "list of", "map of", "one of"})
      add(Suggestion::Kind::kKeyword, word);
    declared(Symbol::Kind::kType, Suggestion::Kind::kType);
  }
  void errors(const std::string& action) {
    replace_from(word_start(true));
    if (const Symbol* symbol = view_.symbols.find(action)) {
      for (const std::string& error : symbol->errors)
        add(Suggestion::Kind::kError, error, "of " + action);
    }
    for (const char* error : {"refused", "bad_value", "gave_up"})
      add(Suggestion::Kind::kError, error, "built in");
    add(Suggestion::Kind::kKeyword, "any error");
  }
  void arguments(const std::string& owner, const std::set<std::string>& given,
                 std::string_view link) {
    const Symbol* symbol = view_.symbols.find(owner);
    if (symbol == nullptr) return;
    for (const interpreter::Field& field : symbol->takes) {
      if (!given.contains(field.name))
        add(Suggestion::Kind::kArgument, field.name, to_text(field.type),
            field.name + std::string(link));
    }
  }
  // The path typed so far decides: fields behind a dot, else the names known here.
  void expression(bool own) {
    const FileIndex index = index_of(*file_);
    const Env env = names_at(view_, *file_, index, at_, own);
    std::vector<std::string> path;
    std::size_t end = before_.size();
    while (end > 0 && is_word(before_[end - 1])) --end;
    replace_from(end);
    while (end > 1 && before_[end - 1] == '.' && is_word(before_[end - 2])) {
      std::size_t begin = --end;
      while (begin > 0 && is_word(before_[begin - 1])) --begin;
      path.emplace(path.begin(), before_.substr(begin, end - begin));
      end = begin;
    }
    if (path.empty()) {
      if (end > 0 && before_[end - 1] == '.') return;  // of something that is no path
      for (const auto& [name, meaning] : env)
        add(Suggestion::Kind::kName, name, to_text(meaning.type) + ", " + meaning.what);
      return;
    }
    const auto found = resolve(view_, env, path);
    if (!found) return;
    for (const interpreter::Field& field : found->type.fields)
      add(Suggestion::Kind::kField, field.name, to_text(field.type));
    if (found->type.base == interpreter::Type::Base::kMoney) {
      add(Suggestion::Kind::kField, "minor", "int");
      add(Suggestion::Kind::kField, "currency", "text");
    }
  }

  void sentence(SentencePlace::Section section, std::string workflow, std::string_view said) {
    SentenceCompletion found = complete_sentence(view_, {section, std::move(workflow), said});
    if (found.expression) expression(false);
    for (Suggestion& s : found.items)
      add(s.kind, std::move(s.label), std::move(s.detail), std::move(s.insert));
  }

  // ---- The line ----

  std::size_t word_start(bool dotted) const {
    std::size_t at = before_.size();
    while (at > 0 && (is_word(before_[at - 1]) || (dotted && before_[at - 1] == '.'))) --at;
    return at;
  }
  void replace_from(std::size_t from) {
    out_.replaced = {at_.file, at_.line, static_cast<std::uint32_t>(from + 1),
                     static_cast<std::uint32_t>(before_.size() - from)};
  }
  bool in_comment_or_text() const {
    char quote = 0;
    for (std::size_t i = 0; i < before_.size(); ++i) {
      const char c = before_[i];
      if (quote == 0 && c == '#' && (i == 0 || before_[i - 1] == ' ')) return true;
      if (quote == 0 && c == '"')
        quote = c;
      else if (quote == c)
        quote = 0;
    }
    return quote != 0;
  }
  struct Above {
    std::uint32_t line = 0;
    std::size_t indent = 0;
    std::string_view text;
  };
  static std::size_t indent_of(std::string_view line) {
    return std::min(line.find_first_not_of(' '), line.size());
  }
  // The lines that this one is inside of, the outermost first.
  std::vector<Above> around(std::size_t indent) const {
    std::vector<Above> out;
    for (std::uint32_t n = at_.line; n-- > 1 && indent > 0;) {
      const std::string_view line = view_.compilation.sources.line(at_.file, n);
      const std::size_t first = indent_of(line);
      if (first >= line.size() || line[first] == '#' || line[first] == '\r') continue;
      if (line.substr(first) == "---") break;
      if (first >= indent) continue;
      indent = first;
      out.push_back({n, first, line.substr(first)});
    }
    std::reverse(out.begin(), out.end());
    return out;
  }
  // The lines below `parent` that are in its block, up to a bound.
  std::vector<Above> inside(const Above& parent) const {
    std::vector<Above> out;
    for (std::uint32_t n = parent.line + 1; out.size() < 200; ++n) {
      if (n > view_.compilation.sources.file(at_.file).line_starts.size()) break;
      const std::string_view line = view_.compilation.sources.line(at_.file, n);
      const std::size_t first = indent_of(line);
      if (first >= line.size() || n == at_.line) continue;
      if (first <= parent.indent) break;
      out.push_back({n, first, line.substr(first)});
    }
    return out;
  }

  // ---- Text form ----

  static unsigned block_of(std::string_view head, unsigned place) {
    static constexpr std::pair<std::string_view, unsigned> kBlocks[] = {
        {"type", text::kFields},
        {"event", text::kEventBlock | text::kFields},
        {"connector", text::kConnectorBlock},
        {"action", text::kActionBlock},
        {"workflow", text::kWorkflowBlock},
        {"webhook", text::kWebhookBlock},
        {"takes", text::kFields},
        {"answers", text::kFields},
        {"call", text::kCallBlock | text::kArgs},
        {"step", text::kStepBlock},
        {"together", text::kTogetherBlock},
        {"branch", text::kStatements},
        {"wait", text::kWaitBlock},
        {"ask", text::kAskBlock},
        {"for each", text::kForEachBlock},
        {"repeat until", text::kStatements},
        {"try", text::kStatements},
        {"undo with", text::kUndoBlock | text::kArgs},
        {"if", text::kStatements},
        {"within", text::kStatements},
        {"for all of", text::kSourcesBlock},
        {"for any of", text::kSourcesBlock},
        {"do", text::kArgs},
        {"run", text::kArgs},
        {"publish", text::kArgs},
        {"finish", text::kArgs},
        {"undone by", text::kArgs},
        {"checked by", text::kArgs},
        {"if unsure", text::kArgs},
        {"from version", text::kArgs},
        {"starts on", text::kArgs}};
    const bool hook = (place & (text::kWebhookBlock | text::kWebhookStatements)) != 0;
    if (head == "when" || head == "or when" || head == "otherwise")
      return hook ? text::kWebhookStatements : text::kStatements;
    if (head == "gives") return (place & text::kActionBlock) != 0 ? text::kFields : text::kArgs;
    for (const auto& [words, block] : kBlocks) {
      if (words == head) return block;
    }
    return 0;
  }
  static std::string owner_of(std::string_view head, std::string_view line) {
    if (head == "if unsure") {
      const std::size_t with = line.find("check with ");
      return with == std::string_view::npos ? "" : dotted_at(line, with + 11);
    }
    for (const char* words : {"do", "run", "undo with", "undone by", "checked by", "publish"}) {
      if (head == words) return dotted_at(line, head.size());
    }
    return {};
  }

  void in_text() {
    const std::size_t indent = indent_of(line_.substr(0, before_.size()));
    const std::string_view said = before_.substr(std::min(indent, before_.size()));
    if (const auto above = around(indent);
        !above.empty() && above.front().text.starts_with("scenario ")) {
      return in_scenario(above, indent, said);
    }
    unsigned place = text::kFile;
    std::string owner;   // whose arguments stand here
    std::string action;  // whose errors may be handled here
    std::optional<Above> parent;
    bool undo = false;
    for (const Above& above : around(indent)) {
      const text::HeadMatch match = text::match_head(above.text, place);
      parent = above;
      if (match.here == nullptr) {
        place = 0;
        continue;
      }
      const std::string_view head = match.here->words;
      owner = owner_of(head, above.text);
      undo = undo || head == "undo with" || head == "undone by";
      if (head == "undo with") action = owner;
      if (head == "step") {
        for (const Above& child : inside(above)) {
          const std::string found = child.text.starts_with("do ") ? dotted_at(child.text, 3) : "";
          if (!found.empty() && action.empty()) action = found;
        }
      }
      place = block_of(head, place);
    }
    const text::HeadMatch match = text::match_head(said, place);
    if (match.here != nullptr && said.size() > match.length) {
      behind_head(*match.here, said.substr(match.length), place, action, undo);
      return;
    }
    if ((place & text::kArgs) != 0 && said.find('=') != std::string_view::npos) {
      expression(undo);
      return;
    }
    if ((place & text::kFields) != 0 && said.find(' ') != std::string_view::npos) {
      said.find('=') == std::string_view::npos ? types() : expression(undo);
      return;
    }
    if ((place & text::kSourcesBlock) != 0) {
      if (said.find('=') != std::string_view::npos) events();
      return;
    }
    replace_from(indent);
    if ((place & text::kArgs) != 0 && parent) {
      std::set<std::string> given;
      for (const Above& child : inside(*parent)) {
        const std::string name = dotted_at(child.text, 0);
        if (child.text.find('=') != std::string_view::npos) given.insert(name);
      }
      arguments(owner, given, " = ");
    }
    for (const text::Head& head : text::heads()) {
      if ((head.places & place) != 0 && !head.reserved)
        add(Suggestion::Kind::kKeyword, std::string(head.words));
    }
  }

  static SentencePlace::Section section_of(std::string_view word) {
    return word == "given"  ? SentencePlace::Section::kGiven
           : word == "then" ? SentencePlace::Section::kThen
                            : SentencePlace::Section::kWhen;
  }
  void in_scenario(const std::vector<Above>& above, std::size_t indent, std::string_view said) {
    const std::string_view head = above.front().text;
    const std::size_t of = head.rfind(" for ");
    const std::string workflow = of == head.npos ? "" : dotted_at(head, of + 5);
    // The arguments under a sentence go on with it.
    const bool below = above.size() > 1;
    const std::string whole =
        below ? std::string(above[1].text) + " " + std::string(said) : std::string(said);
    const std::size_t space = whole.find(' ');
    if (space == whole.npos) {
      replace_from(indent);
      for (const char* word : {"given", "when", "then", "and"})
        add(Suggestion::Kind::kKeyword, word);
      return;
    }
    std::string word = whole.substr(0, space);
    for (std::uint32_t n = below ? above[1].line : at_.line;
         word == "and" && n-- > above[0].line;) {
      const std::string_view line = view_.compilation.sources.line(at_.file, n);
      const std::size_t first = indent_of(line);
      if (first == (below ? above[1].indent : indent)) word = dotted_at(line, first);
    }
    sentence(section_of(word), workflow, std::string_view(whole).substr(space + 1));
  }

  void behind_head(const text::Head& head, std::string_view rest, unsigned place,
                   const std::string& action, bool undo) {
    const bool comma = rest.find(',') != std::string_view::npos;
    const std::string_view words = head.words;
    const auto acts = [&] {
      replace_from(word_start(false));
      for (const char* act : {"cancel because", "carry on", "try again after", "hand to", "finish"})
        add(Suggestion::Kind::kKeyword, act);
    };
    if (words == "do" || words == "undo with" || words == "undone by" || words == "checked by") {
      if (!comma) actions();
    } else if (words == "if unsure") {
      if (rest.find("check with ") != std::string_view::npos) return actions();
      for (const char* way : {"check with", "check", "try again", "undo anyway", "hand to"})
        add(Suggestion::Kind::kKeyword, way);
    } else if (words == "run") {
      if (!comma) workflows();
    } else if (words == "scenario") {
      if (rest.find("\" for ") != rest.npos) workflows();
    } else if (words == "starts on") {
      events();
    } else if (words == "publish" || words == "for") {
      comma ? behind_comma(rest, {"key ", "even if up to "}, undo) : events();
    } else if (words == "call") {
      if (!comma) connectors();
    } else if (words == "retry") {
      plans();
    } else if (words == "if" && (place & text::kActionBlock) == 0) {
      comma ? acts() : errors(action);
    } else if (words == "if an undo fails" || words == "keep trying for") {
      if (comma) acts();
    } else if (words == "within" && comma) {
      rest.find("otherwise ") == std::string_view::npos
          ? add(Suggestion::Kind::kKeyword, "otherwise")
          : acts();
    } else if (head.rule == text::Rule::kExpression || head.rule == text::Rule::kSet ||
               head.rule == text::Rule::kWaitWithin || head.rule == text::Rule::kForEach ||
               head.rule == text::Rule::kRepeat || head.rule == text::Rule::kPause ||
               head.rule == text::Rule::kCarryOn || head.rule == text::Rule::kOutcome ||
               head.rule == text::Rule::kOneAtATime) {
      if (!comma) expression(undo);
    }
  }
  void behind_comma(std::string_view rest, const std::vector<std::string_view>& words, bool undo) {
    const std::string_view last = rest.substr(rest.rfind(',') + 1);
    for (const std::string_view word : words) {
      if (last.find(word) != std::string_view::npos) return expression(undo);
    }
    for (const std::string_view word : words)
      add(Suggestion::Kind::kKeyword, std::string(word.substr(0, word.size() - 1)));
  }

  // ---- YAML ----

  static std::string key_of(std::string_view line) {
    if (line.starts_with("- ")) line.remove_prefix(2);
    std::size_t end = 0;
    while (end < line.size() && (is_word(line[end]) || line[end] == '.')) ++end;
    return end > 0 && end < line.size() && line[end] == ':' ? std::string(line.substr(0, end)) : "";
  }
  // The key whose value is being typed on this line, the last one: flow maps hold several.
  static std::string last_key(std::string_view text) {
    const std::size_t colon = text.rfind(": ");
    if (colon == std::string_view::npos) return {};
    std::size_t begin = colon;
    while (begin > 0 && (is_word(text[begin - 1]) || text[begin - 1] == '.')) --begin;
    return std::string(text.substr(begin, colon - begin));
  }

  // The value of `wanted` in the map that the column belongs to, above or below this line.
  std::string beside(std::string_view wanted, std::size_t column,
                     std::set<std::string>* keys) const {
    std::string found;
    const auto look = [&](std::uint32_t n) {
      const std::string_view line = view_.compilation.sources.line(at_.file, n);
      std::size_t first = indent_of(line);
      if (first >= line.size() || line[first] == '#' || line[first] == '\r') return true;
      const bool item = line.substr(first).starts_with("- ");
      const std::size_t begin = item ? first + 2 : first;
      if (begin < column || line.substr(0, 3) == "---") return false;
      if (begin > column) return !item || first >= column;
      const std::string key = key_of(line.substr(first));
      if (keys != nullptr && !key.empty()) keys->insert(key);
      if (key == wanted) found = dotted_at(line, begin + key.size() + 1);
      return !item;
    };
    const std::string_view own = line_;
    const bool starts = own.substr(indent_of(own)).starts_with("- ");
    for (std::uint32_t n = at_.line; !starts && n-- > 1;) {
      if (!look(n)) break;
    }
    const auto last = view_.compilation.sources.file(at_.file).line_starts.size();
    for (std::uint32_t n = at_.line + 1; n <= last; ++n) {
      const std::string_view line = view_.compilation.sources.line(at_.file, n);
      if (line.substr(std::min(indent_of(line), line.size())).starts_with("- ")) break;
      if (!look(n)) break;
    }
    return found;
  }

  void in_yaml() {
    std::size_t indent = indent_of(before_);
    const bool item = before_.substr(indent).starts_with("- ");
    const std::size_t column = item ? indent + 2 : indent;
    const std::string_view said = before_.substr(std::min(column, before_.size()));
    std::vector<Above> above = around(indent + (item ? 1 : 0));
    const std::string parent = above.empty() ? "" : key_of(above.back().text);
    const std::string key = last_key(said);
    if (yaml_scenario(above, said)) return;
    const bool undo = said.starts_with("undo:") ||
                      std::any_of(above.begin(), above.end(),
                                  [](const Above& a) { return key_of(a.text) == "undo"; });
    if (key.empty() && said.find(':') == std::string_view::npos)
      return yaml_key(above, parent, column);
    const FlowMap map = flow_map_at(said);
    if (map.open()) return in_flow_map(map, parent, column, undo);
    yaml_value(key,
               said.starts_with("takes:")    ? "takes"
               : said.starts_with("fields:") ? "fields"
                                             : parent,
               said.substr(std::min(said.size(), said.rfind(": ") + 2)), undo);
  }

  void yaml_value(const std::string& key, const std::string& parent, std::string_view typed,
                  bool undo) {
    if (key == "do" || key == "undo" || key == "undone_by" || key == "checked_by") return actions();
    if (key == "run") return workflows();
    if (key == "event" || key == "publish" || key == "for") return events();
    if (key == "connector") return connectors();
    if (key == "retry") return plans();
    if (key == "type" || parent == "takes" || parent == "fields" || parent == "gives_types")
      return types();
    for (const yaml::KeyRow& row : yaml::key_rows()) {
      if (row.key == key && row.shape == "expression") return expression(undo);
    }
    if (typed.starts_with("=") || typed.starts_with("'=") || typed.starts_with("\"="))
      expression(undo);
  }

  // The name behind a key at the left edge of the document that the line is in; nullopt: no such
  // key.
  std::optional<std::string> of_document(std::string_view wanted) const {
    const auto& sources = view_.compilation.sources;
    const auto last = static_cast<std::uint32_t>(sources.file(at_.file).line_starts.size());
    std::uint32_t first = at_.line;
    while (first > 1 && !sources.line(at_.file, first - 1).starts_with("---")) --first;
    for (std::uint32_t n = first; n <= last; ++n) {
      const std::string_view line = sources.line(at_.file, n);
      if (n > at_.line && line.starts_with("---")) break;
      if (line.starts_with(wanted) && line.substr(wanted.size()).starts_with(":"))
        return dotted_at(line, wanted.size() + 1);
    }
    return std::nullopt;
  }

  // Sentences, and what is given. Returns whether this was a place of theirs.
  bool yaml_scenario(const std::vector<Above>& above, std::string_view said) {
    if (!of_document("scenario")) return false;
    const std::string workflow = of_document("for").value_or("");
    const std::string section = above.empty() ? "" : key_of(above.front().text);
    if (above.empty() && said.starts_with("for:")) {
      workflows();
      return true;
    }
    if (section == "when" || section == "then") {
      if (said.starts_with("'")) said.remove_prefix(1);
      sentence(section_of(section), workflow, said);
      return true;
    }
    if (section != "given") return false;
    const FlowMap map = flow_map_at(said);
    if (map.open() || said.find(": ") != said.npos) return false;
    given(workflow, {});
    return true;
  }
  void given(const std::string& workflow, const std::set<std::string>& keys) {
    replace_from(word_start(false));
    arguments(workflow, keys, ": ");
  }

  // Inside `{ … }`: the keys that may stand there, or the value of one.
  void in_flow_map(const FlowMap& map, const std::string& parent, std::size_t column, bool undo) {
    const auto value_of = [&](const char* word) -> std::string {
      return map.frames.size() > 1 ? map.frames[map.frames.size() - 2].value(word)
                                   : beside(word, column, nullptr);
    };
    const FlowMap::Frame& here = map.frames.back();
    const bool data = here.of == "with" || here.of == "data" || here.of == "given";
    std::string owner;  // whose arguments, or errors, stand here
    for (const char* word : {"do", "check", "run", "publish"}) {
      if (owner.empty()) owner = value_of(word);
    }
    if (here.of == "given") owner = of_document("for").value_or("");
    if (!map.key.empty()) {
      if (data) return flow_value(map, undo || map.is_inside("undo"));
      return yaml_value(map.key, here.of, map.typed, undo || map.is_inside("undo"));
    }
    replace_from(word_start(true));
    std::set<std::string> given;
    for (const auto& [key, value] : here.given) given.insert(key);
    if (data) return arguments(owner, given, ": ");
    if (here.of == "errors") return errors(owner);
    const std::string& around =
        map.frames.size() > 1 ? map.frames[map.frames.size() - 2].of : parent;
    const bool handles = around == "errors";
    for (const std::string& construct :
         handles ? std::vector<std::string>{"act_map"} : constructs_of(here.of)) {
      for (const yaml::KeyRow& row : yaml::key_rows()) {
        if (row.of != construct || given.contains(std::string(row.key))) continue;
        add(Suggestion::Kind::kKeyword, std::string(row.key), {}, std::string(row.key) + ": ");
        out_.items.back().doc = row.doc;
      }
    }
  }
  // Of an argument: an expression behind `=`, which is offered with it.
  void flow_value(const FlowMap& map, bool undo) {
    std::string_view typed = map.typed;
    if (typed.starts_with("'") || typed.starts_with("\"")) typed.remove_prefix(1);
    expression(undo);
    if (typed.starts_with("=")) return;
    for (Suggestion& s : out_.items) s.insert = "= " + s.label;
  }
  // What a map under this key is, by the table of keys.
  static std::vector<std::string> constructs_of(const std::string& key) {
    std::vector<std::string> out;
    for (const yaml::KeyRow& row : yaml::key_rows()) {
      if (row.key != key) continue;
      std::string shape(row.shape);
      if (shape == "undo_or_name") shape = "undo";
      if (shape == "retry" || shape == "starts_on")
        shape = shape == "retry" ? "tries_map" : "starts";
      if (shape == "act" || shape == "if_unsure") shape = shape == "act" ? "act_map" : "unsure_map";
      if (shape == "check") shape = "check_map";
      for (const yaml::Construct& c : yaml::constructs()) {
        if (c.name == shape && std::find(out.begin(), out.end(), shape) == out.end())
          out.push_back(shape);
      }
    }
    return out;
  }

  void yaml_key(const std::vector<Above>& above, const std::string& parent, std::size_t column) {
    if (parent == "with" || parent == "data") {
      const std::string_view over = above.back().text;
      const std::size_t at = above.back().indent + (over.starts_with("- ") ? 2 : 0);
      std::set<std::string> given;
      beside("", column, &given);
      // The action is named beside `with`: looked for from the line that says so.
      Completer there(view_, {at_.file, above.back().line, 1, 0});
      std::string owner;
      for (const char* word : {"do", "check", "run", "publish"}) {
        if (owner.empty()) owner = dotted_value(above.back(), at, word);
      }
      return arguments(owner, given, ": ");
    }
    if (parent == "errors") {
      std::string action;
      const std::size_t at = above.back().indent + (above.back().text.starts_with("- ") ? 2 : 0);
      action = dotted_value(above.back(), at, "do");
      return errors(action);
    }
    std::set<std::string> keys;
    beside("", column, &keys);
    std::string construct;
    for (const yaml::Construct& c : yaml::constructs()) {
      if (c.kind != yaml::Construct::Kind::kMap && keys.contains(std::string(c.name)) &&
          construct.empty())
        construct = c.name;
    }
    if (parent == "undo") construct = "undo";
    if (construct.empty()) {
      for (const yaml::Construct& c : yaml::constructs()) {
        const auto wanted =
            column == 0 ? yaml::Construct::Kind::kDeclaration : yaml::Construct::Kind::kStatement;
        if (c.kind == wanted)
          add(Suggestion::Kind::kKeyword, std::string(c.name), {}, std::string(c.name) + ": ");
      }
      return;
    }
    for (const yaml::KeyRow& row : yaml::key_rows()) {
      if (row.of != construct || keys.contains(std::string(row.key))) continue;
      add(Suggestion::Kind::kKeyword, std::string(row.key), {}, std::string(row.key) + ": ");
      out_.items.back().doc = row.doc;
    }
  }
  std::string dotted_value(const Above& at, std::size_t column, std::string_view word) const {
    Span there{at_.file, at.line, 1, 0};
    const Completer other(view_, there);
    if (key_of(at.text) == word) return dotted_at(at.text, at.text.find(':') + 1);
    return other.beside(word, column, nullptr);
  }

  const View& view_;
  const Span at_;
  std::string_view line_, before_;
  const File* file_ = nullptr;
  Completion out_;
  std::set<std::string> seen_;
};

}  // namespace

Completion complete_at(const View& view, const Span& at) { return Completer(view, at).run(); }

}  // namespace belay::runtime::lsp
