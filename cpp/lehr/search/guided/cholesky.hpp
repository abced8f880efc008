// The Cholesky factor of a small positive definite matrix. Lower triangle, packed by columns, so that the
// inner loops run over contiguous memory; the order of every sum is fixed.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace lehr::guided {

// Where column j of the packed lower triangle of an n x n matrix starts; its first entry is the diagonal.
inline std::size_t packed_column(std::size_t j, std::size_t n) { return j * n - j * (j - 1) / 2; }
inline std::size_t packed_size(std::size_t n) { return n * (n + 1) / 2; }

// Replaces the matrix by its factor L (L L' = matrix). False when it is not positive definite.
bool factor(std::span<double> matrix, std::size_t n);
// Solves L x = b in place.
void solve_lower(std::span<const double> lower, std::size_t n, std::span<double> b);
// Solves L' x = b in place.
void solve_upper(std::span<const double> lower, std::size_t n, std::span<double> b);
// Solves L X = B in place for many right-hand sides: b is row-major, n x lanes.
void solve_lower_many(std::span<const double> lower, std::size_t n, std::span<double> b, std::size_t lanes);
double log_determinant_half(std::span<const double> lower, std::size_t n);  // sum of log L_ii

}  // namespace lehr::guided
