// The Branin-Hoo function with its usual constants (Dixon and Szego, "Towards Global Optimisation 2", 1978).
#pragma once

#include <cmath>
#include <numbers>

namespace lehr {

// At least 10/(8 pi), since a square is at least 0 and a cosine at least -1; that is reached at
// (-pi, 12.275), (pi, 2.275) and (3 pi, 2.475).
inline double branin(double x1, double x2) {
  constexpr double pi = std::numbers::pi;
  const double bend = x2 - 5.1 / (4.0 * pi * pi) * x1 * x1 + 5.0 / pi * x1 - 6.0;
  return bend * bend + 10.0 * (1.0 - 1.0 / (8.0 * pi)) * std::cos(x1) + 10.0;
}

constexpr double branin_minimum = 10.0 / (8.0 * std::numbers::pi);

}  // namespace lehr
