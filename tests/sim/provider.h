// The other side: a provider with its own ledger, in cents. It remembers request keys and answers a key that it knows as
// it did before, refuses nothing that is asked under a key twice, and keeps count of what each key has done, so that two
// keys for one thing show as a thing done twice. What it answers is written in the plan.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "runtime/actions/action_runner.h"
#include "tests/sim/plan.h"
#include "tests/sim/programs.h"

namespace belay::sim {

class Provider {
 public:
  struct Done {
    std::string id;
    bool undone = false;
  };
  struct Thing {  // by reference and place: "o1:s2@s2", "o1:s1@repeat_1[2].s1"
    std::string action, saga, path, ref, step;
    std::int64_t cents = 0;
    std::vector<Done> done;       // once is right, twice under two keys is not
    std::string of;               // a capture: the id of its authorisation
    int standing() const;
  };

  Provider(const Program& program, const Plan& plan) : program_(program), plan_(plan) {}

  // The request arrives.
  runtime::ActionOutcome call(const runtime::ActionCall& call, std::int64_t now_us);
  // What was answered with silence and happens later has happened by now.
  void land(std::int64_t now_us);
  // From now on everything is answered at once, and well.
  void calm() { calm_ = true; }

  const std::map<std::string, Thing>& things() const { return things_; }
  // What it was asked for that makes no sense; empty: nothing.
  const std::string& wrong() const { return wrong_; }
  std::int64_t captured_cents() const { return captured_; }
  std::int64_t refunded_cents() const { return refunded_; }
  // "o1:s2@s2 1, ": what stands, a line for comparing two runs.
  std::string book() const;

 private:
  struct Request {
    std::string action, key, saga, path, direction;
    interpreter::Value args;
    std::string text(const char* name) const;
  };
  struct Late {
    std::int64_t at_us = 0;
    Request request;
  };
  struct Known {
    std::string asked;  // action and arguments
    std::optional<runtime::ActionOutcome> answer;
  };

  Outcome next_outcome(const Request& request);
  runtime::ActionOutcome carry_out(const Request& request);
  runtime::ActionOutcome do_it(const Request& request);
  runtime::ActionOutcome undo_it(const Request& request);
  runtime::ActionOutcome find_it(const Request& request) const;
  runtime::ActionOutcome refusal(const Request& request) const;
  void in_turn(const Thing& undone);
  void bad(const std::string& what);

  const Program& program_;
  const Plan& plan_;
  bool calm_ = false;
  std::map<std::string, Thing> things_;
  std::map<std::string, Known> keys_;
  std::map<std::string, std::size_t> calls_;  // by saga, direction and step
  std::vector<Late> late_;
  std::set<std::string> declined_;    // references
  std::set<std::string> taken_back_;  // references: a stamp that comes after this is refused
  std::string wrong_;
  std::int64_t captured_ = 0, refunded_ = 0;
};

}  // namespace belay::sim
