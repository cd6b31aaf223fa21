// Parsing of what callers send; see request.h.
#include "examples/provider_sim/request.h"

#include <algorithm>

namespace belay::provider {
namespace {

constexpr int kDepthMax = 64;

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string decode(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+') {
      out += ' ';
    } else if (text[i] == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 &&
               hex_digit(text[i + 2]) >= 0) {
      out += static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace

std::map<std::string, std::string> parse_form(const std::string& text) {
  std::map<std::string, std::string> fields;
  for (std::size_t from = 0; from < text.size();) {
    const std::size_t end = std::min(text.find('&', from), text.size());
    const std::string pair = text.substr(from, end - from);
    const std::size_t equals = std::min(pair.find('='), pair.size());
    if (!pair.empty())
      fields[decode(pair.substr(0, equals))] =
          decode(pair.substr(std::min(equals + 1, pair.size())));
    from = end + 1;
  }
  return fields;
}

std::optional<nlohmann::json> parse_json(const std::string& text) {
  bool too_deep = false;
  auto watch_depth = [&](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
    too_deep |= depth > kDepthMax;
    return !too_deep;  // what is too deep is dropped while it is read, so nothing deep is ever
                       // built
  };
  auto value = nlohmann::json::parse(text, watch_depth, false);
  if (too_deep || value.is_discarded()) return std::nullopt;
  return value;
}

std::string bearer_in(const std::string& authorization) {
  constexpr char kScheme[] = "Bearer ";
  return authorization.starts_with(kScheme) ? authorization.substr(sizeof kScheme - 1) : "";
}

}  // namespace belay::provider
