// The statement for rare rows says what the common one says, and keeps those rows right.
#include "runtime/base/ids.h"
#include "tests/postgres/store_database.h"

using namespace belay::runtime;
using namespace belay::runtime::testing;

namespace {

std::string between(std::string_view text, std::string_view from, std::string_view to) {
  const std::size_t begin = text.find(from), end = text.rfind(to);
  REQUIRE(begin != std::string_view::npos);
  REQUIRE(end != std::string_view::npos);
  return std::string(text.substr(begin, end - begin));
}

}  // namespace

TEST_CASE("flush_rare begins as flush_full") {
  const std::string full = between(named_sql("flush_full"), "WITH f AS", "\n)\nSELECT");
  const std::string rare = between(named_sql("flush_rare"), "WITH f AS", "\n)\nSELECT");
  CHECK(rare.starts_with(full));
}

TEST_CASE("turns, questions and keys: written, replaced, taken away in one flush or in two") {
  auto store = take(open_postgres_store(migrated_database()));
  const auto lanes = take(store->claim_lanes("node"));
  IdGenerator ids;
  const SagaId a = ids.next({1'763'000'000'000'000}), b = ids.next({1'763'000'000'000'000});
  std::int64_t head = lanes[3].head;
  const auto flush = [&](Flush rows) {
    rows.lanes = {{3, lanes[3].epoch, head++}};
    CHECK(store->flush(rows).kind == FlushResult::Kind::kCommitted);
  };
  Flush first;
  first.turns = {{3, "acme", "queue:x", a, true}, {3, "acme", "queue:x", b, false}, {3, "acme", "queue:y", a, true}};
  first.turns_gone = {{3, "acme", "queue:y", a, false}};  // begun and ended
  first.questions = {{3, a, "approve", "acme", "clerk", {1'763'000'000'000'000}, {}}};
  first.saga_keys = {{3, a, "acme", "wrapped"}};
  flush(first);
  auto turns = take(store->turns({{3, "acme", "queue:x"}, {3, "acme", "queue:y"}}));
  REQUIRE(turns.size() == 2);
  CHECK(turns[0].saga == a);
  CHECK(turns[0].holding);
  CHECK(!turns[1].holding);
  CHECK(take(store->saga_keys({{3, a}, {3, b}})).front().wrapped == "wrapped");
  Flush second;
  second.turns = {{3, "acme", "queue:x", b, true}};
  second.turns_gone = {{3, "acme", "queue:x", a, false}};
  second.questions_gone = {{3, a, "approve", "acme", {}, {}, {}}};
  flush(second);
  turns = take(store->turns({{3, "acme", "queue:x"}}));
  REQUIRE(turns.size() == 1);
  CHECK(turns[0].saga == b);
  CHECK(turns[0].holding);
}
