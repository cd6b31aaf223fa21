// From the compiler's tables to the symbols of editors.
#pragma once
#include "dsl/compile/tables.h"
#include "dsl/symbols.h"

namespace belay::dsl {

// Declarations only; scopes are noted while workflows are lowered.
void fill_symbols(const Tables& tables, Symbols& symbols);

}  // namespace belay::dsl
