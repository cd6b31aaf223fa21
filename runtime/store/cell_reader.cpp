// Merging pages. See cell_reader.h.
#include "runtime/store/cell_reader.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <tuple>

#include "runtime/base/check.h"
#include "runtime/base/limits.h"
#include "runtime/store/cells.h"

namespace belay::runtime {
namespace {

std::size_t bounded(std::size_t limit) {
  return std::clamp<std::size_t>(limit, 1, limits::page_rows_max);
}

template <class T>
void append(std::vector<T>& all, std::vector<T>& some) {
  all.insert(all.end(), std::make_move_iterator(some.begin()), std::make_move_iterator(some.end()));
}

class CellReader final : public Reader {
 public:
  explicit CellReader(std::vector<std::unique_ptr<Reader>> cells) : cells_(std::move(cells)) {}

  // Every cell gives its first `limit` rows behind the cursor, so the first `limit` of all are
  // among them.
  Result<SagaPage> sagas(const SagaFilter& filter) override {
    SagaPage all;
    bool more = false;
    for (const auto& cell : cells_) {
      Result<SagaPage> page = cell->sagas(filter);
      if (!page) return page;
      append(all.rows, page->rows);
      more = more || !page->next.empty();
    }
    std::sort(all.rows.begin(), all.rows.end(),
              [](const auto& a, const auto& b) { return a.id > b.id; });
    if (const std::size_t limit = bounded(filter.limit); all.rows.size() > limit) {
      all.rows.resize(limit);
      more = true;
    }
    if (more) all.next = all.rows.back().id;
    return all;
  }

  Result<InstanceRow> saga(const std::string& tenant, const SagaId& id) override {
    return find([&](Reader& cell) { return cell.saga(tenant, id); });
  }
  Result<HistoryPage> history(const std::string& tenant, const SagaId& id, std::uint64_t after,
                              std::size_t limit) override {
    return find([&](Reader& cell) { return cell.history(tenant, id, after, limit); });
  }
  Result<bool> erase(const std::string& tenant, const SagaId& id, const std::string& actor,
                     const std::string& reason) override {
    std::optional<Failure> failure;
    for (const auto& cell : cells_) {
      const Result<bool> erased = cell->erase(tenant, id, actor, reason);
      if (erased && *erased) return true;
      if (!erased) failure = erased.error();
    }
    if (failure) return fail(*failure);
    return false;
  }

  Result<EventPage> events(const EventFilter& filter) override {
    struct Row {
      EventRow event;
      std::string not_started;
    };
    std::vector<Row> rows;
    bool more = false;
    for (const auto& cell : cells_) {
      Result<EventPage> page = cell->events(filter);
      if (!page) return page;
      for (std::size_t i = 0; i < page->rows.size(); ++i) {
        rows.push_back({std::move(page->rows[i]), std::move(page->not_started[i])});
      }
      more = more || !page->next.empty();
    }
    std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
      return std::tie(a.event.eseq, a.event.lane) > std::tie(b.event.eseq, b.event.lane);
    });
    if (const std::size_t limit = bounded(filter.limit); rows.size() > limit) {
      rows.resize(limit);
      more = true;
    }
    EventPage all;
    for (Row& row : rows) {
      all.rows.push_back(std::move(row.event));
      all.not_started.push_back(std::move(row.not_started));
    }
    if (more)
      all.next = std::to_string(all.rows.back().eseq) + "." + std::to_string(all.rows.back().lane);
    return all;
  }

  Result<QuestionPage> questions(const QuestionFilter& filter) override {
    QuestionPage all;
    bool more = false;
    for (const auto& cell : cells_) {
      Result<QuestionPage> page = cell->questions(filter);
      if (!page) return page;
      append(all.rows, page->rows);
      more = more || !page->next.empty();
    }
    std::sort(all.rows.begin(), all.rows.end(), [](const auto& a, const auto& b) {
      return std::tie(a.question.saga, a.question.path) <
             std::tie(b.question.saga, b.question.path);
    });
    if (const std::size_t limit = bounded(filter.limit); all.rows.size() > limit) {
      all.rows.resize(limit);
      more = true;
    }
    if (more) all.next = all.rows.back().question.saga + "/" + all.rows.back().question.path;
    return all;
  }

  Result<std::vector<StatusCount>> counts() override {
    std::map<std::tuple<std::string, std::string, std::string, std::string>, std::uint64_t> sums;
    for (const auto& cell : cells_) {
      Result<std::vector<StatusCount>> some = cell->counts();
      if (!some) return some;
      for (const StatusCount& row : *some)
        sums[{row.tenant, row.workflow, row.status, row.health}] += row.count;
    }
    std::vector<StatusCount> all;
    for (const auto& [of, count] : sums) {
      const auto& [tenant, workflow, status, health] = of;
      all.push_back({tenant, workflow, status, health, count});
    }
    return all;
  }

  Result<void> ping() override {
    for (const auto& cell : cells_) {
      if (auto answered = cell->ping(); !answered) return answered;
    }
    return {};
  }

  Result<void> add_api_key(const ApiKeyRow& row, const std::string& sha256_hex) override {
    return cells_.front()->add_api_key(row, sha256_hex);
  }
  Result<std::optional<ApiKeyRow>> find_api_key(const std::string& sha256_hex) override {
    return cells_.front()->find_api_key(sha256_hex);
  }
  Result<std::vector<ApiKeyRow>> api_keys(const std::string& tenant) override {
    return cells_.front()->api_keys(tenant);
  }
  Result<bool> revoke_api_key(const std::string& id) override {
    return cells_.front()->revoke_api_key(id);
  }
  Result<void> audit(const std::string& tenant, const std::string& actor, const std::string& act,
                     const std::string& detail_json) override {
    return cells_.front()->audit(tenant, actor, act, detail_json);
  }

 private:
  // What one cell has. That nobody has it is said only when all were asked.
  template <class F>
  auto find(F look) -> decltype(look(std::declval<Reader&>())) {
    std::optional<Failure> failure;
    for (const auto& cell : cells_) {
      auto found = look(*cell);
      if (found) return found;
      if (!failure || found.error().code != ErrorCode::kNotFound) failure = found.error();
    }
    return fail(*failure);
  }

  const std::vector<std::unique_ptr<Reader>> cells_;
};

}  // namespace

std::unique_ptr<Reader> join_readers(std::vector<std::unique_ptr<Reader>> cells) {
  BELAY_CHECK(!cells.empty(), "there is a cell");
  if (cells.size() == 1) return std::move(cells.front());
  return std::make_unique<CellReader>(std::move(cells));
}

Result<std::unique_ptr<Reader>> open_readers(const std::vector<PostgresOptions>& databases,
                                             std::size_t connections) {
  std::vector<std::unique_ptr<Reader>> cells;
  for (const PostgresOptions& database : databases) {
    auto reader = Reader::open(databases.size() > 1 ? impatient(database) : database, connections);
    if (!reader) return fail(reader.error());
    cells.push_back(std::move(*reader));
  }
  return join_readers(std::move(cells));
}

}  // namespace belay::runtime
