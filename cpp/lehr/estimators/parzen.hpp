// The Parzen estimator of TPE: a mixture of product kernels, arrays in, arrays out, no trials and no space.
// Numbers follow Optuna 5 (multivariate, magic clip on, endpoints off, default weights).
#pragma once

#include <algorithm>
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

  // An estimator that grows with a history: one slot per observation, in order, each of which counts or does
  // not (it may change sides). What results depends on the rows and on which of them count, to the last bit,
  // never on the calls that led there; it equals fit() of the rows that count but for rounding.
  void begin(std::span<const Dimension> dimensions, double prior_weight = 1.0);
  void append(std::span<const double> row, bool counts);
  void set_counts(std::size_t slot, bool counts);
  // To be called after the changes and before log_pdf or sampling.
  void settle();
  std::size_t slots() const noexcept { return slots_; }
  bool counts(std::size_t slot) const { return counts_[slot] != 0; }
  std::size_t bytes() const noexcept;  // of heap memory held

  std::size_t kernels() const noexcept { return kernels_; }  // observations (or slots) + 1, the prior's

  // points: row-major, count x dimensions; NaN dimensions are left out of the product. out: count log
  // densities. For logarithmic dimensions the density is that of the logarithm, for discrete ones it is a
  // probability. -inf outside the bounds. Uses scratch space of the object: one
  // caller at a time.
  void log_pdf(std::span<const double> points, std::size_t count, std::span<double> out) const;

  // Draws from the mixture: row-major, count x dimensions, every dimension drawn. A caller that walks a
  // hierarchy ignores those that turn out inactive. Uses scratch space, as log_pdf.
  void sample(Rng& rng, std::size_t count, std::span<double> out) const;

  // One dimension of all kernels. Numeric positions are on the transformed domain scaled to [0, 1].
  struct Column {
    Dimension given;
    double high = 0.0;  // the last legal value
    // Transformed lower end (half a step below the lowest value where discrete), and upper end less lower
    // end. Halved, since the difference of two doubles can overflow.
    double half_origin = 0.0;
    double half_extent = 0.5;
    double inverse_half_extent = 2.0;
    double log_unit = 0.0;      // what every kernel's log density gets for the scaling and for sqrt(2 pi)
    double other = 0.0;         // categorical: probability of each choice that was not observed
    double penalty = 0.0;       // categorical: log of that over the observed choice's
    std::vector<double> edges;  // discrete with few values: positions of the ends of all bins
    // Per kernel.
    std::vector<double> factor;  // normaliser, by which the kernel's weight is multiplied
    // Continuous: (at * slope - offset)^2 is the negated exponent at a position.
    std::vector<double> slope, offset;
    // Categorical: the observed code, `choices` for none. Numeric: the component, kernels of equal mean and
    // bandwidth sharing one.
    std::vector<std::uint32_t> index;
    // Per component, ascending in mean; the first is the prior's.
    std::vector<double> mean, inverse, lower_tail, mass;
    std::size_t components = 0;
    std::size_t values = 0;  // discrete: how many
    // Discrete with very few values: log masses of components (rows) in the bins of all values, as far as
    // they were needed since the last fit.
    std::size_t log_mass_row = 0;  // length of a row; 0: not kept
    std::vector<double> log_mass;
    std::vector<std::uint8_t> known;  // values whose bins are filled in
    std::vector<double> edge_at;      // positions of the ends of all bins
    bool narrow_bins = false;
    // Of an estimator that grows (growing.cpp).
    std::vector<double> where;         // per slot: position, or the code; NaN where the dimension is missing
    std::vector<std::uint32_t> order;  // slots that count, by position, then slot
    std::vector<std::uint32_t> touched;  // slots whose neighbours changed
    std::size_t present = 0;             // slots that count and have the dimension
    std::size_t missing = 0;             // slots that lack the dimension
    double smallest = 0.0;               // bandwidths are clipped from below at it
    // Discrete, not too many values: up to three components a value are known by number.
    bool coded = false;
    bool kept = false;                // log_mass holds for all components in use
    std::vector<std::uint32_t> code;  // per slot: which value
    std::vector<std::uint32_t> uses;  // per component: slots that use it
    std::vector<std::uint32_t> used;  // components that some slot uses, and the prior's
    bool used_changed = true;
    std::vector<double> component_factor;
    double absent = 1.0;                    // categorical: factor of a kernel that lacks the dimension
    std::vector<std::uint32_t> cell_index;  // per cell, as `index` and `factor`
    std::vector<double> cell_factor;

    static constexpr std::size_t most_kept = 128;
    // In bins narrower than this part of the domain, differences of tails lose too many digits.
    static constexpr double narrow_bin = 1e-5;
    static constexpr std::size_t few_values = 64;
    void prepare(const Dimension& dimension);
    bool categorical() const { return given.choices > 0; }
    bool discrete() const { return given.step > 0.0; }
    bool single() const { return half_extent == 0.0; }  // continuous with one value: nothing to say
    bool contains(double value) const;
    double transformed(double value) const;
    double position(double value) const;
    double raw(double at) const;  // the legal value at a position
  };

  // The mixture of fit(), for code that scores it elsewhere (not of an estimator that grows). Views hold
  // until the next fit.
  std::span<const Column> columns() const noexcept { return columns_; }
  std::span<const double> weights() const noexcept { return weights_; }

 private:
  // assign() that grows by doubling, as resize() does.
  template <class T>
  static void refill(std::vector<T>& values, std::size_t n, T value) {
    values.resize(n);
    std::fill(values.begin(), values.end(), value);
  }
  static void check_prior(double prior_weight);
  void fit_weights(std::size_t n, double prior_weight);
  void fit_categorical(Column& column, const double* first, double prior_weight);
  void fit_numeric(Column& column, const double* first);

  // Stages of settle.
  void begin_column(Column& column, const Dimension& dimension);
  void grow_column(Column& column);
  void place(Column& column, std::uint32_t slot, bool counts);
  void place_all(Column& column);
  void settle_categorical(Column& column);
  void settle_numeric(Column& column);
  void renew(Column& column, std::size_t position);  // kernel at a place in the order: into the batch
  void flush_renewed(Column& column);
  void add_to_batch(std::size_t place, double mean, double inverse);
  void batch_masses(std::size_t count);
  void keep_log_masses(Column& column, std::size_t component);
  void settle_weights();
  void settle_normalisers();
  void settle_cells(bool anew);
  bool cells_follow();
  void count_cells();
  void fill_cells();
  std::uint64_t key_of(std::size_t slot) const;
  std::int64_t rank_of(std::size_t slot) const;
  const std::vector<std::uint32_t>& index_of(const Column& column) const {
    return merged_ ? column.cell_index : column.index;
  }
  std::size_t sample_kernel(Rng& rng) const;
  void running_sums() const;
  void draw_column(const Column& column, std::span<const std::uint32_t> kernels, Rng& rng, double* out) const;

  // Stages of log_pdf. A batch is at most most_lanes points that have the same dimensions.
  void start(const double* point) const;
  // Adds to `sum` the logs of product_ times the factors of the dimensions that a point has (null: all).
  void multiply_factors(double* sum, const double* point) const;
  void score_batch(std::span<const double> points, std::span<double> out) const;
  void add_categorical(std::size_t d, std::span<const double> points) const;
  void add_kept(std::size_t d, std::span<const double> points) const;
  void learn_bins(Column& column, const std::uint32_t* values, std::size_t count) const;
  void add_discrete(std::size_t d, std::span<const double> points) const;
  void add_continuous(std::size_t d, std::span<const double> points) const;
  double* new_table(const Column& column, const std::uint32_t* row, std::size_t rows) const;
  double exact(const double* point) const;

  // Factors of so many dimensions are multiplied before a logarithm is taken: far from overflow.
  static constexpr std::size_t product_length = 16;

  std::size_t kernels_ = 0;
  std::size_t stride_ = 0;                  // kernels_ in whole blocks
  mutable std::vector<Column> columns_;     // log_mass is filled in when needed
  std::vector<double> weights_;             // normalised
  mutable std::vector<double> cumulative_;  // running sums of weights_
  const Loops* loops_ = &loops();

  // Of an estimator that grows.
  bool growing_ = false;
  bool settled_ = true;
  std::size_t slots_ = 0;
  double prior_weight_ = 1.0;
  double log_total_ = 0.0;              // log of the sum of weights_, which then are not normalised
  std::vector<std::uint8_t> counts_;    // what is wanted
  std::vector<std::uint8_t> placed_;    // what the columns hold
  std::vector<std::uint32_t> changed_;  // slots where the two may differ
  std::vector<std::uint32_t> outside_;  // slots that do not count, ascending
  std::vector<std::uint32_t> renewed_;  // slots whose normalisers changed
  std::vector<double> normaliser_;      // per kernel: log product of all factors
  std::vector<std::uint32_t> batch_slot_;
  // Where every dimension is discrete, slots with the same components are one kernel, a cell: their number is
  // bounded however long the history. Cells are ascending in their keys, which number the components.
  struct Cell {
    std::uint64_t key = 0;
    std::int64_t count = 0;     // slots that count
    std::int64_t rank_sum = 0;  // of their ranks among the slots that count
  };
  static constexpr std::size_t fewest_merged = 128;  // below that many, bandwidths still move too much
  bool mergeable_ = false;
  bool merged_ = false;
  bool unmerged_ = false;    // by the last settle: what belongs to slots must be filled in again
  std::size_t counted_ = 0;  // slots that are to count
  std::vector<Cell> cells_;
  std::vector<std::uint64_t> slot_key_, keys_;
  std::vector<std::int64_t> flat_;
  std::int64_t counting_ = 0;  // slots in the cells
  std::int64_t last_counting_ = -1;
  std::vector<double> batch_mean_, batch_inverse_, batch_lower_, batch_mass_;
  std::vector<std::uint32_t> batch_component_;  // coded dimensions: components to be worked out anew

  // Scratch of fit.
  std::vector<Placed> order_, order_scratch_;
  std::vector<double> sorted_, widths_, component_factor_;

  // Scratch of log_pdf.
  mutable std::vector<std::uint32_t> todo_, later_, batch_;
  mutable std::vector<Placed> values_, values_scratch_;
  mutable std::vector<double> start_, product_;  // of the current pattern of dimensions
  mutable std::vector<double> exponents_, learned_;
  mutable bool start_is_full_ = false;  // start_ is that of all dimensions and still holds
  mutable double ceiling_ = 0.0;        // taken off start_
  mutable std::size_t lanes_ = 0;
  mutable std::vector<double> rows_, at_;
  mutable std::vector<const double*> slopes_, offsets_;
  mutable std::vector<Table> tables_;
  mutable std::vector<std::vector<double>> tables_storage_;
  mutable std::vector<std::vector<std::uint8_t>> bytes_storage_;
};

}  // namespace lehr
