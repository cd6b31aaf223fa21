// Whose work goes into the flush that is being made. A flush is as long as what it carries, and
// everybody whose work it carries waits for all of it: so while several tenants are at work, each
// brings a part to it, and what is more waits for the next one. A tenant that is alone may fill it.
//
// The part is small while somebody else asks for little: who brings less than that to a flush has
// nothing that waits, is probably in the next ones too (a step, then the next), and each is as long
// as what the others put into it. Where all want more than they get, short flushes would only cost
// them sagas a second, so the part is larger then.
//
// What a tenant has begun goes before what it wants to begin (starts.h); its requests and its
// running sagas' work take turns. Loop thread only; one for each writer. Tested in
// tests/runtime/shares_test.cpp.
#pragma once
#include <algorithm>
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include "runtime/base/clock.h"
#include "runtime/engine/inbox.h"

namespace belay::runtime {

class Shares {
 public:
  enum class Kind { kRequest, kWork };

  // What a tenant brings to a flush.
  struct Parts {
    std::size_t beside_quiet;  // while another one asks for little
    std::size_t beside_busy;   // while others are at work
    std::size_t alone;
  };
  // `written`: the rows that stand in the batches not yet handed over.
  Shares(Parts parts, std::function<std::size_t()> written)
      : parts_(parts), written_(std::move(written)) {
    parts_.beside_quiet = std::min(parts_.beside_quiet, parts_.beside_busy);
  }

  // Calls `work` now, or when the tenant's part allows, behind what of its kind waits already.
  template <class F>
  void run(const std::string& tenant, Kind kind, F&& work) {
    Tenant& own = at_work(tenant);
    std::deque<Task>& line = own.lines[static_cast<std::size_t>(kind)];
    if (line.empty() && has_part(own)) return pay(own, work);
    line.emplace_back(std::forward<F>(work));
    ++waiting_;
  }
  // Whether the tenant may begin something: nothing of its own waits, and its part is not used up.
  bool may_begin(const std::string& tenant) const;
  template <class F>
  void begin(const std::string& tenant, F&& work) {
    pay(at_work(tenant), work);
  }

  // Runs what waits and has a part left, tenant by tenant.
  void run_waiting(SteadyTime now);
  // A flush was handed over, or could be: everybody has a part of the next one. What one piece of
  // work brought beyond its part is owed, up to a few parts.
  void next_flush();

  // Of a database that is away, or an engine that stops, flushes have no parts: what comes is taken
  // in, or refused.
  void open_to_all(bool open) { open_ = open; }

  std::size_t waiting() const { return waiting_; }
  // Something waits that run_waiting() would run.
  bool ready() const;
  bool contended() const { return tenants_.size() > 1; }

 private:
  struct Tenant {
    std::deque<Task> lines[2];  // by kind
    std::size_t next = 0;       // of them
    std::size_t rows = 0;       // brought to this flush
    bool brought = false;       // something to this flush
    SteadyTime last;            // at work
    bool quiet = false;         // it brings little to a flush, now and again
    SteadyTime quiet_until;
    bool waits() const { return !lines[0].empty() || !lines[1].empty(); }
  };

  Tenant& at_work(const std::string& tenant) {
    Tenant& own = tenants_[tenant];
    own.last = now_;
    return own;
  }
  std::size_t part(const Tenant& tenant) const {
    if (!contended()) return parts_.alone;
    return quiet_ > (tenant.quiet ? 1U : 0U) ? parts_.beside_quiet : parts_.beside_busy;
  }
  bool has_part(const Tenant& tenant) const { return open_ || tenant.rows < part(tenant); }
  template <class F>
  void pay(Tenant& tenant, F& work) {
    const std::size_t before = written_();
    work();
    const std::size_t after = written_();
    tenant.rows += after > before ? after - before : 1;
    tenant.brought = true;
  }

  Parts parts_;
  const std::function<std::size_t()> written_;
  std::map<std::string, Tenant> tenants_;  // at work, or lately
  std::string last_;                       // that had its turn
  std::size_t waiting_ = 0;
  std::size_t quiet_ = 0;  // tenants
  SteadyTime now_;
  bool open_ = false;
};

}  // namespace belay::runtime
