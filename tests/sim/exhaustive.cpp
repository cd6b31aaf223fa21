// The enumeration. See exhaustive.h.
#include "tests/sim/exhaustive.h"

#include <algorithm>

namespace belay::sim {
namespace {

constexpr const char* kFamilyNames[] = {"answers", "one fault", "acts", "two deaths", "an act and a death", "every fault"};
constexpr FaultKind kDeaths[] = {FaultKind::kDieUnheard, FaultKind::kDieAfter, FaultKind::kDieBefore};
constexpr FaultKind kFaults[] = {FaultKind::kDieUnheard, FaultKind::kDieAfter, FaultKind::kDieBefore,
                                 FaultKind::kTakeOver,   FaultKind::kAckLost,  FaultKind::kRollback};
constexpr int kTwoHours = 7'200;

// A program and what its provider answers.
struct Base {
  Plan plan;
  int deviations = 0;
  int flushes = 0;   // without faults
  std::string end;
};

void answers(const Program& program, std::size_t step, int deviations_left, Plan plan, int deviations, std::vector<Base>& all) {
  if (step == program.steps.size()) {
    all.push_back({std::move(plan), deviations, 0, ""});
    return;
  }
  answers(program, step + 1, deviations_left, plan, deviations, all);
  if (deviations_left == 0) return;
  for (int outcome = 1; outcome < kOutcomes; ++outcome) {
    Plan with = plan;
    with.scripts.push_back({program.steps[step], false, {static_cast<Outcome>(outcome)}});
    answers(program, step + 1, deviations_left - 1, std::move(with), deviations + 1, all);
  }
}

// The last step is refused, so everything is undone, and one undo does not go well.
void undo_answers(const Program& program, const Plan& usual, std::vector<Base>& all) {
  if (program.undoable < 2) return;
  for (std::size_t step = 0; step + 1 < program.undoable; ++step) {
    for (int outcome = 1; outcome < kOutcomes; ++outcome) {
      Plan plan = usual;
      plan.scripts.push_back({program.steps[program.undoable - 1], false, {Outcome::kBusiness}});
      plan.scripts.push_back({program.steps[step], true, {static_cast<Outcome>(outcome)}});
      all.push_back({std::move(plan), 1, 0, ""});
    }
  }
}

std::vector<Base> bases(Part part, bool quick) {
  std::vector<Base> all;
  for (const Program& program : programs()) {
    if (program.long_run || (quick && program.steps.size() > 3)) continue;
    Plan usual;
    usual.program = program.name;
    usual.asks = usual_asks(program);
    const int deviations = quick ? 1 : program.steps.size() <= 3 ? 3 : 2;
    answers(program, 0, deviations, usual, 0, all);
    undo_answers(program, usual, all);
  }
  std::stable_sort(all.begin(), all.end(), [](const Base& a, const Base& b) { return a.deviations < b.deviations; });
  std::vector<Base> mine;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (static_cast<int>(i) % part.of == part.index) mine.push_back(std::move(all[i]));
  }
  return mine;
}

// What may be asked at any moment.
std::vector<Plan> acts(const Base& base, const Program& program) {
  std::vector<Plan> all;
  for (int at = 0; at <= base.flushes; ++at) {
    const auto add = [&](std::vector<Ask> asks) {
      Plan plan = base.plan;
      plan.asks.insert(plan.asks.end(), asks.begin(), asks.end());
      all.push_back(std::move(plan));
    };
    if (!program.by_event) {
      add({{AskKind::kCancel, at, 1, false}});
      add({{AskKind::kCancel, at, 1, true}});
      add({{AskKind::kPause, at, 1, false}, {AskKind::kResume, at + 2, 1, false}});
    }
    add({{AskKind::kJump, at, kTwoHours, false}});
    if (program.events > 0 || program.by_event) {
      Plan plan = base.plan;  // the events come then, and each twice
      for (Ask& ask : plan.asks) {
        if (ask.kind == AskKind::kEvent) ask.after_flush = at, ask.twice = true;
      }
      all.push_back(std::move(plan));
    }
    if (program.asks) {
      Plan plan = base.plan;
      for (Ask& ask : plan.asks) {
        if (ask.kind == AskKind::kAnswer) ask.after_flush = at, ask.twice = true;
      }
      all.push_back(std::move(plan));
    }
  }
  return all;
}

Plan with(Plan plan, FaultKind kind, int flush) {
  plan.faults.push_back({kind, flush, 0});
  return plan;
}

}  // namespace

const char* name(Family family) { return kFamilyNames[static_cast<int>(family)]; }

std::vector<Ask> usual_asks(const Program& program) {
  std::vector<Ask> asks;
  const int orders = program.shares_line ? 2 : 1;
  for (int order = 1; order <= orders; ++order) {
    if (!program.by_event) asks.push_back({AskKind::kStart, 0, order, true});
    for (int event = 0; event < program.events + (program.by_event ? 1 : 0); ++event) {
      asks.push_back({AskKind::kEvent, program.by_event ? 0 : 2 * event, order, false});
    }
    if (program.asks) asks.push_back({AskKind::kAnswer, 0, order, false});
  }
  return asks;
}

bool enumerate(Part part, bool quick, const RunPlan& run) {
  std::vector<Base> all = bases(part, quick);
  for (Base& base : all) {
    const auto report = run(Family::kAnswers, base.plan);
    if (!report) return false;
    base.flushes = report->flushes;
    base.end = report->end;
  }
  // A fault of database or process changes nothing about the end, where no lost answer means: undo it.
  const auto same_end = [&](const Base& base, Family family, Plan plan) {
    bool settled = true;  // a refused undo leaves it to a person, and an answer that was lost is looked up first
    for (const Script& script : plan.scripts) {
      const bool refused = script.outcomes.front() == Outcome::kBusiness;
      settled &= !refused || (!script.undo && plan.program != "once");  // undone, it may be started once more
    }
    if (program(base.plan.program).crash_proof && settled) plan.end = base.end;
    return run(family, plan).has_value();
  };
  for (const Base& base : all) {
    if (base.deviations > 1) continue;
    for (const FaultKind kind : kFaults) {
      for (int flush = 1; flush <= base.flushes; ++flush) {
        if (!same_end(base, Family::kOneFault, with(base.plan, kind, flush))) return false;
      }
    }
  }
  for (const Base& base : all) {
    if (base.deviations > 1) continue;
    for (const Plan& plan : acts(base, program(base.plan.program))) {
      if (!run(Family::kActs, plan)) return false;
    }
  }
  if (quick) return true;
  for (const Base& base : all) {
    if (base.deviations > 1) continue;
    for (const FaultKind kind : {FaultKind::kDieUnheard, FaultKind::kDieAfter, FaultKind::kTakeOver}) {
      for (int first = 1; first <= base.flushes; ++first) {
        int last = base.flushes + 8;
        for (int second = first + 1; second <= last; ++second) {
          const auto report = run(Family::kTwoDeaths, with(with(base.plan, kind, first), FaultKind::kDieUnheard, second));
          if (!report) return false;
          last = std::min(last, report->flushes);
        }
      }
    }
  }
  for (const Base& base : all) {
    if (base.deviations > 0) continue;
    for (const Plan& plan : acts(base, program(base.plan.program))) {
      for (const FaultKind kind : kDeaths) {
        for (int flush = 1; flush <= base.flushes + 4; ++flush) {
          if (!run(Family::kActAndDeath, with(plan, kind, flush))) return false;
        }
      }
    }
  }
  for (const Base& base : all) {
    if (base.deviations < 2) continue;
    for (const FaultKind kind : kFaults) {
      for (int flush = 1; flush <= base.flushes; ++flush) {
        if (!same_end(base, Family::kEveryFault, with(base.plan, kind, flush))) return false;
      }
    }
  }
  return true;
}

}  // namespace belay::sim
