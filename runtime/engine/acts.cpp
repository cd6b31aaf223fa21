// See acts.h.
#include "runtime/engine/acts.h"

#include <utility>

#include "runtime/base/json_value.h"

namespace belay::runtime {
namespace {

using interpreter::Preview;
using interpreter::Value;

Value texts(const std::vector<std::string>& list) {
  interpreter::List values;
  for (const std::string& text : list) values.push_back(Value::string(text));
  return Value::list(std::move(values));
}

std::vector<std::string> texts(const Value& answer, std::string_view name) {
  std::vector<std::string> list;
  const Value* values = answer.find(name);
  if (values == nullptr || values->kind() != Value::Kind::kList) return list;
  for (const Value& value : values->as_list()) {
    if (value.kind() == Value::Kind::kString) list.push_back(value.as_string());
  }
  return list;
}

// What is kept under the Idempotency-Key, so that the repetition says the same as the first.
std::string encode(const ActReply& reply) {
  return to_json(interpreter::record({{"seq", Value::integer(static_cast<std::int64_t>(reply.seq))},
                                      {"repeats", texts(reply.preview.repeats)},
                                      {"keeps", texts(reply.preview.keeps)},
                                      {"undoes", texts(reply.preview.undoes)},
                                      {"leaves", texts(reply.preview.leaves)},
                                      {"next", Value::string(reply.preview.next)}}));
}

// A preview speaks of values: of one with private ones it is not kept.
std::string kept(const Saga& saga, const ActReply& reply) {
  return encode(saga.seal ? ActReply{.seq = reply.seq, .preview = {}, .repeated = false} : reply);
}

Result<ActReply> decode(const std::string& text) {
  const Result<Value> answer = parse_json(text);
  if (!answer) return fail(answer.error());
  ActReply reply;
  reply.repeated = true;
  reply.preview.allowed = true;
  if (const Value* seq = answer->find("seq")) reply.seq = static_cast<std::uint64_t>(seq->as_int());
  reply.preview.repeats = texts(*answer, "repeats");
  reply.preview.keeps = texts(*answer, "keeps");
  reply.preview.undoes = texts(*answer, "undoes");
  reply.preview.leaves = texts(*answer, "leaves");
  if (const Value* next = answer->find("next")) reply.preview.next = next->as_string();
  return reply;
}

std::string allowed_now(const Saga& saga) {
  std::string list;
  for (const interpreter::AllowedAct& act : interpreter::allowed_acts(*saga.graph, saga.state)) {
    list += list.empty() ? "allowed now: " : ", ";
    list += act.act + (act.path.empty() ? "" : " " + act.path);
  }
  return list.empty() ? "nothing can be done to it any more" : list;
}

}  // namespace

void Acts::act(ActRequest request, Done done) {
  if (const Result<void> fits = bounded(request); !fits) return done(fail(fits.error()));
  if (loop_.database_down() && !request.dry_run) return done(fail(database_silent()));
  Loader::Which which;
  which.tenant = request.tenant;
  which.saga = request.saga;
  auto asked = std::make_shared<Asked>(Asked{std::move(request), std::move(done), {}, 0});
  if (asked->request.take_up_again) return read_again(asked, false);
  loop_.with_saga(which, [this, asked](Result<Saga*> saga) {
    if (!saga) return finish(*asked, fail(saga.error()));
    if (asked->request.idempotency_key.empty() || asked->request.dry_run)
      return perform(asked, **saga);
    perform_once(asked, (*saga)->lane);
  });
}

void Acts::perform_once(AskedPtr asked, Lane lane) {
  look_up(asked, lane, decode, [this, asked, lane](std::int64_t epoch) {
    if (asked->request.take_up_again) return read_again(asked, true);
    Loader::Which which;
    which.lane = lane;
    which.tenant = asked->request.tenant;
    which.saga = asked->request.saga;
    loop_.with_saga(which, [this, asked, epoch](Result<Saga*> saga) {
      if (!saga) return finish(*asked, fail(saga.error()));
      if ((*saga)->epoch != epoch) return finish(*asked, fail(lane_came_back()));
      perform(asked, **saga);
    });
  });
}

void Acts::perform(const AskedPtr& asked, Saga& saga) {
  ActRequest& request = asked->request;
  const std::uint64_t shown = saga.state.seq;
  if (request.if_match && *request.if_match != shown) {
    return finish(*asked, fail(ErrorCode::kStale,
                               "the saga has moved on: entry " + std::to_string(*request.if_match) +
                                   " was shown, it is at entry " + std::to_string(shown),
                               "look again, then repeat the act with the new If-Match"));
  }
  Result<interpreter::Fact> fact = request.fact(*saga.graph);
  if (!fact) return finish(*asked, fail(fact.error()));
  ActReply reply;
  reply.preview = interpreter::preview(*saga.graph, saga.state, *fact, saga.id);
  reply.seq = shown;
  if (request.dry_run) return finish(*asked, std::move(reply));
  if (!reply.preview.allowed) {
    return finish(*asked,
                  fail(ErrorCode::kNotAllowedNow, reply.preview.why_not, allowed_now(saga)));
  }
  const Slot slot = loop_.record(saga, std::move(*fact), request.actor, request.reason);
  reply.seq = saga.state.seq;
  keep_answer(request, saga, slot, kept(saga, reply));
  finish_with(slot, asked, std::move(reply));
}

void Acts::read_again(AskedPtr asked, bool looked_up) {
  Loader::Which which;
  which.tenant = asked->request.tenant;
  which.saga = asked->request.saga;
  which.set_aside_too = true;
  which.asked_at = loop_.lanes().gains();
  loop_.loader().load(which, [this, asked, looked_up, asked_at = which.asked_at](
                                 Result<std::shared_ptr<LoadResult>> loaded) {
    if (!loaded) return finish(*asked, fail(loaded.error()));
    LoadResult& found = **loaded;
    if (loop_.holds(found.row.lane) && loop_.lanes().at(found.row.lane).gain > asked_at) {
      return finish(*asked, fail(lane_came_back()));
    }
    if (!looked_up && !asked->request.idempotency_key.empty() && !asked->request.dry_run) {
      return perform_once(asked, found.row.lane);
    }
    if (loop_.find(asked->request.saga) == nullptr && found.row.health == kQuarantined) {
      return take_up_again(asked, found);
    }
    Loader::Which ordinary;  // somebody was faster
    ordinary.tenant = asked->request.tenant;
    ordinary.saga = asked->request.saga;
    loop_.with_saga(ordinary, [this, asked](Result<Saga*> saga) {
      if (!saga) return finish(*asked, fail(saga.error()));
      perform(asked, **saga);
    });
  });
}

void Acts::take_up_again(const AskedPtr& asked, LoadResult& loaded) {
  const ActRequest& request = asked->request;
  if (!loop_.holds(loaded.row.lane)) {
    return finish(*asked, fail(held_elsewhere(loaded.row.lane)));
  }
  const std::uint64_t shown =
      loaded.row.seq;  // only the row is shown of it, and that may be behind its journal
  if (request.if_match && *request.if_match != shown) {
    return finish(
        *asked, fail(ErrorCode::kStale, "the saga was set aside at entry " + std::to_string(shown),
                     "look again, then repeat the act with the new If-Match"));
  }
  ActReply reply;
  reply.seq = shown;
  reply.preview.allowed = loaded.kind == LoadResult::Kind::kFolded;
  if (!reply.preview.allowed) {
    reply.preview.why_not = "it still cannot be read: " + loaded.why;
    if (request.dry_run) return finish(*asked, std::move(reply));
    return finish(*asked, fail(ErrorCode::kNotAllowedNow, reply.preview.why_not,
                               "mend what `failure` names, then resume it"));
  }
  const bool paused = loaded.saga->state.paused;
  reply.preview.next =
      paused
          ? "it is read again, and stays paused"
          : "it is read again and goes on where it was: what was in flight is sent again under the "
            "same key, or looked up";
  if (request.dry_run) return finish(*asked, std::move(reply));

  Saga& saga = loop_.readmit(std::move(loaded.saga));
  Slot slot = loop_.slot(saga);
  if (!saga.state.ended()) {  // of one that has ended only the mark goes
    interpreter::OperatorActed fact;
    fact.act = paused ? interpreter::OperatorAct::kPause : interpreter::OperatorAct::kResume;
    slot = loop_.record(saga, std::move(fact), request.actor, request.reason);
  }
  reply.seq = saga.state.seq;
  keep_answer(request, saga, slot, kept(saga, reply));
  slot.when_known([this, asked](const Failure* failure) {
    if (failure == nullptr) loop_.deliver_kept_mail(asked->request.saga);
  });
  finish_with(slot, asked, std::move(reply));
}

}  // namespace belay::runtime
