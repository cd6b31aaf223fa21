// Starts: who may begin, and which saga it is. The identity of a start is its `once per` value and
// its Idempotency-Key; each is a row of start_key in the lane of the saga, so that a start is one
// lane's (adr/0016), and equals queue behind the first until its commit is known. Tenants take
// turns when more wait than a flush has room for (shares.h). Tested in
// tests/runtime/engine_start_test.cpp.
#pragma once
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "runtime/engine/loop.h"

namespace belay::runtime {

// A value as a key: its text, or its hash when that is long.
std::string key_text(const interpreter::Value& value);

// A start, made ready on the caller's thread.
struct StartInput {
  StartRequest request;
  GraphPtr graph;
  SagaId saga;
  Lane lane = 0;
  std::size_t bytes = 0;               // of the input as JSON
  std::string once;                    // the `once per` value as text, or empty
  std::string digest;                  // of workflow and input, when there is a key
  std::vector<Loader::KeyQuery> keys;  // to be written, in `lane`: "key:…" or "child:…", "once:…"
  std::vector<Loader::KeyQuery> seen_as;  // where a start before may have left them, in that order
  std::int64_t epoch = 0;                 // of the lane when they were looked up
  interpreter::Parent parent;             // of a child
  std::string turn;                       // Turns::name_of, or empty
  std::optional<Mail> mail;               // that asks for this start: deleted with it
  std::function<void(Slot)>
      with_mail;  // adds what is to be written with that deletion; may be empty
  bool first_is_enough =
      false;  // another start of the same `once per` value and input counts as this one
  std::function<void(Result<StartReply>)> done;
};

class Starts {
 public:
  explicit Starts(Loop& loop) : loop_(loop) {}

  // Thread-safe. Failures: kNotFound (no such workflow), kInvalid, kTooLarge.
  // A start without an identity of its own gets one whose lane this node holds, when it holds any.
  static Result<StartInput> prepare(StartRequest request, const Graphs& graphs,
                                    DatabaseClock& clock, IdGenerator& ids,
                                    const Directory& directory);

  // A start that a message asks for: of a definition, under a start key of its own. As prepare().
  Result<StartInput> prepare_mail(StartRequest request, GraphPtr graph, const std::string& key,
                                  const Mail& mail);

  // The lane that a `once per` value picks, and its key in a lane: `~` before it where that is
  // another (adr/0016).
  static Lane once_lane(const std::string& tenant, const std::string& workflow,
                        const std::string& once);
  static std::string once_key(const std::string& tenant, const std::string& workflow,
                              const std::string& once, Lane in);

  void start(StartInput input);
  // It does not wait for admission: what asked for it is committed already.
  void start_mail(StartInput input) { look_up(std::move(input)); }
  // Lets in some of those who wait, tenant by tenant.
  void admit();
  // Some of them could be let in now.
  bool ready() const;
  void refuse_all(const Failure& why);

 private:
  using Waiting = std::map<std::string, std::deque<StartInput>>;  // by tenant, none is empty
  bool may_begin(const Waiting::value_type& tenant) const;
  Failure full();
  static Result<void> identify(StartInput& input, DatabaseClock& clock, IdGenerator& ids);
  static bool anywhere(const StartInput& input) { return input.keys.empty() && input.turn.empty(); }
  template <class Held>
  static void pick_id(StartInput& input, DatabaseClock& clock, IdGenerator& ids, Held held);
  void look_up(StartInput input);
  void found(StartInput input, const Gate::Keys& gate, const std::vector<StartKeyRow>& rows);
  void fenced(const StartInput& input, const Gate::Keys& gate);
  void stand_in_line(StartInput input, const Gate::Keys& gate);
  void create(StartInput input, const Gate::Keys& gate, bool queued);
  void consume(Slot slot, const Mail& mail, const std::function<void(Slot)>& with_mail);

  Loop& loop_;
  Waiting waiting_;
  std::string last_tenant_;  // that had its turn
};

}  // namespace belay::runtime
