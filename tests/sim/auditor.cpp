// Books about what is committed. See auditor.h.
#include "tests/sim/auditor.h"

#include <algorithm>

#include "interpreter/view.h"
#include "runtime/base/journal_json.h"
#include "runtime/base/json_value.h"

namespace belay::sim {
namespace {

using namespace interpreter;
using runtime::FlushResult;

std::uint64_t mixed(std::uint64_t hash, std::string_view text) {
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return hash;
}

template <class T>
std::string seq_text(const SagaId& id, T seq) {
  return "saga " + id + ", entry " + std::to_string(seq);
}

}  // namespace

void Auditor::claimed(int node, const std::vector<runtime::ClaimedLane>& lanes) {
  for (const runtime::ClaimedLane& lane : lanes) {
    LaneBook& book = lanes_[static_cast<std::size_t>(lane.lane)];
    if (lane.epoch <= book.epoch)
      bad(checks::kFence,
          "lane " + std::to_string(lane.lane) + " is claimed under an epoch that was used before");
    if (lane.head != book.head)
      bad(checks::kFence,
          "lane " + std::to_string(lane.lane) + " is claimed at another head than was written");
    book = {lane.epoch, lane.head, node};
  }
}

int Auditor::holder(Lane lane) const { return lanes_[static_cast<std::size_t>(lane)].holder; }

bool Auditor::has(const runtime::Flush& flush) const {
  return std::any_of(flush.lanes.begin(), flush.lanes.end(), [&](const runtime::LaneFence& fence) {
    const LaneBook& book = lanes_[static_cast<std::size_t>(fence.lane)];
    return book.epoch == fence.epoch && book.head == fence.head + 1;
  });
}

void Auditor::flushed(int node, const runtime::Flush& flush, const FlushResult& result,
                      Instant now) {
  if (result.kind == FlushResult::Kind::kDataError || result.kind == FlushResult::Kind::kDown)
    return;
  std::set<Lane> written;
  for (const runtime::LaneFence& fence : flush.lanes) {
    LaneBook& book = lanes_[static_cast<std::size_t>(fence.lane)];
    const bool ours = book.epoch == fence.epoch;
    const bool moves = ours && book.head == fence.head;
    const bool landed = ours && book.head == fence.head + 1;
    const bool refused =
        std::find(result.fenced.begin(), result.fenced.end(), fence.lane) != result.fenced.end();
    if (!moves && !landed && !refused) {
      bad(checks::kFence, "node " + std::to_string(node) + " writes lane " +
                              std::to_string(fence.lane) + " under epoch " +
                              std::to_string(fence.epoch) + ", which is at " +
                              std::to_string(book.epoch));
    }
    if ((moves || landed) && refused) bad(checks::kFence, "the lane's owner is fenced");
    if (!moves || refused) continue;
    ++book.head;
    written.insert(fence.lane);
  }
  if (written.empty()) return;
  for (const runtime::InstanceRow& row : flush.instances) {
    if (!written.contains(row.lane)) continue;
    Watch& watch = sagas_[row.id];
    watch.row = row;
    for (const auto& graph : program_.graphs) {
      if (graph->hash != row.definition || watch.graph != nullptr) continue;
      watch.graph = graph.get();
      watch.boundary = mixed(watch.boundary, row.definition);
    }
  }
  for (const runtime::JournalRow& row : flush.journal) {
    if (written.contains(row.lane)) entry(row, now);
    if (violation_) return;
  }
  for (const runtime::EventRow& row : flush.events) {
    if (!written.contains(row.lane)) continue;
    if (++events_[row.id] > 1) bad(checks::kOnce, "event " + row.id + " is published twice");
  }
  for (const runtime::JournalRow& row : flush.journal) {
    if (written.contains(row.lane)) boundaries_.push_back(sagas_[row.id].boundary);
  }
}

void Auditor::entry(const runtime::JournalRow& row, Instant now) {
  Watch& watch = sagas_[row.id];
  if (row.seq != watch.seq + 1)
    return bad(checks::kGaps,
               seq_text(row.id, row.seq) + " follows entry " + std::to_string(watch.seq));
  if (row.at < watch.at || row.at > now) {
    bad(checks::kClock, seq_text(row.id, row.seq) + " is of " + std::to_string(row.at.us) +
                            "; the one before is of " + std::to_string(watch.at.us) +
                            ", now it is " + std::to_string(now.us));
  }
  watch.boundary = mixed(mixed(watch.boundary, row.kind), std::to_string(row.body.size()));
  if (watch.graph == nullptr)
    return bad(checks::kStored, "saga " + row.id + " has entries and no row");
  auto decoded = runtime::decode_entry(
      *watch.graph, {row.seq, row.version, row.at, row.actor, row.kind, row.body});
  if (!decoded)
    return bad(checks::kFold,
               seq_text(row.id, row.seq) + " cannot be read: " + to_text(decoded.error()));
  Book& book = books_[row.id];
  if (prove_) {
    Entry bare = *decoded;
    bare.drawn.clear();
    const Decision again = decide(*watch.graph, apply(*watch.graph, watch.state, bare), row.id);
    if (!(again.drawn == decoded->drawn)) bad(checks::kReplay, seq_text(row.id, row.seq));
  }
  fact(row.id, watch, book, *decoded);
  watch.seq = row.seq;
  watch.at = row.at;
  watch.state = apply(*watch.graph, std::move(watch.state), *decoded);
  for (const Drawn& one : decoded->drawn) drawn(row.id, watch, book, one);
}

void Auditor::fact(const SagaId& id, Watch& watch, Book& book, const Entry& entry) {
  const std::string where = seq_text(id, entry.seq);
  if (const auto* started = std::get_if<Started>(&entry.fact)) {
    watch.input = runtime::to_json(started->input);
  } else if (const auto* ok = std::get_if<StepSucceeded>(&entry.fact)) {
    if (!book.succeeded.emplace(ok->path, ok->direction, ok->generation).second)
      bad(checks::kOneOutcome, where);
    book.calls[{ok->path, ok->direction}].unsure = false;
  } else if (const auto* failed = std::get_if<StepFailed>(&entry.fact)) {
    CallBook& call = book.calls[{failed->path, failed->direction}];
    watch.failed = true;
    if (failed->generation != call.generation) return;
    if (failed->kind == FailureKind::kUnsure) call.unsure = true;
    if (failed->kind == FailureKind::kBusiness && failed->error != "refused") call.unsure = false;
  } else if (const auto* timer = std::get_if<TimerFired>(&entry.fact)) {
    const auto armed = book.armed.find({timer->path, timer->purpose, timer->direction});
    if (armed == book.armed.end())
      return bad(checks::kTimers, where + " fires a timer that does not run");
    if (entry.at < armed->second)
      bad(checks::kTimers,
          where + " fires " + std::to_string(armed->second.us - entry.at.us) + " us early");
    book.armed.erase(armed);
    if (timer->purpose != TimerPurpose::kPause) watch.failed = true;
    const bool in_time = watch.passed || watch.state.status != Status::kRunning;
    if (timer->purpose == TimerPurpose::kDeadline && !in_time) watch.must_compensate = true;
  } else if (const auto* event = std::get_if<EventTaken>(&entry.fact)) {
    if (std::find(watch.took.begin(), watch.took.end(), event->event_id) != watch.took.end()) {
      bad(checks::kEvents, where + " takes event " + event->event_id + " again");
    }
    watch.took.push_back(event->event_id);
  } else if (std::holds_alternative<CancelAsked>(entry.fact)) {
    ++watch.cancels;
    if (!watch.passed && watch.state.status == Status::kRunning) watch.must_compensate = true;
  } else if (const auto* act = std::get_if<OperatorActed>(&entry.fact)) {
    if (act->act == OperatorAct::kPause) ++watch.pauses;
    if (act->act == OperatorAct::kResume) ++watch.resumes;
    book.calls[{act->path, act->direction}].unsure = false;
  } else if (std::holds_alternative<AnswerGiven>(entry.fact)) {
    ++watch.answers;
  }
}

void Auditor::drawn(const SagaId& id, Watch& watch, Book& book, const Drawn& drawn) {
  const std::string where = seq_text(id, watch.seq);
  const auto arm = [&](const Path& path, TimerPurpose purpose, Direction direction, Instant at) {
    if (at) book.armed[{path, purpose, direction}] = at;
  };
  if (const auto* sent = std::get_if<Sent>(&drawn)) {
    watch.intents.insert(sent->key.empty() ? effect_key(id, *watch.graph, sent->path,
                                                        sent->direction, sent->generation)
                                           : sent->key);
    if (watch.state.paused) bad(checks::kPaused, where);
    CallBook& call = book.calls[{sent->path, sent->direction}];
    const bool main = sent->direction == Direction::kForward || sent->direction == Direction::kUndo;
    if (main && call.sent && call.unsure && sent->generation != call.generation) {
      bad(checks::kUnsureKey,
          where + " sends " + path_text(*watch.graph, sent->path) + " under a new key");
    }
    if (sent->direction == Direction::kForward && watch.cancelling && !call.sent) {
      bad(checks::kNothingNew, where + " begins " + path_text(*watch.graph, sent->path));
    }
    if (call.generation != sent->generation) call.unsure = false;
    call.generation = sent->generation;
    call.sent = true;
  } else if (const auto* retry = std::get_if<RetryAt>(&drawn)) {
    arm(retry->path, TimerPurpose::kRetry, retry->direction, retry->at);
  } else if (const auto* settled = std::get_if<Settled>(&drawn)) {
    book.calls[{settled->path, settled->direction}].unsure = false;
  } else if (const auto* waiting = std::get_if<Waiting>(&drawn)) {
    arm(waiting->path, TimerPurpose::kLimit, {}, waiting->until);
  } else if (const auto* asked = std::get_if<Asked>(&drawn)) {
    arm(asked->path, TimerPurpose::kLimit, {}, asked->until);
  } else if (const auto* paused = std::get_if<PausedUntil>(&drawn)) {
    arm(paused->path, TimerPurpose::kPause, {}, paused->until);
  } else if (const auto* deadline = std::get_if<DeadlineAt>(&drawn)) {
    arm({}, TimerPurpose::kDeadline, {}, deadline->at);
  } else if (std::holds_alternative<Passed>(drawn)) {
    if (watch.cancelling)
      bad(checks::kTurnBack, where + " passes the point of no return while everything is undone");
    watch.passed = true;
  } else if (std::holds_alternative<Cancelling>(drawn)) {
    if (watch.passed) bad(checks::kTurnBack, where + " undoes what is past its point of no return");
    watch.cancelling = true;
  } else if (std::holds_alternative<Held>(drawn)) {
    if (!watch.failed) bad(checks::kEnds, where + " is held, and nothing has failed");
  } else if (const auto* ended = std::get_if<Ended>(&drawn)) {
    if (ended->status == Status::kCompleted && watch.must_compensate)
      bad(checks::kTurnBack, where + " completes although a cancel was taken");
    if (ended->status == Status::kCompensated && watch.passed)
      bad(checks::kTurnBack, where + " is undone past its point of no return");
  }
}

void Auditor::sends(int node, const std::string& saga, Lane lane, const std::string& key) {
  const Watch* watch = this->saga(saga);
  if (watch == nullptr || !watch->intents.contains(key)) {
    return bad(checks::kIntent, "key " + key + " leaves, and no entry says so");
  }
  if (holder(lane) != node) {
    bad(checks::kHolder, "node " + std::to_string(node) + " sends " + key + " although node " +
                             std::to_string(holder(lane)) + " holds lane " + std::to_string(lane));
  }
}

void Auditor::told(const SagaId& id, const State& state) {
  const Watch* watch = saga(id);
  if (watch == nullptr || state.seq > watch->seq)
    return bad(checks::kAnswered, "a change of saga " + id + " is told before it is committed");
  if (state.seq == watch->seq && !(state == watch->state))
    bad(checks::kFold, seq_text(id, state.seq) + " is something else in memory");
}

const Auditor::Watch* Auditor::saga(const SagaId& id) const {
  const auto found = sagas_.find(id);
  return found == sagas_.end() ? nullptr : &found->second;
}

void Auditor::compare(const runtime::MemoryStore& store) {
  const std::vector<SagaId> stored = store.sagas();
  if (stored.size() != sagas_.size())
    bad(checks::kStored, "other sagas are stored than were committed");
  for (const auto& [id, watch] : sagas_) {
    const auto row = store.instance(id);
    if (!row) return bad(checks::kStored, "saga " + id + " is gone");
    const auto journal = store.journal_of(id);
    if (journal.size() != watch.seq)
      return bad(checks::kStored, "saga " + id + " has other entries than were committed");
    if (row->status != watch.row.status || row->health != watch.row.health ||
        row->due_at != watch.row.due_at) {
      return bad(checks::kStored, "the row of saga " + id + " is not what was committed");
    }
    if (row->status != interpreter::name(watch.state.status)) {
      return bad(checks::kFold, "the row of saga " + id + " says " + row->status +
                                    ", its journal " + interpreter::name(watch.state.status));
    }
  }
}

}  // namespace belay::sim
