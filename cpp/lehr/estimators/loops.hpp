// The loops over arrays where the time goes, behind one table of functions. A table for a wider instruction
// set is the same source compiled again, and yields the same digits: no loop's result depends on the width of
// a register.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lehr {

// Arrays handed to the loops have a length that is a multiple of this.
inline constexpr std::size_t block_length = 8;
constexpr std::size_t whole_blocks(std::size_t n) {
  return (n + block_length - 1) / block_length * block_length;
}

// One dimension's share of a log density: -(at * slope[k] - offset[k])^2 per kernel.
struct NormalTerm {
  const double* slope;
  const double* offset;
  double at;
};

struct Loops {
  const char* name;

  // out[k] = start[k] + normal terms + rows[0][k] + rows[1][k] + ...
  void (*accumulate)(double* out, const double* start, const NormalTerm* normals, std::size_t normal_count,
                     const double* const* rows, std::size_t row_count, std::size_t n);

  // log sum_k exp(terms[k]); -inf when every term is.
  double (*log_sum_exp)(const double* terms, std::size_t n);

  // row[k] = penalty where codes[k] is another code, else 0; NaN is no other code.
  void (*mismatches)(double* row, const double* codes, double code, double penalty, std::size_t n);

  // row[k] = table[index[k]]
  void (*gather)(double* row, const double* table, const std::uint32_t* index, std::size_t n);

  // tails[k] = the probability of N(mean[k], 1 / inverse[k]) beyond `at`, on the side that leads away from
  // the mean, negated where `at` is below the mean. The mass between two places is then the difference of
  // their tails, plus 1 when the mean lies between: no digits are lost in either tail.
  void (*signed_tails)(double* tails, const double* mean, const double* inverse, double at, std::size_t n);
  // out[k] = log of that mass; masses below 1e-300 count as 1e-300 (log -690.8).
  void (*log_masses)(double* out, const double* left_tails, const double* right_tails, std::size_t n);
  // out[k] = log mass between left and right, exact for intervals of any width and far tails; slower.
  void (*exact_log_masses)(double* out, const double* mean, const double* inverse, double left, double right,
                           std::size_t n);

  // For means in [0, 1]: lower_tail[k] = probability below 0, mass[k] = probability in [0, 1].
  void (*unit_masses)(double* lower_tail, double* mass, const double* mean, const double* inverse,
                      std::size_t n);

  // product[k] *= factor[k]
  void (*multiply)(double* product, const double* factor, std::size_t n);

  // sum[k] += log(values[k]), values positive
  void (*add_logarithms)(double* sum, const double* values, std::size_t n);
};

// The widest table that this processor runs; LEHR_CPU=baseline, avx2 or avx512 in the environment forces one
// that it runs.
const Loops& loops();
// By name; null when this build or processor lacks it.
const Loops* loops_named(const char* name);

}  // namespace lehr
