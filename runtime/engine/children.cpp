// See children.h.
#include "runtime/engine/children.h"

#include <utility>

#include "interpreter/defects.h"
#include "runtime/base/journal_json.h"
#include "runtime/base/limits.h"
#include "runtime/engine/log.h"
#include "runtime/engine/starts.h"

namespace belay::runtime {
namespace {

using interpreter::Direction;
using interpreter::Status;

// Which call of which saga: a child's identity.
std::string key_of(const SagaId& parent, const std::string& path, std::uint32_t generation) {
  return "child:" + parent + ":" + path + ":" + std::to_string(generation);
}

// A child that was sent on: the start key in the lane of its call holds no saga, but the lane that
// it went to.
constexpr std::string_view kNoSaga = "00000000-0000-0000-0000-000000000000";
constexpr std::string_view kSentOn = "lane:";

Lane lane_of_key(const std::string& tenant, const std::string& key) {
  return lane_of(tenant, key, static_cast<std::int32_t>(limits::lanes_default));
}

// How the child stands towards its parent, once it has ended.
ChildEnded ending(const Saga& child) {
  ChildEnded message{child.row.tenant,   child.state.parent, child.state.undo_asked, {}, "",
                     child.state.because};
  if (child.state.status == Status::kCompleted) {
    append_tagged(child.state.output, message.output);
    message.message.clear();
    return message;
  }
  message.end = ChildEnded::End::kUndone;
  for (const interpreter::LeftOver& left : interpreter::left_over(*child.graph, child.state)) {
    message.message =
        (message.end == ChildEnded::End::kUndone ? "left over in saga " + child.id + ": "
                                                 : message.message + ", ") +
        left.what;
    message.end = ChildEnded::End::kLeftOver;
  }
  return message;
}

}  // namespace

std::string Children::closed(bool holds_private, std::string text) const {
  const SealerPtr& sealer = loop_.options().sealer;
  if (!holds_private || !sealer || text.empty()) return text;
  return sealed_value(sealer->own(), text, "mail");
}

Result<std::string> Children::opened(const std::string& text) const {
  if (!is_sealed_value(text)) return text;
  const SealerPtr& sealer = loop_.options().sealer;
  if (!sealer)
    return fail(ErrorCode::kMisconfigured, "a message is sealed, and there is no seal key");
  return open_value(sealer->own(), text, "mail");
}

// ---- The parent's side

void Children::start(const Saga& parent, Slot slot, interpreter::StartChild& command) {
  const std::string path = interpreter::path_text(*parent.graph, command.path);
  RunChild message;
  message.tenant = parent.row.tenant;
  message.key = key_of(parent.id, path, command.generation);
  if (!command.detached) message.parent = {parent.id, path, command.generation, parent.lane};
  message.workflow = std::move(command.workflow);
  message.hash = std::move(command.hash);
  append_tagged(command.input, message.input);
  message.input = closed(parent.graph->holds_private, std::move(message.input));
  message.actor = "saga:" + parent.id;
  const Lane to = lane_of_key(message.tenant, message.key);
  loop_.send(slot, to, std::move(message));
}

void Children::stop(const Saga& parent, Slot slot, interpreter::StopChild& command) {
  const std::string path = interpreter::path_text(*parent.graph, command.path);
  HaltChild message;
  message.tenant = parent.row.tenant;
  message.key = key_of(parent.id, path, command.child_generation);
  message.parent = {parent.id, path, command.generation, parent.lane};
  message.undo = command.direction == Direction::kUndo;
  message.because = closed(parent.graph->holds_private, std::move(command.because));
  const Lane to = lane_of_key(message.tenant, message.key);
  loop_.send(slot, to, std::move(message));
}

void Children::tell(const Mail& mail, const ChildEnded& message) {
  loop_.with_saga(
      {.lane = mail.to, .tenant = {}, .saga = message.parent.saga},
      [this, mail, message](Result<Saga*> found) {
        if (!found) {
          if (found.error().code == ErrorCode::kUnavailable)
            return loop_.later([this, mail] { deliver(mail); });
          if (found.error().code == ErrorCode::kNotFound) drop(mail);
          return;  // quarantined or fenced: the mail stays in the table
        }
        Saga& parent = **found;
        const interpreter::Path path = interpreter::parse_path(*parent.graph, message.parent.path);
        std::uint32_t generation = message.parent.generation;
        for (const interpreter::Activity& activity : parent.state.activities) {
          // A child that is undone answers for the call that waits now: there is but one.
          if (message.undo && activity.path == path) generation = activity.undo.generation;
        }
        const Direction direction = message.undo ? Direction::kUndo : Direction::kForward;
        interpreter::Fact fact = interpreter::StepFailed{
            path,
            direction,
            generation,
            interpreter::FailureKind::kBusiness,
            message.end == ChildEnded::End::kLeftOver ? "left_over" : "cancelled",
            opened(message.message).value_or(""),
            true,
            0};
        if (message.end == ChildEnded::End::kCompleted) {
          const Result<std::string> text = opened(message.output);
          Result<interpreter::Value> output = text ? decode_tagged(*text) : fail(text.error());
          if (!output)
            log_warning("what a child of saga " + parent.id +
                        " gives cannot be read: " + to_text(output.error()));
          if (output)
            fact = interpreter::StepSucceeded{path, direction, generation, std::move(*output)};
        } else if (message.undo && message.end == ChildEnded::End::kUndone) {
          fact = interpreter::StepSucceeded{path, direction, generation, interpreter::record({})};
        }
        if (path.node == interpreter::kNoNode || parent.state.ended())
          return loop_.consume(loop_.slot(parent), mail);
        loop_.consume(loop_.record(parent, std::move(fact)), mail);
      });
}

// ---- The child's side

void Children::ended(const Saga& child, Slot slot) {
  if (defective(Defect::kChildAnswerLost)) return;
  const Lane to = child.state.parent.lane;
  ChildEnded message = ending(child);
  message.output = closed(child.graph->holds_private, std::move(message.output));
  message.message = closed(child.graph->holds_private, std::move(message.message));
  loop_.send(slot, to, std::move(message));
}

void Children::deliver(Mail mail) {
  if (!loop_.holds(mail.to)) return;
  if (const auto* halt_it = std::get_if<HaltChild>(&mail.what)) return halt(mail, *halt_it);
  if (const auto* told = std::get_if<ChildEnded>(&mail.what)) return tell(mail, *told);
  const std::string hash = std::get<RunChild>(mail.what).hash;
  if (GraphPtr known = loop_.graphs().by_hash(hash))
    return run(mail, std::get<RunChild>(mail.what), known);
  fetching_.insert(std::get<RunChild>(mail.what).key);
  loop_.loader().graph(hash, [this, mail = std::move(mail)](Result<GraphPtr> graph) mutable {
    const RunChild& message = std::get<RunChild>(mail.what);
    fetching_.erase(message.key);
    if (graph) return run(mail, message, *graph);
    if (graph.error().code == ErrorCode::kUnavailable)
      return loop_.later([this, mail] { deliver(mail); });
    refuse(mail, message, to_text(graph.error()));
  });
}

void Children::run(const Mail& mail, const RunChild& message, GraphPtr graph) {
  if (!loop_.holds(mail.to)) return;
  const Result<std::string> text = opened(message.input);
  if (!text) return refuse(mail, message, to_text(text.error()));
  Result<interpreter::Value> input = decode_tagged(*text);
  if (!input) return refuse(mail, message, to_text(input.error()));
  StartRequest request;
  request.tenant = message.tenant;
  request.workflow = message.workflow;
  request.input = std::move(*input);
  request.actor = message.actor;
  Result<StartInput> start =
      loop_.starts().prepare_mail(std::move(request), std::move(graph), message.key, mail);
  if (!start) return refuse(mail, message, to_text(start.error()));
  if (start->lane != mail.to) return send_on(mail, message, start->lane);
  start->parent = message.parent;
  start->done = [this, mail](Result<StartReply> reply) {
    if (reply) return;  // the mail went with the start, or below when it is there already
    const auto code = reply.error().code;
    if (code == ErrorCode::kUnavailable || code == ErrorCode::kOverloaded) {
      return loop_.later([this, mail] { deliver(mail); });
    }
    if (code == ErrorCode::kFenced || code == ErrorCode::kShuttingDown ||
        code == ErrorCode::kInDoubt)
      return;
    refuse(mail, std::get<RunChild>(mail.what), to_text(reply.error()));
  };
  loop_.starts().start_mail(std::move(*start));
}

// `once per` or `one at a time` decide its lane. Whoever stops it asks here first: the row says
// where it went.
void Children::send_on(const Mail& mail, const RunChild& message, Lane to) {
  const Slot slot = loop_.slot(mail.to, message.key);
  StartKeyRow where;
  where.lane = mail.to;
  where.tenant = message.tenant;
  where.key = message.key;
  where.saga = kNoSaga;
  where.digest = std::string(kSentOn) + std::to_string(to);
  where.at = loop_.now(mail.to);
  slot.batch->add(slot.owner, std::move(where));
  loop_.consume(slot, mail);
  loop_.send(slot, to, message);
}

// It cannot be started, now or ever: its parent is told that nothing was done.
void Children::refuse(const Mail& mail, const RunChild& message, const std::string& why) {
  if (!loop_.holds(mail.to)) return;
  log_warning("a child saga of " + message.workflow + " was not started: " + why);
  const Slot slot = loop_.slot(mail.to, message.key);
  loop_.consume(slot, mail);
  if (message.parent.saga.empty()) return;
  loop_.send(slot, message.parent.lane,
             ChildEnded{message.tenant, message.parent, false, ChildEnded::End::kUndone, "", why});
}

void Children::drop(const Mail& mail) {
  if (!loop_.holds(mail.to)) return;
  loop_.consume(loop_.slot(mail.to, "children"), mail);
}

void Children::halt(const Mail& mail, const HaltChild& message) {
  if (!message.saga.empty()) return halt_found(mail, message, message.saga, mail.to);
  // Behind the start, if that one is still on its way.
  if (fetching_.contains(message.key)) return loop_.later([this, mail] { deliver(mail); });
  const Gate::Keys gate{"start:" + message.tenant + '\0' + message.key};
  loop_.gate().enter(gate, [this, mail, message, gate] {
    const std::int64_t epoch = loop_.epoch(mail.to);
    loop_.loader().start_keys(
        {{mail.to, message.tenant, message.key}},
        [this, mail, message, gate, epoch](Result<std::vector<StartKeyRow>> rows) {
          loop_.gate().leave(gate);
          if (epoch == 0 || loop_.epoch(mail.to) != epoch)
            return;  // it is in the table for who has the lane
          if (!rows) return loop_.later([this, mail] { deliver(mail); });
          if (rows->empty()) return drop(mail);  // it was never started, and its parent knows
          const StartKeyRow& key = rows->front();
          if (key.saga != kNoSaga) return halt_found(mail, message, key.saga, std::nullopt);
          const Slot slot = loop_.slot(mail.to, message.key);
          loop_.consume(slot, mail);
          loop_.send(slot, static_cast<Lane>(std::stoi(key.digest.substr(kSentOn.size()))),
                     message);
        });
  });
}

void Children::halt_found(const Mail& mail, const HaltChild& message, const SagaId& saga,
                          std::optional<Lane> lane) {
  loop_.with_saga({.lane = lane, .tenant = message.tenant, .saga = saga},
                  [this, mail, message, saga](Result<Saga*> child) {
                    if (child) return halt_saga(**child, mail, message);
                    const Failure& why = child.error();
                    if (why.code == ErrorCode::kUnavailable)
                      return loop_.later([this, mail] { deliver(mail); });
                    if (why.code == ErrorCode::kNotFound) return drop(mail);
                    if (why.code != ErrorCode::kFenced || why.lane < 0 || why.lane == mail.to ||
                        !loop_.holds(mail.to))
                      return;
                    HaltChild there = message;
                    there.saga = saga;
                    const Slot slot = loop_.slot(mail.to, message.key);
                    loop_.consume(slot, mail);
                    loop_.send(slot, why.lane, std::move(there));
                  });
}

void Children::halt_saga(Saga& child, const Mail& mail, const HaltChild& message) {
  const std::string actor = "saga:" + message.parent.saga;
  const std::string because = opened(message.because).value_or("its parent stops it");
  const bool stands =
      child.state.status == Status::kCompleted && (child.state.past_no_return || child.erased);
  if (message.undo && stands) {
    const Slot slot = loop_.slot(child);
    loop_.send(slot, message.parent.lane,
               ChildEnded{child.row.tenant, message.parent, true, ChildEnded::End::kLeftOver, "",
                          "saga " + child.id +
                              (child.erased ? " was erased" : " is past its point of no return")});
    return loop_.consume(slot, mail);
  }
  const bool answers_already = message.undo && child.state.status == Status::kCompensated;
  Slot slot = loop_.slot(child);
  if (message.undo && !child.state.undo_asked && !answers_already) {
    slot = loop_.record(child, interpreter::UndoAsked{}, actor, because);
  } else if (!message.undo && !child.state.ended()) {
    slot = loop_.record(child, interpreter::CancelAsked{}, actor, because);
  } else if (answers_already) {
    ChildEnded again = ending(child);
    again.message = closed(child.graph->holds_private, std::move(again.message));
    again.undo = true;
    again.parent = message.parent;
    loop_.send(slot, message.parent.lane, std::move(again));
  }
  loop_.consume(slot, mail);
}

}  // namespace belay::runtime
