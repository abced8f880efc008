// The kernel's count of processes that it killed for memory.
#pragma once

#include <cstdint>
#include <string>

namespace lehr::os {

// A counter to compare before and after a trial. Sums the machine's own counter and those of this process's
// memory cgroup, as far as they can be read; each only grows.
std::int64_t kernel_oom_kills();

// The number behind "key " at the start of a line of `text`; 0 when there is none.
std::int64_t counter_in(const std::string& text, const std::string& key);

}  // namespace lehr::os
