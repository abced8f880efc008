// Memory that a trial holds without having it mapped: files that live in memory (memfd, /dev/shm) and System
// V segments. No figure of a process counts a page of them that is not mapped, and they may outlive the
// trial.
//
// What is a trial's own: what was not there when it started, and is held by a process of its tree or was made
// by one. A file or segment that a process made, let go of and left between two looks is not seen; nor is
// what the kernel holds for sockets and pipes.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lehr/base/os/proc.hpp"

namespace lehr::os {

// A file in memory, by its identity.
struct MemoryFile {
  std::uint64_t device = 0, inode = 0;
  std::int64_t bytes = 0;
  std::string path;  // in /dev/shm; empty for one without a name
};

// Files in memory that a process holds open, through /proc/PID/fd.
std::vector<MemoryFile> open_memory_files(int pid);
// Files in /dev/shm with a name, and inodes of all files in memory and segments, that /proc/PID/maps shows.
std::vector<MemoryFile> mapped_memory_files(std::string_view maps, std::set<std::uint64_t>& inodes);

struct Segment {
  int id = 0, creator = 0, attached = 0;
  std::uint64_t owner = 0;  // user
  std::int64_t bytes = 0;   // resident
};

std::vector<Segment> parse_segments(std::string_view text);  // of /proc/sysvipc/shm
// Resident bytes (Pss) of mappings of these inodes in /proc/PID/smaps: what the sum over processes counts
// too.
std::int64_t parse_mapped(std::string_view smaps, const std::set<std::uint64_t>& inodes);

class SharedMemory {
 public:
  SharedMemory();  // remembers what is there already

  // Looks at a tree: every process of it that was ever seen, and those that live.
  void look(const std::vector<Process>& living, const std::vector<Process>& seen);
  // Bytes that the trial holds so and has not mapped: those are in the figures of its processes.
  double unmapped() const noexcept { return unmapped_; }
  // Removes what outlived the trial: names in /dev/shm that its processes made, and its segments. Returns how
  // many.
  std::size_t remove(const std::vector<Process>& seen);

 private:
  using Identity = std::pair<std::uint64_t, std::uint64_t>;
  std::set<Identity> files_before_;
  std::set<int> segments_before_;
  std::vector<MemoryFile> named_;  // ever seen, in /dev/shm
  double unmapped_ = 0;
};

}  // namespace lehr::os
