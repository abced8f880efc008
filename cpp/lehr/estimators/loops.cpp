// Compiled once per instruction set, with LEHR_ISA as its name. Only functions with internal linkage may be
// used here: a shared inline function could end up compiled for instructions that another machine lacks.
#include "lehr/estimators/loops.hpp"

#include "lehr/estimators/interval_mass.hpp"

#define LEHR_JOIN_(a, b) a##b
#define LEHR_JOIN(a, b) LEHR_JOIN_(a, b)
#define LEHR_TEXT_(a) #a
#define LEHR_TEXT(a) LEHR_TEXT_(a)

namespace lehr {
namespace {

constexpr double infinity = __builtin_inf();

// Tells the compiler that no rest of a block is left over.
std::size_t whole(std::size_t n) { return n / 8 * 8; }

void accumulate(double* __restrict out, const double* __restrict start, const NormalTerm* normals,
                std::size_t normal_count, const double* const* rows, std::size_t row_count,
                std::size_t count) {
  const std::size_t n = whole(count);
  for (std::size_t k = 0; k < n; ++k) out[k] = start[k];
  // Two at a time: half the traffic on `out`.
  std::size_t d = normal_count % 2;
  if (d == 1) {
    const double* __restrict slope = normals[0].slope;
    const double* __restrict offset = normals[0].offset;
    const double at = normals[0].at;
    for (std::size_t k = 0; k < n; ++k) {
      const double z = at * slope[k] - offset[k];
      out[k] -= z * z;
    }
  }
  for (; d < normal_count; d += 2) {
    const double* __restrict slope = normals[d].slope;
    const double* __restrict offset = normals[d].offset;
    const double* __restrict slope2 = normals[d + 1].slope;
    const double* __restrict offset2 = normals[d + 1].offset;
    const double at = normals[d].at;
    const double at2 = normals[d + 1].at;
    for (std::size_t k = 0; k < n; ++k) {
      const double z = at * slope[k] - offset[k];
      const double z2 = at2 * slope2[k] - offset2[k];
      out[k] -= z * z + z2 * z2;
    }
  }
  d = row_count % 2;
  if (d == 1) {
    const double* __restrict row = rows[0];
    for (std::size_t k = 0; k < n; ++k) out[k] += row[k];
  }
  for (; d < row_count; d += 2) {
    const double* __restrict row = rows[d];
    const double* __restrict row2 = rows[d + 1];
    for (std::size_t k = 0; k < n; ++k) out[k] += row[k] + row2[k];
  }
}

double log_sum_exp(const double* __restrict terms, std::size_t count) {
  const std::size_t n = whole(count);
  // Eight interleaved partial results, whatever the width of a register.
  double largest[8] = {-infinity, -infinity, -infinity, -infinity,
                       -infinity, -infinity, -infinity, -infinity};
  for (std::size_t k = 0; k < n; k += 8) {
    for (std::size_t i = 0; i < 8; ++i) largest[i] = terms[k + i] > largest[i] ? terms[k + i] : largest[i];
  }
  double top = largest[0];
  for (const double value : largest) top = value > top ? value : top;
  if (top == -infinity) return top;
  double sums[8] = {};
  for (std::size_t k = 0; k < n; k += 8) {
    // What is e^40 times smaller than the largest term does not change the sum's digits; with many dimensions
    // that is most blocks.
    double nearest = terms[k];
    for (std::size_t i = 1; i < 8; ++i) nearest = terms[k + i] > nearest ? terms[k + i] : nearest;
    if (nearest < top - 40.0) continue;
    for (std::size_t i = 0; i < 8; ++i) sums[i] += elementary::exp(terms[k + i] - top);
  }
  const double sum =
      ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
  return top + elementary::log(sum);
}

void mismatches(double* __restrict row, const double* __restrict codes, double code, double penalty,
                std::size_t count) {
  const std::size_t n = whole(count);
  for (std::size_t k = 0; k < n; ++k) {
    const double distance = codes[k] - code;
    row[k] = distance * distance > 0.25 ? penalty : 0.0;  // false for NaN
  }
}

void gather(double* __restrict row, const double* __restrict table, const std::uint32_t* __restrict index,
            std::size_t count) {
  const std::size_t n = whole(count);
  for (std::size_t k = 0; k < n; ++k) row[k] = table[index[k]];
}

void signed_tails(double* __restrict tails, const double* __restrict mean, const double* __restrict inverse,
                  double at, std::size_t count) {
  const std::size_t n = whole(count);
  for (std::size_t k = 0; k < n; ++k) {
    const double z = (at - mean[k]) * inverse[k];
    const double tail = elementary::upper_tail(z < 0.0 ? -z : z);
    tails[k] = z < 0.0 ? -tail : tail;
  }
}

void log_masses(double* __restrict out, const double* __restrict left, const double* __restrict right,
                std::size_t count) {
  const std::size_t n = whole(count);
  for (std::size_t k = 0; k < n; ++k) {
    const double difference = left[k] - right[k];
    const double between = (left[k] < 0.0 ? 1.0 : 0.0) * (right[k] > 0.0 ? 1.0 : 0.0);
    const double mass = between + difference;
    out[k] = elementary::log(mass > 1e-300 ? mass : 1e-300);
  }
}

void exact_log_masses(double* __restrict out, const double* __restrict mean, const double* __restrict inverse,
                      double left, double right, std::size_t count) {
  const std::size_t n = whole(count);
  for (std::size_t k = 0; k < n; ++k) {
    const double below = (left - mean[k]) * inverse[k];
    const double above = (right - mean[k]) * inverse[k];
    const bool mirror = below + above < 0.0;
    out[k] = elementary::log_interval_mass(mirror ? -above : below, mirror ? -below : above);
  }
}

void unit_masses(double* __restrict lower_tail, double* __restrict mass, const double* __restrict mean,
                 const double* __restrict inverse, std::size_t count) {
  const std::size_t n = whole(count);
  for (std::size_t k = 0; k < n; k += 8) {
    double nearest = mean[k] * inverse[k];
    for (std::size_t i = 0; i < 8; ++i) {
      const double below = mean[k + i] * inverse[k + i];
      const double above = (1.0 - mean[k + i]) * inverse[k + i];
      const double nearer = below < above ? below : above;
      nearest = nearer < nearest ? nearer : nearest;
    }
    if (nearest > 9.0) {  // tails below 2e-19: the mass is 1 to the last digit
      for (std::size_t i = 0; i < 8; ++i) {
        lower_tail[k + i] = 0.0;
        mass[k + i] = 1.0;
      }
      continue;
    }
    for (std::size_t i = 0; i < 8; ++i) {
      const double below = elementary::upper_tail(mean[k + i] * inverse[k + i]);
      const double above = elementary::upper_tail((1.0 - mean[k + i]) * inverse[k + i]);
      lower_tail[k + i] = below;
      mass[k + i] = 1.0 - (below + above);
    }
  }
}

void multiply(double* __restrict product, const double* __restrict factor, std::size_t count) {
  const std::size_t n = whole(count);
  for (std::size_t k = 0; k < n; ++k) product[k] *= factor[k];
}

void add_logarithms(double* __restrict sum, const double* __restrict values, std::size_t count) {
  const std::size_t n = whole(count);
  for (std::size_t k = 0; k < n; ++k) sum[k] += elementary::log(values[k]);
}

}  // namespace

extern const Loops LEHR_JOIN(loops_, LEHR_ISA);
const Loops LEHR_JOIN(loops_, LEHR_ISA) = {
    LEHR_TEXT(LEHR_ISA), accumulate,       log_sum_exp, mismatches, gather,        signed_tails,
    log_masses,          exact_log_masses, unit_masses, multiply,   add_logarithms};

}  // namespace lehr
