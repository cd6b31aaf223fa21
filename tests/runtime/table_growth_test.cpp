// runtime/store/table_growth.h
#include "runtime/store/table_growth.h"

#include "tests/catch.h"

using belay::runtime::TableGrowth;
using Table = TableGrowth::Table;

TEST_CASE("growth: a table that doubles is told once, and none below a few pages") {
  TableGrowth growth;
  growth.wrote(Table::kEvent, 63);
  CHECK(growth.doublings() == 0);
  growth.wrote(Table::kEvent, 1);  // 64
  CHECK(growth.doublings() == 1);
  growth.wrote(Table::kEvent, 63);
  CHECK(growth.doublings() == 1);
  growth.wrote(Table::kEvent, 1);  // 128
  CHECK(growth.doublings() == 2);
  growth.wrote(Table::kEvent, 0);
  CHECK(growth.doublings() == 2);
}

TEST_CASE("growth: each table by itself, a large batch by all that it doubles") {
  TableGrowth growth;
  growth.wrote(Table::kJournal, 1'000'000);
  const auto large = growth.doublings();
  CHECK(large == 14);               // 64, 128, … 524,288
  growth.wrote(Table::kEvent, 64);  // little beside the journal, much for its own
  CHECK(growth.doublings() == large + 1);
  growth.wrote(Table::kJournal, 48'575);
  CHECK(growth.doublings() == large + 1);
  growth.wrote(Table::kJournal, 1);  // 1,048,576
  CHECK(growth.doublings() == large + 2);
}
