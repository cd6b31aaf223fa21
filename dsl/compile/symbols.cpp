// The tables of the compiler as what editors ask for (dsl/symbols.h).
#include "dsl/symbols.h"

#include "dsl/compile/symbols.h"
#include "dsl/compile/tables.h"

namespace belay::dsl {
namespace {

Symbol symbol_of(Symbol::Kind kind, const Declaration& at) {
  Symbol out{.kind = kind};
  out.name = at.name.text;
  out.title = at.title.text;
  out.at = at.name.span;
  out.gives.base = interpreter::Type::Base::kRecord;
  return out;
}

Symbol symbol_of(const ActionInfo& info) {
  Symbol out = symbol_of(Symbol::Kind::kAction, *info.at);
  out.takes = info.action.takes;
  out.gives = info.result;
  out.errors = info.action.errors;
  for (const Name& effect : info.decl->effects) out.effects.push_back(effect.text);
  if (info.decl->undone_by) out.undone_by = info.decl->undone_by->action.text;
  if (info.decl->checked_by) out.checked_by = info.decl->checked_by->action.text;
  out.facts = info.action.repeat_safe ? "repeating is safe" : "repeating is unsafe";
  if (info.decl->harmless) out.facts += "; harmless if nothing was done";
  return out;
}

}  // namespace

void fill_symbols(const Tables& tables, Symbols& symbols) {
  const auto add = [&](Symbol symbol) {
    if (!symbol.name.empty()) symbols.declared.emplace(symbol.name, std::move(symbol));
  };
  for (const auto& [name, info] : tables.types) {
    Symbol symbol = symbol_of(Symbol::Kind::kType, *info.at);
    symbol.takes = info.type.fields;
    add(std::move(symbol));
  }
  for (const auto& [name, info] : tables.events) {
    Symbol symbol = symbol_of(Symbol::Kind::kEvent, *info.at);
    symbol.takes = info.type.fields;
    symbol.key = info.decl->key.text;
    symbol.facts = "version " + std::to_string(info.decl->version.value);
    add(std::move(symbol));
  }
  for (const auto& [name, info] : tables.connectors)
    add(symbol_of(Symbol::Kind::kConnector, *info.at));
  for (const auto& [name, info] : tables.actions) add(symbol_of(info));
  for (const auto& [name, info] : tables.plans) add(symbol_of(Symbol::Kind::kPlan, *info.at));
  for (const auto& [name, info] : tables.sagas) {
    Symbol symbol = symbol_of(Symbol::Kind::kWorkflow, *info.at);
    symbol.takes = info.takes;
    symbol.gives = info.result;
    symbol.facts = "version " + std::to_string(info.version);
    add(std::move(symbol));
  }
  for (const Declaration* webhook : tables.webhooks)
    add(symbol_of(Symbol::Kind::kWebhook, *webhook));
}

}  // namespace belay::dsl
