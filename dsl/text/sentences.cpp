// Sentences of scenarios. Reading goes over the parts that the grammar left, in order; writing puts
// them back in one fixed order with the shortest words, so that equal trees give equal text.
#include "dsl/text/sentences.h"

#include <algorithm>

#include "dsl/text/lexical.h"

namespace belay::dsl::text {
namespace {

using Tag = Part::Tag;

// A hand that moves over the parts.
class Parts {
 public:
  Parts(const Parsed& parsed, const PartReader& read) : parts_(parsed.parts), read_(read) {}

  bool word(std::string_view text) {
    if (at_ >= parts_.size() || parts_[at_].tag != Tag::kWord || parts_[at_].text != text)
      return false;
    ++at_;
    return true;
  }
  bool is(Tag tag) const { return at_ < parts_.size() && parts_[at_].tag == tag; }
  Name name() { return is(Tag::kName) ? read_.name(parts_[at_++]) : Name{}; }
  Text text() { return is(Tag::kString) ? read_.text(parts_[at_++]) : Text{}; }
  Expr expr() { return is(Tag::kExpr) ? read_.expr(parts_[at_++]) : Expr{}; }
  Number number() { return is(Tag::kNumber) ? read_.number(parts_[at_++]) : Number{}; }

  CallName call() {
    CallName out;
    out.check = word("the check of") || word("check of");
    out.undo = word("the undo of") || word("undo of");
    out.step = name();
    round(out);
    return out;
  }
  void round(CallName& of) {
    of.of_item = word("of item");
    if (of.of_item || word("of round")) of.round = number();
  }
  std::optional<Number> times() {
    if (word("once")) return Number{1, {}};
    if (word("twice")) return Number{2, {}};
    if (word("always")) return Number{0, {}};
    if (!is(Tag::kNumber)) return std::nullopt;
    Number out = number();
    word("times");
    return out;
  }
  std::vector<Arg> args() {
    std::vector<Arg> out;
    while (is(Tag::kName)) {
      Arg arg;
      arg.name = name();
      word("=");
      arg.value = expr();
      out.push_back(std::move(arg));
      word("");  // the comma
    }
    return out;
  }
  std::vector<CallName> names() {
    std::vector<CallName> out;
    while (is(Tag::kName)) {
      CallName one;
      one.step = name();
      round(one);
      out.push_back(std::move(one));
      word("");
    }
    return out;
  }

 private:
  const std::vector<Part>& parts_;
  const PartReader& read_;
  std::size_t at_ = 0;
};

using When = ScenarioWhen;
using Then = ScenarioThen;

void read_someone(Parts& parts, When& out) {
  if (parts.word("cancels it because")) {
    out.kind = When::Kind::kCancels;
    out.because = parts.text();
    if (parts.word("during")) {
      out.moment = When::Moment::kDuring;
      out.moment_of = parts.call();
    } else if (parts.word("after")) {
      if (parts.is(Tag::kExpr)) {
        out.after = parts.expr();
      } else {
        out.moment = When::Moment::kAfter;
        out.moment_of = parts.call();
      }
    }
  } else if (parts.word("answers")) {
    out.kind = When::Kind::kAnswers;
    out.call.step = parts.name();
    parts.round(out.call);
    if (parts.word("after")) out.after = parts.expr();
    if (parts.word("with")) out.with = parts.args();
  } else if (parts.word("retries")) {
    out.kind = When::Kind::kRetries;
    out.call = parts.call();
  } else if (parts.word("skips")) {
    out.kind = When::Kind::kSkips;
    out.call = parts.call();
  } else if (parts.word("finds that")) {
    out.kind = When::Kind::kFinds;
    out.call = parts.call();
    out.happened = parts.word("happened");
    if (!out.happened) parts.word("did not happen");
    if (parts.word("with")) out.with = parts.args();
  }
}

void read_call(Parts& parts, When& out) {
  out.call = parts.call();
  if (parts.word("never arrives")) {
    out.kind = When::Kind::kNeverArrives;
  } else if (parts.word("arrives")) {
    out.kind = When::Kind::kArrives;
    out.twice = parts.word("twice");
    out.early = parts.word("early");
    if (parts.word("after")) out.after = parts.expr();
    if (parts.is(Tag::kExpr)) out.before_start = parts.expr();
    parts.word("before the start");
    if (parts.word("with")) out.with = parts.args();
  } else if (parts.word("fails with")) {
    out.kind = When::Kind::kFails;
    out.error = parts.name();
    out.times = parts.times();
  } else if (parts.word("fails")) {
    out.kind = When::Kind::kFails;
    out.times = parts.times();
  } else if (parts.word("is unavailable")) {
    out.kind = When::Kind::kUnavailable;
    out.times = parts.times();
  } else if (parts.word("is unsure")) {
    out.kind = When::Kind::kUnsure;
    out.happened = parts.word("and happened");
    if (!out.happened) parts.word("and did not happen");
    out.times = parts.times();
  } else if (parts.word("times out")) {
    out.kind = When::Kind::kTimesOut;
    parts.word("and happened");
    out.happened = !parts.word("and did not happen");
    out.times = parts.times();
  } else if (parts.word("gives")) {
    out.kind = When::Kind::kGives;
    out.with = parts.args();
  } else if (parts.word("says")) {
    out.kind = When::Kind::kSays;
    out.because = parts.text();
  } else if (parts.word("starts it")) {
    out.kind = When::Kind::kStartsIt;
    if (parts.word("with")) out.with = parts.args();
  }
}

std::string args_text(const std::vector<Arg>& args) {
  std::string out;
  for (const Arg& arg : args)
    out += (out.empty() ? "" : ", ") + arg.name.text + " = " + arg.value.text;
  return out;
}

std::string with_text(const std::vector<Arg>& args, bool inside) {
  if (args.empty()) return "";
  return " with" + (inside ? " " + args_text(args) : "");
}

std::string times_text(std::int64_t times) {
  if (times == 1) return "once";
  if (times == 2) return "twice";
  return times == 0 ? "always" : std::to_string(times) + " times";
}
std::string times_text(const std::optional<Number>& times) {
  return times ? " " + times_text(times->value) : "";
}

std::string moment_text(When::Moment moment) {
  switch (moment) {
    case When::Moment::kUnsaid: return "";
    case When::Moment::kBefore: return " before ";
    case When::Moment::kDuring: return " during ";
    case When::Moment::kAfter: return " after ";
  }
  return "";
}

std::string names_text(const std::vector<CallName>& names) {
  std::string out;
  for (const CallName& name : names) out += (out.empty() ? "" : ", ") + call_text(name);
  return out;
}

std::string after_text(const Expr& after) { return after.empty() ? "" : " after " + after.text; }

}  // namespace

std::string call_text(const CallName& call) {
  return std::string(call.check ? "the check of " : "") + (call.undo ? "the undo of " : "") +
         call.step.text +
         (call.round
              ? (call.of_item ? " of item " : " of round ") + std::to_string(call.round->value)
              : "");
}

ScenarioWhen read_when(const Parsed& parsed, const PartReader& read) {
  Parts parts(parsed, read);
  When out;
  if (parts.word("the engine")) {
    out.kind = When::Kind::kEngineStops;
    parts.word("stops");
    out.moment = parts.word("before")   ? When::Moment::kBefore
                 : parts.word("during") ? When::Moment::kDuring
                                        : When::Moment::kAfter;
    parts.word("after");
    out.call = parts.call();
  } else if (parts.word("someone")) {
    read_someone(parts, out);
  } else if (parts.word("the child of")) {
    out.kind = When::Kind::kChildCancelled;
    out.call.step = parts.name();
    parts.round(out.call);
    parts.word("is cancelled");
    out.times = parts.times();
  } else if (parts.word("it is started again")) {
    out.kind = When::Kind::kStartedAgain;
    if (parts.word("after")) out.after = parts.expr();
    if (parts.word("with")) out.with = parts.args();
  } else {
    read_call(parts, out);
  }
  return out;
}

ScenarioThen read_then(const Parsed& parsed, const PartReader& read) {
  Parts parts(parsed, read);
  Then out;
  using Kind = Then::Kind;
  const bool second = parts.word("the second start");
  parts.word("it");
  if (parts.word("ends")) {
    out.kind = second ? Kind::kSecondEnds : Kind::kEnds;
    out.compensated = parts.word("compensated");
    if (parts.word("because")) out.because = parts.text();
  } else if (second) {
    out.kind = parts.word("queues")       ? Kind::kSecondQueues
               : parts.word("is refused") ? Kind::kSecondRefused
                                          : Kind::kSecondNothing;
  } else if (parts.word("is held at")) {
    out.kind = Kind::kHeld;
    out.call = parts.call();
    if (parts.word("for")) out.team = parts.name();
  } else if (parts.word("waits for")) {
    out.kind = Kind::kWaits;
    out.names = parts.names();
  } else if (parts.word("publishes")) {
    out.kind = Kind::kPublishes;
    out.event = parts.name();
    if (parts.word("with")) out.with = parts.args();
  } else if (parts.word("nothing is")) {
    out.kind = parts.word("undone")      ? Kind::kUndone
               : parts.word("done")      ? Kind::kDone
               : parts.word("left over") ? Kind::kLeftOver
                                         : Kind::kPublishesNothing;
  } else if (parts.word("undone is")) {
    out.kind = Kind::kUndone;
    out.names = parts.names();
  } else if (parts.word("done is")) {
    out.kind = Kind::kDone;
    out.names = parts.names();
  } else if (parts.word("left over is")) {
    out.kind = Kind::kLeftOver;
    out.names = parts.names();
  } else if (parts.word("within")) {
    out.kind = Kind::kWithin;
    out.value = parts.expr();
  } else if (parts.is(Tag::kExpr)) {
    out.kind = Kind::kHolds;
    out.value = parts.expr();
  } else {
    out.kind = Kind::kTried;
    out.call = parts.call();
    parts.word("is tried");
    out.times = parts.times().value_or(Number{1, {}});
  }
  return out;
}

std::vector<Arg> read_given(const Parsed& parsed, const PartReader& read) {
  return Parts(parsed, read).args();
}

std::string sentence(const ScenarioWhen& when, bool given_inside) {
  using Kind = When::Kind;
  const std::string call = call_text(when.call);
  const std::string with = with_text(when.with, given_inside);
  switch (when.kind) {
    case Kind::kArrives:
      return call + " arrives" + (when.twice ? " twice" : "") + (when.early ? " early" : "") +
             after_text(when.after) +
             (when.before_start.empty() ? "" : " " + when.before_start.text + " before the start") +
             with;
    case Kind::kNeverArrives: return call + " never arrives";
    case Kind::kFails:
      return call + " fails" + (when.error.empty() ? "" : " with " + when.error.text) +
             times_text(when.times);
    case Kind::kUnavailable: return call + " is unavailable" + times_text(when.times);
    case Kind::kUnsure:
      return call + " is unsure and " + (when.happened ? "happened" : "did not happen") +
             times_text(when.times);
    case Kind::kTimesOut:
      return call + " times out" + (when.happened ? "" : " and did not happen") +
             times_text(when.times);
    case Kind::kChildCancelled:
      return "the child of " + call + " is cancelled" + times_text(when.times);
    case Kind::kStartsIt: return call + " starts it" + with;
    case Kind::kStartedAgain: return "it is started again" + after_text(when.after) + with;
    case Kind::kGives: return call + " gives" + (given_inside ? " " + args_text(when.with) : "");
    case Kind::kSays: return call + " says " + quote(when.because.text);
    case Kind::kEngineStops: return "the engine stops" + moment_text(when.moment) + call;
    case Kind::kCancels:
      return "someone cancels it because " + quote(when.because.text) + after_text(when.after) +
             (when.moment == When::Moment::kUnsaid
                  ? ""
                  : moment_text(when.moment) + call_text(when.moment_of));
    case Kind::kAnswers: return "someone answers " + call + after_text(when.after) + with;
    case Kind::kRetries: return "someone retries " + call;
    case Kind::kSkips: return "someone skips " + call;
    case Kind::kFinds:
      return "someone finds that " + call + (when.happened ? " happened" : " did not happen") +
             with;
  }
  return "";
}

std::string sentence(const ScenarioThen& then, bool given_inside) {
  using Kind = Then::Kind;
  const auto list = [&](const char* what) {
    return then.names.empty() ? std::string("nothing is ") + what
                              : std::string(what) + " is " + names_text(then.names);
  };
  switch (then.kind) {
    case Kind::kSecondQueues: return "the second start queues";
    case Kind::kSecondRefused: return "the second start is refused";
    case Kind::kSecondNothing: return "the second start changes nothing";
    case Kind::kEnds:
    case Kind::kSecondEnds:
      return std::string(then.kind == Kind::kEnds ? "it ends " : "the second start ends ") +
             (then.compensated ? "compensated" : "completed") +
             (then.because.empty() ? "" : " because " + quote(then.because.text));
    case Kind::kHeld:
      return "it is held at " + call_text(then.call) +
             (then.team.empty() ? "" : " for " + then.team.text);
    case Kind::kWaits: return "it waits for " + names_text(then.names);
    case Kind::kUndone: return list("undone");
    case Kind::kDone: return list("done");
    case Kind::kLeftOver: return list("left over");
    case Kind::kPublishes:
      return "it publishes " + then.event.text + with_text(then.with, given_inside);
    case Kind::kPublishesNothing: return "nothing is published";
    case Kind::kWithin: return "within " + then.value.text;
    case Kind::kTried: return call_text(then.call) + " is tried " + times_text(then.times.value);
    case Kind::kHolds: return then.value.text;
  }
  return "";
}

}  // namespace belay::dsl::text
