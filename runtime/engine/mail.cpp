// Mail as JSON. The one file of the engine that knows json.hpp. See mail.h.
#include "runtime/engine/mail.h"

#include <nlohmann/json.hpp>
#include <utility>

namespace belay::runtime {
namespace {

using Json = nlohmann::json;

Json to_json(const SubscriptionRow& row) {
  return {{"lane", row.lane}, {"tenant", row.tenant}, {"type", row.type},     {"key", row.key},
          {"saga", row.saga}, {"path", row.path},     {"since", row.since.us}};
}

SubscriptionRow subscription(const Json& json) {
  return {.lane = json.at("lane").get<Lane>(),
          .tenant = json.at("tenant").get<std::string>(),
          .type = json.at("type").get<std::string>(),
          .key = json.at("key").get<std::string>(),
          .saga = json.at("saga").get<std::string>(),
          .path = json.at("path").get<std::string>(),
          .since = {json.at("since").get<std::int64_t>()}};
}

Json to_json(const EventRow& row) {
  return {{"lane", row.lane},       {"eseq", row.eseq},       {"id", row.id},
          {"tenant", row.tenant},   {"type", row.type},       {"key", row.key},
          {"version", row.version}, {"payload", row.payload}, {"metadata", row.metadata},
          {"at", row.at.us}};
}

EventRow event(const Json& json) {
  return {.lane = json.at("lane").get<Lane>(),
          .eseq = json.at("eseq").get<std::int64_t>(),
          .id = json.at("id").get<std::string>(),
          .tenant = json.at("tenant").get<std::string>(),
          .type = json.at("type").get<std::string>(),
          .version = json.at("version").get<std::uint32_t>(),
          .key = json.at("key").get<std::string>(),
          .payload = json.at("payload").get<std::string>(),
          .metadata = json.at("metadata").get<std::string>(),
          .at = {json.at("at").get<std::int64_t>()}};
}

Json to_json(const interpreter::Parent& parent) {
  return {{"saga", parent.saga},
          {"path", parent.path},
          {"generation", parent.generation},
          {"lane", parent.lane}};
}

interpreter::Parent parent(const Json& json) {
  return {json.at("saga").get<std::string>(), json.at("path").get<std::string>(),
          json.at("generation").get<std::uint32_t>(), json.at("lane").get<Lane>()};
}

struct Encode {
  MailboxRow& row;
  void set(const char* kind, const Json& body) {
    row.kind = kind;
    row.body = body.dump(-1, ' ', false, Json::error_handler_t::replace);
  }
  void operator()(const Subscribe& m) {
    set("subscribe", {{"to", to_json(m.row)}, {"saga_lane", m.saga_lane}});
  }
  void operator()(const Unsubscribe& m) { set("unsubscribe", {{"to", to_json(m.row)}}); }
  void operator()(const PublishEvent& m) { set("publish", {{"event", to_json(m.row)}}); }
  void operator()(const OfferAnswered& m) {
    set(m.taken ? "taken" : "declined",
        {{"to", to_json(m.row)}, {"eseq", m.eseq}, {"waits", m.waits}});
  }
  void operator()(const RunChild& m) {
    set("run_child", {{"tenant", m.tenant},
                      {"key", m.key},
                      {"parent", to_json(m.parent)},
                      {"workflow", m.workflow},
                      {"hash", m.hash},
                      {"input", m.input},
                      {"actor", m.actor}});
  }
  void operator()(const HaltChild& m) {
    set("halt_child", {{"tenant", m.tenant},
                       {"key", m.key},
                       {"parent", to_json(m.parent)},
                       {"undo", m.undo},
                       {"because", m.because},
                       {"saga", m.saga}});
  }
  void operator()(const ChildEnded& m) {
    set("child_ended", {{"tenant", m.tenant},
                        {"parent", to_json(m.parent)},
                        {"undo", m.undo},
                        {"end", static_cast<int>(m.end)},
                        {"output", m.output},
                        {"message", m.message}});
  }
  void operator()(const StartByEvent& m) {
    set("start_by_event",
        {{"workflow", m.workflow}, {"hash", m.hash}, {"key", m.key}, {"event", to_json(m.event)}});
  }
  void operator()(const EventStarted& m) {
    set("event_started", {{"tenant", m.tenant},
                          {"type", m.type},
                          {"key", m.key},
                          {"eseq", m.eseq},
                          {"workflow", m.workflow},
                          {"why", m.why}});
  }
  void operator()(const NextTurn& m) { set("next_turn", {{"tenant", m.tenant}, {"name", m.name}}); }
  void operator()(const NodeAsks& m) {
    set("node_asks", {{"id", m.id}, {"body", m.body}, {"node", m.node}});
  }
  void operator()(const NodeAnswers& m) {
    set(kAnswerKind, {{"id", m.id}, {"body", m.body}, {"node", m.node}});
  }
  void operator()(const Offer& m) {
    set("offer", {{"to", to_json(m.row)}, {"event", to_json(m.event)}});
  }
};

}  // namespace

const std::string& tenant_of(const Mail& mail) {
  static const std::string none;
  return std::visit(
      [](const auto& message) -> const std::string& {
        if constexpr (requires { message.tenant; })
          return message.tenant;
        else if constexpr (requires { message.row.tenant; })
          return message.row.tenant;
        else if constexpr (requires { message.event.tenant; })
          return message.event.tenant;
        else
          return none;
      },
      mail.what);
}

MailboxRow encode_mail(const Mail& mail) {
  MailboxRow row{.to = mail.to, .from = mail.from, .number = mail.number};
  std::visit(Encode{row}, mail.what);
  return row;
}

Result<Mail> decode_mail(const MailboxRow& row) {
  Mail mail{.to = row.to, .from = row.from, .number = row.number};
  try {
    const Json body = Json::parse(row.body);
    if (row.kind == "subscribe") {
      mail.what = Subscribe{subscription(body.at("to")), body.at("saga_lane").get<Lane>()};
    } else if (row.kind == "unsubscribe") {
      mail.what = Unsubscribe{subscription(body.at("to"))};
    } else if (row.kind == "publish") {
      mail.what = PublishEvent{event(body.at("event"))};
    } else if (row.kind == "taken" || row.kind == "declined") {
      mail.what = OfferAnswered{subscription(body.at("to")), body.at("eseq").get<std::int64_t>(),
                                row.kind == "taken", body.at("waits").get<bool>()};
    } else if (row.kind == "offer") {
      mail.what = Offer{subscription(body.at("to")), event(body.at("event"))};
    } else if (row.kind == "run_child") {
      mail.what = RunChild{body.at("tenant").get<std::string>(),
                           body.at("key").get<std::string>(),
                           parent(body.at("parent")),
                           body.at("workflow").get<std::string>(),
                           body.at("hash").get<std::string>(),
                           body.at("input").get<std::string>(),
                           body.at("actor").get<std::string>()};
    } else if (row.kind == "halt_child") {
      mail.what = HaltChild{body.at("tenant").get<std::string>(),
                            body.at("key").get<std::string>(),
                            parent(body.at("parent")),
                            body.at("undo").get<bool>(),
                            body.at("because").get<std::string>(),
                            body.value("saga", std::string())};
    } else if (row.kind == "start_by_event") {
      mail.what =
          StartByEvent{body.at("workflow").get<std::string>(), body.at("hash").get<std::string>(),
                       body.at("key").get<std::string>(), event(body.at("event"))};
    } else if (row.kind == "event_started") {
      mail.what =
          EventStarted{body.at("tenant").get<std::string>(),   body.at("type").get<std::string>(),
                       body.at("key").get<std::string>(),      body.at("eseq").get<std::int64_t>(),
                       body.at("workflow").get<std::string>(), body.at("why").get<std::string>()};
    } else if (row.kind == "next_turn") {
      mail.what =
          NextTurn{body.at("tenant").get<std::string>(), body.at("name").get<std::string>()};
    } else if (row.kind == "node_asks") {
      mail.what = NodeAsks{body.at("id").get<std::string>(), body.at("body").get<std::string>(),
                           body.value("node", std::string())};
    } else if (row.kind == kAnswerKind) {
      mail.what = NodeAnswers{body.at("id").get<std::string>(), body.at("body").get<std::string>(),
                              body.value("node", std::string())};
    } else if (row.kind == "child_ended") {
      const int end = body.at("end").get<int>();
      if (end < 0 || end > 2)
        return fail(ErrorCode::kCorrupt, "mail of a child that ended in an unknown way");
      mail.what =
          ChildEnded{body.at("tenant").get<std::string>(), parent(body.at("parent")),
                     body.at("undo").get<bool>(),          static_cast<ChildEnded::End>(end),
                     body.at("output").get<std::string>(), body.at("message").get<std::string>()};
    } else {
      return fail(ErrorCode::kUnsupported,
                  "mail of the kind `" + row.kind + "` is not known to this program");
    }
  } catch (const Json::exception& problem) {
    return fail(ErrorCode::kCorrupt, std::string("mail that cannot be read: ") + problem.what());
  }
  return mail;
}

}  // namespace belay::runtime
