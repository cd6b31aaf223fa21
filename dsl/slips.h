// Slips that have nothing to do with the language, in either form: blanks that only look like one,
// and the marks of a merge that nobody finished. Looked at only when a file could not be read
// without a problem, so a sound file is never touched. See slips.cpp.
#pragma once
#include <cstdint>
#include <string>

#include "dsl/diagnostic.h"
#include "dsl/source.h"
#include "dsl/syntax.h"

namespace belay::dsl {

struct Slips {
  std::string text;   // the file, mended: as many lines as before
  bool lost = false;  // a part was left out: one side of a merge
};

// Reports each kind once (a merge once each), and mends what it reports.
Slips mend_slips(const Sources& sources, std::uint32_t source, File::Form form,
                 Diagnostics& diagnostics);

// Sources in which `source` has this text; the others are empty.
Sources with_text(const Sources& sources, std::uint32_t source, std::string text);

}  // namespace belay::dsl
