// Scenarios against their workflow: every step, wait, error, field and output that a sentence names
// must be there, and what the world is told to do must be something it can do. Expressions are
// checked with the types of the workflow's own names. A workflow with errors has no graph, and its
// scenarios stay unchecked.
#include <algorithm>

#include "dsl/compile/scenario_places.h"
#include "dsl/compile/tables.h"
#include "dsl/scenario.h"
#include "dsl/text/sentences.h"

namespace belay::dsl {
namespace {

using interpreter::Direction;
using interpreter::Graph;
using interpreter::kNoNode;
using interpreter::Node;
using interpreter::NodeId;
using interpreter::NodeKind;
using interpreter::Type;
using When = ScenarioWhen;
using Then = ScenarioThen;

// The names of a workflow as they stand at its end. Whether each one is there is found out by
// running.
class SlotNames final : public Names {
 public:
  void add(const std::string& name, Type type, std::uint32_t slot) {
    NameInfo info;
    info.may_be_absent = type.optional;
    if (type.optional) info.absent_because = quoted(name) + " is optional";
    info.type = std::move(type);
    info.slot = slot;
    names_[name] = std::move(info);
  }
  std::optional<NameInfo> find(std::string_view name) const override {
    const auto found = names_.find(name);
    return found == names_.end() ? std::nullopt : std::optional(found->second);
  }
  std::vector<std::string> all() const override { return keys_of(names_); }

 private:
  Table<NameInfo> names_;
};

class Checker : ScenarioPlaces {
 public:
  Checker(const Declaration& declaration, const Declaration& workflow, const Graph& graph,
          const std::vector<Graph>& graphs, Tables& tables)
      : ScenarioPlaces(graph, graphs, tables),
        declaration_(declaration),
        decl_(std::get<ScenarioDecl>(declaration.body)),
        workflow_(workflow) {}

  std::optional<Scenario> run() {
    Scenario out;
    out.workflow = graph_.workflow;
    out.title = declaration_.title.text;
    out.at = place(declaration_.span, tables_.sources);
    ok_ = !declaration_.broken;
    // A name that a loop leaves behind is there at the end; that of a round is not.
    std::vector<std::uint32_t> slots;
    for (std::uint32_t i = 0; i < graph_.slots.size(); ++i) slots.push_back(i);
    std::stable_sort(slots.begin(), slots.end(), [&](std::uint32_t a, std::uint32_t b) {
      return graph_.slots[a].depth > graph_.slots[b].depth;
    });
    for (const std::uint32_t i : slots) names_.add(graph_.slots[i].name, graph_.slots[i].type, i);
    given(out);
    for (const When& when : decl_.when) out.when.push_back(event(when));
    once(When::Kind::kStartsIt, "one event starts a saga");
    once(When::Kind::kStartedAgain, "a scenario starts its workflow a second time, and no more");
    outputs();
    for (const Then& then : decl_.then) out.then.push_back(expectation(then));
    return ok_ ? std::optional(std::move(out)) : std::nullopt;
  }

 private:
  std::vector<interpreter::Binding> args(const std::vector<Arg>& list,
                                         const std::vector<interpreter::Field>& fields,
                                         const std::string& owner, const std::string& noun,
                                         Span declared_at, const Names& names) {
    PlainChecker checker(names, tables_.diagnostics);
    CheckedArgs checked = check_args(list,
                                     {.fields = fields,
                                      .owner = owner,
                                      .noun = noun,
                                      .declared_at = declared_at,
                                      .note_json = false},
                                     checker, tables_);
    ok_ = ok_ && checked.ok;
    return std::move(checked.bindings);
  }

  void given(Scenario& out) {
    FixedNames known;
    for (const Arg& arg : decl_.given) {
      for (auto& binding : args({arg}, graph_.takes, quoted(graph_.workflow), "input",
                                workflow_.name.span, known)) {
        for (std::size_t i = 0; i < graph_.takes.size(); ++i) {
          if (graph_.takes[i].name != binding.name) continue;
          Type type = graph_.takes[i].type;
          type.optional = false;
          known.add(binding.name, type, static_cast<std::uint32_t>(i));
        }
        if (find_binding(out.given, binding.name) != nullptr) {
          error("BEL4003", arg.name.span, quoted(binding.name) + " is given twice");
          continue;
        }
        out.given.push_back(std::move(binding));
      }
    }
  }

  // Outputs hide other names: a scenario is about what comes out.
  void outputs() {
    const auto& gives = std::get<WorkflowDecl>(workflow_.body).gives;
    for (std::size_t i = 0; i < graph_.gives.size(); ++i) {
      for (const Arg& arg : gives) {
        if (arg.name.text != graph_.gives[i].name) continue;
        Diagnostics silent;
        Type type = check_expression(arg.value, names_, {}, silent).type;
        if (silent.errors() > 0) type.base = Type::Base::kJson;
        outputs_.emplace_back(arg.name.text, std::move(type));
      }
    }
    for (std::size_t i = 0; i < outputs_.size(); ++i) {
      names_.add(outputs_[i].first, outputs_[i].second,
                 static_cast<std::uint32_t>(graph_.slots.size() + i));
    }
  }

  // A child saga ends well or is cancelled; it is never out of reach.
  bool child(const When& said, const ScenarioCall& call) {
    if (call.node == kNoNode || graph_of(call).nodes[call.node].kind != NodeKind::kRun)
      return false;
    const Node& node = graph_of(call).nodes[call.node];
    const bool fits = said.kind == When::Kind::kFails || said.kind == When::Kind::kEngineStops ||
                      said.kind == When::Kind::kSkips || said.kind == When::Kind::kRetries ||
                      said.kind == When::Kind::kChildCancelled ||
                      (said.kind == When::Kind::kGives && !said.call.undo);
    if (!fits) {
      error("BEL5131", said.span, quoted(node.name) + " runs a saga: that ends well, or is undone")
          .help = "write `the child of " + node.name + " is cancelled`";
    } else if (node.run.detached && said.kind != When::Kind::kEngineStops) {
      error("BEL5131", said.span, "nobody waits for the saga of " + quoted(node.name));
    }
    return true;
  }

  // ---- when ----

  std::int64_t duration(const Expr& expr) {
    if (expr.empty()) return -1;
    const auto ms = constant_duration_ms(expr, tables_.diagnostics);
    ok_ = ok_ && ms.has_value();
    return ms.value_or(0);
  }

  ScenarioEvent event(const When& said) {
    ScenarioEvent out;
    out.kind = said.kind;
    out.text = text::sentence(said);
    out.happened = said.happened;
    out.twice = said.twice;
    out.early = said.early;
    out.moment = said.moment;
    out.because = said.because.text;
    out.after_ms = duration(said.after);
    out.before_start_ms = duration(said.before_start);
    const bool business = said.kind == When::Kind::kFails;
    if (said.times && (said.times->value < 0 || said.times->value > 1000)) {
      error("BEL4018", said.times->span, "a scenario counts from 1 to 1000 times");
    } else {
      out.times = said.times ? static_cast<std::uint32_t>(said.times->value) : business ? 0 : 1;
    }
    switch (said.kind) {
      case When::Kind::kArrives:
      case When::Kind::kNeverArrives: arrival(said, out); break;
      case When::Kind::kAnswers:
        out.call = named(said.call.step, {NodeKind::kAsk}, "question");
        if (out.call.node != kNoNode) {
          out.call.round = round(said.call, out.call);
          const Node& ask = graph_of(out.call).nodes[out.call.node];
          out.with =
              args(said.with, ask.answers, quoted(ask.name), "answer", said.call.step.span, names_);
        }
        break;
      case When::Kind::kCancels:
        if (!said.moment_of.step.empty()) out.moment_of = moment(said.moment_of, said.moment);
        break;
      case When::Kind::kFails:
        out.call = call(said.call);
        out.error = said.error.empty() ? "refused" : said.error.text;
        if (!child(said, out.call))
          can_end_in(said, out);
        else
          child_ends_in(said, out);
        break;
      case When::Kind::kChildCancelled:
        out.call = named(said.call.step, {NodeKind::kRun}, "child saga");
        if (out.call.node == kNoNode) break;
        out.call.round = round(said.call, out.call);
        out.error = "cancelled";
        out.times = said.times ? out.times : 0;
        child(said, out.call);
        break;
      case When::Kind::kGives:
      case When::Kind::kFinds:
        out.call = call(said.call);
        child(said, out.call);
        gives(said, out);
        break;
      case When::Kind::kSays:
        out.call = call(said.call);
        if (!said.call.check) {
          error("BEL5131", said.span, "only a check says something").help =
              "write `the check of " + said.call.step.text + " says \"no\"`";
        } else if (out.because != "yes" && out.because != "no" && out.because != "not yet") {
          error("BEL5131", said.because.span, "a check says \"yes\", \"no\" or \"not yet\"");
        }
        break;
      case When::Kind::kUnavailable:
      case When::Kind::kUnsure:
      case When::Kind::kTimesOut:
        out.call = call(said.call);
        child(said, out.call);
        break;
      case When::Kind::kEngineStops: out.call = moment(said.call, said.moment); break;
      case When::Kind::kRetries:
      case When::Kind::kSkips: out.call = call(said.call); break;
      case When::Kind::kStartsIt: starts(said, out); break;
      case When::Kind::kStartedAgain:
        if (said.with.empty()) break;
        out.with = args(said.with, graph_.takes, quoted(graph_.workflow), "input",
                        workflow_.name.span, names_);
        break;
    }
    return out;
  }

  ScenarioCall moment(const CallName& said, When::Moment moment) {
    const Spot at = spot(said.step);
    const NodeId id = interpreter::find_node(*at.graph, at.name.text);
    const bool wait = id != kNoNode && (at.graph->nodes[id].kind == NodeKind::kWait ||
                                        at.graph->nodes[id].kind == NodeKind::kAsk);
    if (!wait || said.undo || said.check || moment == When::Moment::kBefore) return call(said);
    ScenarioCall out{id, {}, -1, at.of};
    out.round = round(said, out);
    return out;
  }

  // An event of `starts on`: its fields are the world's, the inputs follow from them.
  void starts(const When& said, ScenarioEvent& out) {
    const Name& event = said.call.step;
    std::vector<std::string> known;
    for (std::size_t i = 0; i < graph_.starts_on.size(); ++i) {
      known.push_back(graph_.starts_on[i].event);
      if (graph_.starts_on[i].event == event.text) out.starts = i;
    }
    const auto found = tables_.events.find(event.text);
    if (std::find(known.begin(), known.end(), event.text) == known.end()) {
      Diagnostic& d = error("BEL5131", event.span,
                            quoted(event.text) + " does not start " + quoted(graph_.workflow));
      if (!suggest(d, event.text, known))
        add_note(d, known.empty() ? "no event starts it: it has no `starts on`"
                                  : "it starts on " + join_names(known, "or"));
      return;
    }
    if (found == tables_.events.end()) return;
    out.payload = found->second.type.fields;
    FixedNames given;
    for (std::uint32_t i = 0; i < graph_.takes.size(); ++i) {
      const interpreter::Field& take = graph_.takes[i];
      for (const Arg& arg : decl_.given) {
        if (arg.name.text != take.name) continue;
        given.add(take.name, take.type, i);
        const bool field = std::any_of(out.payload.begin(), out.payload.end(), [&](const auto& f) {
          return f.name == take.name && f.type.base == take.type.base;
        });
        if (field) continue;
        error("BEL5131", arg.name.span,
              quoted(event.text) + " starts it, and has no field " + quoted(take.name) +
                  " of that type")
            .help = "say what the event holds: `" + event.text + " starts it with …`";
      }
    }
    if (said.with.empty()) return;
    out.with = args(said.with, found->second.type.fields, quoted(event.text), "field",
                    found->second.at->name.span, given);
  }
  void once(When::Kind kind, const char* why) {
    const When* first = nullptr;
    for (const When& said : decl_.when) {
      if (said.kind != kind) continue;
      if (first != nullptr) {
        add_note_at(error("BEL5131", said.span, why), first->span, "it was said here");
        return;
      }
      first = &said;
    }
  }

  void arrival(const When& said, ScenarioEvent& out) {
    if (said.call.undo || said.call.check) {
      error("BEL5131", said.span, "only what a wait is for arrives");
      return;
    }
    // `paid`, or `paid.card`: one of several that the wait is for.
    Name wait = said.call.step;
    std::string source;
    const Spot whole = spot(wait);
    const bool itself = interpreter::find_node(*whole.graph, whole.name.text) != kNoNode;
    if (const std::size_t dot = wait.text.rfind('.');
        whole.name.text.find('.') != std::string::npos && !itself) {
      source = wait.text.substr(dot + 1);
      wait.text.resize(dot);
      wait.span.length = static_cast<std::uint32_t>(dot);
    }
    out.call = named(wait, {NodeKind::kWait}, "wait");
    if (out.call.node == kNoNode) return;
    out.call.round = round(said.call, out.call);
    const Node& node = graph_of(out.call).nodes[out.call.node];
    std::vector<std::string> known;
    for (std::size_t i = 0; i < node.sources.size(); ++i) {
      known.push_back(node.sources[i].name);
      if (node.sources[i].name == source) out.source = static_cast<std::int64_t>(i);
    }
    if (!source.empty() && out.source < 0) {
      Diagnostic& d = error("BEL3131", said.call.step.span,
                            quoted(node.name) + " waits for nothing called " + quoted(source));
      if (!suggest(d, source, known) && known.size() > 1)
        add_note(d, "it waits for " + join_names(known));
      return;
    }
    if (out.source < 0 && node.sources.size() > 1 && !said.with.empty()) {
      error("BEL5131", said.span,
            quoted(node.name) + " waits for several things: say which one arrives")
          .help = "write " + quoted(node.name + "." + known.front() + " arrives with …");
      return;
    }
    if (said.with.empty() || node.sources.empty()) return;
    const std::string& name =
        node.sources[static_cast<std::size_t>(std::max<std::int64_t>(out.source, 0))].event;
    const auto found = tables_.events.find(name);
    if (found == tables_.events.end()) return;
    out.with = args(said.with, found->second.type.fields, quoted(name), "field",
                    found->second.at->name.span, names_);
  }

  void can_end_in(const When& said, const ScenarioEvent& out) {
    const ActionInfo* action = action_of(out.call);
    if (action == nullptr || !action->ok || out.error == "refused") return;
    const std::vector<std::string>& errors = action->action.errors;
    if (std::find(errors.begin(), errors.end(), out.error) != errors.end()) return;
    Diagnostic& d = error("BEL5131", said.error.span,
                          (said.call.check ? "the check of " : "") +
                              std::string(said.call.undo ? "the undo of " : "") +
                              quoted(said.call.step.text) + " cannot end in " + quoted(out.error));
    add_note_at(d, action->at->name.span, quoted(action->action.name) + " is declared here");
    if (out.error == "gave_up") {
      d.help = "say `" + text::call_text(said.call) + " is unavailable always`";
    } else if (!suggest(d, out.error, errors)) {
      std::vector<std::string> all = errors;
      all.push_back("refused");
      add_note(d, "it may end in " + join_names(all, "or"));
    }
  }

  void child_ends_in(const When& said, ScenarioEvent& out) {
    const char* only = said.call.undo ? "left_over" : "cancelled";
    if (said.error.empty()) out.error = only;
    if (out.error == only || said.error.empty()) return;
    error("BEL5131", said.error.span,
          text::call_text(said.call) + " runs a saga: it cannot end in " + quoted(out.error))
        .help = std::string("a saga that is run ends in `") + only + "`, or well";
  }

  void gives(const When& said, ScenarioEvent& out) {
    const Graph& graph = graph_of(out.call);
    if (out.call.node != kNoNode && graph.nodes[out.call.node].kind == NodeKind::kRun) {
      const Node& run = graph.nodes[out.call.node];
      if (said.with.empty() || run.slot >= graph.slots.size()) return;
      out.with = args(said.with, graph.slots[run.slot].type.fields, quoted(run.run.workflow),
                      "output", said.call.step.span, names_);
      return;
    }
    const ActionInfo* action = action_of(out.call);
    if (action == nullptr || !action->ok || said.with.empty()) return;
    out.with = args(said.with, action->result.fields, quoted(action->action.name), "result",
                    action->at->name.span, names_);
  }

  // ---- then ----

  Expectation expectation(const Then& said) {
    Expectation out;
    out.kind = said.kind;
    out.text = text::sentence(said);
    out.span = said.span;
    out.compensated = said.compensated;
    out.because = said.because.text;
    out.team = said.team.text;
    const auto calls = [&](std::initializer_list<NodeKind> kinds, const char* noun) {
      for (const CallName& name : said.names) {
        ScenarioCall one = named(name.step, kinds, noun);
        one.round = round(name, one);
        out.calls.push_back(std::move(one));
      }
    };
    switch (said.kind) {
      case Then::Kind::kEnds: break;
      case Then::Kind::kHeld:
        if (const Spot at = spot(said.call.step);
            interpreter::find_node(*at.graph, at.name.text) != kNoNode && !said.call.undo &&
            !said.call.check) {
          out.call.node = interpreter::find_node(*at.graph, at.name.text);
          out.call.of = at.of;  // any statement may be held
          out.call.round = round(said.call, out.call);
        } else {
          out.call = call(said.call);
        }
        break;
      case Then::Kind::kWaits: calls({NodeKind::kWait, NodeKind::kAsk}, "wait"); break;
      case Then::Kind::kUndone:
        calls({NodeKind::kStep, NodeKind::kRun, NodeKind::kWait}, "step");
        own(said, out);
        for (std::size_t i = 0; i < out.calls.size(); ++i) {
          const ScenarioCall& one = out.calls[i];
          if (one.node == kNoNode || graph_of(one).nodes[one.node].undo) continue;
          error("BEL5131", said.names[i].step.span,
                quoted(said.names[i].step.text) + " has no undo, so it is never undone");
        }
        break;
      case Then::Kind::kDone:
      case Then::Kind::kLeftOver:
        calls({NodeKind::kStep, NodeKind::kRun, NodeKind::kWait}, "step");
        own(said, out);
        break;
      case Then::Kind::kSecondQueues:
      case Then::Kind::kSecondRefused:
      case Then::Kind::kSecondNothing:
      case Then::Kind::kSecondEnds: second(said); break;
      case Then::Kind::kPublishes: published(said, out); break;
      case Then::Kind::kPublishesNothing: break;
      case Then::Kind::kWithin:
        if (const auto ms = positive_duration(said.value, "`within`", tables_))
          out.within_ms = *ms;
        else
          ok_ = false;
        break;
      case Then::Kind::kTried:
        out.call = call(said.call);
        out.times =
            static_cast<std::uint32_t>(std::clamp<std::int64_t>(said.times.value, 0, 1'000'000));
        break;
      case Then::Kind::kHolds: {
        CheckOptions options;
        options.wanted = Type{.base = Type::Base::kBool};
        options.wanted_for = "what is expected";
        CheckedExpr checked = check_expression(said.value, names_, options, tables_.diagnostics);
        ok_ = ok_ && checked.ok;
        out.holds = std::move(checked.program);
        break;
      }
    }
    return out;
  }

  // What is done and undone of a child saga is its own affair: this saga has done, or undone, it.
  void own(const Then& said, const Expectation& out) {
    for (std::size_t i = 0; i < out.calls.size(); ++i) {
      if (out.calls[i].of.empty()) continue;
      const Node& run = graph_.nodes[out.calls[i].of.front()];
      error("BEL5131", said.names[i].step.span,
            quoted(said.names[i].step.text) + " is a step of the saga that " + quoted(run.name) +
                " runs")
          .help = "write `" + run.name + "` here, and test `" + run.run.workflow +
                  "` with scenarios of its own";
    }
  }

  void second(const Then& said) {
    const bool again = std::any_of(decl_.when.begin(), decl_.when.end(), [](const When& when) {
      return when.kind == When::Kind::kStartedAgain;
    });
    const std::string workflow = quoted(graph_.workflow);
    if (!again) {
      error("BEL5131", said.span, "nothing starts it a second time").help =
          "add `when it is started again`";
    } else if (said.kind == Then::Kind::kSecondNothing) {
      if (!graph_.once_per.empty()) return;
      error("BEL5131", said.span, workflow + " does not say `once per`: each start is a saga");
    } else if (said.kind != Then::Kind::kSecondEnds && graph_.one_at_a_time.empty()) {
      error("BEL5131", said.span,
            workflow + " does not say `one at a time`: a second start is not held up");
    } else if (said.kind == Then::Kind::kSecondQueues && !graph_.others_queue) {
      error("BEL5131", said.span, workflow + " refuses a start while another is under way").help =
          "write `the second start is refused`";
    } else if (said.kind == Then::Kind::kSecondRefused && graph_.others_queue) {
      error("BEL5131", said.span, workflow + " lets a start queue while another is under way")
          .help = "write `the second start queues`";
    }
  }

  void published(const Then& said, Expectation& out) {
    out.event = said.event.text;
    EventInfo* info = look_up(tables_.events, "BEL3004", "event", said.event, tables_);
    ok_ = ok_ && info != nullptr;
    if (info == nullptr) return;
    const bool ever = std::any_of(graph_.nodes.begin(), graph_.nodes.end(), [&](const Node& n) {
      return n.kind == NodeKind::kPublish && n.event == out.event;
    });
    if (!ever) {
      error("BEL5131", said.event.span,
            quoted(graph_.workflow) + " never publishes " + quoted(out.event));
      return;
    }
    out.with =
        args(said.with, info->type.fields, quoted(out.event), "field", info->at->name.span, names_);
  }

  const Declaration& declaration_;
  const ScenarioDecl& decl_;
  const Declaration& workflow_;
  SlotNames names_;
  std::vector<std::pair<std::string, Type>> outputs_;
};

}  // namespace

std::optional<Scenario> check_scenario(const Declaration& declaration,
                                       const std::vector<Graph>& graphs, Tables& tables) {
  const Name& name = std::get<ScenarioDecl>(declaration.body).workflow;
  std::vector<std::string> candidates;
  const Declaration* workflow = nullptr;
  for (const Declaration* one : tables.workflows) {
    candidates.push_back(one->name.text);
    if (one->name.text == name.text) workflow = one;
  }
  if (name.empty()) return std::nullopt;
  if (workflow == nullptr) {
    report_unknown("BEL3008", "workflow", name, candidates, tables);
    return std::nullopt;
  }
  for (const Graph& graph : graphs) {
    if (graph.workflow == name.text)
      return Checker(declaration, *workflow, graph, graphs, tables).run();
  }
  return std::nullopt;
}

}  // namespace belay::dsl
