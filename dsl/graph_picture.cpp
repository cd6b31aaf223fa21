// From a graph to boxes and arrows: a walk over its blocks with the open ends of what came before.
// An end that is left open by a block (an arm, a branch, a handler that carries on) is joined to
// whatever comes next.
#include "dsl/graph_picture.h"

#include <algorithm>

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
      case NodeKind::kTogether:
        return draw_together(node, std::move(shape), ends);
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
        shape.kind = "set";
        shape.title =
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
      case NodeKind::kForEach:
      case NodeKind::kRepeat:
      case NodeKind::kAsk:
      case NodeKind::kTry:
      case NodeKind::kRun:
      case NodeKind::kAct:
        break;
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
    const int outer = group_;
    picture_.groups.push_back({node.name, outer});
    group_ = static_cast<int>(picture_.groups.size() - 1);
    shape.kind = "together";
    shape.title = "together";
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
      box({.id = id, .kind = "join", .title = "all done", .at = node.at});
      join(inner, id);
      out.push_back({id, "forward", ""});
    }
    group_ = outer;
    return out;
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
      case ActKind::kCarryOn:
        out.push_back({from, "error", label});
        break;
      case ActKind::kBlock: {
        const std::string undo_before = last_undo_;
        Ends ends = draw_block(act.block, {{from, "error", label}});
        last_undo_ = undo_before;
        out.insert(out.end(), ends.begin(), ends.end());
        break;
      }
    }
  }

  void draw_undo(const Node& node) {
    if (!node.undo) return;
    const std::string id = "undo:" + node.name;
    const interpreter::Action& action = graph_.actions[node.undo->action];
    box({.id = id,
         .kind = "undo",
         .title = "undo: " + (action.title.empty() ? action.name : action.title),
         .detail = action.title.empty() ? std::string() : action.name,
         .at = node.at});
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
  std::string last_undo_;  // the undo that comes after the next one
};

}  // namespace

Picture make_picture(const Graph& graph) { return Drawer(graph).draw(); }

std::string draw_graph(const Graph& graph, GraphFormat format, std::string& error) {
  const Picture picture = make_picture(graph);
  error.clear();
  switch (format) {
    case GraphFormat::kDot:
      return picture_dot(picture);
    case GraphFormat::kMermaid:
      return picture_mermaid(picture);
    case GraphFormat::kJson:
      return picture_json(picture);
    case GraphFormat::kSvg:
      return run_graphviz(picture_dot(picture), error);
  }
  return {};
}

}  // namespace belay::dsl
