#include "lehr/estimators/normal.hpp"

#include <cmath>
#include <limits>
#include <utility>

#include "lehr/estimators/elementary.hpp"
#include "lehr/estimators/interval_mass.hpp"
#include "lehr/estimators/normal_quantile.hpp"

namespace lehr {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

// log(1 - Phi(x)) for x >= 0.
double log_upper_tail(double x) {
  if (x == infinity) return -infinity;
  return -0.5 * x * x - elementary::log_sqrt_two_pi + elementary::log(elementary::mills(x));
}

}  // namespace

double log_ndtr(double x) {
  if (std::isnan(x)) return x;
  if (x <= 0.0) return log_upper_tail(-x);
  return x > 37.0 ? -std::exp(log_upper_tail(x)) : std::log1p(-elementary::upper_tail(x));
}

double log_normal_mass(double a, double b) {
  if (std::isnan(a) || std::isnan(b) || a > b) return std::numeric_limits<double>::quiet_NaN();
  if (a == b) return -infinity;
  if (b == infinity) return log_ndtr(-a);
  if (a == -infinity) return log_ndtr(b);
  if (a < 0.0 && -a > b) a = -std::exchange(b, -a);  // mirror: the midpoint is now >= 0
  // Both tails leave less than the mass itself: complement, without losing digits of log(1 - tiny).
  if (a < -1.0) return std::log1p(-(elementary::upper_tail(-a) + elementary::upper_tail(b)));
  return elementary::log_interval_mass(a, b);
}

double ndtri(double p) {
  using namespace quantile_fit;
  const double q = p - 0.5;
  if (std::fabs(q) <= central) {
    const double t = central_square - q * q;
    return q * horner(a, t) / horner(b, t);
  }
  const double r = std::sqrt(-elementary::log(q < 0.0 ? p : 1.0 - p));
  const double x =
      r <= far ? horner(c, r - near) / horner(d, r - near) : horner(e, r - far) / horner(f, r - far);
  return q < 0.0 ? -x : x;
}

}  // namespace lehr
