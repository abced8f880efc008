#include "lehr/estimators/truncated_normal.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "lehr/estimators/elementary.hpp"
#include "lehr/estimators/normal.hpp"

namespace lehr {
namespace {

// Beyond this point the tail is inverted relative to its own start: probabilities themselves run out of
// digits.
constexpr double far_tail = 5.0;
// In an interval this narrow the density is exponential to one part in 1e9.
constexpr double narrow = 1e-4;

// Distance from the lower end at which the fraction u of the mass of a narrow interval lies: density ~ exp(-m
// s).
double narrow_distance(double u, double m, double width) {
  const double p = m * width;
  if (std::fabs(p) < 1e-10) return u * width;
  if (p < 0.0) return width - narrow_distance(1.0 - u, -m, width);
  return std::min(-std::log1p(u * std::expm1(-p)) / m, width);
}

// The same in the upper tail a >= far_tail. Solves log(Q(a) / Q(a + t)) = target, Q the upper tail, by
// Newton: in t the left side is nearly a t + t^2 / 2, whose root is the first guess; its slope is the hazard
// 1 / mills.
double tail_distance(double u, double a, double b) {
  const double start = elementary::mills(a);
  const double width = b - a;
  double mass = 1.0;  // of [a, b] relative to Q(a)
  if (width < 1e3) {
    mass = -std::expm1(-width * (a + 0.5 * width) + elementary::log(elementary::mills(b) / start));
  }
  const double target = -std::log1p(-u * mass);
  double t = 2.0 * target / (a + std::sqrt(a * a + 2.0 * target));
  for (int i = 0; i < 8; ++i) {
    const double here = elementary::mills(a + t);
    const double step = (t * (a + 0.5 * t) - elementary::log(here / start) - target) * here;
    t = std::max(t - step, 0.0);
    if (std::fabs(step) <= 1e-15 * (a + t)) break;
  }
  return std::min(t, width);
}

}  // namespace

double truncated_normal_log_pdf(double x, double mean, double deviation, double low, double high) {
  if (x < low || x > high) return -std::numeric_limits<double>::infinity();
  const double z = (x - mean) / deviation;
  const double mass = log_normal_mass((low - mean) / deviation, (high - mean) / deviation);
  return -0.5 * z * z - elementary::log_sqrt_two_pi - std::log(deviation) - mass;
}

double truncated_normal_quantile(double u, double a, double b, double lower_tail, double mass) {
  const double p = lower_tail + u * mass;
  if (p <= 0.0) return a;
  if (p >= 1.0) return b;
  return std::clamp(ndtri(p), a, b);
}

double truncated_normal_quantile(double u, double a, double b) {
  if (u <= 0.0 || a == b) return a;
  if (u >= 1.0) return b;
  if (b - a < narrow) return std::clamp(a + narrow_distance(u, 0.5 * (a + b), b - a), a, b);
  if (a >= far_tail) return std::clamp(a + tail_distance(u, a, b), a, b);
  if (b <= -far_tail) return std::clamp(b - tail_distance(1.0 - u, -b, -a), a, b);
  if (a > 0.0) {  // the upper tail keeps more digits than the lower one
    const double start = elementary::upper_tail(a);
    const double mass = start - (std::isinf(b) ? 0.0 : elementary::upper_tail(b));
    return std::clamp(-ndtri(start - u * mass), a, b);
  }
  const double lower_tail = std::isinf(a) ? 0.0 : elementary::upper_tail(-a);
  if (b < 0.0) {
    const double mass = elementary::upper_tail(-b) - lower_tail;
    return std::clamp(ndtri(lower_tail + u * mass), a, b);
  }
  const double upper = std::isinf(b) ? 0.0 : elementary::upper_tail(b);
  return truncated_normal_quantile(u, a, b, lower_tail, 1.0 - lower_tail - upper);
}

}  // namespace lehr
