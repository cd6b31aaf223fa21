// See short_form.h.
#include "runtime/store/short_form.h"

namespace belay::runtime {
namespace {

template <std::size_t N>
const ShortPiece* piece_at(const std::array<ShortPiece, N>& pieces, std::string_view text) {
  for (const ShortPiece& piece : pieces) {
    if (text.starts_with(piece.text)) return &piece;
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
  const ShortPiece* const beginning = piece_at(kShortBeginnings, body);
  if (beginning == nullptr) return body;
  room.assign(1, beginning->sign);
  std::size_t copied = beginning->text.size();
  for (std::size_t i = copied; i < body.size();) {
    const char c = body[i];
    if (static_cast<unsigned char>(c) < ' ') return body;  // is none that the engine writes
    const ShortPiece* const piece =
        c == '"' || c == ',' || c == '}' ? piece_at(kShortPieces, body.substr(i)) : nullptr;
    if (piece == nullptr) {
      ++i;
      continue;
    }
    room.append(body, copied, i - copied) += piece->sign;
    copied = i += piece->text.size();
  }
  return room.append(body, copied);
}

}  // namespace belay::runtime
