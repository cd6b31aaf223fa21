// See turns.h.
#include "runtime/engine/turns.h"

#include <utility>

#include "interpreter/defects.h"
#include "runtime/base/environment.h"
#include "runtime/base/limits.h"
#include "runtime/engine/starts.h"

namespace belay::runtime {
namespace {

// The workflow's inputs as they stand in the state.
class TakesOf final : public interpreter::Scope {
 public:
  TakesOf(const interpreter::Graph& graph, const interpreter::State& state)
      : graph_(graph), state_(state) {}
  const interpreter::Value* slot(std::uint32_t index) const override {
    if (index >= graph_.takes.size()) return nullptr;
    for (const interpreter::Variable& variable : state_.variables) {
      if (variable.slot == index && variable.iteration.empty()) return &variable.value;
    }
    return nullptr;
  }
  interpreter::Timestamp now() const override { return {}; }
  const interpreter::Environment* environment() const override { return &runtime::environment(); }

 private:
  const interpreter::Graph& graph_;
  const interpreter::State& state_;
};

}  // namespace

Result<std::string> Turns::name_of(const interpreter::Graph& graph,
                                   const interpreter::Scope& takes) {
  if (graph.one_at_a_time.empty()) return std::string();
  const interpreter::Evaluated value = interpreter::evaluate(graph.one_at_a_time, takes);
  if (!value.ok) {
    return fail(ErrorCode::kInvalid,
                "`one at a time per` cannot be worked out from this input: " + value.error);
  }
  return graph.workflow + ":" + key_text(value.value);
}

Lane Turns::lane_of_name(const std::string& tenant, const std::string& name) {
  return lane_of(tenant, name, static_cast<std::int32_t>(limits::lanes_default));
}

std::string Turns::gate_of(const std::string& tenant, const std::string& name) {
  return "turn:" + tenant + '\0' + name;
}

void Turns::ended(const Saga& saga, Slot slot) {
  if (saga.graph->one_at_a_time.empty()) return;
  const Result<std::string> name = name_of(*saga.graph, TakesOf(*saga.graph, saga.state));
  if (!name) return;  // it could not have started
  if (!defective(Defect::kTurnKept))
    slot.batch->add_gone(slot.owner, TurnRow{saga.lane, saga.row.tenant, *name, saga.id, false});
  if (!defective(Defect::kTurnNotPassedOn)) look(slot, saga.lane, saga.row.tenant, *name);
}

void Turns::look(Slot slot, Lane lane, const std::string& tenant, const std::string& name) {
  loop_.send(slot, lane, NextTurn{tenant, name});
}

void Turns::look(const Saga& saga, Slot slot) {
  if (!saga.state.queued) return;
  if (const Result<std::string> name = name_of(*saga.graph, TakesOf(*saga.graph, saga.state))) {
    look(slot, saga.lane, saga.row.tenant, *name);
  }
}

struct Turns::Line {
  Mail mail;
  NextTurn message;
  Gate::Keys gate;
  std::int64_t epoch = 0;  // of the lane when the rows were asked for
  std::vector<TurnRow> rows;
  std::size_t next = 0;  // of rows: who is asked next
};

void Turns::deliver(Mail mail) {
  if (!loop_.holds(mail.to)) return;
  auto line = std::make_shared<Line>();
  line->message = std::get<NextTurn>(mail.what);
  line->mail = std::move(mail);
  line->gate = {gate_of(line->message.tenant, line->message.name)};
  loop_.gate().enter(line->gate, [this, line] {
    line->epoch = loop_.epoch(line->mail.to);
    loop_.loader().turns({line->mail.to, line->message.tenant, line->message.name},
                         [this, line](Result<std::vector<TurnRow>> rows) {
                           if (!rows) {
                             loop_.later([this, mail = line->mail] { deliver(mail); });
                             return loop_.gate().leave(line->gate);
                           }
                           line->rows = std::move(*rows);
                           if (!line->rows.empty() && line->rows.front().holding)
                             line->rows.clear();
                           give(line);
                         });
  });
}

// To the first that can take it. One that cannot be read is passed over: it has done nothing, and
// asks again when it is taken up.
void Turns::give(const std::shared_ptr<Line>& line) {
  if (line->epoch == 0 || loop_.epoch(line->mail.to) != line->epoch)
    return loop_.gate().leave(line->gate);
  if (line->next == line->rows.size()) return finish(line);
  const TurnRow& row = line->rows[line->next++];
  loop_.with_saga(
      {.lane = row.lane, .tenant = {}, .saga = row.saga}, [this, line](Result<Saga*> found) {
        if (!found && found.error().code == ErrorCode::kUnavailable) {
          loop_.later([this, mail = line->mail] { deliver(mail); });
          return loop_.gate().leave(line->gate);
        }
        if (!found || !(*found)->state.queued) return give(line);
        Saga& saga = **found;
        if (saga.epoch != line->epoch) return loop_.gate().leave(line->gate);
        const Slot slot = loop_.record(saga, interpreter::TurnCame{});
        slot.batch->add(slot.owner, TurnRow{saga.lane, line->message.tenant, line->message.name,
                                            saga.id, true});
        loop_.consume(slot, line->mail);
        slot.when_known([this, line](const Failure*) { loop_.gate().leave(line->gate); });
      });
}

void Turns::finish(const std::shared_ptr<Line>& line) {
  if (loop_.holds(line->mail.to)) loop_.consume(loop_.slot(line->mail.to, "turns"), line->mail);
  loop_.gate().leave(line->gate);
}

}  // namespace belay::runtime
