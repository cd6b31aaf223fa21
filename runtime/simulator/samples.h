// Sample values: what a scenario does not say is made up from the declared type, the same in every
// run and plausible to a reader: `EUR 49.90`, `ada@example.com`, a time tomorrow. Bounds, choices,
// lengths and simple patterns are kept. Tested in tests/simulator/samples_test.cpp.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "interpreter/journal.h"
#include "interpreter/type.h"
#include "interpreter/value.h"

namespace belay::runtime::simulator {

struct SampleContext {
  interpreter::Instant now;  // times are counted from here
  std::string owner;         // what the value belongs to: makes ids and texts differ
  std::int64_t ahead_h = 1;  // how far ahead the first point in time lies
  std::int64_t items = 1;    // of a list, where its type allows so many
};

// A value of the type for a field of that name. Optional types get a value too.
interpreter::Value sample(const interpreter::Type& type, std::string_view name,
                          const SampleContext& context);
// A record of the fields. Points in time rise from field to field by an hour.
interpreter::Value sample_record(const std::vector<interpreter::Field>& fields,
                                 const SampleContext& context);

// A text that the pattern (RE2 syntax) describes, for patterns of letters, classes, groups, choices
// and counts; empty when the pattern has anything else.
std::string sample_of_pattern(std::string_view pattern);

}  // namespace belay::runtime::simulator
