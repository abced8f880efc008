// The nearest known name to a mistyped one.
#pragma once

#include <string>
#include <vector>

namespace lehr {

// "; did you mean 'backend'?" or nothing when no candidate is close.
std::string suggestion(const std::string& given, const std::vector<std::string>& candidates);

}  // namespace lehr
