#include "lehr/estimators/gpu/cost.hpp"

#include <limits>

namespace lehr::gpu {
namespace {

using Column = ParzenEstimator::Column;

// Nanoseconds an evaluation (one point, one kernel, one dimension) on a core with AVX-512, 1,000 kernels:
// measured to within a factor of two, as the processor's tables serve batches more or less well.
double processor_ns(const Column& column) {
  if (column.categorical()) return 0.2;
  if (!column.discrete()) return 0.12;
  // Masses of few bins are kept in a table, those of many are worked out for each.
  return column.values <= Column::most_kept ? 0.3 : 8.0;
}

// Operations in double precision an evaluation, counted in the machine code of the kernel; of a bin, both its
// tails.
double operations(const Column& column) {
  if (column.categorical()) return 6;
  return column.discrete() ? 100 : 10;
}

// Guesses, not measured on a device: what a kernel reaches of the peak, pageable memory over the bus, a
// launch with its copies.
constexpr double reached = 0.5;
constexpr double bytes_per_second = 5e9;
constexpr double launch_s = 2e-4;

}  // namespace

Work work_of(const ParzenEstimator& estimator, std::size_t points, std::size_t kernels) {
  const double pairs = static_cast<double>(points) * static_cast<double>(kernels);
  Work work;
  for (const Column& column : estimator.columns()) {
    work.processor_s += 1e-9 * pairs * processor_ns(column);
    work.operations += pairs * operations(column);
  }
  const auto width = static_cast<double>(estimator.columns().size());
  work.bytes =
      sizeof(double) * (static_cast<double>(points) * (width + 1) + 3 * width * static_cast<double>(kernels));
  return work;
}

double double_rate(const Card& card) {
  if (card.multiprocessors <= 0 || card.clock_khz <= 0 || card.double_ratio <= 0) return 0;
  // Units for floats a multiprocessor (CUDA programming guide, throughput of arithmetic instructions).
  const double lanes = card.capability <= 80 ? 64 : 128;
  return lanes / card.double_ratio * card.multiprocessors * 1e3 * card.clock_khz;
}

double device_seconds(const Work& work, const Card& card) {
  const double rate = double_rate(card);
  if (rate <= 0) return std::numeric_limits<double>::infinity();
  return launch_s + work.bytes / bytes_per_second + work.operations / (reached * rate);
}

}  // namespace lehr::gpu
