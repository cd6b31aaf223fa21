// Scenarios of the YAML form: `given` is a map of data, `when` and `then` are lists of sentences,
// the same ones as in the text form (dsl/text/sentences.h).
#include <algorithm>

#include "dsl/text/lexical.h"
#include "dsl/text/sentences.h"
#include "dsl/yaml/reader.h"

namespace belay::dsl::yaml {

using text::Parsed;
using text::Part;
using text::Rule;

namespace {

// Where text[offset, offset + length) of a placed text stands.
Span at(const Expr& placed, std::size_t offset, std::size_t length) {
  const std::string_view before =
      std::string_view(placed.text).substr(0, std::min(offset, placed.text.size()));
  const auto breaks = static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n'));
  Span span = placed.span;
  std::size_t column = before.size();
  if (breaks > 0) {
    column -= before.rfind('\n') + 1;
    if (breaks <= placed.lines.size()) span = placed.lines[breaks - 1];
  }
  span.column += static_cast<std::uint32_t>(column);
  span.length = static_cast<std::uint32_t>(length);
  return span;
}

std::string list_of(const std::vector<std::string>& words) {
  std::string out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    out += (i == 0 ? "" : i + 1 == words.size() ? " or " : ", ") + words[i];
  }
  return out;
}

}  // namespace

template <class Said, class Make>
void Reader::sentences(const Node* node, Rule rule, std::vector<Said>& into, Make make) {
  for (const Node& item : list(node)) {
    if (!scalar(item, "a sentence")) continue;
    const Expr said = placed(item.text, item, 0);
    const LexicalProblem wrong = expression_problem(said.text);
    if (wrong.kind != LexicalProblem::Kind::kNone && wrong.kind != LexicalProblem::Kind::kComma) {
      problem("BEL1036", said.span, "this is not one sentence of a scenario").help =
          "brackets and strings must be closed, and `#` stands only in strings";
      continue;
    }
    const Parsed parsed = text::parse_line(rule, said.text, 0);
    if (!parsed.ok) {
      const std::size_t from = std::min(parsed.failed_at, said.text.size());
      const std::size_t end = std::min(said.text.find_first_of(" \n,", from), said.text.size());
      const std::string found = said.text.substr(from, end - from);
      problem("BEL1035", at(said, from, end - from),
              found.empty()
                  ? "the sentence ends where " + list_of(parsed.expected) + " is needed"
                  : "`" + found + "` stands where " + list_of(parsed.expected) + " is needed");
      continue;
    }
    const text::PartReader reader{
        [&](const Part& part) {
          Node key;
          key.kind = Node::Kind::kScalar;
          key.text = part.text;
          key.span = at(said, part.offset, part.length);
          return key_name(key, true);
        },
        [&](const Part& part) {
          return Text{unquote(part.text), at(said, part.offset, part.length)};
        },
        [&](const Part& part) {
          Expr out{part.text, at(said, part.offset, part.length), {}};
          for (std::size_t i = out.text.find('\n'); i != std::string::npos;
               i = out.text.find('\n', i + 1)) {
            out.lines.push_back(at(said, part.offset + i + 1, 0));
          }
          return out;
        },
        [&](const Part& part) {
          Node digits;
          digits.kind = Node::Kind::kScalar;
          digits.text = part.text;
          digits.span = at(said, part.offset, part.length);
          return number(&digits);
        }};
    Said one = make(parsed, reader);
    one.span = said.span;
    if (one.with.empty() && (said.text.ends_with(" with") || said.text.ends_with(" gives"))) {
      problem("BEL1038", said.span, "the sentence ends where its arguments are needed").help =
          "write `name = value` behind it";
    }
    into.push_back(std::move(one));
  }
}

ScenarioDecl Reader::scenario(Fields& fields) {
  ScenarioDecl out;
  out.workflow = name(fields.need("for"));
  out.given = data_args(fields.take("given"));
  sentences(fields.take("when"), Rule::kSaidWhen, out.when, text::read_when);
  const Node* then = fields.need("then");
  sentences(then, Rule::kSaidThen, out.then, text::read_then);
  return out;
}

}  // namespace belay::dsl::yaml
