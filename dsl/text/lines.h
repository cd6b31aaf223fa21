// Phase one of the text form: characters → a tree of logical lines. See lines.cpp.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "dsl/diagnostic.h"
#include "dsl/source.h"

namespace belay::dsl::text {

// One logical line: comment gone, continuation lines joined by '\n' without their indentation,
// block text attached.
struct Line {
  struct Piece {  // text[offset…] stands at `at`
    std::size_t offset = 0;
    Span at;
  };
  std::string text;
  std::vector<Piece> pieces;  // in order, never empty
  bool broken = false;  // a problem of it was reported: keep its children, say no more about it
  std::optional<std::string> block;  // what a final ` |` took; the ` |` is not in `text`
  Span block_span;
  std::vector<Line> children;
  bool moved = false;  // it did not line up, which was reported: what stands under it is not sure

  // Where text[offset, offset + length) stands.
  Span span(std::size_t offset, std::size_t length) const;
  Span whole() const;  // its first physical line
};

// REQUIRES: readable(). Depth is at most limits::nesting_max. What was cut as a comment goes to
// `comments`, in order. `mend`: lines that changed places are put back and reported; only for a
// file that has a problem, as this goes by likeness.
std::vector<Line> read_lines(const Sources& sources, std::uint32_t source, Diagnostics& diagnostics,
                             std::vector<Comment>* comments = nullptr, bool mend = false);

}  // namespace belay::dsl::text
