// Lists, history, events, counts and keys for the API. See reader.h; the statements are in
// sql/reader.sql.
#include "runtime/store/reader.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <limits>

#include "runtime/base/ids.h"
#include "runtime/base/limits.h"
#include "runtime/store/postgres_guard.h"
#include "runtime/store/postgres_pool.h"
#include "runtime/store/postgres_rows.h"

namespace belay::runtime {
namespace {

const SagaId kNilId = "00000000-0000-0000-0000-000000000000";
const SagaId kLastId = "ffffffff-ffff-ffff-ffff-ffffffffffff";

// The least id of that time.
SagaId first_id(Instant at) {
  char digits[16];
  std::snprintf(
      digits, sizeof digits, "%012llx",
      static_cast<unsigned long long>(std::clamp<std::int64_t>(at.us / 1000, 0, (1LL << 48) - 1)));
  return std::string(digits, 8) + "-" + std::string(digits + 8, 4) + "-0000-0000-000000000000";
}

std::size_t bounded(std::size_t limit) {
  return std::clamp<std::size_t>(limit, 1, limits::page_rows_max);
}

tl::unexpected<Failure> bad_cursor() {
  return fail(ErrorCode::kInvalid, "the cursor is none of ours",
              "pass on `next` of the page before, unchanged");
}

// The statement whose index fits the filter best.
const char* statement_for(const SagaFilter& filter) {
  if (!filter.key.empty()) return "list_by_key";
  if (!filter.health.empty() && filter.health != "ok") return "list_unwell";
  if (filter.status == "compensating" || filter.status == "compensated") return "list_undoing";
  if (filter.status == "running") return "list_running";
  return "list_sagas";
}

// Words between commas.
std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    if (comma > 0) words.emplace_back(text.substr(0, comma));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return words;
}

ApiKeyRow api_key_of(const PostgresRows& rows, std::size_t i) {
  return {.id = rows.str(i, 0),
          .tenant = rows.str(i, 1),
          .role = rows.str(i, 2),
          .name = rows.str(i, 3),
          .created_at = {rows.number(i, 4)},
          .revoked_at = {rows.number(i, 5)},
          .may_answer = words_of(rows.text(i, 6))};
}

class PostgresReader final : public Reader {
 public:
  PostgresReader(PostgresOptions options, std::size_t connections)
      : pool_(std::move(options), connections) {}

  Result<SagaPage> sagas(const SagaFilter& filter) override;
  Result<InstanceRow> saga(const std::string& tenant, const SagaId& id) override;
  Result<HistoryPage> history(const std::string& tenant, const SagaId& id, std::uint64_t after,
                              std::size_t limit) override;
  Result<bool> erase(const std::string& tenant, const SagaId& id, const std::string& actor,
                     const std::string& reason) override;
  Result<EventPage> events(const EventFilter& filter) override;
  Result<QuestionPage> questions(const QuestionFilter& filter) override;
  Result<std::vector<StatusCount>> counts() override;
  Result<void> ping() override { return done("ping", {}, "answer"); }
  Result<void> add_api_key(const ApiKeyRow& row, const std::string& sha256) override {
    std::string may_answer;
    for (const std::string& role : row.may_answer)
      may_answer += (may_answer.empty() ? "" : ",") + role;
    PostgresParams params;
    params.text(row.id)
        .text(sha256)
        .text(row.tenant)
        .text(row.role)
        .text(row.name)
        .text(may_answer);
    return done("add_api_key", params, "store a key");
  }
  Result<std::optional<ApiKeyRow>> find_api_key(const std::string& sha256) override;
  Result<std::vector<ApiKeyRow>> api_keys(const std::string& tenant) override;
  Result<bool> revoke_api_key(const std::string& id) override;
  Result<void> audit(const std::string& tenant, const std::string& actor, const std::string& act,
                     const std::string& detail) override {
    return done(
        "audit",
        PostgresParams().text(tenant).text(actor).text(act).text(detail.empty() ? "{}" : detail),
        "store an audit record");
  }

 private:
  Result<PostgresRows> read(const char* statement, const PostgresParams& params,
                            std::string_view doing) {
    auto rows = pool_.read(statement, params);
    if (!rows) return fail(to_failure(rows.error(), doing));
    return std::move(*rows);
  }
  Result<void> done(const char* statement, const PostgresParams& params, std::string_view doing) {
    auto rows = read(statement, params, doing);
    if (!rows) return fail(rows.error());
    return {};
  }

  PostgresPool pool_;
};

Result<SagaPage> PostgresReader::sagas(const SagaFilter& filter) {
  SagaId below = filter.created_until ? first_id(filter.created_until) : kLastId;
  if (!filter.cursor.empty()) {
    if (!is_uuid(filter.cursor)) return bad_cursor();
    below = std::min(below, filter.cursor);
  }
  const std::size_t limit = bounded(filter.limit);
  PostgresParams params;
  params.text(filter.tenant)
      .text(filter.workflow)
      .text(filter.status)
      .text(filter.health)
      .text(filter.key);
  params.text(filter.waiting_on)
      .uuid(filter.created_from ? first_id(filter.created_from) : kNilId)
      .uuid(below);
  params.int8(
      static_cast<std::int64_t>(limit + 1));  // one more tells whether there is another page
  auto rows = read(statement_for(filter), params, "list sagas");
  if (!rows) return fail(rows.error());
  SagaPage page;
  for (std::size_t i = 0; i < std::min(rows->size(), limit); ++i)
    page.rows.push_back(instance_of(*rows, i));
  if (rows->size() > limit) page.next = page.rows.back().id;
  return page;
}

Result<InstanceRow> PostgresReader::saga(const std::string& tenant, const SagaId& id) {
  const auto missing = [&] {
    return fail(ErrorCode::kNotFound, "no saga has the id " + id.substr(0, 64));
  };
  if (!is_uuid(id)) return missing();
  auto rows = read("saga_by_id", PostgresParams().text(tenant).uuid(id), "read a saga");
  if (!rows) return fail(rows.error());
  if (rows->size() == 0) return missing();
  return instance_of(*rows, 0);
}

Result<HistoryPage> PostgresReader::history(const std::string& tenant, const SagaId& id,
                                            std::uint64_t after, std::size_t limit) {
  const auto found = saga(tenant, id);
  if (!found) return fail(found.error());
  limit = bounded(limit);
  const auto after_seq =
      static_cast<std::int32_t>(std::min<std::uint64_t>(after, std::numeric_limits<int>::max()));
  PostgresParams params;
  params.int4(found->lane).uuid(id).int4(after_seq).int8(static_cast<std::int64_t>(limit + 1));
  auto rows = read("history", params, "read a history");
  if (!rows) return fail(rows.error());
  HistoryPage page;
  for (std::size_t i = 0; i < std::min(rows->size(), limit); ++i)
    page.rows.push_back(journal_of(*rows, i));
  if (rows->size() > limit) page.next_after = page.rows.back().seq;
  return page;
}

Result<bool> PostgresReader::erase(const std::string& tenant, const SagaId& id,
                                   const std::string& actor, const std::string& reason) {
  if (!is_uuid(id)) return false;
  auto rows = read("erase_saga", PostgresParams().text(tenant).uuid(id).text(actor).text(reason),
                   "erase a saga");
  if (!rows) return fail(rows.error());
  return rows->size() > 0;
}

Result<EventPage> PostgresReader::events(const EventFilter& filter) {
  std::int64_t eseq = std::numeric_limits<std::int64_t>::max();
  std::int32_t lane = std::numeric_limits<std::int32_t>::max();
  if (!filter.cursor.empty()) {  // "eseq.lane"
    const char* end = filter.cursor.data() + filter.cursor.size();
    const auto first = std::from_chars(filter.cursor.data(), end, eseq);
    if (first.ec != std::errc() || first.ptr == end || *first.ptr != '.') return bad_cursor();
    const auto second = std::from_chars(first.ptr + 1, end, lane);
    if (second.ec != std::errc() || second.ptr != end) return bad_cursor();
  }
  const std::size_t limit = bounded(filter.limit);
  PostgresParams params;
  params.text(filter.tenant)
      .text(filter.type)
      .text(filter.key)
      .boolean(filter.unclaimed_only)
      .int8(eseq)
      .int4(lane);
  auto rows = read("list_events", params.int8(static_cast<std::int64_t>(limit + 1)), "list events");
  if (!rows) return fail(rows.error());
  EventPage page;
  for (std::size_t i = 0; i < std::min(rows->size(), limit); ++i) {
    page.rows.push_back(event_of(*rows, i));
    page.not_started.push_back(rows->str(i, 11));
  }
  if (rows->size() > limit) {
    page.next = std::to_string(page.rows.back().eseq) + "." + std::to_string(page.rows.back().lane);
  }
  return page;
}

Result<QuestionPage> PostgresReader::questions(const QuestionFilter& filter) {
  SagaId after = kNilId;
  std::string path;
  if (!filter.cursor.empty()) {  // "saga/path"
    if (filter.cursor.size() < 37 || filter.cursor[36] != '/') return bad_cursor();
    after = filter.cursor.substr(0, 36);
    path = filter.cursor.substr(37);
    if (!is_uuid(after)) return bad_cursor();
  }
  const std::size_t limit = bounded(filter.limit);
  PostgresParams params;
  params.text(filter.tenant).text(filter.role).uuid(after).text(path);
  auto rows =
      read("list_questions", params.int8(static_cast<std::int64_t>(limit + 1)), "list questions");
  if (!rows) return fail(rows.error());
  QuestionPage page;
  for (std::size_t i = 0; i < std::min(rows->size(), limit); ++i) {
    page.rows.push_back({{.lane = static_cast<Lane>(rows->number(i, 0)),
                          .saga = rows->str(i, 1),
                          .path = rows->str(i, 2),
                          .tenant = filter.tenant,
                          .role = rows->str(i, 3),
                          .since = {rows->number(i, 4)},
                          .until = {rows->number(i, 5)}},
                         rows->str(i, 6),
                         rows->str(i, 7)});
  }
  if (rows->size() > limit)
    page.next = page.rows.back().question.saga + "/" + page.rows.back().question.path;
  return page;
}

Result<std::vector<StatusCount>> PostgresReader::counts() {
  auto rows = read("live_counts", {}, "count sagas");
  if (!rows) return fail(rows.error());
  std::vector<StatusCount> counts;
  for (std::size_t i = 0; i < rows->size(); ++i) {
    counts.push_back({rows->str(i, 0), rows->str(i, 1), rows->str(i, 2), rows->str(i, 3),
                      static_cast<std::uint64_t>(rows->number(i, 4))});
  }
  return counts;
}

Result<std::optional<ApiKeyRow>> PostgresReader::find_api_key(const std::string& sha256) {
  auto rows = read("find_api_key", PostgresParams().text(sha256), "look up a key");
  if (!rows) return fail(rows.error());
  if (rows->size() == 0) return std::nullopt;
  return api_key_of(*rows, 0);
}

Result<std::vector<ApiKeyRow>> PostgresReader::api_keys(const std::string& tenant) {
  auto rows = read("list_api_keys", PostgresParams().text(tenant), "list keys");
  if (!rows) return fail(rows.error());
  std::vector<ApiKeyRow> keys;
  for (std::size_t i = 0; i < rows->size(); ++i) keys.push_back(api_key_of(*rows, i));
  return keys;
}

Result<bool> PostgresReader::revoke_api_key(const std::string& id) {
  auto rows = read("revoke_api_key", PostgresParams().text(id), "revoke a key");
  if (!rows) return fail(rows.error());
  return rows->size() > 0;
}

}  // namespace

Result<std::unique_ptr<Reader>> Reader::open(PostgresOptions options, std::size_t connections) {
  options.application += "_reader";
  auto connection = PostgresConnection::open(options);
  if (!connection) return fail(to_failure(connection.error(), "answer"));
  if (auto fine = check_schema(**connection); !fine) return fail(fine.error());
  return std::make_unique<PostgresReader>(std::move(options), connections);
}

}  // namespace belay::runtime
