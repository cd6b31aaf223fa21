// Each statement survives kill -9 at each of its checkpoints. A story is told once without a crash;
// then once for every flush with the process killed right after that flush was committed, and once
// with it killed before the acknowledgement was seen. Whenever it died, the story ends the same: in
// the journal and in the world's own book.
#include "tests/runtime/crash_stage.h"
#include "tests/runtime/crash_workflows.h"

using namespace belay::testing;

namespace {

using Ack = std::shared_ptr<CrashStage::Ack>;
using Move = CrashStage::Move;
using Fields = std::vector<std::pair<std::string, Value>>;
using Ready = std::function<bool(CrashStage&)>;

// Whether a request was refused for good, or may be sent again.
template <class Reply>
void answer(const Ack& ack, const Result<Reply>& reply) {
  if (!reply) {
    switch (reply.error().code) {
      case ErrorCode::kInDoubt:
      case ErrorCode::kUnavailable:
      case ErrorCode::kOverloaded:
      case ErrorCode::kFenced:
      case ErrorCode::kShuttingDown: ack->unknown = true; return;
      default: ack->refused = std::string(to_string(reply.error().code));
    }
  }
  ack->answered = true;
}

bool at_once(CrashStage&) { return true; }
// Quiet: nothing is on its way between lanes.
Ready subscribed(std::size_t count) {
  return [count](CrashStage& stage) {
    const auto counts = stage.bench().store.counts();
    return counts.subscriptions == count && counts.mail == 0;
  };
}
Ready waits(const std::string& alias, const std::string& what) {
  return [=](CrashStage& stage) {
    const auto row = stage.row(alias);
    return row && row->waiting_on.find(what) != std::string::npos;
  };
}
Ready health(const std::string& alias, const std::string& health) {
  return [=](CrashStage& stage) {
    const auto row = stage.row(alias);
    return row && row->health == health;
  };
}
Ready ended(const std::string& alias) {
  return [=](CrashStage& stage) {
    const auto row = stage.row(alias);
    return row && row->ended_at && stage.bench().store.counts().mail == 0;
  };
}

Move start(const std::string& workflow, Fields fields, const std::string& alias = "it",
           Ready ready = at_once) {
  return {"start " + alias, std::move(ready),
          [=](CrashStage& stage, Ack ack) {
            StartRequest request;
            request.tenant = "acme";
            request.workflow = workflow;
            request.input = interpreter::record(fields);
            request.idempotency_key = "start-" + alias;
            request.actor = "key:test";
            stage.bench().engine->start(request, [ack](Result<StartReply> reply) {
              if (reply) ack->saga = reply->saga;
              answer(ack, reply);
            });
          },
          alias};
}
Move publish(const std::string& key, int amount, Ready ready) {
  return {"publish " + key, std::move(ready),
          [=](CrashStage& stage, Ack ack) {
            const std::string id = "event-" + key + std::to_string(amount);
            stage.bench().engine->publish(
                paid_request(key, amount, id),
                [ack](Result<PublishReply> reply) { answer(ack, reply); });
          },
          ""};
}
Move act(const std::string& what, const std::string& alias, Ready ready,
         std::function<interpreter::Fact(const interpreter::Graph&)> fact) {
  return {what, std::move(ready),
          [=](CrashStage& stage, Ack ack) {
            ActRequest request;
            request.tenant = "acme";
            request.saga = stage.saga(alias);
            request.fact = [fact](const interpreter::Graph& graph) {
              return Result<interpreter::Fact>(fact(graph));
            };
            request.request_digest = what;
            request.idempotency_key = "act-" + what;
            request.actor = "key:anna";
            request.reason = "they said so";
            stage.bench().engine->act(request,
                                      [ack](Result<ActReply> reply) { answer(ack, reply); });
          },
          ""};
}
Move cancel(const std::string& alias, Ready ready) {
  return act("cancel " + alias, alias, std::move(ready),
             [](const interpreter::Graph&) { return interpreter::CancelAsked{}; });
}
Move decide(bool granted) {
  return act("answer", "it", waits("it", "an answer"), [=](const interpreter::Graph& graph) {
    interpreter::AnswerGiven given;
    given.path = interpreter::parse_path(graph, "approve");
    given.answer =
        interpreter::record({{"granted", Value::boolean(granted)}, {"why", Value::string("so")}});
    return given;
  });
}
Move skip(const std::string& path, Fields output) {
  return act("skip " + path, "it", health("it", "held"), [=](const interpreter::Graph& graph) {
    interpreter::OperatorActed skipped;
    skipped.act = interpreter::OperatorAct::kSkip;
    skipped.path = interpreter::parse_path(graph, path);
    skipped.output = interpreter::record(output);
    return skipped;
  });
}
Move pass_two_days(Ready ready) {
  return {"two days pass", std::move(ready),
          [](CrashStage& stage, Ack ack) {
            stage.bench().store.advance(2LL * 24 * 3600 * 1'000'000);
            ack->answered = true;
          },
          ""};
}

Value text(const char* s) { return Value::string(s); }
Value texts(std::vector<const char*> items) {
  std::vector<Value> values;
  for (const char* item : items) values.push_back(text(item));
  return Value::list(std::move(values));
}

struct Story {
  const char* what;
  std::vector<std::string> workflows;
  std::vector<Move> moves;
  std::vector<std::string> ends;  // status of each saga, sorted
};

std::vector<interpreter::Graph> graphs_of(const std::vector<std::string>& workflows) {
  static const std::vector<interpreter::Graph> all = compile_with_shop(kCrashWorkflows);
  std::vector<interpreter::Graph> graphs;
  for (const interpreter::Graph& graph : all) {
    if (std::find(workflows.begin(), workflows.end(), graph.workflow) != workflows.end())
      graphs.push_back(graph);
  }
  REQUIRE(graphs.size() == workflows.size());
  return graphs;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string all;
  for (const std::string& line : lines) all += line + "\n";
  return all;
}

void check(const Story& story) {
  INFO(story.what);
  const auto graphs = graphs_of(story.workflows);
  std::vector<std::string> expected;
  std::map<std::string, CrashWorld::Effect> book;
  {
    CrashStage stage(graphs, {});
    stage.play(story.moves);
    expected = stage.outcome();
    book = stage.world().book();
    std::vector<std::string> ends;
    for (const SagaId& id : stage.bench().store.sagas())
      ends.push_back(stage.bench().store.instance(id)->status);
    std::sort(ends.begin(), ends.end());
    INFO(joined(expected));
    REQUIRE(ends == story.ends);
    CHECK(stage.bench().store.counts().subscriptions == 0);
    CHECK(stage.world().wrongs().empty());
  }
  // How the n-th of its deaths goes, until it is over before that comes.
  const std::vector<std::pair<const char*, std::function<std::vector<Death>(int)>>> ways{
      {"flush, not acknowledged", [](int n) { return std::vector<Death>{{.flush = n}}; }},
      {"flush, acknowledged",
       [](int n) { return std::vector<Death>{{.flush = n, .acknowledged = true}}; }},
      {"call", [](int n) { return std::vector<Death>{{.call = n}}; }},
      {"flush, and again while it was taken up",
       [](int n) {
         return std::vector<Death>{
             {.flush = n, .acknowledged = true},
             {.flush = n % 3, .acknowledged = n % 2 == 0, .call = n % 3 == 0 ? 1 : 0}};
       }},
  };
  int died = 0;
  for (const auto& [way, deaths] : ways) {
    for (int n = 1;; ++n) {
      INFO("killed after " << way << ": " << n);
      REQUIRE(n < 80);
      CrashStage stage(graphs, deaths(n));
      stage.play(story.moves);
      const bool lived = stage.restarts() == 0;
      if (lived) {  // then it is killed when all is over
        stage.restart(false);
        REQUIRE(stage.over());
      }
      REQUIRE(joined(stage.outcome()) == joined(expected));
      for (const auto& [what, effect] : stage.world().book()) {
        INFO(what);
        const auto before = book.find(what);
        // What was on its way when others were enough may be done, and undone, in one run and not
        // in the other.
        CHECK(effect.done.size() <=
              std::max<std::size_t>(before == book.end() ? 1 : before->second.done.size(), 1));
        CHECK(effect.undone.size() <= 1);
      }
      if (lived) break;
      ++died;
    }
  }
  CHECK(died >= 4);
}

}  // namespace

TEST_CASE("crash: steps, a pause, the point of no return") {
  check({"all goes well",
         {"plain"},
         {start("plain", {{"a", text("a")}, {"card", text("c")}})},
         {"completed"}});
  check({"declined",
         {"plain"},
         {start("plain", {{"a", text("a")}, {"card", text("no_c")}})},
         {"compensated"}});
  check({"tried again, and unsure",
         {"plain"},
         {start("plain", {{"a", text("shaky")}, {"card", text("unsure")}})},
         {"completed"}});
  check({"an undo that is tried again",
         {"plain"},
         {start("plain", {{"a", text("sticky")}, {"card", text("no_c")}})},
         {"compensated"}});
  check({"cancelled in its pause",
         {"plain"},
         {start("plain", {{"a", text("unsure")}, {"card", text("no_c")}}),
          cancel("it", waits("it", "pause"))},
         {"compensated"}});
}

TEST_CASE("crash: together, waiting for any") {
  const Fields fields{{"a", text("a")}, {"b", text("b")}, {"card", text("c")}};
  const Fields declined{{"a", text("a")}, {"b", text("b")}, {"card", text("no_c")}};
  const Fields one_fails{{"a", text("a")}, {"b", text("no_b")}, {"card", text("c")}};
  check({"the other is undone",
         {"any_of_two"},
         {start("any_of_two", fields), publish("a", 1, subscribed(2))},
         {"completed"}});
  check({"one fails",
         {"any_of_two"},
         {start("any_of_two", one_fails), publish("a", 1, subscribed(1))},
         {"completed"}});
  check({"declined afterwards",
         {"any_of_two"},
         {start("any_of_two", declined), publish("b", 1, subscribed(2))},
         {"compensated"}});
  check({"too late",
         {"any_of_two"},
         {start("any_of_two", fields), pass_two_days(subscribed(2))},
         {"compensated"}});
  check({"cancelled",
         {"any_of_two"},
         {start("any_of_two", fields), cancel("it", subscribed(2))},
         {"compensated"}});
  check({"both on their way",
         {"race"},
         {start("race", {{"a", text("a")}, {"b", text("b")}})},
         {"completed"}});
  check({"one refused",
         {"race"},
         {start("race", {{"a", text("no_a")}, {"b", text("b")}})},
         {"completed"}});
  check({"both refused",
         {"race"},
         {start("race", {{"a", text("no_a")}, {"b", text("no_b")}})},
         {"compensated"}});
}

TEST_CASE("crash: together, waiting for some") {
  const auto fields = [](const char* a, const char* b, const char* c, const char* card) {
    return Fields{{"a", text(a)}, {"b", text(b)}, {"c", text(c)}, {"card", text(card)}};
  };
  check({"two are there",
         {"two_of_three"},
         {start("two_of_three", fields("a", "b", "c", "p"))},
         {"completed"}});
  check(
      {"one fails and is undone alone",
       {"two_of_three"},
       {start("two_of_three", fields("no_a", "b", "c", "p")), pass_two_days(waits("it", "pause"))},
       {"completed"}});
  check({"two fail",
         {"two_of_three"},
         {start("two_of_three", fields("no_a", "no_b", "sticky", "p"))},
         {"compensated"}});
  check({"declined afterwards",
         {"two_of_three"},
         {start("two_of_three", fields("no_a", "b", "c", "no_p")),
          pass_two_days(waits("it", "pause"))},
         {"compensated"}});
}

TEST_CASE("crash: for each, tolerating, collecting") {
  const auto fields = [](std::vector<const char*> items, const char* card) {
    return Fields{{"items", texts(std::move(items))}, {"card", text(card)}};
  };
  check({"all held", {"each"}, {start("each", fields({"a", "b", "c"}, "p"))}, {"completed"}});
  check({"one fails and is undone alone",
         {"each"},
         {start("each", fields({"a", "no_b", "c"}, "p"))},
         {"completed"}});
  check({"one too many fails",
         {"each"},
         {start("each", fields({"a", "no_b", "c", "no_d"}, "p"))},
         {"compensated"}});
  check({"declined afterwards",
         {"each"},
         {start("each", fields({"a", "no_b", "sticky"}, "no_p"))},
         {"compensated"}});
  check({"none at all", {"each"}, {start("each", fields({}, "p"))}, {"completed"}});
}

TEST_CASE("crash: repeat") {
  check({"granted",
         {"rounds"},
         {start("rounds", {{"a", text("visa")}, {"card", text("p")}})},
         {"completed"}});
  check({"used up",
         {"rounds"},
         {start("rounds", {{"a", text("never")}, {"card", text("p")}})},
         {"compensated"}});
  check({"declined afterwards",
         {"rounds"},
         {start("rounds", {{"a", text("visa")}, {"card", text("no_p")}})},
         {"compensated"}});
}

TEST_CASE("crash: repeat, with what follows when the rounds are used up") {
  const auto fields = [](const char* a, const char* card) {
    return Fields{{"a", text(a)}, {"card", text(card)}};
  };
  check({"carried on", {"rounds_or"}, {start("rounds_or", fields("never", "p"))}, {"completed"}});
  check({"declined afterwards",
         {"rounds_or"},
         {start("rounds_or", fields("never", "no_p"))},
         {"compensated"}});
  check({"given up, and handled",
         {"rounds_tried"},
         {start("rounds_tried", fields("never", "p"))},
         {"completed"}});
}

TEST_CASE("crash: wait for all of, wait for any of") {
  const Fields fields{{"a", text("a")}, {"b", text("b")}, {"card", text("p")}};
  const Fields declined{{"a", text("a")}, {"b", text("b")}, {"card", text("no_p")}};
  check({"both come",
         {"all_papers"},
         {start("all_papers", fields), publish("b", 2, subscribed(2)), publish("a", 1, at_once)},
         {"completed"}});
  check({"one came before",
         {"all_papers"},
         {publish("b", 2, at_once), start("all_papers", fields),
          publish("a", 1, waits("it", "shop.paid"))},
         {"completed"}});
  check(
      {"one comes, the other does not",
       {"all_papers"},
       {start("all_papers", fields), publish("b", 2, subscribed(2)), pass_two_days(subscribed(1))},
       {"compensated"}});
  check({"declined afterwards",
         {"all_papers"},
         {start("all_papers", declined), publish("a", 1, subscribed(2)), publish("b", 2, at_once)},
         {"compensated"}});
  check({"the first is enough",
         {"any_money"},
         {start("any_money", fields), publish("b", 2, subscribed(2))},
         {"completed"}});
  check({"none comes",
         {"any_money"},
         {start("any_money", fields), pass_two_days(subscribed(2))},
         {"compensated"}});
  check({"declined after the first",
         {"any_money"},
         {start("any_money", declined), publish("a", 2, subscribed(2))},
         {"compensated"}});
}

TEST_CASE("crash: ask") {
  const Fields fields{{"a", text("a")}, {"card", text("p")}};
  check({"yes", {"question"}, {start("question", fields), decide(true)}, {"completed"}});
  check({"no", {"question"}, {start("question", fields), decide(false)}, {"compensated"}});
  check({"nobody answers",
         {"question"},
         {start("question", fields), pass_two_days(waits("it", "an answer"))},
         {"compensated"}});
  check({"yes, and declined",
         {"question"},
         {start("question", {{"a", text("a")}, {"card", text("no_p")}}), decide(true)},
         {"compensated"}});
}

TEST_CASE("crash: run, and run without waiting") {
  const auto fields = [](const char* a, const char* b, const char* card) {
    return Fields{{"a", text(a)}, {"b", text(b)}, {"card", text(card)}};
  };
  const std::vector<std::string> workflows{"trip", "stay", "greet"};
  check({"all goes well",
         workflows,
         {start("trip", fields("a", "b", "p"))},
         {"completed", "completed", "completed"}});
  check({"the child fails",
         workflows,
         {start("trip", fields("a", "no_b", "p"))},
         {"compensated", "compensated", "completed"}});
  check({"the parent fails after it",
         workflows,
         {start("trip", fields("sticky", "b", "no_p"))},
         {"compensated", "compensated", "completed"}});
}

TEST_CASE("crash: run, where the child is stopped on its way") {
  const auto fields = [](const char* card) {
    return Fields{{"a", text("a")}, {"b", text("b")}, {"card", text(card)}};
  };
  const std::vector<std::string> workflows{"rival", "slow_stay"};
  check({"it wins",
         workflows,
         {start("rival", fields("p")), publish("a", 1, subscribed(2))},
         {"completed", "completed"}});
  check({"it loses",
         workflows,
         {start("rival", fields("p")), publish("b", 1, subscribed(2))},
         {"compensated", "completed"}});
  check({"it wins, and is undone",
         workflows,
         {start("rival", fields("no_p")), publish("a", 1, subscribed(2))},
         {"compensated", "compensated"}});
  check({"its parent is cancelled",
         workflows,
         {start("rival", fields("p")), cancel("it", subscribed(2))},
         {"compensated", "compensated"}});
  check({"it is too late",
         workflows,
         {start("rival", fields("p")), pass_two_days(subscribed(2))},
         {"compensated", "compensated"}});
}

TEST_CASE("crash: run, where the child stands in line") {
  const std::vector<std::string> workflows{"line_trip", "in_line"};
  const auto fields = [](const char* card) {
    return Fields{{"a", text("a")}, {"card", text(card)}};
  };
  const auto first = start("line_trip", fields("p1")),
             second = start("line_trip", fields("p2"), "next", subscribed(1));
  check({"one after the other",
         workflows,
         {first, second, publish("p1", 1, subscribed(1)), publish("p2", 1, subscribed(1))},
         {"completed", "completed", "completed", "completed"}});
  const Ready in_line = [](CrashStage& stage) { return stage.bench().store.counts().turns == 2; };
  check({"the second is cancelled",
         workflows,
         {first, second, cancel("next", in_line), publish("p1", 1, ended("next"))},
         {"compensated", "compensated", "completed", "completed"}});
}

TEST_CASE("crash: statements in loops") {
  const auto fields = [](std::vector<const char*> items, const char* card) {
    return Fields{{"items", texts(std::move(items))}, {"card", text(card)}};
  };
  const std::vector<std::string> runs{"each_stay", "stay"};
  check({"a try in each",
         {"each_try"},
         {start("each_try", fields({"a", "no_b", "c"}, "p"))},
         {"completed"}});
  check({"a try in each, undone",
         {"each_try"},
         {start("each_try", fields({"a", "no_b"}, "no_p"))},
         {"compensated"}});
  check({"a child in each",
         runs,
         {start("each_stay", fields({"a", "no_b", "c"}, "p"))},
         {"compensated", "completed", "completed", "completed"}});
  check({"a child in each, undone",
         runs,
         {start("each_stay", fields({"a", "b"}, "no_p"))},
         {"compensated", "compensated", "compensated"}});
}

TEST_CASE("crash: try") {
  const auto fields = [](const char* a, const char* b, const char* c, const char* card) {
    return Fields{{"a", text(a)}, {"b", text(b)}, {"c", text(c)}, {"card", text(card)}};
  };
  check({"the body does",
         {"attempt"},
         {start("attempt", fields("a", "b", "c", "p"))},
         {"completed"}});
  check({"the handler does",
         {"attempt"},
         {start("attempt", fields("sticky", "no_b", "c", "p"))},
         {"completed"}});
  check({"neither does",
         {"attempt"},
         {start("attempt", fields("a", "no_b", "no_c", "p"))},
         {"compensated"}});
  check({"declined after the handler",
         {"attempt"},
         {start("attempt", fields("a", "no_b", "c", "no_p"))},
         {"compensated"}});
}

TEST_CASE("crash: acts in handlers") {
  const auto fields = [](const char* card, const char* how) {
    return Fields{{"a", text("a")}, {"card", text(card)}, {"how", text(how)}};
  };
  const auto paid = publish("a", 1, waits("it", "shop.paid"));
  check({"carried on with",
         {"acts"},
         {start("acts", fields("no_p", "carry on")), paid},
         {"completed"}});
  check({"tried again", {"acts"}, {start("acts", fields("moody", "again")), paid}, {"completed"}});
  check(
      {"tried again in vain", {"acts"}, {start("acts", fields("no_p", "again"))}, {"compensated"}});
  check({"handed to people",
         {"acts"},
         {start("acts", fields("no_p", "hand")), skip("pay", {{"id", text("cash")}}), paid},
         {"completed"}});
  check({"handed to people, who cancel",
         {"acts"},
         {start("acts", fields("no_p", "hand")), cancel("it", health("it", "held"))},
         {"compensated"}});
  check({"carried on without the event",
         {"acts"},
         {start("acts", fields("p", "z")), pass_two_days(waits("it", "shop.paid"))},
         {"completed"}});
  check({"carried on without the event, and undone",
         {"acts"},
         {start("acts", fields("p", "no_z")), pass_two_days(waits("it", "shop.paid"))},
         {"compensated"}});
}

TEST_CASE("crash: one at a time") {
  const Fields first{{"a", text("a")}, {"card", text("p1")}},
      second{{"a", text("a")}, {"card", text("p2")}};
  const Fields declined{{"a", text("a")}, {"card", text("no_p1")}};
  const auto paid = [](const char* key, const char* alias) {
    return publish(key, 1, waits(alias, "shop.paid"));
  };
  const auto next = start("in_line", second, "next", waits("it", "shop.paid"));
  check({"one after the other",
         {"in_line"},
         {start("in_line", first), next, paid("p1", "it"), paid("p2", "next")},
         {"completed", "completed"}});
  check({"the first is undone",
         {"in_line"},
         {start("in_line", declined), next, paid("no_p1", "it"), paid("p2", "next")},
         {"compensated", "completed"}});
  check(
      {"the second leaves the line",
       {"in_line"},
       {start("in_line", first), next, cancel("next", waits("next", "its turn")), paid("p1", "it")},
       {"compensated", "completed"}});
  check({"refused meanwhile",
         {"lonely"},
         {start("lonely", declined), start("lonely", second, "refused", waits("it", "shop.paid")),
          paid("no_p1", "it"), start("lonely", second, "next", ended("it")), paid("p2", "next")},
         {"compensated", "completed"}});
}

TEST_CASE("crash: starts on") {
  check({"all goes well", {"by_event"}, {publish("a", 5, at_once)}, {"completed"}});
  check({"undone", {"by_event"}, {publish("a", 50, at_once)}, {"compensated"}});
  check(
      {"twice", {"by_event"}, {publish("a", 5, at_once), publish("a", 6, at_once)}, {"completed"}});
}
