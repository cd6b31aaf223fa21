// From a graph to boxes and arrows: a walk over its blocks with the open ends of what came before.
// An end that is left open by a block (an arm, a branch, a handler that carries on) is joined to
// whatever comes next.
#include "dsl/graph_picture.h"

#include <algorithm>
#include <utility>

#include "dsl/compile.h"

namespace belay::dsl {
namespace {

using interpreter::Act;
using interpreter::ActKind;
using interpreter::Block;
using interpreter::Graph;
using interpreter::Node;
using interpreter::NodeId;
using interpreter::NodeKind;

struct End {  // an arrow whose head is not known yet
  std::string from, kind = "forward", label;
};
using Ends = std::vector<End>;

std::string title_of(const Node& node) {
  if (!node.title.empty()) return node.title;
  std::string title = node.name;
  std::replace(title.begin(), title.end(), '_', ' ');
  return title;
}

std::string one_line(const std::string& text) {
  std::string out;
  for (char c : text) {
    if (c != '\n' && c != '\r')
      out += c;
    else if (!out.empty() && out.back() != ' ')
      out += ' ';
  }
  constexpr std::size_t kLongest = 60;
  if (out.size() <= kLongest) return out;
  std::size_t cut = kLongest;
  while (cut > 0 && (static_cast<unsigned char>(out[cut]) & 0xc0) == 0x80)
    --cut;  // not inside a character
  return out.substr(0, cut) + "…";
}

class Drawer {
 public:
  explicit Drawer(const Graph& graph) : graph_(graph) {}

  Picture draw() {
    picture_.workflow = graph_.workflow;
    picture_.title = graph_.title;
    picture_.version = graph_.version;
    box({.id = "start",
         .kind = "start",
         .title = graph_.title.empty() ? graph_.workflow : graph_.title});
    Ends ends = draw_block(graph_.root, {{"start", "forward", ""}});
    if (!ends.empty()) {
      box({.id = "end", .kind = "end", .title = "done"});
      join(ends, "end");
    }
    return std::move(picture_);
  }

 private:
  Ends draw_block(const Block& block, Ends ends) {
    for (NodeId id : block) ends = draw_node(graph_.nodes[id], std::move(ends));
    return ends;
  }

  Ends draw_node(const Node& node, Ends ends) {
    Picture::Box shape{.id = node.name, .title = title_of(node), .at = node.at};
    Ends out;
    switch (node.kind) {
      case NodeKind::kStep:
        shape.kind = "step";
        shape.detail = graph_.actions[node.call.action].name;
        enter(std::move(shape), ends);
        out.push_back({node.name, "forward", ""});
        draw_handlers(node.name, node.call, out);
        draw_undo(node);
        return out;
      case NodeKind::kWhen:
        shape.kind = "when";
        shape.title =
            node.arms.size() == 1 ? one_line(node.arms[0].condition.source) + "?" : "which?";
        enter(std::move(shape), ends);
        return draw_arms(node);
      case NodeKind::kTogether: return draw_together(node, std::move(shape), ends);
      case NodeKind::kWait:
        shape.kind = "wait";
        for (const interpreter::Source& source : node.sources)
          shape.detail += (shape.detail.empty() ? "" : ", ") + source.event;
        shape.limit = one_line(node.within.source);
        enter(std::move(shape), ends);
        out.push_back({node.name, "forward", ""});
        draw_act(node.name, "time is over", node.otherwise, out);
        draw_undo(node);
        return out;
      case NodeKind::kPause:
        shape.kind = "pause";
        shape.title = node.pause_for.empty() ? "until " + one_line(node.pause_until.source)
                                             : one_line(node.pause_for.source);
        enter(std::move(shape), ends);
        return {{node.name, "forward", ""}};
      case NodeKind::kPublish:
        shape.kind = "publish";
        shape.title = node.event;
        enter(std::move(shape), ends);
        return {{node.name, "forward", ""}};
      case NodeKind::kSet:
        shape.kind = is_collected(node.slot) ? "collect" : "set";
        shape.title =
            std::string(shape.kind == "collect" ? "collect " : "") +
            (node.slot < graph_.slots.size() ? graph_.slots[node.slot].name : std::string("?")) +
            " = " + one_line(node.value.source);
        enter(std::move(shape), ends);
        return {{node.name, "forward", ""}};
      case NodeKind::kCancel:
        shape.kind = "cancel";
        shape.title = node.act.because;
        enter(std::move(shape), ends);
        return {};
      case NodeKind::kFinish:
        shape.kind = "finish";
        shape.title = "finish";
        enter(std::move(shape), ends);
        return {};
      case NodeKind::kForEach: return draw_for_each(node, std::move(shape), ends);
      case NodeKind::kRepeat: return draw_repeat(node, std::move(shape), ends);
      case NodeKind::kTry: return draw_try(node, std::move(shape), ends);
      case NodeKind::kAsk:
        shape.kind = "ask";
        shape.detail = "of role " + node.role;
        shape.limit = one_line(node.within.source);
        enter(std::move(shape), ends);
        out.push_back({node.name, "forward", ""});
        draw_act(node.name, "time is over", node.otherwise, out);
        return out;
      case NodeKind::kRun:
        shape.kind = "run";
        shape.detail = "run " + node.run.workflow + (node.run.detached ? ", and do not wait" : "");
        enter(std::move(shape), ends);
        out.push_back({node.name, "forward", ""});
        draw_handlers(node.name, node.call, out);
        draw_undo(node);
        return out;
      case NodeKind::kAct: return draw_act_statement(node, std::move(shape), ends);
      case NodeKind::kPointOfNoReturn:
        shape.kind = "point_of_no_return";
        shape.title = "point of no return";
        enter(std::move(shape), ends);
        last_undo_.clear();  // nothing after it is undone
        return {{node.name, "forward", ""}};
    }
    return {};
  }

  Ends draw_arms(const Node& node) {
    Ends out;
    const std::string undo_before = last_undo_;
    bool has_otherwise = false;
    for (const interpreter::Arm& arm : node.arms) {
      has_otherwise = has_otherwise || arm.condition.empty();
      std::string label = arm.condition.empty()   ? "otherwise"
                          : node.arms.size() == 1 ? "yes"
                                                  : one_line(arm.condition.source);
      last_undo_ = undo_before;
      Ends arm_ends = draw_block(arm.block, {{node.name, "forward", std::move(label)}});
      out.insert(out.end(), arm_ends.begin(), arm_ends.end());
    }
    if (!has_otherwise)
      out.push_back({node.name, "forward", node.arms.size() == 1 ? "no" : "otherwise"});
    return out;
  }

  Ends draw_together(const Node& node, Picture::Box shape, const Ends& ends) {
    const std::string of =
        std::to_string(node.wanted) + " of " + std::to_string(node.branches.size());
    const std::string label = node.wanted == 0   ? "together"
                              : node.wanted == 1 ? "together, waiting for any"
                                                 : "together, waiting for " + of;
    const int outer = open_group(node.name, "together", label);
    shape.kind = "together";
    shape.title = label;
    enter(std::move(shape), ends);
    const std::string undo_before = last_undo_;
    Ends inner;
    for (const Block& branch : node.branches) {
      last_undo_ = undo_before;
      Ends branch_ends = draw_block(branch, {{node.name, "forward", ""}});
      inner.insert(inner.end(), branch_ends.begin(), branch_ends.end());
    }
    Ends out;
    if (!inner.empty()) {
      const std::string id = node.name + ":join";
      box({.id = id,
           .kind = "join",
           .title = node.wanted == 0 ? "all done" : of + " done",
           .at = node.at});
      join(inner, id);
      out.push_back({id, "forward", ""});
    }
    group_ = outer;
    return out;
  }

  Ends draw_for_each(const Node& node, Picture::Box shape, const Ends& ends) {
    const std::string item = node.slot < graph_.slots.size() ? graph_.slots[node.slot].name : "?";
    std::string bounds = "at most " + std::to_string(node.at_once) + " at once";
    if (node.tolerated > 0) {
      bounds += ", tolerating " + std::to_string(node.tolerated) +
                (node.tolerated == 1 ? " failure" : " failures");
    }
    const int outer = open_group(node.name, "for_each", "for each " + item + ", " + bounds);
    shape.kind = "for_each";
    shape.title = "for each " + item + " in " + one_line(node.items.source);
    enter(std::move(shape), ends);
    const Ends inner = draw_block(node.body, {{node.name, "forward", ""}});
    const std::string id = node.name + ":join";
    box({.id = id, .kind = "join", .title = "all items done", .at = node.at});
    join(inner, id);
    group_ = outer;
    if (inner.empty()) picture_.arrows.push_back({node.name, id, "forward", "no items"});
    return {{id, "forward", ""}};
  }

  Ends draw_repeat(const Node& node, Picture::Box shape, const Ends& ends) {
    const std::string times = std::to_string(node.times) + (node.times == 1 ? " time" : " times");
    const int outer = open_group(node.name, "repeat", "repeat, at most " + times);
    shape.kind = "repeat";
    shape.title = "repeat";
    enter(std::move(shape), ends);
    const Ends inner = draw_block(node.body, {{node.name, "forward", ""}});
    Ends out;
    const std::string id = node.name + ":until";
    if (!inner.empty()) {
      box({.id = id, .kind = "when", .title = one_line(node.until.source) + "?", .at = node.at});
      join(inner, id);
      picture_.arrows.push_back({id, node.name, "again", "no"});
      out.push_back({id, "forward", "yes"});
    }
    group_ = outer;
    if (!inner.empty() && has_otherwise(node))
      draw_act(id, "not after " + times, node.otherwise, out);
    return out;
  }

  // Only the body is inside: what a handler does is no longer undone by the `try`.
  Ends draw_try(const Node& node, Picture::Box shape, const Ends& ends) {
    const int outer = open_group(node.name, "try", "try");
    shape.kind = "try";
    shape.title = "try";
    enter(std::move(shape), ends);
    const std::string undo_before = last_undo_;
    Ends out = draw_block(node.body, {{node.name, "forward", ""}});
    const std::string undo_after = std::exchange(last_undo_, undo_before);
    group_ = outer;
    draw_handlers(node.name, node.call, out);
    last_undo_ = undo_after;
    return out;
  }

  // `carry on` goes where the statement goes in whose handler it stands.
  Ends draw_act_statement(const Node& node, Picture::Box shape, const Ends& ends) {
    switch (node.act.kind) {
      case ActKind::kCarryOn:
        if (leaves_ != nullptr) leaves_->insert(leaves_->end(), ends.begin(), ends.end());
        break;
      case ActKind::kTryAgain:
        for (const End& end : ends) {
          picture_.arrows.push_back({end.from, about_, "error",
                                     end.label.empty() ? "try again" : end.label + ": try again"});
        }
        break;
      default:
        shape.kind = "hand_to";
        shape.title = "ask " + node.act.team;
        enter(std::move(shape), ends);
    }
    return {};
  }

  bool is_collected(interpreter::SlotId slot) const {
    return std::any_of(graph_.nodes.begin(), graph_.nodes.end(), [&](const Node& node) {
      return node.kind == NodeKind::kForEach &&
             std::any_of(node.exports.begin(), node.exports.end(),
                         [&](const interpreter::Export& e) { return e.inner == slot; });
    });
  }
  // A `repeat` without `otherwise` has the act that it was made with.
  static bool has_otherwise(const Node& node) {
    const Act& act = node.otherwise;
    return act.kind != ActKind::kCancel || !act.because.empty();
  }

  // Returns the group around it, which is to be put back.
  int open_group(const std::string& id, std::string kind, std::string label) {
    const int outer = group_;
    picture_.groups.push_back({id, outer, std::move(kind), std::move(label)});
    group_ = static_cast<int>(picture_.groups.size() - 1);
    return outer;
  }

  void draw_handlers(const std::string& from, const interpreter::Call& call, Ends& out) {
    for (const interpreter::Handler& handler : call.handlers) {
      std::string label;
      for (const std::string& error : handler.errors) label += (label.empty() ? "" : ", ") + error;
      draw_act(from, label.empty() ? "any error" : label, handler.act, out);
    }
    if (call.keep) draw_act(from, "gave up", call.keep->then, out);
  }

  // An act that leads somewhere gets an arrow; those that go on leave an open end.
  void draw_act(const std::string& from, const std::string& label, const Act& act, Ends& out) {
    const std::string id = from + "/" + label;
    switch (act.kind) {
      case ActKind::kCancel:
        box({.id = id, .kind = "cancel", .title = act.because});
        picture_.arrows.push_back({from, id, "error", label});
        break;
      case ActKind::kFinish:
        box({.id = id, .kind = "finish", .title = "finish"});
        picture_.arrows.push_back({from, id, "error", label});
        break;
      case ActKind::kHandTo:
        box({.id = id, .kind = "hand_to", .title = "ask " + act.team});
        picture_.arrows.push_back({from, id, "error", label});
        break;
      case ActKind::kTryAgain:
        picture_.arrows.push_back({from, from, "error", label + ": try again"});
        break;
      case ActKind::kCarryOn: out.push_back({from, "error", label}); break;
      case ActKind::kBlock: {
        const std::string undo_before = last_undo_;
        const std::string about_before = std::exchange(about_, from);
        Ends leaves;
        Ends* const leaves_before = std::exchange(leaves_, &leaves);
        Ends ends = draw_block(act.block, {{from, "error", label}});
        leaves_ = leaves_before;
        about_ = about_before;
        last_undo_ = undo_before;
        out.insert(out.end(), leaves.begin(), leaves.end());
        out.insert(out.end(), ends.begin(), ends.end());
        break;
      }
    }
  }

  void draw_undo(const Node& node) {
    if (!node.undo) return;
    const std::string id = "undo:" + node.name;
    Picture::Box shape{.id = id, .kind = "undo", .at = node.at};
    if (node.kind == NodeKind::kRun) {
      shape.title = "undo: all that " + node.run.workflow + " did";
    } else {
      const interpreter::Action& action = graph_.actions[node.undo->action];
      shape.title = "undo: " + (action.title.empty() ? action.name : action.title);
      shape.detail = action.title.empty() ? std::string() : action.name;
    }
    box(std::move(shape));
    picture_.arrows.push_back({node.name, id, "undo", ""});
    if (!last_undo_.empty()) picture_.arrows.push_back({id, last_undo_, "undo", ""});
    last_undo_ = id;
  }

  void enter(Picture::Box shape, const Ends& ends) {
    const std::string id = shape.id;
    box(std::move(shape));
    join(ends, id);
  }
  void box(Picture::Box shape) {
    shape.group = group_;
    picture_.boxes.push_back(std::move(shape));
  }
  void join(const Ends& ends, const std::string& to) {
    for (const End& end : ends) picture_.arrows.push_back({end.from, to, end.kind, end.label});
  }

  const Graph& graph_;
  Picture picture_;
  int group_ = -1;
  std::string last_undo_;   // the undo that comes after the next one
  std::string about_;       // the box of the statement in whose handler's block we are
  Ends* leaves_ = nullptr;  // where the acts of that block put the ends that leave it
};

}  // namespace

Picture make_picture(const Graph& graph) { return Drawer(graph).draw(); }

std::string draw_graph(const Graph& graph, GraphFormat format, std::string& error) {
  const Picture picture = make_picture(graph);
  error.clear();
  switch (format) {
    case GraphFormat::kDot: return picture_dot(picture);
    case GraphFormat::kMermaid: return picture_mermaid(picture);
    case GraphFormat::kJson: return picture_json(picture);
    case GraphFormat::kSvg: return run_graphviz(picture_dot(picture), error);
  }
  return {};
}

}  // namespace belay::dsl
