// A memory limit that the kernel keeps: a leaf of the cgroup v2 tree for each trial, where the tree is
// delegated to us.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "lehr/base/os/descriptor.hpp"

namespace lehr::supervise {

// One trial's leaf. Made before its process, removed after it.
class Cgroup {
 public:
  ~Cgroup();
  Cgroup(const Cgroup&) = delete;
  Cgroup& operator=(const Cgroup&) = delete;

  // The child writes "0" to it and is inside, with everything that it starts.
  const os::Descriptor& procs() const noexcept { return procs_; }
  void kill() noexcept;                      // SIGKILL to all inside (Linux 5.14 or later)
  std::optional<std::int64_t> peak() const;  // memory.peak in bytes (Linux 5.19 or later)
  std::int64_t oom_kills() const;            // from memory.events

 private:
  friend class CgroupTree;
  Cgroup(std::string path, os::Descriptor procs) : path_(std::move(path)), procs_(std::move(procs)) {}

  std::string path_;
  os::Descriptor procs_;
};

// Where leaves can be made, or why none can.
class CgroupTree {
 public:
  // `asked`: a directory of a cgroup v2 tree, or empty to look at this process's own cgroup and the one above
  // it. `pretend` takes any directory for one (tests).
  explicit CgroupTree(const std::string& asked, bool pretend = false);

  bool usable() const noexcept { return !root_.empty(); }
  const std::string& root() const noexcept { return root_; }
  const std::string& why_not() const noexcept { return why_not_; }
  // A leaf with memory.max = `bytes`, no swap, and the whole of it killed when memory runs out; null, with
  // the reason in `why`, when the kernel refuses.
  std::unique_ptr<Cgroup> make(std::int64_t bytes, std::string& why) const;

 private:
  bool accepts(const std::string& directory);

  std::string root_, why_not_;
  bool pretend_;
};

}  // namespace lehr::supervise
