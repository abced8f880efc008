#include "lehr/estimators/gpu/flatten.hpp"

#include <algorithm>
#include <span>

namespace lehr::gpu {
namespace {

using Column = ParzenEstimator::Column;

Kind kind(const Column& column) {
  if (column.categorical()) return Kind::categorical;
  if (column.discrete()) return Kind::discrete;
  return column.single() ? Kind::constant : Kind::continuous;
}

// Three rows of a dimension, each as long as the mixture.
void fill(const Column& column, std::size_t kernels, std::span<double> rows) {
  const std::size_t stride = rows.size() / 3;
  const std::span<double> first = rows.first(stride);
  const std::span<double> second = rows.subspan(stride, stride);
  const std::span<double> third = rows.last(stride);
  const Kind what = kind(column);
  for (std::size_t k = 0; k < kernels; ++k) {
    third[k] = column.factor[k];
    if (what == Kind::continuous) {
      first[k] = column.slope[k];
      second[k] = column.offset[k];
    } else if (what == Kind::discrete) {
      first[k] = column.mean[column.index[k]];
      second[k] = column.inverse[column.index[k]];
    } else if (what == Kind::categorical) {
      const bool observed = column.index[k] != column.given.choices;
      first[k] = observed ? static_cast<double>(column.index[k]) : -1.0;
      second[k] = observed ? column.other : column.factor[k];
    }
  }
}

}  // namespace

std::vector<Axis> flat_axes(const ParzenEstimator& estimator) {
  std::vector<Axis> axes;
  for (const Column& column : estimator.columns()) {
    const bool stepped = !column.categorical() && column.discrete();
    const double half_step = stepped ? 0.5 * column.given.step : 0.0;
    const double margin = 0.5 * half_step;  // as Column::contains has it
    axes.push_back({kind(column), column.given.log ? 1U : 0U, column.given.low - margin, column.high + margin,
                    0.5 * column.given.low, half_step, column.half_origin, column.inverse_half_extent,
                    column.log_unit});
  }
  return axes;
}

FlatMixture flat_mixture(const ParzenEstimator& estimator) {
  const std::size_t kernels = estimator.kernels();
  const std::size_t stride = (kernels + group - 1) / group * group;
  FlatMixture flat;
  flat.weights.assign(stride, 0.0);
  std::copy_n(estimator.weights().begin(), kernels, flat.weights.begin());
  flat.parameters.assign(3 * stride * estimator.columns().size(), 0.0);
  std::span<double> rest = flat.parameters;
  for (const Column& column : estimator.columns()) {
    fill(column, kernels, rest.first(3 * stride));
    rest = rest.subspan(3 * stride);
  }
  return flat;
}

}  // namespace lehr::gpu
