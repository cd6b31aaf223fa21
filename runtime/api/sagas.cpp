// Sagas: start, list, look at one, its history, its picture. Acts on them are in acts.cpp.
#include "dsl/diagnostic.h"
#include "runtime/api/api.h"
#include "runtime/api/history_text.h"
#include "runtime/api/private_fields.h"
#include "runtime/api/saga_json.h"
#include "runtime/base/ids.h"
#include "runtime/base/journal_json.h"
#include "runtime/base/json_value.h"
#include "runtime/engine/saga.h"

namespace belay::runtime::api {

using namespace interpreter;

namespace {

HttpResponse no_workflow(Context& context, const std::string& name) {
  std::vector<std::string> names;
  for (const GraphPtr& graph : context.engine.definitions()) names.push_back(graph->workflow);
  const std::string near = dsl::nearest(name, names);
  return refuse(404, "not_found", "there is no workflow with this name",
                near.empty() ? "GET /v1/workflows lists them" : "did you mean `" + near + "`?");
}

HttpResponse start(Context& context, const Call& call) {
  Read<std::string> key = idempotency_key(call.http);
  if (!key) return std::move(key.error());
  Read<Value> request =
      body(call.http, {{"workflow", BodyField::kText, true}, {"input", BodyField::kAny}});
  if (!request) return std::move(request.error());
  const std::string workflow = text_field(*request, "workflow");
  const GraphPtr graph = context.engine.definition(workflow);
  if (graph == nullptr) return no_workflow(context, workflow);
  const Value* given = request->find("input");
  Read<Value> input = typed(given == nullptr ? Value::map({}) : *given, graph->takes, "input");
  if (!input) return std::move(input.error());

  Result<StartReply> reply = context.engine.start(
      StartRequest{call.who.tenant, workflow, std::move(*input), std::move(*key), call.who.actor});
  if (!reply) return refuse(reply.error());
  const std::string href = "/v1/sagas/" + reply->saga;
  JsonWriter w;
  w.begin_object()
      .field("id", reply->saga)
      .field("workflow", workflow)
      .field("created", reply->created);
  w.field("seq", reply->seq).field("href", href).end_object();
  HttpResponse response = json_response(reply->created ? 201 : 200, w.take());
  set_header(response, "Location", href);
  set_header(response, "ETag", etag(reply->seq));
  return response;
}

std::string text_query(const Call& call, const char* name) {
  const std::string* text = query(call.http, name);
  return text == nullptr ? std::string() : *text;
}

template <std::size_t N>
bool is_one_of(const std::string& text, const char* const (&words)[N]) {
  for (const char* word : words) {
    if (text == word) return true;
  }
  return text.empty();
}

HttpResponse list(Context& context, const Call& call) {
  SagaFilter filter;
  filter.tenant = call.who.tenant;
  filter.workflow = text_query(call, "workflow");
  filter.status = text_query(call, "status");
  filter.health = text_query(call, "health");
  filter.key = text_query(call, "key");
  filter.waiting_on = text_query(call, "waiting_on");
  filter.cursor = text_query(call, "cursor");
  // A misspelt word would find nothing, and look like good news.
  if (!is_one_of(filter.status, {"running", "compensating", "completed", "compensated"})) {
    return refuse(400, "malformed",
                  "`status` must be running, compensating, completed or compensated");
  }
  if (!is_one_of(filter.health, {"ok", "retrying", "paused", "overdue", "held", "unknown_outcome",
                                 "undo_failed", kQuarantined})) {
    return refuse(400, "malformed",
                  "`health` must be ok, retrying, paused, overdue, held, unknown_outcome, "
                  "undo_failed or quarantined");
  }
  Read<Instant> from = instant(call.http, "created_after");
  if (!from) return std::move(from.error());
  Read<Instant> until = instant(call.http, "created_before");
  if (!until) return std::move(until.error());
  Read<std::uint64_t> limit =
      number(call.http, "limit", limits::page_rows_default, 1, limits::page_rows_max);
  if (!limit) return std::move(limit.error());
  filter.created_from = *from;
  filter.created_until = *until;
  filter.limit = *limit;
  Result<SagaPage> page = context.reader.sagas(filter);
  if (!page) return refuse(page.error());
  JsonWriter w;
  w.begin_object().key("sagas").begin_array();
  for (const InstanceRow& row : page->rows) write_saga_row(w, row);
  w.end_array();
  w.field_or_null("next", page->next).end_object();
  return json_response(200, w.take());
}

HttpResponse show(Context& context, const Call& call) {
  Read<SagaView> view = find_saga(context, call);
  if (!view) {
    // Shown from its row, with the ETag that its one act takes. If-None-Match is not looked at: the
    // live view of the same entry had this tag too.
    if (view.error().status != 409) return std::move(view.error());
    if (const auto row = quarantined_row(context, call)) {
      HttpResponse response = json_response(200, quarantined_json(*row));
      set_header(response, "ETag", etag(row->seq));
      return response;
    }
    return std::move(view.error());
  }
  const std::string tag = etag(view->state.seq);
  const std::string* known = header(call.http, "if-none-match");
  if (known != nullptr && *known == tag) {
    HttpResponse response;
    response.status = 304;
    set_header(response, "ETag", tag);
    return response;
  }
  HttpResponse response = json_response(200, saga_json(*view));
  set_header(response, "ETag", tag);
  return response;
}

// What is sealed is opened; without its key (erased, or it is another one) the entry says what may
// be read, and
// `(erased)` for the rest.
Result<Entry> entry_of(const SagaView& view, const JournalRow& row) {
  const Result<std::string> body = body_of(view, row);
  if (!body) return fail(body.error());
  return decode_entry(*view.graph,
                      EntryText{row.seq, row.version, row.at, row.actor, row.kind, *body});
}

// The saga as it was after entry `seq`: the fold of its journal up to there.
HttpResponse as_it_was(Context& context, const Call& call, SagaView view, std::uint64_t seq) {
  State state;
  for (std::uint64_t after = 0; state.seq < seq;) {
    Result<HistoryPage> page =
        context.reader.history(call.who.tenant, view.row.id, after, limits::page_rows_max);
    if (!page) return refuse(page.error());
    for (const JournalRow& row : page->rows) {
      if (row.seq > seq) break;
      Result<Entry> entry = entry_of(view, row);
      if (!entry) return refuse(entry.error());
      state = apply(*view.graph, std::move(state), *entry);
    }
    after = page->next_after;
    if (after == 0) break;
  }
  if (state.seq != seq)
    return refuse(404, "not_found", "the saga has no entry " + std::to_string(seq));
  view.state = std::move(state);
  return json_response(200, saga_json(view, true));
}

void write_entry(JsonWriter& w, const Graph& graph, const Entry& plain, bool erased) {
  const Entry entry = erased ? plain : masked(plain, graph);
  const HistoryLine line = history_line(graph, entry);
  w.begin_object().field("seq", entry.seq);
  write_instant(w, "at", entry.at);
  w.field("kind", kind_name(entry.fact)).field("mark", name(line.mark)).field("text", line.text);
  w.strings("follows", line.follows);
  if (erased) w.field("data", "(erased)");
  w.field_unless_empty("actor", entry.actor).field_unless_empty("reason", entry.reason);
  w.field("version", entry.version).raw_field("raw", entry_body(graph, entry)).end_object();
}

// What can be said of an entry that cannot be read. Private values in it cannot be told from
// others, so whoever only looks does not get its text.
void write_unread(JsonWriter& w, const JournalRow& row, const std::string& why, bool with_body) {
  w.begin_object().field("seq", row.seq);
  write_instant(w, "at", row.at);
  w.field("kind", row.kind).field("mark", name(Mark::kAlarm));
  w.field("text", row.kind + ", which cannot be read: " + why);
  w.strings("follows", {}).field_unless_empty("actor", row.actor).field("version", row.version);
  if (with_body) w.field("raw_text", row.body);
  w.end_object();
}

HttpResponse history(Context& context, const Call& call) {
  Read<std::uint64_t> at = number(call.http, "at", 0, 1, limits::entries_per_saga_max * 2);
  if (!at) return std::move(at.error());
  Read<std::uint64_t> after = number(call.http, "after", 0, 0, limits::entries_per_saga_max * 2);
  if (!after) return std::move(after.error());
  Read<std::uint64_t> limit = number(call.http, "limit", 200, 1, limits::page_rows_max);
  if (!limit) return std::move(limit.error());
  Read<SagaView> view = find_saga(context, call);
  std::string status;
  if (view) {
    status = name(view->state.status);
  } else {
    if (view.error().status != 409) return std::move(view.error());
    auto row = quarantined_row(context, call);
    if (!row) return std::move(view.error());
    GraphPtr graph = context.engine.definition_by_hash(row->definition);
    if (graph == nullptr && *at > 0) return std::move(view.error());
    status = row->status;
    State state;
    state.seq = row->seq;
    view = SagaView{std::move(graph), std::move(state), std::move(*row)};
  }
  if (*at > 0) return as_it_was(context, call, std::move(*view), *at);

  Result<HistoryPage> page = context.reader.history(call.who.tenant, view->row.id, *after, *limit);
  if (!page) return refuse(page.error());
  JsonWriter w;
  w.begin_object().field("id", view->row.id).field("workflow", view->row.workflow);
  w.field("status", status).field("seq", view->state.seq).key("entries").begin_array();
  for (const JournalRow& row : page->rows) {
    const Result<Entry> entry =
        view->graph == nullptr ? fail(ErrorCode::kCorrupt, "its definition cannot be read either")
                               : entry_of(*view, row);
    if (entry)
      write_entry(w, *view->graph, *entry, is_sealed_body(row.body) && !view->seal);
    else
      write_unread(w, row, entry.error().message, call.who.role >= Role::kOperator);
  }
  w.end_array();
  w.field_or_null("next_after", page->next_after).end_object();
  return json_response(200, w.take());
}

HttpResponse graph(Context& context, const Call& call) {
  Read<SagaView> view = find_saga(context, call);
  if (!view) return std::move(view.error());
  const std::string* format = query(call.http, "format");
  HttpResponse response;
  if (format == nullptr || *format == "json") {
    response = draw(*view->graph, "json");
    if (response.status == 200) response.body = live_graph_json(*view, response.body) + "\n";
  } else {
    response = draw(live_titles(*view), *format);
  }
  if (response.status == 200) set_header(response, "ETag", etag(view->state.seq));
  return response;
}

}  // namespace

Result<std::string> body_of(const SagaView& view, const JournalRow& row) {
  if (!view.seal || !is_sealed_body(row.body)) return row.body;
  return open_body(*view.seal, row.body, bound_to_entry(view.row.id, row.seq));
}

void add_saga_routes(std::vector<Route>& routes, Context& context) {
  const auto handler = [&context](HttpResponse (*function)(Context&, const Call&)) {
    return [&context, function](const Call& call) { return function(context, call); };
  };
  const Parameter id{Parameter::kPath, "id", R"({"type":"string","format":"uuid"})",
                     "The saga's id", true};
  const char* text = R"({"type":"string","maxLength":510})";

  routes.push_back(
      {"POST",
       "/v1/sagas",
       "startSaga",
       "sagas",
       "Start a saga. 2xx means committed; the same Idempotency-Key, or the same `once per` value, "
       "answers with the first one",
       Role::kStarter,
       {{Parameter::kHeader, "Idempotency-Key", R"({"type":"string","maxLength":255})",
         "Send the same key with the same body as often as you need: one saga starts"}},
       "Start",
       {{201, "Started", "Started"},
        {200, "It was started before: this is the first one", "Started"}},
       handler(start)});
  routes.push_back(
      {"GET",
       "/v1/sagas",
       "listSagas",
       "sagas",
       "List sagas, newest first",
       Role::kViewer,
       {{Parameter::kQuery, "workflow", text, "Only of this workflow"},
        {Parameter::kQuery, "status",
         R"({"enum":["running","compensating","completed","compensated"]})", "Only in this status"},
        {Parameter::kQuery, "health",
         R"({"enum":["ok","retrying","paused","overdue","held","unknown_outcome","undo_failed","quarantined"]})",
         "Only in this health"},
        {Parameter::kQuery, "key", text, "Only with this `once per` value"},
        {Parameter::kQuery, "waiting_on", text, "Only where `waiting_on` holds this text"},
        {Parameter::kQuery, "created_after", R"({"type":"string","format":"date-time"})",
         "From this time on"},
        {Parameter::kQuery, "created_before", R"({"type":"string","format":"date-time"})",
         "Before this time"},
        {Parameter::kQuery, "limit", R"({"type":"integer","minimum":1,"maximum":500,"default":50})",
         "Rows of a page"},
        {Parameter::kQuery, "cursor", text, "`next` of the page before"}},
       "",
       {{200, "A page", "SagaPage"}},
       handler(list)});
  routes.push_back(
      {"GET",
       "/v1/sagas/{id}",
       "getSaga",
       "sagas",
       "A saga: what it does, what it waits for, what is left over, what may be done now. "
       "Its ETag is what an act sends as If-Match",
       Role::kViewer,
       {id,
        {Parameter::kHeader, "If-None-Match", R"({"type":"string"})",
         "304 when nothing has changed"}},
       "",
       {{200, "The saga", "Saga"}, {304, "As it was"}},
       handler(show)});
  routes.push_back(
      {"GET",
       "/v1/sagas/{id}/history",
       "getHistory",
       "sagas",
       "What happened, entry by entry, in words and raw; with `at`, the saga as it was then",
       Role::kViewer,
       {id,
        {Parameter::kQuery, "after", R"({"type":"integer","minimum":0})", "Entries after this seq"},
        {Parameter::kQuery, "limit",
         R"({"type":"integer","minimum":1,"maximum":500,"default":200})", "Entries of a page"},
        {Parameter::kQuery, "at", R"({"type":"integer","minimum":1})",
         "Instead of entries: the state after this seq"}},
       "",
       {{200, "A page of entries, or the saga as it was", "HistoryPage"}},
       handler(history)});
  routes.push_back(
      {"GET",
       "/v1/sagas/{id}/graph",
       "getSagaGraph",
       "sagas",
       "The definition that the saga runs, with where it stands",
       Role::kViewer,
       {id,
        {Parameter::kQuery, "format", R"({"enum":["json","svg","dot","mermaid"],"default":"json"})",
         "The form of the picture"}},
       "",
       {{200, "The picture", "Any"}},
       handler(graph)});
}

}  // namespace belay::runtime::api
