// How far a result is from its limits.
#pragma once

#include <span>

#include "lehr/search/result.hpp"

namespace lehr {

enum class ViolationScale {
  relative,  // (g - c) / |c|, so that milliseconds and megabytes can be added; plain g - c where c = 0
  raw,       // g - c (Eq. 3 of the paper)
};

// V = sum_j max(0, excess_j) (Eq. 3). Metrics that are NaN (not measured) add nothing.
double violation(std::span<const double> metrics, std::span<const Constraint> constraints,
                 ViolationScale scale);

// s_V = max(0.1, 0.1 mean_j |c_j|) (below Eq. 10), the unit in which the acceptance of a worse violation is
// judged. Under relative violations every limit counts as 1.
double violation_unit(std::span<const Constraint> constraints, ViolationScale scale);

}  // namespace lehr
