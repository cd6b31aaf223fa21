// The provider's side business: a mail sender and a calendar. They move no money but leave effects
// that the ledger counts. JSON in, JSON out; what the caller sends is kept and answered, with an
// id.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "examples/provider_sim/payments.h"

namespace belay::provider {

// `parts` is the path without its slashes, at least {"v1", "messages" | "calendar"}.
std::optional<Operation> route_messages(const std::string& method,
                                        const std::vector<std::string>& parts);

Decision send_message(const nlohmann::json& body, Maker& maker);
Decision add_to_calendar(const nlohmann::json& body, Maker& maker);
Decision remove_from_calendar(const Books& books, const std::string& id);

// `booking`, `metadata.booking`, `variables.booking` or `data.booking` of a body, the first that is
// text; else empty.
std::string booking_in(const nlohmann::json& body);

}  // namespace belay::provider
