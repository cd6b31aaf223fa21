// What the provider does with a request, as a pure decision: books and request in, answer and
// ledger line out. Nothing here waits, writes or sends; provider.cpp does that around it. Shapes
// and error codes follow Stripe's API where it has them.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "examples/provider_sim/books.h"

namespace belay::provider {

enum class Verb {
  kCreateIntent,
  kGetIntent,
  kListIntents,
  kSearchIntents,
  kCapture,
  kCancel,
  kRefund,
  kGetRefund,
  kListRefunds,
  kGetCharge,
  kSendMessage,
  kGetMessage,
  kListMessages,
  kAddToCalendar,
  kGetFromCalendar,
  kListCalendar,
  kRemoveFromCalendar,
};

struct Operation {
  Verb verb;
  std::string id;            // from the path, empty when it has none
  bool changes = false;      // an Idempotency-Key, when given, is honoured
  bool moves_money = false;  // an Idempotency-Key is required
};

// The operation behind a method and a path, or nullopt when there is none.
std::optional<Operation> route(const std::string& method, const std::string& path);

struct Arguments {
  std::map<std::string, std::string>
      fields;                  // form fields, or the query's; `metadata[booking]` is spelled so
  nlohmann::json body;         // of the JSON endpoints; null elsewhere
  bool key_forgotten = false;  // the request's key was known once and has worn out
};

// Makes the ids and dates of one ledger line. Ids never repeat within a ledger: they carry the
// line's number.
class Maker {
 public:
  Maker(const Books& books, std::int64_t now_s)
      : seq_(books.last_seq() + 1), salt_(books.salt()), now_s_(now_s) {}
  std::string id(const std::string& prefix);
  std::int64_t now_s() const { return now_s_; }

 private:
  std::uint64_t seq_, salt_, made_ = 0;
  std::int64_t now_s_;
};

struct Decision {
  int status = 200;
  nlohmann::json body;
  bool stored = false;  // the answer is remembered for the key
  std::string kind;     // of the ledger line; empty when nothing changes
  nlohmann::json objects = nlohmann::json::array();
  nlohmann::json effect = nlohmann::json::object();
  nlohmann::json events = nlohmann::json::array();
};

Decision decide(const Books& books, const Operation& operation, const Arguments& arguments,
                Maker& maker);

// The card is refused: 402, remembered. A refused capture leaves the authorisation open.
Decision decide_decline(const Books& books, const Operation& operation, const Arguments& arguments,
                        Maker& maker);

// The customer pays (or tries to, with `decline`). `amount` replaces the intent's when given.
struct CustomerPays {
  std::string intent;
  std::optional<std::int64_t> amount;
  bool decline = false;
};
Decision decide_payment(const Books& books, const CustomerPays& pays, Maker& maker);

// The booking a request is about, by its metadata or its intent's; empty when unknown.
std::string booking_of(const Books& books, const Operation& operation, const Arguments& arguments);

// {"error":{"type","code","message"}}
Decision refusal(int status, const std::string& type, const std::string& code,
                 const std::string& message);

}  // namespace belay::provider
