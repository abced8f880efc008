// A language model behind a serving engine on a simulated device, to be tuned for goodput.
#pragma once

#include <memory>
#include <string>

#include "lehr/problems/problem.hpp"

namespace lehr {

// `chip` is a100 or l4.
std::shared_ptr<const Problem> llm_serving(const std::string& chip);

}  // namespace lehr
