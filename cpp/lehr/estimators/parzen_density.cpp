// Log densities of a Parzen estimator, arranged for many kernels and a few points: what a kernel needs only
// once is done once, each distinct value of a discrete dimension is worked out once, and the sums run over
// chunks of kernels that stay in the first-level cache while every point passes over them.
#include <algorithm>
#include <cmath>
#include <limits>

#include "lehr/estimators/parzen.hpp"

namespace lehr {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

constexpr std::size_t chunk_length = 128;

// Normalisers of so many dimensions are multiplied before a logarithm is taken: far from overflow.
constexpr std::size_t product_length = 16;

// The tables of discrete dimensions know no log mass below -690.8. A kernel's other factors add at most 5.7 a
// dimension (log of 101 / 0.34), so a total above this bound by a margin of 40 cannot have been touched.
double trusted_above(std::size_t dimensions) { return -690.0 + 40.0 + 5.7 * static_cast<double>(dimensions); }

// Bins narrower than this part of the domain lose too many digits in differences of tails.
constexpr double narrowest_bin = 1e-5;

bool same_dimensions(const double* a, const double* b, std::size_t width) {
  for (std::size_t d = 0; d < width; ++d) {
    if (std::isnan(a[d]) != std::isnan(b[d])) return false;
  }
  return true;
}

}  // namespace

void ParzenEstimator::log_pdf(std::span<const double> points, std::size_t count,
                              std::span<double> out) const {
  const std::size_t width = columns_.size();
  start_rows(points, count);
  list_dimensions(points, count);

  terms_.resize(count * stride_);
  rows_.resize(row_list_.size() * chunk_length);
  chunk_normals_.resize(width);
  row_pointers_.resize(width);
  for (std::size_t k = 0; k < stride_; k += chunk_length) {
    const std::size_t length = std::min(chunk_length, stride_ - k);
    for (std::size_t r = 0; r < row_list_.size(); ++r) {
      const Row& row = row_list_[r];
      double* const values = rows_.data() + r * chunk_length;
      if (row.column->categorical()) {
        loops_->mismatches(values, row.column->codes.data() + k, row.code, row.column->penalty, length);
      } else {
        loops_->gather(values, masses_.data() + row.masses, row.column->component.data() + k, length);
      }
    }
    for (std::size_t i = 0; i < count; ++i) {
      for (std::size_t j = 0; j < normal_count_[i]; ++j) {
        const NormalTerm& term = normals_[i * width + j];
        chunk_normals_[j] = {term.slope + k, term.offset + k, term.at};
      }
      for (std::size_t j = 0; j < row_count_[i]; ++j) {
        row_pointers_[j] = rows_.data() + rows_of_[i * width + j] * chunk_length;
      }
      loops_->accumulate(terms_.data() + i * stride_ + k, starts_.data() + start_of_[i] * stride_ + k,
                         chunk_normals_.data(), normal_count_[i], row_pointers_.data(), row_count_[i],
                         length);
    }
  }

  for (std::size_t i = 0; i < count; ++i) {
    const double* const point = points.data() + i * width;
    double constant = 0.0;
    bool inside = true;
    for (std::size_t d = 0; d < width; ++d) {
      if (std::isnan(point[d])) continue;
      constant += columns_[d].log_unit;
      inside = inside && columns_[d].contains(point[d]);
    }
    if (!inside) {
      out[i] = -infinity;
      continue;
    }
    double sum = loops_->log_sum_exp(terms_.data() + i * stride_, stride_);
    if (sum < trusted_above(width)) sum = exact(point);
    out[i] = constant + sum;
  }
}

// Every point's terms start as the log of weight times normalisers over the dimensions that it has. Points
// that have the same ones share them.
void ParzenEstimator::start_rows(std::span<const double> points, std::size_t count) const {
  const std::size_t width = columns_.size();
  patterns_.clear();
  start_of_.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    const double* const point = points.data() + i * width;
    std::size_t p = 0;
    while (p < patterns_.size() && !same_dimensions(point, points.data() + patterns_[p] * width, width)) ++p;
    start_of_[i] = static_cast<std::uint32_t>(p);
    if (p < patterns_.size()) continue;
    patterns_.push_back(static_cast<std::uint32_t>(i));
    starts_.resize(std::max(starts_.size(), patterns_.size() * stride_));
    start(point, starts_.data() + p * stride_);
  }
}

void ParzenEstimator::start(const double* point, double* out) const {
  product_.resize(stride_);
  std::copy(weights_.begin(), weights_.end(), product_.begin());
  std::fill(product_.begin() + static_cast<std::ptrdiff_t>(kernels_), product_.end(), 1.0);
  std::fill_n(out, stride_, 0.0);
  std::size_t multiplied = 0;
  for (std::size_t d = 0; d < columns_.size(); ++d) {
    if (std::isnan(point[d])) continue;
    loops_->multiply(product_.data(), columns_[d].factor.data(), stride_);
    if (++multiplied % product_length == 0) {
      loops_->add_logarithms(out, product_.data(), stride_);
      std::fill(product_.begin(), product_.end(), 1.0);
    }
  }
  loops_->add_logarithms(out, product_.data(), stride_);
  const std::size_t real =
      weights_.back() > 0.0 ? kernels_ : kernels_ - 1;  // a prior without weight is no kernel
  std::fill(out + real, out + stride_, -infinity);
}

void ParzenEstimator::list_dimensions(std::span<const double> points, std::size_t count) const {
  const std::size_t width = columns_.size();
  normals_.resize(count * width);
  rows_of_.resize(count * width);
  normal_count_.assign(count, 0);
  row_count_.assign(count, 0);
  row_list_.clear();
  std::size_t masses = 0;
  for (std::size_t d = 0; d < width; ++d) {
    const Column& column = columns_[d];
    if (column.categorical() || column.discrete()) {
      list_discrete(d, points, count);
      continue;
    }
    if (column.single()) continue;
    for (std::size_t i = 0; i < count; ++i) {
      const double value = points[i * width + d];
      if (std::isnan(value)) continue;
      normals_[i * width + normal_count_[i]++] = {column.slope.data(), column.offset.data(),
                                                  column.position(value)};
    }
  }
  // Tables of the numeric ones.
  for (Row& row : row_list_) {
    if (row.column->categorical()) continue;
    row.masses = masses;
    masses += whole_blocks(row.column->components);
  }
  masses_.resize(masses);
  for (std::size_t r = 0; r < row_list_.size(); ++r) {
    const bool first = r == 0 || row_list_[r].column != row_list_[r - 1].column;
    if (first && !row_list_[r].column->categorical()) tabulate(*row_list_[r].column, r);
  }
}

// One row for each distinct value of a discrete dimension, ascending.
void ParzenEstimator::list_discrete(std::size_t d, std::span<const double> points, std::size_t count) const {
  const std::size_t width = columns_.size();
  values_.clear();
  for (std::size_t i = 0; i < count; ++i) {
    const double value = points[i * width + d];
    if (!std::isnan(value)) values_.push_back({value, static_cast<std::uint32_t>(i)});
  }
  std::sort(values_.begin(), values_.end(), [](const Placed& a, const Placed& b) { return a.at < b.at; });
  for (std::size_t i = 0; i < values_.size(); ++i) {
    if (i == 0 || values_[i].at != values_[i - 1].at) row_list_.push_back({&columns_[d], values_[i].at, 0});
    const std::size_t point = values_[i].index;
    rows_of_[point * width + row_count_[point]++] = static_cast<std::uint32_t>(row_list_.size() - 1);
  }
}

// Log masses of the bins of one dimension's values, for its components. Neighbouring bins share an edge.
void ParzenEstimator::tabulate(const Column& column, std::size_t first_row) const {
  const std::size_t n = whole_blocks(column.components);
  tails_.resize(2 * n);
  double* left = tails_.data();
  double* right = tails_.data() + n;
  const double half = 0.5 * column.given.step;
  for (std::size_t r = first_row; r < row_list_.size() && row_list_[r].column == &column; ++r) {
    const double value = row_list_[r].code;
    const double lower = column.position(value - half);
    const double upper = column.position(value + half);
    double* const out = masses_.data() + row_list_[r].masses;
    if (upper - lower < narrowest_bin) {
      loops_->exact_log_masses(out, column.mean.data(), column.inverse.data(), lower, upper, n);
      continue;
    }
    const bool adjacent = r > first_row && value - row_list_[r - 1].code < 3.0 * half;
    if (!adjacent) loops_->signed_tails(left, column.mean.data(), column.inverse.data(), lower, n);
    loops_->signed_tails(right, column.mean.data(), column.inverse.data(), upper, n);
    loops_->log_masses(out, left, right, n);
    std::swap(left, right);
  }
}

// One point where even the nearest kernel is so far that tables without underflow are needed.
double ParzenEstimator::exact(const double* point) const {
  terms_.resize(std::max(terms_.size(), stride_));
  std::vector<double> sums(stride_), row(stride_), masses;
  start(point, sums.data());
  for (std::size_t d = 0; d < columns_.size(); ++d) {
    const Column& column = columns_[d];
    const double value = point[d];
    if (std::isnan(value) || (column.single() && !column.categorical() && !column.discrete())) continue;
    if (column.categorical()) {
      loops_->mismatches(row.data(), column.codes.data(), value, column.penalty, stride_);
    } else if (column.discrete()) {
      const double half = 0.5 * column.given.step;
      masses.resize(whole_blocks(column.components));
      loops_->exact_log_masses(masses.data(), column.mean.data(), column.inverse.data(),
                               column.position(value - half), column.position(value + half), masses.size());
      loops_->gather(row.data(), masses.data(), column.component.data(), stride_);
    } else {
      const double at = column.position(value);
      for (std::size_t k = 0; k < stride_; ++k) {
        const double z = at * column.slope[k] - column.offset[k];
        row[k] = -z * z;
      }
    }
    for (std::size_t k = 0; k < stride_; ++k) sums[k] += row[k];
  }
  return loops_->log_sum_exp(sums.data(), stride_);
}

}  // namespace lehr
