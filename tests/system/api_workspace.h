// A small business of built-in plugins for the tests of the API and the command line: its charge
// always answers something that cannot be read, so nobody knows whether it happened until a person
// says so.
#pragma once
#include <filesystem>
#include <fstream>
#include <string>

#include "tests/support/http.h"
#include "tests/support/process.h"

namespace belay::test {

inline constexpr const char* kRoomWorkspace = R"(belay 1

event room.paid, version 1, key booking
  booking  text
  amount   money

action room.hold "Hold a room"
  reserves
  takes
    hold  text
  gives
    hold  text
  repeating is safe
  plugin belay.echo
  undone by room.release
    hold = result.hold

action room.release "Release a room"
  records
  takes
    hold  text
  harmless if nothing was done
  repeating is safe
  plugin belay.noop

action bank.charge "Charge"
  moves money
  takes
    amount  money
  gives
    charge  text
  repeating is unsafe
  plugin belay.echo
  undone by bank.refund
    charge = result.charge

action bank.refund "Refund"
  moves money
  takes
    charge  text
  repeating is safe
  plugin belay.noop

workflow book "Book a room", version 1
  takes
    booking  text
    email    private email
    amount   money
  gives
    charge = charge.charge
  once per booking

  step hold "Hold the room"
    do room.hold
      hold = booking

  wait paid "The customer pays"
    for room.paid, key booking
    within 15 minutes, otherwise cancel because "Not paid in time"

  step charge "Take the money"
    do bank.charge
      amount = amount
    if unsure, hand to cashiers
)";

inline std::string write_workspace(const std::string& folder,
                                   const std::string& text = kRoomWorkspace) {
  std::filesystem::create_directories(folder + "/rooms");
  std::ofstream(folder + "/rooms/book.belay") << text;
  return folder + "/rooms";
}

// `belay serve` over it, with a private Postgres of its own.
class RoomServer {
 public:
  explicit RoomServer(std::vector<std::string> more = {}) {
    std::vector<std::string> words = {BELAY_BINARY_DIR "/belay",
                                      "serve",
                                      write_workspace(folder.path),
                                      "--listen",
                                      "127.0.0.1:0",
                                      "--data",
                                      folder.path + "/data"};
    for (std::string& word : more) words.push_back(std::move(word));
    process = Process({.words = std::move(words),
                       .environment = {},
                       .log = folder.path + "/belay.log",
                       .ready = "listening on "});
    process.start();
    const std::string said = process.said();
    const std::size_t at = said.find("listening on ") + 13;
    url = said.substr(at, said.find('\n', at) - at);
  }
  ~RoomServer() { process.terminate(); }  // and its Postgres
  RoomServer(const RoomServer&) = delete;
  RoomServer& operator=(const RoomServer&) = delete;

  Reply call(const std::string& method, const std::string& path, const std::string& body = "",
             std::vector<std::string> headers = {}) const {
    if (!body.empty()) headers.push_back("Content-Type: application/json");
    return ask({.method = method, .url = url + path, .body = body, .headers = std::move(headers)});
  }
  // A booking's saga; its id.
  std::string start(const std::string& booking) const {
    const Reply reply = call("POST", "/v1/sagas", input(booking));
    return text_at(reply.body, "/id");
  }
  static std::string input(const std::string& booking) {
    return R"({"workflow":"book","input":{"booking":")" + booking +
           R"(","email":"ann@example.org","amount":{"currency":"EUR","minor":4990}}})";
  }
  static std::string payment(const std::string& booking) {
    return R"({"type":"room.paid","id":"pay-)" + booking + R"(","payload":{"booking":")" + booking +
           R"(","amount":{"currency":"EUR","minor":4990}}})";
  }

  Folder folder;
  Process process;
  std::string url;
};

}  // namespace belay::test
