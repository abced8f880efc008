// Whether the annealing moves to a new state (Eq. 9 to 12). A crash is never accepted; callers do not ask.
#pragma once

#include <algorithm>
#include <cmath>

namespace lehr {

// Eq. 9, 10, feasibility stage. A lower violation is accepted with certainty; an equal one when accept_equal
// (the paper refuses it: exp(0) = 1 would accept, so its rule is read as strict there); a higher one with
// exp(-(V' - V) / (T s_V)).
inline double accept_violation(double current, double proposed, double temperature, double unit,
                               bool accept_equal) {
  if (proposed < current) return 1.0;
  if (proposed == current) return accept_equal ? 1.0 : 0.0;
  return std::exp(-(proposed - current) / (temperature * unit));
}

// Eq. 11, 12, optimisation stage, scores to be maximised: infeasible never; better always; equal when
// accept_equal; worse with exp(-(f - f') / (T s_f)).
inline double accept_score(double current, double proposed, bool feasible, double temperature, double unit,
                           bool accept_equal) {
  if (!feasible) return 0.0;
  if (proposed > current) return 1.0;
  if (proposed == current) return accept_equal ? 1.0 : 0.0;
  return std::exp(-(current - proposed) / (temperature * unit));
}

// s_f = max(0.01, (f_max - f_min) / 2) over the feasible results so far.
inline double score_unit(double lowest, double highest) { return std::max(0.01, (highest - lowest) / 2.0); }

}  // namespace lehr
