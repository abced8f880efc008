// What /proc says about processes, and the only place that reads it. Everything here may be stale the moment
// it is read: a process that is gone reads as nothing, never as an error. `root` is where /proc lies: "", but
// for a made-up one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lehr::os {

// One process at one moment, in bytes.
struct Usage {
  std::int64_t anonymous = 0;  // resident: RssAnon + RssShmem
  std::int64_t peak = 0;       // VmHWM: resident, files included
  std::int64_t data = 0;       // VmData: what RLIMIT_DATA counts
};

// A process told apart from a later one with the same number, by the moment it started.
struct Process {
  int pid = 0;
  std::uint64_t started = 0;  // clock ticks since boot
  friend bool operator==(const Process&, const Process&) = default;
};

std::string read_file(const std::string& path, std::size_t limit = 1U << 20U);
std::optional<Usage> parse_status(std::string_view text);  // of /proc/PID/status; nothing for a zombie
std::optional<Usage> read_usage(int pid, const std::string& root = {});
// Sums of /proc/PID/smaps_rollup, which cost milliseconds: Pss_Anon + Pss_Shmem (pages shared by fork are
// divided among their users), and Private_Dirty (pages that nobody else has).
struct Rollup {
  std::int64_t proportional = 0;
  std::int64_t private_dirty = 0;
};
Rollup parse_rollup(std::string_view text);
Rollup read_rollup(int pid, const std::string& root = {});

std::optional<Process> identify(int pid, const std::string& root = {});
int parent_of(int pid, const std::string& root = {});  // 0 when it is gone
// The number that the process of a pidfd has here: whoever sent the descriptor may count in another
// namespace. 0 when it is gone.
int pid_of(int pidfd);
std::vector<int> threads_of(int pid, const std::string& root = {});
std::vector<int> children_of(int pid, const std::string& root = {});
std::vector<Process> descendants_of(int pid, const std::string& root = {});  // parents before children
// Living processes whose environment holds `entry`, as in "NAME=value".
std::vector<Process> processes_with(const std::string& entry);
// SIGKILL, to this process and no other, whatever happened to its number meanwhile, and as much haste as it
// takes. False when it is gone.
bool kill_process(const Process& process) noexcept;

}  // namespace lehr::os
