#include "lehr/search/guided/cholesky.hpp"

#include <cmath>

namespace lehr::guided {

bool factor(std::span<double> matrix, std::size_t n) {
  double* const entries = matrix.data();
  for (std::size_t k = 0; k < n; ++k) {
    double* const column = entries + packed_column(k, n);  // entry i at column[i - k]
    if (!(column[0] > 0.0)) return false;
    const double pivot = std::sqrt(column[0]);
    const double inverse = 1.0 / pivot;
    column[0] = pivot;
    for (std::size_t i = 1; i < n - k; ++i) column[i] *= inverse;
    for (std::size_t j = k + 1; j < n; ++j) {
      double* const target = entries + packed_column(j, n);
      const double* const source = column + (j - k);
      const double weight = source[0];
      for (std::size_t i = 0; i < n - j; ++i) target[i] -= weight * source[i];
    }
  }
  return true;
}

void solve_lower(std::span<const double> lower, std::size_t n, std::span<double> b) {
  for (std::size_t k = 0; k < n; ++k) {
    const double* const column = lower.data() + packed_column(k, n);
    b[k] /= column[0];
    const double value = b[k];
    for (std::size_t i = 1; i < n - k; ++i) b[k + i] -= value * column[i];
  }
}

void solve_upper(std::span<const double> lower, std::size_t n, std::span<double> b) {
  for (std::size_t k = n; k-- > 0;) {
    const double* const column = lower.data() + packed_column(k, n);
    double sum = b[k];
    for (std::size_t i = 1; i < n - k; ++i) sum -= column[i] * b[k + i];
    b[k] = sum / column[0];
  }
}

void solve_lower_many(std::span<const double> lower, std::size_t n, std::span<double> b, std::size_t lanes) {
  for (std::size_t k = 0; k < n; ++k) {
    const double* const column = lower.data() + packed_column(k, n);
    double* const solved = b.data() + k * lanes;
    const double inverse = 1.0 / column[0];
    for (std::size_t lane = 0; lane < lanes; ++lane) solved[lane] *= inverse;
    for (std::size_t i = 1; i < n - k; ++i) {
      double* const row = solved + i * lanes;
      const double weight = column[i];
      for (std::size_t lane = 0; lane < lanes; ++lane) row[lane] -= weight * solved[lane];
    }
  }
}

double log_determinant_half(std::span<const double> lower, std::size_t n) {
  double sum = 0.0;
  for (std::size_t k = 0; k < n; ++k) sum += std::log(lower[packed_column(k, n)]);
  return sum;
}

}  // namespace lehr::guided
