// Processes by boot, namespace, pid and start time, as /proc tells them. See postgres_owner.h.
#include "runtime/store/postgres_owner.h"

#include <unistd.h>

#include <fstream>
#include <sstream>
#include <vector>

namespace belay::runtime {
namespace {

std::string first_word(const std::string& path) {
  std::ifstream file(path);
  std::string word;
  file >> word;
  return word;
}

std::string pid_namespace() {
  char buffer[64];
  const ssize_t n = readlink("/proc/self/ns/pid", buffer, sizeof buffer);
  return n > 0 ? std::string(buffer, static_cast<std::size_t>(n)) : std::string();
}

// The start time (field 22) of a live process; empty when there is none or it is a zombie.
std::string start_time(const std::string& pid) {
  std::ifstream file("/proc/" + pid + "/stat");
  std::string line;
  if (!std::getline(file, line)) return {};
  const std::size_t end_of_name = line.rfind(')');  // a name may hold spaces and brackets
  if (end_of_name == std::string::npos) return {};
  std::istringstream rest(line.substr(end_of_name + 1));
  std::string field, state;
  rest >> state;
  if (state == "Z" || state == "X") return {};
  for (int i = 4; i <= 22; ++i) rest >> field;
  return field;
}

}  // namespace

std::string this_process() {
  const std::string boot = first_word("/proc/sys/kernel/random/boot_id");
  const std::string space = pid_namespace();
  const std::string pid = std::to_string(getpid());
  const std::string started = start_time(pid);
  if (boot.empty() || space.empty() || started.empty()) return {};
  return boot + "/" + space + "/" + pid + "/" + started;
}

bool is_dead_process(std::string_view process) {
  std::vector<std::string> parts;
  std::istringstream text{std::string(process)};
  for (std::string part; std::getline(text, part, '/');) parts.push_back(part);
  if (parts.size() != 4 || parts[2].empty()) return false;
  if (parts[0] != first_word("/proc/sys/kernel/random/boot_id") || parts[1] != pid_namespace())
    return false;
  return start_time(parts[2]) != parts[3];
}

}  // namespace belay::runtime
