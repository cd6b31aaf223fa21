// See complete_scenario.h.
#include "runtime/lsp/complete_scenario.h"

#include <algorithm>
#include <set>

#include "dsl/text/grammar.h"
#include "runtime/lsp/names.h"

namespace belay::runtime::lsp {

using namespace dsl;
using text::Parsed;
using text::Part;
using text::Rule;
using Section = SentencePlace::Section;
using Kind = Statement::Kind;

namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.back() == ' ' || text.back() == '\r')) text.remove_suffix(1);
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  return text;
}

// The statements that a sentence may name, inner ones too.
void collect(const Statements& list, std::vector<const Statement*>& out) {
  for (const Statement& s : list) {
    if (!s.name.empty()) out.push_back(&s);
    collect(s.body, out);
    collect(s.act.block, out);
    for (const Arm& arm : s.arms) collect(arm.block, out);
    for (const Branch& branch : s.branches) collect(branch.block, out);
    for (const Handler& handler : s.policies.handlers) collect(handler.act.block, out);
    if (s.policies.keep) collect(s.policies.keep->then.block, out);
  }
}

void collect_published(const Statements& list, std::set<std::string>& out) {
  for (const Statement& s : list) {
    if (s.kind == Kind::kPublish) out.insert(s.source.event.text);
    collect_published(s.body, out);
    collect_published(s.act.block, out);
    for (const Arm& arm : s.arms) collect_published(arm.block, out);
    for (const Branch& branch : s.branches) collect_published(branch.block, out);
    for (const Handler& handler : s.policies.handlers) collect_published(handler.act.block, out);
  }
}

class Completer {
 public:
  Completer(const View& view, const SentencePlace& place) : view_(view), place_(place) {
    said_ = place.said;
    start_ = said_.size();
    while (start_ > 0 && said_[start_ - 1] != ' ' && said_[start_ - 1] != ',') --start_;
    if (const Declaration* declared = declaration_of(view, place.workflow)) {
      if (const auto* workflow = std::get_if<WorkflowDecl>(&declared->body)) {
        collect(workflow->body, statements_);
        collect_published(workflow->body, published_);
      }
    }
  }

  SentenceCompletion run() {
    const std::string_view before = said_.substr(0, start_);
    if (const auto from = arguments_from(before)) {
      const std::string_view list = before.substr(*from);
      const std::size_t comma = list.rfind(',');
      const std::string_view last = comma == list.npos ? list : list.substr(comma + 1);
      if (last.find('=') != last.npos) {
        out_.expression = true;
        return std::move(out_);
      }
      if (trimmed(last).empty()) arguments(before, list);
      return std::move(out_);
    }
    if (place_.section == Section::kGiven) return std::move(out_);
    words();
    return std::move(out_);
  }

 private:
  void add(Suggestion::Kind kind, std::string label, std::string detail = {},
           std::string insert = {}) {
    if (seen_.insert(label).second)
      out_.items.push_back({kind, std::move(label), std::move(insert), std::move(detail), {}});
  }

  // ---- Arguments: `with amount = price`, `given price = EUR 1.00` ----

  std::optional<std::size_t> arguments_from(std::string_view before) const {
    if (place_.section == Section::kGiven) return 0;
    std::size_t found = before.npos;
    for (const std::string_view word : {" with ", " gives "}) {
      const std::size_t at = before.rfind(word);
      if (at == before.npos) continue;
      if (word == " with " && before.substr(0, at).ends_with("fails")) continue;  // an error's name
      const std::size_t end = at + word.size();
      if (found == before.npos || end > found) found = end;
    }
    return found == before.npos ? std::nullopt : std::optional(found);
  }

  void arguments(std::string_view before, std::string_view list) {
    std::set<std::string> given;
    for (std::size_t at = list.find('='); at != list.npos; at = list.find('=', at + 1)) {
      std::string_view name = trimmed(list.substr(0, at));
      given.insert(std::string(name.substr(name.find_last_of(" ,") + 1)));
    }
    for (const interpreter::Field& field : fields(before)) {
      if (!given.contains(field.name))
        add(Suggestion::Kind::kArgument, field.name, to_text(field.type), field.name + " = ");
    }
  }

  std::vector<interpreter::Field> fields(std::string_view before) const {
    if (place_.section == Section::kGiven) return takes(place_.workflow);
    const Rule rule = place_.section == Section::kWhen ? Rule::kSaidWhen : Rule::kSaidThen;
    const Parsed parsed = text::parse_line(rule, std::string(before), 0);
    const Part* name = parsed.first(Part::Tag::kName);
    if (name == nullptr) return {};
    if (place_.section == Section::kThen) return takes(name->text);  // publishes
    const Statement* statement = named(name->text);
    if (statement == nullptr) return {};
    if (statement->kind == Kind::kAsk) return answers(statement->name.text);
    if (statement->kind == Kind::kWait) {
      for (const EventSource& source : statement->sources) {
        const std::string whole = statement->name.text + "." + source.name.text;
        if (statement->sources.size() == 1 || whole == name->text) return takes(source.event.text);
      }
      return takes(statement->source.event.text);
    }
    const std::string action = called(*statement, parsed);
    const Symbol* symbol = view_.symbols.find(action);
    return symbol == nullptr ? std::vector<interpreter::Field>() : symbol->gives.fields;
  }

  std::vector<interpreter::Field> takes(const std::string& name) const {
    const Symbol* symbol = view_.symbols.find(name);
    return symbol == nullptr ? std::vector<interpreter::Field>() : symbol->takes;
  }

  std::vector<interpreter::Field> answers(const std::string& question) const {
    for (const Scope& scope : view_.symbols.scopes) {
      if (scope.workflow != place_.workflow) continue;
      for (const LocalName& name : scope.names) {
        if (name.name == question) return name.type.fields;
      }
    }
    return {};
  }

  // `paid.card` is of the wait `paid`.
  const Statement* named(const std::string& name) const {
    const std::string first = name.substr(0, name.find('.'));
    for (const Statement* statement : statements_) {
      if (statement->name.text == first) return statement;
    }
    return nullptr;
  }

  // The action, or the saga, that a call of the statement goes to.
  std::string called(const Statement& s, const Parsed& parsed) const {
    const bool undo = parsed.has("the undo of") || parsed.has("undo of");
    const bool check = parsed.has("the check of") || parsed.has("check of");
    if (undo && s.undo && !s.undo->action.empty()) return s.undo->action.text;
    if (check && s.policies.if_unsure && !s.policies.if_unsure->action.empty())
      return s.policies.if_unsure->action.text;
    const std::string own = s.action.empty() ? s.run.text : s.action.text;
    const Symbol* symbol = view_.symbols.find(own);
    if (symbol != nullptr && undo) return symbol->undone_by;
    if (symbol != nullptr && check) return symbol->checked_by;
    return own;
  }

  // ---- Words and names ----

  // What is expected where the last word begins, or one that it may go on with: `never` is the
  // beginning of `never arrives`.
  void words() {
    const Rule rule = place_.section == Section::kWhen ? Rule::kSaidWhen : Rule::kSaidThen;
    std::size_t at = start_;
    for (int back = 0; back < 4; ++back) {
      const std::string before(said_.substr(0, at));
      const Parsed parsed = text::parse_line(rule, before, 0);
      if (trimmed(before.substr(std::min(parsed.failed_at, before.size()))).empty()) {
        const std::string_view begun = said_.substr(at, start_ - at);
        for (const std::string& expected : parsed.expected) {
          if (expected == "a name" && back == 0)
            names(parsed, before);
          else if (expected.size() > 2 && expected.front() == '`')
            word(expected.substr(1, expected.size() - 2), begun);
        }
      }
      if (at == 0) return;
      --at;
      while (at > 0 && said_[at - 1] != ' ') --at;
    }
  }

  void word(const std::string& whole, std::string_view begun) {
    if (whole.size() <= begun.size() || !whole.starts_with(begun) || whole.front() == ',' ||
        whole.front() == '=')
      return;
    add(Suggestion::Kind::kKeyword, whole.substr(begun.size()), begun.empty() ? "" : whole);
  }

  void names(const Parsed& parsed, std::string_view before) {
    const std::string_view said = trimmed(before);
    if (said.ends_with("fails with")) return errors(parsed);
    if (said.ends_with("publishes")) {
      for (const std::string& event : published_) add(Suggestion::Kind::kEvent, event, "published");
      return;
    }
    if (said.ends_with(" for") && parsed.has("is held at")) return;  // a team: said nowhere else
    const bool undo = said.ends_with("undo of") || said.starts_with("undone is");
    const bool check = said.ends_with("check of");
    for (const Statement* s : statements_) {
      const Symbol* action = view_.symbols.find(s->action.text);
      const bool call = s->kind == Kind::kStep;
      const bool waits = s->kind == Kind::kWait;
      const bool asks = s->kind == Kind::kAsk;
      bool fits = call || waits || (asks && said.ends_with("during"));
      if (undo)
        fits = (call || waits) &&
               (s->undo || !s->run.empty() || (action != nullptr && !action->undone_by.empty()));
      if (check)
        fits =
            call && (s->policies.if_unsure || (action != nullptr && !action->checked_by.empty()));
      if (said.ends_with("answers")) fits = asks;
      if (said.ends_with("waits for")) fits = waits || asks;
      if (said.ends_with("the child of")) fits = !s->run.empty();
      if (!fits) continue;
      const std::string of = call    ? (s->action.empty() ? s->run.text : s->action.text)
                             : waits ? s->source.event.text
                                     : "a question";
      if (waits && !undo && s->sources.size() > 1) {
        for (const EventSource& source : s->sources)
          add(Suggestion::Kind::kName, s->name.text + "." + source.name.text, source.event.text);
      }
      add(Suggestion::Kind::kName, s->name.text, of);
    }
    if (place_.section == Section::kThen && said.empty()) out_.expression = true;
  }

  void errors(const Parsed& parsed) {
    const Part* name = parsed.first(Part::Tag::kName);
    const Statement* statement = name == nullptr ? nullptr : named(name->text);
    if (statement == nullptr) return;
    const std::string action = called(*statement, parsed);
    if (const Symbol* symbol = view_.symbols.find(action)) {
      for (const std::string& error : symbol->errors)
        add(Suggestion::Kind::kError, error, "of " + action);
    }
    if (statement->run.empty())
      add(Suggestion::Kind::kError, "refused", "built in");
    else
      add(Suggestion::Kind::kError, "cancelled", "of a saga that is run");
  }

  const View& view_;
  const SentencePlace& place_;
  std::string_view said_;
  std::size_t start_ = 0;  // of the word that is being typed
  std::vector<const Statement*> statements_;
  std::set<std::string> published_, seen_;
  SentenceCompletion out_;
};

}  // namespace

SentenceCompletion complete_sentence(const View& view, const SentencePlace& place) {
  return Completer(view, place).run();
}

}  // namespace belay::runtime::lsp
