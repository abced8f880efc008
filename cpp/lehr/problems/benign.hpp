// One small deployment space in three tempers: where nothing fails, where everything does, and where failures
// follow no pattern. They tell what a method's belief in patterns costs where there are none.
#pragma once

#include <memory>

#include "lehr/problems/problem.hpp"

namespace lehr {

std::shared_ptr<const Problem> none_fail();
std::shared_ptr<const Problem> all_fail();
std::shared_ptr<const Problem> random_fail();

}  // namespace lehr
