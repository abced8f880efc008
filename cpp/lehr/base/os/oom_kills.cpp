#include "lehr/base/os/oom_kills.hpp"

#include <charconv>
#include <sstream>

#include "lehr/base/os/control_groups.hpp"
#include "lehr/base/os/proc.hpp"

namespace lehr::os {
namespace {

bool has_memory(const std::string& controllers) {
  std::istringstream names(controllers);
  for (std::string name; std::getline(names, name, ',');)
    if (name == "memory") return true;
  return false;
}

}  // namespace

std::int64_t counter_in(const std::string& text, const std::string& key) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.compare(0, key.size(), key) != 0 || line.size() <= key.size() || line[key.size()] != ' ')
      continue;
    std::int64_t value = 0;
    std::from_chars(line.data() + key.size() + 1, line.data() + line.size(), value);
    return value;
  }
  return 0;
}

std::int64_t kernel_oom_kills() {
  std::int64_t total = counter_in(read_file("/proc/vmstat"), "oom_kill");
  for (const ControlGroup& group : own_control_groups()) {
    if (group.controllers.empty())
      total += counter_in(read_file("/sys/fs/cgroup" + group.path + "/memory.events"), "oom_kill");
    else if (has_memory(group.controllers))
      total +=
          counter_in(read_file("/sys/fs/cgroup/memory" + group.path + "/memory.oom_control"), "oom_kill");
  }
  return total;
}

}  // namespace lehr::os
