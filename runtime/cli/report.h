// How answers of the API look on a terminal: a saga, its timeline, a preview, a problem.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "runtime/base/result.h"
#include "runtime/cli/client.h"
#include "runtime/cli/terminal.h"

namespace belay::runtime::cli {

// To standard error; returns the exit code.
int report(const runtime::Failure& failure);
int report(const ApiAnswer& problem, bool json);

// The answer's body as it came; returns kDone.
int print_json(const ApiAnswer& answer);
void print_saga(const interpreter::Value& saga, const Terminal& terminal);
// Times count from `begun`, which the first entry sets when it is 0.
void print_timeline(const interpreter::Value& page, const Terminal& terminal, std::int64_t& begun);
void print_preview(const interpreter::Value& preview, const Terminal& terminal);

// Asks `question` of the person at the terminal, unless `yes` was said before. Returns nothing when
// an act may be carried out; else the exit code, and what was said about it is printed.
std::optional<int> not_confirmed(bool yes, const std::string& question);

// It has ended, or only a person moves it on.
bool is_at_rest(const interpreter::Value& saga);

}  // namespace belay::runtime::cli
