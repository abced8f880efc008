// Log densities of a Parzen estimator, arranged for many kernels and a few points at a time: what a kernel
// needs only once is done once, and each distinct value of a discrete dimension is worked out once for each
// distinct kernel.
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>

#include "lehr/estimators/interval_mass.hpp"
#include "lehr/estimators/parzen.hpp"

namespace lehr {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

// Log masses below -690.8 and exponents below -708 are cut off there (loops.hpp). A sum above this cannot
// tell.
constexpr double trusted_sum = 1e-270;

bool same_dimensions(const double* a, const double* b, std::size_t width) {
  for (std::size_t d = 0; d < width; ++d) {
    if (std::isnan(a[d]) != std::isnan(b[d])) return false;
  }
  return true;
}

// The bins of one dimension that the points of a batch fall into.
struct Bins {
  std::array<double, 2 * most_lanes> edge;  // positions of their ends, neighbours sharing one
  std::array<std::uint32_t, most_lanes> lower{}, upper{}, of_point{};
  std::size_t edges = 0, count = 0;

  void append(double left, double right, bool adjacent) {
    if (!adjacent) edge[edges++] = left;
    edge[edges++] = right;
    lower[count] = static_cast<std::uint32_t>(edges - 2);
    upper[count] = static_cast<std::uint32_t>(edges - 1);
    ++count;
  }
};

}  // namespace

void ParzenEstimator::log_pdf(std::span<const double> points, std::size_t count,
                              std::span<double> out) const {
  const std::size_t width = columns_.size();
  if (width == 0) {
    std::fill_n(out.begin(), count, 0.0);
    return;
  }
  todo_.clear();
  for (std::size_t i = 0; i < count; ++i) {
    bool inside = true;
    for (std::size_t d = 0; d < width; ++d) {
      const double value = points[i * width + d];
      inside = inside && (std::isnan(value) || columns_[d].contains(value));
    }
    if (inside) {
      todo_.push_back(static_cast<std::uint32_t>(i));
    } else {
      out[i] = -infinity;
    }
  }
  // The normalisers depend on which dimensions a point has: points that have the same ones go together.
  std::array<double, most_lanes> sums;
  while (!todo_.empty()) {
    const double* const model = points.data() + todo_.front() * width;
    start(model);
    later_.clear();
    batch_.clear();
    at_.clear();
    std::size_t in_batch = 0;
    const auto flush = [&] {
      score_batch(std::span<const double>(rows_).first(in_batch * width),
                  std::span<double>(sums).first(in_batch));
      for (std::size_t i = 0; i < in_batch; ++i) out[batch_[i]] = sums[i];
      batch_.clear();
      in_batch = 0;
    };
    rows_.resize(most_lanes * width);
    for (const std::uint32_t i : todo_) {
      const double* const point = points.data() + i * width;
      if (!same_dimensions(point, model, width)) {
        later_.push_back(i);
        continue;
      }
      batch_.push_back(i);
      std::copy_n(point, width, rows_.begin() + static_cast<std::ptrdiff_t>(in_batch * width));
      if (++in_batch == most_lanes) flush();
    }
    if (in_batch > 0) flush();
    todo_.swap(later_);
  }
}

// Logs of weight times normalisers over the dimensions that a point has, less the largest of them.
void ParzenEstimator::start(const double* point) const {
  const bool full =
      std::none_of(point, point + columns_.size(), [](double value) { return std::isnan(value); });
  if (start_is_full_ && full) return;
  start_is_full_ = growing_ && !merged_ && full;
  refill(product_, stride_, 1.0);
  std::copy_n(weights_.begin(), kernels_, product_.begin());
  if (start_is_full_) {
    start_.resize(stride_);
    std::copy(normaliser_.begin(), normaliser_.end(), start_.begin());
    loops_->add_logarithms(start_.data(), product_.data(), stride_);
  } else {
    refill(start_, stride_, 0.0);
    multiply_factors(start_.data(), point);
  }
  if (growing_ && !merged_) {
    for (const std::uint32_t slot : outside_) start_[slot] = -infinity;
  }
  if (weights_[kernels_ - 1] == 0.0) start_[kernels_ - 1] = -infinity;
  ceiling_ = loops_->largest(start_.data(), kernels_);
  for (double& value : start_) value -= ceiling_;
}

void ParzenEstimator::multiply_factors(double* sum, const double* point) const {
  std::size_t multiplied = 0;
  for (std::size_t d = 0; d < columns_.size(); ++d) {
    if (point != nullptr && std::isnan(point[d])) continue;
    loops_->multiply(product_.data(), merged_ ? columns_[d].cell_factor.data() : columns_[d].factor.data(),
                     stride_);
    if (++multiplied % product_length == 0) {
      loops_->add_logarithms(sum, product_.data(), stride_);
      std::fill(product_.begin(), product_.end(), 1.0);
    }
  }
  loops_->add_logarithms(sum, product_.data(), stride_);
}

void ParzenEstimator::score_batch(std::span<const double> points, std::span<double> out) const {
  const std::size_t width = columns_.size();
  const std::size_t count = points.size() / width;
  lanes_ = whole_blocks(count);
  at_.clear();
  slopes_.clear();
  offsets_.clear();
  tables_.clear();
  double constant = ceiling_ - log_total_;
  for (std::size_t d = 0; d < width; ++d) {
    if (std::isnan(points[d])) continue;
    constant += columns_[d].log_unit;
    if (columns_[d].categorical()) {
      add_categorical(d, points);
    } else if (columns_[d].discrete()) {
      add_discrete(d, points);
    } else if (!columns_[d].single()) {
      add_continuous(d, points);
    }
  }
  std::array<double, most_lanes> sums, logs{};
  loops_->mix(sums.data(), {kernels_, lanes_, start_.data(), slopes_.size(), slopes_.data(), offsets_.data(),
                            at_.data(), tables_.size(), tables_.data()});
  loops_->add_logarithms(logs.data(), sums.data(), lanes_);
  for (std::size_t i = 0; i < count; ++i) {
    out[i] = constant + (sums[i] > trusted_sum ? logs[i] : exact(points.data() + i * width));
  }
}

// Room for a table of `rows` rows, or of those listed.
double* ParzenEstimator::new_table(const Column& column, const std::uint32_t* row, std::size_t rows) const {
  const std::size_t t = tables_.size();
  const std::size_t most = std::max(row != nullptr ? column.components : rows, column.mean.size());
  if (tables_storage_.size() <= t) {
    tables_storage_.resize(t + 1);
    bytes_storage_.resize(t + 1);
  }
  if (tables_storage_[t].size() < most * lanes_) tables_storage_[t].resize(most * lanes_);
  // Screening pays where a row serves several kernels.
  std::uint8_t* bytes = nullptr;
  if (kernels_ > 64 && kernels_ > 2 * rows) {
    if (bytes_storage_[t].size() < most * screen_bytes) bytes_storage_[t].resize(most * screen_bytes);
    bytes = bytes_storage_[t].data();
  }
  tables_.push_back({tables_storage_[t].data(), index_of(column).data(), row, rows, bytes});
  return tables_storage_[t].data();
}

void ParzenEstimator::add_continuous(std::size_t d, std::span<const double> points) const {
  const Column& column = columns_[d];
  const std::size_t width = columns_.size();
  slopes_.push_back(column.slope.data());
  offsets_.push_back(column.offset.data());
  for (std::size_t i = 0; i < points.size() / width; ++i)
    at_.push_back(column.position(points[i * width + d]));
  at_.resize(slopes_.size() * lanes_, 0.5);
}

void ParzenEstimator::add_categorical(std::size_t d, std::span<const double> points) const {
  const Column& column = columns_[d];
  const std::size_t width = columns_.size();
  double* const table = new_table(column, nullptr, column.given.choices + 1);
  std::fill_n(table, column.given.choices * lanes_, column.penalty);
  std::fill_n(table + column.given.choices * lanes_, lanes_, 0.0);
  for (std::size_t i = 0; i < points.size() / width; ++i) {
    table[static_cast<std::size_t>(points[i * width + d]) * lanes_ + i] = 0.0;
  }
}

// A dimension of few values: log masses are worked out once and then picked.
void ParzenEstimator::add_kept(std::size_t d, std::span<const double> points) const {
  Column& column = columns_[d];
  const std::size_t width = columns_.size();
  const std::size_t n = points.size() / width;
  std::array<std::uint32_t, most_lanes> place{}, unknown{};
  std::size_t missing = 0;
  for (std::size_t i = 0; i < n; ++i) {
    place[i] =
        static_cast<std::uint32_t>((points[i * width + d] - column.given.low) / column.given.step + 0.5);
    if (growing_ || column.known[place[i]] != 0) continue;
    column.known[place[i]] = 1;
    unknown[missing++] = place[i];
  }
  if (missing > 0) learn_bins(column, unknown.data(), missing);
  const std::uint32_t* const row = growing_ ? column.used.data() : nullptr;
  const std::size_t rows = growing_ ? column.used.size() : column.components;
  loops_->pick(new_table(column, row, rows), column.log_mass.data(), column.log_mass_row, row, rows,
               place.data(), lanes_);
}

void ParzenEstimator::learn_bins(Column& column, const std::uint32_t* values, std::size_t count) const {
  std::array<double, 2 * most_lanes> edge;
  std::array<std::uint32_t, most_lanes> lower{}, upper{}, value_of{};
  edge.fill(0.5);
  for (std::uint32_t i = 0; i < count; ++i) {
    edge[2 * i] = column.edge_at[values[i]];
    edge[2 * i + 1] = column.edge_at[values[i] + 1];
    lower[i] = 2 * i;
    upper[i] = 2 * i + 1;
    value_of[i] = i;
  }
  for (std::size_t i = count; i < most_lanes; ++i) {
    lower[i] = 0;
    upper[i] = 1;
  }
  const std::size_t lanes = whole_blocks(count);
  // Sized by the most components there can be, not by those there are: no growth later on.
  const std::size_t rows = column.mean.size();
  if (learned_.size() < rows * most_lanes) learned_.resize(rows * most_lanes);
  loops_->log_masses(learned_.data(), {column.components, nullptr, column.mean.data(), column.inverse.data(),
                                       lanes, lanes, 2 * lanes, edge.data(), lower.data(), upper.data(),
                                       value_of.data(), column.narrow_bins});
  if (column.log_mass.size() < rows * column.log_mass_row) column.log_mass.resize(rows * column.log_mass_row);
  for (std::size_t c = 0; c < column.components; ++c) {
    for (std::size_t i = 0; i < count; ++i)
      column.log_mass[c * column.log_mass_row + values[i]] = learned_[c * lanes + i];
  }
}

void ParzenEstimator::add_discrete(std::size_t d, std::span<const double> points) const {
  const Column& column = columns_[d];
  if (growing_ ? column.kept : column.log_mass_row > 0) {
    add_kept(d, points);
    return;
  }
  const std::size_t width = columns_.size();
  const std::size_t n = points.size() / width;
  const double step = column.given.step;
  Bins bins;
  if (!column.edges.empty()) {
    // Few values: which are there is a bit each.
    std::array<std::uint8_t, most_lanes> place;
    std::array<std::uint8_t, Column::few_values> rank;
    std::uint64_t present = 0;
    for (std::size_t i = 0; i < n; ++i) {
      place[i] = static_cast<std::uint8_t>((points[i * width + d] - column.given.low) / step + 0.5);
      present |= std::uint64_t{1} << place[i];
    }
    int previous = -2;
    while (present != 0) {
      const int k = std::countr_zero(present);
      present &= present - 1;
      rank[k] = static_cast<std::uint8_t>(bins.count);
      bins.append(column.edges[k], column.edges[k + 1], k == previous + 1);
      previous = k;
    }
    for (std::size_t i = 0; i < n; ++i) bins.of_point[i] = rank[place[i]];
  } else {
    values_.clear();
    for (std::size_t i = 0; i < n; ++i)
      values_.push_back({points[i * width + d], static_cast<std::uint32_t>(i)});
    sort_placed(values_, values_scratch_);
    for (std::size_t i = 0; i < n; ++i) {
      const double value = values_[i].at;
      if (i == 0 || value != values_[i - 1].at) {
        const bool adjacent = i > 0 && value - values_[i - 1].at < 1.5 * step;
        bins.append(adjacent ? 0.0 : column.position(value - 0.5 * step), column.position(value + 0.5 * step),
                    adjacent);
      }
      bins.of_point[values_[i].index] = static_cast<std::uint32_t>(bins.count - 1);
    }
  }
  bool narrow = false;
  for (std::size_t v = 0; v < bins.count; ++v) {
    narrow = narrow || bins.edge[bins.upper[v]] - bins.edge[bins.lower[v]] < Column::narrow_bin;
  }
  const std::size_t padded = whole_blocks(bins.edges);
  std::fill(bins.edge.begin() + bins.edges, bins.edge.begin() + padded, 0.5);
  const bool listed = growing_ && column.coded;
  const std::uint32_t* const row = listed ? column.used.data() : nullptr;
  const std::size_t rows = listed ? column.used.size() : column.components;
  loops_->log_masses(
      new_table(column, row, rows),
      {rows, row, column.mean.data(), column.inverse.data(), lanes_, whole_blocks(bins.count), padded,
       bins.edge.data(), bins.lower.data(), bins.upper.data(), bins.of_point.data(), narrow});
}

// One point so far from every kernel that probabilities underflow: the same sum in logarithms, less ceiling_.
double ParzenEstimator::exact(const double* point) const {
  std::vector<double>& exponents = exponents_;
  exponents.resize(kernels_);
  std::copy_n(start_.begin(), kernels_, exponents.begin());
  for (std::size_t d = 0; d < columns_.size(); ++d) {
    const Column& column = columns_[d];
    const double value = point[d];
    if (std::isnan(value)) continue;
    if (column.categorical()) {
      for (std::size_t k = 0; k < kernels_; ++k) {
        const std::size_t code = index_of(column)[k];
        if (code != column.given.choices && static_cast<double>(code) != value)
          exponents[k] += column.penalty;
      }
    } else if (column.discrete()) {
      const double lower = column.position(value - 0.5 * column.given.step);
      const double upper = column.position(value + 0.5 * column.given.step);
      for (std::size_t k = 0; k < kernels_; ++k) {
        const std::size_t c = index_of(column)[k];
        const double a = (lower - column.mean[c]) * column.inverse[c];
        const double b = (upper - column.mean[c]) * column.inverse[c];
        exponents[k] +=
            a + b < 0.0 ? elementary::log_interval_mass(-b, -a) : elementary::log_interval_mass(a, b);
      }
    } else if (!column.single()) {
      const double at = column.position(value);
      for (std::size_t k = 0; k < kernels_; ++k) {
        const double z = at * column.slope[k] - column.offset[k];
        exponents[k] -= z * z;
      }
    }
  }
  const double largest = *std::max_element(exponents.begin(), exponents.end());
  if (largest == -infinity) return -infinity;
  double sum = 0.0;
  for (const double exponent : exponents) sum += elementary::exp(exponent - largest);
  return largest + elementary::log(sum);
}

}  // namespace lehr
