// Folding a stored saga, and the instance row that people see of it. See saga.h.
#include "runtime/engine/saga.h"

#include <utility>

#include "runtime/base/check.h"
#include "runtime/base/journal_json.h"
#include "runtime/base/state_json.h"

namespace belay::runtime {
namespace {

using interpreter::Entry;
using interpreter::Health;
using interpreter::State;

EntryText text_of(const JournalRow& row) {
  return {.seq = row.seq, .version = row.version, .at = row.at, .actor = row.actor, .kind = row.kind, .body = row.body};
}

}  // namespace

Result<std::unique_ptr<Saga>> fold(LoadedSaga loaded, GraphPtr graph) {
  auto saga = std::make_unique<Saga>();
  State state;
  if (loaded.row.state) {
    Result<State> snapshot = decode_state(*graph, *loaded.row.state);
    if (!snapshot) return fail(snapshot.error());  // kUnsupported: the caller asks for the whole journal
    state = std::move(*snapshot);
    if (state.seq != loaded.row.state_seq) {
      return fail(ErrorCode::kCorrupt, "the snapshot is of entry " + std::to_string(state.seq) + ", its row says " +
                                           std::to_string(loaded.row.state_seq));
    }
    saga->journaled = state.seq;
  }
  for (const JournalRow& row : loaded.journal) {
    if (row.seq <= state.seq) continue;
    if (row.seq != state.seq + 1) {
      return fail(ErrorCode::kCorrupt,
                  "entry " + std::to_string(row.seq) + " follows entry " + std::to_string(state.seq));
    }
    Result<Entry> entry = decode_entry(*graph, text_of(row));
    if (!entry) return fail(entry.error());
    state = interpreter::apply(*graph, std::move(state), *entry);
    BELAY_CHECK(state.seq == row.seq, "apply counts every entry");
  }
  if (state.seq == 0) return fail(ErrorCode::kCorrupt, "the saga has no entries");
  saga->id = loaded.row.id;
  saga->lane = loaded.row.lane;
  saga->graph = std::move(graph);
  saga->state = std::move(state);
  saga->row = std::move(loaded.row);
  saga->row.state.reset();
  saga->stored = true;
  saga->parked = !saga->row.waiting_on.empty();
  return saga;
}

bool refresh_row(Saga& saga) {
  const State& state = saga.state;
  InstanceRow& row = saga.row;
  interpreter::Summary summary = interpreter::summary(*saga.graph, state);
  saga.parked = summary.parked && !state.ended();
  // A parked saga always says what for: the loader tells the running from the parked by it.
  std::string waiting_on;
  if (saga.parked) waiting_on = summary.waiting_on.empty() ? "something" : std::move(summary.waiting_on);
  const char* status = interpreter::name(state.status);
  const char* health = interpreter::name(summary.health);
  const Instant due = state.ended() ? Instant{} : saga.timer_at;
  const bool changed = !saga.stored || row.status != status || row.health != health || row.waiting_on != waiting_on ||
                       row.failure != summary.failure || row.due_at != due;
  if (!changed) return false;
  if (row.health != health || !saga.stored) row.health_since = state.now;
  row.status = status;
  row.health = health;
  row.waiting_on = std::move(waiting_on);
  row.failure = std::move(summary.failure);
  row.due_at = due;
  return true;
}

}  // namespace belay::runtime
