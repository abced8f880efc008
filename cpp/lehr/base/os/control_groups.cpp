#include "lehr/base/os/control_groups.hpp"

#include <sstream>

#include "lehr/base/os/proc.hpp"

namespace lehr::os {

std::vector<ControlGroup> own_control_groups() {
  std::vector<ControlGroup> groups;
  std::istringstream entries(read_file("/proc/self/cgroup"));
  for (std::string entry; std::getline(entries, entry);) {  // hierarchy:controllers:path
    const auto first = entry.find(':');
    const auto second = entry.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    std::string path = entry.substr(second + 1);
    while (!path.empty() && path.back() == '/') path.pop_back();
    groups.push_back({entry.substr(first + 1, second - first - 1), std::move(path)});
  }
  return groups;
}

std::string control_group_mount() {
  std::istringstream mounts(read_file("/proc/self/mountinfo"));
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream words(line);
    std::string skipped, point;
    words >> skipped >> skipped >> skipped >> skipped >> point;
    if (line.find(" - cgroup2 ") != std::string::npos) return point;
  }
  return {};
}

}  // namespace lehr::os
