// Acts: what a handler, a limit or `keep trying` does, and how control goes on from it. Where an
// act may stand is decided here: no `cancel` after the point of no return, no `finish` among
// parallel branches, no control flow in undos.
#include <algorithm>

#include "dsl/compile/lowering.h"
#include "dsl/compile/programs.h"

namespace belay::dsl {

using interpreter::ActKind;
using interpreter::Binding;
using interpreter::Field;
using interpreter::Program;
using interpreter::Type;

namespace {

// Remembers what each expression was found to be.
class TypesChecker final : public ExprChecker {
 public:
  explicit TypesChecker(ExprChecker& inner) : inner_(inner) {}
  CheckedExpr check(const Expr& expr, const CheckOptions& options) override {
    CheckedExpr checked = inner_.check(expr, options);
    found.emplace_back(&expr, checked);
    return checked;
  }
  bool reads_like_name(const Arg& arg, const Tables& tables) const override {
    return inner_.reads_like_name(arg, tables);
  }
  std::vector<std::pair<const Expr*, CheckedExpr>> found;

 private:
  ExprChecker& inner_;
};

}  // namespace

interpreter::Act Lowering::lower_act(const dsl::Act& act, const ActSite& site, Onward& onward) {
  interpreter::Act out;
  const auto refuse = [&](std::string_view what, std::string help) {
    error("BEL5005", act.span, std::string(what) + " cannot stand in " + site.owner).help =
        std::move(help);
  };
  onward = Onward::kEnds;
  switch (act.kind) {
    case dsl::Act::Kind::kNone:
      failed_ = true;  // the reader complained
      break;
    case dsl::Act::Kind::kCancel:
      out.kind = ActKind::kCancel;
      out.because = act.because.text;
      if (site.when == When::kUndo) {
        refuse("`cancel`",
               "the saga is being undone already: write `carry on`, or hand it to somebody");
      } else if (after_point_) {
        Diagnostic& d = error("BEL2005", act.span, "`cancel` after the point of no return");
        add_note_at(d, point_at_, "the point of no return is here");
        add_note(d, "after it nothing is undone, so nothing can be cancelled");
        d.help = "move the point of no return behind this, or keep trying, or hand it to somebody";
      }
      break;
    case dsl::Act::Kind::kFinish:
      out.kind = ActKind::kFinish;
      if (site.when == When::kUndo) {
        refuse("`finish`", "the saga is being undone: write `carry on`, or hand it to somebody");
      } else if (!parallel_.empty()) {
        const bool branch = parallel_.back() == "together";
        const std::string around = quoted(parallel_.back());
        Diagnostic& d = error("BEL5005", act.span, "`finish` cannot stand inside " + around);
        add_note(d, branch ? "the other branches are still under way"
                           : "other items may be under way, and those that follow would be lost");
        d.help = std::string(branch ? "`set`" : "`collect`") +
                 " what you found out, and `finish` after the " + around;
      }
      lower_finish(act, site, out);
      break;
    case dsl::Act::Kind::kCarryOn:
      out.kind = ActKind::kCarryOn;
      onward = act.carry.empty() ? Onward::kWithoutValue : Onward::kWithValue;
      if (!act.carry.empty()) lower_carry(act, site, out);
      if (site.ways != nullptr) site.ways->push_back(*site.flow);
      break;
    case dsl::Act::Kind::kTryAgain: {
      out.kind = ActKind::kTryAgain;
      onward = Onward::kHolds;
      if (!site.no_try_again.empty()) refuse("`try again`", site.no_try_again);
      const auto ms = positive_duration(act.after, "`try again after`", tables_);
      failed_ = failed_ || !ms;
      out.after_ms = ms.value_or(0);
      if (act.at_most.value < 1 || act.at_most.value > 10'000) {
        error("BEL4018", act.at_most.span.length > 0 ? act.at_most.span : act.span,
              "`try again` wants to know how often: from 1 to 10000 times")
            .help = "add `, at most 3 times`";
      } else {
        out.at_most = static_cast<std::uint32_t>(act.at_most.value);
      }
      break;
    }
    case dsl::Act::Kind::kHandTo:
      out.kind = ActKind::kHandTo;
      out.team = act.team.text;
      onward = Onward::kHolds;
      break;
    case dsl::Act::Kind::kBlock: {
      out.kind = ActKind::kBlock;
      if (site.when == When::kUndo) {
        refuse("a block", "an undo may only carry on, try again, or be handed to somebody");
        break;
      }
      out.block = lower_handler_block(act.block, site, onward);
      break;
    }
  }
  return out;
}

// `carry on with {"id": x}`: the whole result of the step, field by field.
void Lowering::lower_carry(const dsl::Act& act, const ActSite& site, interpreter::Act& out) {
  const bool typed = site.carries != nullptr && site.carries->base == Type::Base::kRecord;
  if (!typed) {
    check(act.carry, *site.flow, site.when, site.owner);
    if (site.carries == nullptr) {
      error("BEL4017", act.carry.span, site.owner + " has no result that could be given").help =
          "write `carry on`";
    }
    return;
  }
  const ArgsContext context{.fields = site.carries->fields,
                            .owner = "the result of " + site.owner,
                            .noun = "field",
                            .declared_at = act.carry.span};
  if (const std::optional<std::vector<Arg>> entries = split_map(act.carry)) {
    FlowChecker checker(*this, *site.flow, site.when, site.owner);
    CheckedArgs checked = check_args(*entries, context, checker, tables_);
    failed_ = failed_ || !checked.ok;
    out.with = std::move(checked.bindings);
    if (!check_missing(out.with, context, act.carry.span, checked.given, tables_)) failed_ = true;
    return;
  }
  CheckedExpr whole = check(act.carry, *site.flow, site.when, site.owner, *site.carries,
                            "the result of " + site.owner);
  if (!whole.ok) return;
  for (const Field& field : site.carries->fields)
    out.with.push_back({field.name, field_program(whole.program, field.name)});
}

// What comes out: what `finish with` says, else the workflow's own `gives`, read here.
void Lowering::lower_finish(const dsl::Act& act, const ActSite& site, interpreter::Act& out) {
  std::vector<Field> outputs;
  for (const Arg& arg : decl_.gives) {
    Field field{arg.name.text, {}};
    field.type.base = Type::Base::kError;  // any type
    outputs.push_back(std::move(field));
  }
  FlowChecker checker(*this, *site.flow, site.when, site.owner);
  if (act.with.empty()) {
    for (const Arg& arg : decl_.gives) {
      std::vector<std::string> unknown;
      for (const auto& [name, known] : elsewhere_) {
        if (find_visible(*site.flow, name) == nullptr && find_name(arg.value, name))
          unknown.push_back(name);
      }
      if (!unknown.empty()) {
        Diagnostic& d =
            error("BEL5001", act.span, "`finish` here cannot give " + quoted(arg.name.text));
        add_note_at(
            d, arg.name.span,
            "it is read from " + join_names(unknown) + ", and that does not exist where it ends");
        d.help = "write `finish with`, and say each output";
        return;
      }
      CheckedExpr checked = check(arg.value, *site.flow, site.when, site.owner);
      outputs_[arg.name.text].push_back({tainted(checked), act.span});
      out.with.push_back({arg.name.text, std::move(checked.program)});
    }
    return;
  }
  TypesChecker types(checker);
  const ArgsContext context{.fields = outputs,
                            .owner = quoted(graph_.workflow),
                            .noun = "output",
                            .declared_at = declaration_.name.span};
  CheckedArgs checked = check_args(act.with, context, types, tables_);
  failed_ = failed_ || !checked.ok;
  for (const Arg& arg : act.with) {
    for (const auto& [expr, found] : types.found) {
      if (expr == &arg.value) outputs_[arg.name.text].push_back({tainted(found), arg.value.span});
    }
  }
  out.with = std::move(checked.bindings);
  if (!check_missing(out.with, context, act.span, checked.given, tables_)) failed_ = true;
}

void Lowering::lower_handlers(const std::vector<dsl::Handler>& handlers, const CallSite& site,
                              interpreter::Call& call, bool& goes_on_without) {
  std::map<std::string, Span> seen;
  std::optional<Span> any;
  for (const dsl::Handler& handler : handlers) {
    interpreter::Handler lowered;
    if (any) {
      Diagnostic& d =
          error("BEL5008", handler.span, "this is never reached: `if any error` stands before it");
      add_note_at(d, *any, "it is here");
      d.help = "put `if any error` last";
    }
    if (handler.errors.empty()) any = handler.span;
    for (const Name& name : handler.errors) {
      if (name.empty()) continue;
      const auto [first, fresh] = seen.emplace(name.text, name.span);
      if (!fresh) {
        Diagnostic& d = error("BEL5008", name.span, quoted(name.text) + " is handled twice");
        add_note_at(d, first->second, "the first is here");
        d.help = "take one of them out";
      }
      lowered.errors.push_back(name.text);
      check_error_name(name, site);
    }
    Onward onward = Onward::kEnds;
    lowered.act = lower_act(handler.act,
                            {.flow = site.flow,
                             .when = site.when,
                             .carries = site.carries,
                             .owner = site.owner,
                             .no_try_again = site.no_try_again,
                             .ways = site.ways},
                            onward);
    goes_on_without = goes_on_without || onward == Onward::kWithoutValue;
    call.handlers.push_back(std::move(lowered));
  }
}

// Whether the call, or the body of the `try`, can end in this error at all.
void Lowering::check_error_name(const Name& name, const CallSite& site) {
  std::vector<std::string> possible;
  if (site.errors != nullptr) {
    possible = *site.errors;
  } else if (site.action == nullptr || !site.action->ok) {
    return;
  } else {
    possible = site.action->action.errors;
    possible.insert(possible.end(), kBuiltInErrors.begin(), kBuiltInErrors.end());
  }
  if (std::find(possible.begin(), possible.end(), name.text) != possible.end()) return;
  if (site.errors != nullptr) {
    Diagnostic& d =
        error("BEL5004", name.span, site.errors_of + " never ends in " + quoted(name.text));
    add_note(d, site.errors_note.empty() ? "it may end in " + join_names(possible, "or")
                                         : site.errors_note);
    suggest(d, name.text, possible);
    return;
  }
  const std::string action = quoted(site.action->action.name);
  Diagnostic& d = error("BEL5004", name.span, action + " never ends in " + quoted(name.text));
  add_note_at(d, site.action->at->name.span, action + " is declared here");
  if (!suggest(d, name.text, possible)) {
    add_note(d, "it may end in " + join_names(possible, "or"));
    d.help = "add the error to the action: `if status is …, " + name.text + "`, or `can end in " +
             name.text + "`";
  }
}

interpreter::Keep Lowering::lower_keep(const dsl::Keep& keep, const ActSite& site,
                                       bool& goes_on_without) {
  interpreter::Keep out;
  const auto ms = positive_duration(keep.for_, "`keep trying for`", tables_);
  failed_ = failed_ || !ms;
  out.for_ms = ms.value_or(0);
  if (keep.then.kind != dsl::Act::Kind::kCarryOn && keep.then.kind != dsl::Act::Kind::kHandTo &&
      keep.then.kind != dsl::Act::Kind::kNone) {
    error("BEL5005", keep.then.span, "`keep trying` ends in `carry on` or `hand to`, nothing else")
        .help = "write `keep trying for 1 day, then hand to TEAM`";
    return out;
  }
  Onward onward = Onward::kHolds;
  out.then = lower_act(keep.then, site, onward);
  goes_on_without = goes_on_without || onward == Onward::kWithoutValue;
  return out;
}

}  // namespace belay::dsl
