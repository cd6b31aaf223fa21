// Whether it lives, whether it can work, and its numbers for Prometheus. Sagas by health are read
// from the database, so that a node tells the truth about all of them and not only of those it has
// in memory.
#include "runtime/api/api.h"
#include "runtime/api/json_writer.h"

namespace belay::runtime::api {
namespace {

HttpResponse plain(int status, std::string body) {
  HttpResponse response;
  response.status = status;
  response.content_type = "text/plain; charset=utf-8";
  response.body = std::move(body);
  return response;
}

HttpResponse ready(Context& context) {
  const bool engine = context.engine.ready() && !context.stopping.load();
  const EngineStats stats = context.engine.stats();
  JsonWriter w;
  w.begin_object().field("ready", engine).field("database", stats.database_up);
  if (!stats.database_why.empty()) w.field("why", stats.database_why);
  w.field("live_sagas", stats.live).field("in_flight", stats.in_flight).end_object();
  HttpResponse response = json_response(engine ? 200 : 503, w.take());
  if (!engine) set_header(response, "Retry-After", "2");
  return response;
}

std::string label(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n')
      out += "\\n";
    else
      out += c;
  }
  return out;
}

void counter(std::string& out, const char* name, const char* help, std::uint64_t value) {
  out += std::string("# HELP ") + name + " " + help + "\n# TYPE " + name + " counter\n" + name +
         " " + std::to_string(value) + "\n";
}

void gauge(std::string& out, const char* name, const char* help, double value) {
  out += std::string("# HELP ") + name + " " + help + "\n# TYPE " + name + " gauge\n" + name + " " +
         interpreter::double_to_text(value) + "\n";
}

void write_engine(std::string& out, const EngineStats& s) {
  counter(out, "belay_sagas_started_total", "Sagas started by this node", s.started);
  counter(out, "belay_sagas_completed_total", "Sagas that completed on this node", s.completed);
  counter(out, "belay_sagas_compensated_total", "Sagas that were undone on this node",
          s.compensated);
  counter(out, "belay_sagas_held_total", "Times that a saga came to be held for a person", s.held);
  counter(out, "belay_journal_entries_total", "Journal entries committed", s.entries);
  counter(out, "belay_flushes_total", "Flushes committed", s.flushes);
  counter(out, "belay_flush_rows_total", "Rows written by flushes", s.flush_rows);
  counter(out, "belay_actions_sent_total", "Actions sent", s.actions_sent);
  counter(out, "belay_actions_succeeded_total", "Actions that succeeded", s.actions_ok);
  counter(out, "belay_actions_failed_total", "Actions that certainly did not happen",
          s.actions_failed);
  counter(out, "belay_actions_unsure_total", "Actions that may have happened", s.actions_unsure);
  counter(out, "belay_events_total", "Events published", s.events);
  counter(out, "belay_events_duplicate_total", "Events that had been published before",
          s.events_duplicate);
  counter(out, "belay_event_starts_total", "Sagas started by events", s.event_starts);
  counter(out, "belay_event_starts_failed_total",
          "Events that could not start a saga that begins with them", s.event_starts_failed);
  counter(out, "belay_sagas_quarantined_total",
          "Sagas set aside because their rows could not be written or read", s.quarantined);
  counter(out, "belay_refused_busy_total", "Requests refused because too much was waiting",
          s.refused_busy);
  gauge(out, "belay_live_sagas", "Sagas in memory", static_cast<double>(s.live));
  gauge(out, "belay_actions_in_flight", "Actions sent and not yet answered",
        static_cast<double>(s.in_flight));
  gauge(out, "belay_inbox", "Requests that wait for the engine", static_cast<double>(s.inbox));
  gauge(out, "belay_flush_seconds_avg", "Mean time of a flush", s.flush_ms_avg / 1000);
  gauge(out, "belay_database_up", "1 when the database can be written to", s.database_up ? 1 : 0);
}

void write_forwards(std::string& out, const ForwardStats& s) {
  counter(out, "belay_requests_forwarded_total", "Requests that another node answered",
          s.forwarded);
  counter(out, "belay_requests_mailed_total",
          "Requests that another node answered by mail, because it could not be connected to",
          s.mailed);
  counter(out, "belay_requests_handed_over_total",
          "Requests that another node took while this one stopped", s.handed_over);
  counter(out, "belay_forwards_refused_total",
          "Requests refused because too many were on their way to other nodes", s.refused_busy);
  counter(out, "belay_forwards_in_doubt_total",
          "Requests that another node was sent and did not answer", s.in_doubt);
}

// A key sees its tenant's sagas; an admin's sees the sum of all, so that one scrape serves the
// whole installation.
void write_counts(std::string& out, const std::vector<StatusCount>& counts, const Principal& who) {
  std::map<std::string, std::uint64_t> sums;
  for (const StatusCount& c : counts) {
    if (who.role != Role::kAdmin && c.tenant != who.tenant) continue;
    sums["workflow=\"" + label(c.workflow) + "\",status=\"" + label(c.status) + "\",health=\"" +
         label(c.health) + "\""] += c.count;
  }
  out +=
      "# HELP belay_sagas Sagas that have not ended, by workflow, status and health\n# TYPE "
      "belay_sagas gauge\n";
  for (const auto& [labels, count] : sums)
    out += "belay_sagas{" + labels + "} " + std::to_string(count) + "\n";
}

HttpResponse metrics(Context& context, const Call& call) {
  std::string out;
  write_engine(out, context.engine.stats());
  write_forwards(out, context.forwarder.stats());
  Result<std::vector<StatusCount>> counts = context.reader.counts();
  gauge(out, "belay_counts_read", "1 when the sagas below could be counted", counts ? 1 : 0);
  if (counts) write_counts(out, *counts, call.who);
  if (context.options.more_metrics) context.options.more_metrics(out);
  context.metrics.write(out);
  HttpResponse response = plain(200, std::move(out));
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  return response;
}

}  // namespace

void HttpMetrics::count(const std::string& route, int status, std::int64_t us) {
  const std::lock_guard lock(mutex_);
  Cell& cell = cells_[{route, status}];
  ++cell.requests;
  cell.us += us;
}

void HttpMetrics::write(std::string& out) const {
  const std::lock_guard lock(mutex_);
  const auto labels = [](const auto& key) {
    return "{route=\"" + label(key.first) + "\",status=\"" + std::to_string(key.second) + "\"} ";
  };
  out +=
      "# HELP belay_http_requests_total Requests answered\n# TYPE belay_http_requests_total "
      "counter\n";
  for (const auto& [key, cell] : cells_) {
    out += "belay_http_requests_total" + labels(key) + std::to_string(cell.requests) + "\n";
  }
  out +=
      "# HELP belay_http_request_seconds_total Time spent answering\n# TYPE "
      "belay_http_request_seconds_total counter\n";
  for (const auto& [key, cell] : cells_) {
    out += "belay_http_request_seconds_total" + labels(key) +
           interpreter::double_to_text(static_cast<double>(cell.us) / 1e6) + "\n";
  }
}

void add_health_routes(std::vector<Route>& routes, Context& context) {
  routes.push_back({"GET",
                    "/livez",
                    "livez",
                    "health",
                    "200 while the process answers at all",
                    Role::kNobody,
                    {},
                    "",
                    {{200, "It lives", "", "text/plain"}},
                    [](const Call&) { return plain(200, "ok\n"); }});
  routes.push_back({"GET",
                    "/readyz",
                    "readyz",
                    "health",
                    "200 while sagas are taken on and carried out",
                    Role::kNobody,
                    {},
                    "",
                    {{200, "Ready", "Readiness"}, {503, "Not now", "Readiness"}},
                    [&context](const Call&) { return ready(context); }});
  routes.push_back({"GET",
                    "/metrics",
                    "metrics",
                    "health",
                    "Numbers for Prometheus",
                    Role::kViewer,
                    {},
                    "",
                    {{200, "Text format 0.0.4", "", "text/plain"}},
                    [&context](const Call& call) { return metrics(context, call); }});
}

}  // namespace belay::runtime::api
