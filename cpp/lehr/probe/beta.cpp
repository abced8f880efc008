#include "lehr/probe/beta.hpp"

#include <cmath>
#include <limits>

namespace lehr::probe {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

// std::lgamma writes a global (signgam); Lanczos' approximation (g = 7, n = 9) is good to 1e-14 for x > 0.
double log_gamma(double x) {
  static constexpr double coefficients[] = {
      0.99999999999980993,  676.5203681218851,     -1259.1392167224028,
      771.32342877765313,   -176.61502916214059,   12.507343278686905,
      -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7};
  if (x < 0.5)
    return std::log(3.14159265358979323846 / std::sin(3.14159265358979323846 * x)) - log_gamma(1 - x);
  const double y = x - 1;
  double sum = coefficients[0];
  for (int i = 1; i < 9; ++i) sum += coefficients[i] / (y + i);
  const double t = y + 7.5;
  return 0.91893853320467274178 + (y + 0.5) * std::log(t) - t + std::log(sum);
}

// The continued fraction of I_x(a, b) without its prefactor; x < (a + 1) / (a + b + 2).
double fraction(double a, double b, double x) {
  constexpr double tiny = 1e-300;
  double c = 1, d = 1 - (a + b) * x / (a + 1);
  d = 1 / (std::fabs(d) < tiny ? tiny : d);
  double value = d;
  for (int m = 1; m < 10000; ++m) {
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 + even * d;
    d = 1 / (std::fabs(d) < tiny ? tiny : d);
    c = 1 + even / c;
    if (std::fabs(c) < tiny) c = tiny;
    value *= d * c;
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 + odd * d;
    d = 1 / (std::fabs(d) < tiny ? tiny : d);
    c = 1 + odd / c;
    if (std::fabs(c) < tiny) c = tiny;
    const double step = d * c;
    value *= step;
    if (std::fabs(step - 1) < 1e-14) break;
  }
  return value;
}

}  // namespace

double log_beta(double a, double b) { return log_gamma(a) + log_gamma(b) - log_gamma(a + b); }

LogBeta log_incomplete_beta(double a, double b, double x) {
  if (x <= 0) return {-infinity, 0};
  if (x >= 1) return {0, -infinity};
  const double front = a * std::log(x) + b * std::log1p(-x) - log_beta(a, b);
  if (x < (a + 1) / (a + b + 2)) {
    const double below = std::fmin(0.0, front + std::log(fraction(a, b, x) / a));
    return {below, std::log1p(-std::exp(below))};
  }
  const double above = std::fmin(0.0, front + std::log(fraction(b, a, 1 - x) / b));
  return {std::log1p(-std::exp(above)), above};
}

double binomial_below(double k, double n, double p) {
  if (k < 0) return 0;
  if (k >= n) return 1;
  return std::exp(log_incomplete_beta(k + 1, n - k, p).above);
}

}  // namespace lehr::probe
