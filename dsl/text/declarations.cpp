// Declarations: the first line, and what stands under type, event, connector, action, workflow,
// webhook and retry plan. Each clause is a case on its head; policies and statements are in
// statements.cpp, scenarios in scenarios.cpp.
#include <algorithm>

#include "dsl/text/builder.h"
#include "dsl/text/lexical.h"
#include "dsl/text/words.h"

namespace belay::dsl::text {

using Tag = Part::Tag;

std::vector<Declaration> Builder::file(const Lines& lines) {
  std::vector<Declaration> out;
  std::size_t begin = 0;
  const bool has_first =
      !lines.empty() && (lines[0].text == "belay" || lines[0].text.substr(0, 6) == "belay ");
  const bool nearly = !lines.empty() && !has_first && lines[0].children.empty() &&
                      (meant_head(lines[0].text, kFile) == "belay" ||
                       lines[0].text.substr(0, 5) == "belay" || lines[0].text == "version 1");
  if (nearly) {
    problem("BEL1010", lines[0].whole(), "the first line of a definition is `belay 1`").help =
        "write `belay 1`";
    begin = 1;
  } else if (!has_first) {
    problem("BEL1010",
            {source_, 1, 1, static_cast<std::uint32_t>(sources_.line(source_, 1).size())},
            "the first line of a definition is `belay 1`")
        .help = "put `belay 1` on a line of its own before this one";
  } else {
    begin = 1;
    const Parsed parsed = parse(lines[0], Rule::kFirstLine, 5, "belay");
    if (parsed.ok && parsed.parts[0].text != "1") {
      problem("BEL1011", at(lines[0], parsed.parts[0]),
              "version `" + parsed.parts[0].text + "` of the language is not known here")
          .help = "this compiler reads `belay 1`";
      lost_ = true;
      return out;
    }
    leaf(lines[0], "belay");
  }
  for (std::size_t i = begin; i < lines.size(); ++i) {
    if (full()) {
      diagnostics_.add("BEL1006", lines[i].whole(),
                       "too many problems in this file, the rest of it was not read");
      lost_ = true;
      break;
    }
    declaration(lines[i], out);
  }
  return out;
}

void Builder::declaration(const Line& line, std::vector<Declaration>& into) {
  broken_ = line.broken;
  const Read head = read(line, kFile);
  if (!head.usable) {
    lost_ = true;
    return;
  }
  Declaration out;
  out.span = line.span(0, head.head->words.size());
  const Part* first = head.parsed.first(Tag::kName);
  if (head.is("belay")) {
    problem("BEL1034", out.span, "`belay 1` stands once, in the first line");
    return;
  }
  if (head.head->reserved) {
    if (const std::size_t end = line.text.find_first_of(" ,", head.head->words.size() + 1);
        line.text.size() > head.head->words.size() + 1) {
      const std::size_t from = head.head->words.size() + 1;
      const std::size_t length = std::min(end, line.text.size()) - from;
      out.name = {line.text.substr(from, length), line.span(from, length)};
    }
    problem("BEL1040", out.span,
            "`" + std::string(head.head->words) + "` is reserved, and not in this version yet");
    out.body = ReservedDecl{};
    out.broken = true;
    into.push_back(std::move(out));
    return;
  }
  if (head.is("scenario")) {
    out.title = text(line, head.parsed.first(Tag::kString));
    out.body = scenario(line, head.parsed, out.allows);
    out.broken = broken_;
    into.push_back(std::move(out));
    return;
  }
  if (head.is("type")) {
    out.name = plain_name(line, first);
    if (first != nullptr &&
        (!is_type_name(first->text) || first->text[0] < 'A' || first->text[0] > 'Z')) {
      std::string better = first->text;
      better[0] = static_cast<char>(better[0] >= 'a' && better[0] <= 'z' ? better[0] - 'a' + 'A'
                                                                         : better[0]);
      Diagnostic& d = problem(
          "BEL1041", out.name.span,
          "`" + first->text + "` is not the name of a type: a capital, then letters and digits");
      if (is_type_name(better)) d.help = "say `" + better + "`";
    }
  } else {
    out.name = name(line, first);
  }
  if (const Part* title = head.parsed.first(Tag::kString); title != nullptr && !head.is("webhook"))
    out.title = text(line, title);
  if (head.is("type")) {
    out.body = TypeDecl{fields(line.children, false)};
  } else if (head.is("event")) {
    out.body = event(line, head.parsed, out.allows);
  } else if (head.is("connector")) {
    out.body = connector(line, out.allows);
  } else if (head.is("action")) {
    out.body = action(line, out.allows);
  } else if (head.is("workflow")) {
    out.body = workflow(line, head.parsed, out.allows);
  } else if (head.is("webhook")) {
    if (head.parsed.first(Tag::kString, 1) != nullptr)
      out.title = text(line, head.parsed.first(Tag::kString));
    out.body = webhook(line, head.parsed, out.allows);
  } else {
    out.body = PlanDecl{tries(line, head.parsed, line.whole())};
    leaf(line, "retry plan");
  }
  out.broken = broken_;
  if (out.name.empty()) lost_ = true;
  into.push_back(std::move(out));
}

std::uint32_t last_line(const Line& line) {
  std::uint32_t last = line.pieces.back().at.line;
  if (line.block) {
    last =
        std::max(last, line.block_span.line + static_cast<std::uint32_t>(std::count(
                                                  line.block->begin(), line.block->end(), '\n')));
  }
  return line.children.empty() ? last : std::max(last, last_line(line.children.back()));
}

bool Builder::allow(const Line& line, const Read& read, const Line& owner,
                    std::vector<Allow>& into) {
  if (!read.is("allow")) return false;
  leaf(line, "allow");
  if (!read.parsed.ok) return true;
  Allow out{plain_name(line, read.parsed.first(Tag::kName)),
            text(line, read.parsed.first(Tag::kString)), line.whole(), owner.pieces.front().at.line,
            last_line(owner)};
  into.push_back(std::move(out));
  return true;
}

bool Builder::allow(const Line& line, const Line& owner, std::vector<Allow>& into) {
  if (looks_like_arg(line, false)) return false;
  if (match_head(line.text, kUnderStatement).here == nullptr) return false;
  return allow(line, read(line, kUnderStatement), owner, into);
}

const Builder::Lines& Builder::below(const Line& owner, std::vector<Allow>& into, Lines& rest) {
  const auto is_allow = [&](const Line& line) {
    return !looks_like_arg(line, false) && match_head(line.text, kUnderStatement).here != nullptr;
  };
  if (std::none_of(owner.children.begin(), owner.children.end(), is_allow)) return owner.children;
  for (const Line& child : owner.children) {
    if (!allow(child, owner, into)) rest.push_back(child);
  }
  return rest;
}

void Builder::only_allows(const Line& line, std::string_view head, std::vector<Allow>& into) {
  const auto other = std::find_if(line.children.begin(), line.children.end(),
                                  [&](const Line& child) { return !allow(child, line, into); });
  if (other == line.children.end()) return;
  problem("BEL1039", other->whole(), "nothing can stand under `" + std::string(head) + "`").help =
      "indent this line like the one it belongs with";
}

EventDecl Builder::event(const Line& line, const Parsed& parsed, std::vector<Allow>& allows) {
  EventDecl out;
  out.version = number(line, parsed.first(Tag::kNumber));
  out.key = declared(line, parsed.first(Tag::kName, 1));
  Seen seen, versions;
  for (const Line& child : line.children) {
    if (child.text.substr(0, 13) == "from version ") {
      const Read read = this->read(child, kEventBlock);
      if (!read.usable || !read.parsed.ok) continue;
      const Number from = number(child, read.parsed.first(Tag::kNumber));
      if (once(versions, "from version " + std::to_string(from.value), child.whole()))
        out.lifts.push_back({from, args(child.children)});
      continue;
    }
    // `allow  text` is a field.
    if (parse_line(Rule::kAllow, child.text, 5).ok && allow(child, line, allows)) continue;
    bool usable = false;
    FieldDecl one = field(child, usable, false);
    if (usable && once(seen, one.name.text, one.name.span)) out.fields.push_back(std::move(one));
  }
  return out;
}

// ---- Connector

ConnectorDecl Builder::connector(const Line& line, std::vector<Allow>& allows) {
  ConnectorDecl out;
  Seen seen;
  for (const Line& child : line.children) {
    const Read read = this->read(child, kConnectorBlock);
    if (!read.usable) {
      const HeadMatch match = match_head(child.text, kConnectorBlock);
      if (match.elsewhere != nullptr && (match.elsewhere->places & kActionBlock) != 0) {
        lost_ = true;  // the head of an action is missing, and what follows is its own
        break;
      }
      continue;
    }
    if (allow(child, read, line, allows)) continue;
    std::string head(read.head->words);
    if (!once(seen, head.substr(0, 7) == "sign in" ? "sign in" : head, child.whole())) continue;
    leaf(child, head);
    connector_clause(child, read, out);
  }
  return out;
}

void Builder::connector_clause(const Line& line, const Read& read, ConnectorDecl& out) {
  const Parsed& p = read.parsed;
  const auto sign_in = [&](ConnectorDecl::SignIn how) {
    out.sign_in = how;
    out.sign_in_secret = name(line, p.first(Tag::kName));
  };
  if (read.is("base")) {
    if (p.has("env"))
      out.base_env = {p.first(Tag::kName) ? p.first(Tag::kName)->text : "",
                      p.first(Tag::kName) ? at(line, *p.first(Tag::kName)) : line.whole()};
    out.base = text(line, p.first(Tag::kString));
  } else if (read.is("sign in with bearer")) {
    sign_in(ConnectorDecl::SignIn::kBearer);
  } else if (read.is("sign in with basic")) {
    sign_in(ConnectorDecl::SignIn::kBasic);
    out.sign_in_user = text(line, p.first(Tag::kString));
  } else if (read.is("sign in with header")) {
    sign_in(ConnectorDecl::SignIn::kHeader);
    out.sign_in_header = text(line, p.first(Tag::kString));
  } else if (read.is("request key in")) {
    out.request_key_header = text(line, p.first(Tag::kString));
  } else if (read.is("remembers keys for")) {
    out.keys_remembered = expr(line, p.first(Tag::kExpr));
    out.replays_errors = p.has("replays errors");
    out.replays_span = line.span(line.text.size(), 0);  // behind what is remembered
  } else if (read.is("body")) {
    out.form = p.has("form");
    out.form_span = line.whole();
  } else if (read.is("at most")) {
    const bool per_second = p.has("per second");
    if (per_second) out.per_second = number(line, p.first(Tag::kNumber));
    if (p.has("at once")) out.at_once = number(line, p.first(Tag::kNumber, per_second ? 1 : 0));
  } else if (read.is("after")) {
    out.breaker_failures = number(line, p.first(Tag::kNumber));
    out.breaker_rest = expr(line, p.first(Tag::kExpr));
  } else if (read.is("each call within")) {
    out.timeout = expr(line, p.first(Tag::kExpr));
  } else {
    out.allow_private = true;
    out.private_span = line.whole();
  }
}

// ---- Action

ActionDecl Builder::action(const Line& line, std::vector<Allow>& allows) {
  ActionDecl out;
  Seen seen;
  bool lost_here = false;
  for (const Line& child : line.children) {
    const Read read = this->read(child, kActionBlock);
    if (!read.usable || allow(child, read, line, allows)) continue;
    std::string head(read.head->words);
    if (read.is("call") || read.is("sql") || read.is("sql any rows") || read.is("plugin") ||
        read.head->reserved)
      head = "how it runs";
    if (!read.is("if") && !lost_here && !once(seen, head, child.whole())) {
      lost_here = lost_ =
          true;  // maybe the head of another action is missing: one message is enough
      continue;
    }
    if (lost_here && seen.contains(head)) continue;
    action_clause(child, read, out);
  }
  return out;
}

void Builder::action_clause(const Line& line, const Read& read, ActionDecl& out) {
  const Parsed& p = read.parsed;
  const Span head = line.span(0, read.head->words.size());
  const bool children = read.is("takes") || read.is("gives") || read.is("call") ||
                        read.is("undone by") || read.is("checked by");
  if (!children && !read.head->reserved) leaf(line, read.head->words);
  if (read.head->reserved) {
    problem("BEL1040", head,
            "`" + std::string(read.head->words) + "` is reserved, and not in this version yet");
    out.runs = ActionDecl::Runs::kReserved;
    out.runs_span = head;
  } else if (read.is("takes")) {
    out.takes = fields(line.children, false);
  } else if (read.is("gives")) {
    out.gives = fields(line.children, true);
  } else if (read.is("can end in")) {
    Seen seen;
    for (std::size_t i = 0; const Part* part = p.first(Tag::kName, i); ++i) {
      Name error = name(line, part);
      if (once(seen, error.text, error.span)) out.errors.push_back(std::move(error));
    }
  } else if (read.is("repeating is")) {
    if (p.ok) out.repeat_safe = p.has("safe");
    out.repeat_span = line.whole();
  } else if (read.is("harmless if nothing was done")) {
    out.harmless = true;
    out.harmless_span = line.whole();
  } else if (read.is("call")) {
    call(line, p, out);
  } else if (read.is("sql") || read.is("sql any rows")) {
    out.runs = ActionDecl::Runs::kSql;
    out.runs_span = head;
    out.any_rows = read.is("sql any rows");
    out.sql = {line.block.value_or(""), line.block ? line.block_span : head};
    if (out.sql.empty() && p.ok)
      problem("BEL1044", head, "`" + std::string(read.head->words) + "` needs its text").help =
          "write `" + std::string(read.head->words) + " |` and the statement on deeper lines";
  } else if (read.is("plugin")) {
    out.runs = ActionDecl::Runs::kPlugin;
    out.runs_span = head;
    out.plugin = name(line, p.first(Tag::kName));
  } else if (read.is("if")) {
    if (p.ok)
      out.outcomes.push_back(
          {expr(line, p.first(Tag::kExpr)), name(line, p.first(Tag::kName)), line.whole()});
  } else if (read.is("undone by")) {
    out.undone_by = use(line, read);
  } else if (read.is("checked by")) {
    out.checked_by = use(line, read);
  } else if (read.is("settles in")) {
    out.settles = expr(line, p.first(Tag::kExpr));
  } else {
    out.effects.push_back({std::string(read.head->words), head});
  }
}

void Builder::call(const Line& line, const Parsed& parsed, ActionDecl& out) {
  out.runs = ActionDecl::Runs::kCall;
  out.runs_span = line.span(0, 4);
  out.connector = name(line, parsed.first(Tag::kName));
  if (const Part* method = parsed.first(Tag::kName, 1))
    out.method = {method->text, at(line, *method)};
  out.path = text(line, parsed.first(Tag::kString));
  for (const Line& child : line.children) {
    if (looks_like_arg(child, true)) {
      arg(child, Rule::kCallArg, 0, out.body);
      continue;
    }
    const HeadMatch match = match_head(child.text, kCallBlock);
    if (match.here != nullptr) {
      arg(child, match.here->rule, match.length,
          match.here->rule == Rule::kQueryArg ? out.query : out.headers);
    } else if (child.broken) {
      broken_ = true;
    } else {
      unknown(child, kCallBlock, match);
    }
  }
}

UseDecl Builder::use(const Line& line, const Read& read) {
  return {name(line, read.parsed.first(Tag::kName)), args(line.children),
          line.span(0, read.head->words.size())};
}

// ---- Workflow, webhook

// Whether a line of `place` is a clause of it, maybe misspelt, and not one of the statements.
bool Builder::is_clause(const Line& line, unsigned place, unsigned statements) const {
  if (looks_like_arg(line, false)) return false;
  const HeadMatch match = match_head(line.text, place);
  if (match.here != nullptr) return (match.here->places & statements) == 0;
  if (match.elsewhere != nullptr && match.elsewhere->words != "if") return false;
  const std::string meant = meant_head(line.text, place);
  if (meant.empty()) return false;
  for (const Head& head : heads()) {
    if (head.words == meant && (head.places & place) != 0) return (head.places & statements) == 0;
  }
  return false;
}

WorkflowDecl Builder::workflow(const Line& line, const Parsed& parsed, std::vector<Allow>& allows) {
  WorkflowDecl out;
  out.version = number(line, parsed.first(Tag::kNumber));
  Seen seen;
  Lines flow;  // the statements, in order
  for (const Line& child : line.children) {
    const bool statement = !is_clause(child, kWorkflowBlock, kStatements | kTogetherBlock);
    if (statement) {
      flow.push_back(child);
      continue;
    }
    const Read read = this->read(child, kWorkflowBlock);
    if (!read.usable || allow(child, read, line, allows)) continue;
    const std::string head(read.head->words);
    if (head != "retry plan" && head != "starts on" && !once(seen, head, child.whole())) continue;
    if (head != "takes" && head != "gives" && head != "starts on") leaf(child, head);
    workflow_clause(child, read, out);
  }
  out.body = block(flow, kWorkflowBlock);
  return out;
}

bool Builder::workflow_clause(const Line& line, const Read& read, WorkflowDecl& out) {
  const Parsed& p = read.parsed;
  if (read.is("takes")) {
    out.takes = fields(line.children, false);
  } else if (read.is("gives")) {
    out.gives = args(line.children);
  } else if (read.is("starts on")) {
    starts_on(line, read, out);
  } else if (read.is("one at a time per")) {
    if (p.ok) {
      out.one_at_a_time = WorkflowDecl::OneAtATime{
          expr(line, p.first(Tag::kExpr)), p.has("others queue"),
          line.span(0, read.head->words.size()), at(line, *p.first(Tag::kWord))};
    }
  } else if (read.is("once per")) {
    out.once_per = expr(line, p.first(Tag::kExpr));
  } else if (read.is("finish within")) {
    out.finish_within = expr(line, p.first(Tag::kExpr));
  } else if (read.is("if an undo fails")) {
    if (p.ok) out.if_undo_fails = keep(line, p);
  } else if (read.is("owner")) {
    out.owner = text(line, p.first(Tag::kString));
  } else if (read.is("tags")) {
    for (const Part& part : p.parts) {
      if (part.tag == Tag::kString) out.tags.push_back(text(line, &part));
      if (part.tag == Tag::kName) out.tags.push_back({part.text, at(line, part)});
    }
  } else if (read.is("retry plan")) {
    WorkflowDecl::Plan plan{declared(line, p.first(Tag::kName)), tries(line, p, line.whole())};
    for (const WorkflowDecl::Plan& known : out.plans) {
      if (known.name.text == plan.name.text)
        problem("BEL1034", plan.name.span, "`retry plan " + plan.name.text + "` is said twice");
    }
    if (p.ok) out.plans.push_back(std::move(plan));
  }
  return true;
}

void Builder::starts_on(const Line& line, const Read& read, WorkflowDecl& out) {
  WorkflowDecl::StartsOn start{name(line, read.parsed.first(Tag::kName)), args(line.children),
                               line.span(0, read.head->words.size())};
  for (const WorkflowDecl::StartsOn& known : out.starts_on) {
    if (known.event.text != start.event.text) continue;
    Diagnostic& d =
        problem("BEL1034", start.event.span, "`starts on " + start.event.text + "` is said twice");
    d.notes.push_back({known.event.span, true, "first said here"});
    d.help = "one event starts a workflow once: keep one of the two";
    return;
  }
  if (read.parsed.ok) out.starts_on.push_back(std::move(start));
}

WebhookDecl Builder::webhook(const Line& line, const Parsed& parsed, std::vector<Allow>& allows) {
  WebhookDecl out;
  if (const Part* method = parsed.first(Tag::kName, 1))
    out.method = {method->text, at(line, *method)};
  const Part* path = parsed.first(Tag::kString, 1) != nullptr ? parsed.first(Tag::kString, 1)
                                                              : parsed.first(Tag::kString);
  out.path = text(line, path);
  Seen seen;
  Lines flow;
  for (const Line& child : line.children) {
    if (!is_clause(child, kWebhookBlock, kWebhookStatements)) {
      flow.push_back(child);
      continue;
    }
    const Read read = this->read(child, kWebhookBlock);
    if (!read.usable || allow(child, read, line, allows) ||
        !once(seen, std::string(read.head->words), child.whole()))
      continue;
    leaf(child, read.head->words);
    const Parsed& p = read.parsed;
    if (read.is("once per")) {
      out.once_per = expr(child, p.first(Tag::kExpr));
    } else {
      if (const Part* scheme = p.first(Tag::kName)) out.scheme = {scheme->text, at(child, *scheme)};
      for (std::size_t i = 1; const Part* secret = p.first(Tag::kName, i); ++i)
        out.secrets.push_back(name(child, secret));
      out.tolerance = expr(child, p.first(Tag::kExpr));
    }
  }
  out.body = block(flow, kWebhookBlock);
  return out;
}

}  // namespace belay::dsl::text
