// See asks.h.
#include "runtime/engine/asks.h"

#include <atomic>
#include <utility>

namespace belay::runtime {
namespace {

constexpr auto kAskerWaits = std::chrono::seconds(15);
constexpr std::size_t kBodyMax = 1 << 20;

Failure in_doubt() {
  return {ErrorCode::kInDoubt,
          "the node that holds this lane has not answered; the request may still take effect",
          "look, then ask again with the same Idempotency-Key"};
}

}  // namespace

void Asks::ask(Lane to, std::string body, std::function<void(Result<std::string>)> done) {
  if (body.size() > kBodyMax)
    return done(fail(ErrorCode::kTooLarge, "a request to another node has at most 1 MiB"));
  std::vector<Lane> mine = loop_.lanes().held();
  std::erase_if(mine, [&](Lane lane) { return loop_.database_down(lane); });
  if (to < 0 || static_cast<std::size_t>(to) >= loop_.lanes().count()) {
    return done(fail(ErrorCode::kInvalid, "there is no lane " + std::to_string(to)));
  }
  if (mine.empty() || loop_.stopping() || loop_.database_down()) {
    return done(fail(ErrorCode::kUnavailable,
                     "this node cannot write now: it holds no lane, or the database is away",
                     "try again in a second"));
  }
  const Lane from = loop_.holds(to) ? to : mine[asked_.size() % mine.size()];
  const Slot slot = loop_.slot(from, "ask");
  // The receiver makes the same name of it, however often it comes.
  const std::int64_t number = loop_.lanes().at(from).mail_number + 1;
  const std::string id =
      "lane:" + std::to_string(to) + ":" + std::to_string(from) + ":" + std::to_string(number);
  loop_.send(slot, to, NodeAsks{id, std::move(body), loop_.lanes().me()});
  asked_.emplace(id, Asked{std::move(done), steady_now() + kAskerWaits});
  slot.answer([this, id](const Failure* failure) {
    if (failure == nullptr || failure->code == ErrorCode::kInDoubt) return;
    if (auto asked = asked_.extract(id)) {  // it was never sent
      asked.mapped().done(fail(ErrorCode::kUnavailable, failure->message, "try again in a second"));
    }
  });
}

void Asks::on_request(Engine::RequestHook hook) {
  hook_ = std::move(hook);
  std::vector<Mail> early = std::move(early_);
  early_.clear();
  for (Mail& mail : early) deliver(std::move(mail));
}

void Asks::deliver(Mail mail) {
  if (const auto* answer = std::get_if<NodeAnswers>(&mail.what)) return answered(mail, *answer);
  if (!hook_) {
    early_.push_back(std::move(mail));
    return;
  }
  const auto& request = std::get<NodeAsks>(mail.what);
  const std::string id = request.id, body = request.body;
  // The inbox outlives the loop; once it is closed the task is dropped, so `this` is alive when it
  // runs.
  auto reply = [this, mail = std::move(mail), epoch = loop_.epoch(mail.to), inbox = loop_.inbox(),
                once = std::make_shared<std::atomic<bool>>(false)](std::string answer) {
    if (once->exchange(true)) return;
    inbox->push([this, mail, epoch, answer = std::move(answer)]() mutable {
      if (loop_.epoch(mail.to) != epoch) return;  // who holds the lane now has the request too
      const Slot slot = loop_.slot(mail.to, "answer");
      loop_.consume(slot, mail);
      const auto& asked = std::get<NodeAsks>(mail.what);
      loop_.send(slot, mail.from, NodeAnswers{asked.id, std::move(answer), asked.node});
    });
  };
  hook_(id, body, std::move(reply));
}

void Asks::answered(const Mail& mail, const NodeAnswers& answer) {
  const Slot slot = loop_.slot(mail.to, "answer");
  loop_.consume(slot, mail);
  if (auto asked = asked_.extract(answer.id)) return asked.mapped().done(answer.body);
  // Ours, but given up or of before a restart: of no use any more. Another's, which had this lane
  // when it asked: it may be waiting still.
  if (answer.node.empty() || answer.node == loop_.lanes().me()) return;
  if (const std::optional<Lane> to = loop_.lanes().lane_of(answer.node))
    loop_.send(slot, *to, answer);
}

void Asks::step(SteadyTime now) {
  for (auto it = asked_.begin(); it != asked_.end();) {
    const auto asked = it++;
    if (asked->second.until > now) continue;
    auto node = asked_.extract(asked);
    node.mapped().done(fail(in_doubt()));
  }
}

}  // namespace belay::runtime
