// Reading a request: headers, query, conditions, and bodies that are strict JSON. Everything a
// stranger sends passes through here once and comes out typed or as a Problem (promise 14). Tested
// in tests/runtime/api_sagas_test.cpp and api_acts_test.cpp.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "interpreter/journal.h"
#include "interpreter/type.h"
#include "interpreter/value.h"
#include "runtime/api/http_server.h"
#include "runtime/api/problem.h"

namespace belay::runtime::api {

// Who asks. Every role may do what the one before it may.
enum class Role : std::uint8_t {
  kNobody,    // no key needed: health, the OpenAPI document, webhooks (they are signed)
  kViewer,    // reads
  kStarter,   // and starts sagas and publishes events: for programs
  kOperator,  // and acts on sagas: for people
  kAdmin,     // and everything else
};
const char* name(Role role);
std::optional<Role> parse_role(std::string_view text);

struct Principal {
  std::string tenant = "default";
  std::string actor = "local";  // "key:ops-anna"
  Role role = Role::kNobody;
  std::vector<std::string> may_answer;  // roles of questions
  // Operators may answer every question.
  bool may_answer_for(std::string_view question_role) const;
};

// The value of a header or query parameter, or nullptr. Header names in any case.
const std::string* header(const HttpRequest& request, std::string_view name);
const std::string* query(const HttpRequest& request, std::string_view name);
// A hole of the route's pattern, decoded. REQUIRES: the pattern has it.
const std::string& hole(const HttpRequest& request, const char* name);
void set_header(HttpResponse& response, const char* name, std::string value);

// Either a value or the answer to send instead.
template <class T>
using Read = tl::expected<T, HttpResponse>;

// The seq in `If-Match: "12"`; nullopt when the header is missing.
Read<std::optional<std::uint64_t>> if_match(const HttpRequest& request);
std::string etag(std::uint64_t seq);

// Printable, at most limits::key_bytes_max bytes; empty when missing.
Read<std::string> idempotency_key(const HttpRequest& request);

Read<bool> flag(const HttpRequest& request,
                std::string_view name);  // true, false, 1, 0; missing: false
Read<std::uint64_t> number(const HttpRequest& request, std::string_view name,
                           std::uint64_t otherwise, std::uint64_t min, std::uint64_t max);
// RFC 3339.
Read<interpreter::Instant> instant(const HttpRequest& request, std::string_view name);

// What a body may hold: a field that is not listed is refused, and so is a listed one of another
// kind.
struct BodyField {
  const char* name;
  enum Kind : std::uint8_t { kText, kBool, kAny } kind = kText;
  bool required = false;
};
// The body as a record of (some of) `fields`. An empty body reads as {} when nothing is required.
Read<interpreter::Value> body(const HttpRequest& request, const std::vector<BodyField>& fields);
// The text of a field of such a record, or empty.
std::string text_field(const interpreter::Value& record, std::string_view name);

// Fits a value to declared fields, patterns and all; the failure names the place:
// `input.customer.email: …`.
Result<interpreter::Value> fitted(const interpreter::Value& value,
                                  const std::vector<interpreter::Field>& fields,
                                  const std::string& where);
// The same for what a request's body holds, and bounded in size.
Read<interpreter::Value> typed(const interpreter::Value& json,
                               const std::vector<interpreter::Field>& fields,
                               const std::string& where);

// What every act on a saga may say beside its body.
struct ActTerms {
  std::optional<std::uint64_t> if_match;  // the seq that was shown
  std::string idempotency_key;            // empty: none
  bool dry_run = false;
};
Read<ActTerms> act_terms(const HttpRequest& request);
// The body's `reason`: a line of text that is not blank.
Read<std::string> reason_of(const interpreter::Value& body);

// Whether text may be stored: UTF-8 without control characters, at most `bytes_max` bytes.
bool is_clean(std::string_view text, std::size_t bytes_max);

}  // namespace belay::runtime::api
