// The syntax tree: what both forms of the language are read into, and printed from. It holds what
// the author wrote and where, nothing that the compiler worked out: names are unresolved,
// expressions are verbatim text. Both readers (dsl/text, dsl/yaml) fill it, both printers write it,
// dsl/compile lowers it to the step graph. Equality of two trees ignores spans (same_tree): that is
// what conversion must preserve.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "dsl/source.h"

namespace belay::dsl {

struct Name {  // a word as written, maybe dotted
  std::string text;
  Span span;
  bool empty() const { return text.empty(); }
};

// An expression, verbatim. `span` is where its first byte stands; an expression that continues over
// lines has line breaks in `text`, and `lines` tells the position of each further line's first
// byte.
struct Expr {
  std::string text;
  Span span;
  std::vector<Span> lines;
  bool empty() const { return text.empty(); }
};

struct Text {  // literal text: titles, reasons
  std::string text;
  Span span;
  bool empty() const { return text.empty(); }
};

struct Number {
  std::int64_t value = 0;
  Span span;
};

struct Arg {  // `name = expr`
  Name name;
  Expr value;
};

struct Allow {  // `allow BEL2001 because "…"`: an author takes responsibility for one kind of
                // problem
  Name kind;
  Text because;
  Span span;                                 // of the clause
  std::uint32_t from_line = 0, to_line = 0;  // the lines that it is about, where it was read
};

// ---- Types and fields

struct TypeExpr {
  bool optional = false, is_private = false;
  enum class Shape { kNamed, kList, kMap, kOneOf } shape = Shape::kNamed;
  Name name;                       // kNamed: a base type or a declared type
  std::vector<TypeExpr> element;   // kList, kMap: one
  std::vector<Text> options;       // kOneOf
  std::optional<Number> min, max;  // `from N to N`
  std::optional<Text> pattern;     // `matching "…"`
  std::optional<Number> size_max;  // `at most N characters|items`
  bool size_in_items = false;
  Span span;
};

struct FieldDecl {
  Name name;
  TypeExpr type;
  Expr value;  // `= expr`, in gives; else empty
};

// ---- Policies

struct Tries {  // `5 tries in all, first wait 2 seconds, doubling, at most 1 minute, random spread`
  Number tries;
  Expr first_wait, at_most;  // empty: not said
  bool doubling = false, spread = false;
  Span span, doubling_span, spread_span;
};

struct Statement;
using Statements = std::vector<Statement>;

struct Act {
  enum class Kind {
    kNone,
    kCancel,
    kFinish,
    kCarryOn,
    kTryAgain,
    kHandTo,
    kBlock
  } kind = Kind::kNone;
  Text because;           // kCancel
  std::vector<Arg> with;  // kFinish `finish with` children
  Expr carry;             // kCarryOn `carry on with EXPR`; empty: without
  Expr after;             // kTryAgain
  Number at_most;         // kTryAgain
  Name team;              // kHandTo
  Statements block;       // kBlock
  Span span;
};

struct Handler {
  std::vector<Name> errors;  // empty: any error
  Act act;
  Span span;
};

struct Keep {
  Expr for_;
  Act then;  // carry on | hand to
  Span span;
};

struct IfUnsure {
  enum class Kind { kCheck, kTryAgain, kUndoAnyway, kHandTo } kind = Kind::kCheck;
  Name action;  // kCheck; empty: the action's `checked by`
  std::vector<Arg> args;
  Name team;
  Span span;
};

struct Rate {  // `at most 10 per minute per customer.id`
  Number count;
  Name unit;  // second, minute, hour, day
  Expr per;   // empty: over all sagas of the workflow
  Span span;
};

struct Policies {
  Name retry_plan;             // `retry careful`
  std::optional<Tries> tries;  // `retry 5 tries in all, …`
  Expr within, request_key, alive_every;
  std::optional<Rate> rate;
  std::vector<Handler> handlers;
  std::optional<IfUnsure> if_unsure;
  std::optional<Keep> keep;
};

struct Undo {
  Name action;
  std::vector<Arg> args;
  Policies policies;
  Span span;
};

struct EventSource {  // `payment.authorised, key booking, even if up to 1 hour before`
  Name name;          // under `for all of`, `for any of`: what the result calls it; else empty
  Name event;
  Expr key, before;
  Span span;
};

// ---- Statements

struct Arm {
  Expr condition;  // empty: `otherwise`
  Statements block;
  Span span;
};

struct Branch {
  Name name;  // empty: a bare statement of `together`
  Statements block;
  Span span;
  std::vector<Allow> allows;  // none where there is no name: its statement has them
};

struct Statement {
  enum class Kind {
    kStep,
    kWhen,
    kTogether,
    kWait,
    kPause,
    kPublish,
    kSet,
    kCancel,
    kFinish,
    kPointOfNoReturn,
    kForEach,
    kRepeat,
    kAsk,
    kTry,
    kCollect,  // `collect name = expr`, in `for each` only
    kAct,      // `carry on`, `try again after`, `hand to` as a statement: in the block of a handler
               // only
  } kind = Kind::kStep;
  Span span;              // of the head
  Name name;              // kStep, kWait, kAsk; kSet, kCollect: the target; kForEach: the item
  Text title;             // kStep, kWait; kAsk: the question
  Name action;            // kStep: do
  Name run;               // kStep: `run WORKFLOW` instead of `do`
  bool detached = false;  // kStep with run: `, and do not wait`
  Span detached_span;
  std::vector<Arg> args;                // kStep: arguments; kPublish: data
  Policies policies;                    // kStep; kTry: handlers only
  std::optional<Undo> undo;             // kStep, kWait
  std::optional<Text> no_undo_because;  // kStep
  std::vector<Arm> arms;                // kWhen
  std::vector<Branch> branches;         // kTogether
  enum class Wanted {
    kAll,
    kAny,
    kSome
  } wanted = Wanted::kAll;         // kTogether; kWait: kAll or kAny of `sources`
  Number wanted_count, wanted_of;  // kTogether with kSome: `2 of 3`
  EventSource source;              // kWait, kPublish (event, key)
  std::vector<EventSource>
      sources;      // kWait `for all of`, `for any of`; else empty, and `source` speaks
  Expr within;      // kWait, kAsk
  Act act;          // kWait, kAsk, kRepeat: otherwise; kCancel, kFinish, kAct: itself
  Statements body;  // kForEach, kRepeat, kTry
  Number at_once;   // kForEach: `at most N at once`
  std::optional<Number> tolerating;  // kForEach
  Number times;                      // kRepeat: `at most N times`
  Name role;                         // kAsk
  std::vector<FieldDecl> answers;    // kAsk
  Expr pause_for, pause_until;       // kPause
  std::vector<Allow> allows;         // about the statement, with all that it holds
  Expr value;                        // kSet, kCollect; kForEach: the list; kRepeat: `until`
};

// ---- Declarations

struct TypeDecl {
  std::vector<FieldDecl> fields;
};

struct EventDecl {
  Number version;
  Name key;
  std::vector<FieldDecl> fields;
  struct Lift {
    Number from;
    std::vector<Arg> values;
  };
  std::vector<Lift> lifts;
};

struct ConnectorDecl {
  Text base_env;  // environment variable; empty: none
  Text base;      // literal address
  enum class SignIn { kNone, kBearer, kBasic, kHeader } sign_in = SignIn::kNone;
  Name sign_in_secret;      // kBearer, kHeader; kBasic: the password
  Text sign_in_user;        // kBasic
  Text sign_in_header;      // kHeader
  Text request_key_header;  // empty: not sent
  Expr keys_remembered;     // empty: not said
  bool replays_errors = false;
  bool form = false;  // body form; else json
  std::optional<Number> per_second, at_once, breaker_failures;
  Expr breaker_rest, timeout;                  // durations
  bool allow_private = false;                  // `may reach private addresses`
  Span replays_span, form_span, private_span;  // of the flags above that are set
};

struct OutcomeDecl {
  Expr when;
  Name error;
  Span span;
};

struct UseDecl {  // undone by, checked by
  Name action;
  std::vector<Arg> args;
  Span span;
};

struct ActionDecl {
  std::vector<Name> effects;  // `moves money` is one name
  std::vector<FieldDecl> takes, gives;
  std::vector<Name>
      errors;  // `can end in a.b, c.d`: errors that no outcome rule names (plugins, SQL)
  std::optional<bool> repeat_safe;
  bool harmless = false;
  Span repeat_span, harmless_span;
  enum class Runs { kNone, kCall, kSql, kPlugin, kReserved } runs = Runs::kNone;
  Span runs_span;
  Name connector;                         // kCall
  Text method, path;                      // kCall
  std::vector<Arg> body, query, headers;  // kCall
  Text sql;                               // kSql
  bool any_rows = false;                  // kSql
  Name plugin;                            // kPlugin
  std::vector<OutcomeDecl> outcomes;
  std::optional<UseDecl> undone_by, checked_by;
  Expr settles;  // checks: `settles in 10 seconds`
};

struct WorkflowDecl {
  Number version;
  std::vector<FieldDecl> takes;
  std::vector<Arg> gives;
  Expr once_per, finish_within;
  std::optional<Keep> if_undo_fails;
  Text owner;
  std::vector<Text> tags;
  struct OneAtATime {
    Expr per;
    bool queue = true;
    Span span, others_span;
  };  // `one at a time per KEY, others queue|are refused`
  std::optional<OneAtATime> one_at_a_time;
  struct StartsOn {
    Name event;
    std::vector<Arg> values;
    Span span;
  };  // values over `event`
  std::vector<StartsOn> starts_on;
  struct Plan {
    Name name;
    Tries tries;
  };
  std::vector<Plan> plans;
  Statements body;
};

struct WebhookDecl {
  Text method, path;
  Text scheme;  // "stripe", "standard", "github", "slack"
  std::vector<Name> secrets;
  Expr tolerance;
  Expr once_per;
  Statements body;  // kWhen and kPublish only
};

struct PlanDecl {
  Tries tries;
};

// ---- Scenarios: sentences, one grammar for both forms (dsl/text/sentences.h)

struct CallName {  // `capture`, `the undo of capture`, `the check of capture`, `hold of item 2`
  Name step;
  bool undo = false, check = false;
  std::optional<Number> round;  // of the loop around it, counted from 1
  bool of_item = false;         // `of item 2`; else `of round 2`
};

struct ScenarioWhen {  // what the world does
  enum class Kind {
    kArrives,
    kNeverArrives,  // of a wait
    kFails,
    kUnavailable,
    kUnsure,
    kTimesOut,  // of a call
    kGives,
    kSays,            // of a call, of a check
    kChildCancelled,  // `the child of stay is cancelled`
    kStartsIt,        // `booking.requested starts it`
    kStartedAgain,    // `it is started again`
    kEngineStops,
    kCancels,
    kAnswers,
    kRetries,
    kSkips,
    kFinds,  // someone does it
  } kind = Kind::kArrives;
  enum class Moment { kUnsaid, kBefore, kDuring, kAfter };
  CallName
      call;  // the wait, the call, the question; kEngineStops: of which call; kStartsIt: the event
  Name error;                         // kFails; empty: refused
  std::optional<Number> times;        // 0: always
  bool happened = false;              // kUnsure, kTimesOut, kFinds
  bool twice = false, early = false;  // kArrives
  Expr after;         // a duration: since the wait began, since the start (kCancels, kStartedAgain)
  Expr before_start;  // kArrives
  Moment moment = Moment::kUnsaid;  // kEngineStops, kCancels
  CallName moment_of;               // kCancels
  Text because;                     // kCancels; kSays: the word
  std::vector<Arg> with;  // the event's fields, the result, the answer; kStartedAgain: its inputs
  Span span;
};

struct ScenarioThen {  // what is expected of the end
  enum class Kind {
    kEnds,
    kHeld,
    kWaits,
    kUndone,
    kDone,
    kLeftOver,
    kPublishes,
    kPublishesNothing,
    kWithin,
    kTried,
    kHolds,  // an expression over the outputs and names
    kSecondQueues,
    kSecondRefused,
    kSecondNothing,
    kSecondEnds,  // `the second start queues`, …
  } kind = Kind::kEnds;
  bool compensated = false;     // kEnds, kSecondEnds
  Text because;                 // kEnds, kSecondEnds
  CallName call;                // kHeld, kTried
  Name team;                    // kHeld
  std::vector<CallName> names;  // kWaits: one; kUndone, kDone, kLeftOver: none is `nothing`
  Name event;                   // kPublishes
  std::vector<Arg> with;        // kPublishes
  Number times;                 // kTried
  Expr value;                   // kWithin, kHolds
  Span span;
};

struct ScenarioDecl {
  Name workflow;
  std::vector<Arg> given;
  std::vector<ScenarioWhen> when;
  std::vector<ScenarioThen> then;
};

struct ReservedDecl {
};  // subscription, projection, lifecycle, api, schedule: not in this version yet

struct Declaration {
  Span span;  // of the head
  Name name;
  Text title;
  std::variant<TypeDecl, EventDecl, ConnectorDecl, ActionDecl, WorkflowDecl, WebhookDecl, PlanDecl,
               ScenarioDecl, ReservedDecl>
      body;
  std::vector<Allow> allows;  // connector, action, workflow, webhook, event, scenario
  bool broken = false;  // something in it could not be read: it still declares its name, checks
                        // that need all of it stay silent
};

struct File {
  std::uint32_t source = 0;  // index into Sources
  enum class Form { kText, kYaml } form = Form::kText;
  std::vector<Declaration> declarations;
  bool lost = false;  // a declaration could not even be named: what nobody declares may be there
};

// The tree as text, one line a fact, without spans: for golden tests.
std::string dump_tree(const File& file);

// Where the facts of the tree stand, in one fixed order: two trees that are the same have equally
// many places, and the n-th of one is the n-th of the other. A place may repeat; a parent's first
// place comes before its children's.
std::vector<Span> places(const File& file);

// Whether two files say the same: spans and form are ignored, expressions compare verbatim.
bool same_tree(const File& a, const File& b);

}  // namespace belay::dsl
