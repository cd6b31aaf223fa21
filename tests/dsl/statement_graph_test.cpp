// What each statement becomes: the workflows of tests/golden/syntax/statements (one file a
// statement) as graphs, written out, and as pictures. Both forms give one hash, and a stored graph
// is read back whole.
#include <filesystem>

#include "dsl/compile.h"
#include "interpreter/graph_codec.h"
#include "tests/catch.h"
#include "tests/dsl/compile_support.h"

namespace belay::dsl {
namespace {

namespace fs = std::filesystem;
using interpreter::Act;
using interpreter::ActKind;
using interpreter::Call;
using interpreter::Graph;
using interpreter::kNoSlot;
using interpreter::Node;
using interpreter::NodeKind;
using interpreter::SlotId;
using testing::check_golden;
using testing::read_file;

const std::string kFolder = std::string(BELAY_SOURCE_DIR) + "/tests/golden/syntax/statements";

// The whole folder is one program; what is not in the form comes from nowhere else.
Compilation compile_form(const std::string& ending) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::directory_iterator(kFolder)) {
    if (entry.path().extension() == ending)
      files["w/" + entry.path().filename().string()] = read_file(entry.path().string());
  }
  return compile_sources(files);
}
std::string messages(const Compilation& c) { return render_text(c.diagnostics, c.sources, false); }

class Dump {
 public:
  explicit Dump(const Graph& graph) : graph_(graph) {}

  std::string text() {
    line(0, "workflow " + graph_.workflow + ", version " + std::to_string(graph_.version));
    if (!graph_.one_at_a_time.empty()) {
      line(1, "one at a time per " + graph_.one_at_a_time.source +
                  (graph_.others_queue ? ", others queue" : ", others are refused"));
    }
    for (const Graph::StartsOn& on : graph_.starts_on)
      line(1, "starts on " + on.event + bindings(on.input));
    for (SlotId i = 0; i < graph_.slots.size(); ++i) {
      const interpreter::SlotInfo& slot = graph_.slots[i];
      line(1, "slot " + std::to_string(i) + " " + slot.name + ": " + to_text(slot.type) +
                  (slot.depth > 0 ? ", depth " + std::to_string(slot.depth) : ""));
    }
    block(1, graph_.root);
    for (const interpreter::Binding& gives : graph_.gives)
      line(1, "gives " + gives.name + " = " + gives.value.source);
    return out_;
  }

 private:
  void block(int depth, const interpreter::Block& list) {
    for (interpreter::NodeId id : list) node(depth, graph_.nodes[id]);
  }
  void node(int depth, const Node& n) {
    static constexpr const char* kKinds[] = {
        "step",   "when",  "together", "wait",   "pause", "publish", "set", "cancel",
        "finish", "point", "for_each", "repeat", "ask",   "try",     "run", "act"};
    std::string head = std::string(kKinds[static_cast<int>(n.kind)]) + " " + n.name;
    if (n.slot != kNoSlot) head += " → slot " + std::to_string(n.slot);
    if (n.kind == NodeKind::kStep) head += ", do " + graph_.actions[n.call.action].name;
    if (n.kind == NodeKind::kRun) {
      head += ", run " + n.run.workflow + " version " + std::to_string(n.run.version) +
              (n.run.hash.size() == 64 ? ", pinned" : ", NOT PINNED") +
              (n.run.detached ? ", detached" : "");
    }
    if (n.kind == NodeKind::kTogether)
      head += ", wanted " + std::to_string(n.wanted) + " of " + std::to_string(n.branches.size());
    if (n.kind == NodeKind::kForEach) {
      head += ", in " + n.items.source + ", at once " + std::to_string(n.at_once) + ", tolerated " +
              std::to_string(n.tolerated);
    }
    if (n.kind == NodeKind::kRepeat)
      head += ", until " + n.until.source + ", times " + std::to_string(n.times);
    if (n.kind == NodeKind::kSet) head += " = " + n.value.source;
    if (n.kind == NodeKind::kAsk) head += ", role " + n.role;
    if (n.any_source) head += ", any of";
    line(depth, head);
    for (const interpreter::Source& source : n.sources) {
      line(depth + 1, "for " + (source.name.empty() ? "" : source.name + " = ") + source.event +
                          ", key " + source.key.source +
                          (source.even_before_ms > 0
                               ? ", before " + std::to_string(source.even_before_ms) + " ms"
                               : ""));
    }
    for (const interpreter::Field& field : n.answers)
      line(depth + 1, "answers " + field.name + ": " + to_text(field.type));
    for (const interpreter::Export& e : n.exports) {
      line(depth + 1,
           "leaves slot " + std::to_string(e.outer) + " from slot " + std::to_string(e.inner));
    }
    call(depth + 1, n.call, "with");
    if (n.undo) {
      line(depth + 1, n.kind == NodeKind::kRun
                          ? "undo by itself"
                          : "undo " + graph_.actions[n.undo->action].name + bindings(n.undo->args));
    }
    if (!n.within.empty()) line(depth + 1, "within " + n.within.source);
    for (const interpreter::Arm& arm : n.arms) {
      line(depth + 1, arm.condition.empty() ? "otherwise" : "arm " + arm.condition.source);
      block(depth + 2, arm.block);
    }
    for (std::size_t i = 0; i < n.branches.size(); ++i) {
      line(depth + 1, "branch " + n.branch_names[i]);
      block(depth + 2, n.branches[i]);
    }
    block(depth + 1, n.body);
    for (const interpreter::Handler& handler : n.call.handlers) {
      std::string errors;
      for (const std::string& e : handler.errors) errors += " " + e;
      act(depth + 1, "if" + (errors.empty() ? " any error" : errors), handler.act);
    }
    const bool limited = n.kind == NodeKind::kWait || n.kind == NodeKind::kAsk;
    if (limited || n.otherwise.kind != ActKind::kCancel || !n.otherwise.because.empty())
      act(depth + 1, "otherwise", n.otherwise);
    if (n.kind == NodeKind::kAct) act(depth + 1, "says", n.act);
  }
  void call(int depth, const Call& c, const std::string& word) {
    if (!c.args.empty()) line(depth, word + bindings(c.args));
    if (c.alive_ms > 0) line(depth, "alive every " + std::to_string(c.alive_ms) + " ms");
    if (c.rate) {
      line(depth, "at most " + std::to_string(c.rate->count) + " in " +
                      std::to_string(c.rate->per_ms) + " ms" +
                      (c.rate->per.empty() ? "" : " per " + c.rate->per.source));
    }
  }
  void act(int depth, const std::string& head, const Act& a) {
    static constexpr const char* kKinds[] = {"cancel",    "finish",  "carry on",
                                             "try again", "hand to", "block"};
    std::string text = head + ": " + kKinds[static_cast<int>(a.kind)];
    if (!a.because.empty()) text += " \"" + a.because + "\"";
    if (!a.team.empty()) text += " " + a.team;
    if (a.after_ms > 0)
      text += " after " + std::to_string(a.after_ms) + " ms, " + std::to_string(a.at_most);
    line(depth, text + bindings(a.with));
    block(depth + 1, a.block);
  }
  static std::string bindings(const std::vector<interpreter::Binding>& list) {
    std::string out;
    for (const interpreter::Binding& b : list)
      out += (out.empty() ? " { " : ", ") + b.name + " = " + b.value.source;
    return out.empty() ? out : out + " }";
  }
  void line(int depth, const std::string& text) {
    out_ += std::string(static_cast<std::size_t>(depth) * 2, ' ') + text + "\n";
  }

  const Graph& graph_;
  std::string out_;
};

TEST_CASE("each statement has its graph and its picture") {
  const Compilation c = compile_form(".belay");
  CHECK(messages(c) == "");
  CHECK(c.program.graphs.size() > 15);
  for (const Graph& graph : c.program.graphs) {
    INFO(graph.workflow);
    std::string error;
    check_golden("graphs/statements/" + graph.workflow + ".txt", Dump(graph).text());
    check_golden("graphs/statements/" + graph.workflow + ".mmd",
                 draw_graph(graph, GraphFormat::kMermaid, error));
    const std::string bytes = interpreter::encode_graph(graph, false);
    Graph read;
    INFO(error);
    REQUIRE(interpreter::decode_graph(bytes, read, error));
    CHECK(interpreter::encode_graph(read, false) == bytes);
  }
}

TEST_CASE("each statement has one hash in both forms") {
  const Compilation text = compile_form(".belay");
  const Compilation yaml = compile_form(".yaml");
  CHECK(messages(yaml) == "");
  REQUIRE(text.program.graphs.size() == yaml.program.graphs.size());
  for (std::size_t i = 0; i < text.program.graphs.size(); ++i) {
    INFO(text.program.graphs[i].workflow);
    CHECK(text.program.graphs[i].hash == yaml.program.graphs[i].hash);
  }
}

TEST_CASE("`if unsure, try again` took the check of the action away") {
  const Compilation c = compile_sources({{"w/a.belay", R"(belay 1

action bank.pay
  records
  takes
    booking  text
  repeating is safe
  plugin bank
  checked by bank.find

action bank.find
  reads
  takes
    booking  text
  gives
    happened  one of "yes", "no", "not yet"
  plugin bank

workflow pay, version 1
  takes
    booking  text
  step pay
    do bank.pay
      booking = booking
    if unsure, try again
    no undo because "it may be paid twice over"
)"}});
  INFO(messages(c));
  REQUIRE(c.program.graphs.size() == 1);
  const Call& call = c.program.graphs[0].nodes[0].call;
  REQUIRE(call.check.size() == 1);
  CHECK(c.program.graphs[0].actions[call.check[0].action].name == "bank.find");
  CHECK(call.if_unsure->kind == interpreter::Unsure::Kind::kTryAgain);
}

}  // namespace
}  // namespace belay::dsl
