// Seconds of the monotonic clock, which no administrator and no time server can step. The same clock as
// Python's time.monotonic, so that readings of a child can be compared with ours.
#pragma once

#include <ctime>

namespace lehr::supervise {

inline double now() noexcept {
  std::timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

}  // namespace lehr::supervise
