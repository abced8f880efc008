// The timed loop on a GPU: events before and after each call on its stream, several calls in flight, the host
// waiting only for the oldest of them.
#pragma once

#include <sched.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "lehr/probe/clock.hpp"
#include "lehr/probe/gpu_objects.hpp"
#include "lehr/probe/judge.hpp"
#include "lehr/probe/warmup.hpp"

namespace lehr::probe {

// Launches a captured graph.
struct ReplayCall {
  const GpuDriver& driver;
  const GpuReplay& replay;
  GpuStream* stream;

  bool operator()() const {
    driver.check(replay.launch(stream), "replaying the captured callee");
    return true;
  }
  void settle() const {}
};

class GpuLoop {
 public:
  // How many calls are in flight at most; 1 waits for each before the next one begins.
  GpuLoop(const GpuDriver& driver, GpuStream* stream, std::size_t in_flight, double patience_s)
      : driver_(driver),
        stream_(stream),
        events_(driver, in_flight),
        patience_ns_(static_cast<std::int64_t>(patience_s * 1e9)) {}

  // As Loop of timed_loop.hpp; both throw DeviceError, also when the GPU does not finish a call in time.
  template <class Call, class Tick>
  bool warm_up(Call& call, Tick& tick, Warmup& warmup) {
    for (bool more = true; more;) {
      double ms = 0;
      if (!begin(call, 0) || !wait(0, tick, ms)) return false;
      more = warmup.add(ms);
    }
    return true;
  }

  template <class Call, class Tick>
  Ended measure(Call& call, Tick& tick, Judge& judge, std::vector<double>& samples_ms) {
    const std::int64_t begun = now_ns();
    std::size_t issued = 0;
    double pause = judge.next_seconds(0);
    Ended ended = Ended::running;
    const auto collect = [&]() {
      double ms = 0;
      if (!wait(samples_ms.size(), tick, ms)) return false;
      samples_ms.push_back(ms);
      return true;
    };
    while (ended == Ended::running) {
      if (!begin(call, issued)) return Ended::stopped;
      ++issued;
      if (issued - samples_ms.size() < events_.pairs() && issued < judge.bounds().max_samples) continue;
      if (!collect()) return Ended::stopped;
      const double seconds = static_cast<double>(now_ns() - begun) * 1e-9;
      if (samples_ms.size() >= judge.next() || seconds >= pause) {
        ended = judge.after(samples_ms, seconds);
        pause = judge.next_seconds(seconds);
      }
      while (issued == judge.bounds().max_samples && ended == Ended::running) {
        if (!collect()) return Ended::stopped;
        ended = judge.after(samples_ms, static_cast<double>(now_ns() - begun) * 1e-9);
      }
    }
    // What is still in flight was paid for: wait for it, so that nothing of ours runs on when we return.
    while (samples_ms.size() < issued) {
      if (!collect()) return Ended::stopped;
    }
    return ended;
  }

 private:
  template <class Call>
  bool begin(Call& call, std::size_t number) {
    driver_.check(driver_.record(events_.start(number), stream_), "recording an event");
    if (!call()) return false;
    driver_.check(driver_.record(events_.stop(number), stream_), "recording an event");
    call.settle();
    return true;
  }

  // Waits for a call by asking again and again: a wait inside the driver could not be left.
  template <class Tick>
  bool wait(std::size_t number, Tick& tick, double& ms) {
    const std::int64_t started = now_ns();
    std::int64_t next_tick = started + 20'000'000;
    for (int asked = 0;; ++asked) {
      const int code = driver_.query(events_.stop(number));
      if (code == gpu_success) break;
      if (code != gpu_not_ready) driver_.check(code, "waiting for the GPU");
      if (asked > 1000) sched_yield();
      const std::int64_t now = now_ns();
      if (now - started > patience_ns_) {
        throw DeviceError("the GPU did not finish a call within " +
                          std::to_string(patience_ns_ / 1'000'000'000) +
                          " s: it hangs, or max_seconds is too small for this callee");
      }
      if (now >= next_tick) {
        if (!tick(number)) return false;
        next_tick = now + 20'000'000;
      }
    }
    float elapsed = 0;
    driver_.check(driver_.elapsed(&elapsed, events_.start(number), events_.stop(number)), "reading an event");
    ms = static_cast<double>(elapsed);
    return true;
  }

  const GpuDriver& driver_;
  GpuStream* stream_;
  GpuEvents events_;
  std::int64_t patience_ns_;
};

}  // namespace lehr::probe
