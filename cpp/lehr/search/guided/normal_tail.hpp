// Moments and expectations of normal distributions that the guided search needs.
#pragma once

namespace lehr::guided {

struct Tail {
  double mean;
  double variance;
};

// Of a normal variable given that it is at least `bound`.
Tail upper_tail_moments(double mean, double deviation, double bound);

// log E[max(0, Y - best)], Y normal: the logarithm of the expected improvement, exact far into the tail
// (Ament et al., "Unexpected improvements to expected improvement for Bayesian optimization", 2023).
double log_expected_improvement(double mean, double deviation, double best);

}  // namespace lehr::guided
