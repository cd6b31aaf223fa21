// A story on a stage where the process may be killed: a workflow, what is asked of it in order, a
// world that remembers keys as a good provider does and keeps its own book, and one flush after
// which everything in memory is gone.
#pragma once
#include <chrono>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/runtime/engine_harness.h"

namespace belay::testing {

// Answers by the item's name: `no_…` is refused, `moody…` refused under its first key, `shaky…`
// fails transiently at its first call, `unsure…` is done but not told so at the first call, `visa`
// is granted at the third look. What an undo meets is said by the name of what it undoes: `sticky…`
// does not come off at the first call.
class CrashWorld {
 public:
  struct Effect {
    std::set<std::string> done, undone;  // keys
    bool operator==(const Effect&) const = default;
    bool stands() const { return !done.empty() && undone.empty(); }
  };
  std::map<std::string, Effect> book() const {
    std::lock_guard lock(mutex_);
    return book_;
  }
  std::vector<std::string> wrongs() const {
    std::lock_guard lock(mutex_);
    return wrongs_;
  }

  ActionOutcome answer(const std::string& action, const ActionCall& call) {
    std::lock_guard lock(mutex_);
    const bool again = ++calls_[call.key] > 1;
    if (action == "unreserve" || action == "refund") return undo(action, call);
    const std::string item = call.args.find("item")->as_string();
    // The logical effect: the same whoever sends it, under whatever generation.
    const std::size_t saga_ends = call.key.find(':');
    const std::string where = call.key.substr(saga_ends + 1, call.key.rfind(':') - saga_ends - 1);
    const std::string what = action + " " + item + " at " + where;
    const auto is = [&](const char* name) { return item.starts_with(name); };
    const bool first = keys_[what].empty() || *keys_[what].begin() == call.key;
    keys_[what].insert(call.key);
    if (action == "look") {
      looks_.insert(call.key);
      return succeeded(is("visa") && looks_.size() >= 3 ? "granted" : "open");
    }
    if (is("no_") || (is("moody") && first)) {
      return failed(interpreter::FailureKind::kBusiness,
                    action == "charge" ? "shop.declined" : "shop.sold_out");
    }
    if (is("shaky") && ++calls_[what] == 1)
      return failed(interpreter::FailureKind::kTransient, "unavailable");
    book_[what].done.insert(call.key);
    if (is("unsure") && !again) return failed(interpreter::FailureKind::kUnsure, "timeout");
    return succeeded(what);
  }

 private:
  ActionOutcome undo(const std::string& action, const ActionCall& call) {
    const std::string what = call.args.find("id")->as_string();
    const std::string undoing = action + " " + what;
    if (what.find("sticky") != std::string::npos && ++calls_[undoing] == 1) {
      return failed(interpreter::FailureKind::kTransient, "unavailable");
    }
    const auto found = book_.find(what);
    if (found == book_.end())
      wrongs_.push_back(undoing + ", which was never done");
    else
      found->second.undone.insert(call.key);
    return succeeded("");
  }

  mutable std::mutex mutex_;
  std::map<std::string, Effect> book_;
  std::map<std::string, std::set<std::string>> keys_;  // of what was asked for
  std::map<std::string, int> calls_;                   // by key, and by what was asked for
  std::set<std::string> looks_;
  std::vector<std::string> wrongs_;
};

// When a process dies, counted since it began.
struct Death {
  int flush = 0;              // the flush that is committed last; 0: it is no flush that it dies of
  bool acknowledged = false;  // its acknowledgement was seen, so what follows it has left and is
                              // lost on its way back
  int call = 0;               // the call that is carried out last, and not heard of; 0: any number
};

class CrashStage {
 public:
  struct Ack {
    std::atomic<bool> answered{false}, unknown{false};
    SagaId saga;
    std::string refused;
  };
  // One request to the engine. It is sent again, the same, unless it was answered.
  struct Move {
    std::string what;
    std::function<bool(CrashStage&)> ready;
    std::function<void(CrashStage&, std::shared_ptr<Ack>)> send;
    std::string alias;  // of the saga that it starts
  };

  // One death a process; the one after them lives.
  CrashStage(std::vector<interpreter::Graph> graphs, std::vector<Death> deaths)
      : deaths_(std::move(deaths)), bench_(std::move(graphs)) {
    deaths_.push_back({});
    for (const char* action : {"reserve", "charge", "look", "tell", "unreserve", "refund"}) {
      bench_.runner.answer(action, [this, name = std::string(action)](const ActionCall& call) {
        if (dead_)
          return failed(interpreter::FailureKind::kUnsure,
                        "it never left");  // and nobody hears this
        ActionOutcome outcome = world_.answer(name, call);
        if (++calls_ >= death().call && death().call > 0) die();
        return outcome;
      });
    }
    // The hook runs before a flush: the one that is committed last is followed by one that is not.
    bench_.store.before_flush([this] {
      const int flush = ++flushes_;
      if (death().flush == 0 || dead_) return;
      if (flush == death().flush && !death().acknowledged) bench_.store.lose_acknowledgements(1);
      if (flush > death().flush) die();
    });
  }
  ~CrashStage() { bench_.store.before_flush({}); }

  void play(const std::vector<Move>& moves) {
    for (const Move& move : moves) {
      until("ready: " + move.what, [&] { return move.ready(*this); });
      while (true) {
        auto ack = std::make_shared<Ack>();
        move.send(*this, ack);
        const int restarts = restarts_;
        until(
            "answered: " + move.what,
            [&] { return ack->answered || ack->unknown || restarts_ != restarts; }, false);
        if (!ack->answered) continue;
        if (!move.alias.empty()) aliases_[move.alias] = ack->saga;
        if (!ack->refused.empty()) refusals_.push_back(move.what + ": " + ack->refused);
        break;
      }
    }
    until("over", [&] { return over(); });
    mortal_ = false;
    if (!dead_) return;
    restart(false);  // it had just died
    until("over", [&] { return over(); });
  }
  void restart(bool mortal = true) {
    bench_.crash();
    bench_.store.lose_acknowledgements(0);
    flushes_ = calls_ = 0;
    ++restarts_;
    dead_ = mortal_ = false;
    bench_.open();
    mortal_ = mortal;
  }
  // As often as it died.
  int restarts() const { return restarts_; }

  bool over() {
    const auto ended = [&] {
      for (const SagaId& id : bench_.store.sagas()) {
        const auto row = bench_.store.instance(id);
        // One that mail has just brought back into a suspect lane is marked for a moment.
        if (!row->ended_at || row->health.starts_with("loading")) return false;
      }
      return true;
    };
    return ended() && bench_.store.counts().mail == 0 && ended();
  }

  // What it was started with, as its first entry begins.
  std::string input_of(const SagaId& id) const {
    const std::string body = bench_.store.journal_of(id).front().body;
    std::size_t end = body.size();
    for (const char* next : {R"(,"parent")", R"(,"queued")", R"(,"drawn")"})
      end = std::min(end, body.find(next));
    return body.substr(0, end);
  }

  // Everything that may not depend on when the process died, a line each.
  std::vector<std::string> outcome() {
    std::vector<std::string> lines;
    for (const SagaId& id : bench_.store.sagas()) {
      const InstanceRow row = *bench_.store.instance(id);
      std::string line = row.workflow + " " + input_of(id) + ": " + row.status + ", " + row.health;
      const auto view = bench_.engine->view("acme", id);
      REQUIRE(view);
      line += ", gives " + interpreter::to_text(view->state.output) + ", because " +
              view->state.because;
      for (const auto& left : interpreter::left_over(*view->graph, view->state)) {
        line += ", left over " + left.what + ": " + left.why;
      }
      if (!row.waiting_on.empty()) line += ", waits on " + row.waiting_on;
      lines.push_back(line);
    }
    for (const EventRow& event : bench_.store.events()) {
      if (event.type == "shop.tick") continue;
      lines.push_back("event " + event.type + " " + event.key +
                      (event.claimed ? ", claimed" : ", unclaimed"));
    }
    for (const auto& [what, effect] : world_.book()) {
      if (effect.stands()) lines.push_back("stands: " + what);
    }
    for (const std::string& refusal : refusals_) lines.push_back("refused " + refusal);
    for (const std::string& wrong : world_.wrongs()) lines.push_back("wrong: " + wrong);
    const MemoryStore::Counts counts = bench_.store.counts();
    lines.push_back("subscriptions " + std::to_string(counts.subscriptions) + ", turns " +
                    std::to_string(counts.turns) + ", questions " +
                    std::to_string(counts.questions) + ", mail " + std::to_string(counts.mail));
    std::sort(lines.begin(), lines.end());
    return lines;
  }

  CrashWorld& world() { return world_; }
  Bench& bench() { return bench_; }
  const SagaId& saga(const std::string& alias) { return aliases_.at(alias); }
  // What is committed of it; empty: not there yet.
  std::optional<InstanceRow> row(const std::string& alias) {
    const auto found = aliases_.find(alias);
    return found == aliases_.end() ? std::nullopt : bench_.store.instance(found->second);
  }

 private:
  const Death& death() const {
    return deaths_[std::min(static_cast<std::size_t>(restarts_.load()), deaths_.size() - 1)];
  }
  void die() {
    if (!mortal_) return;
    bench_.store.set_down(true);
    dead_ = true;
  }
  void until(const std::string& what, const std::function<bool()>& holds, bool time_passes = true) {
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (true) {
      const auto soon = time_passes
                            ? due_soon()
                            : std::nullopt;  // seen before `holds` looks, so that it sees that too
      if (holds()) return;
      if (dead_)
        restart();
      else if (soon)
        pass_to(*soon);
      std::this_thread::sleep_for(std::chrono::microseconds(200));
      if (std::chrono::steady_clock::now() > give_up) fail_with("it never came to be " + what);
    }
  }
  std::optional<InstanceRow> due_soon() {
    const auto now = bench_.store.database_now();  // nothing while it is down
    if (!now || std::chrono::steady_clock::now() < next_pass_) return std::nullopt;
    for (const SagaId& id : bench_.store.sagas()) {
      const InstanceRow row = *bench_.store.instance(id);
      if (!row.ended_at && row.due_at && row.due_at.us < now->us + kSoonUs) return row;
    }
    return std::nullopt;
  }
  // Retries and pauses that end soon end now: the clock is moved, and an event that nobody awaits
  // tells the engine. Sagas that sleep on disk it looks for three times a minute; one that is
  // looked at is there at once.
  void pass_to(const InstanceRow& row) {
    const auto now = bench_.store.database_now();
    if (!now) return;
    if (row.due_at > *now) bench_.store.advance(row.due_at.us - now->us + 1'000);
    PublishRequest tick;
    tick.tenant = "acme";
    tick.type = "shop.tick";
    tick.key = "tick";
    tick.payload = interpreter::record({{"order", Value::string("tick")}});
    tick.source = "api";
    bench_.engine->publish(tick, [](Result<PublishReply>) {});
    bench_.engine->view("acme", row.id, [](Result<SagaView>) {});
    next_pass_ = std::chrono::steady_clock::now() + std::chrono::milliseconds(4);
  }
  void fail_with(const std::string& what) {
    for (const SagaId& id : bench_.store.sagas()) {
      const InstanceRow row = *bench_.store.instance(id);
      UNSCOPED_INFO(row.workflow << " " << row.status << ", " << row.health << ", waits on `"
                                 << row.waiting_on << "`, failure `" << row.failure << "`");
      for (const JournalRow& entry : bench_.store.journal_of(id)) {
        UNSCOPED_INFO("  " << entry.seq << " " << entry.kind << " " << entry.body);
      }
    }
    UNSCOPED_INFO("mail " << bench_.store.counts().mail);
    FAIL(what);
  }

  static constexpr std::int64_t kSoonUs = 600'000'000;

  std::vector<Death> deaths_;
  CrashWorld world_;
  std::atomic<int> flushes_{0}, calls_{0}, restarts_{0};
  std::atomic<bool> dead_{false}, mortal_{true};  // while it opens it may not die
  std::chrono::steady_clock::time_point next_pass_;
  std::map<std::string, SagaId> aliases_;
  std::vector<std::string> refusals_;
  Bench bench_;  // last: its engine ends before the world does
};

}  // namespace belay::testing
