// Moving a saga to another definition. The whole journal is read and replayed on the loader's
// thread; when the verdict allows it and the saga has not moved on meanwhile, one flush writes the
// entry Migrated and the instance row with the new definition and the state by it, so that after a
// crash the saga is of the old definition or of the new one, whole. What its earlier entries drew
// is not decided again. Tested in tests/runtime/engine_migrate_test.cpp.
#pragma once
#include "runtime/engine/answered_once.h"

namespace belay::runtime {

class Migrations : private AnsweredOnce<MigrateRequest, MigrateReply> {
 public:
  using AnsweredOnce::Done;

  explicit Migrations(Loop& loop) : AnsweredOnce(loop) {}
  void migrate(MigrateRequest request, Done done);

 private:
  void begin_once(AskedPtr asked, Lane lane);
  void with_saga(AskedPtr asked, std::function<void(Saga&)> then);
  // Finds the definition, then reads.
  void begin(AskedPtr asked, Saga& saga);
  void replay(AskedPtr asked, GraphPtr to);
  void judged(AskedPtr asked, GraphPtr to, ReplayResult& result);
  void move(AskedPtr asked, Saga& saga, GraphPtr to, ReplayResult& result);
};

}  // namespace belay::runtime
