// What changes over the course of the annealing: how far along it is, and the rules that depend on it.
#pragma once

#include <algorithm>
#include <cstddef>

namespace lehr {

// The number of trials B the schedules count against. The paper uses the budget, so that 10 trials and then
// 15 more are not the same search as 25. The default is the doubling trick for an unknown end: 25, then 50,
// 100, ... trials, the first that n has not reached. A search is then the same whatever its budget.
inline double doubling_horizon(std::size_t n) {
  double horizon = 25.0;
  while (static_cast<double>(n) >= horizon) horizon *= 2.0;
  return horizon;
}

// Eq. 13: the probability of a structural move, p_s(n) = 0.5 - 0.35 (n - n_init) / (B - n_init), within
// [0.15, 0.5].
inline double structural_probability(double n, double n_init, double horizon, bool adaptive = true) {
  if (!adaptive) return 0.5;
  if (horizon <= n_init) return 0.5;
  return 0.5 - 0.35 * std::clamp((n - n_init) / (horizon - n_init), 0.0, 1.0);
}

// Elite restart: every 12 trials while n < 0.7 B, propose in the neighbourhood of the 2nd or 3rd best
// feasible result.
struct EliteRestart {
  std::size_t period = 12;  // 0: never
  double until = 0.7;       // of the horizon
  bool due(std::size_t n, double horizon) const {
    return period > 0 && n > 0 && n % period == 0 && static_cast<double>(n) < until * horizon;
  }
};

// Snap-back: after accepting a worse feasible state, return to the best with probability 0.4 (1 - n / B).
inline double snap_back_probability(double n, double horizon, double weight = 0.4) {
  return weight * std::clamp(1.0 - n / horizon, 0.0, 1.0);
}

}  // namespace lehr
