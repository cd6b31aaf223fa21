// A saga as the API shows it: what it does, since when, what it waits for, what went wrong, what is
// left over, what one may do about it, and every step with its phase, tries, effect and request
// keys. Pure: from a state and its graph. Tested in tests/runtime/api_sagas_test.cpp.
#pragma once
#include <string>

#include "interpreter/view.h"
#include "runtime/api/json_writer.h"
#include "runtime/engine/engine.h"

namespace belay::runtime::api {

// The whole saga. `at_seq`: the state is the fold up to an earlier entry, so what only the row
// knows is left out.
std::string saga_json(const SagaView& view, bool at_seq = false);
// One that is quarantined, from its row alone: nothing can be folded.
std::string quarantined_json(const InstanceRow& row);
// What may be done to it: resume.
std::string quarantined_allowed_json(const std::string& saga);
// A line of a list.
void write_saga_row(JsonWriter& w, const InstanceRow& row);

// Members about an `ask`: its words, role, fields as JSON Schema, and where it is answered.
void write_question(JsonWriter& w, const SagaId& saga, const interpreter::Node& node,
                    const std::string& path);
void write_instant(JsonWriter& w, std::string_view name,
                   interpreter::Instant at);  // nothing when it is none
// JSON arrays and objects: the acts that would be accepted now; a preview.
std::string allowed_json(const std::string& saga, const interpreter::Graph& graph,
                         const interpreter::State& state);
std::string preview_json(const interpreter::Preview& preview);

// One word for where a node stands: not_reached, in_flight, retrying, settling, waiting, held,
// succeeded, failed, undoing, undone, undo_held, … `activity` is null when the node was not
// reached.
const char* phase(const interpreter::Node& node, const interpreter::Activity* activity);

// {"workflow":…,"definition":…,"seq":…,"graph":{the picture as
// JSON},"nodes":[{"name":…,"phase":…,…}]}
std::string live_graph_json(const SagaView& view, const std::string& graph_json);
// The graph with every title telling where the saga stands: "✓ Take the money". For pictures.
interpreter::Graph live_titles(const SagaView& view);

}  // namespace belay::runtime::api
