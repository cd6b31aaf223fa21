// What the compiler knows of all declarations of a workspace: filled phase by phase (names, types,
// events, connectors, actions, plans), then read by the lowering of workflows and webhooks. A
// declaration with a problem keeps its place and is marked, so that what leans on it stays silent
// instead of complaining twice.
#pragma once
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "dsl/compile.h"
#include "dsl/expr/expr.h"

namespace belay::dsl {

struct EventInfo {
  const Declaration* at = nullptr;
  const EventDecl* decl = nullptr;
  interpreter::EventType type;
  bool ok = true;
};

struct ConnectorInfo {
  const Declaration* at = nullptr;
  const ConnectorDecl* decl = nullptr;
  Connector connector;
  bool ok = true;
};

// `undone by` / `checked by` of an action. The programs read the action's own scope: its takes in
// order, then (only for `undone by`) `result` in slot takes.size().
struct UseInfo {
  std::string action;
  std::vector<interpreter::Binding> args;
  Span span;
};

struct ActionInfo {
  const Declaration* at = nullptr;
  const ActionDecl* decl = nullptr;
  interpreter::Action action;
  interpreter::Type result;  // the record of its gives
  std::optional<UseInfo> undone_by, checked_by;
  bool ok = true;
  bool kept = false;   // from an earlier compilation: all is known already
  bool quiet = false;  // nothing was said about it
};

struct PlanInfo {
  const Declaration* at = nullptr;
  interpreter::RetryPlan plan;
};

struct TypeInfo {
  const Declaration* at = nullptr;
  const TypeDecl* decl = nullptr;
  interpreter::Type type;
  enum class State { kNew, kOpen, kDone } state = State::kNew;
  std::size_t size = 0;   // fields, all inlined
  std::size_t depth = 0;  // records inside records
};

// What a saga that runs this one must know of it. Filled when it is lowered: before those that run
// it.
struct WorkflowInfo {
  const Declaration* at = nullptr;
  std::vector<interpreter::Field> takes;
  interpreter::Type result;  // the record of its gives
  std::uint32_t version = 1;
  std::string hash;
  std::uint8_t effects = 0;  // of all its steps, and of the sagas that they run
  bool has_point = false;    // of no return
  bool lowered = false;      // its takes and result are known
  bool ok = false;           // it has a graph
  bool quiet = false;        // nothing was said about it
};

struct Symbols;
struct EditorMemory;

template <class T>
using Table = std::map<std::string, T, std::less<>>;

struct Tables {
  const Sources& sources;
  Diagnostics& diagnostics;
  const PluginCatalog* catalog = nullptr;
  Symbols* symbols = nullptr;      // what editors ask for; nullptr: nobody asks
  EditorMemory* memory = nullptr;  // what an earlier compilation knew; not without `symbols`
  bool lost = false;               // some declaration could not be named (File::lost)

  Table<const Declaration*> declared;  // every name, whatever it is
  Table<TypeInfo> types;
  Table<EventInfo> events;
  Table<ConnectorInfo> connectors;
  Table<ActionInfo> actions;
  Table<PlanInfo> plans;
  Table<WorkflowInfo> sagas;
  std::vector<const Declaration*> workflows, webhooks, scenarios;  // the first of each name
};

// ---- Phases, in this order

void declare_names(const std::vector<File>& files, Tables& tables);
void resolve_types(Tables& tables);
void check_events(Tables& tables);
void check_connectors(Tables& tables);
void check_plans(Tables& tables);
void check_actions(Tables& tables);
// The workflows, each after those that it runs. Circles are reported.
std::vector<const Declaration*> order_workflows(Tables& tables);
// The graph of a workflow, or nullopt when something is wrong with it.
std::optional<interpreter::Graph> lower_workflow(const Declaration& declaration, Tables& tables);
// Warns where the worst case takes longer than `finish within` or than a hold lives
// (time_budget.h).
void check_time_budget(const Declaration& declaration, const interpreter::Graph& graph,
                       Tables& tables);
std::optional<Webhook> lower_webhook(const Declaration& declaration, Tables& tables);
// The scenario against its workflow's graph, or nullopt when something is wrong with either.
std::optional<Scenario> check_scenario(const Declaration& declaration,
                                       const std::vector<interpreter::Graph>& graphs,
                                       Tables& tables);

// ---- Helpers of several phases

interpreter::Type resolve_type(const TypeExpr& type, Tables& tables);
// Fields with their types, each name once.
std::vector<interpreter::Field> resolve_fields(const std::vector<FieldDecl>& fields,
                                               Tables& tables);
interpreter::RetryPlan make_plan(const Tries& tries, Tables& tables, bool& ok);
// A constant duration above zero, in ms; reports and returns nullopt otherwise. `what` is "`keep
// trying for`".
std::optional<std::int64_t> positive_duration(const Expr& expr, std::string_view what,
                                              Tables& tables);

// `a.b_c`: lower_snake words joined by dots; without dots when !dotted.
bool is_snake(std::string_view name, bool dotted);
// Whether it may be declared. Reports a reserved name; one that is not lower_snake was reported by
// the reader.
bool check_name(const Name& name, bool dotted, Tables& tables);

std::string quoted(std::string_view name);                    // `name`
std::string place(const Span& span, const Sources& sources);  // file:line
std::string kind_of(const Declaration& declaration);          // "action"
std::string with_article(std::string_view noun);              // "an action"
std::string join_names(const std::vector<std::string>& names,
                       std::string_view last = "and");  // `a`, `b` and `c`
void add_note(Diagnostic& diagnostic, std::string text);
void add_note_at(Diagnostic& diagnostic, Span span, std::string text);
// help: "did you mean `x`?" when a candidate is near.
bool suggest(Diagnostic& diagnostic, std::string_view name,
             const std::vector<std::string>& candidates);
template <class T>
std::vector<std::string> keys_of(const Table<T>& table) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : table) keys.push_back(key);
  return keys;
}
// The entry of that name, or nullptr after reporting `code`. `noun` is "action".
Diagnostic& report_unknown(std::string_view code, std::string_view noun, const Name& name,
                           const std::vector<std::string>& candidates, Tables& tables);
template <class T>
T* look_up(Table<T>& table, std::string_view code, std::string_view noun, const Name& name,
           Tables& tables) {
  if (name.empty()) return nullptr;  // the reader complained
  if (auto found = table.find(name.text); found != table.end()) return &found->second;
  report_unknown(code, noun, name, keys_of(table), tables);
  return nullptr;
}

// Arguments against fields: unknown, double and ill-typed ones are reported; the bindings come in
// the fields' order. Missing ones are the caller's (it may fill them first). `owner` is
// "`stripe.capture`", `declared_at` its place.
struct ArgsContext {
  const std::vector<interpreter::Field>& fields;
  std::string owner;
  std::string noun = "argument";
  Span declared_at;
  bool note_json = true;  // warn when a json value goes where a type is wanted
  bool complete = true;   // `fields` was read whole: what it lacks does not exist
};
// Whether the value is a text of a YAML file that is spelt like a name, or a field of one, that
// exists here: its `=` was forgotten. One word counts only where the argument is called so too.
bool reads_like_name(const Arg& arg, const Names& names, const Tables& tables);
void warn_of_name(const Arg& arg, Tables& tables);

class ExprChecker {  // how an expression is checked where the arguments stand
 public:
  virtual ~ExprChecker() = default;
  virtual CheckedExpr check(const Expr& expr, const CheckOptions& options) = 0;
  virtual bool reads_like_name(const Arg& arg, const Tables& tables) const = 0;
};
struct CheckedArgs {
  std::vector<interpreter::Binding> bindings;
  std::set<std::string> given;  // names that the author wrote, also the wrong ones
  bool ok = true;
};
CheckedArgs check_args(const std::vector<Arg>& args, const ArgsContext& context,
                       ExprChecker& checker, Tables& tables);
// Reports the fields that are neither optional nor bound. Returns whether none is missing.
bool check_missing(const std::vector<interpreter::Binding>& bindings, const ArgsContext& context,
                   Span at, const std::set<std::string>& given, Tables& tables);
const interpreter::Field* find_field(const std::vector<interpreter::Field>& fields,
                                     std::string_view name);
const interpreter::Binding* find_binding(const std::vector<interpreter::Binding>& bindings,
                                         std::string_view name);

// The parts of a `publish`: its key, and the data in the fields' order, the key's field last.
struct PublishParts {
  interpreter::Program key;
  std::vector<interpreter::Binding> data;
  bool ok = true;
};
PublishParts check_publish(const Statement& statement, const EventInfo& event, ExprChecker& checker,
                           Tables& tables, bool note_json = true);

// Whether `check` can settle `checked`: it gives `happened` and, for a yes, what the checked action
// gives. Reports at `at` what is wrong.
bool check_settles(const ActionInfo& check, const ActionInfo& checked, Span at, Tables& tables);

// A few fixed names: the scope of an action or a webhook.
class FixedNames final : public Names {
 public:
  void add(std::string name, interpreter::Type type, std::uint32_t slot);
  std::optional<NameInfo> find(std::string_view name) const override;
  std::vector<std::string> all() const override;

 private:
  Table<NameInfo> names_;
};

class PlainChecker final : public ExprChecker {  // checks against fixed names
 public:
  PlainChecker(const Names& names, Diagnostics& diagnostics)
      : names_(names), diagnostics_(diagnostics) {}
  CheckedExpr check(const Expr& expr, const CheckOptions& options) override {
    return expr.empty() ? CheckedExpr{} : check_expression(expr, names_, options, diagnostics_);
  }
  bool reads_like_name(const Arg& arg, const Tables& tables) const override {
    return dsl::reads_like_name(arg, names_, tables);
  }

 private:
  const Names& names_;
  Diagnostics& diagnostics_;
};

}  // namespace belay::dsl
