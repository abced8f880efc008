#include "lehr/search/violation.hpp"

#include <algorithm>
#include <cmath>

namespace lehr {

double violation(std::span<const double> metrics, std::span<const Constraint> constraints,
                 ViolationScale scale) {
  double sum = 0.0;
  for (std::size_t j = 0; j < constraints.size(); ++j) {
    const Constraint& constraint = constraints[j];
    if (!constraint.missed(metrics[j])) continue;
    const double limit = constraint.limit;
    const double unit = scale == ViolationScale::relative && limit != 0.0 ? std::abs(limit) : 1.0;
    sum += constraint.excess(metrics[j]) / unit;
  }
  return sum;
}

double violation_unit(std::span<const Constraint> constraints, ViolationScale scale) {
  if (constraints.empty()) return 0.1;
  double mean = 0.0;
  for (const Constraint& constraint : constraints) {
    mean += scale == ViolationScale::relative ? 1.0 : std::abs(constraint.limit);
  }
  mean /= static_cast<double>(constraints.size());
  return std::max(0.1, 0.1 * mean);
}

}  // namespace lehr
