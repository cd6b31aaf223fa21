// Strict reading of what strangers send. See request.h.
#include "runtime/api/request.h"

#include <algorithm>
#include <charconv>

#include "interpreter/time.h"
#include "runtime/base/check.h"
#include "runtime/base/json_value.h"
#include "runtime/base/limits.h"

namespace belay::runtime::api {

using namespace interpreter;

namespace {

bool same_word(std::string_view a, std::string_view b) {
  const auto lower = [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  };
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(),
                                            [&](char x, char y) { return lower(x) == lower(y); });
}

tl::unexpected<HttpResponse> no(int status, std::string code, std::string detail,
                                std::string hint = {}) {
  return tl::unexpected<HttpResponse>(
      refuse(status, std::move(code), std::move(detail), std::move(hint)));
}

std::optional<std::uint64_t> whole_number(std::string_view text) {
  std::uint64_t out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return out;
}

const char* kind_word(BodyField::Kind kind) {
  switch (kind) {
    case BodyField::kText: return "text";
    case BodyField::kBool: return "true or false";
    case BodyField::kAny: return "a value";
  }
  return "a value";
}

bool fits(BodyField::Kind kind, const Value& value) {
  switch (kind) {
    case BodyField::kText: return value.kind() == Value::Kind::kString;
    case BodyField::kBool: return value.kind() == Value::Kind::kBool;
    case BodyField::kAny: return true;
  }
  return false;
}

std::string known_fields(const std::vector<BodyField>& fields) {
  std::string out;
  for (const BodyField& field : fields)
    out += (out.empty() ? "`" : ", `") + std::string(field.name) + "`";
  return out.empty() ? "the body takes no fields" : "the body takes " + out;
}

bool is_json(const HttpRequest& request) {
  const std::string* type = header(request, "content-type");
  if (type == nullptr) return false;
  std::string_view media = std::string_view(*type).substr(0, type->find(';'));
  while (!media.empty() && media.back() == ' ') media.remove_suffix(1);
  return same_word(media, "application/json");
}

}  // namespace

const char* name(Role role) {
  switch (role) {
    case Role::kNobody: return "nobody";
    case Role::kViewer: return "viewer";
    case Role::kStarter: return "starter";
    case Role::kOperator: return "operator";
    case Role::kAdmin: return "admin";
  }
  return "nobody";
}

std::optional<Role> parse_role(std::string_view text) {
  for (const Role role : {Role::kViewer, Role::kStarter, Role::kOperator, Role::kAdmin}) {
    if (text == name(role)) return role;
  }
  return std::nullopt;
}

bool Principal::may_answer_for(std::string_view question_role) const {
  return role >= Role::kOperator ||
         std::find(may_answer.begin(), may_answer.end(), question_role) != may_answer.end();
}

const std::string* header(const HttpRequest& request, std::string_view name) {
  const auto at = request.headers.find(name);
  return at == request.headers.end() ? nullptr : &at->second;
}

const std::string* query(const HttpRequest& request, std::string_view name) {
  const auto at = request.query.find(std::string(name));
  return at == request.query.end() ? nullptr : &at->second;
}

const std::string& hole(const HttpRequest& request, const char* name) {
  const auto at = request.params.find(name);
  BELAY_CHECK(at != request.params.end(), "the pattern of the route has this hole");
  return at->second;
}

void set_header(HttpResponse& response, const char* name, std::string value) {
  response.headers.emplace(name, std::move(value));
}

std::string etag(std::uint64_t seq) { return '"' + std::to_string(seq) + '"'; }

Read<std::optional<std::uint64_t>> if_match(const HttpRequest& request) {
  const std::string* text = header(request, "if-match");
  if (text == nullptr) return std::optional<std::uint64_t>();
  std::string_view tag = *text;
  if (tag.size() >= 2 && tag.front() == '"' && tag.back() == '"')
    tag = tag.substr(1, tag.size() - 2);
  const std::optional<std::uint64_t> seq = whole_number(tag);
  if (!seq) {
    return no(400, "malformed", "If-Match must be the ETag of the saga as it was shown",
              "read the saga and send its ETag, for example `If-Match: \"12\"`; lists and `*` are "
              "not taken");
  }
  return seq;
}

Read<std::string> idempotency_key(const HttpRequest& request) {
  const std::string* text = header(request, "idempotency-key");
  if (text == nullptr) return std::string();
  // The IETF draft writes the key as a quoted string; both spellings are one key.
  std::string_view key = *text;
  if (key.size() >= 2 && key.front() == '"' && key.back() == '"')
    key = key.substr(1, key.size() - 2);
  if (key.empty() || !is_clean(key, limits::key_bytes_max)) {
    return no(400, "malformed",
              "Idempotency-Key must be 1 to " + std::to_string(limits::key_bytes_max) +
                  " bytes of printable text");
  }
  return std::string(key);
}

Read<bool> flag(const HttpRequest& request, std::string_view name) {
  const std::string* text = query(request, name);
  if (text == nullptr || *text == "false" || *text == "0") return false;
  if (*text == "true" || *text == "1" || text->empty()) return true;
  return no(400, "malformed", "`" + std::string(name) + "` must be true or false");
}

Read<std::uint64_t> number(const HttpRequest& request, std::string_view name,
                           std::uint64_t otherwise, std::uint64_t min, std::uint64_t max) {
  const std::string* text = query(request, name);
  if (text == nullptr) return otherwise;
  const std::optional<std::uint64_t> n = whole_number(*text);
  if (!n || *n < min || *n > max) {
    return no(400, "malformed",
              "`" + std::string(name) + "` must be a whole number from " + std::to_string(min) +
                  " to " + std::to_string(max));
  }
  return *n;
}

Read<Instant> instant(const HttpRequest& request, std::string_view name) {
  const std::string* text = query(request, name);
  if (text == nullptr) return Instant{};
  const std::optional<Timestamp> t = parse_timestamp(*text);
  if (!t) {
    return no(400, "malformed",
              "`" + std::string(name) + "` must be a time such as 2026-11-21T12:00:00Z",
              "a `+` in a query is a space: write the offset as Z or %2B01:00");
  }
  return Instant{t->seconds * 1'000'000 + t->nanos / 1000};
}

Read<Value> body(const HttpRequest& request, const std::vector<BodyField>& fields) {
  const bool needed =
      std::any_of(fields.begin(), fields.end(), [](const BodyField& f) { return f.required; });
  if (request.body.empty() && !needed) return Value::map({});
  if (!request.body.empty() && !is_json(request)) {
    return no(415, "unsupported_media_type", "the body must be JSON",
              "send `Content-Type: application/json`");
  }
  if (request.body.empty())
    return no(400, "malformed", "the body is missing", known_fields(fields));
  // Escapes may make the text longer than what it holds; what it holds is bounded where it is
  // stored.
  Result<Value> json = parse_json(request.body, {.bytes_max = limits::request_body_bytes_max});
  if (!json) {
    const bool large = json.error().code == ErrorCode::kTooLarge;
    return no(large ? 413 : 400, large ? "too_large" : "malformed", json.error().message,
              json.error().hint);
  }
  if (json->kind() != Value::Kind::kMap)
    return no(400, "malformed", "the body must be a JSON object", known_fields(fields));
  for (const auto& [key, value] : json->as_map()) {
    const auto known =
        std::find_if(fields.begin(), fields.end(),
                     [&, &k = key](const BodyField& f) { return k.as_string() == f.name; });
    if (known == fields.end()) {
      return no(400, "malformed", "the body has the unknown field `" + key.as_string() + "`",
                known_fields(fields));
    }
    if (!value.is_null() && !fits(known->kind, value)) {
      return no(400, "malformed",
                "the field `" + key.as_string() + "` must be " + kind_word(known->kind));
    }
  }
  for (const BodyField& field : fields) {
    const Value* value = json->find(field.name);
    if (field.required && (value == nullptr || value->is_null())) {
      return no(422, "invalid", "the field `" + std::string(field.name) + "` is missing",
                known_fields(fields));
    }
  }
  return std::move(*json);
}

std::string text_field(const Value& record, std::string_view name) {
  const Value* value = record.find(name);
  return value == nullptr || value->kind() != Value::Kind::kString ? std::string()
                                                                   : value->as_string();
}

Result<Value> fitted(const Value& value, const std::vector<Field>& fields,
                     const std::string& where) {
  return coerce(fields, value, where);
}

Read<Value> typed(const Value& json, const std::vector<Field>& fields, const std::string& where) {
  Result<Value> value = fitted(json, fields, where);
  if (!value) return tl::unexpected<HttpResponse>(refuse(value.error()));
  std::string bytes;
  append_canonical(*value, bytes);
  if (bytes.size() > limits::input_bytes_max) {
    return no(
        413, "too_large",
        "`" + where + "` is larger than " + std::to_string(limits::input_bytes_max) + " bytes");
  }
  return std::move(*value);
}

Read<ActTerms> act_terms(const HttpRequest& request) {
  Read<std::optional<std::uint64_t>> match = if_match(request);
  if (!match) return tl::unexpected(std::move(match.error()));
  Read<std::string> key = idempotency_key(request);
  if (!key) return tl::unexpected(std::move(key.error()));
  Read<bool> dry_run = flag(request, "dry_run");
  if (!dry_run) return tl::unexpected(std::move(dry_run.error()));
  return ActTerms{*match, std::move(*key), *dry_run};
}

Read<std::string> reason_of(const Value& body) {
  std::string reason = text_field(body, "reason");
  if (reason.find_first_not_of(' ') == std::string::npos ||
      !is_clean(reason, limits::reason_bytes_max)) {
    return tl::unexpected(refuse(422, "invalid",
                                 "`reason` must be a line of text, at most " +
                                     std::to_string(limits::reason_bytes_max) + " bytes"));
  }
  return reason;
}

bool is_clean(std::string_view text, std::size_t bytes_max) {
  if (text.size() > bytes_max || !is_storable_text(text)) return false;
  return std::none_of(text.begin(), text.end(), [](char c) {
    const auto u = static_cast<unsigned char>(c);
    return u < 0x20 || u == 0x7f;
  });
}

}  // namespace belay::runtime::api
