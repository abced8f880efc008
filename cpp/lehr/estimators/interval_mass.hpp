// Mass of the standard normal distribution in an interval, as branch-free arithmetic for loops over arrays.
#pragma once

#include "lehr/estimators/elementary.hpp"

namespace lehr::elementary {

// Mass over phi(m) h, with m = (a + b) / 2 and h = b - a: the Taylor series in h, whose coefficients are
// Hermite polynomials of m. Needs h <= 0.1 and |m| h <= 0.1; the terms left out are then below 1e-17.
template <class T>
static inline T narrow_factor(T m, T h) {
  const T s = h * h;
  const T q = m * m * s;
  const T t1 = (q - s) * (1.0 / 24);
  const T t2 = ((q - 6.0 * s) * q + 3.0 * s * s) * (1.0 / 1920);
  const T t3 = (((q - 15.0 * s) * q + 45.0 * s * s) * q - 15.0 * s * s * s) * (1.0 / 322560);
  const T t4 = ((((q - 28.0 * s) * q + 210.0 * s * s) * q - 420.0 * s * s * s) * q + 105.0 * s * s * s * s) *
               (1.0 / 92897280);
  return 1.0 + (t1 + (t2 + (t3 + t4)));
}

// log mass of [a, b] with b >= |a|, split as -x^2 / 2 - log sqrt(2 pi) + log(factor) so that nothing
// underflows. Where the interval lies in the upper tail, the tails at both ends are taken relative to phi(a);
// where it holds 0, the mass is the complement of both tails.
template <class T>
static inline T log_wide_mass(T a, T b) {
  const T zero = same<T>(0.0);
  const T near = a < zero ? -a : a;
  const T decay = exp(-0.5 * (b - near) * (b + near));  // phi(b) / phi(near)
  const T tail_near = mills(near);
  const T tail_far = decay * mills(b);
  const T inner = exp(-0.5 * near * near);
  const T complement = 1.0 - inverse_sqrt_two_pi * inner * (tail_near + tail_far);
  const T factor = a < zero ? complement : tail_near - tail_far;
  const T offset = a < zero ? zero : -0.5 * near * near - log_sqrt_two_pi;
  return offset + log(factor);
}

template <class T>
static inline T log_narrow_mass(T a, T b) {
  const T m = 0.5 * (a + b);
  const T h = b - a;
  return -0.5 * m * m - log_sqrt_two_pi + log(h * narrow_factor(m, h));
}

// Any finite interval with b >= |a|.
template <class T>
static inline T log_interval_mass(T a, T b) {
  const T width = b - a;
  const T decay = 0.5 * (a + b) * width;
  const T limit = same<T>(0.1);
  const T wide = log_wide_mass(a, b);
  const T narrow = log_narrow_mass(a, b);
  return width < limit ? (decay < limit ? narrow : wide) : wide;
}

}  // namespace lehr::elementary
