// Declarations of the YAML form, one a document, told by their head key; and which YAML files are
// ours at all.
#include <algorithm>

#include "dsl/read.h"
#include "dsl/slips.h"
#include "dsl/text/lexical.h"
#include "dsl/text/words.h"
#include "dsl/yaml/reader.h"
#include "dsl/yaml/shape.h"

namespace belay::dsl {

namespace {

const std::vector<std::string>& declaration_keys() {
  static const std::vector<std::string> keys = {
      "workflow", "webhook",      "connector",  "action",    "event", "type",    "retry_plan",
      "scenario", "subscription", "projection", "lifecycle", "api",   "schedule"};
  return keys;
}

// Whether a line at the left edge is `key:`.
bool is_key(std::string_view line, std::string_view key) {
  return line.substr(0, key.size()) == key && line.substr(key.size(), 1) == ":" &&
         (line.size() == key.size() + 1 || line[key.size() + 1] == ' ');
}

}  // namespace

YamlKind classify_yaml(const Sources& sources, std::uint32_t source, Diagnostics& diagnostics) {
  const auto count = static_cast<std::uint32_t>(sources.file(source).line_starts.size());
  Span found;
  bool declares = false, confirmed = false, sure = false;
  std::string what;
  // Words that foreign YAML uses at its left edge too need a second word of ours beside them.
  const std::vector<std::string> common = {"type",       "event",     "action",
                                           "api",        "schedule",  "subscription",
                                           "projection", "lifecycle", "connector"};
  const std::vector<std::string> ours = {
      "takes", "gives",  "fields",  "effects",  "repeating", "undone_by",      "checked_by", "call",
      "sql",   "plugin", "sign_in", "once_per", "steps",     "request_key_in", "base"};
  for (std::uint32_t number = 1; number <= count; ++number) {
    std::string_view line = sources.line(source, number);
    if (number == 1 && line.substr(0, 3) == "\xEF\xBB\xBF") line.remove_prefix(3);
    if (number > 1 && (line == "---" || line.substr(0, 4) == "--- ") && (declares || confirmed))
      break;
    if (is_key(line, "belay")) return YamlKind::kBelay;
    // `belay 1`, `belay:1`: ours, with a slip that the reader tells of.
    if (number == 1 && line.substr(0, 5) == "belay" && line.size() > 5 &&
        (line[5] == ' ' || line[5] == ':'))
      return YamlKind::kBelay;
    for (const std::string& key : declaration_keys()) {
      if (declares || !is_key(line, key)) continue;
      declares = true;
      what = key;
      sure = std::find(common.begin(), common.end(), key) == common.end();
      found = {source, number, 1, static_cast<std::uint32_t>(key.size())};
    }
    for (const std::string& key : ours) confirmed = confirmed || is_key(line, key);
  }
  const std::string_view top = sources.line(source, 1);
  if (const std::size_t colon = top.find(':'); declares && colon != std::string_view::npos &&
                                               !nearest(top.substr(0, colon), {"belay"}).empty()) {
    found = {source, 1, 1, static_cast<std::uint32_t>(colon)};
    confirmed = true;
  }
  if (declares && (sure ? (confirmed || what == "workflow" || what == "webhook" ||
                           what == "retry_plan" || what == "scenario")
                        : confirmed)) {
    diagnostics
        .add("BEL1010", found,
             "`" + what + "` is declared here, but the file does not begin with `belay: 1`")
        .help = "put `belay: 1` on a line of its own before this one";
  }
  return YamlKind::kForeign;
}

File read_yaml(const Sources& sources, std::uint32_t source, Diagnostics& diagnostics) {
  File file;
  file.source = source;
  file.form = File::Form::kYaml;
  file.lost = true;
  if (!readable(sources, source, diagnostics)) return file;
  const auto read_from = [&](const Sources& from, Diagnostics& into, const yaml::Shape* shape) {
    yaml::Reader reader(from, source, into);
    file.declarations = reader.file(yaml::read_documents(from, source, into, shape));
    file.lost = reader.lost();
  };
  Diagnostics found;  // of the file as it is
  read_from(sources, found, nullptr);
  const bool bounded = std::any_of(found.all().begin(), found.all().end(), [](const Diagnostic& d) {
    return d.kind->code >= "BEL1001" && d.kind->code <= "BEL1006";
  });
  if (!found.all().empty() && !bounded) {
    Diagnostics slipped;
    Slips slips = mend_slips(sources, source, file.form, slipped);
    const std::size_t told = slipped.all().size();
    const Sources base =
        with_text(sources, source, told > 0 ? std::move(slips.text) : sources.file(source).text);
    if (told > 0) {
      found = slipped;
      read_from(base, found, nullptr);
    }
    // Something is wrong: maybe a line has lost its shape, and all that was found only follows from
    // it.
    Diagnostics shaped = slipped;
    if (found.all().size() > told) {
      const yaml::Shape shape = yaml::mend_shape(base, source, shaped);
      if (shaped.all().size() > told) {
        read_from(with_text(base, source, shape.text), shaped, &shape);
        found = std::move(shaped);
      }
    }
    file.lost = file.lost || slips.lost;
  }
  diagnostics.absorb(std::move(found));
  return file;
}

namespace yaml {

bool Reader::full() const {
  return diagnostics_.errors() - errors_before_ >= text::kProblemsPerFile;
}

std::vector<Declaration> Reader::file(const std::vector<Document>& documents) {
  std::vector<Declaration> out;
  bool first = true;
  for (const Document& document : documents) {
    if (full()) {
      diagnostics_.add("BEL1006", document.root.span,
                       "too many problems in this file, the rest of it was not read");
      break;
    }
    if (document.root.kind == Node::Kind::kMissing) continue;
    declaration(document, first, out);
    first = false;
  }
  if (first && documents.empty()) {
    problem("BEL1010", {source_, 1, 1, 0}, "the first line of a definition is `belay: 1`").help =
        "put `belay: 1` on a line of its own";
  }
  return out;
}

void Reader::declaration(const Document& document, bool first, std::vector<Declaration>& into) {
  const Node& root = document.root;
  broken_ = document.broken || root.broken;
  if (root.kind != Node::Kind::kMap) {
    lost_ = true;
    if (!broken_)
      problem("BEL1110", root.span, "a document declares one thing, such as `workflow: …`");
    return;
  }
  Fields fields(*this, root, "this document");
  if (const Node* version = first || fields.has("belay") ? fields.take("belay") : nullptr) {
    if (scalar(*version, "a version") && version->text != "1") {
      problem("BEL1011", version->span,
              "version `" + version->text + "` of the language is not known here")
          .help = "this compiler reads `belay: 1`";
      lost_ = true;
      return;
    }
  } else if (first && !broken_ && !fields.has("belay")) {
    problem("BEL1010", root.entries.empty() ? root.span : root.entries[0].key.span,
            "the first line of a definition is `belay: 1`")
        .help = "put `belay: 1` on a line of its own before this one";
  }
  std::string kind;
  Declaration out;
  for (const Entry& entry : root.entries) {
    const std::string& key = entry.key.text;
    if (std::find(declaration_keys().begin(), declaration_keys().end(), key) ==
        declaration_keys().end())
      continue;
    const bool under_empty =
        &entry != root.entries.data() && (&entry)[-1].value.kind == Node::Kind::kMissing;
    if (!kind.empty() && under_empty) continue;  // it should be indented under the key above
    if (!kind.empty()) {
      fields.take(key);
      problem("BEL1110", entry.key.span, "a second declaration in one document").help =
          "put a line `---` before `" + key + "`";
      continue;
    }
    kind = key;
    out.span = entry.key.span;
  }
  if (kind.empty()) {
    if (first && root.entries.size() == 1 && fields.has("belay")) return;  // only the version line
    lost_ = true;
    if (broken_ && root.entries.empty()) return;
    const Node& key =
        root.entries.empty()
            ? root
            : root.entries[root.entries.size() > 1 && fields.has("belay") ? 1 : 0].key;
    Diagnostic& d = problem("BEL1110", key.span, "this document declares nothing");
    const std::string near = nearest(key.text, declaration_keys());
    d.help =
        "begin it with `workflow`, `action`, `event`, `type`, `connector`, `webhook`, `retry_plan` "
        "or `scenario`";
    if (!near.empty()) did_you_mean(d, key.text, near);
    return;
  }
  const Node* name_node = fields.take(kind);
  if (std::find(declaration_keys().begin() + 8, declaration_keys().end(), kind) !=
      declaration_keys().end()) {
    if (name_node != nullptr && name_node->kind == Node::Kind::kScalar)
      out.name = {name_node->text, name_node->span};
    problem("BEL1040", out.span, "`" + kind + "` is reserved, and not in this version yet");
    out.body = ReservedDecl{};
    out.broken = true;
    into.push_back(std::move(out));
    return;
  }
  if (kind == "scenario") {
    out.title = text(name_node);
  } else if (kind == "type") {
    out.name = plain_name(name_node);
    if (name_node != nullptr && !name_node->broken &&
        (!text::is_type_name(out.name.text) || out.name.text[0] < 'A' || out.name.text[0] > 'Z')) {
      problem(
          "BEL1041", out.name.span,
          "`" + out.name.text + "` is not the name of a type: a capital, then letters and digits");
    }
  } else {
    out.name = name(name_node);
  }
  if (kind != "scenario" && kind != "retry_plan" && kind != "event")
    out.title = text(fields.take("title"));
  if (kind != "type" && kind != "retry_plan") out.allows = allows(fields);
  if (kind == "type") {
    out.body = TypeDecl{this->fields(fields.take("fields"), false)};
  } else if (kind == "event") {
    out.body = event(fields);
  } else if (kind == "connector") {
    out.body = connector(fields);
  } else if (kind == "action") {
    out.body = action(fields);
  } else if (kind == "workflow") {
    out.body = workflow(fields);
  } else if (kind == "webhook") {
    out.body = webhook(fields);
  } else if (kind == "retry_plan") {
    out.body = PlanDecl{tries_of(fields, out.span)};
  } else {
    out.body = scenario(fields);
  }
  fields.done();
  out.broken = broken_;
  if (out.name.empty() && kind != "scenario") lost_ = true;
  into.push_back(std::move(out));
}

EventDecl Reader::event(Fields& fields) {
  EventDecl out;
  out.version = number(fields.need("version"));
  out.key = declared(fields.need("key"));
  out.fields = this->fields(fields.take("fields"), false);
  if (const Node* lifts = fields.take("from_version")) {
    Fields versions(*this, *lifts, "`from_version`");
    for (const Entry& entry : lifts->entries) {
      Node key = entry.key;
      const Number from = number(&key);
      const Node* values = versions.take(entry.key.text);
      if (values != nullptr) out.lifts.push_back({from, data_args(values)});
    }
  }
  return out;
}

ConnectorDecl Reader::connector(Fields& fields) {
  ConnectorDecl out;
  if (const Node* base = fields.take("base")) {
    if (base->kind == Node::Kind::kMap) {
      Fields parts(*this, *base, "a base");
      const Name env = plain_name(parts.need("env"));
      out.base_env = {env.text, env.span};
      const bool capitals =
          !env.empty() &&
          std::all_of(env.text.begin(), env.text.end(),
                      [](char c) {
                        return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
                      }) &&
          (env.text[0] < '0' || env.text[0] > '9');
      if (!env.empty() && !capitals)
        problem("BEL1041", env.span,
                "`" + env.text +
                    "` is not the name of an environment variable: capitals, digits and `_`");
      out.base = text(parts.take("or"));
      parts.done();
    } else {
      out.base = text(base);
    }
  }
  if (const Node* sign = fields.take("sign_in")) {
    Fields parts(*this, *sign, "`sign_in`");
    if (parts.has("bearer")) {
      out.sign_in = ConnectorDecl::SignIn::kBearer;
      out.sign_in_secret = name(parts.take("bearer"));
    } else if (parts.has("header")) {
      out.sign_in = ConnectorDecl::SignIn::kHeader;
      out.sign_in_header = text(parts.take("header"));
      out.sign_in_secret = name(parts.need("secret"));
    } else {
      out.sign_in = ConnectorDecl::SignIn::kBasic;
      out.sign_in_user = text(parts.need("basic"));
      out.sign_in_secret = name(parts.need("secret"));
    }
    parts.done();
  }
  out.request_key_header = text(fields.take("request_key_in"));
  out.keys_remembered = expr(fields.take("remembers_keys_for"));
  if (const Node* replays = fields.take("replays_errors")) out.replays_errors = flag(replays);
  if (out.replays_errors && out.keys_remembered.empty() && !fields.has("remembers_keys_for")) {
    problem("BEL1038", fields.key_span("replays_errors"),
            "`replays_errors` needs `remembers_keys_for`");
  }
  out.replays_span = fields.key_span("replays_errors");
  if (const Node* body = fields.take("body")) out.form = word(body, {"form", "json"}) == "form";
  out.form_span = fields.key_span("body");
  if (const Node* limits = fields.take("at_most")) {
    Fields parts(*this, *limits, "`at_most`");
    if (const Node* n = parts.take("per_second")) out.per_second = number(n);
    if (const Node* n = parts.take("at_once")) out.at_once = number(n);
    parts.done();
  }
  if (const Node* after = fields.take("after")) {
    Fields parts(*this, *after, "`after`");
    if (const Node* n = parts.need("failures")) out.breaker_failures = number(n);
    out.breaker_rest = expr(parts.need("rest"));
    parts.done();
  }
  out.timeout = expr(fields.take("each_call_within"));
  if (const Node* allowed = fields.take("may_reach_private_addresses"))
    out.allow_private = flag(allowed);
  out.private_span = fields.key_span("may_reach_private_addresses");
  return out;
}

// ---- Action

ActionDecl Reader::action(Fields& fields) {
  ActionDecl out;
  for (const Node& item : list(fields.take("effects"))) {
    const std::string said =
        word(&item, {"reads", "reserves", "moves money", "notifies", "records"});
    if (said.empty()) continue;
    const bool twice = std::any_of(out.effects.begin(), out.effects.end(),
                                   [&](const Name& e) { return e.text == said; });
    if (twice) problem("BEL1034", item.span, "`" + said + "` is said twice");
    if (!twice) out.effects.push_back({said, item.span});
  }
  out.takes = this->fields(fields.take("takes"), false);
  out.gives = this->fields(fields.take("gives"), true);
  for (const Node& item : list(fields.take("can_end_in"))) out.errors.push_back(name(&item));
  if (const Node* repeating = fields.take("repeating")) {
    const std::string said = word(repeating, {"safe", "unsafe"});
    if (!said.empty()) out.repeat_safe = said == "safe";
  }
  if (const Node* harmless = fields.take("harmless_if_nothing_was_done"))
    out.harmless = flag(harmless);
  out.repeat_span = fields.key_span("repeating");
  out.harmless_span = fields.key_span("harmless_if_nothing_was_done");
  action_runs(fields, out);
  for (const Node& item : list(fields.take("outcomes"))) {
    Fields parts(*this, item, "an outcome");
    Expr when = expr(parts.need("when"));
    out.outcomes.push_back({std::move(when), name(parts.need("error")), item.span});
    parts.done();
  }
  if (const Node* node = fields.take("undone_by")) out.undone_by = use(*node);
  if (const Node* node = fields.take("checked_by")) out.checked_by = use(*node);
  out.settles = expr(fields.take("settles_in"));
  return out;
}

void Reader::action_runs(Fields& fields, ActionDecl& out) {
  using Runs = ActionDecl::Runs;
  const auto runs = [&](const char* key, Runs how) {
    if (out.runs != Runs::kNone) {
      Diagnostic& d =
          problem("BEL1034", fields.key_span(key),
                  "an action runs in one way, and `" + std::string(key) + "` is a second one");
      d.notes.push_back({out.runs_span, true, "first said here"});
      return;
    }
    out.runs = how;
    out.runs_span = fields.key_span(key);
  };
  if (const Node* node = fields.take("call")) {
    runs("call", Runs::kCall);
    Fields call(*this, *node, "a call");
    out.connector = name(call.need("connector"));
    route(call.need("route"), out.method, out.path);
    out.query = data_args(call.take("query"), true);
    out.headers = data_args(call.take("headers"), true);
    call.done();
    out.body = data_args(fields.take("with"), true);
  }
  for (const char* key : {"sql", "sql_any_rows"}) {
    if (const Node* node = fields.take(key)) {
      runs(key, Runs::kSql);
      out.any_rows = std::string_view(key) != "sql";
      out.sql = text(node);
      out.sql.text = dedent(out.sql.text);
      if (out.sql.empty() && !node->broken)
        problem("BEL1107", node->span, "`" + std::string(key) + "` has no value");
      if (node->block) out.sql.span = {source_, node->span.line + 1, 1, 0};
    }
  }
  if (const Node* node = fields.take("plugin")) {
    runs("plugin", Runs::kPlugin);
    out.plugin = name(node);
  }
  for (const char* key : {"worker", "email"}) {
    if (!fields.has(key)) continue;
    fields.reserved(key);
    runs(key, Runs::kReserved);
  }
}

UseDecl Reader::use(const Node& node) {
  UseDecl out;
  out.span = node.span;
  if (node.kind == Node::Kind::kScalar) {
    out.action = name(&node);
    return out;
  }
  Fields fields(*this, node, "this");
  out.action = name(fields.need("do"));
  out.args = data_args(fields.take("with"));
  fields.done();
  return out;
}

// ---- Workflow, webhook

WorkflowDecl Reader::workflow(Fields& fields) {
  WorkflowDecl out;
  out.version = number(fields.need("version"));
  out.takes = this->fields(fields.take("takes"), false);
  out.gives = expr_args(fields.take("gives"));
  out.once_per = expr(fields.take("once_per"));
  out.finish_within = expr(fields.take("finish_within"));
  if (const Node* node = fields.take("if_undo_fails")) out.if_undo_fails = keep(node);
  out.owner = text(fields.take("owner"));
  for (const Node& item : list(fields.take("tags"))) out.tags.push_back(text(&item));
  workflow_starts(fields, out);
  if (const Node* plans = fields.take("retry_plans")) {
    Fields named(*this, *plans, "`retry_plans`");
    for (const Entry& entry : plans->entries) {
      Name name = key_name(entry.key, false);
      if (const Node* node = named.take(entry.key.text))
        out.plans.push_back({std::move(name), tries(node)});
    }
  }
  if (const Node* steps = fields.take("steps")) out.body = block(steps, Where::kFlow);
  return out;
}

// What begins a saga, and how many of them run at a time.
void Reader::workflow_starts(Fields& fields, WorkflowDecl& out) {
  if (const Node* node = fields.take("one_at_a_time")) {
    WorkflowDecl::OneAtATime turns;
    turns.span = fields.key_span("one_at_a_time");
    Fields how(*this, *node, "`one_at_a_time`");
    turns.per = expr(how.need("per"));
    if (const Node* others = how.need("others"))
      turns.queue = word(others, {"queue", "are refused"}) != "are refused";
    turns.others_span = how.key_span("others");
    how.done();
    out.one_at_a_time = std::move(turns);
  }
  const auto start = [&](const Node& node) {
    Fields how(*this, node, "`starts_on`");
    WorkflowDecl::StartsOn one{name(how.need("event")), data_args(how.take("with")), node.span};
    how.done();
    for (const WorkflowDecl::StartsOn& known : out.starts_on) {
      if (known.event.text != one.event.text) continue;
      Diagnostic& d =
          problem("BEL1034", one.event.span, "`starts_on` names `" + one.event.text + "` twice");
      d.notes.push_back({known.event.span, true, "first said here"});
      d.help = "one event starts a workflow once: keep one of the two";
      return;
    }
    if (!one.event.empty()) out.starts_on.push_back(std::move(one));
  };
  const Node* node = fields.take("starts_on");
  if (node != nullptr && node->kind != Node::Kind::kList) start(*node);
  if (node != nullptr && node->kind == Node::Kind::kList) {
    for (const Node& item : node->items) start(item);
  }
}

WebhookDecl Reader::webhook(Fields& fields) {
  WebhookDecl out;
  route(fields.need("route"), out.method, out.path);
  if (const Node* node = fields.take("verify")) {
    Fields verify(*this, *node, "`verify`");
    const Name scheme = name(verify.need("scheme"));
    out.scheme = {scheme.text, scheme.span};
    for (const Node& item : list(verify.need("secrets"))) out.secrets.push_back(name(&item));
    out.tolerance = expr(verify.take("tolerance"));
    verify.done();
  }
  out.once_per = expr(fields.take("once_per"));
  if (const Node* steps = fields.take("steps")) out.body = block(steps, Where::kWebhook);
  return out;
}

}  // namespace yaml
}  // namespace belay::dsl
