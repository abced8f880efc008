// The kernel's own word on processes that it killed for memory.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "lehr/supervise/descriptor.hpp"

namespace lehr::supervise {

// How many processes the kernel has killed for memory: a counter to compare before and after a trial. Sums
// the machine's own counter and those of this process's memory cgroup, as far as they can be read; each only
// grows.
std::int64_t kernel_oom_kills();

// The number behind "key " at the start of a line of `text`; 0 when there is none.
std::int64_t counter_in(const std::string& text, const std::string& key);

// The kernel's log from now on, where this process may read it.
class KernelLog {
 public:
  explicit KernelLog(const char* path = "/dev/kmsg");
  bool readable() const noexcept { return static_cast<bool>(log_); }
  // The record in which the kernel says that it killed process `pid` for memory, from the ones since the last
  // call.
  std::optional<std::string> kill_of(int pid);

 private:
  Descriptor log_;
};

// The text of a record of /dev/kmsg when it says that `pid` was killed for memory; the kernel's own fixed
// words.
std::optional<std::string> parse_oom_record(const std::string& record, int pid);

}  // namespace lehr::supervise
