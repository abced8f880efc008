// The loops where the time goes, behind one table of functions. A table for a wider instruction set is the
// same source compiled again, and yields the same digits: no result depends on the width of a register.
//
// Points to score lie side by side in lanes, so that sums over kernels need no step across a register.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lehr {

// Lengths of arrays handed to the loops, and numbers of lanes, are multiples of this.
inline constexpr std::size_t block_length = 8;
constexpr std::size_t whole_blocks(std::size_t n) {
  return (n + block_length - 1) / block_length * block_length;
}

// So many points are scored at once.
inline constexpr std::size_t most_lanes = 24;

inline constexpr std::size_t screen_bytes = 32;

// A factor that takes few values, looked up: what it adds to the exponent of kernel k at lane i is
// values[index[k]][i] <= 0.
struct Table {
  const double* values;  // rows x lanes
  const std::uint32_t* index;
  // Rows in use, and room for screen_bytes bytes for each row there is: with them the loop learns quickly
  // which kernels matter at no lane. Without room it does without.
  const std::uint32_t* row;  // null: the first ones
  std::size_t rows;
  std::uint8_t* bytes;
};

// A mixture of product kernels as seen by some points. Kernel k's exponent at lane i is
//   start[k] - sum_d (at[d][i] slope[d][k] - offset[d][k])^2 + sum_t table[t].values[table[t].index[k]][i].
struct Mixture {
  std::size_t
      kernels;  // the last one is the prior's: what is e^40 times smaller than it at every lane is left out
  std::size_t lanes;    // at most most_lanes
  const double* start;  // <= 0; whole blocks of them
  std::size_t normals;
  const double* const* slope;
  const double* const* offset;
  const double* at;  // normals x lanes
  std::size_t tables;
  const Table* table;
};

// What draws values of one dimension: of lane i, the fraction u[i] of the mass that N(mean, 1 / inverse) has
// in [0, 1], taken back from the unit interval to the variable's own scale.
struct Drawing {
  std::size_t lanes;
  const double* u;  // [0, 1)
  const double* mean;
  const double* inverse;
  const double* lower_tail;
  const double* mass;
  double half_origin, half_extent;
  bool log;
  double low, high, step;  // step 0: continuous
};

// Bins of one dimension as seen by some points: log masses of N(mean, 1 / inverse) in the bin of each lane's
// value.
struct Binning {
  std::size_t components;
  const std::uint32_t* component;  // which ones, also their rows in the output; null: all, in order
  const double* mean;
  const double* inverse;
  std::size_t lanes;
  std::size_t values;          // distinct values; a whole number of blocks, at most most_lanes
  std::size_t edges;           // distinct ends of their bins; whole blocks, at most 2 most_lanes
  const double* edge;          // positions
  const std::uint32_t* lower;  // of each value: which edge is its bin's lower end
  const std::uint32_t* upper;
  const std::uint32_t* value_of;  // of each lane
  bool narrow;  // some bin is so narrow that a difference of tails loses its digits: use the series (slower)
};

struct Loops {
  const char* name;

  // sums[i] = sum_k exp(exponent of kernel k at lane i); exponents below -708 count as -708.
  void (*mix)(double* sums, const Mixture& mixture);

  // out[c][i] = log mass of component c in the bin of lane i; unless narrow, masses below 1e-300 count as
  // 1e-300.
  void (*log_masses)(double* out, const Binning& binning);

  // out[row[r]][i] = from[row[r]][place[i]] for all rows r and lanes i; without `row` for the first ones.
  void (*pick)(double* out, const double* from, std::size_t from_length, const std::uint32_t* row,
               std::size_t rows, const std::uint32_t* place, std::size_t lanes);

  // For means in [0, 1]: lower_tail[k] = probability of N(mean[k], 1 / inverse[k]) below 0, mass[k] = in [0,
  // 1].
  void (*unit_masses)(double* lower_tail, double* mass, const double* mean, const double* inverse,
                      std::size_t n);

  // out[i] = the value drawn at lane i.
  void (*draw)(double* out, const Drawing& drawing);

  // out[k] = table[index[k]]
  void (*gather)(double* out, const double* table, const std::uint32_t* index, std::size_t n);

  // product[k] *= factor[k]
  void (*multiply)(double* product, const double* factor, std::size_t n);

  // sum[k] += log(values[k]), values positive
  void (*add_logarithms)(double* sum, const double* values, std::size_t n);

  // The largest of n > 0 values.
  double (*largest)(const double* values, std::size_t n);
};

// The widest table that this processor runs. LEHR_FORCE_ISA=baseline, avx2 or avx512 in the environment
// forces one of them; anything else, or what this processor lacks, throws OptionError.
const Loops& loops();
// By name; null when this build or processor lacks it.
const Loops* loops_named(const char* name);

}  // namespace lehr
