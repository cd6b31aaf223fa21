// The cases `noisy` of load_bench: what a quiet tenant feels while another one floods the engine.
// The quiet one starts a saga of five steps every 20 ms, whatever becomes of those before. It is
// measured alone and beside each load in turn, in one engine, round after round; a figure is the
// median of the rounds, a ratio that of each round's own two figures: machines drift.
#pragma once
#include <condition_variable>
#include <deque>
#include <functional>
#include <thread>
#include <unordered_map>

#include "runtime/base/ids.h"
#include "tests/bench/bench_world.h"
#include "tests/bench/common_work.h"
#include "tests/bench/http_flood.h"

namespace belay::bench {

struct NoisyOptions {
  std::size_t asks = 500;  // of the quiet one in each measurement
  std::size_t rounds = 5;
  bool only_gentle = false;
  runtime::EngineOptions engine;
};

namespace noisy_load {

inline const std::string kOrder(180, 'x');

struct Felt {
  double p50 = 0, p99 = 0, others_per_s = 0, flushes_per_s = 0, flush_ms = 0, rows = 0;
};

// The sagas of a tenant who asks for little, from when each was due to its end.
class Quiet {
 public:
  // `over_http`: a saga may have ended before its caller has heard which one it is.
  Quiet(runtime::Engine& engine, std::size_t asks, bool over_http = false)
      : engine_(engine), asks_(asks), over_http_(over_http) {
    engine_.on_change([this](const runtime::SagaId& saga, const interpreter::State& state) {
      if (!state.ended()) return;
      const std::lock_guard lock(mutex_);
      const auto found = begun_.find(saga);
      if (found == begun_.end()) {
        ++others_;
        if (over_http_) early_.emplace(saga, Clock::now());
        return;
      }
      ended_.add(ms_since(found->second));
      begun_.erase(found);
    });
  }
  ~Quiet() { engine_.on_change({}); }
  Quiet(const Quiet&) = delete;
  Quiet& operator=(const Quiet&) = delete;

  // In this process.
  Felt measure() {
    return measure([this](Clock::time_point begun) {
      engine_.start(start_of("bench_ok", {{"order", Value::string(kOrder)}}, "quiet"),
                    [this, begun](runtime::Result<runtime::StartReply> reply) {
                      if (!reply)
                        give_up("the quiet tenant was refused: " + runtime::to_text(reply.error()));
                      started(reply->saga, begun);
                    });
    });
  }

  // `ask` starts one and tells started(), on any thread.
  Felt measure(const std::function<void(Clock::time_point due)>& ask) {
    const std::size_t before = ended_.size();
    const std::uint64_t others = others_;
    const runtime::EngineStats was = engine_.stats();
    const auto begin = Clock::now();
    for (std::size_t i = 0; i < asks_; ++i) {
      const auto due = begin + i * std::chrono::milliseconds(20);
      std::this_thread::sleep_until(due);
      ask(due);
    }
    const double s = seconds_since(begin);
    const runtime::EngineStats is = engine_.stats();
    const auto flushes = static_cast<double>(is.flushes - was.flushes);
    Felt felt;
    felt.others_per_s = static_cast<double>(others_ - others) / s;
    felt.flushes_per_s = flushes / s;
    felt.rows = static_cast<double>(is.flush_rows - was.flush_rows) / std::max(1.0, flushes);
    felt.flush_ms = (is.flush_ms_avg * static_cast<double>(is.flushes) -
                     was.flush_ms_avg * static_cast<double>(was.flushes)) /
                    std::max(1.0, flushes);
    ended_.wait_for(before + asks_);
    felt.p50 = ended_.quantile(0.5, before);
    felt.p99 = ended_.quantile(0.99, before);
    const std::lock_guard lock(mutex_);
    early_.clear();
    return felt;
  }

  void started(const runtime::SagaId& saga, Clock::time_point begun) {
    const std::lock_guard lock(mutex_);
    const auto early = early_.find(saga);
    if (early == early_.end()) {
      begun_.emplace(saga, begun);
      return;
    }
    ended_.add(std::chrono::duration<double, std::milli>(early->second - begun).count());
    early_.erase(early);
  }

 private:
  runtime::Engine& engine_;
  const std::size_t asks_;
  const bool over_http_;
  std::mutex mutex_;
  std::unordered_map<runtime::SagaId, Clock::time_point> early_;
  std::unordered_map<runtime::SagaId, Clock::time_point> begun_;
  Sample ended_;
  std::atomic<std::uint64_t> others_{0};
};

inline double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// What was felt beside a load in each round, and alone right before it.
class Rounds {
 public:
  void add(const Felt& alone, const Felt& felt, std::size_t refused = 0) {
    alone_.push_back(alone);
    felt_.push_back(felt);
    refused_ += refused;
  }
  void tell(const char* name, const char* load) const {
    const auto of = [](const std::vector<Felt>& all, double Felt::*figure) {
      std::vector<double> values;
      for (const Felt& one : all) values.push_back(one.*figure);
      return median(values);
    };
    std::vector<double> ratios;
    std::string each;
    for (std::size_t i = 0; i < felt_.size(); ++i) {
      ratios.push_back(felt_[i].p99 / alone_[i].p99);
      char text[32];
      std::snprintf(text, sizeof text, "%s%.2f", each.empty() ? "" : ",", ratios.back());
      each += text;
    }
    std::printf(
        "{\"case\":\"%s\",\"beside\":\"%s\",\"alone_p50_ms\":%.2f,\"alone_p99_ms\":%.2f,"
        "\"p50_ms\":%.2f,\"p99_ms\":%.2f,\"p99_ratio\":%.2f,\"p99_ratios\":[%s],"
        "\"others_sagas_per_s\":%.0f,\"flushes_per_s\":%.0f,\"flush_ms\":%.2f,"
        "\"rows_a_flush\":%.1f,\"refused\":%zu}\n",
        name, load, of(alone_, &Felt::p50), of(alone_, &Felt::p99), of(felt_, &Felt::p50),
        of(felt_, &Felt::p99), median(ratios), each.c_str(), of(felt_, &Felt::others_per_s),
        of(felt_, &Felt::flushes_per_s), of(felt_, &Felt::flush_ms), of(felt_, &Felt::rows),
        refused_);
    std::fflush(stdout);
  }

 private:
  std::vector<Felt> alone_, felt_;
  std::size_t refused_ = 0;
};

}  // namespace noisy_load

// In this process:
//   gentle  one tenant has more starts under way at any time than may wait; who is refused comes
//           again after a millisecond
//   flood   the same, but the refused come again at once: their thread burns a core of its own,
//           which says what the machine has left rather than what the engine does
//   polite  three quarters of what the flood gets through, of a hundred tenants that ask one after
//           the other, in an even stream: what the work itself costs, whoever brings it
inline void noisy(const NoisyOptions& options) {
  using noisy_load::Felt;
  using noisy_load::Rounds;
  const Scratch scratch;
  const runtime::PluginRegistry registry = common_plugins();
  const auto service = serve(scratch, kCommonWork, registry, options.engine);
  runtime::Engine& engine = service->engine();
  noisy_load::Quiet quiet(engine, options.asks);

  std::atomic<bool> over{false};
  std::atomic<std::size_t> under_way{0}, refused{0};
  const auto start_other = [&](const std::string& tenant) {
    ++under_way;
    engine.start(start_of("bench_ok", {{"order", Value::string(noisy_load::kOrder)}}, tenant),
                 [&](runtime::Result<runtime::StartReply> reply) {
                   if (!reply) ++refused;
                   --under_way;
                 });
  };
  // `load` runs on a thread of its own until `over`.
  const auto beside = [&](const std::function<void()>& load) {
    over = false;
    refused = 0;
    std::thread thread(load);
    std::this_thread::sleep_for(std::chrono::seconds(2));
    const Felt felt = quiet.measure();
    over = true;
    thread.join();
    while (under_way > 0) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    return felt;
  };
  const auto flood = [&](bool gentle) {
    return [&, gentle] {
      while (!over) {
        const std::size_t before = refused;
        if (under_way < 20'000)
          start_other("noisy");
        else
          std::this_thread::sleep_for(std::chrono::microseconds(200));
        if (gentle && refused > before) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
    };
  };

  (void)quiet.measure();  // plans, caches
  Rounds gentle, spinning, polite;
  for (std::size_t round = 0; round < options.rounds; ++round) {
    // Alone for longer than it takes until the other one counts as gone (engine/shares.cpp).
    std::this_thread::sleep_for(std::chrono::seconds(1));
    const Felt alone = quiet.measure();
    const Felt felt = beside(flood(true));
    gentle.add(alone, felt, refused);
    if (options.only_gentle) continue;
    const Felt spun = beside(flood(false));
    spinning.add(alone, spun, refused);
    const double rate = std::max(1.0, 0.75 * felt.others_per_s);
    polite.add(alone, beside([&] {
                 const auto begin = Clock::now();
                 for (std::size_t i = 0; !over; ++i) {
                   start_other("polite " + std::to_string(i % 100));
                   std::this_thread::sleep_until(
                       begin + std::chrono::duration_cast<Clock::duration>(
                                   std::chrono::duration<double>(static_cast<double>(i) / rate)));
                 }
               }));
  }
  gentle.tell("noisy", "gentle");
  if (options.only_gentle) return;
  spinning.tell("noisy", "flood");
  polite.tell("noisy", "polite");
}

// The same over HTTP, both tenants with keys of their own; the flood comes from another process:
//   patient     16 connections that wait as long as a refusal says (Retry-After)
//   pressing    16 connections that do not
//   many        256 connections that do not: more than the server has threads, so that the quiet
//               one's connections wait for one of those too
inline void noisy_http(const NoisyOptions& options) {
  using noisy_load::Felt;
  using noisy_load::Rounds;
  const Scratch scratch;
  const runtime::PluginRegistry registry = common_plugins();
  const auto service = serve(scratch, kCommonWork, registry, options.engine, true, 1, true);
  const std::string& url = service->url();
  const int port = std::atoi(url.substr(url.rfind(':') + 1).c_str());
  const auto key_of = [&](const std::string& tenant) {
    const std::string key = runtime::api::make_api_key();
    runtime::ApiKeyRow row;
    row.id = "key_" + tenant;
    row.tenant = row.name = tenant;
    row.role = "operator";
    row.created_at = {1};
    if (!service->reader().add_api_key(row, runtime::sha256_hex(key))) give_up("no key was made");
    return key;
  };
  const std::string quiet_key = key_of("quiet"), noisy_key = key_of("noisy");

  noisy_load::Quiet quiet(service->engine(), options.asks, true);
  // A few connections, each on a thread of its own; what waits for one waits since it was due.
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Clock::time_point> due;
  std::atomic<std::size_t> asked{0}, again{0};
  bool over = false;
  std::vector<std::thread> callers;
  for (int i = 0; i < 8; ++i) {
    callers.emplace_back([&] {
      ApiClient client(port, quiet_key);
      while (true) {
        Clock::time_point begun;
        {
          std::unique_lock lock(mutex);
          changed.wait(lock, [&] { return over || !due.empty(); });
          if (due.empty()) return;
          begun = due.front();
          due.pop_front();
        }
        const std::string key = "quiet-" + std::to_string(++asked);
        while (true) {
          const ApiClient::Answer answer = client.start("bench_ok", noisy_load::kOrder, key);
          const std::size_t id = answer.body.find("\"id\":\"");
          if (answer.status / 100 == 2 && id != std::string::npos) {
            quiet.started(answer.body.substr(id + 6, 36), begun);
            break;
          }
          if (answer.status / 100 == 4 && answer.status != 429) give_up(answer.body);
          ++again;  // the time until it has its way counts
          std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
      }
    });
  }
  const auto measure = [&] {
    return quiet.measure([&](Clock::time_point at) {
      {
        const std::lock_guard lock(mutex);
        due.push_back(at);
      }
      changed.notify_one();
    });
  };
  const auto beside = [&](Rounds& rounds, const Felt& alone, int connections, bool patient) {
    HttpFlood flood(port, noisy_key, connections, patient);
    std::this_thread::sleep_for(std::chrono::seconds(2));
    const Felt felt = measure();
    const HttpFlood::Told told = flood.stop();
    rounds.add(alone, felt, told.refused + told.failed);
  };

  (void)measure();
  Rounds patient, pressing, many;
  for (std::size_t round = 0; round < options.rounds; ++round) {
    std::this_thread::sleep_for(std::chrono::seconds(1));
    const Felt alone = measure();
    beside(patient, alone, 16, true);
    if (options.only_gentle) continue;
    beside(pressing, alone, 16, false);
    beside(many, alone, 256, false);
  }
  patient.tell("noisy_http", "patient");
  if (!options.only_gentle) {
    pressing.tell("noisy_http", "pressing");
    many.tell("noisy_http", "many");
    std::printf("{\"case\":\"noisy_http\",\"quiet_asked_again\":%zu}\n", again.load());
  }
  {
    const std::lock_guard lock(mutex);
    over = true;
  }
  changed.notify_all();
  for (std::thread& caller : callers) caller.join();
}

}  // namespace belay::bench
