// Batched reads. See loader.h.
#include "runtime/engine/loader.h"

#include <algorithm>
#include <map>
#include <utility>

#include "interpreter/graph_codec.h"
#include "runtime/base/check.h"
#include "runtime/base/environment.h"
#include "runtime/base/journal_json.h"

namespace belay::runtime {
namespace {

// At most so many sagas in one read: a fold of thousands would hold up a view.
constexpr std::size_t kLoadsAtOnce = 200;

}  // namespace

Loader::Loader(Store& store, std::shared_ptr<Inbox> inbox, Graphs& graphs, SealerPtr sealer,
               bool own_thread)
    : store_(store), inbox_(std::move(inbox)), graphs_(graphs), sealer_(std::move(sealer)) {
  if (own_thread) thread_ = std::thread([this] { run_thread(); });
}

Loader::~Loader() { stop(); }

void Loader::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

template <class F>
void Loader::add(F&& change) {
  bool wake = false;
  {
    std::lock_guard lock(mutex_);
    if (stopping_) return;
    wake = work_.empty();
    change(work_);
  }
  if (wake) wake_.notify_one();
}

void Loader::load(Which which, Then<std::shared_ptr<LoadResult>> then) {
  add([&](Work& work) { work.loads.push_back({std::move(which), std::move(then)}); });
}
void Loader::start_keys(std::vector<KeyQuery> keys, Then<std::vector<StartKeyRow>> then) {
  add([&](Work& work) { work.start_keys.push_back({std::move(keys), std::move(then)}); });
}
void Loader::dedup(DedupQuery key, Then<std::optional<DedupRow>> then) {
  add([&](Work& work) { work.dedup.push_back({std::move(key), std::move(then)}); });
}
void Loader::subscribers(TopicQuery topic, Then<std::vector<Subscriber>> then) {
  add([&](Work& work) { work.subscribers.push_back({std::move(topic), std::move(then)}); });
}
void Loader::events(EventsQuery query, Then<std::vector<EventRow>> then) {
  add([&](Work& work) { work.events.push_back({std::move(query), std::move(then)}); });
}
void Loader::run(std::function<void(Store&)> job) {
  add([&](Work& work) { work.jobs.push_back(std::move(job)); });
}
void Loader::turns(KeyQuery name, Then<std::vector<TurnRow>> then) {
  run([this, name = std::move(name), then = std::move(then)](Store& store) {
    answer(then, store.turns({name}));
  });
}
void Loader::graph(std::string hash, Then<GraphPtr> then) {
  run([this, hash = std::move(hash), then = std::move(then)](Store& store) {
    answer(then, graph_of(store, graphs_, hash));
  });
}
void Loader::payload(EventRow event, Then<std::string> then) {
  run([this, event = std::move(event), then = std::move(then)](Store& store) {
    answer(then, open_payload(store, sealer_, event));
  });
}
void Loader::replay(Lane lane, SagaId saga, GraphPtr from, GraphPtr to,
                    Then<std::shared_ptr<ReplayResult>> then) {
  run([this, lane, saga = std::move(saga), from = std::move(from), to = std::move(to),
       then = std::move(then)](Store& store) {
    using Made = Result<std::shared_ptr<ReplayResult>>;
    const auto make = [&]() -> Made {
      auto rows = store.journal(lane, saga);
      if (!rows) return fail(rows.error());
      LoadedSaga loaded;
      loaded.row.lane = lane;
      loaded.row.id = saga;
      loaded.journal = std::move(*rows);
      bool erased = false;
      if (from->holds_private) {
        if (const auto opened = open(loaded, erased); !opened) return fail(opened.error());
      }
      std::vector<interpreter::Entry> journal;
      journal.reserve(loaded.journal.size());
      for (const JournalRow& row : loaded.journal) {
        auto entry =
            decode_entry(*from, {row.seq, row.version, row.at, row.actor, row.kind, row.body});
        if (!entry) return fail(entry.error());
        journal.push_back(std::move(*entry));
      }
      auto result = std::make_shared<ReplayResult>();
      result->from = from;
      result->seq = journal.size();
      result->replayed = interpreter::replay(*from, *to, saga, journal);
      return result;
    };
    answer(then, make());
  });
}
void Loader::due(DueTime time, std::size_t limit, std::vector<Lane> lanes,
                 Then<std::vector<DueSaga>> then) {
  run([this, time, limit, lanes = std::move(lanes), then = std::move(then)](Store& store) {
    answer(then, store.due_sagas(time, limit, lanes));
  });
}

void Loader::suspect(std::vector<Lane> lanes) {
  run([this, lanes = std::move(lanes)](Store&) { suspect_.insert(lanes.begin(), lanes.end()); });
}
void Loader::unsuspect(std::vector<Lane> lanes) {
  run([this, lanes = std::move(lanes)](Store&) {
    for (const Lane lane : lanes) suspect_.erase(lane);
  });
}

void Loader::forgive_crashes(std::string owner, std::vector<Lane> lanes, Then<void> then) {
  run([this, owner = std::move(owner), lanes = std::move(lanes),
       then = std::move(then)](Store& store) {
    Result<void> forgiven = store.forgive_crashes(owner, lanes);
    for (const Lane lane : lanes) {
      if (forgiven) suspect_.erase(lane);
    }
    answer(then, std::move(forgiven));
  });
}

template <class T>
void Loader::answer(Then<T> then, Result<T> result) {
  inbox_->push(
      [then = std::move(then), result = std::move(result)]() mutable { then(std::move(result)); });
}

void Loader::run_thread() {
  while (true) {
    Work work;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] { return stopping_ || !work_.empty(); });
      if (stopping_) return;
      std::swap(work, work_);
    }
    do_work(std::move(work));
  }
}

bool Loader::step() {
  Work work;
  {
    std::lock_guard lock(mutex_);
    if (stopping_ || work_.empty()) return false;
    std::swap(work, work_);
  }
  do_work(std::move(work));
  return true;
}

void Loader::do_work(Work work) {
  for (auto& job : work.jobs) job(store_);
  const auto of_keys = [&](const auto& ask) {
    std::set<std::size_t> cells;
    for (const KeyQuery& key : ask.query)
      cells.insert(std::get<0>(key) == kAnyLane ? store_.cells()
                                                : store_.cell_of(std::get<0>(key)));
    return cells.size() == 1 ? *cells.begin() : store_.cells();
  };
  const auto of_lane = [&](const auto& ask) { return store_.cell_of(std::get<0>(ask.query)); };
  for (auto& some : apart(std::move(work.start_keys), of_keys)) do_start_keys(std::move(some));
  for (auto& some : apart(std::move(work.dedup), of_lane)) do_dedup(std::move(some));
  for (auto& some : apart(std::move(work.subscribers), of_lane)) do_subscribers(std::move(some));
  for (auto& some : apart(std::move(work.events), of_lane)) do_events(std::move(some));
  for (std::size_t done = 0; done < work.loads.size();) {
    std::vector<Ask<Which, std::shared_ptr<LoadResult>>> some;
    for (; done < work.loads.size() && some.size() < kLoadsAtOnce; ++done)
      some.push_back(std::move(work.loads[done]));
    do_loads(std::move(some));
  }
}

template <class A, class CellOf>
std::vector<std::vector<A>> Loader::apart(std::vector<A> asks, CellOf cell_of) const {
  std::vector<std::vector<A>> by_cell;
  if (asks.empty()) return by_cell;
  if (store_.cells() == 1) {
    by_cell.push_back(std::move(asks));
    return by_cell;
  }
  by_cell.resize(store_.cells() + 1);  // the last: of several
  for (A& ask : asks) by_cell[cell_of(ask)].push_back(std::move(ask));
  std::erase_if(by_cell, [](const std::vector<A>& some) { return some.empty(); });
  return by_cell;
}

void Loader::do_start_keys(std::vector<Ask<std::vector<KeyQuery>, std::vector<StartKeyRow>>> asks) {
  std::vector<KeyQuery> all;
  for (const auto& ask : asks) all.insert(all.end(), ask.query.begin(), ask.query.end());
  const auto rows = store_.start_keys(all);
  std::map<KeyQuery, const StartKeyRow*> found;
  if (rows) {
    for (const StartKeyRow& row : *rows) {
      found[{row.lane, row.tenant, row.key}] = &row;
      if (row.key.starts_with('~')) found[{kAnyLane, row.tenant, row.key}] = &row;
    }
  }
  for (auto& ask : asks) {
    Result<std::vector<StartKeyRow>> mine;
    if (!rows) {
      mine = fail(rows.error());
    } else {
      for (const KeyQuery& key : ask.query) {
        if (const auto it = found.find(key); it != found.end()) mine->push_back(*it->second);
      }
    }
    answer(std::move(ask.then), std::move(mine));
  }
}

void Loader::do_dedup(std::vector<Ask<DedupQuery, std::optional<DedupRow>>> asks) {
  std::vector<DedupQuery> all;
  for (const auto& ask : asks) all.push_back(ask.query);
  const auto rows = store_.dedup(all);
  std::map<DedupQuery, const DedupRow*> found;
  if (rows) {
    for (const DedupRow& row : *rows) found[{row.lane, row.tenant, row.scope, row.key}] = &row;
  }
  for (auto& ask : asks) {
    Result<std::optional<DedupRow>> mine;
    if (!rows)
      mine = fail(rows.error());
    else if (const auto it = found.find(ask.query); it != found.end())
      *mine = *it->second;
    answer(std::move(ask.then), std::move(mine));
  }
}

void Loader::do_subscribers(std::vector<Ask<TopicQuery, std::vector<Subscriber>>> asks) {
  std::vector<TopicQuery> all;
  for (const auto& ask : asks) all.push_back(ask.query);
  const auto rows = store_.subscriptions_of(all);
  std::map<TopicQuery, std::vector<const SubscriptionRow*>> found;
  std::vector<std::pair<std::string, SagaId>> sagas;
  for (std::size_t i = 0; rows && i < rows->size(); ++i) {
    const SubscriptionRow& row = (*rows)[i];
    found[{row.lane, row.tenant, row.type, row.key}].push_back(&row);
    sagas.emplace_back(row.tenant, row.saga);
  }
  Result<std::map<SagaId, Lane>> lanes;
  if (!sagas.empty()) lanes = store_.find_sagas(sagas);
  // One that lies in a cell that is away holds up its own topic only.
  const auto lanes_of =
      [&](const std::vector<const SubscriptionRow*>& mine) -> Result<std::map<SagaId, Lane>> {
    if (store_.cells() == 1) return lanes;
    std::vector<std::pair<std::string, SagaId>> few;
    for (const SubscriptionRow* row : mine) few.emplace_back(row->tenant, row->saga);
    return store_.find_sagas(few);
  };
  for (auto& ask : asks) {
    Result<std::vector<Subscriber>> mine;
    if (!rows) mine = fail(rows.error());
    if (const auto it = found.find(ask.query); it != found.end()) {
      const Result<std::map<SagaId, Lane>> few =
          lanes ? Result<std::map<SagaId, Lane>>() : lanes_of(it->second);
      const auto& known = lanes ? lanes : few;
      if (!known) mine = fail(known.error());
      for (std::size_t i = 0; known && i < it->second.size(); ++i) {
        const SubscriptionRow& row = *it->second[i];
        if (const auto lane = known->find(row.saga); lane != known->end())
          mine->push_back({row, lane->second});
      }
    }
    answer(std::move(ask.then), std::move(mine));
  }
}

void Loader::do_events(std::vector<Ask<EventsQuery, std::vector<EventRow>>> asks) {
  std::vector<EventsQuery> all;
  for (const auto& ask : asks) all.push_back(ask.query);
  const auto rows = store_.events_since(all);
  // In order, each once: what one ask brought another one may have brought too, from earlier on.
  std::map<TopicQuery, std::map<std::int64_t, const EventRow*>> found;
  for (std::size_t i = 0; rows && i < rows->size(); ++i) {
    const EventRow& row = (*rows)[i];
    found[{row.lane, row.tenant, row.type, row.key}].emplace(row.eseq, &row);
  }
  for (auto& ask : asks) {
    Result<std::vector<EventRow>> mine;
    if (!rows) mine = fail(rows.error());
    const auto& [lane, tenant, type, key, since] = ask.query;
    if (const auto it = found.find({lane, tenant, type, key}); rows && it != found.end()) {
      for (const auto& [eseq, row] : it->second) {
        if (row->at >= since) mine->push_back(*row);
      }
    }
    answer(std::move(ask.then), std::move(mine));
  }
}

void Loader::do_loads(std::vector<Ask<Which, std::shared_ptr<LoadResult>>> asks) {
  std::map<std::size_t, std::vector<std::pair<Lane, SagaId>>> which;  // by cell
  for (auto& ask : asks) {
    if (!ask.query.lane) {
      const auto found = store_.find_saga(ask.query.tenant, ask.query.saga);
      if (!found) {
        answer<std::shared_ptr<LoadResult>>(std::move(ask.then), fail(found.error()));
        ask.then = nullptr;
        continue;
      }
      if (*found) ask.query.lane = **found;
    }
    if (ask.query.lane)
      which[store_.cell_of(*ask.query.lane)].emplace_back(*ask.query.lane, ask.query.saga);
  }
  std::map<SagaId, LoadedSaga> by_id;
  std::map<SagaId, std::size_t> wanted;  // an act and a quarantine may ask for the same one at once
  for (const auto& ask : asks) {
    if (ask.then) ++wanted[ask.query.saga];
  }
  for (const auto& [cell, some] : which) {
    auto loaded = store_.load_sagas(some);
    if (loaded) {
      for (LoadedSaga& saga : *loaded) by_id.emplace(saga.row.id, std::move(saga));
      continue;
    }
    for (auto& ask : asks) {
      if (!ask.then || !ask.query.lane || store_.cell_of(*ask.query.lane) != cell) continue;
      answer<std::shared_ptr<LoadResult>>(std::move(ask.then), fail(loaded.error()));
      ask.then = nullptr;
    }
  }
  for (auto& ask : asks) {
    if (!ask.then) continue;
    const auto found = by_id.find(ask.query.saga);
    if (found == by_id.end()) {
      answer<std::shared_ptr<LoadResult>>(
          std::move(ask.then),
          fail(ErrorCode::kNotFound, "there is no saga with the id " + ask.query.saga));
    } else {
      const bool last = --wanted[ask.query.saga] == 0;
      LoadedSaga loaded = last ? std::move(found->second) : LoadedSaga(found->second);
      answer<std::shared_ptr<LoadResult>>(std::move(ask.then), make(std::move(loaded), ask.query));
    }
  }
}

Result<std::shared_ptr<LoadResult>> Loader::make(LoadedSaga loaded, const Which& which) {
  auto result = std::make_shared<LoadResult>();
  result->row = loaded.row;
  result->row.state.reset();
  const bool wanted = which.set_aside_too && loaded.row.health == kQuarantined;
  if (loaded.row.health == kQuarantined && !wanted) {
    result->kind = LoadResult::Kind::kSetAside;
    result->why = loaded.row.failure;
    return result;
  }
  if (suspect_.contains(loaded.row.lane) && !which.marked && !wanted) {
    const bool again = loaded.row.health == kLoadingAgain;
    result->kind = again ? LoadResult::Kind::kPoison : LoadResult::Kind::kMarkFirst;
    if (again) result->why = "the process died twice in a row while this saga was taken up";
    return result;
  }
  const auto graph = graph_of(store_, graphs_, loaded.row.definition);
  if (!graph && graph.error().code == ErrorCode::kUnavailable) return fail(graph.error());
  SealPtr seal;
  bool erased = false;
  Result<std::unique_ptr<Saga>> saga =
      graph ? Result<std::unique_ptr<Saga>>() : fail(graph.error());
  if (graph && (*graph)->holds_private) {
    Result<SealPtr> key = open(loaded, erased);
    if (!key && key.error().code == ErrorCode::kUnavailable) return fail(key.error());
    if (key)
      seal = std::move(*key);
    else
      saga = fail(key.error());
  }
  if (saga) saga = fold(loaded, *graph);
  if (!saga && saga.error().code == ErrorCode::kUnsupported && loaded.row.state) {
    // A snapshot of another format. What the store gave may begin after it: then a newer program
    // must read it.
    if (loaded.journal.empty() || loaded.journal.front().seq != 1) return fail(saga.error());
    loaded.row.state.reset();
    saga = fold(std::move(loaded), *graph);
  }
  if (!saga) {
    result->kind = LoadResult::Kind::kUnfoldable;
    result->why = to_text(saga.error());
    return result;
  }
  result->saga = std::move(*saga);
  result->saga->seal = std::move(seal);
  result->saga->erased = erased;
  return result;
}

Result<SealPtr> Loader::open(LoadedSaga& loaded, bool& erased) {
  const auto sealed = [](const JournalRow& row) { return is_sealed_body(row.body); };
  const bool any = (loaded.row.state && is_sealed_value(*loaded.row.state)) ||
                   std::any_of(loaded.journal.begin(), loaded.journal.end(), sealed);
  const Result<std::vector<SagaKeyRow>> rows = store_.saga_keys({{loaded.row.lane, loaded.row.id}});
  if (!rows) return fail(rows.error());
  if (rows->empty()) {
    erased = any;  // else it began before private values were sealed
    return SealPtr();
  }
  if (!sealer_) {
    return fail(ErrorCode::kMisconfigured,
                "its private values are sealed, and there is no seal key",
                "set BELAY_SEAL_KEY or --seal-key-file as it was started under");
  }
  Result<SealPtr> key = sealer_->unwrap(rows->front().wrapped, loaded.row.id);
  if (!key) return fail(key.error());
  const Result<void> opened = open_sealed(loaded, *key);
  if (!opened) return fail(opened.error());
  return key;
}

Result<std::string> Loader::open_payload(Store& store, const SealerPtr& sealer,
                                         const EventRow& event) {
  if (!is_sealed_value(event.payload)) return event.payload;
  if (!sealer)
    return fail(ErrorCode::kMisconfigured, "the payload is sealed, and there is no seal key");
  const std::optional<SealedBy> by = sealed_by(event.payload);
  if (!by) return open_value(sealer->own(), event.payload, bound_to_event(event.id));
  const Result<std::vector<SagaKeyRow>> rows = store.saga_keys({{by->lane, by->saga}});
  if (!rows) return fail(rows.error());
  if (rows->empty())
    return fail(ErrorCode::kNotFound, "the payload was erased with saga " + by->saga);
  const Result<SealPtr> key = sealer->unwrap(rows->front().wrapped, by->saga);
  if (!key) return fail(key.error());
  return open_value(**key, event.payload, bound_to_event(event.id));
}

Result<GraphPtr> Loader::graph_of(Store& store, Graphs& graphs, const std::string& hash) {
  if (GraphPtr known = graphs.by_hash(hash)) return known;
  const Result<std::string> bytes = store.get_definition(hash);
  if (!bytes) return fail(bytes.error());
  auto graph = std::make_shared<interpreter::Graph>();
  std::string error;
  if (!interpreter::decode_graph(*bytes, *graph, error)) {
    return fail(ErrorCode::kCorrupt, "the stored definition " + hash + " cannot be read: " + error);
  }
  graph->environment = &environment();
  return graphs.keep(std::move(graph));
}

}  // namespace belay::runtime
