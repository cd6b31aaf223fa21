// When plans have to be made anew. A plan that was made while a table was small reads by whichever
// index, for all cost the same then, and goes on doing so when the table is large; autovacuum has
// plans made anew too, but a minute later. So whoever keeps plans drops them when a table has
// doubled, and from time to time.
#pragma once
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace belay::runtime {

// What one store has written. `wrote` belongs to one thread at a time, `doublings` to any.
class TableGrowth {
 public:
  enum class Table : std::uint8_t {
    kInstance,
    kJournal,
    kEvent,
    kSubscription,
    kMailbox,
    kStartKey,
    kDedup,
    kQuestion,
  };
  void wrote(Table table, std::size_t rows) {
    std::uint64_t& all = rows_[static_cast<std::size_t>(table)];
    const auto before = std::bit_width(all / kSmall);
    all += rows;
    doublings_ += static_cast<std::uint64_t>(std::bit_width(all / kSmall) - before);
  }
  // Of all tables together: rises each time that one of them has about doubled.
  std::uint64_t doublings() const { return doublings_; }

 private:
  static constexpr std::uint64_t kSmall = 64;  // rows: a few pages, read in no time by any plan
  std::uint64_t rows_[8] = {};
  std::atomic<std::uint64_t> doublings_{0};
};

}  // namespace belay::runtime
