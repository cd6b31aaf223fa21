// The driver stands where an engine would: it carries out commands in virtual time, fires the
// timers that the interpreter asks for, hands out events, and lets people answer, cancel and look
// after what is held. It knows nothing of journals.
#include "tests/reference/real.h"

#include <cstdlib>

#include "dsl/compile.h"
#include "interpreter/interpret.h"
#include "interpreter/view.h"
#include "tests/reference/print.h"

namespace belay::reference {
namespace {

namespace real = belay::interpreter;

Direction direction_of(real::Direction direction) {
  switch (direction) {
    case real::Direction::kForward: return Direction::kDo;
    case real::Direction::kCheck: return Direction::kCheck;
    case real::Direction::kUndo: return Direction::kUndo;
    case real::Direction::kUndoCheck: return Direction::kUndoCheck;
  }
  return Direction::kDo;
}

// One saga on the real interpreter, with the world around it in the place of an engine.
class Driver {
 public:
  Driver(const Program& program, const real::Graph& graph, const Script& script)
      : program_(program), graph_(graph), script_(script), world_(script) {}

  Played play() {
    for (std::size_t i = 0; i < script_.events.size(); ++i) {
      if (script_.events[i].at >= 0) at(script_.events[i].at, [this] { hand_out_events(); });
    }
    if (script_.cancel) at(*script_.cancel, [this] { cancel(); });
    put(real::Started{real::record({{"x", real::Value::integer(script_.x)}})});
    int left = 3000;
    while (!state_.ended() && --left > 0) {
      const real::Instant wake = next_wakeup(graph_, state_);
      const bool timer = wake && (agenda_.empty() || wake.us - kBegin <= agenda_.begin()->first);
      if (!timer && agenda_.empty()) break;
      if (timer) {
        now_ = std::max(now_, wake.us - kBegin);
        for (const real::Fact& fact : due_timers(graph_, state_, {kBegin + now_})) put(fact);
        continue;
      }
      now_ = agenda_.begin()->first;
      const auto what = std::move(agenda_.begin()->second);
      agenda_.erase(agenda_.begin());
      what();
    }
    finish(left == 0);
    return {std::move(trace_), world_.told(), false, {}};
  }

 private:
  static constexpr std::int64_t kBegin = 1'800'000'000'000'000;

  void at(Time when, std::function<void()> what) { agenda_.emplace(when, std::move(what)); }

  void put(real::Fact fact) {
    real::Entry entry;
    entry.seq = state_.seq + 1;
    entry.at = {kBegin + now_};
    entry.fact = std::move(fact);
    real::Decision decision = decide(graph_, apply(graph_, std::move(state_), entry), "saga");
    state_ = std::move(decision.state);
    for (const real::Drawn& drawn : decision.drawn) {
      if (const auto* asked = std::get_if<real::Asked>(&drawn)) ask(asked->path);
      if (const auto* ended = std::get_if<real::Ended>(&drawn)) output_ = *ended;
    }
    for (const real::Command& command : decision.commands)
      std::visit([this](const auto& wish) { carry_out(wish); }, command);
    look_after_held();
  }

  // ---- People

  using Call = std::pair<real::Path, real::Direction>;

  void look_after_held() {
    if (!script_.people) return;
    std::map<Call, int> held;
    std::vector<Call> fresh;
    for (const real::Activity& activity : state_.activities) {
      if (graph_.nodes[activity.path.node].kind != real::NodeKind::kStep) continue;
      for (const real::Direction direction : {real::Direction::kForward, real::Direction::kUndo}) {
        const real::CallState& call =
            direction == real::Direction::kForward ? activity.forward : activity.undo;
        if (call.phase != real::CallPhase::kHeld) continue;
        const Call key{activity.path, direction};
        const auto known = held_.find(key);
        held[key] = known != held_.end() ? known->second : ++holds_;
        if (known == held_.end()) fresh.push_back(key);
      }
    }
    held_ = std::move(held);
    for (const Call& key : fresh) ask_for_help(key);
  }
  void ask_for_help(const Call& key) {
    const auto& [path, direction] = key;
    const std::string where = place(path);
    const auto activity =
        std::find_if(state_.activities.begin(), state_.activities.end(),
                     [&, at = path](const real::Activity& a) { return a.path == at; });
    const real::CallState& call =
        direction == real::Direction::kForward ? activity->forward : activity->undo;
    const bool unknown = call.hold == real::HoldReason::kUnknownOutcome;
    const Direction side = direction_of(direction);
    const Stmt& step = *find_step(program_.body, graph_.nodes[path.node].name);
    const auto help = world_.help(where, side, unknown, may_be_retried(step, side, unknown));
    if (!help) return;
    at(now_ + help->after, [this, key, where, side, token = held_[key], help = *help] {
      const auto it = held_.find(key);
      if (it == held_.end() || it->second != token) return;
      held_.erase(it);
      const bool looks = help.kind == Help::Kind::kResolve, skips = help.kind == Help::Kind::kSkip;
      const char* word = looks ? "resolve" : skips ? "skip" : "retry";
      const auto act = looks   ? real::OperatorAct::kResolve
                       : skips ? real::OperatorAct::kSkip
                               : real::OperatorAct::kRetry;
      const bool happened = looks && world_.happened(where, side);
      real::Value output;
      if ((looks && happened) || (skips && side == Direction::kDo))
        output = real::record({{"n", real::Value::integer(help.n)}});
      for (const real::AllowedAct& allowed : allowed_acts(graph_, state_)) {
        if (allowed.act != word || allowed.direction != key.second) continue;
        if (real::parse_path(graph_, allowed.path) != key.first) continue;
        return put(real::OperatorActed{act, key.first, key.second, happened, output,
                                       looks ? "looked" : ""});
      }
      trace_.say(now_, std::string(word) + " is not allowed for " + where);
    });
  }
  static const Stmt* find_step(const Block& block, const std::string& name) {
    const auto in_act = [&](const Act& act) { return find_step(act.block, name); };
    for (const Stmt& s : block) {
      if (s.kind == Stmt::Kind::kStep && s.name == name) return &s;
      for (const Block& inner : s.blocks) {
        if (const Stmt* found = find_step(inner, name)) return found;
      }
      if (const Stmt* found = in_act(s.act)) return found;
      for (const Handler& handler : s.call.handlers) {
        if (const Stmt* found = in_act(handler.act)) return found;
      }
    }
    return nullptr;
  }

  std::string place(const real::Path& path) const {
    const real::Node& node = graph_.nodes[path.node];
    switch (node.kind) {
      case real::NodeKind::kTry: return "try";
      case real::NodeKind::kRepeat: return "repeat";
      case real::NodeKind::kWhen: return "when";
      case real::NodeKind::kForEach: return "for each";
      case real::NodeKind::kTogether: return "together";
      case real::NodeKind::kSet: return "set";
      case real::NodeKind::kPublish: return "publish";
      case real::NodeKind::kPause: return "pause";
      case real::NodeKind::kFinish: return "finish";
      case real::NodeKind::kAct: return "act";
      default: break;
    }
    std::string out = node.name;
    for (const std::uint32_t round : path.iteration) out += "[" + std::to_string(round) + "]";
    return out;
  }

  // ---- Wishes

  void carry_out(const real::RunAction& c) {
    const std::string where = place(c.path);
    const Direction direction = direction_of(c.direction);
    int action = 0;
    while (kActions[action].name != graph_.actions[c.action].name) ++action;
    const real::Value* v = c.args.find("v");
    trace_.say(now_,
               sent_line(where, direction, c.generation, action, v == nullptr ? -1 : v->as_int()));
    // A try that its connector would end is not part of the script: only what the program says.
    const Time within =
        graph_.actions[c.action].runs == real::Action::Runs::kHttp && c.within_ms == 30'000
            ? 0
            : c.within_ms * 1000;
    const Answer answer = world_.call(where, direction, c.generation, action, within);
    at(now_ + answer.after, [this, c, answer] {
      if (answer.kind != Answer::Kind::kOk) return fail(c.path, c.direction, c.generation, answer);
      if (answer.happened.empty()) return succeed(c.path, c.direction, c.generation, answer);
      put(real::StepSucceeded{c.path, c.direction, c.generation,
                              real::record({{"happened", real::Value::string(answer.happened)},
                                            {"n", real::Value::integer(answer.n)}})});
    });
  }
  void succeed(const real::Path& path, real::Direction direction, std::uint32_t generation,
               const Answer& answer) {
    put(real::StepSucceeded{path, direction, generation,
                            real::record({{"n", real::Value::integer(answer.n)}})});
  }
  void fail(const real::Path& path, real::Direction direction, std::uint32_t generation,
            const Answer& answer) {
    switch (answer.kind) {
      case Answer::Kind::kBusiness:
        return put(real::StepFailed{path, direction, generation, real::FailureKind::kBusiness,
                                    answer.error, "", true, 0});
      case Answer::Kind::kTransient:
        return put(real::StepFailed{path, direction, generation, real::FailureKind::kTransient,
                                    "unavailable", "", false, 0});
      default:
        return put(real::StepFailed{path, direction, generation, real::FailureKind::kUnsure,
                                    "timeout", "", false, 0});
    }
  }
  void carry_out(const real::StartChild& c) {
    const std::string where = place(c.path);
    trace_.say(now_, "start child " + where + " v=" + std::to_string(c.input.find("v")->as_int()));
    if (!c.detached)
      expect_child(c.path, real::Direction::kForward, c.generation, world_.child(where));
  }
  void carry_out(const real::StopChild& c) {
    const std::string where = place(c.path);
    const bool undo = c.direction == real::Direction::kUndo;
    trace_.say(now_, (undo ? "undo child " : "stop child ") + where);
    expect_child(c.path, c.direction, c.generation,
                 undo ? world_.child_undone(where) : world_.child_stopped(where));
  }
  void expect_child(const real::Path& path, real::Direction direction, std::uint32_t generation,
                    const Answer& answer) {
    const int mine = ++children_[path];
    at(now_ + answer.after, [this, path, direction, generation, answer, mine] {
      if (children_[path] != mine) return;
      if (answer.kind == Answer::Kind::kOk) return succeed(path, direction, generation, answer);
      fail(path, direction, generation, answer);
    });
  }
  void carry_out(const real::Publish& c) {
    trace_.say(now_, "publish " + c.event + " key " + c.key +
                         " n=" + std::to_string(c.payload.find("n")->as_int()));
  }
  void carry_out(const real::AwaitEvent& c) {
    awaiting_.push_back(c);
    at(now_, [this] { hand_out_events(); });
  }
  void carry_out(const real::StopAwaiting& c) {
    std::erase_if(awaiting_,
                  [&](const auto& a) { return a.path == c.path && a.source == c.source; });
  }
  void carry_out(const real::StartTimer&) {}
  void carry_out(const real::Finish&) {}

  // ---- The world

  void hand_out_events() {
    for (std::size_t i = 0; i < script_.events.size() && script_.events[i].at <= now_; ++i) {
      const Event& event = script_.events[i];
      const std::string id = std::to_string(i);
      const auto& taken = state_.taken_events;
      if (std::find(taken.begin(), taken.end(), id) != taken.end()) continue;
      for (std::size_t a = 0; a < awaiting_.size(); ++a) {
        const real::AwaitEvent found = awaiting_[a];
        if (found.event != "ref.e" + std::to_string(event.event) ||
            found.key != std::to_string(event.key) || kBegin + event.at < found.since.us)
          continue;
        awaiting_.erase(awaiting_.begin() + static_cast<std::ptrdiff_t>(a));
        put(real::EventTaken{found.path, id, found.event,
                             real::record({{"k", real::Value::integer(event.key)},
                                           {"n", real::Value::integer(event.n)}}),
                             found.source});
        break;
      }
    }
  }
  void ask(const real::Path& path) {
    const auto answer = world_.person(place(path));
    if (!answer) return;
    at(now_ + answer->after, [this, path, n = answer->n] {
      for (const real::AllowedAct& act : allowed_acts(graph_, state_)) {
        if (act.act != "answer" || real::parse_path(graph_, act.path) != path) continue;
        return put(real::AnswerGiven{path, real::record({{"n", real::Value::integer(n)}})});
      }
    });
  }
  void cancel() {
    for (const real::AllowedAct& act : allowed_acts(graph_, state_)) {
      if (act.act == "cancel") return put(real::CancelAsked{});
    }
  }

  // ---- The end

  static std::string text_of(const real::Value& value) {
    const real::Value* out = value.find("out");
    return out != nullptr && out->kind() == real::Value::Kind::kInt ? std::to_string(out->as_int())
                                                                    : "a bad value";
  }

  // "`charge` failed: ref.no (words)" in the reference's words.
  std::string because() const {
    const std::string& text = state_.because;
    const std::string failed = "` failed: ";
    const auto at = text.find(failed);
    if (at == std::string::npos || text[0] != '`') {
      return text.empty()                          ? "somebody asked"
             : text == "it did not finish in time" ? "time is over"
                                                   : text;
    }
    const std::string error = text.substr(at + failed.size());
    const real::NodeId node = find_node(graph_, text.substr(1, at - 1));
    return place({node, {}}) + ": " + error.substr(0, error.find(' '));
  }

  void finish(bool cut_off) {
    if (state_.ended()) {
      const bool completed = state_.status == real::Status::kCompleted;
      trace_.ended = completed ? "completed" : "undone";
      trace_.end.push_back(trace_.ended + " at " + std::to_string(now_) +
                           (completed ? " with " + text_of(output_.output) : ""));
      if (!completed) trace_.end.push_back("because " + because());
      for (const real::LeftOver& left : left_over(graph_, state_))
        trace_.end.push_back("left over: " + place(left.path));
      return;
    }
    trace_.ended = cut_off ? "open" : "held";
    trace_.end.push_back(trace_.ended);
    for (const real::Activity& activity : state_.activities) {
      const auto look = [&](const real::CallState& call, bool undo) {
        if (call.phase != real::CallPhase::kHeld) return;
        const bool unknown = call.hold == real::HoldReason::kUnknownOutcome;
        trace_.end.push_back("held: " + place(activity.path) +
                             (unknown ? " unknown"
                              : undo  ? " undo failed"
                                      : " held"));
      };
      look(activity.forward, false);
      look(activity.check, false);
      look(activity.undo, true);
      look(activity.undo_check, true);
    }
  }

  const Program& program_;
  const real::Graph& graph_;
  const Script& script_;
  World world_;
  Trace trace_;
  real::State state_;
  real::Ended output_;
  Time now_ = 0;
  std::multimap<Time, std::function<void()>> agenda_;
  std::vector<real::AwaitEvent> awaiting_;
  std::map<real::Path, int> children_;
  std::map<Call, int> held_;
  int holds_ = 0;
};

}  // namespace

Compiled compile(const std::vector<std::string>& programs) {
  std::map<std::string, std::string> files{{"world.belay", print_world()}};
  for (std::size_t i = 0; i < programs.size(); ++i)
    files["p" + std::to_string(i) + ".belay"] = "belay 1\n\n" + programs[i];
  const dsl::Compilation compilation = dsl::compile_sources(files);
  Compiled out;
  out.graphs.resize(programs.size());
  for (const interpreter::Graph& graph : compilation.program.graphs) {
    if (graph.workflow[0] != 'p') continue;
    out.graphs[std::strtoull(graph.workflow.c_str() + 1, nullptr, 10)] =
        std::make_shared<interpreter::Graph>(graph);
  }
  if (compilation.ok()) return out;
  out.problems = render_text(compilation.diagnostics, compilation.sources, false);
  for (const dsl::Diagnostic& d : compilation.diagnostics.all()) {
    if (d.kind->severity == dsl::Severity::kError) out.codes.emplace_back(d.kind->code);
  }
  return out;
}

Played play_real(const Program& program, const interpreter::Graph& graph, const Script& script) {
  return Driver(program, graph, script).play();
}

}  // namespace belay::reference
