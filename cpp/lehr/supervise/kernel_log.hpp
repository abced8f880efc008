// What the kernel's log says about processes that it killed for memory.
#pragma once

#include <optional>
#include <string>

#include "lehr/base/os/descriptor.hpp"

namespace lehr::supervise {

// The kernel's log from now on, where this process may read it.
class KernelLog {
 public:
  explicit KernelLog(const char* path = "/dev/kmsg");
  // The record in which the kernel says that it killed process `pid` for memory, from the ones since the last
  // call.
  std::optional<std::string> kill_of(int pid);

 private:
  os::Descriptor log_;
};

// The text of a record of /dev/kmsg when it says that `pid` was killed for memory; the kernel's own fixed
// words.
std::optional<std::string> parse_oom_record(const std::string& record, int pid);

}  // namespace lehr::supervise
