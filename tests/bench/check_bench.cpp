// How long a workspace takes to check: makes one of N workflows (100 lines each, half of them in
// YAML when asked) from a booking saga, checks it as `belay check` does, and prints one line of
// JSON: lines, seconds, cpu_seconds (of all threads), peak_rss_mb; then, as `belay lsp` does it,
// editor_seconds for everything and edit_seconds after an edit of one file (the middle of nine).
//   check_bench [workflows=1000] [text|yaml|both]
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "dsl/compile.h"
#include "dsl/read.h"
#include "dsl/symbols.h"

namespace fs = std::filesystem;

namespace {

const char* const kWorld = R"(belay 1

type Customer
  id     uuid
  email  email

event payment.authorised, version 1, key booking
  booking  uuid
  amount   money

event booking.confirmed, version 1, key booking
  booking       uuid
  confirmed_at  timestamp

connector stripe
  base "https://api.stripe.com"

retry plan careful: 5 tries in all, first wait 1 second, doubling, at most 1 minute, random spread
)";

// One workflow with the actions it uses: 100 lines.
std::string family(int n) {
  const std::string f = "shop" + std::to_string(n);
  return "belay 1\n\naction " + f + R"(.hold
  reserves
  takes
    resource   uuid
    from_time  timestamp
    keep_for   duration
  gives
    id  uuid = body.id
  repeating is safe
  call stripe, POST "/hold"
    resource = resource
  if status is 409, )" +
         f + R"(.slot_taken

action )" +
         f + R"(.release
  records
  takes
    hold  uuid
  repeating is safe
  harmless if nothing was done
  call stripe, POST "/release/{hold}"

action )" +
         f + R"(.capture "Take the money"
  moves money
  takes
    booking  uuid
    amount   money
  gives
    charge  text = body.latest_charge
  repeating is safe
  call stripe, POST "/capture/{booking}"
    amount = amount.minor
  if status is 402, )" +
         f + R"(.card_declined

action )" +
         f + R"(.refund
  moves money
  takes
    charge  text
  repeating is safe
  call stripe, POST "/refund"
    charge = charge

workflow )" +
         f + R"(_booking "Confirm a booking", version 1
  takes
    booking    uuid
    resource   uuid
    customer   Customer
    starts_at  timestamp
    price      money
  gives
    charge = capture.charge
  once per booking
  finish within 30 minutes
  if an undo fails, keep trying for 1 day, then hand to booking_ops

  # The slot is held first, so that nobody pays for what is gone.
  step hold "Hold the slot"
    do )" +
         f + R"(.hold
      resource  = resource
      from_time = starts_at
      keep_for  = 40 minutes
    undo with )" +
         f + R"(.release
      hold = hold.id
    if )" +
         f + R"(.slot_taken, cancel because "The slot is gone"

  wait paid "The customer pays"
    for payment.authorised, key booking
    within 15 minutes, otherwise cancel because "The customer did not pay in time"

  when paid.amount is not price
    cancel because "The amount does not match"
  or when price is more than EUR 1000.00 and customer.email.endsWith("@example.com")
    set note = "large: " + string(booking)
  otherwise
    set note = "usual"

  step capture "Take the money"
    do )" +
         f + R"(.capture
      booking = booking
      amount  = price
    retry careful
    undo with )" +
         f + R"(.refund
      charge = capture.charge
    if )" +
         f + R"(.card_declined, cancel because "Card declined"

  step again "Hold it once more"
    do )" +
         f + R"(.hold
      resource  = resource
      from_time = starts_at
      keep_for  = 10 minutes
    undo with )" +
         f + R"(.release
      hold = again.id
    if )" +
         f + R"(.slot_taken, cancel because "The slot is gone"

  point of no return

  publish booking.confirmed, key booking
    confirmed_at = starts_at
)";
}

double cpu_seconds() {
  rusage use{};
  getrusage(RUSAGE_SELF, &use);
  const auto of = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return of(use.ru_utime) + of(use.ru_stime);
}

double peak_mb() {
  rusage use{};
  getrusage(RUSAGE_SELF, &use);
  return static_cast<double>(use.ru_maxrss) / 1024.0;
}

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

struct Editing {
  double whole = 0, edit = 0;  // seconds
};
Editing edit_one(const std::string& dir) {
  std::map<std::string, std::string> files = belay::dsl::read_definitions(dir);
  Editing out;
  auto begin = std::chrono::steady_clock::now();
  belay::dsl::EditorCompilation compiled = belay::dsl::compile_for_editor(files);
  out.whole = seconds_since(begin);
  std::string& edited = files.begin()->second;
  std::vector<double> took;
  for (int i = 0; i < 9; ++i) {
    edited += "# an edit\n";
    begin = std::chrono::steady_clock::now();
    belay::dsl::compile_again(compiled, files);
    took.push_back(seconds_since(begin));
  }
  std::sort(took.begin(), took.end());
  out.edit = took[took.size() / 2];
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  const int count = argc > 1 ? std::atoi(argv[1]) : 1000;
  const std::string form = argc > 2 ? argv[2] : "text";
  const fs::path dir =
      fs::temp_directory_path() / ("belay_check_bench_" + std::to_string(::getpid()));
  fs::create_directories(dir);
  std::ofstream(dir / "world.belay") << kWorld;
  for (int n = 0; n < count; ++n) {
    const std::string text = family(n);
    if (form == "yaml" || (form == "both" && n % 2 == 1)) {
      belay::dsl::Sources sources;
      belay::dsl::Diagnostics diagnostics;
      sources.add("f.belay", text);
      std::ofstream(dir / ("f" + std::to_string(n) + ".yaml"))
          << belay::dsl::print_yaml(belay::dsl::read_text(sources, 0, diagnostics));
    } else {
      std::ofstream(dir / ("f" + std::to_string(n) + ".belay")) << text;
    }
  }
  const double cpu = cpu_seconds();
  const auto begin = std::chrono::steady_clock::now();
  const belay::dsl::Compilation c = belay::dsl::compile_workspace(dir.string());
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  const double worked = cpu_seconds() - cpu, peak = peak_mb();
  std::size_t lines = 0;
  for (std::uint32_t i = 0; i < c.sources.size(); ++i)
    lines += c.sources.file(i).line_starts.size();
  const Editing editing = edit_one(dir.string());
  fs::remove_all(dir);
  if (!c.diagnostics.all().empty()) {
    std::fputs(belay::dsl::render_text(c.diagnostics, c.sources, false).substr(0, 4000).c_str(),
               stderr);
    return 1;
  }
  std::printf(
      "{\"form\":\"%s\",\"workflows\":%zu,\"lines\":%zu,\"seconds\":%.3f,\"cpu_seconds\":%.3f,"
      "\"peak_rss_mb\":%.1f,"
      "\"editor_seconds\":%.3f,\"edit_seconds\":%.4f}\n",
      form.c_str(), c.program.graphs.size(), lines, took.count(), worked, peak, editing.whole,
      editing.edit);
  return 0;
}
