// Clients: each asks for one thing, again and again under the same key until it is answered, and
// believes an answer. See world.h.
#include <algorithm>

#include "tests/sim/world.h"

namespace belay::sim {

using namespace runtime;
using interpreter::Value;

namespace {

constexpr std::int64_t kAgainUs = 1'000'000;
constexpr int kRefusalsMax = 40;  // of an answer to a question that is not open yet

std::string order_name(int order) { return "o" + std::to_string(order); }

}  // namespace

const World::Client* World::start_of(int order) const {
  for (const Client& client : clients_) {
    if (client.ask.kind == AskKind::kStart && client.ask.arg == order) return &client;
  }
  return nullptr;
}

bool World::send_requests() {
  bool any = false;
  for (std::size_t i = 0; i < clients_.size(); ++i) {
    Client& client = clients_[i];
    if (client.answered || client.copies_left == 0 || client.ask.after_flush > flushes_ ||
        client.again_at_us > now_us_)
      continue;
    if (client.ask.kind == AskKind::kJump) {
      client.answered = true;
      now_us_ += client.ask.arg * 1'000'000LL;
      provider_.land(now_us_);
      all_loops();
      any = true;
      continue;
    }
    // What follows a start is asked for by somebody who has its answer. Events may be early only
    // where that counts.
    const bool alone =
        client.ask.kind == AskKind::kStart ||
        (client.ask.kind == AskKind::kEvent && (program_.by_event || program_.name == "early"));
    if (!alone) {
      const Client* start = start_of(client.ask.arg);
      if (start == nullptr || !start->answered || start->refused) continue;
      client.saga = start->saga;
    }
    const bool awake =
        std::any_of(nodes_.begin(), nodes_.end(), [](const Node& node) { return node.awake(); });
    if (!awake) continue;
    send(i);
    any = true;
  }
  return any;
}

void World::send(std::size_t index) {
  Client& client = clients_[index];
  --client.copies_left;
  ++client.under_way;
  client.again_at_us = 0;
  while (!nodes_[client.prefers % nodes_.size()].awake()) ++client.prefers;
  const std::size_t asked = client.prefers;
  SteppedEngine& engine = *nodes_[asked % nodes_.size()].engine;
  note("asks", index);
  if (options_.show)
    std::printf("%9.3f  client asks %s\n", static_cast<double>(now_us_) / 1e6, client.key.c_str());
  const auto act = [&](interpreter::Fact fact) {
    ActRequest request;
    request.tenant = "acme";
    request.saga = client.saga;
    request.fact =
        [fact = std::move(fact)](const interpreter::Graph& graph) -> Result<interpreter::Fact> {
      interpreter::Fact made = fact;
      if (auto* answer = std::get_if<interpreter::AnswerGiven>(&made))
        answer->path = interpreter::parse_path(graph, "approve");
      return made;
    };
    request.request_digest = name(client.ask.kind);
    request.idempotency_key = client.key;
    request.actor = "key:anna";
    request.reason = "they said so";
    engine.act(std::move(request), [this, index, asked](Result<ActReply> reply) {
      if (reply) accepted(clients_[index], clients_[index].saga);
      answered(index, asked, reply);
    });
  };
  switch (client.ask.kind) {
    case AskKind::kStart: {
      StartRequest request;
      request.tenant = "acme";
      request.workflow = program_.name;
      request.input = interpreter::record({{"order", Value::string(order_name(client.ask.arg))}});
      request.idempotency_key = client.key;
      // `once per` needs no key: the second copy comes from somebody else.
      if (program_.name == "once") request.idempotency_key += std::to_string(client.copies_left);
      request.actor = "key:anna";
      return engine.start(std::move(request), [this, index, asked](Result<StartReply> reply) {
        if (reply) accepted(clients_[index], reply->saga);
        answered(index, asked, reply);
      });
    }
    case AskKind::kEvent: {
      PublishRequest request;
      request.tenant = "acme";
      request.type = "pay.arrived";
      request.key = order_name(client.ask.arg);
      request.payload = interpreter::record(
          {{"order", Value::string(request.key)}, {"cents", Value::integer(4990)}});
      request.id = client.key;
      request.source = "api";
      return engine.publish(std::move(request), [this, index, asked](Result<PublishReply> reply) {
        if (reply) accepted(clients_[index], {});
        answered(index, asked, reply);
      });
    }
    case AskKind::kCancel: return act(interpreter::CancelAsked{});
    case AskKind::kPause:
    case AskKind::kResume: {
      interpreter::OperatorActed acted;
      acted.act = client.ask.kind == AskKind::kPause ? interpreter::OperatorAct::kPause
                                                     : interpreter::OperatorAct::kResume;
      return act(acted);
    }
    case AskKind::kAnswer: {
      interpreter::AnswerGiven given;
      given.answer = interpreter::record({{"granted", Value::boolean(true)}});
      return act(given);
    }
    case AskKind::kJump: return;
  }
}

// An answer of 2xx means committed: what was asked for is in the journal by now.
void World::accepted(Client& client, const SagaId& saga) {
  if (over_) return;
  const Auditor::Watch* watch = auditor_.saga(saga);
  const auto recorded = [&](bool yes) {
    if (!yes) bad(checks::kAnswered, client.key + " is answered, and nothing of it is committed");
  };
  switch (client.ask.kind) {
    case AskKind::kStart:
      recorded(watch != nullptr && watch->seq > 0);
      // `once per`: what was undone without a rest may be started again by somebody else.
      if (const Auditor::Watch* first = auditor_.saga(client.saga);
          program_.name == "once" && first != nullptr &&
          first->state.status == interpreter::Status::kCompensated) {
        client.saga = saga;
      }
      if (!client.saga.empty() && client.saga != saga)
        bad(checks::kOnce, client.key + " started saga " + client.saga + " and saga " + saga);
      client.saga = saga;
      break;
    case AskKind::kEvent: recorded(auditor_.has_event(client.key)); break;
    case AskKind::kCancel: recorded(watch != nullptr && watch->cancels > 0); break;
    case AskKind::kPause: recorded(watch != nullptr && watch->pauses > 0); break;
    case AskKind::kResume: recorded(watch != nullptr && watch->resumes > 0); break;
    case AskKind::kAnswer: recorded(watch != nullptr && watch->answers > 0); break;
    case AskKind::kJump: break;
  }
}

template <class Reply>
void World::answered(std::size_t index, std::size_t asked, const Result<Reply>& reply) {
  if (over_) return;
  Client& client = clients_[index];
  --client.under_way;
  note("told", reply ? 1 : static_cast<std::uint64_t>(reply.error().code) + 2);
  if (options_.show) {
    std::printf("%9.3f  client hears of %s: %s\n", static_cast<double>(now_us_) / 1e6,
                client.key.c_str(), reply ? "yes" : to_text(reply.error()).c_str());
  }
  if (reply) {
    if (!client.answered) client.answered_at_us = now_us_;
    client.answered = true;
    client.refused = false;
    return;
  }
  switch (reply.error().code) {
    case ErrorCode::kUnavailable:
    case ErrorCode::kInDoubt:
    case ErrorCode::kFenced:
    case ErrorCode::kOverloaded:
    case ErrorCode::kShuttingDown: {
      client.prefers = asked + 1;
      ++client.copies_left;
      client.again_at_us = now_us_ + kAgainUs;
      return;
    }
    case ErrorCode::kNotAllowedNow:
      if (client.ask.kind == AskKind::kAnswer && ++client.refusals < kRefusalsMax) {
        ++client.copies_left;
        client.again_at_us = now_us_ + kAgainUs;
        return;
      }
      [[fallthrough]];
    default: break;
  }
  // What was recorded once is not refused the second time: its answer is kept.
  const Auditor::Watch* watch = auditor_.saga(client.saga);
  const bool recorded =
      watch != nullptr && ((client.ask.kind == AskKind::kCancel && watch->cancels > 0) ||
                           (client.ask.kind == AskKind::kAnswer && watch->answers > 0));
  if (recorded)
    bad(checks::kOnce,
        client.key + " was recorded, and its repetition is refused: " + to_text(reply.error()));
  const bool may_be_refused =
      client.ask.kind == AskKind::kCancel || client.ask.kind == AskKind::kPause ||
      client.ask.kind == AskKind::kResume || client.ask.kind == AskKind::kAnswer || data_error_;
  if (!may_be_refused) bad(checks::kOnce, client.key + " is refused: " + to_text(reply.error()));
  if (!client.answered)
    client.answered = client.refused = true;  // its other copy may have been taken
}

}  // namespace belay::sim
