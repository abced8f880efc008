// The control groups that this process is in, as /proc names them.
#pragma once

#include <string>
#include <vector>

namespace lehr::os {

// One line of /proc/self/cgroup.
struct ControlGroup {
  std::string controllers;  // separated by commas; empty for the v2 tree
  std::string path;         // below the mount of its tree, without a slash at its end
};
std::vector<ControlGroup> own_control_groups();

// Where the v2 tree is mounted; empty when it is not.
std::string control_group_mount();

}  // namespace lehr::os
