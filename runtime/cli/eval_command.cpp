// belay eval: one expression of the language for a person, with names from a JSON file; or, with
// --jsonl, cases of plain CEL from standard input (cel_case.h), answered line by line whatever they
// hold.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "dsl/expr/expr.h"
#include "runtime/base/environment.h"
#include "runtime/base/json_value.h"
#include "runtime/cli/cel_case.h"
#include "runtime/cli/commands.h"
#include "runtime/cli/files.h"
#include "runtime/cli/report.h"

namespace belay::runtime::cli {
namespace {

using interpreter::Type;
using interpreter::Value;
using Kind = Value::Kind;
using Base = Type::Base;

// JSON has no money; an object of exactly these two fields means some, as everywhere at our edges.
Value with_money(const Value& value) {
  if (value.kind() == Kind::kList) {
    interpreter::List items;
    for (const Value& item : value.as_list()) items.push_back(with_money(item));
    return Value::list(std::move(items));
  }
  if (value.kind() != Kind::kMap) return value;
  const Value *currency = value.find("currency"), *minor = value.find("minor");
  if (value.as_map().size() == 2 && currency != nullptr && minor != nullptr &&
      minor->kind() == Kind::kInt && currency->kind() == Kind::kString &&
      interpreter::currency_decimals(currency->as_string()) >= 0) {
    const std::string& code = currency->as_string();
    return Value::money({minor->as_int(), {code[0], code[1], code[2]}});
  }
  interpreter::Map entries;
  for (const auto& [key, item] : value.as_map()) entries.emplace_back(key, with_money(item));
  return Value::map(std::move(entries));
}

Type type_of(const Value& value) {
  Type type;
  switch (value.kind()) {
    case Kind::kBool: type.base = Base::kBool; break;
    case Kind::kInt: type.base = Base::kInt; break;
    case Kind::kUint: type.base = Base::kUint; break;
    case Kind::kDouble: type.base = Base::kDouble; break;
    case Kind::kString: type.base = Base::kText; break;
    case Kind::kMoney: type.base = Base::kMoney; break;
    case Kind::kList: {
      type.base = Base::kList;
      Type element;
      for (std::size_t i = 0; i < value.as_list().size(); ++i) {
        const Type here = type_of(value.as_list()[i]);
        if (i == 0)
          element = here;
        else if (!(here == element))
          element = Type{};  // mixed: nothing is known
      }
      type.element = {element};
      break;
    }
    case Kind::kMap:
      type.base = Base::kRecord;
      for (const auto& [key, item] : value.as_map())
        type.fields.push_back({key.as_string(), type_of(item)});
      break;
    default: break;  // null: json
  }
  return type;
}

// The fields of the JSON file as names.
class FileScope final : public dsl::Names, public interpreter::Scope {
 public:
  explicit FileScope(Value record) : record_(std::move(record)) {}

  std::optional<dsl::NameInfo> find(std::string_view name) const override {
    const interpreter::Map& entries = record_.as_map();
    for (std::uint32_t i = 0; i < entries.size(); ++i) {
      if (entries[i].first.as_string() != name) continue;
      dsl::NameInfo info;
      info.type = type_of(entries[i].second);
      info.slot = i;
      info.may_be_absent = entries[i].second.is_null();
      return info;
    }
    return std::nullopt;
  }
  std::vector<std::string> all() const override {
    std::vector<std::string> names;
    for (const auto& [name, value] : record_.as_map()) names.push_back(name.as_string());
    return names;
  }
  const Value* slot(std::uint32_t index) const override {
    return index < record_.as_map().size() ? &record_.as_map()[index].second : nullptr;
  }
  interpreter::Timestamp now() const override {
    const auto since = std::chrono::system_clock::now().time_since_epoch();
    const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
    return {seconds.count(),
            static_cast<std::int32_t>(std::chrono::nanoseconds(since - seconds).count())};
  }
  const interpreter::Environment* environment() const override { return &runtime::environment(); }

 private:
  Value record_;
};

// Reads a line of any length; what is beyond the limit is dropped, and `line` is then longer than
// the limit.
bool read_line(std::FILE* in, std::string& line) {
  line.clear();
  bool any = false;
  for (int c = std::getc(in); c != EOF; c = std::getc(in)) {
    any = true;
    if (c == '\n') return true;
    if (line.size() <= cel_case_bytes_max) line += static_cast<char>(c);
  }
  return any;
}

int answer_cases() {
  std::string line;
  while (read_line(stdin, line)) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    const std::string answer = answer_cel_case(line);
    if (std::fwrite(answer.data(), 1, answer.size(), stdout) != answer.size() ||
        std::fputc('\n', stdout) == EOF || std::fflush(stdout) != 0) {
      return kRefused;  // nobody reads any more
    }
  }
  return kDone;
}

int complain(const std::string& text) {
  std::fprintf(stderr, "belay: %s\n", text.c_str());
  return kRefused;
}

}  // namespace

int run(const EvalCommand& command) {
  if (command.jsonl) return answer_cases();
  if (command.expression.empty()) {
    std::fputs("belay: an expression is missing, such as belay eval '2 days + 3 hours'\n", stderr);
    return kUsage;
  }
  Value names = interpreter::record({});
  if (!command.with.empty()) {
    const auto text = read_file(command.with);
    if (!text) return report(text.error());
    auto json = parse_json(*text, {.bytes_max = 4 * 1024 * 1024});
    if (!json) return complain(command.with + ": " + json.error().message);
    if (json->kind() != Kind::kMap)
      return complain(command.with + ": an object is needed; its fields become names");
    names = with_money(*json);
  }
  const FileScope scope(std::move(names));
  dsl::Sources sources;
  dsl::Diagnostics diagnostics;
  dsl::Expr expr;
  expr.text = command.expression;
  expr.span.file = sources.add("expression", command.expression);
  expr.span.line = expr.span.column = 1;
  const dsl::CheckedExpr checked = dsl::check_expression(expr, scope, {}, diagnostics);
  const bool colour = isatty(STDERR_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr;
  if (!diagnostics.all().empty())
    std::fputs(dsl::render_text(diagnostics, sources, colour).c_str(), stderr);
  if (!checked.ok) return kRefused;
  const interpreter::Evaluated result = interpreter::evaluate(checked.program, scope);
  if (!result.ok) {
    expr.span.length = static_cast<std::uint32_t>(
        std::min(command.expression.find('\n'), command.expression.size()));
    dsl::Diagnostics failure;
    failure.add("BEL4217", expr.span, "this fails: " + result.error);
    std::fputs(dsl::render_text(failure, sources, colour).c_str(), stderr);
    return kRefused;
  }
  std::printf("%s\n", interpreter::to_text(result.value).c_str());
  return kDone;
}

}  // namespace belay::runtime::cli
