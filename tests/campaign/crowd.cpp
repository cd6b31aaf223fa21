// See crowd.h.
#include "tests/campaign/crowd.h"

#include <chrono>

namespace belay::campaign {

using chaos::Fate;
using chaos::Guest;
using nlohmann::json;
using std::chrono::milliseconds;
using test::Reply;
using test::text_at;

namespace {

constexpr int kRooms = 40;
constexpr int kAgain = 200;  // ms

bool has_ended(const json& saga) {
  const std::string status = text_at(saga, "/status");
  return status == "completed" || status == "compensated";
}

}  // namespace

Crowd::Crowd(chaos::Run& run, test::World& world, CrowdOptions options)
    : run_(run), world_(world), options_(options), random_(options.seed) {
  for (int i = 0; i < kRooms; ++i) rooms_.push_back(world.new_booking().resource);
  threads_.emplace_back([this] { run_.play([this] { let_in(); }); });
  for (int i = 0; i < options_.workers; ++i) threads_.emplace_back([this] { work(); });
}

Crowd::~Crowd() {
  close_door();
  while (about_ > 0 && !run_.over) std::this_thread::sleep_for(milliseconds(20));
  ended_ = true;
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Crowd::close_door() { closed_ = true; }

void Crowd::let_in() {
  const auto pause = std::chrono::duration_cast<Clock::duration>(
      std::chrono::duration<double>(1 / options_.per_second));
  auto next = Clock::now();
  for (int number = 0; !closed_ && !run_.over && number < kRooms * chaos::kSlotsOfRoom; ++number) {
    guests_.push_back(
        chaos::draw_guest(world_, rooms_[static_cast<std::size_t>(number / chaos::kSlotsOfRoom)],
                          number % chaos::kSlotsOfRoom, random_));
    const Guest& guest = guests_.back();
    ++about_;
    const json rules = chaos::rules_of(guest);
    if (!rules.empty()) {
      const Reply reply = world_.provider("POST", "/_control/faults/first", rules);
      if (!reply.ok()) throw std::runtime_error("the provider takes no rule: " + reply.text);
    }
    ++arrived_;
    put({.guest = &guest, .stage = Stage::kStarts, .saga = {}, .tries = 0}, 0);
    next = std::max(next + pause,
                    Clock::now() - milliseconds(500));  // what was missed is not made up for
    while (!closed_ && !run_.over && (Clock::now() < next || about_ >= options_.at_once_max))
      std::this_thread::sleep_for(milliseconds(5));
  }
}

void Crowd::put(Visit visit, int after_ms) {
  {
    const std::lock_guard lock(mutex_);
    due_.push({Clock::now() + milliseconds(after_ms), std::move(visit)});
  }
  wake_.notify_one();
}

void Crowd::work() {
  std::unique_lock lock(mutex_);
  while (!ended_ && !run_.over) {
    const auto latest = Clock::now() + milliseconds(100);
    if (due_.empty() || due_.top().at > Clock::now()) {
      wake_.wait_until(lock, due_.empty() ? latest : std::min(latest, due_.top().at));
      continue;
    }
    Visit visit = due_.top().visit;
    due_.pop();
    lock.unlock();
    std::optional<int> next;
    run_.play([&] { next = step(visit); });
    if (next)
      put(std::move(visit), *next);
    else
      --about_;
    lock.lock();
  }
}

std::optional<int> Crowd::step(Visit& visit) {
  switch (visit.stage) {
    case Stage::kStarts:
    case Stage::kStartsAgain: return start(visit);
    case Stage::kWaitsToPay: return look_for_bill(visit);
    case Stage::kThinks: {
      const Fate fate = visit.guest->fate;
      const bool loses =
          fate == Fate::kHoldGone || fate == Fate::kRefundError || fate == Fate::kRefundRefused;
      visit.stage = loses                      ? Stage::kLosesHold
                    : fate == Fate::kNeverPays ? Stage::kCancels
                                               : Stage::kPays;
      return 0;
    }
    case Stage::kLosesHold: return lose_hold(visit);
    case Stage::kPays: return pay(visit);
    case Stage::kCancels: return cancel(visit);
  }
  return std::nullopt;
}

// The same request with the same key until it is answered: then it is a promise. Some click twice.
std::optional<int> Crowd::start(Visit& visit) {
  const Guest& guest = *visit.guest;
  const json body = {{"workflow", "confirm_booking"}, {"input", world_.input_of(guest.booking)}};
  const Reply reply =
      world_.api("POST", "/v1/sagas", body, {"Idempotency-Key: start-" + guest.booking.id});
  if (!reply.ok()) {
    if (reply.status >= 400 && reply.status < 500 && reply.status != 429) {
      run_.problem("a start was refused: " + std::to_string(reply.status) + " " + reply.text);
      return std::nullopt;
    }
    if (visit.tries++ == 0) ++run_.starts_repeated;
    return kAgain;
  }
  const std::string saga = text_at(reply.body, "/id");
  if (!run_.promises.add(guest.booking.id, saga))
    run_.problem("DOUBLED: two sagas were promised for " + guest.booking.id);
  visit.saga = saga;
  visit.tries = 0;
  const bool clicks_twice = visit.stage == Stage::kStarts && guest.booking.price_minor % 3 == 0;
  visit.stage = clicks_twice ? Stage::kStartsAgain : Stage::kWaitsToPay;
  return clicks_twice ? 0 : kAgain;
}

std::optional<int> Crowd::look_for_bill(Visit& visit) {
  const Reply found =
      world_.provider("GET", "/v1/payment_intents?metadata_booking=" + visit.guest->booking.id);
  if (found.ok() && !found.body.at("data").empty()) {
    ++asked_for_money_;
    visit.stage = Stage::kThinks;
    visit.tries = 0;
    return visit.guest->thinks_for_ms;
  }
  if (++visit.tries % 10 == 0 && has_ended(world_.saga(visit.saga))) return std::nullopt;
  return std::min(1000, kAgain + visit.tries * 20);
}

// Somebody sweeps the hold away before the money is taken.
std::optional<int> Crowd::lose_hold(Visit& visit) {
  try {
    world_.sql("UPDATE booking.slot SET state = 'expired' WHERE state = 'held' AND booking = '" +
               visit.guest->booking.id + "'");
  } catch (const std::exception&) {
    return kAgain;
  }
  visit.stage = Stage::kPays;
  return 0;
}

std::optional<int> Crowd::pay(Visit& visit) {
  json body = {{"booking", visit.guest->booking.id}};
  if (visit.guest->fate == Fate::kPaysAnotherSum)
    body["amount"] = visit.guest->booking.price_minor - 1;
  const Reply reply = world_.provider("POST", "/_control/pay_by_metadata", body);
  if (reply.ok() || reply.status == 404) return std::nullopt;  // 404: cancelled meanwhile
  // An intent that is cancelled already says so, for ever.
  if (reply.status >= 400 && reply.status < 500 && ++visit.tries > 5) return std::nullopt;
  return kAgain;
}

// On what is shown, again when it has moved on.
std::optional<int> Crowd::cancel(Visit& visit) {
  const Reply reply = world_.act(visit.saga, "/cancel", {{"reason", "the guest changed her mind"}});
  if (reply.ok() || reply.status == 409) return std::nullopt;
  return kAgain;
}

}  // namespace belay::campaign
