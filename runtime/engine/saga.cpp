// Folding a stored saga, and the instance row that people see of it. See saga.h.
#include "runtime/engine/saga.h"

#include <algorithm>
#include <utility>

#include "interpreter/defects.h"
#include "runtime/base/check.h"
#include "runtime/base/journal_json.h"
#include "runtime/base/state_json.h"

namespace belay::runtime {
namespace {

using interpreter::Entry;
using interpreter::Health;
using interpreter::State;

EntryText text_of(const JournalRow& row) {
  return {.seq = row.seq,
          .version = row.version,
          .at = row.at,
          .actor = row.actor,
          .kind = row.kind,
          .body = row.body};
}

}  // namespace

Result<void> open_sealed(LoadedSaga& loaded, const SealPtr& key) {
  const SagaId& id = loaded.row.id;
  if (loaded.row.state && is_sealed_value(*loaded.row.state)) {
    if (!key) return fail(ErrorCode::kCorrupt, "its snapshot is sealed");
    Result<std::string> state =
        open_value(*key, *loaded.row.state, bound_to_state(id, loaded.row.state_seq));
    if (!state) return fail(state.error());
    loaded.row.state = std::move(*state);
  }
  for (JournalRow& row : loaded.journal) {
    if (!key || !is_sealed_body(row.body)) continue;
    Result<std::string> body = open_body(*key, row.body, bound_to_entry(id, row.seq));
    if (!body) return fail(body.error());
    row.body = std::move(*body);
  }
  return {};
}

namespace {

// What went wrong, without what others have said about it: that may hold private values.
std::string failure_without_messages(const interpreter::Graph& graph, State state) {
  for (interpreter::Activity& activity : state.activities) {
    for (interpreter::CallState* call :
         {&activity.forward, &activity.check, &activity.undo, &activity.undo_check}) {
      call->message.clear();
    }
  }
  if (!state.problem.empty()) state.problem = "the outputs could not be worked out";
  if (!state.because.empty()) {
    const bool failed =
        state.because.starts_with('`') && state.because.find("` failed: ") != std::string::npos;
    state.because = failed ? state.because.substr(0, state.because.find(" (")) : "cancelled";
  }
  return interpreter::summary(graph, state).failure;
}

}  // namespace

Result<std::unique_ptr<Saga>> fold(LoadedSaga loaded, GraphPtr graph) {
  auto saga = std::make_unique<Saga>();
  State state;
  if (loaded.row.state) {
    Result<State> snapshot = decode_state(*graph, *loaded.row.state);
    if (!snapshot)
      return fail(snapshot.error());  // kUnsupported: the caller asks for the whole journal
    state = std::move(*snapshot);
    if (state.seq != loaded.row.state_seq) {
      return fail(ErrorCode::kCorrupt, "the snapshot is of entry " + std::to_string(state.seq) +
                                           ", its row says " +
                                           std::to_string(loaded.row.state_seq));
    }
    saga->journaled = state.seq;
    saga->snapshot_bytes = loaded.row.state->size();
  }
  for (const JournalRow& row : loaded.journal) {
    if (row.seq <= state.seq) continue;
    if (row.seq != state.seq + 1) {
      return fail(ErrorCode::kCorrupt, "entry " + std::to_string(row.seq) + " follows entry " +
                                           std::to_string(state.seq));
    }
    Result<Entry> entry = decode_entry(*graph, text_of(row));
    if (!entry) return fail(entry.error());
    state = interpreter::apply(*graph, std::move(state), *entry);
    BELAY_CHECK(state.seq == row.seq, "apply counts every entry");
    saga->journaled_bytes += row.body.size();
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
  saga->questions = open_questions(*saga->graph, saga->state);
  return saga;
}

std::vector<std::string> open_questions(const interpreter::Graph& graph, const State& state) {
  std::vector<std::string> paths;
  if (!graph.asks || state.ended()) return paths;
  for (const interpreter::AllowedAct& act : interpreter::allowed_acts(graph, state)) {
    if (act.act == "answer") paths.push_back(act.path);
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

bool refresh_row(Saga& saga) {
  const State& state = saga.state;
  InstanceRow& row = saga.row;
  interpreter::Summary summary = interpreter::summary(*saga.graph, state);
  saga.parked = (summary.parked || defective(Defect::kParkedAtWork)) && !state.ended();
  if (saga.erased) summary.failure = row.failure;  // as it was when it could be read
  if (saga.seal && !summary.failure.empty())
    summary.failure = failure_without_messages(*saga.graph, state);
  // A parked saga always says what for: the loader tells the running from the parked by it.
  std::string waiting_on;
  if (saga.parked)
    waiting_on = summary.waiting_on.empty() ? "something" : std::move(summary.waiting_on);
  const char* status = interpreter::name(state.status);
  const char* health = interpreter::name(summary.health);
  const Instant due =
      state.ended() || defective(Defect::kDueNotWritten) ? Instant{} : saga.timer_at;
  // A child that had completed is undone with its parent, and ends anew.
  if (row.status != status || row.ended_at == Instant{})
    row.ended_at = state.ended() ? state.now : Instant{};
  const bool changed = !saga.stored || row.status != status || row.health != health ||
                       row.waiting_on != waiting_on || row.failure != summary.failure ||
                       row.due_at != due;
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
