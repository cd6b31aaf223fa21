// The stored form of a journal entry: columns for what is searched (seq, kind, version, actor,
// time), and a JSON body that a person can read: the fact's fields, the reason, and what was drawn.
//
//   {"path":"capture","result":{"charge":"ch_1"},"drawn":[{"sent":"confirm","digest":"9f3a…"}]}
//
// Lossless: kinds that JSON lacks are tagged ({"$money":[4990,"EUR"]}, {"$ts":"…"},
// {"$dur":"900s"}, {"$uint":7},
// {"$bytes":"…"}, {"$double":"NaN"}, {"$type":"int"}, {"$text":"…base64"} for text that JSON cannot
// hold, {"$map":[[key, value]…]} for maps whose keys are not plain text or begin with `$`). Fields
// that hold their default are left out. Nodes are written by name. Writing is on the engine's hot
// path and appends to one string. Tested in tests/runtime/journal_json_test.cpp.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "interpreter/graph.h"
#include "interpreter/journal.h"
#include "runtime/base/result.h"

namespace belay::runtime {

// A journal row as text. `kind` is the fact's: "StepSucceeded".
struct EntryText {
  std::uint64_t seq = 0;
  std::uint16_t version = 1;
  interpreter::Instant at;
  std::string_view actor, kind, body;
};

const char* kind_name(const interpreter::Fact& fact);

// Appends the body of `entry` to `out`. Total.
void append_entry_body(const interpreter::Graph& graph, const interpreter::Entry& entry,
                       std::string& out);
std::string entry_body(const interpreter::Graph& graph, const interpreter::Entry& entry);

// Failures: kUnsupported (version or kind that this program does not know), kCorrupt.
Result<interpreter::Entry> decode_entry(const interpreter::Graph& graph, const EntryText& text);

// The tagged form of one value, as inside a body.
void append_tagged(const interpreter::Value& value, std::string& out);
Result<interpreter::Value> decode_tagged(std::string_view json);

}  // namespace belay::runtime
