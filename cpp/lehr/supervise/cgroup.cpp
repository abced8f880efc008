#include "lehr/supervise/cgroup.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <charconv>
#include <sstream>
#include <vector>

#include "lehr/base/os/control_groups.hpp"
#include "lehr/base/os/oom_kills.hpp"
#include "lehr/base/os/proc.hpp"

namespace lehr::supervise {
namespace {

constexpr long cgroup2_magic = 0x63677270;

// O_CREAT creates nothing in a cgroup tree; it makes an ordinary directory do where one is pretended.
os::Descriptor open_to_write(const std::string& path) {
  return os::Descriptor(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

bool write_text(const std::string& path, const std::string& text) {
  const os::Descriptor file = open_to_write(path);
  return file && ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

bool has_word(const std::string& text, const std::string& wanted) {
  std::istringstream words(text);
  for (std::string word; words >> word;)
    if (word == wanted) return true;
  return false;
}

// This process's cgroup and the one above it, in the directory where the v2 tree is mounted.
std::vector<std::string> own_directories(std::string& why_not) {
  const std::string mount = os::control_group_mount();
  if (mount.empty()) {
    why_not = "cgroup v2 is not mounted";
    return {};
  }
  for (const os::ControlGroup& group : os::own_control_groups()) {
    if (!group.controllers.empty()) continue;
    const std::string path = mount + group.path;
    if (path == mount) return {path};
    return {path, path.substr(0, path.rfind('/'))};
  }
  why_not = "this process is in no cgroup of the v2 tree";
  return {};
}

}  // namespace

Cgroup::~Cgroup() {
  procs_.reset();
  ::rmdir(path_.c_str());
}

void Cgroup::kill() noexcept {
  try {
    write_text(path_ + "/cgroup.kill", "1");
  } catch (...) {  // no memory for the path: the signals that follow do the work
  }
}

std::optional<std::int64_t> Cgroup::peak() const {
  const std::string text = os::read_file(path_ + "/memory.peak");
  std::int64_t value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  return read.ec == std::errc() ? std::optional(value) : std::nullopt;
}

std::int64_t Cgroup::oom_kills() const {
  return os::counter_in(os::read_file(path_ + "/memory.events"), "oom_kill");
}

CgroupTree::CgroupTree(const std::string& asked, bool pretend) : pretend_(pretend) {
  const std::vector<std::string> candidates =
      asked.empty() ? own_directories(why_not_) : std::vector<std::string>{asked};
  for (const std::string& directory : candidates)
    if (accepts(directory)) {
      root_ = directory;
      why_not_.clear();
      return;
    }
}

bool CgroupTree::accepts(const std::string& directory) {
  if (pretend_) return true;
  struct statfs system{};
  if (::statfs(directory.c_str(), &system) != 0) {
    why_not_ = directory + ": " + os::error_text(errno);
  } else if (system.f_type != cgroup2_magic) {
    why_not_ = directory + " is no cgroup of the v2 tree";
  } else if (!has_word(os::read_file(directory + "/cgroup.subtree_control"), "memory")) {
    why_not_ = directory + " does not hand the memory controller on (cgroup.subtree_control)";
  } else if (::access(directory.c_str(), W_OK) != 0 ||
             ::access((directory + "/cgroup.procs").c_str(), W_OK) != 0) {
    why_not_ = directory + " is not delegated to this user";
  } else {
    return true;
  }
  return false;
}

std::unique_ptr<Cgroup> CgroupTree::make(std::int64_t bytes, std::string& why) const {
  static std::atomic<unsigned> count{0};
  const std::string path = root_ + "/lehr-" + std::to_string(::getpid()) + "-" + std::to_string(count++);
  if (::mkdir(path.c_str(), 0700) != 0) {
    why = path + ": " + os::error_text(errno);
    return nullptr;
  }
  std::unique_ptr<Cgroup> leaf(new Cgroup(path, open_to_write(path + "/cgroup.procs")));
  if (!leaf->procs_ || !write_text(path + "/memory.max", std::to_string(bytes))) {
    why = path + ": " + os::error_text(errno);
    return nullptr;
  }
  write_text(path + "/memory.swap.max", "0");  // absent without swap
  write_text(path + "/memory.oom.group", "1");
  return leaf;
}

}  // namespace lehr::supervise
