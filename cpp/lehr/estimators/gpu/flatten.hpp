// A fitted Parzen estimator as the plain arrays that the kernel reads (task.hpp).
#pragma once

#include <cstdint>
#include <vector>

#include "lehr/estimators/gpu/task.hpp"
#include "lehr/estimators/parzen.hpp"

namespace lehr::gpu {

struct FlatMixture {
  std::vector<double> weights;
  std::vector<double> parameters;
  std::uint32_t kernels() const { return static_cast<std::uint32_t>(weights.size()); }
};

std::vector<Axis> flat_axes(const ParzenEstimator& estimator);
FlatMixture flat_mixture(const ParzenEstimator& estimator);

}  // namespace lehr::gpu
