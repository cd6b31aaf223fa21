// Cells: the lanes of one deployment spread over several databases, which know nothing of each
// other. Nothing but mail goes from lane to lane, so there is no transaction over two of them: a
// flush writes to one, and each writer connection of each has lanes of its own.
//
//   lanes  0 … 15 ─▶ cell 0 ─ writers 0, 1      cell of a lane:    lane * cells / 32, for ever
//   lanes 16 … 31 ─▶ cell 1 ─ writers 2, 3      writer in a cell:  lane % writers, of each process
//   as it likes
//
// Mail to a lane of another cell is written where its sender lies, by the sender's flush. Who reads
// the receiver's mailbox carries it over first: one transaction there notes that the message was
// seen and puts it into the mailbox if it was not; then it is deleted where it came from. A death
// in between leaves it in both, and the next carrier finds it seen. Since seen messages are
// forgotten some time, a carrier that was frozen must not bring one back: what was read a minute
// ago is not taken (the receiver's database says so, by its own clock), seen messages are
// remembered for an hour, and longer as long as the sender's database may still hold them.
//
// A cell that does not answer fails what needs it, at once for a second after it failed, and
// nothing else. Definitions lie in all cells; keys of the API and the audit in the first. Tested in
// tests/runtime/engine_cells_test.cpp and tests/postgres/cells_test.cpp.
#pragma once
#include <memory>
#include <vector>

#include "runtime/base/limits.h"
#include "runtime/store/postgres_store.h"
#include "runtime/store/store.h"

namespace belay::runtime {

inline constexpr std::size_t kCellsMax = 8;
inline constexpr std::size_t kWritersMax = 8;

inline std::size_t cell_of_lane(Lane lane, std::size_t cells) {
  return static_cast<std::size_t>(lane) * cells / limits::lanes_default;
}

// `stores`: by cell, those that write to it; all of a cell are the same database, and the first
// also reads, claims and beats. REQUIRES: as many for each cell, at least one.
std::unique_ptr<Store> join_cells(std::vector<std::vector<std::shared_ptr<Store>>> stores);

// The databases of one deployment in their order, with so many connections each that flush. Refuses
// what open_postgres_store() refuses, and what settle_cells() does.
Result<std::unique_ptr<Store>> open_cells(const std::vector<PostgresOptions>& databases,
                                          std::size_t writers = 1);

// Makes fresh databases the cells of one deployment, or sees that they are, in this order:
// kMisconfigured when one says otherwise, when sagas live in one that never was a cell, when one is
// missing (a cell is opened alone, or one is empty and others are not). They are migrated. Safe to
// run from several processes at once.
Result<void> settle_cells(const std::vector<PostgresOptions>& databases);

// Options for a database that is not the only one: others wait while it does not answer.
PostgresOptions impatient(PostgresOptions options);

}  // namespace belay::runtime
