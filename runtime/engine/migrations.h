// Moving a saga to another definition. The whole journal is read and replayed on the loader's thread; when the verdict
// allows it and the saga has not moved on meanwhile, one flush writes the entry Migrated and the instance row with the
// new definition and the state by it, so that after a crash the saga is of the old definition or of the new one, whole.
// What its earlier entries drew is not decided again. Tested in tests/runtime/engine_migrate_test.cpp.
#pragma once
#include "runtime/engine/loop.h"

namespace belay::runtime {

class Migrations {
 public:
  using Done = std::function<void(Result<MigrateReply>)>;

  explicit Migrations(Loop& loop) : loop_(loop) {}
  void migrate(MigrateRequest request, Done done);

 private:
  struct Asked {
    MigrateRequest request;
    Done done;
    Gate::Keys gate;
    int tries = 0;
  };
  using AskedPtr = std::shared_ptr<Asked>;

  void look_up(AskedPtr asked, Lane lane);
  void with_saga(AskedPtr asked, std::function<void(Saga&)> then);
  // Finds the definition, then reads.
  void begin(AskedPtr asked, Saga& saga);
  void replay(AskedPtr asked, GraphPtr to);
  void judged(AskedPtr asked, GraphPtr to, ReplayResult& result);
  void move(AskedPtr asked, Saga& saga, GraphPtr to, ReplayResult& result);
  void finish(const Asked& asked, Result<MigrateReply> reply);

  Loop& loop_;
};

}  // namespace belay::runtime
