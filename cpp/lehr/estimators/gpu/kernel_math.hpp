// Arithmetic of the kernel for one point, compiled by nvcc for the device and by the tests for the host. The
// same densities as parzen_density.cpp, arranged without tables: what is a sum of logarithms there is a
// product here, so that a kernel of the mixture costs one exponential and no logarithm.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "lehr/estimators/elementary.hpp"
#include "lehr/estimators/gpu/task.hpp"

#ifdef __CUDACC__
#define LEHR_DEVICE __device__ __forceinline__
#define LEHR_UNROLL _Pragma("unroll")
#else
#define LEHR_DEVICE inline
#define LEHR_UNROLL
#endif

namespace lehr::gpu {

// factor * exp(exponent): neither over- nor underflows where the number itself would.
struct Scaled {
  double exponent;
  double factor;
};

inline constexpr std::size_t mills_terms = sizeof(elementary::mills_fit) / sizeof(double);

// elementary::polynomial for code that may read constants but no arrays of the host: two Horner chains.
template <std::size_t I>
LEHR_DEVICE double mills_chain(double t2) {
  constexpr double c = elementary::mills_fit[I];
  if constexpr (I + 2 >= mills_terms) {
    return c;
  } else {
    return c + t2 * mills_chain<I + 2>(t2);
  }
}

// Mills ratio (1 - Phi(x)) / phi(x), x >= 0; see elementary.hpp.
LEHR_DEVICE double mills(double x) {
  const double reciprocal = 1.0 / (x + 4.0);
  const double t = (x - 4.0) * reciprocal;
  return (mills_chain<0>(t * t) + t * mills_chain<1>(t * t)) * reciprocal;
}

// Mass over phi(m) h in an interval of width h <= 0.1 around m, |m| h <= 0.1; see interval_mass.hpp.
LEHR_DEVICE double narrow_factor(double m, double h) {
  const double s = h * h;
  const double q = m * m * s;
  const double t1 = (q - s) * (1.0 / 24);
  const double t2 = ((q - 6.0 * s) * q + 3.0 * s * s) * (1.0 / 1920);
  const double t3 = (((q - 15.0 * s) * q + 45.0 * s * s) * q - 15.0 * s * s * s) * (1.0 / 322560);
  const double t4 =
      ((((q - 28.0 * s) * q + 210.0 * s * s) * q - 420.0 * s * s * s) * q + 105.0 * s * s * s * s) *
      (1.0 / 92897280);
  return 1.0 + (t1 + (t2 + (t3 + t4)));
}

// Mass of the standard normal distribution in [a, b]. In a tail it is taken relative to phi at the near end,
// so that it keeps its digits however far out; around 0 it is the complement of both tails.
LEHR_DEVICE Scaled interval_mass(double a, double b) {
  if (a + b < 0.0) {
    const double mirrored = -b;
    b = -a;
    a = mirrored;
  }
  const double h = b - a;
  const double m = 0.5 * (a + b);
  if (h < 0.1 && m * h < 0.1) {
    return {-0.5 * m * m, elementary::inverse_sqrt_two_pi * h * narrow_factor(m, h)};
  }
  const double near = std::fabs(a);
  const double tail_near = mills(near);
  const double tail_far = std::exp(-0.5 * (b - near) * (b + near)) * mills(b);
  if (a >= 0.0) return {-0.5 * near * near, elementary::inverse_sqrt_two_pi * (tail_near - tail_far)};
  const double tails = std::exp(-0.5 * near * near) * (tail_near + tail_far);
  return {0.0, 1.0 - elementary::inverse_sqrt_two_pi * tails};
}

// A double whose operations are rounded one by one: the compiler may not contract them to fused ones. What is
// computed with it has the digits that the processor's path has.
struct Rounded {
  double value;
};
#ifdef __CUDA_ARCH__
LEHR_DEVICE Rounded operator+(Rounded a, Rounded b) { return {__dadd_rn(a.value, b.value)}; }
LEHR_DEVICE Rounded operator-(Rounded a, Rounded b) { return {__dsub_rn(a.value, b.value)}; }
LEHR_DEVICE Rounded operator*(Rounded a, Rounded b) { return {__dmul_rn(a.value, b.value)}; }
LEHR_DEVICE Rounded operator/(Rounded a, Rounded b) { return {__ddiv_rn(a.value, b.value)}; }
#else
LEHR_DEVICE Rounded operator+(Rounded a, Rounded b) { return {a.value + b.value}; }
LEHR_DEVICE Rounded operator-(Rounded a, Rounded b) { return {a.value - b.value}; }
LEHR_DEVICE Rounded operator*(Rounded a, Rounded b) { return {a.value * b.value}; }
LEHR_DEVICE Rounded operator/(Rounded a, Rounded b) { return {a.value / b.value}; }
#endif

template <std::size_t I>
LEHR_DEVICE Rounded log_term() {
  constexpr double c = elementary::log_fit[I];
  return {c};
}

// elementary::log, step by step. The ends of a narrow bin on a logarithmic scale share most of their digits,
// and the last ones are what is left of its width: another logarithm, right to the last place too, would give
// another mass.
LEHR_DEVICE Rounded rounded_log(double x) {
  constexpr std::uint64_t boundary = 0x3fe6a09e667f3bcdULL;
  constexpr std::uint64_t one = 0x3ff0000000000000ULL;
  const std::uint64_t bits = __builtin_bit_cast(std::uint64_t, x) + (one - boundary);
  const std::uint64_t mantissa = (bits & 0x000fffffffffffffULL) + boundary;
  const std::uint64_t planted = (bits >> 52U) | 0x4330000000000000ULL;
  const Rounded e = Rounded{__builtin_bit_cast(double, planted)} - Rounded{0x1p52 + 1023.0};
  const Rounded m{__builtin_bit_cast(double, mantissa)};
  const Rounded unit{1.0}, two{2.0};
  const Rounded f = (m - unit) / (m + unit);
  const Rounded f2 = f * f, f4 = f2 * f2, f8 = f4 * f4;
  const Rounded p0 = log_term<4>() * f8 + log_term<0>();
  const Rounded p1 = log_term<5>() * f8 + log_term<1>();
  const Rounded p2 = log_term<6>() * f8 + log_term<2>();
  const Rounded p3 = log_term<7>() * f8 + log_term<3>();
  const Rounded tail = f2 * ((p0 + f2 * p1) + f4 * (p2 + f2 * p3));
  return e * Rounded{0x1.62e42fefa38p-1} + (two * f + (two * f * tail + e * Rounded{0x1.ef35793c7673p-45}));
}

LEHR_DEVICE double position(const Axis& axis, double value) {
  Rounded transformed{value};
  if (axis.log != 0) transformed = rounded_log(std::fmax(value, axis.smallest));
  const Rounded at =
      (Rounded{0.5} * transformed - Rounded{axis.half_origin}) * Rounded{axis.inverse_half_extent};
  return at.value;
}

// log of a sum of scaled numbers, added in the order given.
struct LogSum {
  double top;  // the largest exponent so far
  double sum;  // of all, relative to exp(top)

  LEHR_DEVICE void clear() {
    top = -HUGE_VAL;
    sum = 0.0;
  }
  LEHR_DEVICE void add(const Scaled& term) {
    if (!(term.factor > 0.0) || term.exponent == -HUGE_VAL) return;
    if (term.exponent > top) {
      sum *= std::exp(top - term.exponent);
      top = term.exponent;
    }
    sum += term.factor * std::exp(term.exponent - top);
  }
  LEHR_DEVICE double log() const { return sum > 0.0 ? top + std::log(sum) : -HUGE_VAL; }
};

// Keeps a factor far from over- and underflow: between two calls it is multiplied by at most eight numbers.
LEHR_DEVICE void settle(Scaled& product) {
  if (product.factor > 0.0 && (product.factor < 1e-60 || product.factor > 1e60)) {
    product.exponent += std::log(product.factor);
    product.factor = 1.0;
  }
}

// Multiplies a kernel by its share of one dimension; p: its three parameters, `stride` apart.
LEHR_DEVICE void multiply(Scaled& product, Kind kind, double lower, double upper, const double* p,
                          unsigned stride) {
  const double p0 = p[0], p1 = p[stride], p2 = p[2 * stride];
  if (kind == Kind::continuous) {
    const double z = lower * p0 - p1;
    product.exponent -= z * z;
    product.factor *= p2;
  } else if (kind == Kind::categorical) {
    product.factor *= lower == p0 ? p2 : p1;
  } else {
    const Scaled mass = interval_mass((lower - p0) * p1, (upper - p0) * p1);
    product.exponent += mass.exponent;
    product.factor *= mass.factor * p2;
  }
}

}  // namespace lehr::gpu
