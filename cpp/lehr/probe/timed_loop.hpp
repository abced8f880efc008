// The timed loop: two readings of the clock around each call, and as little as possible between calls.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "lehr/base/os/clock.hpp"
#include "lehr/probe/judge.hpp"
#include "lehr/probe/warmup.hpp"

namespace lehr::probe {

// What a native callee is: `function(context)` is timed. It must not throw.
struct NativeCallee {
  void (*function)(void*) = nullptr;
  void* context = nullptr;
};

// While the host waits for a GPU, a callee may let go of what others could use (an interpreter's lock).
struct HoldsNothing {};

// `call()` is timed and returns false when measuring must stop; `settle()` follows outside the timed part.
// `tick(n)` comes every tick_ns or so, between calls, with the number of samples; false stops as well.
struct Loop {
  std::int64_t tick_ns = 20'000'000;

  template <class Call, class Tick>
  bool warm_up(Call& call, Tick&& tick, Warmup& warmup) const {
    std::int64_t next_tick = os::now_ns() + tick_ns;
    for (bool more = true; more;) {
      const std::int64_t before = os::now_ns();
      if (!call()) return false;
      const std::int64_t after = os::now_ns();
      call.settle();
      more = warmup.add(static_cast<double>(after - before) * 1e-6);
      if (after >= next_tick) {
        if (!tick(std::size_t{0})) return false;
        next_tick = os::now_ns() + tick_ns;
      }
    }
    return true;
  }

  template <class Call, class Tick>
  Ended measure(Call& call, Tick&& tick, Judge& judge, std::vector<double>& samples_ms) const {
    const std::int64_t begin = os::now_ns();
    std::int64_t next_tick = begin + tick_ns;
    // When to ask the judge though it be not for a next look: time may have run out, or be enough.
    const auto pause_after = [&](std::int64_t now) {
      const double seconds = judge.next_seconds(static_cast<double>(now - begin) * 1e-9);
      return std::min(next_tick,
                      seconds < 1e6 ? begin + static_cast<std::int64_t>(seconds * 1e9) : next_tick);
    };
    std::int64_t pause = pause_after(begin);
    std::size_t next_look = judge.next();
    for (;;) {
      const std::int64_t before = os::now_ns();
      if (!call()) return Ended::stopped;
      const std::int64_t after = os::now_ns();
      call.settle();
      samples_ms.push_back(static_cast<double>(after - before) * 1e-6);
      if (samples_ms.size() < next_look && after < pause) [[likely]]
        continue;

      const Ended ended = judge.after(samples_ms, static_cast<double>(after - begin) * 1e-9);
      next_look = judge.next();
      if (after >= next_tick) {
        if (!tick(samples_ms.size())) return Ended::stopped;
        next_tick = os::now_ns() + tick_ns;
      }
      if (after >= pause) pause = pause_after(after);
      if (ended != Ended::running) return ended;
    }
  }
};

}  // namespace lehr::probe
