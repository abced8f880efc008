// The clock that everything here is timed by: monotonic, never stepped, read without a system call.
#pragma once

#include <chrono>
#include <cstdint>

namespace lehr::probe {

// Nanoseconds since some fixed point.
inline std::int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace lehr::probe
