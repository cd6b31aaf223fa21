// Phase three of the text form: the tree of lines → the syntax tree. declarations.cpp and
// statements.cpp fill one class.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "dsl/diagnostic.h"
#include "dsl/syntax.h"
#include "dsl/text/grammar.h"
#include "dsl/text/heads.h"
#include "dsl/text/lines.h"

namespace belay::dsl::text {

// The last line that stands under `line`, block text included.
std::uint32_t last_line(const Line& line);

class Builder {
 public:
  Builder(const Sources& sources, std::uint32_t source, Diagnostics& diagnostics)
      : sources_(sources),
        source_(source),
        diagnostics_(diagnostics),
        errors_before_(diagnostics.errors()) {}

  std::vector<Declaration> file(const std::vector<Line>& lines);
  bool lost() const { return lost_; }  // a declaration could not be named

 private:
  using Lines = std::vector<Line>;
  using Seen = std::map<std::string, Span>;

  // A line whose head is known here, and what followed it.
  struct Read {
    const Head* head = nullptr;
    Parsed parsed;
    bool usable = false;  // false: reported; the caller skips the line, children too
    bool is(std::string_view words) const { return head != nullptr && head->words == words; }
  };

  // ---- reading one line (read_text.cpp) ----
  Read read(const Line& line, unsigned place);
  Parsed parse(const Line& line, Rule rule, std::size_t from, std::string_view after);
  void misfit(const Line& line, const Parsed& parsed, Rule rule, std::size_t from,
              std::string_view after);
  void unknown(const Line& line, unsigned place, const HeadMatch& match);
  bool looks_like_arg(const Line& line, bool strings) const;
  void leaf(const Line& line, std::string_view head);
  // `allow CODE because "…"`, about the lines of `owner`. Returns whether the line is one.
  bool allow(const Line& line, const Read& read, const Line& owner, std::vector<Allow>& into);
  bool allow(const Line& line, const Line& owner, std::vector<Allow>& into);
  // What stands under a statement: its `allow` lines go to `into`, the others are returned (`rest`
  // holds them where there are both).
  const Lines& below(const Line& owner, std::vector<Allow>& into, Lines& rest);
  void only_allows(const Line& line, std::string_view head, std::vector<Allow>& into);
  bool goes_on(const Line& line);
  bool once(Seen& seen, const std::string& what, Span at);
  void no_block(const Line& line);
  Diagnostic& problem(std::string_view code, Span at, std::string message);
  void missing(Span at, std::string message, std::string help);
  void at_least_one(const Number& count, const Parsed& parsed, std::string_view what);
  bool full();

  Span at(const Line& line, const Part& part) const { return line.span(part.offset, part.length); }
  Name name(const Line& line, const Part* part);        // checked: lower_snake, dotted
  Name plain_name(const Line& line, const Part* part);  // as written
  Name declared(const Line& line, const Part* part);    // checked: no dots
  Text text(const Line& line, const Part* part);
  Expr expr(const Line& line, const Part* part);
  Expr condition(const Line& line, const Read& read);
  Number number(const Line& line, const Part* part);

  // ---- lists (read_text.cpp) ----
  std::vector<FieldDecl> fields(const Lines& lines, bool values);
  FieldDecl field(const Line& line, bool& usable, bool values);
  TypeExpr type(const Line& line, const std::vector<Part>& parts, std::size_t& next);
  std::vector<Arg> args(const Lines& lines, Rule rule = Rule::kArg);
  void arg(const Line& line, Rule rule, std::size_t from, std::vector<Arg>& into);
  Tries tries(const Line& line, const Parsed& parsed, Span span);

  // ---- declarations (declarations.cpp) ----
  void declaration(const Line& line, std::vector<Declaration>& into);
  EventDecl event(const Line& line, const Parsed& parsed, std::vector<Allow>& allows);
  ConnectorDecl connector(const Line& line, std::vector<Allow>& allows);
  void connector_clause(const Line& line, const Read& read, ConnectorDecl& connector);
  ActionDecl action(const Line& line, std::vector<Allow>& allows);
  void action_clause(const Line& line, const Read& read, ActionDecl& action);
  void call(const Line& line, const Parsed& parsed, ActionDecl& action);
  UseDecl use(const Line& line, const Read& read);
  WorkflowDecl workflow(const Line& line, const Parsed& parsed, std::vector<Allow>& allows);
  bool is_clause(const Line& line, unsigned place, unsigned statements) const;
  bool workflow_clause(const Line& line, const Read& read, WorkflowDecl& workflow);
  void starts_on(const Line& line, const Read& read, WorkflowDecl& workflow);
  WebhookDecl webhook(const Line& line, const Parsed& parsed, std::vector<Allow>& allows);
  ScenarioDecl scenario(const Line& line, const Parsed& parsed, std::vector<Allow>& allows);
  void scenario_line(const Line& line, std::string_view section, std::size_t from,
                     ScenarioDecl& into);

  // ---- statements (statements.cpp; flow.cpp) ----
  Statements block(const Lines& lines, unsigned place);
  void statement(const Line& line, const Read& read, unsigned place, Statements& into);
  void step(const Line& line, Statement& step);
  void wait(const Line& line, Statement& wait);
  void wait_source(const Line& line, const Read& read, Statement& wait);
  EventSource source(const Line& line, const Parsed& parsed, std::size_t from_part);
  void together(const Line& line, const Parsed& parsed, Statement& together);
  void for_each(const Line& line, const Parsed& parsed, Statement& loop);
  void repeat(const Line& line, const Parsed& parsed, Statement& loop);
  void otherwise_of_repeat(const Line& line, Statement& repeat);
  void ask(const Line& line, const Parsed& parsed, Statement& ask);
  bool loose_act(const Line& line, const Read& read, unsigned place, Statement& out);
  Statements handler_block(const Lines& lines);
  bool policy(const Line& line, const Read& read, Policies& policies, Seen& seen);
  Undo undo(const Line& line, const Read& read);
  Handler handler(const Line& line, const Read& read);
  IfUnsure if_unsure(const Line& line, const Read& read);
  Keep keep(const Line& line, const Parsed& parsed);
  Act act(const Line& line, const Parsed& parsed, std::size_t from_part);
  Rate rate(const Line& line, const Parsed& parsed, Span span);

  const Sources& sources_;
  std::uint32_t source_;
  Diagnostics& diagnostics_;
  std::size_t errors_before_;
  bool broken_ = false;  // something of the current declaration could not be read
  bool full_said_ = false;
  int handlers_around_ =
      0;  // blocks of `if ERROR` and `otherwise` around the line: acts may stand there
  unsigned misplaced_ = 0;  // where the lines before belong, when they stood elsewhere: reported
  std::uint32_t misplaced_column_ = 0;
  std::uint32_t lost_line_ = 0, lost_column_ = 0;  // the last line that has lost its head: reported
  const Seen* twice_in_ = nullptr;  // the block whose last clause was said twice: reported
  bool lost_ = false;
};

}  // namespace belay::dsl::text
