// The scale on which a quantity is modelled.
#pragma once

#include <span>

namespace lehr::guided {

// Linear; logarithmic, of negative values mirrored: -log(-value); or, for a score to be maximised whose bad
// values run far off, -log(top - y + softness), which keeps the order and shows the best values most finely.
struct Warp {
  enum class Kind { linear, logarithm, regret };
  Kind kind = Kind::linear;
  double top = 0.0;
  double softness = 1.0;
  double sign = 1.0;  // of the values that the logarithm is for

  double operator()(double value) const;
  // The logarithm of the scale's slope at a value: how densities on it compare with those on others, and what
  // an error of a value is worth on it (to first order).
  double log_slope(double value) const;
};

// The scale on which scores are not skewed: regret where they are skewed to the bad side, the logarithm where
// they are positive and skewed to the good one, linear where neither.
Warp unskewed(std::span<const double> values);

// Third standardised moment; 0 when all are equal.
double skewness(std::span<const double> values);

}  // namespace lehr::guided
