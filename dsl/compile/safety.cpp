// Saga safety: the rules of a step as a whole, which no single line breaks. Money and other effects
// have a way back before the point of no return; after it a step cannot fail for good; an unsure
// outcome can be settled; nothing is repeated that may not be. LANGUAGE.md §7 and §8 are the
// source; tested in tests/golden/diagnostics/BEL2*.
#include <algorithm>

#include "dsl/compile/lowering.h"
#include "dsl/compile/programs.h"

namespace belay::dsl {
namespace {

using interpreter::Effect;

bool has(const interpreter::Action& action, Effect effect) {
  return (action.effects & static_cast<std::uint8_t>(effect)) != 0;
}

// The effect that matters most, in the author's words.
std::string_view worst_effect(const interpreter::Action& action) {
  if (has(action, Effect::kMovesMoney)) return "moves money";
  if (has(action, Effect::kReserves)) return "reserves";
  if (has(action, Effect::kRecords)) return "records";
  if (has(action, Effect::kNotifies)) return "notifies";
  return "reads";
}

std::string family_of(std::string_view name) {
  const std::size_t dot = name.rfind('.');
  return dot == std::string_view::npos ? std::string() : std::string(name.substr(0, dot + 1));
}

// Whether a handler names the error, even if it only tries again: then somebody thought of it.
bool is_thought_of(const std::vector<dsl::Handler>& handlers, const std::string& error) {
  return std::any_of(handlers.begin(), handlers.end(), [&](const dsl::Handler& handler) {
    return handler.errors.empty() ||
           std::any_of(handler.errors.begin(), handler.errors.end(),
                       [&](const Name& name) { return name.text == error; });
  });
}

std::vector<std::string> unhandled_of(const std::vector<std::string>& errors,
                                      const std::vector<dsl::Handler>& handlers) {
  std::vector<std::string> out;
  for (const std::string& error : errors) {
    if (!is_thought_of(handlers, error)) out.push_back(error);
  }
  return out;
}

// The line `do X`, as far as it can be told: the action's name, and the word before it on the same
// line.
Span do_span(const Statement& statement, const Sources& sources) {
  Span span = statement.action.span;
  const std::string_view line = sources.line(span.file, span.line);
  for (std::string_view head : {"do: ", "do "}) {
    if (span.column <= head.size() || line.size() < span.column) continue;
    if (line.substr(span.column - 1 - head.size(), head.size()) != head) continue;
    span.column -= static_cast<std::uint32_t>(head.size());
    span.length += static_cast<std::uint32_t>(head.size());
    break;
  }
  return span;
}

}  // namespace

void Lowering::check_step_safety(const Statement& statement, const Statement* next,
                                 const ActionInfo& action, const interpreter::Node& node,
                                 const std::vector<std::string>& uncaught) {
  if (!action.ok || declaration_.broken) return;  // what it does is not known for sure
  if (after_point_) {
    if (statement.undo && !undoable()) {
      Diagnostic& d = warning(
          "BEL2012", statement.undo->span,
          quoted(statement.name.text) + " is never undone: it stands after the point of no return");
      add_note_at(d, point_at_, "the point of no return is here");
      d.help = "take the undo out, or move the step before the point";
    }
    // A `try` around it may say what follows, whatever happens.
    const bool caught = !catchers_.empty() && uncaught.empty();
    if (!statement.policies.keep && !caught) {
      Diagnostic& d = error("BEL2006", statement.name.span,
                            quoted(statement.name.text) +
                                " stands after the point of no return, but may fail for good");
      add_note_at(d, point_at_, "the point of no return is here");
      add_note(
          d,
          "nothing can be undone any more, so the saga must get through or be handed to somebody");
      d.help = "add `keep trying for 1 day, then carry on`, or `then hand to TEAM`";
    } else if (statement.policies.keep &&
               statement.policies.keep->then.kind == dsl::Act::Kind::kCarryOn &&
               has(action.action, Effect::kMovesMoney)) {
      Diagnostic& d =
          warning("BEL2017", statement.policies.keep->then.span,
                  quoted(statement.name.text) +
                      " moves money, and is left out in silence when trying does not help");
      add_note_at(d, point_at_, "the point of no return is here: nothing is undone any more");
      d.help = "write `then hand to TEAM`";
    }
  }
  check_effects(statement, next, action, node);
  check_unsure(statement, action, node);
  check_unhandled(statement, action, uncaught);
  check_undo(statement, action, node);
}

// Whether anything can fail after this statement that undoes it. Nothing does when the point of no
// return follows. After the point only parts are undone: an item, the body of a `try`, a branch
// that lost its race; the last statement of a part is done when the part is.
bool Lowering::must_say_undo(const Statement* next) const {
  if (!undoable()) return false;
  if (!after_point_)
    return !(top_ && next != nullptr && next->kind == Statement::Kind::kPointOfNoReturn);
  const Part& part = parts_.front();
  return parts_.size() > 1 || part.kind == Part::Kind::kBranch || part.list != list_ ||
         next != nullptr;
}

void Lowering::check_run_safety(const Statement& statement, const Statement* next,
                                const WorkflowInfo& child, bool caught) {
  const std::string name = quoted(statement.name.text);
  if (after_point_ && !statement.detached && !caught) {
    Diagnostic& d = error("BEL2006", statement.name.span,
                          name + " stands after the point of no return, but may be cancelled");
    add_note_at(d, point_at_, "the point of no return is here");
    add_note(
        d, "nothing can be undone any more, so the saga must get through or be handed to somebody");
    d.help = "add `if cancelled, carry on`, or `if cancelled, hand to TEAM`";
  }
  if (statement.no_undo_because) return;
  if (statement.detached) {
    if (child.effects <= static_cast<std::uint8_t>(Effect::kReads) || !must_say_undo(next)) return;
    Diagnostic& d =
        error("BEL2002", statement.run.span, name + " does not say why it need not be undone");
    add_note_at(d, child.at->name.span,
                quoted(statement.run.text) + " changes the world, and is declared here");
    add_note(d, "nobody waits for it: if a later step fails, it goes on");
    d.help = "add `no undo because \"…\"`, or wait for it";
    return;
  }
  if (!child.has_point || !(after_point_ ? must_say_undo(next) : true)) return;
  Diagnostic& d = error("BEL2031", statement.run.span,
                        name + " runs " + quoted(statement.run.text) +
                            ", which has a point of no return, where it may have to be undone");
  add_note_at(d, child.at->name.span, "it is declared here");
  add_note(d, "past its point it cannot be taken back, and what came before it here would be");
  d.help = "run it after the point of no return of this workflow, or say `no undo because \"…\"`";
}

bool handles(const std::vector<dsl::Handler>& handlers, const std::string& error) {
  return std::any_of(handlers.begin(), handlers.end(), [&](const dsl::Handler& handler) {
    if (handler.act.kind == dsl::Act::Kind::kTryAgain) return false;
    return handler.errors.empty() ||
           std::any_of(handler.errors.begin(), handler.errors.end(),
                       [&](const Name& name) { return name.text == error; });
  });
}

namespace {

// Goes on after errors that do not say that there is nothing to do.
const dsl::Handler* goes_on_blindly(const Policies& policies) {
  for (const dsl::Handler& handler : policies.handlers) {
    if (handler.act.kind != dsl::Act::Kind::kCarryOn) continue;
    const bool blind =
        handler.errors.empty() ||
        std::any_of(handler.errors.begin(), handler.errors.end(), [](const Name& error) {
          return error.text == "refused" || error.text == "gave_up" || error.text == "bad_value";
        });
    if (blind) return &handler;
  }
  return nullptr;
}

}  // namespace

// The undo as a call of its own: what it may end in, and whether it gives back what was taken.
void Lowering::check_undo(const Statement& statement, const ActionInfo& action,
                          const interpreter::Node& node) {
  if (after_point_ || !node.undo || node.undo->action >= graph_.actions.size()) return;
  const auto found = tables_.actions.find(graph_.actions[node.undo->action].name);
  if (found == tables_.actions.end() || !found->second.ok) return;
  const ActionInfo& undo = found->second;
  const Policies none;
  const Policies& policies = statement.undo ? statement.undo->policies : none;
  const Span at = statement.undo ? statement.undo->action.span : statement.action.span;
  const std::string who = "the undo of " + quoted(statement.name.text);

  if (const dsl::Handler* handler = goes_on_blindly(policies);
      handler != nullptr && has(undo.action, Effect::kMovesMoney)) {
    Diagnostic& d =
        warning("BEL2018", handler->span, who + " moves money, and goes on when it failed");
    add_note(d, "nobody would be told that the money was not given back");
    d.help = "go on only after errors that say there is nothing to undo; else `hand to TEAM`";
  }
  if (!policies.keep) {
    const std::vector<std::string> unhandled = unhandled_of(undo.action.errors, policies.handlers);
    if (!unhandled.empty()) {
      Diagnostic& d = warning("BEL2015", at,
                              who + " may end in " + join_names(unhandled, "or") +
                                  ", and nothing here says what follows");
      add_note_at(d, undo.at->name.span, quoted(undo.action.name) + " is declared here");
      d.help = (statement.undo ? "add under it `if "
                               : "write `undo with " + undo.action.name + "`, and under it `if ") +
               unhandled.front() + ", carry on`, or hand it to somebody";
    }
  }
  if (!has(action.action, Effect::kMovesMoney) || !has(undo.action, Effect::kMovesMoney)) return;
  for (const interpreter::Binding& back : node.undo->args) {
    const interpreter::Field* take = find_field(undo.action.takes, back.name);
    const interpreter::Binding* taken = find_binding(node.call.args, back.name);
    if (take == nullptr || take->type.base != interpreter::Type::Base::kMoney || taken == nullptr)
      continue;
    if (back.value == taken->value || reads_slot(back.value, node.slot)) continue;
    Diagnostic& d = warning("BEL2016", at,
                            who + " moves " + quoted(back.value.source) + ", but the step moved " +
                                quoted(taken->value.source));
    d.help = "give the same " + quoted(back.name) +
             ", or say why not with `allow BEL2016 because \"…\"`";
  }
}

void Lowering::check_effects(const Statement& statement, const Statement* next,
                             const ActionInfo& action, const interpreter::Node& node) {
  if (node.undo || statement.undo || statement.no_undo_because || !must_say_undo(next)) return;
  if (action.action.effects == static_cast<std::uint8_t>(Effect::kReads)) return;

  const std::string name = quoted(statement.name.text);
  const std::string_view worst = worst_effect(action.action);
  Span declared = action.at->name.span;
  for (const Name& said : action.decl->effects) {
    if (said.text == worst) declared = said.span;
  }
  const std::string effect =
      "effect " + quoted(worst) + ", declared in " + place(declared, tables_.sources);
  const std::string candidate = undo_candidate(action);
  const std::string undo =
      "`undo with " + (candidate.empty() ? std::string("ACTION") : candidate) + "`";
  if (has(action.action, Effect::kMovesMoney)) {
    Diagnostic& d = error("BEL2001", do_span(statement, tables_.sources),
                          name + " takes money, but nothing undoes it");
    d.label = effect;
    add_note(d, "if a later step fails, the customer stays charged");
    d.help =
        "add " + undo + (top_ && !after_point_ ? ", or put `point of no return` after it" : "");
    return;
  }
  Diagnostic& d = error("BEL2002", do_span(statement, tables_.sources),
                        name + " does not say how it is undone, or why it need not be");
  d.label = effect;
  add_note(d, "if a later step fails, what it did stays as it is");
  d.help = "add " + undo + ", or `no undo because \"…\"`";
}

void Lowering::check_unsure(const Statement& statement, const ActionInfo& action,
                            const interpreter::Node& node) {
  const std::optional<IfUnsure>& unsure = statement.policies.if_unsure;
  if (unsure && unsure->kind == IfUnsure::Kind::kUndoAnyway) {
    const ActionInfo* undo = nullptr;
    if (node.undo && node.undo->action < graph_.actions.size()) {
      const auto found = tables_.actions.find(graph_.actions[node.undo->action].name);
      if (found != tables_.actions.end()) undo = &found->second;
    }
    if (!node.undo) {
      if (!statement.undo) {
        error("BEL2011", unsure->span,
              "`undo anyway`, but " + quoted(statement.name.text) + " has no undo")
            .help = "add `undo with ACTION`, or settle it with `if unsure, check with ACTION`";
      }
    } else if (undo != nullptr && undo->ok && !undo->action.harmless_if_nothing_done) {
      Diagnostic& d = error("BEL2011", unsure->span,
                            "`undo anyway`, but " + quoted(undo->action.name) +
                                " may do harm if there is nothing to undo");
      add_note_at(d, undo->at->name.span,
                  "it is declared without `harmless if nothing was done` here");
      d.help = "settle it with `if unsure, check with ACTION`";
    } else if (std::any_of(
                   node.undo->args.begin(), node.undo->args.end(),
                   [&](const interpreter::Binding& b) { return reads_slot(b.value, node.slot); })) {
      Diagnostic& d =
          error("BEL2011", unsure->span,
                "`undo anyway`, but the undo reads the result of " + quoted(statement.name.text));
      add_note(d, "when the step is unsure there is no result to read");
      d.help =
          "undo it by something that is known before, or settle it with `if unsure, check with "
          "ACTION`";
    }
  }
  if (unsure || action.action.repeat_safe || !node.call.check.empty()) return;
  const std::string name = quoted(statement.name.text);
  if (has(action.action, Effect::kMovesMoney)) {
    Diagnostic& d =
        warning("BEL2010", do_span(statement, tables_.sources),
                "nothing can tell whether " + name + " took the money, if its answer gets lost");
    add_note_at(d, action.at->name.span,
                quoted(action.action.name) +
                    " is declared with neither `checked by` nor `repeating is safe` here");
    add_note(d, "such a saga is held until a person finds out");
    d.help = "add `if unsure, check with ACTION`, or `checked by` to the action";
    return;
  }
  if (action.action.effects == static_cast<std::uint8_t>(Effect::kReads)) return;
  const bool retries =
      !statement.policies.retry_plan.empty() || statement.policies.tries || statement.policies.keep;
  if (!retries) return;
  Diagnostic& d = warning("BEL2009", do_span(statement, tables_.sources),
                          name + " is tried again only while it is certain that nothing happened");
  add_note_at(d, action.at->name.span,
              quoted(action.action.name) + " is declared without `repeating is safe` here");
  add_note(d,
           "if an answer gets lost, it is not repeated: the saga is held until a person finds out");
  d.help =
      "say `repeating is safe` in the action, or how it is settled: `checked by`, `if unsure, …`";
}

void Lowering::check_unhandled(const Statement& statement, const ActionInfo& action,
                               const std::vector<std::string>& uncaught) {
  if (statement.policies.keep) return;  // it says what follows
  if (failure_is_local()) return;       // the item or the branch is undone, and the rest goes on
  for (const dsl::Handler& handler : statement.policies.handlers) {
    for (const Name& n : handler.errors) {  // a misspelt handler was meant for one of them
      if (n.text.find('.') != std::string::npos &&
          std::find(action.action.errors.begin(), action.action.errors.end(), n.text) ==
              action.action.errors.end())
        return;
    }
  }
  std::vector<std::string> unhandled;
  for (const std::string& error_name : action.action.errors) {
    const bool thought_of = is_thought_of(statement.policies.handlers, error_name);
    if (!thought_of && std::find(uncaught.begin(), uncaught.end(), error_name) != uncaught.end())
      unhandled.push_back(error_name);
  }
  if (unhandled.empty()) return;
  Diagnostic& d = warning("BEL5003", statement.action.span,
                          quoted(statement.name.text) + " may end in " +
                              join_names(unhandled, "or") + ", and nothing here says what follows");
  add_note_at(d, action.at->name.span, quoted(action.action.name) + " is declared here");
  add_note(d, "without a handler everything is undone, and the customer is told no reason");
  d.help = "add `if " + unhandled.front() + ", cancel because \"…\"`";
}

// The action of the same family that sounds like the way back.
std::string Lowering::undo_candidate(const ActionInfo& action) const {
  const std::string family = family_of(action.action.name);
  if (family.empty()) return {};
  for (std::string_view word :
       {"refund", "void", "release", "cancel", "reverse", "undo", "revoke", "remove", "delete"}) {
    for (const auto& [name, info] : tables_.actions) {
      if (&info != &action && name.starts_with(family) &&
          name.find(word, family.size()) != std::string::npos)
        return name;
    }
  }
  return {};
}

}  // namespace belay::dsl
