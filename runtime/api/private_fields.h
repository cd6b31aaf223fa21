// Fields that are declared `private` never reach an answer or a log: their values are replaced by
// "***" before anything is encoded. Works on values and on whole journal entries, by the types of
// the saga's own graph. Tested in tests/runtime/api_text_test.cpp.
#pragma once
#include <vector>

#include "interpreter/graph.h"
#include "interpreter/journal.h"
#include "interpreter/type.h"
#include "interpreter/value.h"

namespace belay::runtime::api {

interpreter::Value masked(const interpreter::Value& value, const interpreter::Type& type);
interpreter::Value masked(const interpreter::Value& record,
                          const std::vector<interpreter::Field>& fields);
interpreter::Entry masked(const interpreter::Entry& entry, const interpreter::Graph& graph);

// Whether what an expression gives may hold (a part of) a private value: then so is the output that
// it makes.
bool reads_private(const interpreter::Program& program, const interpreter::Graph& graph);

// The action that a path and direction call, or null (a wait without undo, a node that is no step).
const interpreter::Action* action_of(const interpreter::Graph& graph, const interpreter::Path& path,
                                     interpreter::Direction direction);
// The event type that a node waits for or publishes, or null.
const interpreter::EventType* event_of(const interpreter::Graph& graph, std::string_view name);
// The fields of an action's result.
std::vector<interpreter::Field> result_fields(const interpreter::Action& action);

}  // namespace belay::runtime::api
