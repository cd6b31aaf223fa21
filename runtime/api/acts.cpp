// What people do to a saga: cancel, pause, resume, and on a step retry, skip, resolve. An act needs
// a reason, applies to the state that was shown (If-Match) and at most once (Idempotency-Key); with
// dry_run=true it only tells what it would do. A refusal comes with what may be done instead and a
// fresh preview (promise 15).
#include <algorithm>

#include "dsl/diagnostic.h"
#include "runtime/api/api.h"
#include "runtime/api/private_fields.h"
#include "runtime/api/saga_json.h"
#include "runtime/base/ids.h"
#include "runtime/base/limits.h"

namespace belay::runtime::api {

using namespace interpreter;

namespace {

std::optional<Direction> parse_direction(std::string_view text) {
  for (const Direction d :
       {Direction::kForward, Direction::kCheck, Direction::kUndo, Direction::kUndoCheck}) {
    if (text == name(d)) return d;
  }
  return std::nullopt;
}

// The call that an act means when it does not say: the one that may be acted on so, else the one
// that is held.
Direction default_direction(const SagaView& view, const std::string& act, const Path& path) {
  const std::string text = path_text(*view.graph, path);
  for (const AllowedAct& allowed : allowed_acts(*view.graph, view.state)) {
    if (allowed.act == act && allowed.path == text) return allowed.direction;
  }
  for (const Activity& activity : view.state.activities) {
    if (activity.path != path) continue;
    if (activity.undo.phase == CallPhase::kHeld) return Direction::kUndo;
    if (activity.undo_check.phase == CallPhase::kHeld) return Direction::kUndoCheck;
    if (activity.check.phase == CallPhase::kHeld) return Direction::kCheck;
  }
  return Direction::kForward;
}

// Everything that a refused act is told about the saga as it is now.
HttpResponse with_state(Problem problem, const SagaView& view, const Fact* fact) {
  problem.members.emplace_back("seq", std::to_string(view.state.seq));
  problem.members.emplace_back("allowed_actions",
                               allowed_json(view.row.id, *view.graph, view.state));
  if (fact != nullptr) {
    problem.members.emplace_back(
        "preview", preview_json(preview(*view.graph, view.state, *fact, view.row.id)));
  }
  problem.headers.emplace_back("ETag", etag(view.state.seq));
  return to_response(problem);
}

struct Asked {  // an act as it was asked for
  std::string act;
  std::string path;  // as written in the address; empty for acts on the whole saga
  Value body;
};

// The fields that the result of a call must have; an undo's and a check's too.
std::vector<Field> outcome_fields(const Graph& graph, const Path& path, Direction direction) {
  const Node& node = graph.nodes[path.node];
  if (node.kind == NodeKind::kWait && direction == Direction::kForward) {
    const EventType* event = event_of(graph, node.event);
    return event == nullptr ? std::vector<Field>() : event->fields;
  }
  const Action* action = action_of(graph, path, direction);
  return action == nullptr ? std::vector<Field>() : result_fields(*action);
}

Read<Value> outcome(const SagaView& view, const Asked& asked, const char* field, const Path& path,
                    Direction direction) {
  const Value* given = asked.body.find(field);
  if (given == nullptr && direction != Direction::kForward) return Value();
  return typed(given == nullptr ? Value::map({}) : *given,
               outcome_fields(*view.graph, path, direction), field);
}

Read<Fact> step_fact(const HttpRequest& request, const SagaView& view, const Asked& asked) {
  const Graph& graph = *view.graph;
  OperatorActed fact;
  fact.path = parse_path(graph, asked.path);
  if (fact.path.node == kNoNode) {
    std::vector<std::string> names;
    for (const Node& node : graph.nodes) names.push_back(node.name);
    const std::string near = dsl::nearest(asked.path, names);
    return tl::unexpected<HttpResponse>(refuse(404, "not_found",
                                               "the saga has no step with this path",
                                               near.empty() ? "" : "did you mean `" + near + "`?"));
  }
  std::string direction = text_field(asked.body, "direction");
  if (const std::string* said = query(request, "direction"); direction.empty() && said != nullptr)
    direction = *said;
  if (direction.empty()) {
    fact.direction = default_direction(view, asked.act, fact.path);
  } else if (const std::optional<Direction> d = parse_direction(direction)) {
    fact.direction = *d;
  } else {
    return tl::unexpected<HttpResponse>(
        refuse(400, "malformed", "`direction` must be do, check, undo or undo-check"));
  }
  if (asked.act == "retry") {
    fact.act = OperatorAct::kRetry;
  } else if (asked.act == "skip") {
    fact.act = OperatorAct::kSkip;
    Read<Value> output = outcome(view, asked, "output", fact.path, fact.direction);
    if (!output) return tl::unexpected<HttpResponse>(std::move(output.error()));
    fact.output = std::move(*output);
  } else {
    fact.act = OperatorAct::kResolve;
    fact.happened = asked.body.find("happened")->as_bool();
    fact.evidence = text_field(asked.body, "evidence");
    if (fact.happened) {
      Read<Value> result = outcome(view, asked, "result", fact.path, fact.direction);
      if (!result) return tl::unexpected<HttpResponse>(std::move(result.error()));
      fact.output = std::move(*result);
    } else if (asked.body.find("result") != nullptr) {
      return tl::unexpected<HttpResponse>(refuse(422, "invalid",
                                                 "what did not happen has no result",
                                                 "leave `result` out, or say `happened: true`"));
    }
  }
  return Fact(std::move(fact));
}

Read<Fact> fact_of(const HttpRequest& request, const SagaView& view, const Asked& asked) {
  if (asked.act == "cancel") return Fact(CancelAsked{});
  OperatorActed fact;
  if (asked.act == "pause")
    fact.act = OperatorAct::kPause;
  else if (asked.act == "resume")
    fact.act = OperatorAct::kResume;
  else
    return step_fact(request, view, asked);
  return Fact(std::move(fact));
}

std::vector<BodyField> body_fields(const std::string& act) {
  std::vector<BodyField> fields = {{"reason", BodyField::kText, true}};
  if (act == "retry" || act == "skip" || act == "resolve")
    fields.push_back({"direction", BodyField::kText});
  if (act == "skip") fields.push_back({"output", BodyField::kAny});
  if (act == "resolve") {
    fields.push_back({"happened", BodyField::kBool, true});
    fields.push_back({"result", BodyField::kAny});
    fields.push_back({"evidence", BodyField::kText, true});
  }
  return fields;
}

// What makes two requests the same one: what was asked for, not what it means by now (the call that
// is held may be another one when the request comes again).
std::string digest_of(const HttpRequest& request, const SagaId& saga, const Asked& asked) {
  const std::string* direction = query(request, "direction");
  std::string bytes = saga + '\n' + asked.act + '\n' + asked.path + '\n' +
                      (direction == nullptr ? "" : *direction) + '\n';
  append_canonical(asked.body, bytes);
  return sha256_hex(bytes);
}

// `before` is null for one that was quarantined.
HttpResponse done(Context& context, const Call& call, const Asked& asked, const Fact& fact,
                  const SagaId& saga, const SagaView* before, const ActReply& reply, bool dry_run) {
  JsonWriter w;
  w.begin_object().field("id", saga).field("act", asked.act).field_unless_empty("path", asked.path);
  if (const auto* acted = std::get_if<OperatorActed>(&fact);
      acted != nullptr && acted->path.node != kNoNode) {
    w.field("direction", name(acted->direction));
  }
  w.field("dry_run", dry_run).field("repeated", reply.repeated).field("seq", reply.seq);
  w.raw_field("preview", preview_json(reply.preview));
  // After the act: what became of it so far. Not being able to read it back is no reason to call
  // the act failed.
  Result<SagaView> after = dry_run && before != nullptr
                               ? Result<SagaView>(*before)
                               : context.engine.view(call.who.tenant, saga);
  std::uint64_t seq = reply.seq;
  if (after) {
    const Summary now = summary(*after->graph, after->state);
    w.field("status", name(after->state.status))
        .field("health", name(now.health))
        .field("waiting_on", now.waiting_on);
    w.raw_field("allowed_actions", allowed_json(saga, *after->graph, after->state));
    seq = std::max(seq, after->state.seq);
  }
  w.end_object();
  HttpResponse response = json_response(200, w.take());
  set_header(response, "ETag", etag(seq));
  return response;
}

// Of a quarantined saga, the one act that it takes: it is read again and taken up where it was.
HttpResponse take_up_again(Context& context, const Call& call, const Asked& asked,
                           const InstanceRow& row, ActRequest wish) {
  OperatorActed resume;
  resume.act = OperatorAct::kResume;
  const Fact fact(std::move(resume));
  wish.saga = row.id;
  wish.fact = [fact](const Graph&) { return Result<Fact>(fact); };
  wish.request_digest = digest_of(call.http, row.id, asked);
  wish.take_up_again = true;
  const bool dry_run = wish.dry_run;
  if (!dry_run && !wish.if_match) {
    Problem no =
        problem(428, "precondition_required", "an act applies to the state that was shown to you",
                "send `If-Match` with the ETag of this answer; `dry_run=true` tells "
                "whether it can be read again");
    no.headers.emplace_back("ETag", etag(row.seq));
    return to_response(no);
  }
  Result<ActReply> reply = context.engine.act(std::move(wish));
  if (reply) return done(context, call, asked, fact, row.id, nullptr, *reply, dry_run);
  Problem no = problem(reply.error());
  if (no.status == 409 || no.status == 412) {
    no.members.emplace_back("seq", std::to_string(row.seq));
    no.members.emplace_back("allowed_actions", quarantined_allowed_json(row.id));
    no.headers.emplace_back("ETag", etag(row.seq));
  }
  return to_response(no);
}

// Of an act that the engine has refused: what is allowed instead.
HttpResponse refused(Context& context, const Call& call, const Failure& failure, const SagaId& saga,
                     const Fact* fact) {
  Problem no = problem(failure);
  if (no.status != 409 && no.status != 412) return to_response(no);
  if (Result<SagaView> now = context.engine.view(call.who.tenant, saga))
    return with_state(std::move(no), *now, fact);
  return to_response(no);
}

HttpResponse act(Context& context, const Call& call, const std::string& act_name) {
  Read<ActTerms> terms = act_terms(call.http);
  if (!terms) return std::move(terms.error());
  Read<Value> request = body(call.http, body_fields(act_name));
  if (!request) return std::move(request.error());
  Asked asked{act_name, call.http.params.count("path") > 0 ? hole(call.http, "path") : "",
              std::move(*request)};
  Read<std::string> reason = reason_of(asked.body);
  if (!reason) return std::move(reason.error());
  if (!is_clean(text_field(asked.body, "evidence"), limits::reason_bytes_max)) {
    return refuse(422, "invalid",
                  "`evidence` must be a line of text, at most " +
                      std::to_string(limits::reason_bytes_max) + " bytes");
  }
  ActRequest wish;
  wish.tenant = call.who.tenant;
  wish.if_match = terms->if_match;
  wish.idempotency_key = std::move(terms->idempotency_key);
  wish.actor = call.who.actor;
  wish.reason = *reason;
  wish.dry_run = terms->dry_run;
  Read<SagaView> view = find_saga(context, call);
  if (!view) {
    if (act_name == "resume" && view.error().status == 409) {
      if (const auto row = quarantined_row(context, call))
        return take_up_again(context, call, asked, *row, std::move(wish));
    }
    return std::move(view.error());
  }
  Read<Fact> fact = fact_of(call.http, *view, asked);
  if (!fact) return std::move(fact.error());
  if (!terms->dry_run && !terms->if_match) {
    return with_state(
        problem(428, "precondition_required", "an act applies to the state that was shown to you",
                "look at the preview here, then send `If-Match` with the ETag of this answer; "
                "`dry_run=true` gives the same without a problem"),
        *view, &*fact);
  }

  wish.saga = view->row.id;
  // A copy: when the answer takes too long, the engine still asks for it later.
  wish.fact = [fact = *fact, hash = view->graph->hash](const Graph& now) -> Result<Fact> {
    if (now.hash == hash) return fact;
    return fail(ErrorCode::kStale, "the saga goes by another definition since", "look again");
  };
  wish.request_digest = digest_of(call.http, view->row.id, asked);
  Result<ActReply> reply = context.engine.act(std::move(wish));
  if (reply) return done(context, call, asked, *fact, view->row.id, &*view, *reply, terms->dry_run);
  return refused(context, call, reply.error(), view->row.id, &*fact);
}

// Without If-Match: a question is answered once, whatever else the saga does meanwhile.
HttpResponse answer(Context& context, const Call& call) {
  Read<ActTerms> terms = act_terms(call.http);
  if (!terms) return std::move(terms.error());
  const std::string* reason = query(call.http, "reason");
  Read<SagaView> view = find_saga(context, call);
  if (!view) return std::move(view.error());
  const Graph& graph = *view->graph;
  const Path path = parse_path(graph, hole(call.http, "path"));
  if (path.node == kNoNode || graph.nodes[path.node].kind != NodeKind::kAsk) {
    std::vector<std::string> names;
    for (const Node& node : graph.nodes) {
      if (node.kind == NodeKind::kAsk) names.push_back(node.name);
    }
    const std::string near = dsl::nearest(hole(call.http, "path"), names);
    return refuse(404, "not_found", "the saga has no question with this path",
                  near.empty() ? "" : "did you mean `" + near + "`?");
  }
  const Node& node = graph.nodes[path.node];
  if (!call.who.may_answer_for(node.role)) {
    return refuse(403, "forbidden", "this question is for the role `" + node.role + "`",
                  "an operator may answer it, or a key made with `--may-answer " + node.role + "`");
  }
  std::vector<BodyField> fields;
  for (const Field& field : node.answers) fields.push_back({field.name.c_str(), BodyField::kAny});
  Read<Value> given = body(call.http, fields);
  if (!given) return std::move(given.error());
  Read<Value> value = typed(*given, node.answers, "");
  if (!value) return std::move(value.error());

  const Asked asked{"answer", path_text(graph, path), std::move(*given)};
  const Fact fact(AnswerGiven{path, std::move(*value)});
  ActRequest wish;
  wish.tenant = call.who.tenant;
  wish.saga = view->row.id;
  wish.if_match = terms->if_match;
  wish.idempotency_key = std::move(terms->idempotency_key);
  wish.actor = call.who.actor;
  wish.reason = reason == nullptr ? std::string() : *reason;
  wish.dry_run = terms->dry_run;
  wish.fact = [fact](const Graph&) { return Result<Fact>(fact); };
  wish.request_digest = digest_of(call.http, view->row.id, asked);
  Result<ActReply> reply = context.engine.act(std::move(wish));
  if (reply) return done(context, call, asked, fact, view->row.id, &*view, *reply, terms->dry_run);
  return refused(context, call, reply.error(), view->row.id, &fact);
}

}  // namespace

void add_answer_route(std::vector<Route>& routes, Context& context) {
  Route& route = routes.emplace_back();
  route.method = "POST";
  route.pattern = "/v1/sagas/{id}/questions/{path}/answer";
  route.id = "answerQuestion";
  route.tag = "questions";
  route.summary =
      "Answer an open question. For operators, and for keys that may answer for its role; a second "
      "answer is refused";
  route.role = Role::kViewer;
  route.parameters = {
      {Parameter::kPath, "id", R"({"type":"string","format":"uuid"})", "The saga's id", true},
      {Parameter::kPath, "path", R"({"type":"string"})", "The question's path, percent-encoded",
       true},
      {Parameter::kQuery, "dry_run", R"({"type":"boolean","default":false})",
       "Only tell what would happen"},
      {Parameter::kQuery, "reason", R"({"type":"string","maxLength":510})",
       "Kept in the history, beside who answered"},
      {Parameter::kHeader, "If-Match", R"({"type":"string","examples":["\"12\""]})",
       "The ETag of the saga as it was shown; may be left out"},
      {Parameter::kHeader, "Idempotency-Key", R"({"type":"string","maxLength":255})",
       "The same key with the same body answers once"}};
  route.request = "Fields";
  route.answers = {{200, "Answered (or what would follow)", "ActReply"}};
  route.handler = [&context](const Call& call) { return answer(context, call); };
}

void add_act_routes(std::vector<Route>& routes, Context& context) {
  struct Row {
    const char* act;
    bool on_step;
    const char* id;
    const char* request;
    const char* summary;
  };
  static constexpr Row kRows[] = {
      {"cancel", false, "cancelSaga", "Reason",
       "Undo everything that was done. Refused past the point of no return"},
      {"pause", false, "pauseSaga", "Reason",
       "Send nothing more until it is resumed; outcomes are still recorded"},
      {"resume", false, "resumeSaga", "Reason",
       "Go on after a pause, or take up again what was quarantined"},
      {"retry", true, "retryStep", "StepAct", "Try a held or waiting call again, now"},
      {"skip", true, "skipStep", "Skip", "Go on as if the call had given this output"},
      {"resolve", true, "resolveStep", "Resolve",
       "Say whether an unsure call happened, with the evidence"},
  };
  for (const Row& row : kRows) {
    Route& route = routes.emplace_back();
    route.method = "POST";
    route.pattern =
        std::string("/v1/sagas/{id}") + (row.on_step ? "/steps/{path}/" : "/") + row.act;
    route.id = row.id;
    route.tag = "acts";
    route.summary = row.summary;
    route.role = Role::kOperator;
    route.parameters = {
        {Parameter::kPath, "id", R"({"type":"string","format":"uuid"})", "The saga's id", true},
        {Parameter::kQuery, "dry_run", R"({"type":"boolean","default":false})",
         "Only tell what would happen"},
        {Parameter::kHeader, "If-Match", R"({"type":"string","examples":["\"12\""]})",
         "The ETag of the saga as it was shown; needed unless dry_run"},
        {Parameter::kHeader, "Idempotency-Key", R"({"type":"string","maxLength":255})",
         "The same key with the same body acts once"}};
    if (row.on_step) {
      route.parameters.push_back(
          {Parameter::kPath, "path", R"({"type":"string"})",
           "The step's path, for example `capture` or `items[3].charge`, percent-encoded", true});
      route.parameters.push_back(
          {Parameter::kQuery, "direction", R"({"enum":["do","check","undo","undo-check"]})",
           "Which of the step's calls; when it is not said: the one that is held"});
    }
    route.request = row.request;
    route.answers = {{200, "Done (or what would be done), and what was known before", "ActReply"}};
    route.handler = [&context, act_name = std::string(row.act)](const Call& call) {
      return act(context, call, act_name);
    };
  }
}

}  // namespace belay::runtime::api
