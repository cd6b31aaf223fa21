#include "runtime/lsp/query.h"
namespace belay::runtime::lsp {
std::optional<Hover> hover_at(const View&, const dsl::Span&) { return std::nullopt; }
std::optional<dsl::Span> definition_at(const View&, const dsl::Span&) { return std::nullopt; }
Completion complete_at(const View&, const dsl::Span& at) { return {at, {}}; }
}
