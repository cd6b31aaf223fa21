// Phase two of the YAML form: nodes → the syntax tree. values.cpp reads scalars by the kind of
// their field, statements.cpp what a saga does, declarations.cpp the rest and the entry.
#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "dsl/diagnostic.h"
#include "dsl/syntax.h"
#include "dsl/text/grammar.h"
#include "dsl/yaml/events.h"

namespace belay::dsl::yaml {

class Reader;

// What one closed map held and what it was asked for: a test compares it with the table of keys.
struct KeysAsked {
  std::string what;
  std::vector<std::string> held, asked;
};

// One map being read: what nobody takes is unknown, and what was asked for is what could have been
// meant.
class Fields {
 public:
  // `map` may be of another kind: reported, and the map is empty. `what` is for messages: "a step".
  Fields(Reader& reader, const Node& map, std::string what);
  // The value of a key, or nullptr; a key without a value is reported here.
  const Node* take(std::string_view key);
  const Node* need(std::string_view key);  // reports when it is not there
  bool has(std::string_view key) const;
  Span key_span(std::string_view key) const;
  void reserved(std::string_view key);  // reports "not in this version yet" when there
  void done();                          // reports unknown keys
  const Node& map() const { return map_; }

 private:
  Reader& reader_;
  const Node& map_;
  std::string what_;
  std::vector<bool> taken_;
  std::vector<std::string> asked_;
};

class Reader {
 public:
  Reader(const Sources& sources, std::uint32_t source, Diagnostics& diagnostics)
      : sources_(sources),
        source_(source),
        diagnostics_(diagnostics),
        errors_before_(diagnostics.errors()) {}

  std::vector<Declaration> file(const std::vector<Document>& documents);
  void log_keys(std::vector<KeysAsked>* log) { key_log_ = log; }
  bool lost() const { return lost_; }  // a declaration could not be named

 private:
  friend class Fields;

  // ---- values.cpp ----
  Diagnostic& problem(std::string_view code, Span at, std::string message);
  bool scalar(const Node& node, const char* wanted);  // false: reported
  Name name(const Node* node);                        // dotted, checked
  Name declared(const Node* node);                    // no dots
  Name plain_name(const Node* node);
  Name key_name(const Node& key, bool dots);
  Text text(const Node* node);
  Number number(const Node* node);
  bool flag(const Node* node);  // true | false
  std::string word(const Node* node, const std::vector<std::string>& words);
  Expr expr(const Node* node);  // conditions, keys, durations
  Expr data(const Node* node);  // literals, or `= expression`
  Expr expr_of(std::string text, const Node& node, std::size_t skipped);
  Expr placed(std::string text, const Node& node,
              std::size_t skipped);  // any text, with its lines' places
  std::string data_text(const Node& node);
  TypeExpr type(const Node* node);
  std::vector<Arg> data_args(const Node* node, bool any_names = false);
  std::vector<Arg> expr_args(const Node* node);
  std::vector<FieldDecl> fields(const Node* node, bool values);
  Tries tries(const Node* node);
  Tries tries_of(Fields& fields, Span span);
  Tries tries_text(const Node& node);
  const std::vector<Node>& list(const Node* node);
  void route(const Node* node, Text& method, Text& path);

  // ---- statements.cpp, flow.cpp ----
  enum class Where { kFlow, kWebhook, kForEach };  // the list that a statement stands in
  Statements block(const Node* node, Where where);
  Statements filled(const Node* node, Where where, const char* what);  // an empty list is a problem
  Statements handler_block(const Node* node, const char* what);
  void statement(const Node& node, Where where, Statements& into);
  std::string statement_kind(const Node& node, const Fields& fields, Span& head);
  bool stands(const std::string& kind, Where where, Span head);  // false: reported
  Statement step(Fields& fields);
  Statement when(Fields& fields, Where where);
  Statement together(Fields& fields);
  void wanted(const Node* how, Statement& together);
  void branches(const Node* node, Statement& together);
  Statement for_each(Fields& fields);
  Statement repeat(Fields& fields);
  Statement attempt(Fields& fields);  // `try`
  Statement wait(Fields& fields);
  void sources(const Node& node, const std::string& key, Statement& wait);
  Statement ask(Fields& fields);
  void limit(Fields& fields, Statement& out);
  Number count(const Node* node, std::int64_t least, const char* what);
  std::vector<Allow> allows(Fields& fields);
  Policies policies(Fields& fields);
  Rate rate(const Node& node);
  Undo undo(const Node& node);
  Act act(const Node* node);
  Act act_of(Fields& fields);
  Keep keep(const Node* node);
  IfUnsure if_unsure(const Node* node);
  std::vector<Handler> handlers(const Node* node);
  EventSource source(Fields& fields, std::string_view event_key);

  // ---- declarations.cpp ----
  void declaration(const Document& document, bool first, std::vector<Declaration>& into);
  EventDecl event(Fields& fields);
  ConnectorDecl connector(Fields& fields);
  ActionDecl action(Fields& fields);
  void action_runs(Fields& fields, ActionDecl& out);
  UseDecl use(const Node& node);
  WorkflowDecl workflow(Fields& fields);
  WebhookDecl webhook(Fields& fields);
  void workflow_starts(Fields& fields, WorkflowDecl& out);
  bool full() const;

  // ---- scenarios.cpp ----
  ScenarioDecl scenario(Fields& fields);
  template <class Said, class Make>
  void sentences(const Node* node, text::Rule rule, std::vector<Said>& into, Make make);

  const Sources& sources_;
  std::uint32_t source_;
  Diagnostics& diagnostics_;
  std::size_t errors_before_;
  bool broken_ = false, lost_ = false;
  int handlers_around_ =
      0;  // lists of `errors` and `otherwise` around the statement: acts may stand there
  std::vector<KeysAsked>* key_log_ = nullptr;
};

// How a scalar in a data field is read: see values.cpp.
enum class DataKind { kExpression, kLiteral, kString };
DataKind data_kind(std::string_view text, bool plain);

}  // namespace belay::dsl::yaml
