// Moving a saga to another definition, and what a replay elsewhere needs for its verdict: the
// journal in stored form and the definition that wrote it. Stored entries hold private fields as
// they are, for a masked value would make every verdict wrong; so they are for operators, and each
// reading is written down in the audit.
#include "interpreter/graph_codec.h"
#include "runtime/api/api.h"
#include "runtime/api/saga_json.h"
#include "runtime/api/verdict_text.h"
#include "runtime/base/ids.h"
#include "runtime/base/json_value.h"
#include "runtime/base/limits.h"

namespace belay::runtime::api {

using namespace interpreter;

namespace {

std::string digest_of(const SagaId& saga, const Value& body) {
  std::string bytes = saga + "\nmigrate\n";
  append_canonical(body, bytes);
  return sha256_hex(bytes);
}

HttpResponse migrated(Context& context, const Call& call, const SagaId& saga,
                      const MigrateReply& reply, bool dry_run) {
  JsonWriter w;
  w.begin_object().field("id", saga).field("act", "migrate").field("dry_run", dry_run);
  w.field("repeated", reply.repeated).field("moved", reply.moved).field("seq", reply.seq);
  if (reply.from != nullptr) w.field("from", reply.from->hash);
  if (reply.to != nullptr) w.field("to", reply.to->hash).field("to_version", reply.to->version);
  w.raw_field("verdict", verdict_json(reply.verdict, reply.from.get(), reply.to.get()));
  std::uint64_t seq = reply.seq;
  if (!dry_run) {
    if (Result<SagaView> after = context.engine.view(call.who.tenant, saga)) {
      const Summary now = summary(*after->graph, after->state);
      w.field("status", name(after->state.status))
          .field("health", name(now.health))
          .field("waiting_on", now.waiting_on);
      seq = std::max(seq, after->state.seq);
    }
  }
  w.end_object();
  HttpResponse response = json_response(200, w.take());
  set_header(response, "ETag", etag(seq));
  return response;
}

HttpResponse migrate(Context& context, const Call& call) {
  Read<ActTerms> terms = act_terms(call.http);
  if (!terms) return std::move(terms.error());
  Read<Value> request =
      body(call.http, {{"reason", BodyField::kText, true}, {"to", BodyField::kText}});
  if (!request) return std::move(request.error());
  Read<std::string> reason = reason_of(*request);
  if (!reason) return std::move(reason.error());
  Read<SagaView> view = find_saga(context, call);
  if (!view) return std::move(view.error());
  MigrateRequest wish;
  wish.tenant = call.who.tenant;
  wish.saga = view->row.id;
  wish.to = text_field(*request, "to");
  wish.request_digest = digest_of(view->row.id, *request);
  wish.if_match = terms->if_match;
  wish.idempotency_key = std::move(terms->idempotency_key);
  wish.actor = call.who.actor;
  wish.reason = *reason;
  wish.dry_run = terms->dry_run;
  if (!terms->dry_run && !terms->if_match) {
    Problem no = problem(
        428, "precondition_required", "a saga is moved from the state that was shown to you",
        "send `If-Match` with the ETag of this answer; `dry_run=true` gives the verdict");
    no.headers.emplace_back("ETag", etag(view->state.seq));
    return to_response(no);
  }
  Result<MigrateReply> reply = context.engine.migrate(std::move(wish));
  if (!reply) {
    Problem no = problem(reply.error());
    if (no.status == 409 || no.status == 412) {
      if (Result<SagaView> now = context.engine.view(call.who.tenant, view->row.id)) {
        no.members.emplace_back("seq", std::to_string(now->state.seq));
        no.headers.emplace_back("ETag", etag(now->state.seq));
      }
    }
    return to_response(no);
  }
  if (terms->dry_run || reply->moved)
    return migrated(context, call, view->row.id, *reply, terms->dry_run);
  Problem no =
      problem(409, "not_movable", "the saga stays as it is: " + verdict_line(reply->verdict),
              "let it end under its own definition, or change the new one so that what is "
              "recorded stays as it was");
  no.members.emplace_back("seq", std::to_string(reply->seq));
  no.members.emplace_back("verdict",
                          verdict_json(reply->verdict, reply->from.get(), reply->to.get()));
  no.headers.emplace_back("ETag", etag(reply->seq));
  return to_response(no);
}

HttpResponse journal(Context& context, const Call& call) {
  Read<std::uint64_t> after = number(call.http, "after", 0, 0, limits::entries_per_saga_max * 2);
  if (!after) return std::move(after.error());
  Read<std::uint64_t> limit = number(call.http, "limit", 200, 1, limits::page_rows_max);
  if (!limit) return std::move(limit.error());
  Read<SagaView> view = find_saga(context, call);
  if (!view) return std::move(view.error());
  const InstanceRow* row = &view->row;
  Result<HistoryPage> page = context.reader.history(call.who.tenant, row->id, *after, *limit);
  if (!page) return refuse(page.error());
  if (*after == 0) {
    if (Result<void> noted = context.reader.audit(call.who.tenant, call.who.actor, "journal read",
                                                  R"({"saga":")" + row->id + R"("})");
        !noted) {
      return refuse(noted.error());
    }
  }
  JsonWriter w;
  w.begin_object().field("saga", row->id).field("workflow", row->workflow);
  w.field("definition", view->graph->hash)
      .field("status", name(view->state.status))
      .key("entries")
      .begin_array();
  for (const JournalRow& entry : page->rows) {
    const Result<std::string> body = body_of(*view, entry);
    if (!body) return refuse(body.error());
    w.begin_object().field("seq", entry.seq).field("version", static_cast<int>(entry.version));
    w.field("at_us", entry.at.us).field_unless_empty("actor", entry.actor);
    w.field("kind", entry.kind).field("body", *body).end_object();
  }
  w.end_array();
  w.field_or_null("next_after", page->next_after).end_object();
  return json_response(200, w.take());
}

HttpResponse definition(Context& context, const Call& call) {
  const GraphPtr graph = context.engine.definition_by_hash(hole(call.http, "hash"));
  if (graph == nullptr) return refuse(404, "not_found", "there is no definition with this hash");
  JsonWriter w;
  w.begin_object().field("definition", graph->hash).field("workflow", graph->workflow);
  w.field("version", graph->version).field("graph", to_base64(encode_graph(*graph, false)));
  w.end_object();
  return json_response(200, w.take());
}

}  // namespace

void add_migrate_routes(std::vector<Route>& routes, Context& context) {
  const auto handler = [&context](HttpResponse (*function)(Context&, const Call&)) {
    return [&context, function](const Call& call) { return function(context, call); };
  };
  const Parameter id{Parameter::kPath, "id", R"({"type":"string","format":"uuid"})",
                     "The saga's id", true};
  routes.push_back({"POST",
                    "/v1/sagas/{id}/migrate",
                    "migrateSaga",
                    "acts",
                    "Move a saga to another definition of its workflow, when nothing that is "
                    "recorded would have "
                    "been otherwise under it",
                    Role::kOperator,
                    {id,
                     {Parameter::kQuery, "dry_run", R"({"type":"boolean","default":false})",
                      "Only give the verdict"},
                     {Parameter::kHeader, "If-Match", R"({"type":"string","examples":["\"12\""]})",
                      "The ETag of the saga as it was shown; needed unless dry_run"},
                     {Parameter::kHeader, "Idempotency-Key", R"({"type":"string","maxLength":255})",
                      "The same key with the same body acts once"}},
                    "Migrate",
                    {{200, "Moved (or the verdict)", "MigrateReply"},
                     {409, "`not_movable`: the verdict does not allow it", "Problem"}},
                    handler(migrate)});
  routes.push_back(
      {"GET",
       "/v1/sagas/{id}/journal",
       "getJournal",
       "sagas",
       "The journal as it is stored, for a replay elsewhere. Private fields are not masked; each "
       "reading is noted in the audit",
       Role::kOperator,
       {id,
        {Parameter::kQuery, "after", R"({"type":"integer","minimum":0})", "Entries after this seq"},
        {Parameter::kQuery, "limit",
         R"({"type":"integer","minimum":1,"maximum":500,"default":200})", "Entries of a page"}},
       "",
       {{200, "A page of entries", "JournalPage"}},
       handler(journal)});
  routes.push_back({"GET",
                    "/v1/definitions/{hash}",
                    "getDefinition",
                    "workflows",
                    "A definition as it is stored, also an old one",
                    Role::kViewer,
                    {{Parameter::kPath, "hash", R"({"type":"string"})",
                      "Its hash: a saga's `definition`", true}},
                    "",
                    {{200, "The definition", "Definition"}},
                    handler(definition)});
}

}  // namespace belay::runtime::api
