// Expressions: text → tree → typed program. One PEGTL grammar reads CEL and, unless `plain`, the
// English skin (LANGUAGE.md §6). The checker knows names and types through Names; what it returns
// is an interpreter::Program.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dsl/diagnostic.h"
#include "dsl/syntax.h"
#include "interpreter/expr.h"
#include "interpreter/type.h"

namespace belay::dsl {

// What a name stands for where the expression is written.
struct NameInfo {
  interpreter::Type type;
  std::uint32_t slot = 0;
  bool may_be_absent = false;  // read only under `is present` or by `or else`
  std::string absent_because;  // for the message: "`paid` exists only after the wait"
};

// The names visible at one place.
class Names {
 public:
  virtual ~Names() = default;
  virtual std::optional<NameInfo> find(std::string_view name) const = 0;
  virtual std::vector<std::string> all() const = 0;  // for did-you-mean
};

struct CheckOptions {
  bool plain = false;     // CEL only: skin words are names, types are found at run time
  std::string container;  // plain: names are looked up in here first, as CEL's name resolution says
  bool macros = true;  // plain: otherwise `has`, `all` and the like are functions that nobody has
  // The expression must fit this type (a message names it). Where it is optional, the expression
  // may be a name or field that is absent: it then evaluates to null.
  std::optional<interpreter::Type> wanted;
  std::string wanted_for;  // "argument `amount` of `stripe.capture`"
  // Paths that a surrounding `when` proved present (see CheckedExpr): `customer.phone`. Names may
  // go here too, or be answered by Names without may_be_absent.
  std::vector<std::string> present;
};

struct CheckedExpr {
  bool ok = false;  // a diagnostic was reported otherwise
  interpreter::Program program;
  interpreter::Type type;          // kError when !ok
  std::vector<std::string> reads;  // top-level names it reads, sorted, without macro variables
  // Paths that are certainly present where the expression is true, and where it is false, sorted:
  // `paid is present and paid.amount is price` proves `paid`.
  std::vector<std::string> proves_present, proves_present_if_false;
  std::optional<interpreter::Value> constant;  // when it reads nothing: what it always gives
};

// Parses and checks. Spans of diagnostics are computed from expr.span and expr.lines.
CheckedExpr check_expression(const Expr& expr, const Names& names, const CheckOptions& options,
                             Diagnostics& diagnostics);

// A constant duration such as `15 minutes`, in milliseconds; reports and returns nullopt when it is
// not one.
std::optional<std::int64_t> constant_duration_ms(const Expr& expr, Diagnostics& diagnostics);

// Whether `word` may not be declared as a name (LANGUAGE.md §6): CEL's reserved words, functions
// and types, skin words, now event body header status result old secret.
bool is_reserved_name(std::string_view word);

// Whether a value of `from` may be used where `to` is wanted. dyn (json) fits anything, and is
// noted by the caller.
bool fits(const interpreter::Type& from, const interpreter::Type& to);

}  // namespace belay::dsl
