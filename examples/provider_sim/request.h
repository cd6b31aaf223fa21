// From bytes to Call: form bodies, JSON bodies, bearer tokens. Pure.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace belay::provider {

// `a=1&metadata%5Bbooking%5D=b` → {"a":"1", "metadata[booking]":"b"}; of a repeated name the last
// counts.
std::map<std::string, std::string> parse_form(const std::string& text);

// The JSON in `text`, or nullopt when it is none or nests deeper than 64.
std::optional<nlohmann::json> parse_json(const std::string& text);

// The token of `Authorization: Bearer …`, empty when there is none.
std::string bearer_in(const std::string& authorization);

}  // namespace belay::provider
