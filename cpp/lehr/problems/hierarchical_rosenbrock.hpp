// hierarchical_rosenbrock of arXiv 2604.25073: a Rosenbrock valley in two, four or five variables by mode.
#pragma once

#include <memory>

#include "lehr/problems/problem.hpp"

namespace lehr {

std::shared_ptr<const Problem> hierarchical_rosenbrock();

}  // namespace lehr
