// When is a callee warm? Not after a fixed count: when its latency has stopped falling and its spikes have
// stopped coming.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace lehr::probe {

struct WarmupBounds {
  std::size_t max_calls = 500;
  double max_ms = 200;
};

// The rule. The first call is always warm-up. From the twelfth call on, the last two thirds of all calls are
// cut into an earlier and a later window of equal length, again each time the count has grown by a third, so
// that windows grow with the series and a slow drift comes to fill them. Warm-up is over when
// - the later window's median is not lower than the earlier one's by more than 2 % and by more than twice
//   the standard error of the difference (from the median absolute deviations, 1.2533 sigma sqrt(2 / w) for
//   medians), a change-point test at one known point; and
// - no call of the later window took more than 5 times its median, unless as many of the earlier one did:
//   spikes that keep coming are how this callee is, not its start.
// Warm-up ends at its bounds in any case, and says so.
class Warmup {
 public:
  explicit Warmup(const WarmupBounds& bounds) : bounds_(bounds) {}

  // Adds a call's duration in milliseconds; whether warm-up goes on.
  bool add(double ms);
  const WarmupBounds& bounds() const noexcept { return bounds_; }
  std::size_t calls() const noexcept { return calls_.size(); }
  double total_ms() const noexcept { return total_ms_; }
  // "stable", "calls" or "time" (a bound), or "" while it lasts.
  std::string_view ended() const noexcept { return ended_; }

 private:
  bool stable() const;

  WarmupBounds bounds_;
  std::vector<double> calls_;
  double total_ms_ = 0;
  std::size_t next_ = 12;
  std::string_view ended_;
};

}  // namespace lehr::probe
