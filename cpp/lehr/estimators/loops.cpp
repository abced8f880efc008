// Compiled once per instruction set, with LEHR_ISA as its name. Only functions with internal linkage may be
// used here: a shared inline function could end up compiled for instructions that another machine lacks.
#include "lehr/estimators/loops.hpp"

#include "lehr/estimators/interval_mass.hpp"
#include "lehr/estimators/normal_quantile.hpp"
#include "lehr/estimators/screening.hpp"

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
using screening::load;
using screening::store;

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
    const double* const row = m.table[t].values + m.table[t].index[k] * lanes;
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
inline void mix_kernel(Block (&sum)[Blocks], const Block (&least)[Blocks], const Mixture& m, std::size_t k) {
  if (m.start[k] < -1e300) return;  // a kernel without weight
  Block exponent[Blocks];
  for (std::size_t b = 0; b < Blocks; ++b) exponent[b] = same<Block>(m.start[k]);
  add_tables(exponent, m, k);
  if (m.tables > 0 && !any_above(exponent, least)) return;
  add_normals(exponent, m, k);
  if (!any_above(exponent, least)) return;
  for (std::size_t b = 0; b < Blocks; ++b) sum[b] += elementary::exp(exponent[b]);
}

template <std::size_t Blocks>
void mix_blocks(double* sums, const Mixture& m) {
  constexpr std::size_t lanes = Blocks * block_width;
  Block sum[Blocks], least[Blocks];
  for (std::size_t b = 0; b < Blocks; ++b) least[b] = same<Block>(m.start[m.kernels - 1]);
  add_tables(least, m, m.kernels - 1);
  add_normals(least, m, m.kernels - 1);
  for (std::size_t b = 0; b < Blocks; ++b) {
    sum[b] = Block{};
    least[b] = least[b] - 40.0;
  }
  std::size_t screened = 0;
  Table tables[screening::most_screened];
  if (screening::available) {
    for (std::size_t t = 0; t < m.tables && screened < screening::most_screened; ++t) {
      if (m.table[t].bytes != nullptr) tables[screened++] = m.table[t];
    }
  }
  if (screened == 0) {
    for (std::size_t k = 0; k < m.kernels; ++k) mix_kernel(sum, least, m, k);
  }
#if defined(__SSE2__)
  if (screened > 0) {
    for (std::size_t t = 0; t < screened; ++t) screening::fill_bytes<lanes>(tables[t]);
    double floor_of[lanes];
    std::uint8_t limit[screen_bytes] = {}, start[screening::at_once];  // no limit matters beyond the lanes
    std::uint32_t kept[screening::at_once];
    for (std::size_t b = 0; b < Blocks; ++b) store(floor_of + b * block_width, least[b]);
    for (std::size_t i = 0; i < lanes; ++i) {
      const double most =
          floor_of[i] * -screening::bytes_per_unit + 1.0;  // rounded down below: never less than exact
      limit[i] = static_cast<std::uint8_t>(most < 255.0 ? most : 255.0);
    }
    for (std::size_t first = 0; first < m.kernels; first += screening::at_once) {
      const std::size_t left = m.kernels - first;
      const std::size_t count = left < screening::at_once ? left : screening::at_once;
      // Starts are padded to whole blocks.
      for (std::size_t k = 0; k < count; k += block_width)
        screening::store_penalties(start + k, load(m.start + first + k));
      const std::size_t n = screening::screen(kept, start, tables, screened, first, count, limit, lanes);
      for (std::size_t j = 0; j < n; ++j) mix_kernel(sum, least, m, kept[j]);
    }
  }
#endif
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

// The tail beyond z, on the side that leads away from the mean, negated where z is below the mean. The mass
// between two points is then a difference of tails, plus 1 when the mean lies between: no digits are lost in
// either tail.
inline Block signed_tail(Block z) {
  const Block zero{};
  const Block tail = elementary::upper_tail(z < zero ? -z : z);
  return z < zero ? -tail : tail;
}

void log_masses(double* __restrict out, const Binning& binning) {
  double left[most_lanes], right[most_lanes], masses[most_lanes];
  for (std::size_t v = 0; v < binning.values; ++v) {
    left[v] = binning.edge[binning.lower[v]];
    right[v] = binning.edge[binning.upper[v]];
  }
  bool in_order = binning.values == binning.lanes;
  for (std::size_t i = 0; i < binning.lanes; ++i) in_order = in_order && binning.value_of[i] == i;
  const Block zero{}, one = same<Block>(1.0), least = same<Block>(1e-300);
  for (std::size_t nth = 0; nth < binning.components; ++nth) {
    const std::size_t c = binning.component != nullptr ? binning.component[nth] : nth;
    const double mean = binning.mean[c];
    const double inverse = binning.inverse[c];
    double* const row = out + c * binning.lanes;
    double* const to = in_order ? row : masses;
    for (std::size_t v = 0; v < binning.values; v += block_width) {
      const Block a = (load(left + v) - mean) * inverse;
      const Block b = (load(right + v) - mean) * inverse;
      if (binning.narrow) {
        const Block sum = a + b;
        store(to + v, elementary::log_interval_mass(sum < zero ? -b : a, sum < zero ? -a : b));
        continue;
      }
      // A tail has the sign of its z.
      const Block mass = (a < zero ? (b >= zero ? one : zero) : zero) + (signed_tail(a) - signed_tail(b));
      store(to + v, elementary::log(mass > least ? mass : least));
    }
    if (in_order) continue;
    for (std::size_t i = 0; i < binning.lanes; ++i) row[i] = masses[binning.value_of[i]];
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

inline Block square_root(Block x) {
#if defined(__AVX512F__)
  return __builtin_bit_cast(Block, _mm512_maskz_sqrt_pd(0xff, __builtin_bit_cast(__m512d, x)));
#elif defined(__AVX__)
  return __builtin_bit_cast(Block, _mm256_sqrt_pd(__builtin_bit_cast(__m256d, x)));
#elif defined(__SSE2__)
  return __builtin_bit_cast(Block, _mm_sqrt_pd(__builtin_bit_cast(__m128d, x)));
#else
  for (std::size_t i = 0; i < block_width; ++i) x[i] = __builtin_sqrt(x[i]);
  return x;
#endif
}

// normal_quantile.hpp, branch-free.
inline Block quantile(Block p) {
  namespace q = quantile_fit;
  const Block zero{};
  const Block off = p - 0.5;
  const Block distance = off < zero ? -off : off;
  const Block t = q::central_square - off * off;
  const Block central = off * q::horner(q::a, t) / q::horner(q::b, t);
  const Block edge = same<Block>(q::central);
  if (!any(distance > edge)) return central;
  const Block tiny = same<Block>(1e-300);
  Block tail = off < zero ? p : 1.0 - p;
  tail = tail > tiny ? tail : tiny;
  const Block r = square_root(-elementary::log(tail));
  Block x = q::horner(q::c, r - q::near) / q::horner(q::d, r - q::near);
  const Block limit = same<Block>(q::far);
  if (any(r > limit)) x = r > limit ? q::horner(q::e, r - q::far) / q::horner(q::f, r - q::far) : x;
  return distance > edge ? (off < zero ? -x : x) : central;
}

void draw(double* __restrict out, const Drawing& d) {
  constexpr double shift = 0x1.8p52;  // adding and taking it off rounds to the nearest integer, even at a tie
  const Block zero{}, one = same<Block>(1.0);
  for (std::size_t i = 0; i < whole(d.lanes); i += block_width) {
    Block at = quantile(load(d.lower_tail + i) + load(d.u + i) * load(d.mass + i));
    at = load(d.mean + i) + at / load(d.inverse + i);
    at = at < zero ? zero : at;
    at = at > one ? one : at;
    Block value = 2.0 * (d.half_origin + at * d.half_extent);
    if (d.log) value = elementary::exp(value);
    if (d.step > 0.0) {
      Block steps = (value - d.low) / d.step;
      const Block whole_steps = (steps + shift) - shift;
      const Block large = same<Block>(0x1p51);
      steps = steps < large ? whole_steps : steps;  // so large that rounding is beyond its digits
      value = d.low + steps * d.step;
    }
    const Block low = same<Block>(d.low), high = same<Block>(d.high);
    value = value < low ? low : value;
    store(out + i, value > high ? high : value);
  }
}

double largest(const double* values, std::size_t n) {
  double most = values[0];
  std::size_t k = 0;
  if (n >= block_width) {
    Block block = load(values);
    for (k = block_width; k + block_width <= n; k += block_width) {
      const Block next = load(values + k);
      block = next > block ? next : block;
    }
    for (std::size_t i = 0; i < block_width; ++i) most = block[i] > most ? block[i] : most;
  }
  for (; k < n; ++k) most = values[k] > most ? values[k] : most;
  return most;
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
const Loops LEHR_JOIN(loops_, LEHR_ISA) = {
    LEHR_TEXT(LEHR_ISA), mix, log_masses, pick, unit_masses, draw, gather, multiply, add_logarithms, largest};

}  // namespace lehr
