// Compiled once per instruction set, with LEHR_ISA as its name. Only functions with internal linkage may be
// used here: a shared inline function could end up compiled for instructions that another machine lacks.
#include "lehr/estimators/loops.hpp"

#include "lehr/estimators/interval_mass.hpp"

#if defined(__SSE2__)
#include <immintrin.h>
#endif

#define LEHR_JOIN_(a, b) a##b
#define LEHR_JOIN(a, b) LEHR_JOIN_(a, b)
#define LEHR_TEXT_(a) #a
#define LEHR_TEXT(a) LEHR_TEXT_(a)

namespace lehr {
namespace {

using elementary::Block;
using elementary::block_width;
using elementary::same;

inline Block load(const double* from) {
  Block block;
  __builtin_memcpy(&block, from, sizeof block);
  return block;
}

inline void store(double* to, Block block) { __builtin_memcpy(to, &block, sizeof block); }

// Tells the compiler that no rest of a block is left over.
inline std::size_t whole(std::size_t n) { return n / 8 * 8; }

// Whether any element of a comparison's result is true: all bits of an element are set, or none.
template <class Mask>
inline bool any(Mask mask) {
#if defined(__AVX512DQ__)
  return _mm512_movepi64_mask(__builtin_bit_cast(__m512i, mask)) != 0;
#elif defined(__AVX__)
  return _mm256_movemask_pd(__builtin_bit_cast(__m256d, mask)) != 0;
#elif defined(__SSE2__)
  return _mm_movemask_pd(__builtin_bit_cast(__m128d, mask)) != 0;
#else
  auto bits = mask[0];
  for (std::size_t i = 1; i < block_width; ++i) bits |= mask[i];
  return bits != 0;
#endif
}

// An exponent's parts; each only lowers it.
template <std::size_t Blocks>
inline void add_tables(Block (&sum)[Blocks], const Mixture& m, std::size_t k) {
  constexpr std::size_t lanes = Blocks * block_width;
  for (std::size_t t = 0; t < m.tables; ++t) {
    const double* const row = m.table[t] + m.index[t][k] * lanes;
    for (std::size_t b = 0; b < Blocks; ++b) sum[b] += load(row + b * block_width);
  }
}

template <std::size_t Blocks>
inline void add_normals(Block (&sum)[Blocks], const Mixture& m, std::size_t k) {
  constexpr std::size_t lanes = Blocks * block_width;
  for (std::size_t d = 0; d < m.normals; ++d) {
    const double slope = m.slope[d][k];
    const double offset = m.offset[d][k];
    const double* const at = m.at + d * lanes;
    for (std::size_t b = 0; b < Blocks; ++b) {
      const Block z = load(at + b * block_width) * slope - offset;
      sum[b] -= z * z;
    }
  }
}

template <std::size_t Blocks>
inline bool any_above(const Block (&values)[Blocks], const Block (&least)[Blocks]) {
  auto above = values[0] > least[0];
  for (std::size_t b = 1; b < Blocks; ++b) above |= values[b] > least[b];
  return any(above);
}

template <std::size_t Blocks>
void mix_blocks(double* sums, const Mixture& m) {
  Block sum[Blocks], least[Blocks], exponent[Blocks];
  for (std::size_t b = 0; b < Blocks; ++b) least[b] = same<Block>(m.start[m.kernels - 1]);
  add_tables(least, m, m.kernels - 1);
  add_normals(least, m, m.kernels - 1);
  for (std::size_t b = 0; b < Blocks; ++b) {
    sum[b] = Block{};
    least[b] = least[b] - 40.0;
  }
  for (std::size_t k = 0; k < m.kernels; ++k) {
    if (m.start[k] < -1e300) continue;  // a kernel without weight
    for (std::size_t b = 0; b < Blocks; ++b) exponent[b] = same<Block>(m.start[k]);
    add_tables(exponent, m, k);
    if (m.tables > 0 && !any_above(exponent, least)) continue;
    add_normals(exponent, m, k);
    if (!any_above(exponent, least)) continue;
    for (std::size_t b = 0; b < Blocks; ++b) sum[b] += elementary::exp(exponent[b]);
  }
  for (std::size_t b = 0; b < Blocks; ++b) store(sums + b * block_width, sum[b]);
}

void mix(double* sums, const Mixture& mixture) {
  constexpr std::size_t blocks = block_length / block_width;
  if (mixture.lanes == block_length) {
    mix_blocks<blocks>(sums, mixture);
  } else if (mixture.lanes == 2 * block_length) {
    mix_blocks<2 * blocks>(sums, mixture);
  } else {
    mix_blocks<3 * blocks>(sums, mixture);
  }
}

void log_masses(double* __restrict out, const Binning& binning) {
  double tails[2 * most_lanes], left[most_lanes], right[most_lanes], masses[most_lanes];
  const Block zero{};
  for (std::size_t nth = 0; nth < binning.components; ++nth) {
    const std::size_t c = binning.component != nullptr ? binning.component[nth] : nth;
    const double mean = binning.mean[c];
    const double inverse = binning.inverse[c];
    // The tail beyond each edge, on the side that leads away from the mean, negated where the edge is below
    // the mean. A mass is then a difference of tails, plus 1 when the mean lies between: no digits are lost
    // in either tail.
    for (std::size_t e = 0; e < binning.edges; e += block_width) {
      const Block z = (load(binning.edge + e) - mean) * inverse;
      if (binning.narrow) {
        store(tails + e, z);
        continue;
      }
      const Block tail = elementary::upper_tail(z < zero ? -z : z);
      store(tails + e, z < zero ? -tail : tail);
    }
    for (std::size_t v = 0; v < binning.values; ++v) {
      left[v] = tails[binning.lower[v]];
      right[v] = tails[binning.upper[v]];
    }
    for (std::size_t v = 0; v < binning.values; v += block_width) {
      const Block a = load(left + v);
      const Block b = load(right + v);
      if (binning.narrow) {
        const Block sum = a + b;
        store(masses + v, elementary::log_interval_mass(sum < zero ? -b : a, sum < zero ? -a : b));
        continue;
      }
      const Block one = same<Block>(1.0);
      const Block mass = (a < zero ? (b > zero ? one : zero) : zero) + (a - b);
      const Block least = same<Block>(1e-300);
      store(masses + v, elementary::log(mass > least ? mass : least));
    }
    for (std::size_t i = 0; i < binning.lanes; ++i) out[c * binning.lanes + i] = masses[binning.value_of[i]];
  }
}

void pick(double* __restrict out, const double* __restrict from, std::size_t from_length,
          const std::uint32_t* __restrict row, std::size_t rows, const std::uint32_t* __restrict place,
          std::size_t lanes) {
  for (std::size_t r = 0; r < rows; ++r) {
    const std::size_t at = row != nullptr ? row[r] : r;
    const double* const source = from + at * from_length;
    double* const target = out + at * lanes;
    for (std::size_t i = 0; i < whole(lanes); ++i) target[i] = source[place[i]];
  }
}

void unit_masses(double* __restrict lower_tail, double* __restrict mass, const double* __restrict mean,
                 const double* __restrict inverse, std::size_t count) {
  const std::size_t n = whole(count);
  for (std::size_t k = 0; k < n; k += block_width) {
    const Block slope = load(inverse + k);
    const Block below = load(mean + k) * slope;
    const Block above = (1.0 - load(mean + k)) * slope;
    // Tails below 2e-19 count as 0 whether or not their neighbours allow to skip the work.
    const Block far = same<Block>(9.0);
    const Block zero{};
    if (!any((below < far) | (above < far))) {
      store(lower_tail + k, zero);
      store(mass + k, same<Block>(1.0));
      continue;
    }
    const Block lower = below < far ? elementary::upper_tail(below) : zero;
    const Block upper = above < far ? elementary::upper_tail(above) : zero;
    store(lower_tail + k, lower);
    store(mass + k, 1.0 - (lower + upper));
  }
}

void gather(double* __restrict out, const double* __restrict table, const std::uint32_t* __restrict index,
            std::size_t count) {
  const std::size_t n = whole(count);
  for (std::size_t k = 0; k < n; ++k) out[k] = table[index[k]];
}

void multiply(double* __restrict product, const double* __restrict factor, std::size_t count) {
  const std::size_t n = whole(count);
  for (std::size_t k = 0; k < n; k += block_width) store(product + k, load(product + k) * load(factor + k));
}

void add_logarithms(double* __restrict sum, const double* __restrict values, std::size_t count) {
  const std::size_t n = whole(count);
  for (std::size_t k = 0; k < n; k += block_width)
    store(sum + k, load(sum + k) + elementary::log(load(values + k)));
}

}  // namespace

extern const Loops LEHR_JOIN(loops_, LEHR_ISA);
const Loops LEHR_JOIN(loops_, LEHR_ISA) = {LEHR_TEXT(LEHR_ISA), mix,    log_masses, pick,
                                           unit_masses,         gather, multiply,   add_logarithms};

}  // namespace lehr
