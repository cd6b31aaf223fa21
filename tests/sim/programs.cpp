// The texts of the simulated workflows. See programs.h.
#include "tests/sim/programs.h"

#include <cstdio>
#include <cstdlib>
#include <map>

#include "dsl/compile.h"
#include "runtime/base/environment.h"

namespace belay::sim {
namespace {

constexpr const char* kActions = R"(belay 1

event pay.arrived, version 1, key order
  order  text
  cents  int

event order.sold, version 1, key order
  order  text

action hold.place "Hold something"
  reserves
  takes
    ref  text
  gives
    id  text
  can end in hold.taken
  repeating is safe
  plugin place

action hold.release "Give it back"
  records
  takes
    id  text
  harmless if nothing was done
  repeating is safe
  plugin release

action pay.authorise "Authorise"
  reserves
  takes
    ref    text
    cents  int
  gives
    id  text
  can end in pay.declined
  repeating is unsafe
  plugin authorise
  undone by pay.void
    id = result.id
  checked by pay.find_authorised
    ref = ref

action pay.find_authorised "Look for an authorisation"
  reads
  takes
    ref  text
  gives
    happened  one of "yes", "no", "not yet"
    id        optional text
  settles in 20 seconds
  plugin find_authorised

action pay.void "Void an authorisation"
  records
  takes
    id  text
  harmless if nothing was done
  repeating is safe
  plugin void

action pay.capture "Take the money"
  moves money
  takes
    ref            text
    authorisation  text
    cents          int
  gives
    id  text
  can end in pay.declined
  repeating is safe
  plugin capture
  undone by pay.refund
    id = result.id
  checked by pay.find_captured
    ref = ref

action pay.find_captured "Look whether the money was taken"
  reads
  takes
    ref  text
  gives
    happened  one of "yes", "no", "not yet"
    id        optional text
  settles in 20 seconds
  plugin find_captured

action pay.refund "Give the money back"
  moves money
  takes
    id  text
  repeating is safe
  plugin refund
  checked by pay.find_refunded
    id = id

action pay.find_refunded "Look whether the money was given back"
  reads
  takes
    id  text
  gives
    happened  one of "yes", "no", "not yet"
  settles in 20 seconds
  plugin find_refunded

action stamp.put "Put a stamp"
  records
  takes
    ref  text
  repeating is unsafe
  plugin stamp

action stamp.take_back "Take the stamp back"
  records
  takes
    ref  text
  harmless if nothing was done
  repeating is safe
  plugin unstamp

action note.send "Tell somebody"
  notifies
  takes
    ref  text
  can end in note.refused
  repeating is safe
  plugin note

)";

std::string place(const std::string& step, const std::string& ref = "", int indent = 2) {
  const std::string in(static_cast<std::size_t>(indent), ' ');
  const std::string what = ref.empty() ? "order + \":" + step + "\"" : ref;
  return in + "step " + step + "\n" + in + "  do hold.place\n" + in + "    ref = " + what + "\n" + in +
         "  undo with hold.release\n" + in + "    id = " + step + ".id\n" + in +
         "  if hold.taken, cancel because \"Taken\"\n";
}
std::string authorise(const std::string& step) {
  return "  step " + step + "\n    do pay.authorise\n      ref   = order + \":" + step +
         "\"\n      cents = 4990\n    if pay.declined, cancel because \"Declined\"\n";
}
std::string capture(const std::string& step, const std::string& of) {
  return "  step " + step + "\n    do pay.capture\n      ref           = order + \":" + step +
         "\"\n      authorisation = " + of + ".id\n      cents         = 4990\n"
         "    if pay.declined, cancel because \"Declined\"\n";
}
std::string head(const std::string& name) {
  return "workflow " + name + " \"" + name + "\", version 1\n  takes\n    order  text\n";
}

// A line of n steps: hold, authorise, capture, hold, authorise, capture.
std::string line(int n) {
  std::string text = head("line_" + std::to_string(n));
  const char* kinds = "pacpac";
  for (int i = 0; i < n; ++i) {
    const std::string step = "s" + std::to_string(i + 1);
    if (kinds[i] == 'p') text += place(step);
    if (kinds[i] == 'a') text += authorise(step);
    if (kinds[i] == 'c') text += capture(step, "s" + std::to_string(i));
  }
  return text + "\n";
}

std::string wait_for(const std::string& step, const std::string& more = "") {
  return "  wait " + step + "\n    for pay.arrived, key order" + more +
         "\n    within 1 hour, otherwise cancel because \"Not paid\"\n";
}

std::string texts() {
  std::string all = kActions;
  for (int n = 1; n <= 6; ++n) all += line(n);
  all += head("stamped") + place("s1") +
         "  step s2\n    do stamp.put\n      ref = order + \":s2\"\n    undo with stamp.take_back\n"
         "      ref = order + \":s2\"\n    if unsure, undo anyway\n" + place("s3") + "\n";
  all += head("point") + "  gives\n    id = s3.id\n" + place("s1") + authorise("s2") + capture("s3", "s2") +
         "  point of no return\n  step s4\n    do note.send\n      ref = order + \":s4\"\n"
         "    keep trying for 1 day, then carry on\n  publish order.sold, key order\n    order = order\n\n";
  all += head("waits") + "  gives\n    cents = paid.cents\n" + place("s1") + wait_for("paid") + place("s2") + "\n";
  all += head("early") + place("s1") + wait_for("paid", ", even if up to 1 hour before") + place("s2") + "\n";
  all += head("waits_twice") + place("s1") + wait_for("paid") + wait_for("again") + place("s2") + "\n";
  all += head("naps") + "  finish within 1 hour\n" + place("s1") + "  pause for 10 minutes\n" + authorise("s2") + "\n";
  all += head("both") + "  together, waiting for all\n" + place("s1", "", 4) + place("s2", "", 4) + place("s3") + "\n";
  all += head("first") + "  together, waiting for any\n" + place("s1", "", 4) + place("s2", "", 4) + place("s3") + "\n";
  all += head("items") + "  for each i in [\"a\", \"b\", \"c\"], at most 2 at once, tolerating 1 failure\n" +
         place("s1", "order + \":s1\" + i", 4) + place("s2", "order + \":s2\" + i", 4) + place("s3") + "\n";
  all += head("rounds") + "  repeat until s1.id is \"never\", at most 3 times, otherwise carry on\n"
         "    pause for 2 minutes\n" + place("s1", "order + \":s1\"", 4) + place("s2") + "\n";
  all += head("tries") + "  try\n" + place("s1", "", 4) +
         "    step s2\n      do hold.place\n        ref = order + \":s2\"\n      undo with hold.release\n"
         "        id = s2.id\n  if hold.taken\n" + place("s3", "", 4) + place("s4") + "\n";
  all += head("carries") + place("s1") +
         "  step s2\n    do note.send\n      ref = order + \":s2\"\n    no undo because \"Said is said\"\n"
         "    if note.refused, carry on\n" + place("s3") + "\n";
  all += head("again") + place("s1") +
         "  step s2\n    do hold.place\n      ref = order + \":s2\"\n    undo with hold.release\n      id = s2.id\n"
         "    if hold.taken, try again after 5 minutes, at most 2 times\n" + place("s3") + "\n";
  all += head("room") + "  gives\n    id = s1.id\n" + place("s1") + place("s2") + "\n";
  all += head("family") + place("s0") + "  step child\n    run room\n      order = order\n"
         "    if cancelled, cancel because \"No room\"\n" + place("s3") + "\n";
  all += head("in_line") + "  one at a time per \"all\", others queue\n" + place("s1") + wait_for("paid") + place("s2") +
         "\n";
  all += head("once") + "  once per order\n" + place("s1") + authorise("s2") + "\n";
  all += head("by_event") + "  starts on pay.arrived\n    order = event.order\n" + place("s1") + authorise("s2") + "\n";
  all += head("asks") + place("s1") + "  ask approve \"May it be?\" of role manager\n    answers\n      granted  bool\n"
         "    within 1 day, otherwise cancel because \"Nobody answered\"\n  when not approve.granted\n"
         "    cancel because \"They said no\"\n" + place("s2") + "\n";
  all += head("long") + place("s0") + "  repeat until s1.id is \"never\", at most 45 times, otherwise carry on\n"
         "    pause for 2 minutes\n" + place("s1", "order + \":s1\"", 4) + place("s2") + "\n";
  return all;
}

std::vector<Program> make() {
  const dsl::Compilation compiled = dsl::compile_sources({{"sim.belay", texts()}});
  if (!compiled.ok()) {
    for (const auto& diagnostic : compiled.diagnostics.all()) std::fprintf(stderr, "%s\n", diagnostic.message.c_str());
    std::abort();
  }
  std::map<std::string, std::shared_ptr<const interpreter::Graph>> graphs;
  for (const interpreter::Graph& graph : compiled.program.graphs) {
    auto copy = std::make_shared<interpreter::Graph>(graph);
    copy->index();
    copy->environment = &runtime::environment();
    graphs[graph.workflow] = std::move(copy);
  }
  std::vector<Program> all;
  const auto add = [&](const std::string& name, std::vector<std::string> steps) -> Program& {
    Program made;
    made.name = name;
    made.undoable = steps.size();
    made.steps = std::move(steps);
    made.graphs = {graphs.at(name)};
    return all.emplace_back(std::move(made));
  };
  std::vector<std::string> steps;
  for (int n = 1; n <= 6; ++n) {
    steps.push_back("s" + std::to_string(n));
    add("line_" + std::to_string(n), steps);
  }
  add("stamped", {"s1", "s2", "s3"}).crash_proof = false;
  add("point", {"s1", "s2", "s3", "s4"}).undoable = 3;
  add("waits", {"s1", "s2"}).events = 1;
  add("early", {"s1", "s2"}).events = 1;
  add("waits_twice", {"s1", "s2"}).events = 2;
  add("naps", {"s1", "s2"});
  add("both", {"s1", "s2", "s3"}).in_turn = false;
  for (const char* name : {"first", "items", "tries"}) {
    Program& made = add(name, {"s1", "s2", "s3"});
    made.in_turn = made.end_known = made.crash_proof = false;
  }
  Program& tries = all.back();
  tries.steps = {"s1", "s2", "s3", "s4"};
  tries.undoable = 2;
  tries.end_known = tries.crash_proof = true;
  tries.survives = "s2";
  add("rounds", {"s1", "s2"}).in_turn = false;
  add("carries", {"s1", "s2", "s3"}).survives = "s2";
  add("again", {"s1", "s2", "s3"}).survives = "s2";
  Program& family = add("family", {"s0", "s3"});
  family.steps = {"s0", "s1", "s2", "s3"};
  family.graphs.push_back(graphs.at("room"));
  family.undoable = 4;
  Program& in_line = add("in_line", {"s1", "s2"});
  in_line.events = 1;
  in_line.shares_line = true;
  add("once", {"s1", "s2"});
  add("by_event", {"s1", "s2"}).by_event = true;
  add("asks", {"s1", "s2"}).asks = true;
  Program& long_one = add("long", {"s0", "s2"});
  long_one.long_run = true;
  long_one.in_turn = false;
  return all;
}

}  // namespace

const std::vector<Program>& programs() {
  static const std::vector<Program> all = make();
  return all;
}

const Program& program(const std::string& name) {
  for (const Program& program : programs()) {
    if (program.name == name) return program;
  }
  std::fprintf(stderr, "there is no program `%s`\n", name.c_str());
  std::abort();
}

}  // namespace belay::sim
