// The protocol: JSON-RPC messages to questions and back. The only file here that knows JSON.
#include "runtime/lsp/server.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "runtime/lsp/documents.h"
#include "runtime/lsp/framing.h"
#include "runtime/lsp/position.h"
#include "runtime/lsp/query.h"

namespace belay::runtime::lsp {
namespace {

using Json = nlohmann::json;

constexpr int kParseError = -32700, kInvalidRequest = -32600, kMethodNotFound = -32601,
              kInvalidParams = -32602, kInternalError = -32603, kNotInitialized = -32002;
constexpr int kDepthMax = 64;
constexpr std::size_t kSuggestionsMax = 500;

struct RpcError {
  int code;
  std::string message;
};

// nullopt: no JSON, or nested too deep to be handled safely.
std::optional<Json> parse(const std::string& text) {
  bool too_deep = false;
  const auto watch = [&](int depth, Json::parse_event_t, Json&) {
    if (depth > kDepthMax) too_deep = true;
    return !too_deep;
  };
  Json out = Json::parse(text, watch, false);
  if (out.is_discarded() || too_deep) return std::nullopt;
  return out;
}

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

const Json& member(const Json& object, const char* name) {
  static const Json kNothing;
  if (!object.is_object()) return kNothing;
  const auto found = object.find(name);
  return found == object.end() ? kNothing : *found;
}

std::string text_of(const Json& object, const char* name) {
  const Json& value = member(object, name);
  if (!value.is_string())
    throw RpcError{kInvalidParams, std::string("`") + name + "` must be a string"};
  return value.get<std::string>();
}

std::uint32_t count_of(const Json& object, const char* name) {
  const Json& value = member(object, name);
  if (!value.is_number_integer() || value.get<std::int64_t>() < 0)
    throw RpcError{kInvalidParams, std::string("`") + name + "` must be a number from 0"};
  return static_cast<std::uint32_t>(std::min<std::int64_t>(value.get<std::int64_t>(), 0x7FFFFFFF));
}

Position position_from(const Json& json) {
  return {count_of(json, "line"), count_of(json, "character")};
}

Json json_of(const Position& p) { return {{"line", p.line}, {"character", p.character}}; }
Json json_of(const Range& r) { return {{"start", json_of(r.start)}, {"end", json_of(r.end)}}; }

int kind_number(Suggestion::Kind kind) {  // CompletionItemKind
  switch (kind) {
    case Suggestion::Kind::kKeyword: return 14;
    case Suggestion::Kind::kName: return 6;
    case Suggestion::Kind::kField: return 5;
    case Suggestion::Kind::kAction: return 3;
    case Suggestion::Kind::kEvent: return 23;
    case Suggestion::Kind::kType: return 22;
    case Suggestion::Kind::kError: return 20;
    case Suggestion::Kind::kWorkflow: return 2;
    case Suggestion::Kind::kConnector: return 8;
    case Suggestion::Kind::kPlan: return 21;
    case Suggestion::Kind::kArgument: return 10;
  }
  return 1;
}

int symbol_number(const OutlineItem& item) {  // SymbolKind
  static const std::map<std::string, int> kKinds = {
      {"type", 23},    {"event", 24},      {"connector", 19}, {"action", 12}, {"workflow", 5},
      {"webhook", 11}, {"retry plan", 14}, {"step", 6},       {"wait", 24},   {"ask", 24},
      {"set", 13},     {"collect", 13},    {"field", 8}};
  const auto found = kKinds.find(item.kind);
  return found == kKinds.end() ? 3 : found->second;
}

}  // namespace

class Server::Impl {
 public:
  Impl(ServerOptions options, std::function<void(std::string)> send)
      : options_(std::move(options)), send_(std::move(send)), documents_(options_.catalog) {}

  void receive(std::string_view bytes) {
    frames_.feed(bytes);
    while (!ended_) {
      std::optional<Frame> next = frames_.next();
      if (!next) return;
      if (!next->error.empty()) {
        reply_error(nullptr, kParseError, next->error);
        continue;
      }
      const std::optional<Json> message = parse(next->body);
      if (!message) {
        reply_error(nullptr, kParseError, "this is no JSON, or nested too deep");
        frames_.resume_inside(next->body);
        continue;
      }
      take(*message);
    }
  }

  bool unsettled() const { return initialized_ && !shut_down_ && (documents_.dirty() || stale_); }
  std::optional<int> ended() const { return ended_; }

  void settle() {
    if (!unsettled()) return;
    documents_.refresh();
    publish();
    stale_ = false;
  }

 private:
  // ---- JSON-RPC ----

  void write(const Json& json) { send_(frame(dump(json))); }
  void reply(const Json& id, Json result) {
    write({{"jsonrpc", "2.0"}, {"id", id}, {"result", std::move(result)}});
  }
  void reply_error(const Json& id, int code, const std::string& message) {
    write({{"jsonrpc", "2.0"}, {"id", id}, {"error", {{"code", code}, {"message", message}}}});
  }
  void notify(const char* method, Json params) {
    write({{"jsonrpc", "2.0"}, {"method", method}, {"params", std::move(params)}});
  }

  void take(const Json& message) {
    if (message.is_array()) {
      reply_error(nullptr, kInvalidRequest, "batches are not part of this protocol");
      return;
    }
    const Json& id = member(message, "id");
    const bool asks = message.is_object() && message.contains("id");
    if (asks && !id.is_string() && !id.is_number_integer()) {
      reply_error(nullptr, kInvalidRequest, "an `id` is a number or a string");
      return;
    }
    const Json& method = member(message, "method");
    if (!method.is_string()) {
      // An answer to something we asked: we ask nothing that matters.
      if (asks && (message.contains("result") || message.contains("error"))) return;
      reply_error(asks ? id : Json(), kInvalidRequest, "a message has a `method`");
      return;
    }
    try {
      const std::string name = method.get<std::string>();
      if (asks) {
        reply(id, answer(name, member(message, "params")));
      } else {
        hear(name, member(message, "params"));
      }
    } catch (const RpcError& error) {
      if (asks) reply_error(id, error.code, error.message);
    } catch (const std::exception& error) {
      if (asks) reply_error(id, kInternalError, error.what());
    }
  }

  Json answer(const std::string& method, const Json& params) {
    if (shut_down_) throw RpcError{kInvalidRequest, "the server was shut down"};
    if (method == "initialize") {
      if (initialized_) throw RpcError{kInvalidRequest, "it is initialized already"};
      return initialize(params);
    }
    if (!initialized_) throw RpcError{kNotInitialized, "`initialize` comes first"};
    if (method == "shutdown") {
      shut_down_ = true;
      return nullptr;
    }
    using Answer = Json (Impl::*)(const Json&);
    static const std::map<std::string, Answer> kAnswers = {
        {"textDocument/hover", &Impl::hover},
        {"textDocument/completion", &Impl::completion},
        {"textDocument/definition", &Impl::definition},
        {"textDocument/formatting", &Impl::formatting},
        {"textDocument/codeAction", &Impl::code_actions},
        {"textDocument/documentSymbol", &Impl::symbols},
    };
    const auto found = kAnswers.find(method);
    if (found == kAnswers.end())
      throw RpcError{kMethodNotFound, "`" + method + "` is not known here"};
    return (this->*found->second)(params);
  }

  void hear(const std::string& method, const Json& params) {
    if (method == "exit") {
      ended_ = shut_down_ ? 0 : 1;
      return;
    }
    if (!initialized_ || shut_down_) return;
    const Json& document = member(params, "textDocument");
    if (method == "textDocument/didOpen") {
      const Json& language = member(document, "languageId");
      documents_.open(text_of(document, "uri"),
                      language.is_string() ? language.get<std::string>() : "", version_of(document),
                      text_of(document, "text"));
    } else if (method == "textDocument/didChange") {
      const std::string uri = text_of(document, "uri");
      for (const Json& change : member(params, "contentChanges")) {
        std::optional<Range> range;
        if (const Json& said = member(change, "range"); said.is_object())
          range = Range{position_from(member(said, "start")), position_from(member(said, "end"))};
        documents_.change(uri, version_of(document), range, text_of(change, "text"));
      }
    } else if (method == "textDocument/didClose") {
      documents_.close(text_of(document, "uri"));
      stale_ = true;
    } else if (method == "textDocument/didSave" || method == "workspace/didChangeWatchedFiles") {
      documents_.disk_changed();
    } else if (method == "workspace/didChangeWorkspaceFolders") {
      const Json& event = member(params, "event");
      for (const Json& folder : member(event, "removed")) root(folder, false);
      for (const Json& folder : member(event, "added")) root(folder, true);
      stale_ = true;
    } else if (method == "initialized" && watches_) {
      const Json watcher = {{"globPattern", "**/*.{belay,yaml}"}};
      const Json registration = {{"id", "watch"},
                                 {"method", "workspace/didChangeWatchedFiles"},
                                 {"registerOptions", {{"watchers", Json::array({watcher})}}}};
      write({{"jsonrpc", "2.0"},
             {"id", "watch"},
             {"method", "client/registerCapability"},
             {"params", {{"registrations", Json::array({registration})}}}});
    }
  }

  static std::int64_t version_of(const Json& document) {
    const Json& version = member(document, "version");
    return version.is_number_integer() ? version.get<std::int64_t>() : 0;
  }

  void root(const Json& folder, bool add) {
    if (const Json& uri = member(folder, "uri"); uri.is_string()) root_uri(uri, add);
  }
  void root_uri(const Json& uri, bool add) {
    std::optional<std::string> path = path_of_uri(uri.get<std::string>());
    if (!path) return;
    if (!options_.folder.empty()) {
      const std::string wanted =
          options_.folder.starts_with('/') ? options_.folder : *path + "/" + options_.folder;
      std::error_code error;  // the editor may have opened that very folder
      if (std::filesystem::is_directory(wanted, error)) path = wanted;
    }
    add ? documents_.add_root(*path) : documents_.remove_root(*path);
  }

  Json initialize(const Json& params) {
    initialized_ = true;
    if (const Json& folder = member(member(params, "initializationOptions"), "folder");
        folder.is_string()) {
      options_.folder = folder.get<std::string>();
    }
    const Json& folders = member(params, "workspaceFolders");
    if (folders.is_array() && !folders.empty()) {
      for (const Json& folder : folders) root(folder, true);
    } else if (const Json& uri = member(params, "rootUri"); uri.is_string()) {
      root_uri(uri, true);
    } else if (const Json& path = member(params, "rootPath"); path.is_string()) {
      root_uri(uri_of_path(path.get<std::string>()), true);
    }
    const Json& client = member(params, "capabilities");
    const Json& watched = member(member(client, "workspace"), "didChangeWatchedFiles");
    watches_ = member(watched, "dynamicRegistration") == true;
    return {{"capabilities",
             {{"positionEncoding", "utf-16"},
              {"textDocumentSync",
               {{"openClose", true}, {"change", 2}, {"save", {{"includeText", false}}}}},
              {"hoverProvider", true},
              {"completionProvider", {{"triggerCharacters", Json::array({".", " ", "="})}}},
              {"definitionProvider", true},
              {"documentFormattingProvider", true},
              {"codeActionProvider", {{"codeActionKinds", Json::array({"quickfix"})}}},
              {"documentSymbolProvider", true},
              {"workspace",
               {{"workspaceFolders", {{"supported", true}, {"changeNotifications", true}}}}}}},
            {"serverInfo", {{"name", "belay"}, {"version", "0.1.0"}}}};
  }

  // ---- Diagnostics ----

  // A problem that stands in several places is reported once; an editor shows it in each.
  static std::vector<dsl::Diagnostic> every_place(const Workspace& workspace) {
    const dsl::Compilation& compilation = workspace.compiled.compilation;
    std::vector<dsl::Diagnostic> out;
    for (const dsl::Diagnostic& d : compilation.diagnostics.all()) {
      if (d.span.file >= compilation.sources.size()) continue;
      out.push_back(d);
      for (const dsl::Span& span : d.also) {
        if (span.file >= compilation.sources.size()) continue;
        dsl::Diagnostic again = d;
        again.span = span;
        again.also.clear();
        if (again.fix) {
          const bool alike = d.fix->span.line == d.span.line && span.length == d.span.length;
          const std::uint32_t inside = d.fix->span.column - d.span.column;
          if (alike) {
            again.fix->span = {span.file, span.line, span.column + inside, d.fix->span.length};
          } else {
            again.fix.reset();
          }
        }
        out.push_back(std::move(again));
      }
    }
    return out;
  }

  static Json message_of(const dsl::Diagnostic& d) {
    std::string out = d.message;
    if (!d.label.empty()) out += "\n" + d.label;
    for (const dsl::Note& note : d.notes) {
      if (!note.has_span) out += "\n" + note.text;
    }
    if (!d.help.empty()) out += "\nhelp: " + d.help;
    return out + "\n(belay explain " + std::string(d.kind->code) + ")";
  }

  Json json_of_diagnostic(const Workspace& workspace, const dsl::Diagnostic& d) const {
    const dsl::Sources& sources = workspace.compiled.compilation.sources;
    Json out = {{"range", json_of(range_of(sources, d.span))},
                {"severity", d.kind->severity == dsl::Severity::kError ? 1 : 2},
                {"code", std::string(d.kind->code)},
                {"source", "belay"},
                {"message", message_of(d)}};
    Json related = Json::array();
    for (const dsl::Note& note : d.notes) {
      if (!note.has_span || note.span.file >= sources.size()) continue;
      related.push_back({{"location", location(workspace, note.span)}, {"message", note.text}});
    }
    if (!related.empty()) out["relatedInformation"] = std::move(related);
    return out;
  }

  Json location(const Workspace& workspace, const dsl::Span& span) const {
    const dsl::Sources& sources = workspace.compiled.compilation.sources;
    return {{"uri", documents_.uri_of(workspace, sources.file(span.file).path)},
            {"range", json_of(range_of(sources, span))}};
  }

  void publish() {
    std::map<std::string, Json> now;
    for (const auto& [folder, workspace] : documents_.workspaces()) {
      const dsl::Sources& sources = workspace.compiled.compilation.sources;
      for (const dsl::Diagnostic& d : every_place(workspace)) {
        Json& list = now[documents_.uri_of(workspace, sources.file(d.span.file).path)];
        list.push_back(json_of_diagnostic(workspace, d));
      }
      for (std::uint32_t i = 0; i < sources.size(); ++i) {
        const std::string uri = documents_.uri_of(workspace, sources.file(i).path);
        // Who opens a document hears of it, even that all is well.
        if (documents_.find(uri) != nullptr) now.emplace(uri, Json::array());
      }
    }
    for (const auto& [uri, said] : published_) now.emplace(uri, Json::array());
    for (auto& [uri, list] : now) {
      Json params = {{"uri", uri}, {"diagnostics", list}};
      const Document* document = documents_.find(uri);
      if (document != nullptr) params["version"] = document->version;
      std::string text = dump(params);
      if (std::string& last = published_[uri]; last != text) {
        notify("textDocument/publishDiagnostics", std::move(params));
        last = std::move(text);
      }
      if (document == nullptr && list.empty()) published_.erase(uri);
    }
  }

  // ---- Questions ----

  struct Asked {
    const Document& document;
    const Workspace& workspace;
    std::uint32_t file;
    dsl::Span at;
  };

  std::optional<Asked> asked(const Json& params, bool with_position) {
    const Document* document = documents_.find(text_of(member(params, "textDocument"), "uri"));
    if (document == nullptr) throw RpcError{kInvalidParams, "this document is not open"};
    const Position position =
        with_position ? position_from(member(params, "position")) : Position{};
    stale_ = stale_ || documents_.dirty();
    const Workspace& workspace = documents_.compiled(*document);
    const auto file = source_of(workspace.compiled, document->path);
    if (!file) return std::nullopt;
    return Asked{*document, workspace, *file,
                 span_of(workspace.compiled.compilation.sources, *file, position)};
  }

  Json hover(const Json& params) {
    const auto place = asked(params, true);
    if (!place) return nullptr;
    const auto found = hover_at(place->workspace.compiled, place->at);
    if (!found) return nullptr;
    return {
        {"contents", {{"kind", "markdown"}, {"value", found->markdown}}},
        {"range", json_of(range_of(place->workspace.compiled.compilation.sources, found->span))}};
  }

  Json definition(const Json& params) {
    const auto place = asked(params, true);
    if (!place) return nullptr;
    const auto found = definition_at(place->workspace.compiled, place->at);
    return found ? location(place->workspace, *found) : Json();
  }

  Json completion(const Json& params) {
    const auto place = asked(params, true);
    if (!place) return nullptr;
    const Completion found = complete_at(place->workspace.compiled, place->at);
    const Json range =
        json_of(range_of(place->workspace.compiled.compilation.sources, found.replaced));
    Json items = Json::array();
    for (const Suggestion& s : found.items) {
      if (items.size() >= kSuggestionsMax) break;
      Json item = {
          {"label", s.label},
          {"kind", kind_number(s.kind)},
          {"filterText", s.label},
          {"textEdit", {{"range", range}, {"newText", s.insert.empty() ? s.label : s.insert}}}};
      // As listed here: the likely first.
      const std::string number = std::to_string(items.size());
      item["sortText"] = std::string(4 - std::min<std::size_t>(4, number.size()), '0') + number;
      if (!s.detail.empty()) item["detail"] = s.detail;
      if (!s.doc.empty()) item["documentation"] = {{"kind", "markdown"}, {"value", s.doc}};
      items.push_back(std::move(item));
    }
    return {{"isIncomplete", found.items.size() > kSuggestionsMax}, {"items", std::move(items)}};
  }

  Json formatting(const Json& params) {
    const auto place = asked(params, false);
    if (!place) return nullptr;
    const std::string& text = place->document.text;
    const auto done = formatted(place->document.path, text);
    if (!done) return nullptr;
    if (*done == text) return Json::array();
    // Only what differs, in whole lines: cursors elsewhere stay where they are.
    std::size_t same = 0, tail = 0;
    const std::size_t shorter = std::min(text.size(), done->size());
    while (same < shorter && text[same] == (*done)[same]) ++same;
    while (same > 0 && text[same - 1] != '\n') --same;
    while (tail < shorter - same &&
           text[text.size() - 1 - tail] == (*done)[done->size() - 1 - tail])
      ++tail;
    while (tail > 0 && text[text.size() - tail - 1] != '\n') --tail;
    const Lines lines(text);
    const Range range{lines.position_of(same), lines.position_of(text.size() - tail)};
    const Json edit = {{"range", json_of(range)},
                       {"newText", done->substr(same, done->size() - tail - same)}};
    return Json::array({edit});
  }

  Json code_actions(const Json& params) {
    const auto place = asked(params, false);
    if (!place) return nullptr;
    const Json& said = member(params, "range");
    const Range wanted{position_from(member(said, "start")), position_from(member(said, "end"))};
    const dsl::Compilation& compilation = place->workspace.compiled.compilation;
    Json out = Json::array();
    for (const dsl::Diagnostic& d : every_place(place->workspace)) {
      if (!d.fix || d.span.file != place->file) continue;
      const Range range = range_of(compilation.sources, d.span);
      if (range.end < wanted.start || wanted.end < range.start) continue;
      const Json edit = {{"range", json_of(range_of(compilation.sources, d.fix->span))},
                         {"newText", d.fix->text}};
      out.push_back({{"title", "Change to `" + d.fix->text + "`"},
                     {"kind", "quickfix"},
                     {"isPreferred", true},
                     {"diagnostics", Json::array({json_of_diagnostic(place->workspace, d)})},
                     {"edit", {{"changes", {{place->document.uri, Json::array({edit})}}}}}});
    }
    return out;
  }

  Json json_of_item(const dsl::Sources& sources, const OutlineItem& item) const {
    const Range name = range_of(sources, item.at);
    Range whole{{name.start.line, 0}, name.end};
    if (item.last_line > item.at.line) {
      const std::string_view last = sources.line(item.at.file, item.last_line);
      whole.end = {item.last_line - 1, utf16_units(last)};
    }
    Json inside = Json::array();
    for (const OutlineItem& child : item.inside) inside.push_back(json_of_item(sources, child));
    return {{"name", item.name},
            {"detail", item.detail},
            {"kind", symbol_number(item)},
            {"range", json_of(whole)},
            {"selectionRange", json_of(name)},
            {"children", std::move(inside)}};
  }

  Json symbols(const Json& params) {
    const auto place = asked(params, false);
    if (!place) return Json::array();
    Json out = Json::array();
    for (const OutlineItem& item : outline_of(place->workspace.compiled, place->file))
      out.push_back(json_of_item(place->workspace.compiled.compilation.sources, item));
    return out;
  }

  ServerOptions options_;
  std::function<void(std::string)> send_;
  FrameReader frames_;
  Documents documents_;
  std::map<std::string, std::string> published_;  // uri → what was said last
  bool initialized_ = false, shut_down_ = false, watches_ = false, stale_ = false;
  std::optional<int> ended_;
};

Server::Server(ServerOptions options, std::function<void(std::string)> send)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(send))) {}
Server::~Server() = default;
void Server::receive(std::string_view bytes) { impl_->receive(bytes); }
void Server::settle() { impl_->settle(); }
bool Server::unsettled() const { return impl_->unsettled(); }
std::optional<int> Server::ended() const { return impl_->ended(); }

int serve_stdio(int in, int out, const ServerOptions& options) {
  bool broken = false;
  Server server(options, [&](const std::string& bytes) {
    for (std::size_t at = 0; at < bytes.size() && !broken;) {
      const ssize_t n = write(out, bytes.data() + at, bytes.size() - at);
      if (n > 0) at += static_cast<std::size_t>(n);
      if (n <= 0 && errno != EINTR) broken = true;
    }
  });
  std::string buffer(1 << 16, '\0');
  while (!server.ended() && !broken) {
    if (server.unsettled()) {
      pollfd waiting{.fd = in, .events = POLLIN, .revents = 0};
      if (poll(&waiting, 1, 0) == 0) {
        server.settle();
        continue;
      }
    }
    const ssize_t n = read(in, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    server.receive(std::string_view(buffer.data(), static_cast<std::size_t>(n)));
  }
  return server.ended().value_or(1);
}

}  // namespace belay::runtime::lsp
