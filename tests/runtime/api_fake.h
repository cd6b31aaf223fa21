// What the API's handlers are tested against: an engine without lanes, database or threads, that
// folds facts with the real interpreter, and a reader over what it wrote down. Tests feed outcomes
// by hand.
#pragma once
#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "dsl/compile.h"
#include "interpreter/interpret.h"
#include "interpreter/view.h"
#include "runtime/api/api.h"
#include "runtime/base/journal_json.h"
#include "runtime/base/json_value.h"
#include "tests/catch.h"

namespace belay::runtime::test {

using namespace interpreter;

// A workflow with everything that the API shows: a private input, a wait, money, an unsure step,
// both undos.
inline const char* kWorkspace = R"(belay 1

event payment.arrived, version 1, key booking
  booking  text
  amount   money

action room.hold "Hold a room"
  reserves
  takes
    booking  text
  gives
    hold  text
  can end in room.taken
  repeating is safe
  plugin room.hold
  undone by room.release
    hold = result.hold

action room.release "Release a room"
  records
  takes
    hold  text
  harmless if nothing was done
  repeating is safe
  plugin room.release

action bank.charge "Charge"
  moves money
  takes
    amount  money
  gives
    charge  text
  repeating is unsafe
  plugin bank.charge
  undone by bank.refund
    charge = result.charge

action bank.refund "Refund"
  moves money
  takes
    charge  text
  repeating is safe
  plugin bank.refund

webhook bank_in, POST "/hooks/bank"
  verified by stripe with secret bank_whsec or secret bank_whsec_old, no older than 5 minutes
  once per body.id
  when body.type is "paid"
    publish payment.arrived, key body.booking
      amount = money(body.currency, body.minor)

webhook bank_two, POST "/hooks/two"
  verified by stripe with secret bank_whsec or secret bank_whsec_old, no older than 5 minutes
  once per body.id
  publish payment.arrived, key body.first
    amount = money(body.currency, body.minor)
  publish payment.arrived, key body.second
    amount = money(body.currency, body.minor)

workflow book "Book a room", version 1
  takes
    booking  text
    email    private email
    seats    int from 1 to 9
    amount   money
  gives
    charge = charge.charge
  once per booking

  step hold "Hold the room"
    do room.hold
      booking = booking
    if room.taken, cancel because "The room is gone"

  wait paid "The customer pays"
    for payment.arrived, key booking
    within 15 minutes, otherwise cancel because "Not paid in time"

  step charge "Take the money"
    do bank.charge
      amount = amount
    if unsure, hand to cashiers

workflow travel "Have a trip approved", version 1
  takes
    traveller  text
  gives
    agreed = approve.agreed
  ask approve "May they travel?" of role manager
    answers
      agreed  bool
      limit   optional int from 1 to 5000
    within 2 days, otherwise cancel because "Nobody answered"
)";

inline dsl::Compilation compiled() {
  dsl::Compilation compilation = dsl::compile_sources({{"book.belay", kWorkspace}});
  INFO(dsl::render_text(compilation.diagnostics, compilation.sources, false));
  REQUIRE(compilation.ok());
  return compilation;
}

class FakeEngine final : public Engine {
 public:
  struct Kept {
    GraphPtr graph;
    State state;
    InstanceRow row;
    std::vector<JournalRow> journal;
    bool erased = false;
  };

  using Engine::act;
  using Engine::migrate;
  using Engine::publish;
  using Engine::start;
  using Engine::view;

  void look_for_mail() override { ++looks; }
  std::atomic<int> looks{0};

  Result<void> install(const Graph& graph) override {
    auto copy = std::make_shared<Graph>(graph);
    copy->index();
    graphs[graph.workflow] = copy;
    return {};
  }
  GraphPtr definition(const std::string& workflow) const override {
    const auto found = graphs.find(workflow);
    return found == graphs.end() ? nullptr : found->second;
  }
  std::vector<GraphPtr> definitions() const override {
    std::vector<GraphPtr> out;
    for (const auto& [name, graph] : graphs) out.push_back(graph);
    return out;
  }
  GraphPtr definition_by_hash(const std::string& hash) override {
    for (const auto& [name, graph] : graphs) {
      if (graph->hash == hash) return graph;
    }
    return nullptr;
  }

  void start(StartRequest request, std::function<void(Result<StartReply>)> done) override {
    if (const auto no = refused("")) return done(fail(*no));
    if (full)
      return done(fail(ErrorCode::kOverloaded, "too many requests of this tenant wait",
                       "try again in a second"));
    if (down)
      return done(
          fail(ErrorCode::kUnavailable, "connection to 10.1.2.3:5432 refused for user belay"));
    const std::string known = request.tenant + "/" + request.idempotency_key;
    if (!request.idempotency_key.empty() && start_keys.contains(known)) {
      return done(StartReply{start_keys[known], false, sagas.at(start_keys[known]).state.seq});
    }
    const SagaId id = "0192f5a0-0000-7000-8000-" +
                      std::string(12 - std::to_string(next_).size(), '0') + std::to_string(next_);
    ++next_;
    Kept& kept = sagas[id];
    kept.graph = definition(request.workflow);
    kept.row.id = id;
    kept.row.tenant = request.tenant;
    kept.row.workflow = request.workflow;
    kept.row.key = "b-1";
    if (!request.idempotency_key.empty()) start_keys[known] = id;
    record(id, Started{request.input}, request.actor, "");
    done(StartReply{id, true, kept.state.seq});
  }

  void act(ActRequest request, std::function<void(Result<ActReply>)> done) override {
    if (const auto no = refused("")) return done(fail(*no));
    const auto found = sagas.find(request.saga);
    if (found == sagas.end() || found->second.row.tenant != request.tenant)
      return done(fail(ErrorCode::kNotFound, "no saga"));
    Kept& kept = found->second;
    if (!request.idempotency_key.empty() && act_keys.contains(request.idempotency_key)) {
      auto& [digest, reply] = act_keys[request.idempotency_key];
      if (digest != request.request_digest)
        return done(fail(ErrorCode::kKeyReused, "used for another act"));
      ActReply again = reply;
      again.repeated = true;
      return done(again);
    }
    if (request.if_match && *request.if_match != kept.state.seq)
      return done(fail(ErrorCode::kStale, "it has moved on"));
    if (kept.row.health == "quarantined") {
      if (!request.take_up_again) return done(fail(ErrorCode::kCorrupt, "the saga is quarantined"));
      ActReply again;
      again.seq = kept.state.seq;
      again.preview.allowed = !unreadable;
      if (unreadable) again.preview.why_not = "it still cannot be read: entry 2";
      if (request.dry_run) return done(again);
      if (unreadable) return done(fail(ErrorCode::kNotAllowedNow, again.preview.why_not));
      OperatorActed resume;
      resume.act = OperatorAct::kResume;
      kept.row.health = "ok";
      record(request.saga, std::move(resume), request.actor, request.reason);
      again.seq = kept.state.seq;
      return done(again);
    }
    Result<Fact> fact = request.fact(*kept.graph);
    if (!fact) return done(fail(fact.error()));
    ActReply reply;
    reply.preview = preview(*kept.graph, kept.state, *fact, request.saga);
    reply.seq = kept.state.seq;
    if (request.dry_run) return done(reply);
    if (!reply.preview.allowed) return done(fail(ErrorCode::kNotAllowedNow, reply.preview.why_not));
    record(request.saga, *fact, request.actor, request.reason);
    reply.seq = kept.state.seq;
    if (!request.idempotency_key.empty())
      act_keys[request.idempotency_key] = {request.request_digest, reply};
    done(reply);
  }

  void migrate(MigrateRequest request, std::function<void(Result<MigrateReply>)> done) override {
    const auto found = sagas.find(request.saga);
    if (found == sagas.end() || found->second.row.tenant != request.tenant)
      return done(fail(ErrorCode::kNotFound, "no saga"));
    Kept& kept = found->second;
    if (request.if_match && *request.if_match != kept.state.seq)
      return done(fail(ErrorCode::kStale, "it has moved on"));
    MigrateReply reply;
    reply.from = kept.graph;
    reply.to = request.to.empty() ? definition(kept.row.workflow) : definition_by_hash(request.to);
    if (reply.to == nullptr) return done(fail(ErrorCode::kNotFound, "no definition"));
    if (reply.to->hash == kept.graph->hash)
      return done(fail(ErrorCode::kNotAllowedNow, "the saga goes by this definition already"));
    std::vector<Entry> journal;
    for (const JournalRow& row : kept.journal) {
      journal.push_back(*decode_entry(
          *kept.graph, {row.seq, row.version, row.at, row.actor, row.kind, row.body}));
    }
    Replayed replayed = replay(*kept.graph, *reply.to, request.saga, journal);
    reply.seq = kept.state.seq;
    reply.verdict = replayed.verdict;
    reply.moved = !request.dry_run && reply.verdict.movable();
    if (reply.moved) {
      const std::string from = kept.graph->hash;
      kept.graph = reply.to;
      kept.state = std::move(replayed.state);
      record(request.saga, Migrated{from, reply.to->hash}, request.actor, request.reason);
      reply.seq = kept.state.seq;
    }
    done(std::move(reply));
  }

  void publish(PublishRequest request, std::function<void(Result<PublishReply>)> done) override {
    if (const auto no = refused(request.key)) return done(fail(*no));
    const bool duplicate =
        !request.id.empty() && !event_ids.insert({request.source + "/" + request.id, 1}).second;
    published.push_back(request);
    done(PublishReply{request.id.empty() ? "made-up" : request.id, duplicate});
  }

  void view(std::string tenant, SagaId saga, std::function<void(Result<SagaView>)> done) override {
    if (const auto no = refused("")) return done(fail(*no));
    const auto found = sagas.find(saga);
    if (found == sagas.end() || found->second.row.tenant != tenant)
      return done(fail(ErrorCode::kNotFound, "no saga"));
    if (found->second.row.health == "quarantined")
      return done(fail(ErrorCode::kCorrupt, "the saga is quarantined"));
    done(SagaView{found->second.graph, found->second.state, found->second.row});
  }

  // ---- Many nodes. Lane 7 stands for all that another node holds.
  LaneHolder holder(Lane lane) const override {
    const std::lock_guard lock(nodes_mutex);
    if (lane == 7 && nobody_for_looks > 0) {
      --nobody_for_looks;
      return {lane, "", "", false};
    }
    return lane == 7 && holder_of_7 ? *holder_of_7 : LaneHolder{lane, "", "", true};
  }
  std::vector<NodeView> nodes() const override { return all_nodes; }
  void mail_request(Lane lane, std::string body,
                    std::function<void(Result<std::string>)> done) override {
    if (mail) return mail(lane, std::move(body), std::move(done));
    Engine::mail_request(lane, std::move(body), std::move(done));
  }
  void on_request(RequestHook hook) override { request_hook = std::move(hook); }
  // The refusal of what is another node's; of an event by its key.
  std::optional<Failure> refused(const std::string& event_key) {
    std::function<void()> then;
    Failure failure{ErrorCode::kFenced, "another node holds lane 7", ""};
    {
      const std::lock_guard lock(nodes_mutex);
      if (stopping) return Failure{ErrorCode::kShuttingDown, "the engine is stopping", ""};
      if (!elsewhere || (!elsewhere_key.empty() && elsewhere_key != event_key)) return std::nullopt;
      then = on_refusal;
    }
    failure.lane = 7;
    if (then) then();
    return failure;
  }
  void set_holder(std::optional<LaneHolder> holder) {
    const std::lock_guard lock(nodes_mutex);
    holder_of_7 = std::move(holder);
  }
  void set_elsewhere(bool is) {
    const std::lock_guard lock(nodes_mutex);
    elsewhere = is;
  }

  EngineStats stats() const override {
    EngineStats stats;
    stats.database_up = why_down.empty();
    stats.database_why = why_down;
    return stats;
  }
  std::string why_down;
  bool ready() const override { return !down; }
  void stop() override {}
  void on_change(std::function<void(const SagaId&, const State&)>) override {}

  // One entry of a saga: the fact, what follows from it, and its row of the journal.
  void record(const SagaId& id, Fact fact, std::string actor = "", std::string reason = "") {
    Kept& kept = sagas.at(id);
    Entry entry;
    entry.seq = kept.state.seq + 1;
    entry.at = {1'763'000'000'000'000 + static_cast<std::int64_t>(entry.seq) * 1'000'000};
    entry.actor = std::move(actor);
    entry.reason = std::move(reason);
    entry.fact = std::move(fact);
    kept.state = apply(*kept.graph, std::move(kept.state), entry);
    Decision decision = decide(*kept.graph, std::move(kept.state), id);
    entry.drawn = decision.drawn;
    kept.state = std::move(decision.state);
    JournalRow row;
    row.id = id;
    row.seq = entry.seq;
    row.kind = kind_name(entry.fact);
    row.actor = entry.actor;
    row.body = entry_body(*kept.graph, entry);
    row.at = entry.at;
    kept.journal.push_back(std::move(row));
  }
  void succeed(const SagaId& id, const char* step, Value result) {
    const Graph& graph = *sagas.at(id).graph;
    record(id, StepSucceeded{parse_path(graph, step), Direction::kForward, 0, std::move(result)});
  }

  std::map<std::string, GraphPtr> graphs;
  std::map<SagaId, Kept> sagas;
  std::map<std::string, SagaId> start_keys;
  std::map<std::string, std::pair<std::string, ActReply>> act_keys;
  std::map<std::string, int> event_ids;
  std::vector<PublishRequest> published;
  mutable std::mutex nodes_mutex;  // of what is below: servers ask on their threads
  bool elsewhere = false, stopping = false;
  std::string elsewhere_key;  // only events of this key are elsewhere
  std::optional<LaneHolder> holder_of_7;
  mutable int nobody_for_looks = 0;  // so often lane 7 is seen held by nobody
  std::function<void()> on_refusal;
  std::vector<NodeView> all_nodes;
  std::function<void(Lane, std::string, std::function<void(Result<std::string>)>)> mail;
  RequestHook request_hook;
  bool unreadable = false;  // what is quarantined cannot be folded
  bool down = false, full = false;

 private:
  int next_ = 1;
};

class FakeReader final : public Reader {
 public:
  explicit FakeReader(FakeEngine& engine) : engine_(engine) {}

  Result<SagaPage> sagas(const SagaFilter& filter) override {
    last_filter = filter;
    SagaPage page;
    for (const auto& [id, kept] : engine_.sagas) {
      if (kept.row.tenant != filter.tenant) continue;
      InstanceRow row = kept.row;
      row.status = name(kept.state.status);
      if (row.health.empty()) row.health = name(summary(*kept.graph, kept.state).health);
      page.rows.push_back(row);
    }
    return page;
  }
  Result<InstanceRow> saga(const std::string& tenant, const SagaId& id) override {
    const auto found = engine_.sagas.find(id);
    if (found == engine_.sagas.end() || found->second.row.tenant != tenant)
      return fail(ErrorCode::kNotFound, "none");
    InstanceRow row = found->second.row;
    row.status = name(found->second.state.status);
    row.seq = found->second.state.seq;
    row.definition = found->second.graph->hash;
    return row;
  }
  Result<HistoryPage> history(const std::string&, const SagaId& id, std::uint64_t after,
                              std::size_t limit) override {
    HistoryPage page;
    for (const JournalRow& row : engine_.sagas.at(id).journal) {
      if (row.seq <= after) continue;
      if (page.rows.size() == limit) {
        page.next_after = page.rows.back().seq;
        break;
      }
      page.rows.push_back(row);
    }
    return page;
  }
  Result<bool> erase(const std::string&, const SagaId& id, const std::string&,
                     const std::string& reason) override {
    erased.push_back(id + ": " + reason);
    engine_.sagas.at(id).erased = true;
    return true;
  }
  Result<EventPage> events(const EventFilter&) override { return EventPage{}; }
  Result<QuestionPage> questions(const QuestionFilter& filter) override {
    QuestionPage page;
    for (const auto& [id, kept] : engine_.sagas) {
      if (kept.row.tenant != filter.tenant) continue;
      for (const AllowedAct& act : allowed_acts(*kept.graph, kept.state)) {
        if (act.act != "answer") continue;
        QuestionPage::Row row;
        row.question.saga = id;
        row.question.path = act.path;
        row.question.role = kept.graph->nodes[parse_path(*kept.graph, act.path).node].role;
        row.question.since = kept.state.now;
        row.workflow = kept.graph->workflow;
        row.definition = kept.graph->hash;
        if (filter.role.empty() || filter.role == row.question.role) page.rows.push_back(row);
      }
    }
    return page;
  }
  Result<std::vector<StatusCount>> counts() override {
    return std::vector<StatusCount>{{"default", "book", "running", "held", 2},
                                    {"other", "book", "running", "held", 3}};
  }
  Result<void> ping() override { return {}; }
  Result<void> add_api_key(const ApiKeyRow& row, const std::string& hash) override {
    keys[hash] = row;
    return {};
  }
  Result<std::optional<ApiKeyRow>> find_api_key(const std::string& hash) override {
    ++key_queries;
    const auto found = keys.find(hash);
    return found == keys.end() ? std::nullopt : std::optional<ApiKeyRow>(found->second);
  }
  Result<std::vector<ApiKeyRow>> api_keys(const std::string&) override {
    return std::vector<ApiKeyRow>{};
  }
  Result<bool> revoke_api_key(const std::string&) override { return false; }
  Result<void> audit(const std::string&, const std::string&, const std::string&,
                     const std::string&) override {
    return {};
  }

  SagaFilter last_filter;
  std::vector<std::string> erased;
  std::map<std::string, ApiKeyRow> keys;
  int key_queries = 0;

 private:
  FakeEngine& engine_;
};

// An API over both, and requests to it in one line.
class Bench {
 public:
  explicit Bench(bool keys_required = false, std::vector<std::string> hosts = {},
                 api::ForwardOptions forward = {})
      : reader(engine) {
    dsl::Compilation compilation = compiled();
    for (const Graph& graph : compilation.program.graphs) REQUIRE(engine.install(graph));
    api::ApiOptions options;
    options.keys_required = keys_required;
    options.hosts = std::move(hosts);
    options.events = compilation.program.events;
    options.webhooks = compilation.program.webhooks;
    options.forward = std::move(forward);
    options.now = [] { return Instant{1'763'000'000'000'000}; };
    api = std::make_unique<api::Api>(engine, reader, secrets, std::move(options));
  }

  // By operation id; holes of the pattern as `params`.
  HttpResponse call(const std::string& route, std::map<std::string, std::string> params,
                    const std::string& body = "",
                    std::multimap<std::string, std::string> query = {}, HttpHeaders headers = {}) {
    for (const api::Route& r : api->routes()) {
      if (r.id != route) continue;
      HttpRequest request;
      request.method = r.method;
      request.path = r.pattern;
      request.params = std::move(params);
      request.query = std::move(query);
      request.headers = std::move(headers);
      if (!body.empty() && request.headers.count(std::string("content-type")) == 0) {
        request.headers.emplace("Content-Type", "application/json");
      }
      request.body = body;
      request.remote_address = "127.0.0.1";
      return api->handle(r, request);
    }
    FAIL("no route " << route);
    return {};
  }

  static Value json(const HttpResponse& response) {
    Result<Value> value = parse_json(response.body, {.bytes_max = 1 << 24, .depth_max = 128});
    INFO(response.body);
    REQUIRE(value);
    return *value;
  }
  static std::string text(const Value& json, std::string_view member) {
    return api::text_field(json, member);
  }
  static std::string code(const HttpResponse& response) { return text(json(response), "code"); }
  static std::string header_of(const HttpResponse& response, const char* name) {
    const auto found = response.headers.find(std::string(name));
    return found == response.headers.end() ? "" : found->second;
  }

  static constexpr const char* kInput =
      R"({"booking":"b-1","email":"ann@example.org","seats":2,"amount":{"currency":"EUR","minor":4990}})";
  std::string start() {
    const HttpResponse response =
        call("startSaga", {}, std::string(R"({"workflow":"book","input":)") + kInput + "}");
    INFO(response.body);
    REQUIRE(response.status == 201);
    return text(json(response), "id");
  }
  // Up to the unsure charge, which waits for a person.
  std::string start_held() {
    const std::string id = start();
    const Graph& graph = *engine.sagas.at(id).graph;
    engine.succeed(id, "hold", record({{"hold", Value::string("h-1")}}));
    engine.record(id, EventTaken{parse_path(graph, "paid"), "evt-1", "payment.arrived",
                                 record({{"booking", Value::string("b-1")},
                                         {"amount", Value::money({4990, {'E', 'U', 'R'}})}})});
    StepFailed lost;
    lost.path = parse_path(graph, "charge");
    lost.kind = FailureKind::kUnsure;
    lost.error = "timeout";
    lost.message = "no answer within 30 seconds";
    engine.record(id, lost);
    return id;
  }

  FakeEngine engine;
  FakeReader reader;
  SecretStore secrets;
  std::unique_ptr<api::Api> api;
};

}  // namespace belay::runtime::test
