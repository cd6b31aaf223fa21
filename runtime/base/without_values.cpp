// What of an entry may be read without its key. See seal.h.
#include "runtime/base/seal.h"

namespace belay::runtime {

using namespace interpreter;

namespace {

struct Blank {
  const Value& instead;

  void operator()(Value& value) const {
    if (!value.is_null()) value = instead;
  }
  void operator()(Started& f) const { (*this)(f.input); }
  void operator()(StepSucceeded& f) const { (*this)(f.result); }
  void operator()(StepFailed& f) const { f.message.clear(); }
  void operator()(EventTaken& f) const { (*this)(f.payload); }
  void operator()(OperatorActed& f) const {
    (*this)(f.output);
    f.evidence.clear();
  }
  void operator()(AnswerGiven& f) const { (*this)(f.answer); }
  void operator()(TimerFired&) const {}
  void operator()(CancelAsked&) const {}
  void operator()(CapReached&) const {}
  void operator()(TurnCame&) const {}
  void operator()(UndoAsked&) const {}
  void operator()(Migrated&) const {}

  void operator()(Looped& d) const {
    for (Value& item : d.items) (*this)(item);
  }
  void operator()(Assigned& d) const { (*this)(d.value); }
  void operator()(Sent& d) const {
    d.digest = 0;
  }  // of the arguments: small ones could be guessed from it
  void operator()(Settled& d) const { (*this)(d.result); }
  void operator()(Failed& d) const { d.message.clear(); }
  void operator()(Handled& d) const { (*this)(d.value); }
  void operator()(Published& d) const { (*this)(d.payload); }
  void operator()(Cancelling& d) const { d.because.clear(); }
  void operator()(Unwinding& d) const { d.because.clear(); }
  void operator()(Ended& d) const {
    (*this)(d.output);
    d.problem.clear();
  }
  template <class Drawn>
  void operator()(Drawn&) const {}  // paths, times, keys
};

}  // namespace

Entry without_values(const Entry& entry, const Value& instead) {
  Entry out = entry;
  out.reason.clear();
  const Blank blank{instead};
  std::visit(blank, out.fact);
  for (Drawn& drawn : out.drawn) std::visit(blank, drawn);
  return out;
}

}  // namespace belay::runtime
