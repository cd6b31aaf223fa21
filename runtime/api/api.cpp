// The way of a request from the server to its handler. See api.h.
#include "runtime/api/api.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <exception>

#include "interpreter/time.h"
#include "runtime/api/json_writer.h"
#include "runtime/api/nudge.h"
#include "runtime/api/saga_json.h"
#include "runtime/base/clock.h"
#include "runtime/base/ids.h"
#include "runtime/engine/saga.h"

namespace belay::runtime::api {
namespace {

// The host of a Host header, without port, lower case: "[::1]:7070" → "[::1]".
std::string host_name(std::string_view host) {
  const std::size_t bracket = host.find(']');
  const std::size_t colon = host.find(':', bracket == std::string_view::npos ? 0 : bracket);
  std::string out(host.substr(0, colon));
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

// A page of another origin may make a browser that runs beside us send requests here (DNS
// rebinding, forms). What such a request cannot do is choose its Host, Origin and Sec-Fetch-Site
// headers.
std::optional<HttpResponse> wrong_origin(const ApiOptions& options, const HttpRequest& request) {
  if (options.hosts.empty()) return std::nullopt;
  const std::string* host = header(request, "host");
  if (host == nullptr || std::find(options.hosts.begin(), options.hosts.end(), host_name(*host)) ==
                             options.hosts.end()) {
    return refuse(421, "misdirected", "the Host header names no host that is served here",
                  "use 127.0.0.1 or localhost, or name the host with --host");
  }
  const std::string* site = header(request, "sec-fetch-site");
  if (request.method != "GET" && site != nullptr &&
      (*site == "cross-site" || *site == "same-site")) {
    return refuse(403, "forbidden", "a page of another site may not write here");
  }
  return std::nullopt;
}

std::optional<HttpResponse> unknown_query(const Route& route, const HttpRequest& request) {
  for (const auto& [name, value] : request.query) {
    std::string takes;
    bool known = false;
    for (const Parameter& parameter : route.parameters) {
      if (parameter.in != Parameter::kQuery) continue;
      known = known || name == parameter.name;
      takes += (takes.empty() ? "`" : ", `") + std::string(parameter.name) + "`";
    }
    if (!known) {
      return refuse(400, "malformed",
                    "the query has the unknown parameter `" + name.substr(0, 100) + "`",
                    takes.empty() ? "this takes no parameters" : "this takes " + takes);
    }
    if (request.query.count(name) > 1)
      return refuse(400, "malformed", "the parameter `" + name + "` is there twice");
    if (!is_clean(value, 2 * limits::key_bytes_max)) {
      return refuse(400, "malformed", "the parameter `" + name + "` is too long or not plain text");
    }
  }
  return std::nullopt;
}

std::optional<HttpResponse> low_role(const Route& route, const Principal& who) {
  if (who.role >= route.role) return std::nullopt;
  return refuse(403, "forbidden",
                std::string("this needs the role ") + name(route.role) + "; the API key has " +
                    name(who.role));
}

// One of two would be judged and the other obeyed.
std::optional<HttpResponse> doubled_header(const HttpRequest& request) {
  for (const char* name :
       {"Authorization", "Idempotency-Key", "If-Match", "Content-Type", "Host"}) {
    if (request.headers.count(std::string(name)) > 1) {
      return refuse(400, "malformed", std::string("the header ") + name + " is there twice");
    }
  }
  return std::nullopt;
}

}  // namespace

interpreter::Instant Context::now() const {
  if (options.now) return options.now();
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return {std::chrono::duration_cast<std::chrono::microseconds>(since).count()};
}

const interpreter::EventType* Context::event(std::string_view name) const {
  for (const interpreter::EventType& type : options.events) {
    if (type.name == name) return &type;
  }
  return nullptr;
}

Api::Api(Engine& engine, Reader& reader, SecretStore& secrets, ApiOptions options)
    : context_{engine, reader, secrets, std::move(options)}, access_(reader, context_.options) {
  add_saga_routes(routes_, context_);
  add_act_routes(routes_, context_);
  add_erase_route(routes_, context_);
  add_question_routes(routes_, context_);
  add_migrate_routes(routes_, context_);
  add_event_routes(routes_, context_);
  add_workflow_routes(routes_, context_);
  add_webhook_routes(routes_, context_);
  add_health_routes(routes_, context_);
  add_node_routes(routes_, context_);
  Route& document = routes_.emplace_back();
  document.pattern = "/v1/openapi.json";
  document.id = "getOpenApi";
  document.tag = "health";
  document.summary = "This document: OpenAPI 3.1, from the table that dispatches";
  document.role = Role::kNobody;
  document.answers = {{200, "The document", "Any"}};
  document.handler = [text = openapi(routes_)](const Call&) { return json_response(200, text); };
  desk_ = std::make_shared<MailDesk>(
      routes_, context_.options.forward.sealer,
      [this](const Route& route, const HttpRequest& request, const Principal& who) {
        return mailed(route, request, who);
      });
  engine.on_request([desk = std::weak_ptr(desk_)](std::string id, std::string body,
                                                  std::function<void(std::string)> reply) {
    if (const auto open = desk.lock()) open->take(std::move(id), std::move(body), std::move(reply));
  });
  nudger_ = std::make_shared<Nudger>();
  engine.on_mail([nudger = std::weak_ptr(nudger_)](const LaneHolder& holder) {
    if (const auto open = nudger.lock()) open->tell(holder.address);
  });
}

Api::~Api() { desk_->close(); }

void Api::begin_stop() {
  context_.forwarder.remember_peers();
  context_.stopping.store(true);
}

HttpResponse Api::handle(const Route& route, const HttpRequest& request) {
  const std::int64_t begun = monotonic_us();
  HttpResponse response = answer(route, request);
  const std::int64_t us = monotonic_us() - begun;
  set_header(response, "Cache-Control", "no-store");
  context_.metrics.count(route.id, response.status, us);
  spdlog::log(response.status >= 500 ? spdlog::level::warn : spdlog::level::debug, "{} {} {} {} us",
              route.id, request.method, response.status, us);
  return response;
}

HttpResponse Api::answer(const Route& route, const HttpRequest& request) try {
  if (auto no = wrong_origin(context_.options, request)) return std::move(*no);
  if (auto no = doubled_header(request)) return std::move(*no);
  Call call{request, {}, &route};
  call.who.tenant = context_.options.tenant;
  if (route.role != Role::kNobody) {
    Read<Principal> who = access_.who(request);
    if (!who) return std::move(who.error());
    if (auto no = low_role(route, *who)) return std::move(*no);
    call.who = std::move(*who);
  }
  if (route.tag != "webhooks") {
    if (auto no = unknown_query(route, request)) return std::move(*no);
  }
  return carry_out(call);
} catch (const std::exception& e) {
  return refuse(Failure{ErrorCode::kInternal, std::string("a handler threw: ") + e.what(), {}});
}

// Who asks was found out by the node that mailed it; what they may do is asked here again.
HttpResponse Api::mailed(const Route& route, const HttpRequest& request, const Principal& who) try {
  if (auto no = doubled_header(request)) return std::move(*no);
  if (auto no = low_role(route, who)) return std::move(*no);
  if (route.tag != "webhooks") {
    if (auto no = unknown_query(route, request)) return std::move(*no);
  }
  HttpResponse response = carry_out({request, who, &route});
  context_.metrics.count("mailed:" + route.id, response.status, 0);
  return response;
} catch (const std::exception& e) {
  return refuse(Failure{ErrorCode::kInternal, std::string("a handler threw: ") + e.what(), {}});
}

// Here, if the lane is ours; else where it is held.
HttpResponse Api::carry_out(const Call& call) {
  constexpr int kTries = 3;  // the lane may come to us while we look for its holder
  HttpResponse response;
  std::optional<Elsewhere> elsewhere;
  for (int i = 0; i < kTries; ++i) {
    response = call.route->handler(call);
    elsewhere = elsewhere_of(response);
    if (!elsewhere || is_forwarded(call.http)) return response;
    if (elsewhere->stopping) break;
    std::optional<HttpResponse> there = context_.forwarder.carry(call, elsewhere->lane);
    if (!there) continue;
    response = std::move(*there);
    elsewhere = elsewhere_of(response);  // we may be stopping since
    break;
  }
  const bool handed_over = header(call.http, kHandedOverHeader) != nullptr;
  if (elsewhere && elsewhere->stopping && !handed_over && context_.stopping.load()) {
    if (auto there = context_.forwarder.hand_over(call)) return std::move(*there);
  }
  // A node that handed it over to us asks another one.
  if (!handed_over) forget_elsewhere(response);
  return response;
}

Read<SagaView> find_saga(Context& context, const Call& call) {
  const std::optional<std::string> id = normalise_uuid(hole(call.http, "id"));
  Result<SagaView> view =
      id ? context.engine.view(call.who.tenant, *id)
         : Result<SagaView>(fail(ErrorCode::kNotFound, "a saga's id is a uuid"));
  if (view) return std::move(*view);
  if (view.error().code == ErrorCode::kNotFound) {
    const std::int64_t kept_us = context.options.keep_days * 86'400'000'000LL;
    const Instant began = id ? time_of_uuid(*id) : Instant{};
    if (kept_us > 0 && began && began.us + kept_us < context.now().us) {
      return tl::unexpected<HttpResponse>(refuse(
          404, "not_found",
          "there is no saga with this id any more, if there ever was: what ended more than " +
              std::to_string(context.options.keep_days) + " days ago is not kept",
          "GET /v1/sagas lists those that are there"));
    }
    return tl::unexpected<HttpResponse>(
        refuse(404, "not_found", "there is no saga with this id", "GET /v1/sagas lists them"));
  }
  if (view.error().code == ErrorCode::kCorrupt) {
    if (const auto row = quarantined_row(context, call))
      return tl::unexpected<HttpResponse>(to_response(quarantined_problem(*row)));
  }
  return tl::unexpected<HttpResponse>(refuse(view.error()));
}

std::optional<InstanceRow> quarantined_row(Context& context, const Call& call) {
  const std::optional<std::string> id = normalise_uuid(hole(call.http, "id"));
  if (!id) return std::nullopt;
  Result<InstanceRow> row = context.reader.saga(call.who.tenant, *id);
  if (!row || row->health != kQuarantined) return std::nullopt;
  return std::move(*row);
}

Problem quarantined_problem(const InstanceRow& row) {
  Problem out = problem(409, "quarantined",
                        "the saga was set aside so that others go on: its state is not known here",
                        "`failure` says why; when that is mended, `resume` reads it again; its row "
                        "and its history can be seen");
  JsonWriter failure;
  out.members.emplace_back("failure", failure.value(row.failure).take());
  out.members.emplace_back("seq", std::to_string(row.seq));
  out.members.emplace_back("allowed_actions", quarantined_allowed_json(row.id));
  out.headers.emplace_back("ETag", etag(row.seq));
  return out;
}

HttpResponse draw(const interpreter::Graph& graph, const std::string& format) {
  struct Format {
    std::string_view name;
    dsl::GraphFormat format;
    const char* content_type;
  };
  static constexpr Format kFormats[] = {
      {"json", dsl::GraphFormat::kJson, "application/json"},
      {"svg", dsl::GraphFormat::kSvg, "image/svg+xml"},
      {"dot", dsl::GraphFormat::kDot, "text/vnd.graphviz; charset=utf-8"},
      {"mermaid", dsl::GraphFormat::kMermaid, "text/plain; charset=utf-8"}};
  for (const Format& f : kFormats) {
    if (f.name != format) continue;
    std::string error;
    HttpResponse response;
    response.content_type = f.content_type;
    response.body = dsl::draw_graph(graph, f.format, error);
    if (!error.empty())
      return refuse(501, "unsupported", "the picture cannot be drawn here",
                    "install Graphviz, or ask for format=mermaid");
    return response;
  }
  return refuse(400, "malformed", "`format` must be json, svg, dot or mermaid");
}

}  // namespace belay::runtime::api
