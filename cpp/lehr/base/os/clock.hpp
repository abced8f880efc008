// The monotonic clock, which no administrator and no time server can step; read without a system call. The
// same clock as Python's time.monotonic, so that readings of a child can be compared with ours.
#pragma once

#include <cstdint>
#include <ctime>

namespace lehr::os {

// Nanoseconds since some fixed point.
inline std::int64_t now_ns() noexcept {
  std::timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

// The same in seconds.
inline double now() noexcept { return static_cast<double>(now_ns()) / 1e9; }

}  // namespace lehr::os
