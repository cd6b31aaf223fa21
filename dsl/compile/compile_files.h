// The middle and the back of the compiler, from syntax trees on: names, types, actions, then one
// graph a workflow. Each phase is a file of this folder; tables.h is what they share. Tested in
// tests/dsl/compile_test.cpp.
#pragma once
#include <vector>

#include "dsl/compile.h"

namespace belay::dsl {

struct Symbols;
struct EditorMemory;

// Graphs of workflows without errors come back even when others have some. `symbols` is
// filled when an editor asks; it may bring the `memory` of a compilation before, and gets that of
// this one.
CompiledProgram compile_files(const std::vector<File>& files, const Sources& sources,
                              const PluginCatalog* catalog, Diagnostics& diagnostics,
                              Symbols* symbols = nullptr, EditorMemory* memory = nullptr);

}  // namespace belay::dsl
