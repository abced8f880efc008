// Mass of the standard normal distribution in an interval, as branch-free arithmetic for loops over arrays.
#pragma once

#include "lehr/estimators/elementary.hpp"

namespace lehr::elementary {

// Mass over phi(m) h, with m = (a + b) / 2 and h = b - a: the Taylor series in h, whose coefficients are
// Hermite polynomials of m. Needs h <= 0.1 and |m| h <= 0.1; the terms left out are then below 1e-17.
static inline double narrow_factor(double m, double h) {
  const double s = h * h;
  const double q = m * m * s;
  const double t1 = (q - s) * (1.0 / 24);
  const double t2 = ((q - 6.0 * s) * q + 3.0 * s * s) * (1.0 / 1920);
  const double t3 = (((q - 15.0 * s) * q + 45.0 * s * s) * q - 15.0 * s * s * s) * (1.0 / 322560);
  const double t4 =
      ((((q - 28.0 * s) * q + 210.0 * s * s) * q - 420.0 * s * s * s) * q + 105.0 * s * s * s * s) *
      (1.0 / 92897280);
  return 1.0 + (t1 + (t2 + (t3 + t4)));
}

// log mass of [a, b] with b >= |a|, split as -x^2 / 2 - log sqrt(2 pi) + log(factor) so that nothing
// underflows. Where the interval lies in the upper tail, the tails at both ends are taken relative to phi(a);
// where it holds 0, the mass is the complement of both tails.
static inline double log_wide_mass(double a, double b) {
  const double near = a < 0.0 ? -a : a;
  const double decay = exp(-0.5 * (b - near) * (b + near));  // phi(b) / phi(near)
  const double tail_near = mills(near);
  const double tail_far = decay * mills(b);
  const double inner = exp(-0.5 * near * near);
  const double complement = 1.0 - inverse_sqrt_two_pi * inner * (tail_near + tail_far);
  const double factor = a < 0.0 ? complement : tail_near - tail_far;
  const double offset = a < 0.0 ? 0.0 : -0.5 * near * near - log_sqrt_two_pi;
  return offset + log(factor);
}

static inline double log_narrow_mass(double a, double b) {
  const double m = 0.5 * (a + b);
  const double h = b - a;
  return -0.5 * m * m - log_sqrt_two_pi + log(h * narrow_factor(m, h));
}

static inline bool is_narrow(double a, double b) { return (b - a) < 0.1 && 0.5 * (a + b) * (b - a) < 0.1; }

// Any finite interval with b >= |a|.
static inline double log_interval_mass(double a, double b) {
  return is_narrow(a, b) ? log_narrow_mass(a, b) : log_wide_mass(a, b);
}

}  // namespace lehr::elementary
