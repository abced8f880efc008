// What bindings ask of their arguments before the core sees them: the core trusts its callers.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <string>

#include "lehr/base/error.hpp"

namespace lehr::python {

inline void require(bool holds, const char* sentence) {
  if (!holds) throw OptionError(sentence);
}

// A probability that is neither 0 nor 1.
inline void require_share(double share, const char* name) {
  if (!(share > 0 && share < 1)) throw OptionError(std::string(name) + " must lie between 0 and 1");
}

inline void require_finite(double value, const char* name) {
  if (!std::isfinite(value)) throw OptionError(std::string(name) + " must be a finite number");
}

// Sums and squares of them must not overflow either.
inline void require_measured(std::span<const double> samples, const char* name) {
  constexpr double most = 1e100;
  if (!std::all_of(samples.begin(), samples.end(), [](double value) { return std::abs(value) <= most; }))
    throw OptionError(std::string(name) + " must be finite numbers");
}

inline void require_at_most(std::size_t value, std::size_t most, const char* name) {
  if (value > most) throw OptionError(std::string(name) + " must be at most " + std::to_string(most));
}

}  // namespace lehr::python
