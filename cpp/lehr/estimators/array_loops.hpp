// The loops over kernels where the time goes. Plain functions of arrays: a variant for a wider instruction
// set is the same source compiled again and yields the same digits, since no loop depends on the width of a
// register.
#pragma once

#include <cstddef>

namespace lehr::loops {

// Arrays may be read and written up to the next multiple of this.
inline constexpr std::size_t padding = 8;
constexpr std::size_t padded(std::size_t n) { return (n + padding - 1) / padding * padding; }

// sum[k] -= ((position - mean[k]) inverse[k])^2 / 2
void add_normal(double* sum, const double* mean, const double* inverse, double position, std::size_t n);

// sum[k] += penalty where code[k] is another code than `code`; a NaN in code[k] is no other code.
void add_mismatch(double* sum, const double* codes, double code, double penalty, std::size_t n);

// sum[k] += row[k]
void add(double* sum, const double* row, std::size_t n);

// out[k] = log mass of N(mean[k], 1 / inverse[k]) in [left, right]. `wide` says that no interval is narrower
// than a thousandth of a deviation: it saves the series for narrow ones.
void log_masses(double* out, const double* mean, const double* inverse, double left, double right, bool wide,
                std::size_t n);

// For kernels with 0 <= mean <= 1: lower_tail[k] = Phi below 0, mass[k] = mass in [0, 1].
void unit_masses(double* lower_tail, double* mass, const double* mean, const double* inverse, std::size_t n);

// product[k] *= factor[k]
void multiply(double* product, const double* factor, std::size_t n);

// out[k] = log(values[k]), values positive
void logarithms(double* out, const double* values, std::size_t n);

// log sum_k exp(terms[k]); -inf when every term is. The order of summation is fixed.
double log_sum_exp(const double* terms, std::size_t n);

}  // namespace lehr::loops
