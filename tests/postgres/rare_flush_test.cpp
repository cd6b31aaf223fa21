// The rows that few workflows have.
#include "runtime/base/ids.h"
#include "tests/postgres/store_database.h"

using namespace belay::runtime;
using namespace belay::runtime::testing;

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
  first.turns = {{3, "acme", "queue:x", a, true},
                 {3, "acme", "queue:x", b, false},
                 {3, "acme", "queue:y", a, true}};
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
