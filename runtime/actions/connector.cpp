// Requests, limits and the breaker of a connector. See connector.h.
#include "runtime/actions/connector.h"

#include <openssl/evp.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "runtime/base/check.h"

namespace belay::runtime {
namespace {

using interpreter::Value;

Result<std::string> scalar_text(const Value& value, std::string_view name) {
  switch (value.kind()) {
    case Value::Kind::kString: return value.as_string();
    case Value::Kind::kBool: return std::string(value.as_bool() ? "true" : "false");
    case Value::Kind::kInt: return std::to_string(value.as_int());
    case Value::Kind::kUint: return std::to_string(value.as_uint());
    case Value::Kind::kDouble: {
      if (!std::isfinite(value.as_double())) break;
      char buffer[40];
      const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, value.as_double());
      if (error != std::errc{}) break;
      return std::string(buffer, end);
    }
    case Value::Kind::kTimestamp: return interpreter::to_text(value);
    default: break;
  }
  const bool money = value.kind() == Value::Kind::kMoney;
  return fail(ErrorCode::kInvalid, "`" + std::string(name) + "` has no form as text",
              money ? "send its parts: `amount.minor`, `amount.currency`"
                    : "send a text, a number, a bool or a timestamp");
}

void append_pair(std::string& out, std::string_view key, std::string_view text) {
  if (!out.empty()) out += '&';
  out += key;
  out += '=';
  out += percent_encode(text);
}

// `key` is encoded already. Depth is bounded by json_depth_max, so the recursion is.
Result<void> append_form(std::string& out, const std::string& key, const Value& value,
                         std::size_t depth) {
  if (depth > limits::json_depth_max)
    return fail(ErrorCode::kTooLarge, "the form is nested too deep");
  if (value.is_null()) return {};
  if (value.kind() == Value::Kind::kMap) {
    for (const auto& [name, inner] : value.as_map()) {
      if (name.kind() != Value::Kind::kString) {
        return fail(ErrorCode::kInvalid, "a form has a key that is no text");
      }
      const std::string part = percent_encode(name.as_string());
      const std::string whole = key.empty() ? part : key + "[" + part + "]";
      if (auto ok = append_form(out, whole, inner, depth + 1); !ok) return ok;
    }
    return {};
  }
  if (value.kind() == Value::Kind::kList) {
    std::size_t index = 0;
    for (const Value& inner : value.as_list()) {
      const std::string whole = key + "[" + std::to_string(index++) + "]";
      if (auto ok = append_form(out, whole, inner, depth + 1); !ok) return ok;
    }
    return {};
  }
  auto text = scalar_text(value, key);
  if (!text) return fail(text.error());
  append_pair(out, key, *text);
  return {};
}

std::string base64(std::string_view bytes) {
  std::string out(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                   reinterpret_cast<const unsigned char*>(bytes.data()),
                                   static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(size));
  return out;
}

Result<void> sign_in(const ConnectorConfig& config, const SecretStore& secrets,
                     OutgoingRequest& request) {
  using SignIn = ConnectorConfig::SignIn;
  if (config.sign_in == SignIn::kNone) return {};
  auto secret = secrets.resolve(config.secret);
  if (!secret) return fail(secret.error());
  std::string name = "Authorization";
  std::string value;
  value.reserve(2 * secret->reveal().size() + config.user.size() +
                64);  // no reallocation leaves a copy behind
  switch (config.sign_in) {
    case SignIn::kNone: break;
    case SignIn::kBearer: value.append("Bearer ").append(secret->reveal()); break;
    case SignIn::kBasic: {
      std::string pair;
      pair.reserve(config.user.size() + 1 + secret->reveal().size());
      pair.append(config.user).append(":").append(secret->reveal());
      std::string encoded = base64(pair);
      value.append("Basic ").append(encoded);
      wipe(encoded);
      wipe(pair);
      break;
    }
    case SignIn::kHeader:
      name = config.header;
      value.append(secret->reveal());
      break;
  }
  request.headers.emplace_back(std::move(name), std::move(value));
  return {};
}

}  // namespace

std::string percent_encode(std::string_view text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (unsigned char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    if (plain) {
      out += static_cast<char>(c);
    } else {
      out += '%';
      out += kHex[c >> 4];
      out += kHex[c & 15];
    }
  }
  return out;
}

Result<std::string> fill_path(std::string_view path, const Value& args) {
  std::string out;
  while (!path.empty()) {
    const std::size_t open = std::min(path.find('{'), path.size());
    out.append(path.substr(0, open));
    path.remove_prefix(open);
    if (path.empty()) break;
    const std::size_t close = path.find('}');
    if (close == std::string_view::npos)
      return fail(ErrorCode::kInvalid, "the path has a `{` without its `}`");
    const std::string name(path.substr(1, close - 1));
    path.remove_prefix(close + 1);
    const Value* value = args.find(name);
    if (value == nullptr || value->is_null()) {
      return fail(ErrorCode::kInvalid, "the path needs `" + name + "`, which has no value");
    }
    auto text = scalar_text(*value, name);
    if (!text) return fail(text.error());
    if (text->empty())
      return fail(ErrorCode::kInvalid, "the path needs `" + name + "`, which is empty");
    out += percent_encode(*text);
  }
  std::string_view rest = out;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('/'), rest.size());
    const std::string_view segment = rest.substr(0, end);
    if (segment == "." || segment == "..") {
      return fail(ErrorCode::kInvalid,
                  "the filled path has a segment `" + std::string(segment) + "`");
    }
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return out;
}

Result<std::string> encode_form(const Value& record) {
  std::string out;
  if (record.is_null()) return out;
  if (record.kind() != Value::Kind::kMap)
    return fail(ErrorCode::kInvalid, "a form must be a record");
  if (auto ok = append_form(out, "", record, 0); !ok) return fail(ok.error());
  return out;
}

Result<OutgoingRequest> build_request(const ConnectorConfig& config, CallParts parts,
                                      const SecretStore& secrets) {
  if (config.base_url.empty()) {
    return fail(ErrorCode::kMisconfigured, "the connector `" + config.name + "` has no address",
                "set its `base`");
  }
  auto query = encode_form(parts.query);
  if (!query) return fail(query.error());
  OutgoingRequest request;
  request.method = std::move(parts.method);
  std::string_view base = config.base_url;
  while (!base.empty() && base.back() == '/') base.remove_suffix(1);
  request.url = std::string(base) + (parts.path.starts_with('/') ? "" : "/") + parts.path;
  if (!query->empty())
    request.url += (parts.path.find('?') == std::string::npos ? "?" : "&") + *query;
  request.headers = std::move(parts.headers);
  if (!parts.content_type.empty()) {
    request.headers.emplace_back("Content-Type", std::move(parts.content_type));
    request.body = std::move(parts.body);
  }
  if (!config.request_key_header.empty() && !parts.request_key.empty()) {
    request.headers.emplace_back(config.request_key_header, std::move(parts.request_key));
  }
  request.timeout_ms =
      static_cast<long>(parts.timeout_ms > 0 ? parts.timeout_ms : config.timeout_ms);
  request.allow_private_addresses = config.allow_private;
  if (auto ok = sign_in(config, secrets, request); !ok) return fail(ok.error());
  return request;
}

// ---- Limiter

bool Limiter::may_begin(std::int64_t now_ms) const {
  if (options_.at_once > 0 && running_ >= options_.at_once) return false;
  if (options_.per_second <= 0) return true;
  return static_cast<std::int64_t>(begun_ms_.size()) < options_.per_second ||
         now_ms - begun_ms_.front() >= 1000;
}

void Limiter::begin(std::int64_t now_ms) {
  ++running_;
  if (options_.per_second <= 0) return;
  begun_ms_.push_back(now_ms);
  if (static_cast<std::int64_t>(begun_ms_.size()) > options_.per_second) begun_ms_.pop_front();
}

Limiter::Verdict Limiter::ask(Ticket ticket, std::int64_t now_ms) {
  if (waiting_.empty() && may_begin(now_ms)) {
    begin(now_ms);
    return Verdict::kGo;
  }
  if (waiting_.size() >= options_.waiting_max) return Verdict::kFull;
  waiting_.push_back(ticket);
  return Verdict::kWait;
}

void Limiter::ended() {
  BELAY_CHECK(running_ > 0, "more calls ended than began");
  --running_;
}

std::vector<Limiter::Ticket> Limiter::take_due(std::int64_t now_ms) {
  std::vector<Ticket> due;
  while (!waiting_.empty() && may_begin(now_ms)) {
    begin(now_ms);
    due.push_back(waiting_.front());
    waiting_.pop_front();
  }
  return due;
}

std::optional<std::int64_t> Limiter::next_due_ms(std::int64_t now_ms) const {
  if (waiting_.empty()) return std::nullopt;
  if (options_.at_once > 0 && running_ >= options_.at_once) return std::nullopt;
  if (may_begin(now_ms)) return now_ms;
  return begun_ms_.front() + 1000;
}

bool Limiter::forget(Ticket ticket) {
  const auto found = std::find(waiting_.begin(), waiting_.end(), ticket);
  if (found == waiting_.end()) return false;
  waiting_.erase(found);
  return true;
}

// ---- Circuit breaker

CircuitBreaker::State CircuitBreaker::state(std::int64_t now_ms) const {
  if (!open_until_ms_) return State::kClosed;
  return now_ms < *open_until_ms_ ? State::kOpen : State::kHalfOpen;
}

bool CircuitBreaker::allow(std::int64_t now_ms) {
  switch (state(now_ms)) {
    case State::kClosed: return true;
    case State::kOpen: return false;
    case State::kHalfOpen: break;
  }
  if (probe_since_ms_ && now_ms - *probe_since_ms_ < options_.rest_ms) return false;
  probe_since_ms_ = now_ms;
  return true;
}

void CircuitBreaker::succeeded() {
  // Also when open: a call that left before it opened shows that the side is there again.
  failures_in_a_row_ = 0;
  open_until_ms_.reset();
  probe_since_ms_.reset();
}

void CircuitBreaker::failed(std::int64_t now_ms) {
  if (options_.failures <= 0) return;
  ++failures_in_a_row_;
  const State now = state(now_ms);
  if (now == State::kOpen) return;  // a straggler
  if (now == State::kHalfOpen || failures_in_a_row_ >= options_.failures) {
    open_until_ms_ = now_ms + options_.rest_ms;
    probe_since_ms_.reset();
  }
}

std::int64_t CircuitBreaker::wait_ms(std::int64_t now_ms) const {
  if (!open_until_ms_) return 0;
  if (now_ms < *open_until_ms_) return *open_until_ms_ - now_ms;
  if (!probe_since_ms_) return 0;
  return std::max<std::int64_t>(0, *probe_since_ms_ + options_.rest_ms - now_ms);
}

}  // namespace belay::runtime
