// The two ports of a node: its store, which is the shared one seen through the model of Postgres,
// and its runner, which leads to the provider. Internal to the world.
#pragma once
#include "tests/sim/world.h"

namespace belay::sim {

class NodeStore final : public runtime::Store {
 public:
  template <class T>
  using Result = runtime::Result<T>;
  using Lane = runtime::Lane;

  NodeStore(World& world, int node, runtime::MemoryStore& store)
      : world_(world), node_(node), store_(store) {}

  runtime::FlushResult flush(const runtime::Flush& flush, std::size_t writer) override;
  Result<std::vector<runtime::ClaimedLane>> claim(const runtime::Claim& claim) override;
  Result<void> release(const std::string& owner,
                       const std::vector<runtime::LaneFence>& lanes) override {
    return ask<void>([&] { return store_.release(owner, lanes); });
  }
  Result<void> release_lanes(const std::string& owner) override {
    return ask<void>([&] { return store_.release_lanes(owner); });
  }
  Result<runtime::Cluster> beat(const runtime::NodeBeat& me) override {
    return ask<runtime::Cluster>([&] { return store_.beat(me); });
  }
  Result<std::vector<SagaId>> running_sagas(Lane lane) override {
    return ask<std::vector<SagaId>>([&] { return store_.running_sagas(lane); });
  }
  Result<std::vector<runtime::LoadedSaga>> load_sagas(
      const std::vector<std::pair<Lane, SagaId>>& which) override {
    return ask<std::vector<runtime::LoadedSaga>>([&] { return store_.load_sagas(which); });
  }
  Result<std::vector<runtime::JournalRow>> journal(Lane lane, const SagaId& saga) override {
    return ask<std::vector<runtime::JournalRow>>([&] { return store_.journal(lane, saga); });
  }
  Result<std::vector<std::pair<Lane, std::int64_t>>> last_events(
      const std::vector<Lane>& lanes) override {
    return ask<std::vector<std::pair<Lane, std::int64_t>>>(
        [&] { return store_.last_events(lanes); });
  }
  Result<std::vector<runtime::DueSaga>> due_sagas(runtime::DueTime time, std::size_t limit,
                                                  const std::vector<Lane>& lanes) override {
    return ask<std::vector<runtime::DueSaga>>([&] { return store_.due_sagas(time, limit, lanes); });
  }
  Result<bool> carry_in(const std::vector<runtime::MailboxRow>& rows, Instant read_at) override {
    return ask<bool>([&] { return store_.carry_in(rows, read_at); });
  }
  Result<void> carried_out(const std::vector<runtime::MailboxRow>& rows) override {
    return ask<void>([&] { return store_.carried_out(rows); });
  }
  Result<void> forget_carried(const std::vector<Lane>& to, const std::vector<Lane>& from) override {
    return ask<void>([&] { return store_.forget_carried(to, from); });
  }
  Result<std::vector<runtime::MailboxRow>> mailbox(const runtime::MailQuery& query) override {
    return ask<std::vector<runtime::MailboxRow>>([&] { return store_.mailbox(query); });
  }
  Result<std::vector<runtime::SubscriptionRow>> subscriptions_of(
      const std::vector<std::tuple<Lane, std::string, std::string, std::string>>& topics) override {
    return ask<std::vector<runtime::SubscriptionRow>>(
        [&] { return store_.subscriptions_of(topics); });
  }
  Result<std::vector<runtime::EventRow>> events_since(
      const std::vector<std::tuple<Lane, std::string, std::string, std::string, Instant>>& topics)
      override {
    return ask<std::vector<runtime::EventRow>>([&] { return store_.events_since(topics); });
  }
  Result<std::vector<runtime::StartKeyRow>> start_keys(
      const std::vector<std::tuple<Lane, std::string, std::string>>& keys) override {
    return ask<std::vector<runtime::StartKeyRow>>([&] { return store_.start_keys(keys); });
  }
  Result<std::vector<runtime::DedupRow>> dedup(
      const std::vector<std::tuple<Lane, std::string, std::string, std::string>>& keys) override {
    return ask<std::vector<runtime::DedupRow>>([&] { return store_.dedup(keys); });
  }
  Result<std::vector<runtime::TurnRow>> turns(
      const std::vector<std::tuple<Lane, std::string, std::string>>& names) override {
    return ask<std::vector<runtime::TurnRow>>([&] { return store_.turns(names); });
  }
  Result<std::vector<runtime::SagaKeyRow>> saga_keys(
      const std::vector<std::pair<Lane, SagaId>>& which) override {
    return ask<std::vector<runtime::SagaKeyRow>>([&] { return store_.saga_keys(which); });
  }
  Result<std::map<SagaId, Lane>> find_sagas(
      const std::vector<std::pair<std::string, SagaId>>& which) override {
    return ask<std::map<SagaId, Lane>>([&] { return store_.find_sagas(which); });
  }
  Result<Instant> database_now(std::size_t) override {
    return ask<Instant>([&] { return store_.database_now(); });
  }
  Result<void> forgive_crashes(const std::string& owner, const std::vector<Lane>& lanes) override {
    return ask<void>([&] { return store_.forgive_crashes(owner, lanes); });
  }
  Result<void> put_definition(const std::string& workflow, std::uint32_t version,
                              const std::string& hash, const std::string& graph) override {
    return ask<void>([&] { return store_.put_definition(workflow, version, hash, graph); });
  }
  Result<std::string> get_definition(const std::string& hash) override {
    return ask<std::string>([&] { return store_.get_definition(hash); });
  }

 private:
  static tl::unexpected<runtime::Failure> no_database() {
    return runtime::fail(runtime::ErrorCode::kUnavailable, "the database does not answer");
  }
  bool down() const;
  template <class T, class F>
  Result<T> ask(F f) {
    if (down()) return no_database();
    return f();
  }

  World& world_;
  const int node_;
  runtime::MemoryStore& store_;
};

class NodeRunner final : public runtime::ActionRunner {
 public:
  NodeRunner(World& world, int node, int life) : world_(world), node_(node), life_(life) {}
  void run(runtime::ActionCall call, std::function<void(runtime::ActionOutcome)> done) override;

 private:
  World& world_;
  const int node_, life_;
};

std::unique_ptr<runtime::Store> make_store(World& world, int node, runtime::MemoryStore& store);
std::unique_ptr<runtime::ActionRunner> make_runner(World& world, int node, int life);

}  // namespace belay::sim
