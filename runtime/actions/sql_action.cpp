// The transaction of a SQL action and what each of its ends means. See sql_action.h.
#include "runtime/actions/sql_action.h"

#include <algorithm>
#include <chrono>

#include "interpreter/time.h"
#include "runtime/actions/action_decode.h"
#include "runtime/base/journal_json.h"
#include "runtime/base/json_value.h"
#include "runtime/store/postgres_connection.h"

namespace belay::runtime {
namespace {

using interpreter::Action;
using interpreter::FailureKind;
using interpreter::Value;

constexpr int kSettleTries = 3;
constexpr auto kSettlePause = std::chrono::milliseconds(500);

// ---- Rows to values

// Postgres' types by OID, as far as they have a value of their own; the rest is text.
Value value_of(std::uint32_t oid, std::string_view text) {
  switch (oid) {
    case 16: return Value::boolean(text == "t");
    case 20:
    case 21:
    case 23:
    case 26:
    case 700:
    case 701:
    case 1700: {
      auto number = parse_json(text);  // NaN and Infinity stay text, and then fit no declared type
      if (number) return std::move(*number);
      break;
    }
    case 114:
    case 3802: {
      auto json = parse_json(text, {.bytes_max = limits::result_bytes_max});
      if (json) return std::move(*json);
      break;
    }
    case 1114:
    case 1184: {  // "2026-11-21 12:00:00.123+00"; the session's time zone is UTC
      std::string rfc(text);
      if (rfc.size() > 10) rfc[10] = 'T';
      if (rfc.ends_with("+00")) rfc.resize(rfc.size() - 3);
      if (const auto at = interpreter::parse_timestamp(rfc + "Z")) return Value::timestamp(*at);
      break;
    }
    case 17: {
      std::string bytes;
      const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
      for (std::size_t i = 2; i + 1 < text.size(); i += 2)
        bytes += static_cast<char>(digit(text[i]) << 4 | digit(text[i + 1]));
      return Value::bytes(std::move(bytes));
    }
    default: break;
  }
  return Value::string(std::string(text));
}

struct Failing {  // what a statement that raised an error said
  std::string sqlstate = "00000", constraint, message;
};

// The slot `body`. A money field `price` may come as two columns, price_minor and price_currency.
Value body_of(const Action& action, const PostgresRows* rows, std::size_t count,
              const Failing& failing) {
  std::vector<std::pair<std::string, Value>> fields;
  const auto has = [&](const std::string& name) {
    return std::any_of(fields.begin(), fields.end(),
                       [&](const auto& field) { return field.first == name; });
  };
  if (rows != nullptr && rows->size() > 0) {
    for (std::size_t c = 0; c < rows->columns(); ++c) {
      if (rows->is_null(0, c) || has(rows->column_name(c))) continue;
      fields.emplace_back(rows->column_name(c), value_of(rows->column_type(c), rows->text(0, c)));
    }
  }
  for (const interpreter::Gives& gives : action.gives) {
    const std::string& name = gives.field.name;
    if (gives.field.type.base != interpreter::Type::Base::kMoney || has(name)) continue;
    if (!has(name + "_minor") || !has(name + "_currency")) continue;
    const Value row = interpreter::record(fields);
    fields.emplace_back(name, interpreter::record({{"minor", *row.find(name + "_minor")},
                                                   {"currency", *row.find(name + "_currency")}}));
  }
  const auto add = [&](const char* name, Value value) {
    if (!has(name)) fields.emplace_back(name, std::move(value));
  };
  add("rows", Value::integer(static_cast<std::int64_t>(count)));
  add("constraint", Value::string(failing.constraint));
  add("message", Value::string(failing.message));
  add("sqlstate", Value::string(failing.sqlstate));
  return interpreter::record(std::move(fields));
}

// ---- Receipts

std::string receipt_text(const ActionOutcome& outcome) {
  std::string json;
  if (outcome.ok) {
    json = "{\"result\":";
    append_tagged(outcome.result, json);
  } else {
    json = "{\"error\":";
    append_json_string(outcome.error, json);
    json += ",\"message\":";
    append_json_string(outcome.message, json);
  }
  return json + "}";
}

std::string receipt_place(const ActionCall& call) { return "receipt:" + call.key; }

// What a stored receipt says. One that cannot be read (its key is gone) is an answer, but none that
// helps: asking again brings the same.
ActionOutcome read_receipt_text(std::string_view json, const ActionCall& call) {
  std::string opened;
  if (call.seal && is_sealed_value(json)) {
    if (auto plain = open_value(*call.seal, json, receipt_place(call))) opened = std::move(*plain);
    json = opened;
  }
  auto parsed = decode_tagged(json);
  if (parsed) {
    if (const Value* result = parsed->find("result")) return succeeded(*result);
    const Value* error = parsed->find("error");
    const Value* message = parsed->find("message");
    if (error != nullptr && message != nullptr && error->kind() == Value::Kind::kString &&
        message->kind() == Value::Kind::kString) {
      ActionOutcome out = failed(FailureKind::kBusiness, error->as_string(), message->as_string());
      out.answered = true;
      return out;
    }
  }
  ActionOutcome out =
      failed(FailureKind::kUnsure, "unreadable", "the receipt of this call cannot be read");
  out.answered = true;
  return out;
}

PostgresParams receipt_key(const ActionCall& call) {
  return PostgresParams().int4(call.lane).text(call.tenant).text(call.key);
}

// A key that the engine made holds saga, step and generation, and no other try will ever use it. A
// key that the author chose stays the same for every generation.
bool is_authors_key(const ActionCall& call) { return !call.key.starts_with(call.saga + ":"); }

bool is_transient_state(std::string_view s) {
  return s == "40001" || s == "40P01" || s == "55P03" || s.starts_with("57") ||
         s.starts_with("53") || s.starts_with("08");
}

// ---- One transaction

class SqlCallRun {
 public:
  SqlCallRun(const SqlOptions& options, const ActionCall& call,
             std::unique_ptr<PostgresConnection>& connection)
      : options_(options), call_(call), action_(action_of(call)), connection_(connection) {}

  ActionOutcome run() {
    auto bound = bind_sql(action_.sql.statement, action_.takes, call_.args);
    if (!bound) return failed(FailureKind::kBusiness, "bad_value", bound.error().message);
    ActionOutcome outcome = attempt(*bound);
    // When the answer to the commit is lost, the same again tells: its receipt waits for the lost
    // transaction's end, then finds that one's outcome, or runs in its place.
    for (int again = 1; in_doubt_ && again < kSettleTries; ++again) {
      ActionOutcome settled = attempt(*bound);
      const bool certain = settled.ok || settled.kind == FailureKind::kBusiness;
      if (certain) return settled;
      std::this_thread::sleep_for(kSettlePause);
    }
    return outcome;
  }

 private:
  bool connect() {
    if (connection_ != nullptr && !connection_->lost()) return true;
    connection_.reset();
    auto opened = PostgresConnection::open(options_.database);
    if (opened)
      connection_ = std::move(*opened);
    else
      why_not_ = opened.error().message;
    return opened.has_value();
  }

  ActionOutcome attempt(const BoundSql& bound) {
    if (!connect()) return failed(FailureKind::kTransient, "unavailable", why_not_, 1000);
    if (!may_send(call_))
      return failed(FailureKind::kTransient, "unavailable", "the lane's lease is over");
    ActionOutcome outcome = transaction(bound);
    // Before COMMIT is sent a lost connection is a certain rollback; `transaction` says so itself.
    if (!connection_->lost() && open_) (void)connection_->execute("ROLLBACK");
    open_ = false;
    return outcome;
  }

  ActionOutcome transaction(const BoundSql& bound) {
    std::int64_t timeout = options_.statement_timeout_ms;
    if (call_.within_ms > 0) timeout = std::min(timeout, call_.within_ms);
    auto begun = connection_->execute(
        "BEGIN; SET LOCAL lock_timeout = " + std::to_string(options_.lock_timeout_ms) +
        "; SET LOCAL statement_timeout = " + std::to_string(timeout));
    if (!begun) return not_done(begun.error());
    open_ = true;
    auto inserted = connection_->run("insert_receipt", receipt_key(call_));
    if (!inserted) return not_done(inserted.error());
    if (inserted->size() == 0) {
      auto stored = connection_->run("read_receipt", receipt_key(call_));
      if (!stored) return not_done(stored.error());
      return read_receipt_text(stored->size() > 0 ? stored->text(0, 0) : "", call_);
    }
    auto saved = connection_->execute(
        options_.role.empty() ? std::string("SAVEPOINT statement")
                              : "SAVEPOINT statement; SET LOCAL ROLE " + quoted(options_.role));
    if (!saved) return not_done(saved.error());
    return statement(bound);
  }

  ActionOutcome statement(const BoundSql& bound) {
    auto rows = connection_->execute(bound.text, bound.params);
    if (!rows && (rows.error().lost || is_transient_state(rows.error().sqlstate)))
      return not_done(rows.error());
    Failing failing;
    if (!rows) failing = {rows.error().sqlstate, rows.error().constraint, rows.error().message};
    const std::size_t count = !rows ? 0 : rows->columns() > 0 ? rows->size() : rows->affected();

    ActionScope scope(action_, call_);
    scope.body = body_of(action_, rows ? &*rows : nullptr, count, failing);
    scope.status = Value::string(failing.sqlstate);
    if (auto error = declared_error(scope, failing)) {
      const std::string what =
          rows ? "the statement gave " + std::to_string(count) + " rows" : failing.message;
      return commit(failed(FailureKind::kBusiness, std::move(*error), what), /*undo=*/true);
    }
    if (!rows)
      return refused("the statement failed: " + failing.message + " (" + failing.sqlstate + ")");
    if (!action_.sql.any_rows && count != 1) {
      return refused("the statement gave " + std::to_string(count) +
                     " rows, exactly one was expected");
    }
    auto result = result_of(action_, scope);
    if (!result)
      return refused("the row does not fit what the action gives: " + result.error().message);
    return commit(succeeded(std::move(*result)), /*undo=*/false);
  }

  // A rule that holds; else a declared error whose name is the message or the constraint of what
  // was raised.
  std::optional<std::string> declared_error(const ActionScope& scope,
                                            const Failing& failing) const {
    if (auto mapped = mapped_error(action_, scope)) return mapped;
    if (failing.sqlstate == "00000") return std::nullopt;
    for (const std::string& error : action_.errors) {
      if (error == failing.message || error == failing.constraint) return error;
    }
    return std::nullopt;
  }

  // Nothing is kept but the refusal, so that it speaks for every try under the key: also for one
  // whose answer was lost, or that a node which stood still sends only now. Under an author's key
  // not even that: once the statement or its data is mended, the same key may be tried again.
  ActionOutcome refused(std::string message) {
    ActionOutcome out = failed(FailureKind::kBusiness, "refused", std::move(message));
    return is_authors_key(call_) ? out : commit(std::move(out), /*undo=*/true);
  }

  ActionOutcome not_done(const PostgresFailure& failure) {
    return failed(FailureKind::kTransient, failure.sqlstate == "57014" ? "timeout" : "unavailable",
                  failure.message);
  }

  ActionOutcome commit(ActionOutcome outcome, bool undo) {
    outcome.answered = true;
    if (undo) {
      auto undone = connection_->execute("ROLLBACK TO SAVEPOINT statement");
      if (!undone) return not_done(undone.error());
    } else if (!options_.role.empty()) {
      auto reset = connection_->execute("SET LOCAL ROLE NONE");
      if (!reset) return not_done(reset.error());
    }
    std::string receipt = receipt_text(outcome);
    if (call_.seal) receipt = sealed_value(*call_.seal, receipt, receipt_place(call_));
    // The last statement: what is told once must not be lost with the server.
    const bool to_disk = !options_.database.unsafe_commits_for_tests;
    auto written =
        connection_->run("write_receipt", receipt_key(call_).text(receipt).boolean(to_disk));
    if (!written)
      return written.error().lost ? not_done(written.error()) : not_kept(written.error().message);
    auto committed = connection_->execute("COMMIT");
    if (committed) {
      open_ = false;
      return outcome;
    }
    // A deferred constraint may refuse here: then nothing happened.
    if (!committed.error().lost) {
      open_ = false;
      return commit_refused(committed.error());
    }
    open_ = false;
    in_doubt_ = true;
    return failed(FailureKind::kUnsure, "no_answer", "the connection was lost during the commit");
  }

  ActionOutcome commit_refused(const PostgresFailure& failure) {
    if (is_transient_state(failure.sqlstate)) return not_done(failure);
    const Failing failing{failure.sqlstate, failure.constraint, failure.message};
    ActionScope scope(action_, call_);
    scope.body = body_of(action_, nullptr, 0, failing);
    scope.status = Value::string(failing.sqlstate);
    if (auto error = declared_error(scope, failing))
      return failed(FailureKind::kBusiness, std::move(*error), failure.message);
    return not_kept("the commit failed: " + failure.message + " (" + failure.sqlstate + ")");
  }

  // A refusal that nothing could be written of.
  static ActionOutcome not_kept(std::string message) {
    return failed(FailureKind::kBusiness, "refused", std::move(message));
  }

  static std::string quoted(const std::string& name) {
    std::string out = "\"";
    for (const char c : name) {
      if (c == '"') out += '"';
      out += c;
    }
    return out + "\"";
  }

  const SqlOptions& options_;
  const ActionCall& call_;
  const Action& action_;
  std::unique_ptr<PostgresConnection>& connection_;
  bool open_ = false;      // a transaction is open
  bool in_doubt_ = false;  // a COMMIT was sent and its answer lost
  std::string why_not_;    // there is no connection
};

}  // namespace

// ---- Threads

SqlRunner::SqlRunner(SqlOptions options)
    : options_(std::move(options)), queue_(options_.queue_max) {}

SqlRunner::~SqlRunner() {
  std::vector<Job> waiting;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    waiting = queue_.take_all();
  }
  wake_.notify_all();
  for (Job& job : waiting)
    job.done(failed(FailureKind::kTransient, "unavailable", "belay is shutting down"));
  for (std::thread& thread : threads_) thread.join();
}

void SqlRunner::run(ActionCall call, std::function<void(ActionOutcome)> done) {
  Job job{std::move(call), std::move(done)};
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    const std::string tenant = job.call.tenant;
    if (!stopping_ && queue_.push(tenant, std::move(job))) {
      wake = idle_ > 0;
      if (queue_.size() > idle_ && threads_.size() < options_.connections)
        threads_.emplace_back([this] { work(); });
      job.done = nullptr;
    }
  }
  if (wake) wake_.notify_one();
  if (job.done)
    job.done(failed(FailureKind::kTransient, "unavailable", "too many SQL actions wait", 1000));
}

void SqlRunner::work() {
  std::unique_ptr<PostgresConnection> connection;
  std::unique_lock lock(mutex_);
  for (;;) {
    while (queue_.empty()) {
      if (stopping_) return;
      ++idle_;
      wake_.wait(lock);
      --idle_;
    }
    Job job = queue_.pop();
    lock.unlock();
    SqlCallRun call(options_, job.call, connection);
    job.done(call.run());
    job = {};
    lock.lock();
  }
}

}  // namespace belay::runtime
