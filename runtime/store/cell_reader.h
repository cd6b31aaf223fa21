// The reader over several cells: lists merged in the order that each promises, with the same
// cursors, which all hold the place in that order and nothing of a cell. A list is whole or an
// error: a page without the rows of a cell that is away would look like all there is. What is asked
// for by id is looked for in each cell. API keys and the audit lie in the first cell. Tested in
// tests/postgres/cells_test.cpp.
#pragma once
#include <memory>
#include <vector>

#include "runtime/store/reader.h"

namespace belay::runtime {

// REQUIRES: the cells in their order, at least one.
std::unique_ptr<Reader> join_readers(std::vector<std::unique_ptr<Reader>> cells);

// The reader of these databases: one as Reader::open() gives it, several joined. They are settled
// (cells.h).
Result<std::unique_ptr<Reader>> open_readers(const std::vector<PostgresOptions>& databases,
                                             std::size_t connections = 4);

}  // namespace belay::runtime
