// Questions that sagas have for people: listed here, answered by an act (acts.cpp). Tested in
// tests/runtime/api_questions_test.cpp and tests/system/questions_test.cpp.
#include "runtime/api/api.h"
#include "runtime/api/saga_json.h"
#include "runtime/base/limits.h"

namespace belay::runtime::api {

using namespace interpreter;

namespace {

void write_row(JsonWriter& w, Context& context, const QuestionPage::Row& row) {
  const QuestionRow& question = row.question;
  const GraphPtr graph = context.engine.definition_by_hash(row.definition);
  const Path path = graph == nullptr ? Path{} : parse_path(*graph, question.path);
  w.begin_object().field("saga", question.saga).field("path", question.path);
  w.field("workflow", row.workflow);
  if (path.node != kNoNode) {
    write_question(w, question.saga, graph->nodes[path.node], question.path);
  } else {  // its definition cannot be read: it can be seen, not answered
    w.field("question", "").field("role", question.role).raw_field("fields", "{}");
    w.field("href", "/v1/sagas/" + question.saga);
  }
  write_instant(w, "since", question.since);
  write_instant(w, "until", question.until);
  w.end_object();
}

HttpResponse list(Context& context, const Call& call) {
  Read<std::uint64_t> limit =
      number(call.http, "limit", limits::page_rows_default, 1, limits::page_rows_max);
  if (!limit) return std::move(limit.error());
  QuestionFilter filter;
  filter.tenant = call.who.tenant;
  if (const std::string* role = query(call.http, "role")) filter.role = *role;
  if (const std::string* cursor = query(call.http, "cursor")) filter.cursor = *cursor;
  filter.limit = *limit;
  Result<QuestionPage> page = context.reader.questions(filter);
  if (!page) return refuse(page.error());
  JsonWriter w;
  w.begin_object().key("questions").begin_array();
  for (const QuestionPage::Row& row : page->rows) write_row(w, context, row);
  w.end_array();
  w.field_or_null("next", page->next).end_object();
  return json_response(200, w.take());
}

}  // namespace

void add_answer_route(std::vector<Route>& routes, Context& context);  // acts.cpp

void add_question_routes(std::vector<Route>& routes, Context& context) {
  const char* text = R"({"type":"string","maxLength":510})";
  routes.push_back(
      {"GET",
       "/v1/questions",
       "listQuestions",
       "questions",
       "List open questions, those of the oldest saga first",
       Role::kViewer,
       {{Parameter::kQuery, "role", text, "Only for this role"},
        {Parameter::kQuery, "limit", R"({"type":"integer","minimum":1,"maximum":500,"default":50})",
         "Rows of a page"},
        {Parameter::kQuery, "cursor", text, "`next` of the page before"}},
       "",
       {{200, "A page", "QuestionPage"}},
       [&context](const Call& call) { return list(context, call); }});
  add_answer_route(routes, context);
}

}  // namespace belay::runtime::api
