// The Parzen estimator of TPE: a mixture of product kernels, arrays in, arrays out, no trials and no space.
// Numbers follow Optuna 5 (multivariate, magic clip on, endpoints off, default weights).
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "lehr/base/rng.hpp"

namespace lehr {

// What the estimator must know of a dimension.
struct Dimension {
  std::size_t choices = 0;  // > 0: categorical with codes 0 .. choices - 1; the rest is then ignored
  double low = 0.0;         // numeric: inclusive bounds, in the raw scale
  double high = 0.0;
  bool log = false;
  double step = 0.0;  // 0: continuous; otherwise values low, low + step, ...
};

// Weights of n observations in the order they came: flat for the last 25, a linear ramp from 1/n before (Optuna's
// default_weights).
std::vector<double> recency_weights(std::size_t n);

// A kernel per observation and one for the prior (last). An observation may lack dimensions (NaN: the variable was not
// active): its kernel then has the prior's factor there, so that variables of different branches still share one joint
// density.
class ParzenEstimator {
 public:
  ParzenEstimator() = default;

  // observations: row-major, n x dimensions.size(). Reuses its buffers: no allocation once warm.
  void fit(std::span<const Dimension> dimensions, std::span<const double> observations, std::size_t n,
           double prior_weight = 1.0);

  std::size_t kernels() const noexcept;  // n + 1, or 1 when n = 0

  // points: row-major, count x dimensions; NaN dimensions are left out of the product. out: count log densities.
  void log_pdf(std::span<const double> points, std::size_t count, std::span<double> out) const;

  // For a caller that walks a hierarchy: pick a kernel, then draw the dimensions that turn out active.
  std::size_t sample_kernel(Rng& rng) const;
  double sample_dimension(std::size_t kernel, std::size_t dimension, Rng& rng) const;
};

}  // namespace lehr
