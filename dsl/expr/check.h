// The checker's insides, shared by check*.cpp: one object a checked expression. See check.cpp for
// the idea.
#pragma once
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "dsl/expr/expr.h"
#include "dsl/expr/tree.h"
#include "interpreter/functions.h"

namespace belay::dsl {

using Facts = std::set<std::string>;  // paths known to be present: `paid`, `customer.phone`

struct Typed {
  interpreter::Type type;
  Facts when_true, when_false;  // what its value proves
  bool maybe_absent = false;    // a path that may be absent, read where that is allowed
};

// Slot or function that no evaluation knows: plain CEL finds out at run time.
inline constexpr std::uint32_t unknown_index = 0xffffffff;

class ExprCheck {
 public:
  ExprCheck(const Expr& expr, const Names& names, const CheckOptions& options,
            Diagnostics& diagnostics)
      : expr_(expr), names_(names), options_(options), diagnostics_(diagnostics) {}

  // `may_be_absent`: the place asks about presence, so an absent path is no problem here.
  Typed check(Tree& node, const Facts& known, bool may_be_absent = false);

  // Whether the node fits `wanted`; reports when not. Literals are validated, text for a time
  // becomes that time. REQUIRES: the node was checked.
  void fit(Tree& node, const interpreter::Type& wanted, const std::string& wanted_for);

  bool failed() const { return failed_; }
  const std::set<std::string>& reads() const { return reads_; }

 private:
  using Type = interpreter::Type;

  Typed check_node(Tree& node, const Facts& known, bool may_be_absent);
  Typed check_literal(const Tree& node);
  Typed check_name(Tree& node, const Facts& known, bool may_be_absent);
  Typed check_field(Tree& node, const Facts& known, bool may_be_absent);
  Typed check_index(Tree& node, const Facts& known, bool may_be_absent);
  Typed check_logic(Tree& node, const Facts& known);
  Typed check_not(Tree& node, const Facts& known);
  Typed check_conditional(Tree& node, const Facts& known);
  Typed check_present(Tree& node, const Facts& known);
  Typed check_or_else(Tree& node, const Facts& known, bool may_be_absent);
  Typed check_list(Tree& node, const Facts& known);
  Typed check_map(Tree& node, const Facts& known);
  Typed check_negate(Tree& node, const Facts& known);
  Typed check_binary(Tree& node, const Facts& known);
  Type arithmetic(Tree& node, const Type& a, const Type& b);
  void compare(Tree& node, const Type& a, const Type& b);
  void compare_in(Tree& node, const Type& a, const Type& b);
  void compare_literal(const Tree& literal, const Type& other);
  void condition(Tree& node, const Type& type);
  void value_as_condition(const Tree& logic, std::size_t at, const Type& type);

  Typed check_call(Tree& node, const Facts& known);
  Typed check_member_call(Tree& node, const Facts& known);
  Typed check_has(Tree& node, const Facts& known);
  Typed check_let(Tree& node, const Facts& known);
  Typed check_block(Tree& node, const Facts& known);
  Typed check_optional(Tree& node, const Facts& known);
  // A name, or a chain of fields that is one name, where plain CEL finds it; false when there is
  // none such.
  bool find_qualified(Tree& node, std::string_view path, bool rooted, Type& type);
  Typed check_macro(Tree& node, const Facts& known);
  Typed check_signature(Tree& node, const std::string& name, bool member, const Facts& known);
  Typed check_extreme(Tree& node, const std::string& name, const Facts& known);
  void check_pattern(const Tree& pattern);
  void unknown_function(const Tree& node, const std::string& name, bool member);
  bool declare_variable(const Tree& node, const Type& type);

  void fit_literal_text(Tree& node, const Type& wanted, const std::string& wanted_for);
  void fit_literal_map(Tree& node, const Type& wanted, const std::string& wanted_for);
  void misfit(const Tree& node, const Type& wanted, const std::string& wanted_for);

  Diagnostic& report(std::string_view code, std::uint32_t at, std::uint32_t length,
                     std::string message);
  Diagnostic& report(std::string_view code, const Tree& node, std::string message);
  Diagnostic& report_mark(std::string_view code, const Tree& node, std::string message);
  std::string source_of(const Tree& node) const;
  void suggest(Diagnostic& diagnostic, std::string_view name,
               const std::vector<std::string>& candidates);
  // The dotted path of a name or a chain of fields; empty for anything else.
  std::string path_of(const Tree& node) const;
  bool is_local(std::string_view name) const;

  const Expr& expr_;
  const Names& names_;
  const CheckOptions& options_;
  Diagnostics& diagnostics_;
  std::vector<std::pair<std::string, Type>> locals_;
  std::set<std::string> reads_;
  bool failed_ = false;
};

// ---- Types (types.cpp)

interpreter::Type type_of(interpreter::Type::Base base);
interpreter::Type list_of(interpreter::Type element);
bool is_error(const interpreter::Type& type);
bool is_open(const interpreter::Type& type);  // json or error: nothing is known
bool is_text(const interpreter::Type& type);  // any type whose values are text
bool is_number(const interpreter::Type& type);
// Without optional, private and bounds.
interpreter::Type bare(interpreter::Type type);
// What either of two values is.
interpreter::Type join_types(const interpreter::Type& a, const interpreter::Type& b);
// Whether values of the two can be equal at all.
bool comparable(const interpreter::Type& a, const interpreter::Type& b);
// "" when `text` has the form that `base` demands, else an example of it.
std::string malformed_as(std::string_view text, interpreter::Type::Base base);

interpreter::Program lower_expression(const Tree& tree, std::string source);

}  // namespace belay::dsl
