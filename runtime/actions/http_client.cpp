// libcurl's multi interface on one thread. See http_client.h.
//
// How far a request got is known from one fact: libcurl calls the pre-request function after the
// connection (TLS included) stands and before the first byte of the request. Before that call a
// failure is kNotSent; after it, short of a whole answer, kUnknown. The same function stops
// libcurl's silent resend: when a pooled connection dies before any byte of the answer, libcurl
// would send the request again on a fresh one (POST too, up to five times); that second call is
// refused and the request ends as kUnknown, because the first may have been delivered. The engine,
// not the library, decides what is sent twice.
#include "runtime/actions/http_client.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <deque>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "runtime/base/check.h"
#include "runtime/base/secret.h"

namespace belay::runtime {
namespace {

using Clock = std::chrono::steady_clock;

constexpr long kMaxAgeOfIdleConnection_s = 20;  // younger than what servers usually keep
constexpr long kMaxLifeOfConnection_s =
    600;  // a name that moved, a key that was rotated: follow within ten minutes
constexpr long kMaxTotalConnections = 1024;
constexpr int kFirstHighDescriptor = 1024;

bool is_token(std::string_view text) {
  if (text.empty()) return false;
  for (char c : text) {
    const bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    (c != '\0' && std::strchr("!#$%&'*+-.^_`|~", c) != nullptr);
    if (!ok) return false;
  }
  return true;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

Result<void> check_url(const std::string& url) {
  if (url.size() > limits::outgoing_url_bytes_max) {
    return fail(ErrorCode::kInvalid, "the address of the call is longer than 8,192 bytes");
  }
  for (unsigned char c : url) {
    if (c <= 0x20 || c == 0x7f) {
      return fail(ErrorCode::kInvalid,
                  "the address of the call holds a space or a control character",
                  "percent-encode what is filled in");
    }
  }
  CURLU* parsed = curl_url();
  const CURLUcode code = curl_url_set(parsed, CURLUPART_URL, url.c_str(), CURLU_DISALLOW_USER);
  char* scheme = nullptr;
  const bool has_scheme =
      code == CURLUE_OK && curl_url_get(parsed, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK;
  const bool web =
      has_scheme && (std::strcmp(scheme, "http") == 0 || std::strcmp(scheme, "https") == 0);
  curl_free(scheme);
  curl_url_cleanup(parsed);
  if (code == CURLUE_USER_NOT_ALLOWED) {
    return fail(ErrorCode::kInvalid, "the address of the call holds a user name",
                "use the connector's `auth`");
  }
  if (!web) return fail(ErrorCode::kInvalid, "the address of the call is no http or https URL");
  return {};
}

Result<void> check_request(const OutgoingRequest& request) {
  if (!is_token(request.method)) return fail(ErrorCode::kInvalid, "this is no HTTP method");
  for (const auto& [name, value] : request.headers) {
    if (!is_token(name)) return fail(ErrorCode::kInvalid, "a header has an impossible name");
    if (value.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos) {
      return fail(ErrorCode::kInvalid, "the header `" + name + "` holds a line break");
    }
    const std::string key = lower(name);
    if (key == "content-length" || key == "transfer-encoding" || key == "connection" ||
        key == "expect") {
      return fail(ErrorCode::kInvalid, "the header `" + name + "` is set by the client itself");
    }
  }
  return check_url(request.url);
}

bool is_private_text(const char* address) {
  sockaddr_in v4{};
  if (inet_pton(AF_INET, address, &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    return is_private_address(reinterpret_cast<const sockaddr*>(&v4));
  }
  std::string text(address);
  text.resize(std::min(text.size(), text.find('%')));
  sockaddr_in6 v6{};
  if (inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    return is_private_address(reinterpret_cast<const sockaddr*>(&v6));
  }
  return true;
}

// One request on its way. Lives from submit() to its callback; libcurl's callbacks get a pointer to
// it.
struct Transfer {
  OutgoingRequest request;
  HttpClient::Callback done;
  Clock::time_point submitted;

  CURL* easy = nullptr;
  curl_slist* lines = nullptr;
  char error_buffer[CURL_ERROR_SIZE] = {};
  OutgoingResponse response;
  std::size_t header_bytes = 0;
  bool may_have_sent = false;
  bool refused_private = false;
  bool too_large = false;
  bool resend_stopped = false;

  ~Transfer() {
    if (easy != nullptr) curl_easy_cleanup(easy);
    for (curl_slist* line = lines; line != nullptr; line = line->next) {
      std::fill_n(static_cast<volatile char*>(line->data), std::strlen(line->data), '\0');
    }
    curl_slist_free_all(lines);
    for (auto& [name, value] : request.headers) wipe(value);
  }
};

// ---- What libcurl calls back

// Every new connection passes here with the address it is about to use.
curl_socket_t open_socket(void* context, curlsocktype purpose, curl_sockaddr* address) {
  Transfer& transfer = *static_cast<Transfer*>(context);
  if (purpose != CURLSOCKTYPE_IPCXN) return CURL_SOCKET_BAD;
  if (!transfer.request.allow_private_addresses && is_private_address(&address->addr)) {
    transfer.refused_private = true;
    return CURL_SOCKET_BAD;
  }
  const int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
  if (fd < 0) return CURL_SOCKET_BAD;
  // Low descriptors are left to the HTTP server, whose library selects on them and cannot go past
  // 1,023.
  const int high = fcntl(fd, F_DUPFD_CLOEXEC, kFirstHighDescriptor);
  if (high < 0) return fd;
  close(fd);
  return high;
}

int before_request(void* context, char* peer, char*, int, int) {
  Transfer& transfer = *static_cast<Transfer*>(context);
  // A pooled connection may have been opened by a request that was allowed more.
  if (!transfer.request.allow_private_addresses && is_private_text(peer)) {
    transfer.refused_private = true;
    return CURL_PREREQFUNC_ABORT;
  }
  if (transfer.may_have_sent) {
    transfer.resend_stopped = true;
    return CURL_PREREQFUNC_ABORT;
  }
  transfer.may_have_sent = true;
  return CURL_PREREQFUNC_OK;
}

std::size_t take_header(char* data, std::size_t, std::size_t size, void* context) {
  Transfer& transfer = *static_cast<Transfer*>(context);
  transfer.header_bytes += size;
  if (transfer.header_bytes > limits::http_response_header_bytes_max) {
    transfer.too_large = true;
    return 0;
  }
  std::string_view line(data, size);
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.remove_suffix(1);
  if (line.starts_with("HTTP/")) {  // also after a 1xx: the last one counts
    transfer.response.headers.clear();
    return size;
  }
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return size;
  std::string_view value = line.substr(colon + 1);
  while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
  while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) value.remove_suffix(1);
  transfer.response.headers.emplace_back(lower(line.substr(0, colon)), value);
  return size;
}

std::size_t take_body(char* data, std::size_t, std::size_t size, void* context) {
  Transfer& transfer = *static_cast<Transfer*>(context);
  if (transfer.response.body.size() + size > transfer.request.response_bytes_max) {
    transfer.too_large = true;
    return 0;
  }
  transfer.response.body.append(data, size);
  return size;
}

// ---- Building and reading one transfer

void add_line(Transfer& transfer, const std::string& line) {
  curl_slist* grown = curl_slist_append(transfer.lines, line.c_str());
  BELAY_CHECK(grown != nullptr, "out of memory for a header");
  transfer.lines = grown;
}

void add_headers(Transfer& transfer) {
  bool has_type = false;
  for (auto& [name, value] : transfer.request.headers) {
    has_type = has_type || lower(name) == "content-type";
    std::string line = value.empty() ? name + ";" : name + ": " + value;
    add_line(transfer, line);
    wipe(line);
    wipe(value);
  }
  if (!has_type) add_line(transfer, "Content-Type:");  // libcurl would claim a form
  add_line(transfer, "Expect:");  // no second round trip, no guess at what was sent
}

void set_method(Transfer& transfer) {
  CURL* easy = transfer.easy;
  const OutgoingRequest& request = transfer.request;
  const bool with_body = !request.body.empty() || request.method == "POST" ||
                         request.method == "PUT" || request.method == "PATCH";
  if (with_body) {
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(request.body.size()));
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request.body.c_str());
    if (request.method != "POST")
      curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  } else if (request.method == "HEAD") {
    curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
  } else {
    curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
    if (request.method != "GET")
      curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }
}

void set_options(Transfer& transfer, const HttpClient::Options& options, long timeout_ms) {
  CURL* easy = transfer.easy;
  const OutgoingRequest& request = transfer.request;
  curl_easy_setopt(easy, CURLOPT_PRIVATE, &transfer);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer.error_buffer);
  curl_easy_setopt(easy, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);  // what was checked is what is sent
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "");
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy, CURLOPT_PROXY, "");
  curl_easy_setopt(easy, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
  // Without TLS nothing can share a connection, and libcurl would hold back all others until the
  // first has its answer.
  curl_easy_setopt(easy, CURLOPT_PIPEWAIT, lower(request.url).starts_with("https:") ? 1L : 0L);
  if (request.fresh_connection) {
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
  }
  curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, kMaxAgeOfIdleConnection_s);
  curl_easy_setopt(easy, CURLOPT_MAXLIFETIME_CONN, kMaxLifeOfConnection_s);
  curl_easy_setopt(easy, CURLOPT_USERAGENT, options.user_agent.c_str());
  if (!options.ca_file.empty()) curl_easy_setopt(easy, CURLOPT_CAINFO, options.ca_file.c_str());
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout_ms);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                   std::min(timeout_ms, std::max(1L, request.connect_timeout_ms)));
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, &transfer);
  curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, before_request);
  curl_easy_setopt(easy, CURLOPT_PREREQDATA, &transfer);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, &transfer);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &transfer);
  set_method(transfer);
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer.lines);
}

std::string explain(const Transfer& transfer, CURLcode code) {
  if (transfer.refused_private) {
    return "the address is private; a connector must say that it may be reached";
  }
  if (transfer.too_large) return "the answer is too large";
  if (transfer.resend_stopped) return "the connection ended before an answer came";
  if (transfer.error_buffer[0] != '\0') return transfer.error_buffer;
  return curl_easy_strerror(code);
}

void conclude(Transfer& transfer, CURLcode code) {
  OutgoingResponse& response = transfer.response;
  long status = 0;
  curl_easy_getinfo(transfer.easy, CURLINFO_RESPONSE_CODE, &status);
  response.status = static_cast<int>(status);
  if (code == CURLE_OK && status >= 200 && status <= 999) {
    response.reached = OutgoingResponse::Reached::kAnswered;
    return;
  }
  response.reached = transfer.may_have_sent ? OutgoingResponse::Reached::kUnknown
                                            : OutgoingResponse::Reached::kNotSent;
  response.body.clear();
  response.error = code == CURLE_OK ? "the answer has no usable status" : explain(transfer, code);
}

void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const rlim_t wanted = std::min<rlim_t>(limit.rlim_max, 65536);
  if (limit.rlim_cur >= wanted) return;
  limit.rlim_cur = wanted;
  setrlimit(RLIMIT_NOFILE, &limit);
}

void initialise_curl() {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_ALL); });
}

}  // namespace

// ---- The thread

struct HttpClient::Impl {
  Options options;
  CURLM* multi = nullptr;

  std::mutex mutex;
  std::deque<std::unique_ptr<Transfer>> queue;  // guarded
  bool stopping = false;                        // guarded
  std::atomic<std::size_t> pending{0};

  // The thread's own.
  std::unordered_map<Transfer*, std::unique_ptr<Transfer>> in_flight;
  std::thread thread;

  void loop() {
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);  // OpenSSL writes without MSG_NOSIGNAL
    pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
    while (take_from_queue()) {
      int running = 0;
      curl_multi_perform(multi, &running);
      // What ended leaves room: only sleep when there is nothing to begin.
      if (collect() == 0) curl_multi_poll(multi, nullptr, 0, 1000, nullptr);
    }
    end_everything();
  }

  // Begins what there is room for. False when we stop.
  bool take_from_queue() {
    std::deque<std::unique_ptr<Transfer>> taken;
    {
      const std::lock_guard lock(mutex);
      if (stopping) return false;
      while (!queue.empty() && in_flight.size() + taken.size() < options.in_flight_max) {
        taken.push_back(std::move(queue.front()));
        queue.pop_front();
      }
    }
    for (auto& transfer : taken) begin(std::move(transfer));
    return true;
  }

  void begin(std::unique_ptr<Transfer> transfer) {
    const auto waited =
        std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - transfer->submitted);
    const long left_ms = transfer->request.timeout_ms - static_cast<long>(waited.count());
    if (left_ms <= 0) {
      transfer->response.error = "too many calls are waiting: the time was over before it was sent";
      return finish(std::move(transfer));
    }
    transfer->easy = curl_easy_init();
    BELAY_CHECK(transfer->easy != nullptr, "out of memory for a request");
    add_headers(*transfer);
    set_options(*transfer, options, left_ms);
    Transfer* key = transfer.get();
    if (curl_multi_add_handle(multi, key->easy) != CURLM_OK) {
      transfer->response.error = "libcurl does not take the request";
      return finish(std::move(transfer));
    }
    in_flight.emplace(key, std::move(transfer));
  }

  // Hands over what ended; how many.
  std::size_t collect() {
    std::size_t ended = 0;
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      CURL* easy = message->easy_handle;
      const CURLcode code = message->data.result;
      Transfer* key = nullptr;
      curl_easy_getinfo(easy, CURLINFO_PRIVATE, reinterpret_cast<char**>(&key));
      conclude(*key, code);
      curl_multi_remove_handle(multi, easy);
      finish(std::move(in_flight.extract(key).mapped()));
      ++ended;
    }
    return ended;
  }

  void finish(std::unique_ptr<Transfer> transfer) {
    transfer->response.duration_ms =
        std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - transfer->submitted)
            .count();
    pending.fetch_sub(1);
    transfer->done(std::move(transfer->response));
  }

  void end_everything() {
    collect();
    while (!in_flight.empty()) {
      std::unique_ptr<Transfer> transfer = std::move(in_flight.extract(in_flight.begin()).mapped());
      conclude(*transfer, CURLE_ABORTED_BY_CALLBACK);
      transfer->response.error = "the client was shut down";
      curl_multi_remove_handle(multi, transfer->easy);
      finish(std::move(transfer));
    }
    std::deque<std::unique_ptr<Transfer>> rest;
    {
      const std::lock_guard lock(mutex);
      rest.swap(queue);
    }
    for (auto& transfer : rest) {
      transfer->response.error = "the client was shut down";
      finish(std::move(transfer));
    }
  }
};

const std::string* OutgoingResponse::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (key == name) return &value;
  }
  return nullptr;
}

HttpClient::HttpClient() : HttpClient(Options{}) {}

HttpClient::HttpClient(Options options) : impl_(std::make_unique<Impl>()) {
  initialise_curl();
  raise_descriptor_limit();
  impl_->options = std::move(options);
  impl_->multi = curl_multi_init();
  BELAY_CHECK(impl_->multi != nullptr, "libcurl cannot start");
  curl_multi_setopt(impl_->multi, CURLMOPT_MAX_HOST_CONNECTIONS,
                    impl_->options.connections_per_host_max);
  curl_multi_setopt(impl_->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, kMaxTotalConnections);
  curl_multi_setopt(impl_->multi, CURLMOPT_MAXCONNECTS, kMaxTotalConnections);
  curl_multi_setopt(impl_->multi, CURLMOPT_PIPELINING, static_cast<long>(CURLPIPE_MULTIPLEX));
  impl_->thread = std::thread([impl = impl_.get()] { impl->loop(); });
}

HttpClient::~HttpClient() {
  shutdown();
  curl_multi_cleanup(impl_->multi);
}

Result<void> HttpClient::submit(OutgoingRequest request, Callback done) {
  BELAY_CHECK(done != nullptr, "a request needs a callback");
  if (auto ok = check_request(request); !ok) return ok;
  auto transfer = std::make_unique<Transfer>();
  transfer->request = std::move(request);
  transfer->done = std::move(done);
  transfer->submitted = Clock::now();
  {
    const std::lock_guard lock(impl_->mutex);
    if (impl_->stopping) return fail(ErrorCode::kShuttingDown, "the HTTP client is shutting down");
    if (impl_->pending.load() >= impl_->options.queue_max) {
      return fail(ErrorCode::kOverloaded, "too many calls are waiting to be sent",
                  "try again later");
    }
    impl_->pending.fetch_add(1);
    impl_->queue.push_back(std::move(transfer));
  }
  curl_multi_wakeup(impl_->multi);
  return {};
}

std::size_t HttpClient::pending() const { return impl_->pending.load(); }

void HttpClient::shutdown() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stopping = true;
  }
  curl_multi_wakeup(impl_->multi);
  if (impl_->thread.joinable()) impl_->thread.join();
}

}  // namespace belay::runtime
