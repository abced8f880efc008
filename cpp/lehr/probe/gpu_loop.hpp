// The timed loop on a GPU: events before and after each call on its stream, several calls in flight, the host
// waiting only for the oldest of them.
#pragma once

#include <sched.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "lehr/base/os/clock.hpp"
#include "lehr/probe/gpu_objects.hpp"
#include "lehr/probe/gpu_unseen.hpp"
#include "lehr/probe/judge.hpp"
#include "lehr/probe/timed_loop.hpp"
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
  HoldsNothing while_waiting() const { return {}; }
};

class GpuLoop {
 public:
  // How many calls are in flight at most; 1 waits for each before the next one begins.
  GpuLoop(const GpuDriver& driver, GpuStream* stream, std::size_t in_flight, double patience_s)
      : driver_(driver),
        stream_(stream),
        events_(driver, in_flight),
        patience_ns_(static_cast<std::int64_t>(patience_s * 1e9)) {}

  // As Loop of timed_loop.hpp; both throw DeviceError, also when the GPU does not finish a call in time, and
  // the warm-up when the callee works elsewhere than on this stream. Each call of the warm-up is waited for
  // twice: by its events, and until the whole device has nothing left to do.
  template <class Call, class Tick>
  bool warm_up(Call& call, Tick& tick, Warmup& warmup) {
    Unseen unseen;
    if (!calibrate(call, tick, unseen)) return false;
    for (bool more = true; more;) {
      double ms = 0;
      if (!begin(call, 0) || !wait(call, 0, tick, ms)) return false;
      const double after = until_idle(call);
      call.settle();
      if (warmup.calls() > 0) unseen.add(ms, after);
      more = warmup.add(ms);
      // The bound on warm-up counts what events saw, which may be nothing.
      if (unseen.total_ms() > warmup.bounds().max_ms && !unseen.complaint().empty()) break;
    }
    if (const std::string why = unseen.complaint(); !why.empty()) throw DeviceError(why);
    return tick(std::size_t{0});
  }

  template <class Call, class Tick>
  Ended measure(Call& call, Tick& tick, Judge& judge, std::vector<double>& samples_ms) {
    const std::int64_t begun = os::now_ns();
    std::size_t issued = 0;
    double pause = judge.next_seconds(0);
    Ended ended = Ended::running;
    const Drain<Call> drain{*this, call, issued};
    const auto collect = [&]() {
      double ms = 0;
      if (!wait(call, samples_ms.size(), tick, ms)) return false;
      samples_ms.push_back(ms);
      return true;
    };
    while (ended == Ended::running) {
      if (!begin(call, issued)) return Ended::stopped;
      call.settle();
      ++issued;
      if (issued - samples_ms.size() < events_.pairs() && issued < judge.bounds().max_samples) continue;
      if (!collect()) return Ended::stopped;
      const double seconds = static_cast<double>(os::now_ns() - begun) * 1e-9;
      if (samples_ms.size() >= judge.next() || seconds >= pause) {
        ended = judge.after(samples_ms, seconds);
        pause = judge.next_seconds(seconds);
      }
      while (issued == judge.bounds().max_samples && ended == Ended::running) {
        if (!collect()) return Ended::stopped;
        ended = judge.after(samples_ms, static_cast<double>(os::now_ns() - begun) * 1e-9);
      }
    }
    // What is still in flight was paid for.
    while (samples_ms.size() < issued) {
      if (!collect()) return Ended::stopped;
    }
    return ended;
  }

 private:
  static constexpr std::int64_t tick_ns = 20'000'000;

  // However measuring ends, nothing of ours runs on when what it works on is given back.
  template <class Call>
  struct Drain {
    GpuLoop& loop;
    Call& call;
    const std::size_t& issued;
    ~Drain() {
      if (issued > 0 && !loop.driver_.given_up()) loop.finish(call, issued - 1);
    }
  };

  template <class Call>
  bool begin(Call& call, std::size_t number) {
    driver_.check(driver_.record(events_.start(number), stream_), "recording an event");
    if (!call()) return false;
    driver_.check(driver_.record(events_.stop(number), stream_), "recording an event");
    return true;
  }

  // What the driver itself takes to say that the device is idle.
  template <class Call, class Tick>
  bool calibrate(const Call& call, Tick& tick, Unseen& unseen) {
    for (int i = 0; i < Unseen::calibrations; ++i) {
      double ms = 0;
      driver_.check(driver_.record(events_.start(0), stream_), "recording an event");
      driver_.check(driver_.record(events_.stop(0), stream_), "recording an event");
      if (!wait(call, 0, tick, ms)) return false;
      unseen.add_empty(until_idle(call));
    }
    return true;
  }

  template <class Call>
  double until_idle(const Call& call) {
    [[maybe_unused]] const auto others = call.while_waiting();
    const std::int64_t begun = os::now_ns();
    driver_.check(driver_.synchronize(), "waiting for the GPU");
    return static_cast<double>(os::now_ns() - begun) * 1e-6;
  }

  // Waits for a call by asking again and again: a wait inside the driver could not be left. Ticks come by the
  // clock, however short the calls are.
  template <class Call, class Tick>
  bool wait(const Call& call, std::size_t number, Tick& tick, double& ms) {
    if (!done(number)) {
      [[maybe_unused]] const auto others = call.while_waiting();
      const std::int64_t started = os::now_ns();
      for (int asked = 0; !done(number); ++asked) {
        if (asked > 1000) sched_yield();
        const std::int64_t now = os::now_ns();
        if (now - started > patience_ns_) {
          driver_.give_up();
          throw DeviceError("the GPU did not finish a call within " +
                            std::to_string(patience_ns_ / 1'000'000'000) +
                            " s: it hangs, or max_seconds is too small for this callee");
        }
        if (!tick_if_due(now, tick, number)) return false;
      }
    }
    float elapsed = 0;
    driver_.check(driver_.elapsed(&elapsed, events_.start(number), events_.stop(number)), "reading an event");
    ms = static_cast<double>(elapsed);
    return tick_if_due(os::now_ns(), tick, number);
  }

  bool done(std::size_t number) {
    const int code = driver_.query(events_.stop(number));
    if (code != gpu_success && code != gpu_not_ready) driver_.check(code, "waiting for the GPU");
    return code == gpu_success;
  }

  template <class Tick>
  bool tick_if_due(std::int64_t now, Tick& tick, std::size_t number) {
    if (now < next_tick_) return true;
    const bool more = tick(number);
    next_tick_ = os::now_ns() + tick_ns;
    return more;
  }

  template <class Call>
  void finish(const Call& call, std::size_t last) noexcept {
    [[maybe_unused]] const auto others = call.while_waiting();
    const std::int64_t started = os::now_ns();
    while (driver_.query(events_.stop(last)) == gpu_not_ready) {
      sched_yield();
      if (os::now_ns() - started > patience_ns_) return driver_.give_up();
    }
  }

  const GpuDriver& driver_;
  GpuStream* stream_;
  GpuEvents events_;
  std::int64_t patience_ns_;
  std::int64_t next_tick_ = os::now_ns() + tick_ns;
};

}  // namespace lehr::probe
