// exp, log and the Mills ratio of the normal distribution as branch-free polynomials, for a double or for a
// Block of eight. Free of library calls, so that every machine computes the same digits; relative errors are
// a few units in the last place. Everything has internal linkage: files compiled for different instruction
// sets include this, and the linker must not share their copies.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lehr::elementary {

constexpr double log_sqrt_two_pi = 0.91893853320467274178;
constexpr double inverse_sqrt_two_pi = 0.39894228040143267794;

// As many doubles as a register of the instruction set holds that this is compiled for.
#if defined(__AVX512F__)
#define LEHR_BLOCK_BYTES 64
#elif defined(__AVX__)
#define LEHR_BLOCK_BYTES 32
#else
#define LEHR_BLOCK_BYTES 16
#endif
typedef double Block __attribute__((vector_size(LEHR_BLOCK_BYTES)));
typedef std::uint64_t BlockBits __attribute__((vector_size(LEHR_BLOCK_BYTES)));
constexpr std::size_t block_width = LEHR_BLOCK_BYTES / sizeof(double);
#undef LEHR_BLOCK_BYTES

template <class T>
struct BitsOf;
template <>
struct BitsOf<double> {
  using type = std::uint64_t;
};
template <>
struct BitsOf<Block> {
  using type = BlockBits;
};

template <class T>
static inline T same(double value) {
  return T{} + value;
}

// c[0] + c[1] t + ... in four interleaved Horner chains: a single chain would wait for every multiplication.
template <class T, std::size_t N>
static inline T polynomial(const double (&c)[N], T t) {
  static_assert(N % 4 == 0);
  const T t2 = t * t;
  const T t4 = t2 * t2;
  T p0 = same<T>(c[N - 4]), p1 = same<T>(c[N - 3]), p2 = same<T>(c[N - 2]), p3 = same<T>(c[N - 1]);
  for (std::size_t i = 2; i <= N / 4; ++i) {
    p0 = p0 * t4 + c[N - 4 * i];
    p1 = p1 * t4 + c[N - 4 * i + 1];
    p2 = p2 * t4 + c[N - 4 * i + 2];
    p3 = p3 * t4 + c[N - 4 * i + 3];
  }
  return (p0 + t * p1) + t2 * (p2 + t * p3);
}

// Near-minimax fit of exp on |r| <= log(2) / 2.
constexpr double exp_fit[12] = {1,
                                1,
                                0.50000000000000189,
                                0.16666666666666702,
                                0.041666666666487939,
                                0.0083333333333095068,
                                0.0013888888952356135,
                                0.00019841269909260645,
                                2.4801485438447379e-05,
                                2.7557224918368869e-06,
                                2.7632655759332031e-07,
                                2.5114882786996687e-08};

// e^x for x <= 709. Below -708 the result stays at the smallest normal numbers, which no sum here can tell
// from zero.
template <class T>
static inline T exp(T x) {
  using Bits = typename BitsOf<T>::type;
  constexpr double shift = 0x1.8p52;  // adding it leaves the nearest integer in the low bits
  const T lowest = same<T>(-708.0);
  x = x < lowest ? lowest : x;
  const T shifted = x * 1.4426950408889634074 + shift;
  const T n = shifted - shift;
  const T r = (x - n * 0x1.62e42fefa38p-1) - n * 0x1.ef35793c7673p-45;  // log 2 in two parts
  const Bits exponent = (__builtin_bit_cast(Bits, shifted) + 1023U) << 52U;
  return polynomial(exp_fit, r) * __builtin_bit_cast(T, exponent);
}

// Near-minimax fit of (atanh(f) / f - 1) / f^2 in f^2, for |f| <= (sqrt(2) - 1) / (sqrt(2) + 1).
constexpr double log_fit[8] = {0.33333333333333331,  0.20000000000000442,  0.14285714285400369,
                               0.11111111196154512,  0.090908977907441971, 0.076931213341827606,
                               0.066343494000734637, 0.065436790099956677};

// Natural logarithm of a positive normal number.
template <class T>
static inline T log(T x) {
  using Bits = typename BitsOf<T>::type;
  // Split x = m 2^e with m in [sqrt(1/2), sqrt(2)): an exponent that steps at sqrt(1/2) keeps log(1 +- tiny)
  // free of cancellation.
  constexpr std::uint64_t boundary = 0x3fe6a09e667f3bcdULL;
  constexpr std::uint64_t one = 0x3ff0000000000000ULL;
  const Bits bits = __builtin_bit_cast(Bits, x) + (one - boundary);
  const Bits mantissa = (bits & 0x000fffffffffffffULL) + boundary;
  // The biased exponent as a double, by planting it in the low bits of 2^52.
  const Bits planted = (bits >> 52U) | 0x4330000000000000ULL;
  const T e = __builtin_bit_cast(T, planted) - (0x1p52 + 1023.0);
  const T m = __builtin_bit_cast(T, mantissa);
  const T f = (m - 1.0) / (m + 1.0);
  const T f2 = f * f;
  // log m = 2 f + 2 f^3 (1/3 + ...), the parts added from small to large.
  const T tail = f2 * polynomial(log_fit, f2);
  return e * 0x1.62e42fefa38p-1 + (2.0 * f + (2.0 * f * tail + e * 0x1.ef35793c7673p-45));
}

// Mills ratio R(x) = (1 - Phi(x)) / phi(x), x >= 0, as a Chebyshev fit of (x + 4) R(x) in t = (x - 4) / (x +
// 4) (the mapping of Shepherd and Laframboise, "Chebyshev approximation of (1 + 2x) exp(x^2) erfc(x)", 1981;
// our coefficients, fitted in 50 digits). Relative error below 4e-16 on the whole half-line.
constexpr double mills_fit[24] = {
    1.8932190633084853,     -1.5237709108199835,     0.97040955486761771,     -0.46754096299833248,
    0.1513917623110474,     -0.018900450861711257,   -0.0087222952482000366,  0.0040878556812000717,
    0.00033424436493913656, -0.0005792693046478718,  -4.7818346774364558e-06, 8.8095731210722982e-05,
    1.7912419621400834e-06, -1.4843277679079188e-05, -1.5665301434783141e-06, 2.5687553112277291e-06,
    6.6358904835050728e-07, -4.0049392924883649e-07, -1.9748120792801438e-07, 4.4730600512793009e-08,
    4.027496644700173e-08,  -1.4722998916630014e-09, -4.2328371287285013e-09, -3.0073979685230726e-10};

template <class T>
static inline T mills(T x) {
  const T reciprocal = 1.0 / (x + 4.0);
  return polynomial(mills_fit, (x - 4.0) * reciprocal) * reciprocal;
}

// Upper tail probability 1 - Phi(x) for x >= 0; underflows to about 1e-309 beyond 38.
template <class T>
static inline T upper_tail(T x) {
  return inverse_sqrt_two_pi * exp(-0.5 * x * x) * mills(x);
}

}  // namespace lehr::elementary
