// Answers for people. See report.h.
#include "runtime/cli/report.h"

#include <unistd.h>

#include <cstdio>
#include <iostream>

#include "runtime/cli/commands.h"

namespace belay::runtime::cli {

using interpreter::Value;

namespace {

void line(const char* label, const std::string& text) {
  if (!text.empty()) std::printf("  %-11s %s\n", label, text.c_str());
}

std::string moment(const Value& saga, const char* member, std::int64_t now) {
  const std::string text = text_of(saga, member);
  return text.empty() ? "" : relative(instant_us(text), now) + "  (" + text + ")";
}

std::string phase_words(std::string phase) {
  for (char& c : phase) c = c == '_' ? ' ' : c;
  return phase;
}

// What matters of a step beside its phase: why it is held, when it is tried again, what went wrong,
// its key.
std::string step_note(const Value& step, std::int64_t now) {
  std::string note;
  const auto add = [&](const std::string& text) {
    if (!text.empty()) note += (note.empty() ? "" : "; ") + text;
  };
  const bool waits = text_of(step, "phase") == "waiting";
  for (const Value& call : list_of(step, "calls")) {
    const std::string phase = text_of(call, "phase");
    if (const Value* held = call.find("held")) add(text_of(*held, "words"));
    if (phase == "retrying") add("again " + relative(instant_us(text_of(call, "due")), now));
    if (const Value* failure = call.find("failure"); failure != nullptr && phase != "succeeded") {
      const std::string message = text_of(*failure, "message");
      add(text_of(*failure, "error") + (message.empty() ? "" : ": " + message));
    }
    if (phase == "held" || phase == "settling") add("key " + text_of(call, "key"));
  }
  if (waits && !text_of(step, "event").empty())
    add("for " + text_of(step, "event") + ", key " + text_of(step, "key"));
  for (const char* member : {"limit", "until"}) {
    if (waits && !text_of(step, member).empty())
      add("until " + relative(instant_us(text_of(step, member)), now));
  }
  if (text_of(step, "effect") == "left_over") add("left over: " + text_of(step, "left_because"));
  return harmless(note);
}

void print_steps(const Value& saga, const Terminal& terminal, std::int64_t now) {
  std::vector<std::vector<Cell>> rows;
  for (const Value& step : list_of(saga, "steps")) {
    const std::string phase = text_of(step, "phase");
    const auto [symbol, colour] = symbol_of_phase(phase);
    const std::int64_t tries = number_of(step, "tries");
    rows.push_back({Cell(std::string("  ") + symbol, colour), harmless(text_of(step, "path")),
                    Cell(phase_words(phase), colour),
                    tries > 1 ? std::to_string(tries) + " tries" : "",
                    Cell(harmless(text_of(step, "title")), Colour::kDim), step_note(step, now)});
  }
  if (rows.empty()) return;
  std::fputs(table(terminal, {"", "STEP", "PHASE", "", "", ""}, rows, 40).c_str(), stdout);
}

void print_list(const char* title, const Value& preview, const char* member,
                const Terminal& terminal, Colour colour) {
  for (const Value& item : list_of(preview, member)) {
    if (item.kind() != Value::Kind::kString) continue;
    std::printf("  %-8s %s\n", terminal.paint(colour, title).c_str(),
                harmless(item.as_string()).c_str());
  }
}

}  // namespace

int report(const runtime::Failure& failure) {
  std::fprintf(stderr, "belay: %s\n", failure.message.c_str());
  if (!failure.hint.empty()) std::fprintf(stderr, "help: %s\n", failure.hint.c_str());
  const bool server = failure.code == runtime::ErrorCode::kUnavailable ||
                      failure.code == runtime::ErrorCode::kInDoubt;
  return server ? kNoServer : kRefused;
}

int report(const ApiAnswer& problem, bool json) {
  if (json) std::fputs(problem.body.c_str(), stdout);
  std::fputs(problem_text(problem).c_str(), stderr);
  return kRefused;
}

int print_json(const ApiAnswer& answer) {
  std::fwrite(answer.body.data(), 1, answer.body.size(), stdout);
  return kDone;
}

void print_saga(const Value& saga, const Terminal& terminal) {
  const std::int64_t now = wall_clock_us();
  const std::string health = text_of(saga, "health");
  std::printf("%s  %s\n",
              terminal.paint(Colour::kBold, harmless(text_of(saga, "workflow"))).c_str(),
              text_of(saga, "id").c_str());
  const std::string title = harmless(text_of(saga, "title"));
  line("title", title);
  line("status", text_of(saga, "status") + (bool_of(saga, "paused") ? ", paused" : "") +
                     (bool_of(saga, "past_no_return") ? ", past the point of no return" : ""));
  const std::string since = relative(instant_us(text_of(saga, "since")), now);
  line("health", terminal.paint(colour_of_health(health), phase_words(health)) +
                     (since.empty() ? "" : ", since " + since));
  line("waiting on", harmless(text_of(saga, "waiting_on")));
  line("failure", harmless(text_of(saga, "failure")));
  line("note", harmless(text_of(saga, "note")));
  line("because", harmless(text_of(saga, "because")));
  line("problem", harmless(text_of(saga, "problem")));
  line("key", harmless(text_of(saga, "key")));
  line("started", moment(saga, "created_at", now));
  line("deadline", moment(saga, "deadline", now));
  line("ended", moment(saga, "ended_at", now));
  std::printf("\n");
  print_steps(saga, terminal, now);
  if (const auto& left = list_of(saga, "left_over"); !left.empty()) {
    std::printf("\n%s\n", terminal.paint(Colour::kRed, "left over").c_str());
    for (const Value& item : left) {
      std::printf("  %s: %s\n", harmless(text_of(item, "what")).c_str(),
                  harmless(text_of(item, "why")).c_str());
    }
  }
  if (const auto& acts = list_of(saga, "allowed_actions"); !acts.empty()) {
    std::printf("\n%s\n", terminal.paint(Colour::kDim, "you may").c_str());
    for (const Value& act : acts) {
      const std::string path = text_of(act, "path"), direction = text_of(act, "direction"),
                        name = text_of(act, "act");
      std::printf(
          "  belay %s %s%s%s%s --reason …\n", name.c_str(), text_of(saga, "id").c_str(),
          path.empty() ? "" : (" " + path).c_str(),
          direction.empty() || direction == "do" ? "" : (" --direction " + direction).c_str(),
          name == "resolve" ? " --happened yes|no --evidence …" : "");
    }
  }
}

void print_timeline(const Value& page, const Terminal& terminal, std::int64_t& begun) {
  if (begun == 0) {
    std::printf("%s  %s  %s\n",
                terminal.paint(Colour::kBold, harmless(text_of(page, "workflow"))).c_str(),
                text_of(page, "id").c_str(), text_of(page, "status").c_str());
  }
  for (const Value& entry : list_of(page, "entries")) {
    const std::int64_t at = instant_us(text_of(entry, "at"));
    if (begun == 0) {
      begun = at;
      std::printf("%s\n", terminal.paint(Colour::kDim, "from " + text_of(entry, "at")).c_str());
    }
    const auto [symbol, colour] = symbol_of_mark(text_of(entry, "mark"));
    std::string text = harmless(text_of(entry, "text"));
    const std::string actor = text_of(entry, "actor"), reason = text_of(entry, "reason");
    if (!actor.empty())
      text += " (" + harmless(actor) + (reason.empty() ? "" : ": " + harmless(reason)) + ")";
    std::printf(
        "%s %s %s %s\n",
        terminal.paint(Colour::kDim, padded(std::to_string(number_of(entry, "seq")), 4)).c_str(),
        padded(offset(at - begun), 10).c_str(), terminal.paint(colour, symbol).c_str(),
        text.c_str());
    for (const Value& follow : list_of(entry, "follows")) {
      if (follow.kind() != Value::Kind::kString) continue;
      std::printf("%18s%s\n", "",
                  terminal.paint(Colour::kDim, "→ " + harmless(follow.as_string())).c_str());
    }
  }
}

void print_preview(const Value& preview, const Terminal& terminal) {
  print_list("loses", preview, "loses", terminal, Colour::kRed);
  print_list("repeats", preview, "repeats", terminal, Colour::kYellow);
  print_list("keeps", preview, "keeps", terminal, Colour::kGreen);
  print_list("undoes", preview, "undoes", terminal, Colour::kCyan);
  print_list("leaves", preview, "leaves", terminal, Colour::kRed);
  const std::string next = text_of(preview, "next");
  if (!next.empty()) std::printf("  %-8s %s\n", "next", harmless(next).c_str());
}

std::optional<int> not_confirmed(bool yes, const std::string& question) {
  if (yes) return std::nullopt;
  if (isatty(STDIN_FILENO) != 1) {
    std::fprintf(stderr, "belay: nothing was done: nobody is there to ask\nhelp: add --yes\n");
    return kUsage;
  }
  std::printf("%s? [y/N] ", harmless(question).c_str());
  std::fflush(stdout);
  std::string answer;
  if (std::getline(std::cin, answer) && (answer == "y" || answer == "Y" || answer == "yes"))
    return std::nullopt;
  std::printf("nothing was done\n");
  return kRefused;
}

bool is_at_rest(const Value& saga) {
  const std::string status = text_of(saga, "status"), health = text_of(saga, "health");
  return status == "completed" || status == "compensated" || health == "held" ||
         health == "unknown_outcome" || health == "undo_failed" || health == "paused" ||
         health == "quarantined";
}

}  // namespace belay::runtime::cli
