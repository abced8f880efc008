#include "lehr/estimators/array_loops.hpp"

#include <limits>

#include "lehr/estimators/interval_mass.hpp"

namespace lehr::loops {

void add_normal(double* __restrict sum, const double* __restrict mean, const double* __restrict inverse,
                double position, std::size_t n) {
  for (std::size_t k = 0; k < n; ++k) {
    const double z = (position - mean[k]) * inverse[k];
    sum[k] -= 0.5 * z * z;
  }
}

void add_mismatch(double* __restrict sum, const double* __restrict codes, double code, double penalty,
                  std::size_t n) {
  for (std::size_t k = 0; k < n; ++k) {
    const double distance = codes[k] - code;
    sum[k] += distance * distance > 0.25 ? penalty : 0.0;  // false for NaN
  }
}

void add(double* __restrict sum, const double* __restrict row, std::size_t n) {
  for (std::size_t k = 0; k < n; ++k) sum[k] += row[k];
}

void log_masses(double* __restrict out, const double* __restrict mean, const double* __restrict inverse,
                double left, double right, bool wide, std::size_t n) {
  const auto ends = [&](std::size_t k, double& a, double& b) {
    const double below = (left - mean[k]) * inverse[k];
    const double above = (right - mean[k]) * inverse[k];
    const bool mirror = below + above < 0.0;
    a = mirror ? -above : below;
    b = mirror ? -below : above;
  };
  double a = 0.0, b = 0.0;
  if (wide) {
    for (std::size_t k = 0; k < n; ++k) {
      ends(k, a, b);
      out[k] = elementary::log_wide_mass(a, b);
    }
  } else {
    for (std::size_t k = 0; k < n; ++k) {
      ends(k, a, b);
      out[k] = elementary::log_interval_mass(a, b);
    }
  }
}

void unit_masses(double* __restrict lower_tail, double* __restrict mass, const double* __restrict mean,
                 const double* __restrict inverse, std::size_t n) {
  for (std::size_t k = 0; k < n; ++k) {
    const double below = elementary::upper_tail(mean[k] * inverse[k]);
    const double above = elementary::upper_tail((1.0 - mean[k]) * inverse[k]);
    lower_tail[k] = below;
    mass[k] = 1.0 - (below + above);
  }
}

void multiply(double* __restrict product, const double* __restrict factor, std::size_t n) {
  for (std::size_t k = 0; k < n; ++k) product[k] *= factor[k];
}

void logarithms(double* __restrict out, const double* __restrict values, std::size_t n) {
  for (std::size_t k = 0; k < n; ++k) out[k] = elementary::log(values[k]);
}

double log_sum_exp(const double* __restrict terms, std::size_t n) {
  // Eight interleaved partial results whatever the register width; the last n % 8 terms go to the first ones.
  double largest[padding], sums[padding] = {};
  for (double& value : largest) value = -std::numeric_limits<double>::infinity();
  const std::size_t whole = n / padding * padding;
  for (std::size_t k = 0; k < whole; k += padding) {
    for (std::size_t i = 0; i < padding; ++i)
      largest[i] = terms[k + i] > largest[i] ? terms[k + i] : largest[i];
  }
  for (std::size_t k = whole; k < n; ++k)
    largest[k - whole] = terms[k] > largest[k - whole] ? terms[k] : largest[k - whole];
  double top = largest[0];
  for (const double value : largest) top = value > top ? value : top;
  if (top == -std::numeric_limits<double>::infinity()) return top;
  for (std::size_t k = 0; k < whole; k += padding) {
    for (std::size_t i = 0; i < padding; ++i) sums[i] += elementary::exp(terms[k + i] - top);
  }
  for (std::size_t k = whole; k < n; ++k) sums[k - whole] += elementary::exp(terms[k] - top);
  const double sum =
      ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
  return top + elementary::log(sum);
}

}  // namespace lehr::loops
