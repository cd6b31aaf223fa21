// Processes, requests and the webhook listener behind harness.h.
#include "tests/provider/harness.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <filesystem>
#include <stdexcept>

namespace belay::provider::test {

using nlohmann::json;

namespace {

std::size_t append_to(char* data, std::size_t size, std::size_t count, void* text) {
  static_cast<std::string*>(text)->append(data, size * count);
  return size * count;
}

std::size_t read_header(char* data, std::size_t size, std::size_t count, void* into) {
  std::string line(data, size * count);
  const std::size_t colon = line.find(':');
  if (colon == std::string::npos) return line.size();
  std::string name = line.substr(0, colon), value = line.substr(colon + 1);
  for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  value.erase(0, value.find_first_not_of(' '));
  value.erase(value.find_last_not_of("\r\n") + 1);
  (*static_cast<std::map<std::string, std::string>*>(into))[name] = value;
  return line.size();
}

// Reads one line; throws after ten seconds.
std::string read_line(int fd) {
  std::string line;
  for (;;) {
    pollfd watched{.fd = fd, .events = POLLIN, .revents = 0};
    char c = 0;
    if (::poll(&watched, 1, 10'000) <= 0 || ::read(fd, &c, 1) != 1)
      throw std::runtime_error("provider_sim said only `" + line + "`");
    if (c == '\n') return line;
    line += c;
  }
}

}  // namespace

Folder::Folder() {
  char name[] = "/tmp/belay-provider-XXXXXX";
  if (::mkdtemp(name) == nullptr) throw std::runtime_error("mkdtemp");
  path = name;
}

Folder::~Folder() { std::filesystem::remove_all(path); }

Simulator::Simulator(std::vector<std::string> arguments) : arguments_(std::move(arguments)) {
  start();
}

Simulator::~Simulator() {
  if (pid_ != 0) kill_dash_nine();
}

// A second start takes the first one's port and ledger, as after a crash.
void Simulator::start() {
  std::vector<std::string> words = {BELAY_BINARY_DIR "/provider_sim", "--listen",
                                    "127.0.0.1:" + port_, "--ledger", ledger_path()};
  words.insert(words.end(), arguments_.begin(), arguments_.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  int out[2];
  if (::pipe2(out, O_CLOEXEC) != 0) throw std::runtime_error("pipe");
  pid_ = ::fork();
  if (pid_ == 0) {
    ::dup2(out[1], STDOUT_FILENO);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  ::close(out[1]);
  const std::string line = read_line(out[0]);
  ::close(out[0]);
  port_ = line.substr(line.rfind(':') + 1);
}

void Simulator::kill_dash_nine() {
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = 0;
}

int Simulator::terminate() {
  ::kill(pid_, SIGTERM);
  int status = 0;
  ::waitpid(pid_, &status, 0);
  pid_ = 0;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

Reply Simulator::ask(const Ask& ask) const {
  Reply reply;
  std::string text;
  CURL* curl = curl_easy_init();
  curl_slist* headers =
      curl_slist_append(nullptr, ask.json ? "Content-Type: application/json"
                                          : "Content-Type: application/x-www-form-urlencoded");
  if (ask.signed_in) headers = curl_slist_append(headers, "Authorization: Bearer sk_test_belay");
  if (!ask.key.empty())
    headers = curl_slist_append(headers, ("Idempotency-Key: " + ask.key).c_str());
  curl_easy_setopt(curl, CURLOPT_URL, (base() + ask.path).c_str());
  if (ask.method != "GET") {
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, static_cast<long>(ask.body.size()));
    curl_easy_setopt(curl, CURLOPT_COPYPOSTFIELDS, ask.body.c_str());
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, ask.method.c_str());
  }
  curl_easy_setopt(curl, CURLOPT_PROXY, "");
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, ask.timeout_ms);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, append_to);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &text);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, read_header);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &reply.headers);
  reply.curl_code = curl_easy_perform(curl);
  if (reply.curl_code == CURLE_OK) curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &reply.status);
  curl_slist_free_all(headers);
  curl_easy_cleanup(curl);
  reply.body = json::parse(text, nullptr, false);
  return reply;
}

Reply Simulator::form(const std::string& path, const std::string& body,
                      const std::string& key) const {
  return ask({.method = "POST", .path = path, .body = body, .key = key});
}

Reply Simulator::get(const std::string& path) const { return ask({.method = "GET", .path = path}); }

Reply Simulator::control(const std::string& path, const json& body) const {
  return ask({.method = "POST", .path = "/_control/" + path, .body = body.dump(), .json = true});
}

std::string Simulator::authorised(const std::string& booking, int amount) const {
  const Reply made =
      form("/v1/payment_intents",
           "amount=" + std::to_string(amount) + "&currency=eur&metadata%5Bbooking%5D=" + booking,
           "make-" + booking);
  const std::string id = made.body.at("id").get<std::string>();
  control("pay/" + id, json::object());
  return id;
}

Listener::Listener() {
  socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(socket_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::listen(socket_, 64) != 0 ||
      ::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    throw std::runtime_error("cannot listen");
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { work(); });
}

Listener::~Listener() {
  stopping_ = true;
  thread_.join();
  ::close(socket_);
}

std::string Listener::url() const {
  return "http://127.0.0.1:" + std::to_string(port_) + "/hooks/stripe";
}

std::vector<Listener::Hook> Listener::hooks() const {
  std::lock_guard lock(mutex_);
  return hooks_;
}

std::vector<Listener::Hook> Listener::wait_for(std::size_t count) const {
  for (int i = 0; i < 2000 && hooks().size() < count; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  return hooks();
}

void Listener::work() {
  while (!stopping_) {
    pollfd watched{.fd = socket_, .events = POLLIN, .revents = 0};
    if (::poll(&watched, 1, 20) <= 0) continue;
    const int client = ::accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) continue;
    take(client);
    ::close(client);
  }
}

void Listener::take(int socket) {
  std::string text;
  std::size_t head = std::string::npos, length = 0;
  while (head == std::string::npos || text.size() < head + 4 + length) {
    char buffer[4096];
    const ssize_t got = ::read(socket, buffer, sizeof buffer);
    if (got <= 0) return;
    text.append(buffer, static_cast<std::size_t>(got));
    if (head != std::string::npos) continue;
    head = text.find("\r\n\r\n");
    if (head == std::string::npos) continue;
    const std::size_t at = text.find("Content-Length: ");
    length = at < head ? std::stoul(text.substr(at + 16)) : 0;
  }
  Hook hook;
  hook.raw = text.substr(head + 4);
  hook.event = json::parse(hook.raw, nullptr, false);
  if (const std::size_t at = text.find("Stripe-Signature: "); at < head)
    hook.signature = text.substr(at + 18, text.find("\r\n", at) - at - 18);
  {
    std::lock_guard lock(mutex_);
    hooks_.push_back(std::move(hook));
  }
  const std::string answer =
      "HTTP/1.1 " + std::to_string(status) + " x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
  if (::write(socket, answer.data(), answer.size()) < 0) return;
}

}  // namespace belay::provider::test
