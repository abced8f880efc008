// Screening. What a row takes off the exponent is rounded down to whole halves and kept in a byte, so that
// one register holds all lanes of a row. A kernel whose bytes already take it below `least` everywhere would
// be left out by the exact comparison too: what is summed up does not depend on whether there is screening.
//
// For loops.cpp alone, and compiled as often as that is: internal linkage, as in elementary.hpp.
#pragma once

#include <cstddef>
#include <cstdint>

#include "lehr/estimators/elementary.hpp"
#include "lehr/estimators/loops.hpp"

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace lehr::screening {

using elementary::Block;
using elementary::block_width;
using elementary::same;

static inline Block load(const double* from) {
  Block block;
  __builtin_memcpy(&block, from, sizeof block);
  return block;
}

static inline void store(double* to, Block block) { __builtin_memcpy(to, &block, sizeof block); }

constexpr std::size_t at_once = 256;
constexpr double bytes_per_unit = 2.0;

#if defined(__SSE2__)
constexpr bool available = true;

typedef int IntBlock __attribute__((vector_size(4 * block_width)));
typedef std::uint8_t ByteBlock __attribute__((vector_size(block_width)));

// In whole halves, rounded down; 255 and more are 255.
static inline void store_penalties(std::uint8_t* to, Block values) {
  const Block scaled = values * -bytes_per_unit;
  const Block most = same<Block>(255.0);
  const ByteBlock bytes =
      __builtin_convertvector(__builtin_convertvector(scaled < most ? scaled : most, IntBlock), ByteBlock);
  __builtin_memcpy(to, &bytes, sizeof bytes);
}

template <std::size_t Lanes>
static inline void fill_bytes(const Table& table) {
  for (std::size_t r = 0; r < table.rows; ++r) {
    const std::size_t at = table.row != nullptr ? table.row[r] : r;
    const double* const from = table.values + at * Lanes;
    std::uint8_t* const to = table.bytes + at * screen_bytes;
    for (std::size_t i = 0; i < Lanes; i += block_width) store_penalties(to + i, load(from + i));
  }
}

// Of `count` kernels from `first`: those that may matter at some lane. Bytes beyond `limit` take a kernel
// out.
template <std::size_t Tables>
static inline std::size_t screen_tables(std::uint32_t* kept, const std::uint8_t* start, const Table* tables,
                                        std::size_t first, std::size_t count, const std::uint8_t* limit,
                                        std::size_t lanes) {
  std::size_t n = 0;
  const auto wanted = static_cast<std::uint32_t>((std::uint64_t{1} << lanes) - 1);
  for (std::size_t k = 0; k < count; ++k) {
#if defined(__AVX2__)
    __m256i sum = _mm256_set1_epi8(static_cast<char>(start[k]));
    for (std::size_t t = 0; t < Tables; ++t) {
      const std::uint8_t* const row = tables[t].bytes + tables[t].index[first + k] * screen_bytes;
      sum = _mm256_adds_epu8(sum, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(row)));
    }
    const __m256i most = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(limit));
    const auto within =
        static_cast<std::uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(_mm256_min_epu8(sum, most), sum)));
#else
    __m128i low = _mm_set1_epi8(static_cast<char>(start[k])), high = low;
    for (std::size_t t = 0; t < Tables; ++t) {
      const std::uint8_t* const row = tables[t].bytes + tables[t].index[first + k] * screen_bytes;
      low = _mm_adds_epu8(low, _mm_loadu_si128(reinterpret_cast<const __m128i*>(row)));
      high = _mm_adds_epu8(high, _mm_loadu_si128(reinterpret_cast<const __m128i*>(row + 16)));
    }
    const __m128i most_low = _mm_loadu_si128(reinterpret_cast<const __m128i*>(limit));
    const __m128i most_high = _mm_loadu_si128(reinterpret_cast<const __m128i*>(limit + 16));
    const auto within =
        static_cast<std::uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(low, most_low), low))) |
        static_cast<std::uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(high, most_high), high)))
            << 16U;
#endif
    kept[n] = static_cast<std::uint32_t>(first + k);
    n += (within & wanted) != 0 ? 1 : 0;
  }
  return n;
}

static inline std::size_t screen(std::uint32_t* kept, const std::uint8_t* start, const Table* tables,
                                 std::size_t count_of_tables, std::size_t first, std::size_t count,
                                 const std::uint8_t* limit, std::size_t lanes) {
  switch (count_of_tables) {
    case 1:
      return screen_tables<1>(kept, start, tables, first, count, limit, lanes);
    case 2:
      return screen_tables<2>(kept, start, tables, first, count, limit, lanes);
    case 3:
      return screen_tables<3>(kept, start, tables, first, count, limit, lanes);
    case 4:
      return screen_tables<4>(kept, start, tables, first, count, limit, lanes);
    case 5:
      return screen_tables<5>(kept, start, tables, first, count, limit, lanes);
    case 6:
      return screen_tables<6>(kept, start, tables, first, count, limit, lanes);
    default:
      return screen_tables<7>(kept, start, tables, first, count, limit, lanes);
  }
}
#else
constexpr bool available = false;
#endif
constexpr std::size_t most_screened = 7;  // tables; those beyond are left to the exact comparison

}  // namespace lehr::screening
