// How fast compiled expressions are: ten typical guards and mappings of workflows over a state of
// about 2 KB of JSON, each checked against declared types and compiled once, then evaluated in turn
// on one thread. What is evaluated is what the engine evaluates: interpreter::Program over slots.
// One JSON line.
//   eval_bench [--quick] [--each]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "dsl/expr/expr.h"
#include "runtime/base/environment.h"
#include "runtime/base/json_value.h"

using namespace belay;
using interpreter::Field;
using interpreter::Type;
using interpreter::Value;
using Base = Type::Base;
using Clock = std::chrono::steady_clock;

namespace {

constexpr const char* kExpressions[] = {
    // Guards.
    "paid.amount is not price",
    "customer.tier is one of [\"gold\", \"platinum\"] and price is at least EUR 100.00",
    "items.all(item, item.quantity > 0 and item.price.minor > 0)",
    "starts_at - now is more than 2 days and status is \"confirmed\"",
    "customer.phone is present and customer.phone.startsWith(\"+49\")",
    "attempts < 3 or (customer.tier is \"platinum\" and attempts < 10)",
    // Mappings.
    "{\"booking\": booking, \"customer\": customer.name, \"amount\": price.minor, \"currency\": "
    "price.currency}",
    "price.share(19, 100) + fees.service",
    "\"Booking \" + booking + \" for \" + customer.name",
    "customer.nickname or else customer.name",
};

Type of(Base base) {
  Type type;
  type.base = base;
  return type;
}
Type optional(Type type) {
  type.optional = true;
  return type;
}
Type record(std::vector<Field> fields) {
  Type type = of(Base::kRecord);
  type.fields = std::move(fields);
  return type;
}

std::vector<Field> state_fields() {
  const Type address = record({{"street", of(Base::kText)},
                               {"city", of(Base::kText)},
                               {"zip", of(Base::kText)},
                               {"country", of(Base::kText)}});
  const Type item = record({{"sku", of(Base::kText)},
                            {"title", of(Base::kText)},
                            {"quantity", of(Base::kInt)},
                            {"price", of(Base::kMoney)}});
  Type items = of(Base::kList);
  items.element = {item};
  return {{"booking", of(Base::kUuid)},
          {"status", of(Base::kText)},
          {"attempts", of(Base::kInt)},
          {"starts_at", of(Base::kTimestamp)},
          {"price", of(Base::kMoney)},
          {"fees", record({{"service", of(Base::kMoney)}, {"city_tax", of(Base::kMoney)}})},
          {"paid", record({{"amount", of(Base::kMoney)},
                           {"intent", of(Base::kText)},
                           {"charge", of(Base::kText)}})},
          {"customer", record({{"id", of(Base::kUuid)},
                               {"name", of(Base::kText)},
                               {"nickname", optional(of(Base::kText))},
                               {"email", of(Base::kEmail)},
                               {"phone", optional(of(Base::kText))},
                               {"tier", of(Base::kText)},
                               {"address", address}})},
          {"items", items},
          {"notes", of(Base::kText)}};
}

std::string state_json() {
  std::string items;
  for (int i = 0; i < 8; ++i) {
    items += std::string(i > 0 ? "," : "") + "{\"sku\":\"ROOM-10" + std::to_string(i) +
             "\",\"title\":\"Double room with a view of the lake and breakfast\",\"quantity\":" +
             std::to_string(1 + i % 3) +
             ",\"price\":{\"currency\":\"EUR\",\"minor\":" + std::to_string(4990 + 100 * i) + "}}";
  }
  return "{\"booking\":\"6f1c1a52-7d3c-4a3e-9f0a-1f2e3d4c5b6a\",\"status\":\"confirmed\","
         "\"attempts\":2,"
         "\"starts_at\":\"2026-12-24T15:00:00Z\",\"price\":{\"currency\":\"EUR\",\"minor\":24990},"
         "\"fees\":{\"service\":{\"currency\":\"EUR\",\"minor\":250},\"city_tax\":{\"currency\":"
         "\"EUR\",\"minor\":310}},"
         "\"paid\":{\"amount\":{\"currency\":\"EUR\",\"minor\":24990},\"intent\":\"pi_"
         "3MtwBwLkdIwHu7ix28a3tqPa\","
         "\"charge\":\"ch_3MtwBwLkdIwHu7ix0Wr2bE1v\"},"
         "\"customer\":{\"id\":\"0b6e7c1e-52e4-4b39-a7d7-8a1d5a9f3c11\",\"name\":\"Annegret "
         "Schönfelder\","
         "\"email\":\"annegret@example.com\",\"phone\":\"+49 30 "
         "901820\",\"tier\":\"gold\",\"address\":{\"street\":"
         "\"Unter den Linden "
         "77\",\"city\":\"Berlin\",\"zip\":\"10117\",\"country\":\"DE\"}},\"items\":[" +
         items + "],\"notes\":\"" + std::string(420, 'n') + "\"}";
}

class BookingState final : public dsl::Names, public interpreter::Scope {
 public:
  BookingState() : fields_(state_fields()), json_(state_json()) {
    auto state = runtime::decode_json(fields_, json_);
    if (!state) {
      std::fprintf(stderr, "eval_bench: %s\n", state.error().message.c_str());
      std::exit(1);
    }
    for (const Field& field : fields_) slots_.push_back(*state->find(field.name));
  }
  std::size_t bytes() const { return json_.size(); }

  std::optional<dsl::NameInfo> find(std::string_view name) const override {
    for (std::uint32_t i = 0; i < fields_.size(); ++i) {
      if (fields_[i].name != name) continue;
      dsl::NameInfo info;
      info.type = fields_[i].type;
      info.slot = i;
      return info;
    }
    return std::nullopt;
  }
  std::vector<std::string> all() const override { return {}; }
  const Value* slot(std::uint32_t index) const override {
    return index < slots_.size() ? &slots_[index] : nullptr;
  }
  interpreter::Timestamp now() const override { return {1795262400, 0}; }
  const interpreter::Environment* environment() const override { return &runtime::environment(); }

 private:
  std::vector<Field> fields_;
  std::string json_;
  std::vector<Value> slots_;
};

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

}  // namespace

int main(int argc, char** argv) {
  bool quick = false, each = false;
  for (int i = 1; i < argc; ++i) {
    quick = quick || std::strcmp(argv[i], "--quick") == 0;
    each = each || std::strcmp(argv[i], "--each") == 0;
  }
  const BookingState state;
  std::vector<interpreter::Program> programs;
  for (const char* text : kExpressions) {
    dsl::Expr expr;
    expr.text = text;
    dsl::Diagnostics diagnostics;
    dsl::CheckedExpr checked = dsl::check_expression(expr, state, {}, diagnostics);
    if (!checked.ok) {
      std::fprintf(stderr, "eval_bench: `%s`: %s\n", text,
                   diagnostics.all().front().message.c_str());
      return 1;
    }
    const interpreter::Evaluated result = interpreter::evaluate(checked.program, state);
    if (!result.ok) {
      std::fprintf(stderr, "eval_bench: `%s`: %s\n", text, result.error.c_str());
      return 1;
    }
    if (each)
      std::fprintf(stderr, "%s\n  = %s\n", text, interpreter::to_text(result.value).c_str());
    programs.push_back(std::move(checked.program));
  }
  if (each) {
    for (std::size_t i = 0; i < programs.size(); ++i) {
      const auto begin = Clock::now();
      const int rounds = 200'000;
      for (int round = 0; round < rounds; ++round) {
        if (!interpreter::evaluate(programs[i], state).ok) return 1;
      }
      std::fprintf(stderr, "%7.0f ns  %s\n", seconds_since(begin) / rounds * 1e9, kExpressions[i]);
    }
  }
  // Several rounds: the median counts, the spread tells how busy the machine was.
  const int rounds = quick ? 3 : 9;
  const double round_s = quick ? 0.1 : 0.5;
  std::vector<double> rates;
  for (int round = 0; round < rounds; ++round) {
    const auto begin = Clock::now();
    std::size_t count = 0;
    double passed = 0;
    while (passed < round_s) {
      for (int i = 0; i < 200; ++i) {
        for (const interpreter::Program& program : programs) {
          if (!interpreter::evaluate(program, state).ok) return 1;
        }
      }
      count += 200 * programs.size();
      passed = seconds_since(begin);
    }
    rates.push_back(static_cast<double>(count) / passed);
  }
  std::sort(rates.begin(), rates.end());
  std::printf(
      "{\"bench\":\"eval\",\"expressions\":%zu,\"state_bytes\":%zu,\"evaluations_per_s\":%.0f,"
      "\"best_per_s\":%.0f,\"worst_per_s\":%.0f}\n",
      programs.size(), state.bytes(), rates[rates.size() / 2], rates.back(), rates.front());
  return 0;
}
