// Drawing and shrinking plans. See random_plan.h.
#include "tests/sim/random_plan.h"

#include <random>

namespace belay::sim {
namespace {

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : random_(seed * 0x9e3779b97f4a7c15ULL + 1) {}
  int below(int n) { return static_cast<int>(random_() % static_cast<std::uint64_t>(n)); }
  bool one_in(int n) { return below(n) == 0; }

 private:
  std::mt19937_64 random_;
};

const Program& some_program(Dice& dice) {
  const auto& all = programs();
  while (true) {
    const Program& program = all[static_cast<std::size_t>(dice.below(static_cast<int>(all.size())))];
    if (!program.long_run || dice.one_in(20)) return program;
  }
}

void scripts(Dice& dice, const Program& program, Plan& plan) {
  const int unlucky = dice.below(4);  // how much goes wrong is drawn for the whole plan
  for (const std::string& step : program.steps) {
    for (const bool undo : {false, true}) {
      if (unlucky == 0 || !dice.one_in(undo ? 5 : 4 - unlucky + 1)) continue;
      Script script{step, undo, {}};
      for (int length = 1 + dice.below(2); length > 0; --length) script.outcomes.push_back(static_cast<Outcome>(dice.below(kOutcomes)));
      plan.scripts.push_back(std::move(script));
    }
  }
}

void asks(Dice& dice, const Program& program, Plan& plan) {
  const int orders = program.shares_line ? 2 + dice.below(3) : 1 + dice.below(2);
  for (int order = 1; order <= orders; ++order) {
    if (!program.by_event) plan.asks.push_back({AskKind::kStart, order == 1 ? 0 : dice.below(8), order, dice.one_in(2)});
    for (int event = program.events + (program.by_event ? 1 : 0); event > 0; --event) {
      if (dice.one_in(10)) continue;
      plan.asks.push_back({AskKind::kEvent, dice.below(12), order, dice.one_in(2)});
    }
    if (program.asks && !dice.one_in(8)) plan.asks.push_back({AskKind::kAnswer, dice.below(8), order, dice.one_in(2)});
    if (program.by_event) continue;
    if (dice.one_in(3)) plan.asks.push_back({AskKind::kCancel, dice.below(20), order, dice.one_in(2)});
    if (dice.one_in(8)) {
      const int at = dice.below(12);
      plan.asks.push_back({AskKind::kPause, at, order, false});
      plan.asks.push_back({AskKind::kResume, at + 1 + dice.below(6), order, false});
    }
  }
  if (dice.one_in(8)) plan.asks.push_back({AskKind::kJump, dice.below(16), 60 + dice.below(8'000), false});
}

void faults(Dice& dice, const Program& program, Plan& plan) {
  const int range = program.long_run ? 300 : 10 + dice.below(20);
  for (int count = dice.below(5); count > 0; --count) {
    Fault fault{static_cast<FaultKind>(dice.below(8)), 1 + dice.below(range), 0};
    if (fault.kind == FaultKind::kDataError && !dice.one_in(4)) fault.kind = FaultKind::kDieUnheard;
    if (fault.kind == FaultKind::kOutage) fault.arg = 1 + dice.below(40);
    bool taken = false;
    for (const Fault& other : plan.faults) taken |= other.flush == fault.flush;
    if (!taken) plan.faults.push_back(fault);
  }
}

}  // namespace

Plan plan_of_seed(std::uint64_t seed) {
  Dice dice(seed);
  const Program& program = some_program(dice);
  Plan plan;
  plan.program = program.name;
  plan.seed = seed + 1;
  scripts(dice, program, plan);
  asks(dice, program, plan);
  faults(dice, program, plan);
  return plan;
}

Plan shrink(Plan plan, const std::function<bool(const Plan&)>& fails) {
  const auto without = [&](auto member, std::size_t at) {
    Plan smaller = plan;
    auto& list = smaller.*member;
    list.erase(list.begin() + static_cast<std::ptrdiff_t>(at));
    return smaller;
  };
  for (bool smaller_found = true; smaller_found;) {
    smaller_found = false;
    const auto take = [&](Plan smaller) {
      if (smaller == plan || !fails(smaller)) return false;
      plan = std::move(smaller);
      return smaller_found = true;
    };
    for (std::size_t i = plan.faults.size(); i-- > 0;) take(without(&Plan::faults, i));
    for (std::size_t i = plan.scripts.size(); i-- > 0;) take(without(&Plan::scripts, i));
    for (std::size_t i = plan.asks.size(); i-- > 0;) {
      if (plan.asks.size() > 1) take(without(&Plan::asks, i));
    }
    for (std::size_t i = 0; i < plan.scripts.size(); ++i) {
      if (plan.scripts[i].outcomes.size() < 2) continue;
      Plan smaller = plan;
      smaller.scripts[i].outcomes.pop_back();
      take(std::move(smaller));
    }
    for (std::size_t i = 0; i < plan.asks.size(); ++i) {
      Plan smaller = plan;
      smaller.asks[i].twice = false;
      take(std::move(smaller));
    }
    Plan in_order = plan;
    in_order.seed = 0;
    take(std::move(in_order));
  }
  return plan;
}

}  // namespace belay::sim
