// What the tests of the compiler share: golden files, and a small world of actions to write
// workflows against.
#pragma once
#include <map>
#include <string>

namespace belay::dsl::testing {

std::string read_file(const std::string& path);
// Compares with tests/golden/<name> (or an absolute path); with BELAY_UPDATE_GOLDEN=1 writes it
// instead.
void check_golden(const std::string& name, const std::string& actual);
// Connectors, actions and events that the workflows of the tests use:
// tests/golden/diagnostics/world.belay.
std::string world();
// The saga of LANGUAGE.md §3 in either form (the world declares the rest).
std::string saga_text();
std::string saga_yaml();

}  // namespace belay::dsl::testing
