// What a supervisor is told about a trial, and what it has seen of it. Judging is left to the Python layer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace lehr::supervise {

enum class KillCause { none, timeout, start, memory, lingered, channel, closed };
const char* name_of(KillCause cause) noexcept;

struct TrialLimits {
  std::optional<double> timeout_s;     // from the start of the evaluation
  std::optional<double> memory_bytes;  // of the whole tree
  double start_limit_s = 120.0;        // for loading the evaluation
  double grace_s = 0.0;                // between SIGTERM and SIGKILL at the deadline; 0: no SIGTERM
  double linger_s = 2.0;               // for going on after the result has arrived (atexit handlers)
  double abandon_s = 10.0;             // a process that survives SIGKILL so long hangs in the kernel
  std::size_t result_bytes = 16U << 20U;
};

// How a helper process ended, or why it is of no use any more.
struct Death {
  std::string how;        // empty: it is well
  int status = -1;        // its wait status, where known
  std::string last_line;  // of its log
};

struct HelperNews {
  int threads = 1;
  Death death;
};

struct Observed {
  bool begun = false;
  std::string begun_body;
  char record_kind = 0;  // of the trial's one record; 0 when no complete one arrived
  std::string record_body;
  bool record_late = false;  // one arrived, but was written after the deadline
  std::string bad_channel;   // why the result channel could not be read
  std::optional<int> status;
  KillCause killed = KillCause::none;
  bool terminated = false;  // SIGTERM was sent first
  Death helper_death;
  std::string failed;       // why no process could be made
  std::vector<int> left;    // processes that survived SIGKILL
  std::int64_t others = 0;  // further processes of the trial that were reaped
  std::int64_t kernel_oom_kills = 0;
  std::string kernel_log;  // what the kernel wrote about killing it
  double memory_peak = 0, memory_over = 0, memory_private = 0, memory_inherited = 0;  // bytes
  std::int64_t data = 0;
  std::size_t shared_removed = 0;  // files in /dev/shm and System V segments that it left
  std::vector<std::pair<double, double>> memory_mb;
  std::optional<std::int64_t> cgroup_peak;
  std::int64_t cgroup_oom_kills = 0;
  std::string out, err;
  std::uint64_t out_total = 0, err_total = 0;
  double seconds = 0;                    // of the evaluation
  std::optional<double> kill_to_gone_s;  // from our SIGKILL to the last process reaped
};

}  // namespace lehr::supervise
