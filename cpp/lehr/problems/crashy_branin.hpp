// crashy_branin of arXiv 2604.25073: the Branin-Hoo function in three shifted modes, with regions that crash.
#pragma once

#include <memory>

#include "lehr/problems/problem.hpp"

namespace lehr {

std::shared_ptr<const Problem> crashy_branin();

}  // namespace lehr
