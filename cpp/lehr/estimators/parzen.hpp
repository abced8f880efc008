// The Parzen estimator of TPE: a mixture of product kernels, arrays in, arrays out, no trials and no space.
// Numbers follow Optuna 5 (multivariate, magic clip on, endpoints off, default weights).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "lehr/base/rng.hpp"
#include "lehr/estimators/weights.hpp"

namespace lehr {

// What the estimator must know of a dimension.
struct Dimension {
  std::size_t choices = 0;  // > 0: categorical with codes 0 .. choices - 1; the rest is then ignored
  double low = 0.0;         // numeric: inclusive bounds, in the raw scale
  double high = 0.0;
  bool log = false;
  double step = 0.0;  // 0: continuous; otherwise values low, low + step, ...
};

// A kernel per observation and one for the prior (last). An observation may lack dimensions (NaN: the
// variable was not active): its kernel then has the prior's factor there, so that variables of different
// branches still share one joint density.
class ParzenEstimator {
 public:
  ParzenEstimator() = default;

  // observations: row-major, n x dimensions.size(), legal values. Reuses its buffers: no allocation once
  // warm. Throws OptionError when prior_weight is negative or not finite.
  void fit(std::span<const Dimension> dimensions, std::span<const double> observations, std::size_t n,
           double prior_weight = 1.0);

  std::size_t kernels() const noexcept { return kernels_; }  // n + 1, or 1 when n = 0

  // points: row-major, count x dimensions; NaN dimensions are left out of the product. out: count log
  // densities. For logarithmic dimensions the density is that of the logarithm, for discrete ones it is a
  // probability. -inf outside the bounds of a continuous dimension. Uses scratch space of the object: one
  // caller at a time.
  void log_pdf(std::span<const double> points, std::size_t count, std::span<double> out) const;

  // For a caller that walks a hierarchy: pick a kernel, then draw the dimensions that turn out active.
  std::size_t sample_kernel(Rng& rng) const;
  double sample_dimension(std::size_t kernel, std::size_t dimension, Rng& rng) const;

 private:
  // One dimension of all kernels. Numeric positions are on the transformed domain scaled to [0, 1].
  struct Column {
    Dimension dimension;  // high is the last legal value
    double half_origin =
        0.0;  // transformed lower end, half a step below the lowest value where discrete; halved,
    double half_extent = 0.5;  // and so is upper end less lower end: their difference cannot overflow
    double log_unit = 0.0;  // what every kernel's log density gets: log sqrt(2 pi) and the scaling, negated
    double penalty = 0.0;   // categorical: log of another choice's probability over the observed one's
    double other = 0.0;     // categorical: probability of each choice that was not observed
    std::vector<double> codes;   // categorical: observed code per kernel, NaN for the prior's
    std::vector<double> factor;  // per kernel: normaliser, by which the kernel's weight is multiplied
    // Numeric, per component. Continuous: component k is kernel k. Discrete: kernels of equal mean and
    // bandwidth share a component, and `component` says which.
    std::vector<double> mean, inverse, lower_tail, mass;
    std::vector<std::uint32_t> component;
    std::size_t components = 0;

    void prepare(const Dimension& given);
    bool point() const { return half_extent == 0.0; }  // continuous with a single value: nothing to say
    bool contains(double value) const;
    bool categorical() const { return dimension.choices > 0; }
    bool discrete() const { return dimension.step > 0.0; }
    double position(double value) const;  // of a raw value
    double raw(double at) const;          // of a position; legal
    double edge(double value) const;      // position of a bin's boundary
  };

  void fit_categorical(Column& column, std::size_t d, std::span<const double> observations,
                       double prior_weight);
  void fit_numeric(Column& column, std::size_t d, std::span<const double> observations);
  void start_terms(std::span<const double> points, std::size_t count) const;
  void add_categorical(std::size_t d, std::span<const double> points, std::size_t count) const;
  void add_continuous(std::size_t d, std::span<const double> points, std::size_t count) const;
  void add_discrete(std::size_t d, std::span<const double> points, std::size_t count) const;

  std::size_t kernels_ = 0;
  std::size_t stride_ = 0;  // kernels_ rounded up to whole blocks
  std::vector<Column> columns_;
  std::vector<double> weights_;     // normalised
  std::vector<double> cumulative_;  // running sums of weights_
  // Scratch of fit.
  std::vector<std::pair<double, std::uint32_t>> order_;
  std::vector<double> sorted_, widths_;
  // Scratch of log_pdf.
  mutable std::vector<double> terms_, row_, masses_;
  mutable std::vector<std::pair<double, std::uint32_t>> values_;
};

}  // namespace lehr
