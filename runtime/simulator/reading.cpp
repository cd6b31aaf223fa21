// The plain-English reading. One sentence an idea, in the order in which an analyst would tell it.
#include "runtime/simulator/reading.h"

#include <algorithm>
#include <set>

#include "runtime/simulator/timeline.h"

namespace belay::runtime::simulator {

using namespace interpreter;  // NOLINT: every type here is the interpreter's

namespace {

std::string quoted(std::string_view name) { return "`" + std::string(name) + "`"; }

std::string joined(const std::vector<std::string>& parts, const char* last) {
  std::string out;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    out += (i == 0 ? "" : i + 1 == parts.size() ? std::string(" ") + last + " " : ", ") + parts[i];
  }
  return out;
}

// Expressions as their author wrote them, on one line.
std::string source_of(const Program& program) {
  std::string out;
  for (const char c : program.source) out += c == '\n' ? ' ' : c;
  return out;
}

std::string effects_of(const Action& action) {
  static constexpr std::pair<Effect, const char*> kWords[] = {
      {Effect::kMovesMoney, "moves money"},
      {Effect::kReserves, "reserves something"},
      {Effect::kNotifies, "tells somebody"},
      {Effect::kRecords, "records something"},
      {Effect::kReads, "only looks"}};
  std::vector<std::string> words;
  for (const auto& [effect, word] : kWords) {
    if ((action.effects & static_cast<std::uint8_t>(effect)) != 0) words.emplace_back(word);
  }
  return joined(words, "and");
}

class Reader {
 public:
  explicit Reader(const Graph& graph) : graph_(graph) {}

  Reading read() {
    out_.title = (graph_.title.empty() ? "" : graph_.title + " (") + quoted(graph_.workflow) +
                 ", version " + std::to_string(graph_.version) + (graph_.title.empty() ? "" : ")");
    frame();
    block(graph_.root, 0, "");
    std::vector<std::string> gives;
    for (const Binding& give : graph_.gives) gives.push_back(quoted(give.name));
    if (!gives.empty()) out_.gives = "In the end it gives " + joined(gives, "and") + ".";
    if (!out_.money.empty() || !teams_.empty()) people();
    return std::move(out_);
  }

 private:
  void frame() {
    std::vector<std::string> takes;
    for (const Field& take : graph_.takes) {
      takes.push_back(quoted(take.name) + " (" + to_text(take.type) + ")");
    }
    if (!takes.empty()) out_.frame.push_back("It takes " + joined(takes, "and") + ".");
    if (!graph_.once_per.empty()) {
      out_.frame.push_back("It runs once per " + quoted(source_of(graph_.once_per)) +
                           ": a second start gets the first saga.");
    }
    if (!graph_.one_at_a_time.empty()) {
      out_.frame.push_back("For one " + quoted(source_of(graph_.one_at_a_time)) +
                           " only one saga is under way at a time: " +
                           (graph_.others_queue ? "others wait until it is their turn."
                                                : "another start is refused meanwhile."));
    }
    for (const Graph::StartsOn& start : graph_.starts_on) {
      std::vector<std::string> from;
      for (const Binding& one : start.input) {
        from.push_back(quoted(one.name + " = " + source_of(one.value)));
      }
      out_.frame.push_back("The event " + quoted(start.event) + " starts it" +
                           (from.empty() ? "" : ", with " + joined(from, "and")) + ".");
    }
    if (!graph_.finish_within.empty()) {
      out_.frame.push_back("It must be finished within " + source_of(graph_.finish_within) +
                           "; when that time is over, everything is undone.");
    }
    if (!graph_.owner.empty()) out_.frame.push_back("Its owner is " + graph_.owner + ".");
  }

  void people() {
    const Keep& keep = graph_.if_undo_fails;
    out_.people.push_back(keep.then.kind == ActKind::kHandTo
                              ? "If an undo fails, it is tried for " + length_words(keep.for_ms) +
                                    " and then handed to " + quoted(keep.then.team) +
                                    "; one that is refused is handed over at once."
                              : "If an undo fails, it is tried for " + length_words(keep.for_ms) +
                                    " and then given up.");
    for (const std::string& team : teams_) out_.people.push_back(team);
    out_.people.push_back(
        "A step whose outcome nobody can find out, or that is refused for a reason that is not "
        "expected here, is held until a person decides.");
  }

  void line(int depth, std::string number, std::string text) {
    out_.steps.push_back({depth, std::move(number), std::move(text)});
  }

  void block(const Block& nodes, int depth, const std::string& prefix) {
    int count = 0;
    for (const NodeId id : nodes) node(graph_.nodes[id], depth, prefix + std::to_string(++count));
  }

  void node(const Node& node, int depth, const std::string& number) {
    const std::string inside = number + ".";
    switch (node.kind) {
      case NodeKind::kStep: step(node, depth, number); return;
      case NodeKind::kWhen: {
        bool first = true;
        for (const Arm& arm : node.arms) {
          const std::string head = arm.condition.empty() ? "Otherwise:"
                                   : first
                                       ? "If " + quoted(source_of(arm.condition)) + ":"
                                       : "Or else, if " + quoted(source_of(arm.condition)) + ":";
          line(depth, first ? number : "", head);
          block(arm.block, depth + 1, inside);
          first = false;
        }
        return;
      }
      case NodeKind::kTogether:
        line(depth, number,
             node.wanted == 0 ? "At the same time, until all are done:"
             : node.wanted == 1
                 ? "At the same time, until the first of " + std::to_string(node.branches.size()) +
                       " has succeeded; the others are stopped, and undone where they did "
                       "something:"
                 : "At the same time, until " + std::to_string(node.wanted) + " of " +
                       std::to_string(node.branches.size()) +
                       " have succeeded; the others are stopped, and undone where they did "
                       "something:");
        for (std::size_t i = 0; i < node.branches.size(); ++i) {
          const std::string branch = inside + std::to_string(i + 1);
          if (node.branches[i].size() == 1) {
            this->node(graph_.nodes[node.branches[i].front()], depth + 1, branch);
          } else {
            const std::string name = i < node.branch_names.size() ? node.branch_names[i] : "";
            line(depth + 1, branch,
                 name.empty() ? "In order:" : "Branch " + quoted(name) + ", in order:");
            block(node.branches[i], depth + 2, branch + ".");
          }
        }
        return;
      case NodeKind::kWait: wait(node, depth, number); return;
      case NodeKind::kPause:
        line(depth, number,
             node.pause_for.empty() ? "It pauses until " + quoted(source_of(node.pause_until)) + "."
                                    : "It pauses for " + source_of(node.pause_for) + ".");
        return;
      case NodeKind::kPublish:
        line(depth, number, "It publishes " + quoted(node.event) + ".");
        return;
      case NodeKind::kSet:
        line(depth, number,
             collects(node) ? "Its " + quoted(source_of(node.value)) + " goes into the list " +
                                  quoted(slot_name(node)) + "."
                            : "It notes " + quoted(slot_name(node)) + " = " +
                                  quoted(source_of(node.value)) + ".");
        return;
      case NodeKind::kCancel:
        line(depth, number,
             "It is cancelled: everything done so far is undone. Reason: “" + node.act.because +
                 "”.");
        return;
      case NodeKind::kFinish: line(depth, number, "It ends here, completed."); return;
      case NodeKind::kForEach:
        line(depth, number,
             "For each " + quoted(slot_name(node)) + " in " + quoted(source_of(node.items)) +
                 (node.at_once == 1 ? ", one after the other"
                                    : ", at most " + std::to_string(node.at_once) + " at once") +
                 (node.tolerated == 0
                      ? ""
                      : "; when one fails, what was done for it is undone at once and the others "
                        "go on; when more than " +
                            std::to_string(node.tolerated) + " fail, the whole loop fails") +
                 ":");
        block(node.body, depth + 1, inside);
        return;
      case NodeKind::kRepeat:
        line(depth, number,
             "Again and again until " + quoted(source_of(node.until)) + ", at most " +
                 std::to_string(node.times) + " times:");
        block(node.body, depth + 1, inside);
        otherwise(node, depth, number + "a", "If it is still not so after that");
        return;
      case NodeKind::kAsk: {
        std::vector<std::string> answers;
        for (const Field& field : node.answers) {
          answers.push_back(quoted(field.name) + " (" + to_text(field.type) + ")");
        }
        std::string text =
            title_of(node) + ": somebody with the role " + quoted(node.role) + " is asked";
        if (!answers.empty()) text += " for " + joined(answers, "and");
        if (!node.within.empty()) text += "; it waits for at most " + source_of(node.within);
        line(depth, number, text + ".");
        ask(node.role);
        otherwise(node, depth, number, "If nobody answers in time");
        return;
      }
      case NodeKind::kTry:
        line(depth, number,
             "It tries this; if it fails as told below, what this part did is undone first:");
        block(node.body, depth + 1, inside);
        handlers(node, depth, number);
        return;
      case NodeKind::kRun:
        line(depth, number,
             title_of(node) + ": a saga " + quoted(node.run.workflow) + ", version " +
                 std::to_string(node.run.version) + ", is started" +
                 (node.run.detached ? "; nobody waits for it and nothing undoes it."
                                    : " and waited for."));
        if (node.undo) line(depth, "", "Undone by undoing that saga.");
        if (!node.no_undo_because.empty()) {
          line(depth, "", "Never undone: " + node.no_undo_because + ".");
        }
        handlers(node, depth, number);
        return;
      case NodeKind::kAct: line(depth, number, "Then " + act_words(node.act) + "."); return;
      case NodeKind::kPointOfNoReturn:
        past_ = true;
        line(depth, number,
             "Point of no return: from here on nothing is undone any more, and nobody can cancel.");
        return;
    }
  }

  std::string slot_name(const Node& node) const {
    return node.slot < graph_.slots.size() ? graph_.slots[node.slot].name : node.name;
  }

  void step(const Node& node, int depth, const std::string& number) {
    const Action& action = graph_.actions[node.call.action];
    const bool marks = action.effects != static_cast<std::uint8_t>(Effect::kReads);
    line(depth, number,
         title_of(node) + ": " + quoted(action.name) + " " + effects_of(action) + ".");
    const bool money = (action.effects & static_cast<std::uint8_t>(Effect::kMovesMoney)) != 0;
    const std::string back = node.undo ? quoted(action_name(graph_, node, *node.undo)) : "";
    if (node.undo) {
      line(depth, "", "Undone by " + back + "." + undo_notes(*node.undo));
    } else if (!node.no_undo_because.empty()) {
      line(depth, "", "Never undone: " + node.no_undo_because + ".");
    } else if (past_ && marks) {
      line(depth, "", "Never undone: it comes after the point of no return.");
    } else if (marks) {
      line(depth, "", "Not undone: nothing can fail between it and the point of no return.");
    }
    if (money) {
      out_.money.push_back(
          title_of(node) + " moves money by " + quoted(action.name) +
          (back.empty() ? "; nothing takes it back." : "; " + back + " takes it back."));
    }
    line(depth, "", tries(node.call));
    limits(node.call, depth);
    unsure(node, action, depth);
    handlers(node, depth, number);
  }

  // `at most 20 per minute`, `alive every 30 seconds`.
  void limits(const Call& call, int depth) {
    if (call.rate) {
      line(depth, "",
           "It is sent at most " + std::to_string(call.rate->count) + " times in " +
               length_words(call.rate->per_ms) +
               (call.rate->per.empty() ? "" : " for one " + quoted(source_of(call.rate->per))) +
               "; what is more waits.");
    }
    if (call.alive_ms > 0) {
      line(depth, "",
           "While it runs it shows every " + length_words(call.alive_ms) +
               " that it is alive; when it does not, its answer counts as lost.");
    }
  }

  // Whether it is a `collect`: the loop around it leaves its name behind as a list.
  bool collects(const Node& node) const {
    if (node.parent == kNoNode) return false;
    const Node& loop = graph_.nodes[node.parent];
    return loop.kind == NodeKind::kForEach &&
           std::any_of(loop.exports.begin(), loop.exports.end(),
                       [&](const Export& one) { return one.inner == node.slot; });
  }

  std::string undo_notes(const Call& undo) {
    std::string text;
    for (const Handler& handler : undo.handlers) {
      if (handler.act.kind == ActKind::kCarryOn) {
        text += " If it answers " + handled_errors(handler) + ", that counts as undone.";
      } else if (handler.act.kind == ActKind::kHandTo) {
        text += " If it answers " + handled_errors(handler) + ", " + quoted(handler.act.team) +
                " is asked.";
      }
    }
    return text;
  }

  static std::string handled_errors(const Handler& handler) {
    if (handler.errors.empty()) return "any error";
    std::vector<std::string> names;
    for (const std::string& error : handler.errors) names.push_back(quoted(error));
    return joined(names, "or");
  }

  std::string tries(const Call& call) {
    std::string text;
    if (call.keep) {
      text = "While it cannot be reached it is tried again for " + length_words(call.keep->for_ms) +
             ", then " +
             (call.keep->then.kind == ActKind::kHandTo ? "handed to " + quoted(call.keep->then.team)
                                                       : "the saga goes on without it") +
             ".";
      if (call.keep->then.kind == ActKind::kHandTo) ask(call.keep->then.team);
      return text;
    }
    if (call.retry.tries <= 1) return "It is tried once.";
    return "While it cannot be reached it is tried " + std::to_string(call.retry.tries) +
           " times in all, first after " + length_words(call.retry.first_wait_ms) +
           (call.retry.doubling ? ", waiting twice as long each time." : ".");
  }

  void unsure(const Node& node, const Action& action, int depth) {
    if (action.effects == static_cast<std::uint8_t>(Effect::kReads)) return;
    std::string text = "If its answer gets lost, ";
    const bool again = action.repeat_safe || (node.call.if_unsure &&
                                              node.call.if_unsure->kind == Unsure::Kind::kTryAgain);
    if (told_by_receipt(graph_, node.call))
      text += "its receipt tells whether it happened, and nobody has to look";
    else if (again)
      text += "the same request is sent again, which is safe";
    if (!node.call.check.empty()) {
      text += std::string(again ? "; then " : "") +
              quoted(graph_.actions[node.call.check.front().action].name) +
              " finds out whether it happened";
    } else if (node.call.if_unsure && node.call.if_unsure->kind == Unsure::Kind::kUndoAnyway) {
      text += std::string(again ? "; then " : "") + "everything is undone, this step too";
    } else if (node.call.if_unsure && node.call.if_unsure->kind == Unsure::Kind::kHandTo) {
      text += std::string(again ? "; then " : "") + quoted(node.call.if_unsure->team) + " is asked";
      ask(node.call.if_unsure->team);
    } else if (!again) {
      text += "a person must find out whether it happened";
    }
    line(depth, "", text + ".");
  }

  void handlers(const Node& node, int depth, const std::string& number) {
    int count = 0;
    for (const Handler& handler : node.call.handlers) {
      const std::string head = "If it ends in " + handled_errors(handler) + ", ";
      if (handler.act.kind == ActKind::kBlock) {
        line(depth, "", head + "this happens instead:");
        block(handler.act.block, depth + 1, number + static_cast<char>('a' + count++ % 26) + ".");
      } else {
        line(depth, "", head + act_words(handler.act) + ".");
      }
    }
  }

  std::string act_words(const Act& act) {
    switch (act.kind) {
      case ActKind::kCancel: return "everything is undone: “" + act.because + "”";
      case ActKind::kFinish: return "the saga ends here, completed";
      case ActKind::kCarryOn: return "the saga goes on";
      case ActKind::kTryAgain:
        return "it is tried again after " + length_words(act.after_ms) + ", at most " +
               std::to_string(act.at_most) + " times";
      case ActKind::kHandTo: ask(act.team); return quoted(act.team) + " is asked";
      case ActKind::kBlock: return "this happens";
    }
    return "";
  }

  void ask(const std::string& team) {
    const std::string text = quoted(team) + " is asked where this reading says so.";
    for (const std::string& known : teams_) {
      if (known == text) return;
    }
    teams_.push_back(text);
  }

  void wait(const Node& node, int depth, const std::string& number) {
    std::string text = title_of(node) + ": it waits for ";
    std::string sources;
    for (const Source& source : node.sources) {
      sources += (sources.empty()   ? ""
                  : node.any_source ? " or for "
                                    : " and for ") +
                 quoted(source.event) + " with the key " + quoted(source_of(source.key));
      if (source.even_before_ms > 0) {
        sources += " (it may have come up to " + length_words(source.even_before_ms) +
                   " before the start)";
      }
    }
    text += sources;
    if (!node.within.empty()) text += ", for at most " + source_of(node.within);
    line(depth, number, text + ".");
    if (node.undo) {
      line(depth, "",
           "What the event brought is undone by " + quoted(graph_.actions[node.undo->action].name) +
               "." + undo_notes(*node.undo));
      const Action& undo = graph_.actions[node.undo->action];
      if ((undo.effects & static_cast<std::uint8_t>(Effect::kMovesMoney)) != 0) {
        out_.money.push_back(title_of(node) + " brings money in; " + quoted(undo.name) +
                             " gives it back.");
      }
    }
    otherwise(node, depth, number, "If the time passes");
  }

  void otherwise(const Node& node, int depth, const std::string& number, const std::string& when) {
    if (node.kind != NodeKind::kRepeat && node.within.empty()) return;
    if (node.otherwise.kind == ActKind::kBlock && node.otherwise.block.empty()) return;
    if (node.otherwise.kind == ActKind::kBlock) {
      line(depth, "", when + ", this happens instead:");
      block(node.otherwise.block, depth + 1, number + ".");
    } else {
      line(depth, "", when + ", " + act_words(node.otherwise) + ".");
    }
  }

  const Graph& graph_;
  Reading out_;
  std::vector<std::string> teams_;
  bool past_ = false;
};

}  // namespace

std::string title_of(const Node& node) {
  return node.title.empty() ? quoted(node.name) : node.title + " (" + quoted(node.name) + ")";
}

Reading read_out(const Graph& graph) { return Reader(graph).read(); }

}  // namespace belay::runtime::simulator
