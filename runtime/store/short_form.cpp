// See short_form.h.
#include "runtime/store/short_form.h"

#include <cstdint>
#include <cstring>

namespace belay::runtime {
namespace {

// Eight bytes at a time.
bool holds_control_character(std::string_view text) {
  constexpr std::uint64_t kSpaces = 0x2020202020202020, kHigh = 0x8080808080808080;
  std::uint64_t found = 0;
  for (; text.size() >= sizeof found; text.remove_prefix(sizeof found)) {
    std::uint64_t eight;
    std::memcpy(&eight, text.data(), sizeof eight);
    found |= (eight - kSpaces) & ~eight & kHigh;
  }
  for (const char c : text) found |= static_cast<unsigned char>(c) < ' ' ? 1 : 0;
  return found != 0;
}

const ShortPiece* piece_at(std::string_view text) {
  if (text.size() < 4 || (text[0] == '"' && text[1] != ',' && text[1] != '}')) return nullptr;
  for (const ShortPiece& piece : kShortPieces) {
    if (piece.text[0] == text[0] && piece.text[3] == text[3] && text.starts_with(piece.text))
      return &piece;
  }
  return nullptr;
}

}  // namespace

std::string_view short_kind(std::string_view kind) {
  if (kind == "StepSucceeded") return "S";
  if (kind == "StepFailed") return "F";
  if (kind == "TimerFired") return "T";
  if (kind == "EventTaken") return "E";
  return kind;
}

std::string_view short_body(std::string_view body, std::string& room) {
  const ShortPiece* beginning = nullptr;
  for (const ShortPiece& each : kShortBeginnings) {
    if (body.starts_with(each.text)) beginning = &each;
  }
  if (beginning == nullptr || holds_control_character(body)) return body;
  room.assign(1, beginning->sign);
  std::size_t copied = beginning->text.size();
  for (std::size_t quote = copied; (quote = body.find('"', quote)) != std::string_view::npos;) {
    const std::size_t at = quote > copied && body[quote - 1] == ',' ? quote - 1 : quote;
    const ShortPiece* const piece = piece_at(body.substr(at));
    ++quote;
    if (piece == nullptr) continue;
    room.append(body, copied, at - copied) += piece->sign;
    quote = copied = at + piece->text.size();
  }
  std::string_view rest = body.substr(copied);
  const bool ends = rest.ends_with(kShortEnd.text);
  if (ends) rest.remove_suffix(kShortEnd.text.size());
  room += rest;
  if (ends) room += kShortEnd.sign;
  return room;
}

}  // namespace belay::runtime
