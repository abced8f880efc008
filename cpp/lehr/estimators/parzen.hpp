// The Parzen estimator of TPE: a mixture of product kernels, arrays in, arrays out, no trials and no space.
// Numbers follow Optuna 5 (multivariate, magic clip on, endpoints off, default weights).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "lehr/base/rng.hpp"
#include "lehr/estimators/loops.hpp"
#include "lehr/estimators/sorting.hpp"
#include "lehr/estimators/weights.hpp"

namespace lehr {

// What the estimator must know of a dimension.
struct Dimension {
  std::size_t choices = 0;  // > 0: categorical with codes 0 .. choices - 1; the rest is then ignored
  double low = 0.0;         // numeric: inclusive bounds, in the raw scale
  double high = 0.0;
  bool log = false;
  double step = 0.0;  // 0: continuous; otherwise values low, low + step, ...

  bool operator==(const Dimension&) const = default;
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
    Dimension given;
    double high = 0.0;  // the last legal value
    double half_origin =
        0.0;  // transformed lower end, half a step below the lowest value where discrete; halved, and
    double half_extent = 0.5;  // so is upper end less lower end: their difference cannot overflow
    double log_unit = 0.0;     // what every kernel's log density gets for the scaling and for sqrt(2 pi)
    double other = 0.0;        // categorical: probability of each choice that was not observed
    double penalty = 0.0;      // categorical: log of that over the observed choice's
    // Per kernel.
    std::vector<double> factor;  // normaliser, by which the kernel's weight is multiplied
    std::vector<double> codes;   // categorical: observed code, NaN for the prior's
    std::vector<double> slope,
        offset;  // continuous: (at * slope - offset)^2 is the negated exponent at a position
    std::vector<std::uint32_t> component;  // numeric: kernels of equal mean and bandwidth share a component
    // Per component, ascending in mean; the first is the prior's.
    std::vector<double> mean, inverse, lower_tail, mass;
    std::size_t components = 0;

    void prepare(const Dimension& dimension);
    bool categorical() const { return given.choices > 0; }
    bool discrete() const { return given.step > 0.0; }
    bool single() const { return half_extent == 0.0; }  // continuous with one value: nothing to say
    bool contains(double value) const { return value >= given.low && value <= high; }
    double transformed(double value) const;
    double position(double value) const;
    double raw(double at) const;  // the legal value at a position
  };

  void fit_weights(std::size_t n, double prior_weight);
  void fit_categorical(Column& column, const double* first, double prior_weight);
  void fit_numeric(Column& column, const double* first);

  // Stages of log_pdf, each over all points.
  void start_rows(std::span<const double> points, std::size_t count) const;
  void list_dimensions(std::span<const double> points, std::size_t count) const;
  void list_discrete(std::size_t d, std::span<const double> points, std::size_t count) const;
  void tabulate(const Column& column, std::size_t first_value) const;
  double exact(const double* point) const;
  void start(const double* point, double* out) const;

  std::size_t kernels_ = 0;
  std::size_t stride_ = 0;  // kernels_ in whole blocks
  std::vector<Column> columns_;
  std::vector<double> weights_;     // normalised
  std::vector<double> cumulative_;  // running sums of weights_
  const Loops* loops_ = &loops();

  // Scratch of fit.
  std::vector<Placed> order_, order_scratch_;
  std::vector<double> sorted_, widths_, component_factor_;

  // Scratch of log_pdf: a row is the share of one value of a discrete dimension.
  struct Row {
    const Column* column;
    double code;         // categorical
    std::size_t masses;  // numeric: where its log masses begin in masses_
  };
  mutable std::vector<double> starts_, terms_, rows_, masses_, tails_, product_;
  mutable std::vector<Row> row_list_;
  mutable std::vector<NormalTerm> normals_, chunk_normals_;
  mutable std::vector<std::uint32_t> start_of_, normals_of_, rows_of_, normal_count_, row_count_, patterns_;
  mutable std::vector<Placed> values_;
  mutable std::vector<const double*> row_pointers_;
};

}  // namespace lehr
