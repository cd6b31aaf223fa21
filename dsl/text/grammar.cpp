// The grammar of a line, in PEGTL: what may follow each head. Terminals skip the blanks before them
// and leave a Part; rules only combine terminals. When a line does not fit, the place where the
// furthest terminal failed and what could have stood there make the message, so no rule needs an
// error text of its own. Expressions are not parsed here: a line only finds where one ends. This is
// the only file of dsl/text that includes PEGTL.
#include "dsl/text/grammar.h"

#include <algorithm>
#include <cctype>
#include <tao/pegtl.hpp>

#include "dsl/text/lexical.h"

namespace belay::dsl::text {
namespace {

namespace p = tao::pegtl;

template <std::size_t N>
struct Literal {
  char chars[N];
  constexpr Literal(const char (&text)[N]) {
    std::copy_n(text, N, chars);
  }  // NOLINT: implicit by design
  constexpr std::string_view view() const { return {chars, N - 1}; }
};

bool is_blank(char c) { return c == ' ' || c == '\n'; }

template <typename Input>
std::string_view rest_of(const Input& in) {
  return {in.current(), static_cast<std::size_t>(in.end() - in.current())};
}

std::size_t blanks(std::string_view rest) {
  std::size_t i = 0;
  while (i < rest.size() && is_blank(rest[i])) ++i;
  return i;
}

// Length of `words` at the beginning of `rest`, any number of blanks for each one; 0: not there.
std::size_t words_length(std::string_view words, std::string_view rest) {
  std::size_t at = 0;
  for (const char c : words) {
    if (c == ' ') {
      const std::size_t n = blanks(rest.substr(at));
      if (n == 0 && rest.substr(0, 1) != ",") return 0;
      at += n;
    } else if (at < rest.size() && rest[at] == c) {
      ++at;
    } else {
      return 0;
    }
  }
  return at < rest.size() && is_word(words.back()) && is_word(rest[at]) ? 0 : at;
}

// A terminal: `Derived::length(rest)` of the text behind the blanks, 0 when it is not there.
template <typename Derived>
struct Terminal {
  using rule_t = Derived;
  using subs_t = p::empty_list;
  template <typename Input>
  static bool match(Input& in) {
    const std::string_view rest = rest_of(in);
    const std::size_t skipped = blanks(rest);
    const std::size_t length = Derived::length(rest.substr(skipped));
    if (length == 0) return false;
    in.bump(skipped + length);
    return true;
  }
};

template <Literal W>
struct kw : Terminal<kw<W>> {
  static constexpr Part::Tag tag = Part::Tag::kWord;
  static std::string expect() { return "`" + std::string(W.view()) + "`"; }
  static std::size_t length(std::string_view rest) { return words_length(W.view(), rest); }
};

// A word as people write names, right or wrong: the builder says what is wrong with `Hold-Slot`.
std::size_t loose_word(std::string_view rest, bool dots) {
  std::size_t i = 0;
  const auto fits = [&](std::size_t at) {
    return is_word(rest[at]) || static_cast<unsigned char>(rest[at]) >= 0x80 ||
           ((rest[at] == '-' || (dots && rest[at] == '.')) && at > 0 && at + 1 < rest.size() &&
            is_word(rest[at + 1]));
  };
  while (i < rest.size() && fits(i)) ++i;
  return i;
}

struct name : Terminal<name> {
  static constexpr Part::Tag tag = Part::Tag::kName;
  static std::string expect() { return "a name"; }
  static std::size_t length(std::string_view rest) { return loose_word(rest, true); }
};

struct number : Terminal<number> {
  static constexpr Part::Tag tag = Part::Tag::kNumber;
  static std::string expect() { return "a whole number"; }
  static std::size_t length(std::string_view rest) {
    std::size_t i = !rest.empty() && rest[0] == '-' ? 1 : 0;
    const std::size_t digits = i;
    while (i < rest.size() && std::isdigit(static_cast<unsigned char>(rest[i]))) ++i;
    const bool goes_on = i < rest.size() && (is_word(rest[i]) || rest[i] == '.');
    return i == digits || goes_on ? 0 : i;
  }
};

struct string : Terminal<string> {
  static constexpr Part::Tag tag = Part::Tag::kString;
  static std::string expect() { return "a text in quotes"; }
  static std::size_t length(std::string_view rest) {
    if (rest.empty() || (rest[0] != '"' && rest[0] != '\'')) return 0;
    const std::size_t end = string_end(rest, 0);
    return end == std::string_view::npos ? 0 : end;
  }
};

struct expr : Terminal<expr> {
  static constexpr Part::Tag tag = Part::Tag::kExpr;
  static std::string expect() { return "an expression"; }
  static std::size_t length(std::string_view rest) {
    if (rest.substr(0, 1) == "=") return 0;  // `once per = booking`
    std::size_t end = expression_end(rest, 0);
    while (end > 0 && is_blank(rest[end - 1])) --end;
    return end;
  }
};

template <Literal What>
struct capitals : Terminal<capitals<What>> {  // GET, STRIPE_URL
  static constexpr Part::Tag tag = Part::Tag::kName;
  static std::string expect() { return std::string(What.view()); }
  static std::size_t length(std::string_view rest) {
    std::size_t i = 0;
    while (i < rest.size() &&
           (std::isupper(static_cast<unsigned char>(rest[i])) || rest[i] == '_' ||
            (i > 0 && std::isdigit(static_cast<unsigned char>(rest[i]))))) {
      ++i;
    }
    return i < rest.size() && is_word(rest[i]) ? 0 : i;
  }
};

struct equals : Terminal<equals> {
  static constexpr Part::Tag tag = Part::Tag::kWord;
  static std::string expect() { return "`=`"; }
  static std::size_t length(std::string_view rest) {
    return !rest.empty() && rest[0] == '=' && rest.substr(0, 2) != "==" ? 1 : 0;
  }
};

struct comma : Terminal<comma> {
  static constexpr Part::Tag tag = Part::Tag::kWord;
  static std::string expect() { return "`,`"; }
  static std::size_t length(std::string_view rest) {
    return !rest.empty() && rest[0] == ',' ? 1 : 0;
  }
};

struct colon : Terminal<colon> {
  static constexpr Part::Tag tag = Part::Tag::kWord;
  static std::string expect() { return "`:`"; }
  static std::size_t length(std::string_view rest) {
    return !rest.empty() && rest[0] == ':' ? 1 : 0;
  }
};

// `5 minutes`: ends where the unit ends, so that a sentence can go on behind it.
struct duration : Terminal<duration> {
  static constexpr Part::Tag tag = Part::Tag::kExpr;
  static std::string expect() { return "a time such as `5 minutes`"; }
  static std::size_t length(std::string_view rest) {
    std::size_t i = 0;
    while (i < rest.size() && std::isdigit(static_cast<unsigned char>(rest[i]))) ++i;
    const std::size_t gap = i == 0 ? 0 : blanks(rest.substr(i));
    if (gap == 0) return 0;
    for (const std::string_view unit : {"millisecond", "second", "minute", "hour", "day"}) {
      if (rest.substr(i + gap, unit.size()) != unit) continue;
      std::size_t end = i + gap + unit.size();
      if (end < rest.size() && rest[end] == 's') ++end;
      return end < rest.size() && is_word(rest[end]) ? 0 : end;
    }
    return 0;
  }
};

struct anything : Terminal<anything> {
  static constexpr Part::Tag tag = Part::Tag::kExpr;
  static std::string expect() { return "something"; }
  static std::size_t length(std::string_view rest) { return rest.size(); }
};

struct end {
  using rule_t = end;
  using subs_t = p::empty_list;
  static std::string expect() { return "the end of the line"; }
  template <typename Input>
  static bool match(Input& in) {
    return blanks(rest_of(in)) == rest_of(in).size();
  }
};

// ---- Rules

template <typename... R>
using seq = p::seq<R...>;
template <typename... R>
using sor = p::sor<R...>;
template <typename... R>
using opt = p::opt<R...>;
template <typename... R>
using star = p::star<R...>;

struct bound : sor<seq<kw<"from">, number, kw<"to">, number>, seq<kw<"matching">, string>,
                   seq<kw<"at most">, number, sor<kw<"characters">, kw<"items">>>> {};
struct type : seq<star<sor<kw<"optional">, kw<"private">, kw<"list of">, kw<"map of">>>,
                  sor<seq<kw<"one of">, string, star<comma, string>>, name>, star<bound>> {};
struct field : seq<name, type, opt<equals, expr>> {};
struct arg : seq<name, equals, expr> {};
struct call_arg : seq<sor<string, name>, equals, expr> {};

struct allow : seq<name, kw<"because">, string> {};

struct tries : seq<number, sor<kw<"tries in all">, kw<"try in all">>,
                   star<sor<seq<kw<", first wait">, expr>, kw<", doubling">,
                            seq<kw<", at most">, expr>, kw<", random spread">>>> {};
struct hand : seq<kw<"hand to">, name> {};
struct carry_on : seq<kw<"carry on">, opt<kw<"with">, expr>> {};
struct act : sor<seq<kw<"cancel because">, string>, seq<kw<"finish">, opt<kw<"with">>>, carry_on,
                 seq<kw<"try again after">, expr, kw<", at most">, number, kw<"times">>, hand> {};
struct keep : seq<expr, kw<", then">, sor<kw<"carry on">, hand>> {};
struct source : seq<name, kw<", key">, expr, opt<kw<", even if up to">, expr>> {};

struct titled : seq<name, opt<string>> {};
struct event_decl : seq<name, kw<", version">, number, kw<", key">, name> {};
struct workflow_decl : seq<name, opt<string>, kw<", version">, number> {};
struct webhook_decl : seq<name, opt<string>, comma, capitals<"a method such as `POST`">, string> {};
struct plan_decl : seq<name, colon, tries> {};
struct scenario_decl : seq<string, kw<"for">, name> {};

struct base
    : sor<seq<kw<"env">, capitals<"the name of an environment variable">, opt<kw<"or">, string>>,
          string> {};
struct bearer : seq<kw<"secret">, name> {};
struct with_secret : seq<string, kw<"secret">, name> {};
struct remembers : seq<expr, opt<kw<", replays errors">>> {};
struct call_limits : sor<seq<number, kw<"per second">, opt<comma, number, kw<"at once">>>,
                         seq<number, kw<"at once">>> {};
struct breaker : seq<number, sor<kw<"failures">, kw<"failure">>, kw<", rest">, expr> {};
struct names : seq<name, star<comma, name>> {};
struct call_decl : seq<name, comma, capitals<"a method such as `POST`">, string> {};
struct outcome : seq<expr, comma, name> {};
struct undo_fails : seq<kw<", keep trying for">, keep> {};
struct tag_list : seq<sor<string, name>, star<comma, sor<string, name>>> {};
struct verified : seq<name, kw<"with secret">, name, star<kw<"or secret">, name>,
                      opt<kw<", no older than">, expr>> {};

struct do_rest : seq<name, opt<kw<", and do not wait">>> {};
struct retry : sor<tries, name> {};
struct wait_within : seq<expr, kw<", otherwise">, opt<act>> {};
struct if_unsure
    : seq<comma,
          sor<seq<kw<"check">, opt<kw<"with">, name>>, kw<"try again">, kw<"undo anyway">, hand>> {
};
struct if_error : seq<sor<kw<"any error">, seq<name, star<kw<"or">, name>>>, opt<comma, act>> {};
struct together
    : seq<kw<", waiting for">, sor<kw<"all">, kw<"any">, seq<number, kw<"of">, number>>> {};
struct pause : sor<seq<kw<"for">, expr>, seq<kw<"until">, expr>> {};
struct publish : seq<name, kw<", key">, expr> {};
struct named_source : seq<name, equals, source> {};
struct for_each : seq<name, kw<"in">, expr, kw<", at most">, number, kw<"at once">,
                      opt<kw<", tolerating">, number, sor<kw<"failures">, kw<"failure">>>> {};
struct repeat : seq<expr, kw<", at most">, number, sor<kw<"times">, kw<"time">>,
                    opt<kw<", otherwise">, act>> {};
struct ask : seq<name, string, kw<"of role">, name> {};
struct rate : seq<number, sor<kw<"per second">, kw<"per minute">, kw<"per hour">, kw<"per day">>,
                  opt<kw<"per">, expr>> {};
struct one_at_a_time : seq<expr, sor<kw<", others queue">, kw<", others are refused">>> {};

// ---- Sentences of a scenario ----

struct given : seq<arg, star<comma, arg>> {};
struct said_args : seq<kw<"with">, opt<given>> {};
struct of_round : seq<sor<kw<"of item">, kw<"of round">>, number> {};
struct call_name : seq<opt<kw<"the check of">>, opt<kw<"check of">>,
                       opt<sor<kw<"the undo of">, kw<"undo of">>>, name, opt<of_round>> {};
struct times : sor<kw<"once">, kw<"twice">, kw<"always">, seq<number, kw<"times">>> {};
struct whether : sor<kw<"and happened">, kw<"and did not happen">> {};
struct after_time : seq<kw<"after">, duration> {};
struct arrives : seq<kw<"arrives">, opt<kw<"twice">>,
                     opt<sor<kw<"early">, after_time, seq<duration, kw<"before the start">>>>,
                     opt<said_args>> {};
struct call_says
    : seq<call_name,
          sor<kw<"never arrives">, arrives, seq<kw<"fails with">, name, opt<times>>,
              seq<kw<"fails">, opt<times>>, seq<kw<"is unavailable">, opt<times>>,
              seq<kw<"is unsure">, whether, opt<times>>,
              seq<kw<"times out">, opt<whether>, opt<times>>, seq<kw<"gives">, opt<given>>,
              seq<kw<"says">, string>, seq<kw<"starts it">, opt<said_args>>>> {};
struct engine_stops
    : seq<kw<"the engine">, kw<"stops">, sor<kw<"before">, kw<"during">, kw<"after">>, call_name> {
};
struct someone : seq<kw<"someone">,
                     sor<seq<kw<"cancels it because">, string,
                             opt<sor<after_time, seq<sor<kw<"after">, kw<"during">>, call_name>>>>,
                         seq<kw<"answers">, name, opt<of_round>, opt<after_time>, opt<said_args>>,
                         seq<kw<"retries">, call_name>, seq<kw<"skips">, call_name>,
                         seq<kw<"finds that">, call_name, sor<kw<"happened">, kw<"did not happen">>,
                             opt<said_args>>>> {};
struct child_says : seq<kw<"the child of">, name, opt<of_round>, kw<"is cancelled">, opt<times>> {};
struct again : seq<kw<"it is started again">, opt<after_time>, opt<said_args>> {};
struct said_when : sor<engine_stops, someone, child_says, again, call_says> {};

struct tried : sor<kw<"once">, kw<"twice">, seq<number, kw<"times">>> {};
struct event_said : seq<name, opt<said_args>> {};
struct ends
    : seq<kw<"ends">, sor<kw<"completed">, seq<kw<"compensated">, opt<kw<"because">, string>>>> {};
struct it_does : seq<kw<"it">, sor<ends, seq<kw<"is held at">, call_name, opt<kw<"for">, name>>,
                                   seq<kw<"waits for">, name>, seq<kw<"publishes">, event_said>>> {
};
struct second_start : seq<kw<"the second start">,
                          sor<kw<"queues">, kw<"is refused">, kw<"changes nothing">, ends>> {};
struct placed_names : seq<name, opt<of_round>, star<comma, name, opt<of_round>>> {};
struct said_then
    : sor<it_does, second_start,
          seq<kw<"nothing is">, sor<kw<"undone">, kw<"done">, kw<"left over">, kw<"published">>>,
          seq<sor<kw<"undone is">, kw<"done is">, kw<"left over is">>, placed_names>,
          seq<kw<"publishes">, event_said>, seq<kw<"within">, duration>,
          seq<call_name, kw<"is tried">, tried>,
          seq<p::not_at<sor<kw<"it">, kw<"nothing">, kw<"undone">, kw<"left over">, kw<"publishes">,
                            kw<"within">>>,
              expr>> {};

// ---- Running

struct State {
  const char* begin = nullptr;
  std::vector<Part> parts;
  std::size_t furthest = 0;
  std::vector<std::string> expected;
};

template <typename R>
concept Tagged = requires {
  R::tag;
};
template <typename R>
concept Expected = requires {
  R::expect();
};

template <typename R>
struct control : p::normal<R> {
  template <typename Input, typename... S>
  static void failure(const Input& in, State& state, S&&...) {
    if constexpr (Expected<R>) {
      const std::size_t at =
          static_cast<std::size_t>(in.current() - state.begin) + blanks(rest_of(in));
      if (at > state.furthest) {
        state.furthest = at;
        state.expected.clear();
      }
      const std::string what = R::expect();
      if (at == state.furthest &&
          std::find(state.expected.begin(), state.expected.end(), what) == state.expected.end()) {
        state.expected.push_back(what);
      }
    } else {
      (void)in;
      (void)state;
    }
  }
};

template <typename R>
struct action : p::nothing<R> {};

template <Tagged R>
struct action<R> {
  template <typename Input>
  static void apply(const Input& in, State& state) {
    std::string_view text(in.begin(), in.size());
    const std::size_t skipped = blanks(text);
    const std::size_t offset = static_cast<std::size_t>(in.begin() - state.begin) + skipped;
    text.remove_prefix(skipped);
    while (!state.parts.empty() && state.parts.back().offset >= offset)
      state.parts.pop_back();  // of a way given up
    Part part{R::tag, {}, offset, text.size()};
    if (part.tag != Part::Tag::kWord) {
      part.text = text;
    } else {  // single blanks, no comma
      for (const char c : text) {
        if (c == ',' || (is_blank(c) && (part.text.empty() || part.text.back() == ' '))) continue;
        part.text += is_blank(c) ? ' ' : c;
      }
    }
    state.parts.push_back(std::move(part));
  }
};

template <typename R>
Parsed run(std::string_view text, std::size_t from) {
  p::memory_input<p::tracking_mode::lazy> in(text.data() + from, text.data() + text.size(), "line");
  State state;
  state.begin = in.current();
  Parsed out;
  out.ok = p::parse<seq<R, end>, action, control>(in, state);
  out.parts = std::move(state.parts);
  for (Part& part : out.parts) part.offset += from;
  out.failed_at = from + state.furthest;
  out.expected = std::move(state.expected);
  return out;
}

}  // namespace

const Part* Parsed::first(Part::Tag tag, std::size_t skip) const {
  for (const Part& part : parts) {
    if (part.tag == tag && skip-- == 0) return &part;
  }
  return nullptr;
}

const Part* Parsed::after(std::string_view word) const {
  for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
    if (parts[i].tag == Part::Tag::kWord && parts[i].text == word) return &parts[i + 1];
  }
  return nullptr;
}

bool Parsed::has(std::string_view word) const {
  return std::any_of(parts.begin(), parts.end(), [&](const Part& part) {
    return part.tag == Part::Tag::kWord && part.text == word;
  });
}

Parsed parse_line(Rule rule, std::string_view text, std::size_t from) {
  switch (rule) {
    case Rule::kNothing: return run<p::success>(text, from);
    case Rule::kAnything: return run<opt<anything>>(text, from);
    case Rule::kField: return run<field>(text, from);
    case Rule::kArg: return run<arg>(text, from);
    case Rule::kCallArg: return run<call_arg>(text, from);
    case Rule::kQueryArg: return run<call_arg>(text, from);
    case Rule::kHeaderArg: return run<call_arg>(text, from);
    case Rule::kType: return run<type>(text, from);
    case Rule::kTries: return run<tries>(text, from);
    case Rule::kFirstLine: return run<number>(text, from);
    case Rule::kTypeDecl: return run<titled>(text, from);
    case Rule::kEvent: return run<event_decl>(text, from);
    case Rule::kConnector: return run<titled>(text, from);
    case Rule::kAction: return run<titled>(text, from);
    case Rule::kWorkflow: return run<workflow_decl>(text, from);
    case Rule::kWebhook: return run<webhook_decl>(text, from);
    case Rule::kPlan: return run<plan_decl>(text, from);
    case Rule::kScenario: return run<scenario_decl>(text, from);
    case Rule::kGiven: return run<given>(text, from);
    case Rule::kSaidWhen: return run<said_when>(text, from);
    case Rule::kSaidThen: return run<said_then>(text, from);
    case Rule::kFromVersion: return run<number>(text, from);
    case Rule::kBase: return run<base>(text, from);
    case Rule::kBearer: return run<bearer>(text, from);
    case Rule::kBasic: return run<with_secret>(text, from);
    case Rule::kHeader: return run<with_secret>(text, from);
    case Rule::kRequestKeyIn: return run<string>(text, from);
    case Rule::kRemembers: return run<remembers>(text, from);
    case Rule::kBody: return run<sor<kw<"form">, kw<"json">>>(text, from);
    case Rule::kLimits: return run<call_limits>(text, from);
    case Rule::kBreaker: return run<breaker>(text, from);
    case Rule::kCanEndIn: return run<names>(text, from);
    case Rule::kRepeating: return run<sor<kw<"safe">, kw<"unsafe">>>(text, from);
    case Rule::kCall: return run<call_decl>(text, from);
    case Rule::kOutcome: return run<outcome>(text, from);
    case Rule::kUndoFails: return run<undo_fails>(text, from);
    case Rule::kOwner: return run<string>(text, from);
    case Rule::kTags: return run<tag_list>(text, from);
    case Rule::kVerified: return run<verified>(text, from);
    case Rule::kStep: return run<titled>(text, from);
    case Rule::kDo: return run<do_rest>(text, from);
    case Rule::kUse: return run<name>(text, from);
    case Rule::kBecause: return run<string>(text, from);
    case Rule::kRetry: return run<retry>(text, from);
    case Rule::kWaitWithin: return run<wait_within>(text, from);
    case Rule::kIfUnsure: return run<if_unsure>(text, from);
    case Rule::kIfError: return run<if_error>(text, from);
    case Rule::kKeep: return run<keep>(text, from);
    case Rule::kTogether: return run<together>(text, from);
    case Rule::kBranch: return run<name>(text, from);
    case Rule::kWait: return run<titled>(text, from);
    case Rule::kSource: return run<source>(text, from);
    case Rule::kPause: return run<pause>(text, from);
    case Rule::kPublish: return run<publish>(text, from);
    case Rule::kSet: return run<arg>(text, from);
    case Rule::kFinish: return run<opt<kw<"with">>>(text, from);
    case Rule::kCarryOn: return run<opt<kw<"with">, expr>>(text, from);
    case Rule::kTryAgain: return run<seq<expr, kw<", at most">, number, kw<"times">>>(text, from);
    case Rule::kHandTo: return run<name>(text, from);
    case Rule::kAllow: return run<allow>(text, from);
    case Rule::kExpression: return run<expr>(text, from);
    case Rule::kForEach: return run<for_each>(text, from);
    case Rule::kRepeat: return run<repeat>(text, from);
    case Rule::kAsk: return run<ask>(text, from);
    case Rule::kNamedSource: return run<named_source>(text, from);
    case Rule::kRate: return run<rate>(text, from);
    case Rule::kOneAtATime: return run<one_at_a_time>(text, from);
  }
  return {};
}

}  // namespace belay::dsl::text
