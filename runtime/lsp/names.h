// Which names are known at a place, and what a path such as `customer.email` means there.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "runtime/lsp/index.h"
#include "runtime/lsp/query.h"

namespace belay::runtime::lsp {

struct Meaning {
  interpreter::Type type;
  dsl::Span at;       // where it is declared; line 0: nowhere
  std::string owner;  // the declaration whose result, payload or record it is; may be empty
  std::string what;   // "an input", "the result of step `hold`"
};
using Env = std::map<std::string, Meaning, std::less<>>;

// The declaration that the line is in; nullptr: none.
const dsl::Declaration* declaration_at(const dsl::File& file, std::uint32_t line);
// The first declaration of that name, in whatever file; nullptr: none.
const dsl::Declaration* declaration_of(const View& view, std::string_view name);

// By the statement around the place: half-typed lines have none of their own. `own` adds the result
// of the step itself, for its undo.
Env names_at(const View& view, const dsl::File& file, const FileIndex& index, const dsl::Span& at,
             bool own);

// `customer.email`: what the last field means; nullopt: some part of the path is not known.
std::optional<Meaning> resolve(const View& view, const Env& env,
                               const std::vector<std::string>& path);

// Where a field of what is declared under that name stands: of what it gives, or takes.
std::optional<dsl::Span> field_span(const View& view, std::string_view owner,
                                    std::string_view field, bool gives);

}  // namespace belay::runtime::lsp
