// Greedy and simple: every change that leaves the case wrong is kept, until none is left. A change
// is told by a number, the how manieth in a walk over the tree; when the walk ends before that
// number there are no more.
#include "tests/reference/shrink.h"

namespace belay::reference {
namespace {

class Change {
 public:
  explicit Change(int wanted) : left_(wanted) {}
  bool made() const { return made_; }

  void in(Program& program) {
    if (program.finish_within_s > 0 && here()) program.finish_within_s = 0;
    if (program.if_undo_fails && here()) program.if_undo_fails.reset();
    simpler(program.gives);
    in(program.body);
  }

 private:
  bool here() {
    if (made_ || left_-- > 0) return false;
    return made_ = true;
  }
  void simpler(Expr& expr) {
    if (expr.op != Expr::Op::kNumber && expr.op != Expr::Op::kList && here()) expr = number(1);
  }
  void in(Act& act) {
    if (act.kind == Act::Kind::kBlock && here()) act = {Act::Kind::kCarryOn, {}, 0, 0, {}};
    if (act.with && here()) act.with = number(1);
    in(act.block);
  }
  void in(Use& use) {
    simpler(use.v);
    if (use.plan && here()) use.plan.reset();
    if (use.within_ms > 0 && here()) use.within_ms = 0;
    if (use.keep && here()) use.keep.reset();
    if (use.if_unsure != IfUnsure::kNothing && here()) use.if_unsure = IfUnsure::kNothing;
    for (std::size_t i = 0; i < use.handlers.size() && !made_; ++i) {
      if (here()) {
        use.handlers.erase(use.handlers.begin() + static_cast<std::ptrdiff_t>(i));
        return;
      }
      in(use.handlers[i].act);
    }
  }
  // A block is left with one statement at least.
  void in(Block& block) {
    for (std::size_t i = 0; i < block.size() && !made_; ++i) {
      if (block.size() > 1 && here()) {
        block.erase(block.begin() + static_cast<std::ptrdiff_t>(i));
        return;
      }
      for (std::size_t b = 0; b < block[i].blocks.size(); ++b) {  // what is inside, instead of it
        if (!here()) continue;
        const Block inner = block[i].blocks[b];
        block.erase(block.begin() + static_cast<std::ptrdiff_t>(i));
        block.insert(block.begin() + static_cast<std::ptrdiff_t>(i), inner.begin(), inner.end());
        return;
      }
      in(block[i]);
    }
  }
  void in(Stmt& s) {
    in(s.call);
    if (s.undo) in(*s.undo);
    if (s.kind == Stmt::Kind::kSet || s.kind == Stmt::Kind::kPublish ||
        s.kind == Stmt::Kind::kFinish)
      simpler(s.value);
    if (s.kind == Stmt::Kind::kTogether && s.blocks.size() > 2 && here()) {
      s.blocks.pop_back();
      if (s.wanted >= static_cast<int>(s.blocks.size())) s.wanted = 1;
    }
    if (s.kind == Stmt::Kind::kForEach && s.value.of.size() > 1 && here()) s.value.of.pop_back();
    if (s.sources.size() > 1 && here()) {
      s.sources.pop_back();
      s.sources[0].name.clear();
    }
    if (s.times > 1 && here()) --s.times;
    for (Source& source : s.sources) simpler(source.key);
    in(s.act);
    for (Block& block : s.blocks) in(block);
  }

  int left_;
  bool made_ = false;
};

}  // namespace

Case shrink(Case from,
            const std::function<bool(const Case&, std::map<std::string, std::string>& told)>& still,
            int most) {
  std::map<std::string, std::string> told;
  still(from, told);
  const auto try_it = [&](Case candidate) {
    std::map<std::string, std::string> heard;
    if (--most < 0 || !still(candidate, heard)) return false;
    from = std::move(candidate);
    told = std::move(heard);
    return true;
  };
  for (bool progress = true; progress && most > 0;) {
    progress = false;
    for (int i = 0; most > 0; ++i) {
      Case candidate = from;
      Change change(i);
      change.in(candidate.program);
      if (!change.made()) break;
      if (!try_it(std::move(candidate))) continue;
      progress = true;
      --i;
    }
    if (from.script.people) {
      Case candidate = from;
      candidate.script.people = false;
      progress |= try_it(std::move(candidate));
    }
    if (from.script.cancel) {
      Case candidate = from;
      candidate.script.cancel.reset();
      progress |= try_it(std::move(candidate));
    }
    for (std::size_t i = 0; i < from.script.events.size();) {
      Case candidate = from;
      candidate.script.events.erase(candidate.script.events.begin() +
                                    static_cast<std::ptrdiff_t>(i));
      if (try_it(std::move(candidate))) {
        progress = true;
      } else {
        ++i;
      }
    }
    const auto calls = told;
    for (const auto& [id, words] : calls) {
      if (words == "ok" || from.script.tamed.count(id) != 0) continue;
      Case candidate = from;
      candidate.script.tamed.insert(id);
      progress |= try_it(std::move(candidate));
    }
  }
  return from;
}

}  // namespace belay::reference
