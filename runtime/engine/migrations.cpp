// See migrations.h.
#include "runtime/engine/migrations.h"

#include <utility>

#include "runtime/base/check.h"
#include "runtime/base/json_value.h"

namespace belay::runtime {
namespace {

using interpreter::Value;

// A saga that takes an entry between the reading and the answer is read again, so often.
constexpr int kTriesMax = 8;

// What is kept under the Idempotency-Key, so that the repetition says the same as the first.
std::string encode(const MigrateReply& reply) {
  return to_json(interpreter::record({{"seq", Value::integer(static_cast<std::int64_t>(reply.seq))},
                                      {"from", Value::string(reply.from->hash)},
                                      {"to", Value::string(reply.to->hash)},
                                      {"ahead", Value::boolean(reply.verdict.ahead)}}));
}

Result<MigrateReply> decode(const std::string& text, const Graphs& graphs) {
  const Result<Value> answer = parse_json(text);
  if (!answer) return fail(answer.error());
  const Value* seq = answer->find("seq");
  const Value* from = answer->find("from");
  const Value* to = answer->find("to");
  const Value* ahead = answer->find("ahead");
  if (seq == nullptr || from == nullptr || to == nullptr || ahead == nullptr) {
    return fail(ErrorCode::kKeyReused, "this Idempotency-Key was used for another act",
                "use a new key for a new request");
  }
  MigrateReply reply;
  reply.repeated = reply.moved = true;
  reply.seq = static_cast<std::uint64_t>(seq->as_int());
  reply.from = graphs.by_hash(from->as_string());
  reply.to = graphs.by_hash(to->as_string());
  reply.verdict.ahead = ahead->as_bool();
  if (reply.verdict.ahead) reply.verdict.kind = interpreter::VerdictKind::kDiffers;
  return reply;
}

}  // namespace

void Migrations::migrate(MigrateRequest request, Done done) {
  if (const Result<void> fits = bounded(request); !fits) return done(fail(fits.error()));
  if (loop_.database_down()) return done(fail(database_silent()));
  auto asked = std::make_shared<Asked>(Asked{std::move(request), std::move(done), {}, 0});
  with_saga(asked, [this, asked](Saga& saga) {
    if (asked->request.idempotency_key.empty() || asked->request.dry_run) return begin(asked, saga);
    begin_once(asked, saga.lane);
  });
}

void Migrations::with_saga(AskedPtr asked, std::function<void(Saga&)> then) {
  Loader::Which which;
  which.tenant = asked->request.tenant;
  which.saga = asked->request.saga;
  loop_.with_saga(which, [this, asked, then = std::move(then)](Result<Saga*> saga) {
    if (!saga) return finish(*asked, fail(saga.error()));
    then(**saga);
  });
}

void Migrations::begin_once(AskedPtr asked, Lane lane) {
  const auto repeat = [this](const std::string& answer) { return decode(answer, loop_.graphs()); };
  look_up(asked, lane, repeat, [this, asked](std::int64_t epoch) {
    with_saga(asked, [this, asked, epoch](Saga& saga) {
      if (saga.epoch != epoch) return finish(*asked, fail(lane_came_back()));
      begin(asked, saga);
    });
  });
}

void Migrations::begin(AskedPtr asked, Saga& saga) {
  const MigrateRequest& request = asked->request;
  if (request.if_match && *request.if_match != saga.state.seq) {
    return finish(*asked, fail(ErrorCode::kStale,
                               "the saga has moved on: entry " + std::to_string(*request.if_match) +
                                   " was shown, it is at entry " + std::to_string(saga.state.seq),
                               "look again, then repeat it with the new If-Match"));
  }
  if (request.to.empty()) {
    GraphPtr to = loop_.graphs().current(saga.row.workflow);
    if (to != nullptr) return replay(asked, std::move(to));
    return finish(*asked, fail(ErrorCode::kNotFound, "the workflow has no current definition",
                               "name one by its hash, or install one"));
  }
  if (GraphPtr to = loop_.graphs().by_hash(request.to)) return replay(asked, std::move(to));
  loop_.loader().graph(request.to, [this, asked](Result<GraphPtr> to) {
    if (to) return replay(asked, *to);
    finish(*asked, fail(to.error()));
  });
}

void Migrations::replay(AskedPtr asked, GraphPtr to) {
  with_saga(asked, [this, asked, to](Saga& saga) {
    if (to->workflow != saga.row.workflow) {
      return finish(*asked,
                    fail(ErrorCode::kInvalid, "`to` is a definition of `" + to->workflow +
                                                  "`, the saga is of `" + saga.row.workflow + "`"));
    }
    if (to->hash == saga.graph->hash) {
      return finish(*asked,
                    fail(ErrorCode::kNotAllowedNow, "the saga goes by this definition already"));
    }
    const auto read = [this, asked, to, from = saga.graph, lane = saga.lane] {
      loop_.loader().replay(lane, asked->request.saga, from, to,
                            [this, asked, to](Result<std::shared_ptr<ReplayResult>> result) {
                              if (!result) return finish(*asked, fail(result.error()));
                              judged(asked, to, **result);
                            });
    };
    if (saga.uncommitted == 0) return read();
    loop_.slot(saga).answer(
        [this, asked, read](const Failure* failure) {  // the journal is read from the database
          if (failure != nullptr) return finish(*asked, fail(*failure));
          read();
        });
  });
}

void Migrations::judged(AskedPtr asked, GraphPtr to, ReplayResult& result) {
  // Not a copy: the task that holds it runs to its end, and with_saga() answers within it unless it
  // has to load.
  auto kept = std::make_shared<ReplayResult>(std::move(result));
  with_saga(asked, [this, asked, to, kept](Saga& saga) {
    const MigrateRequest& request = asked->request;
    if (saga.state.seq != kept->seq && !request.dry_run) {
      if (request.if_match) {
        return finish(
            *asked, fail(ErrorCode::kStale,
                         "the saga has moved on: it is at entry " + std::to_string(saga.state.seq),
                         "look again, then repeat it with the new If-Match"));
      }
      if (++asked->tries < kTriesMax) return replay(asked, to);
      return finish(*asked, fail(ErrorCode::kStale, "the saga moves on faster than it can be read",
                                 "pause it, move it, then resume it"));
    }
    move(asked, saga, to, *kept);
  });
}

void Migrations::move(AskedPtr asked, Saga& saga, GraphPtr to, ReplayResult& result) {
  const MigrateRequest& request = asked->request;
  MigrateReply reply;
  reply.seq = saga.state.seq;
  reply.from = result.from;
  reply.to = to;
  reply.verdict = std::move(result.replayed.verdict);
  if (request.dry_run || !reply.verdict.movable()) return finish(*asked, std::move(reply));
  if (saga.state.ended()) {
    return finish(*asked, fail(ErrorCode::kNotAllowedNow, "the saga has ended",
                               "what it did stays recorded under its own definition"));
  }
  BELAY_CHECK(result.replayed.state.seq == saga.state.seq, "the replay saw all entries");
  const std::string from = saga.graph->hash;
  saga.graph = to;
  saga.state = std::move(result.replayed.state);
  saga.row.definition = to->hash;
  saga.row.workflow_version = to->version;
  saga.rewrite = true;
  const Slot slot =
      loop_.record(saga, interpreter::Migrated{from, to->hash}, request.actor, request.reason);
  reply.seq = saga.state.seq;
  reply.moved = true;
  keep_answer(request, saga, slot, encode(reply));
  finish_with(slot, asked, std::move(reply));
}

}  // namespace belay::runtime
