#include "lehr/estimators/normal.hpp"

#include <cmath>
#include <limits>
#include <utility>

#include "lehr/estimators/elementary.hpp"
#include "lehr/estimators/interval_mass.hpp"

namespace lehr {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

// log(1 - Phi(x)) for x >= 0.
double log_upper_tail(double x) {
  if (x == infinity) return -infinity;
  return -0.5 * x * x - elementary::log_sqrt_two_pi + elementary::log(elementary::mills(x));
}

double horner(const double (&c)[8], double t) {
  double p = c[7];
  for (int i = 6; i >= 0; --i) p = p * t + c[i];
  return p;
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
  constexpr double a[8] = {3.3871328727963666080,   1.3314166789178437745e2, 1.9715909503065514427e3,
                           1.3731693765509461125e4, 4.5921953931549871457e4, 6.7265770927008700853e4,
                           3.3430575583588128105e4, 2.5090809287301226727e3};
  constexpr double b[8] = {1.0,
                           4.2313330701600911252e1,
                           6.8718700749205790830e2,
                           5.3941960214247511077e3,
                           2.1213794301586595867e4,
                           3.9307895800092710610e4,
                           2.8729085735721942674e4,
                           5.2264952788528545610e3};
  constexpr double c[8] = {1.42343711074968357734,    4.63033784615654529590,   5.76949722146069140550,
                           3.64784832476320460504,    1.27045825245236838258,   2.41780725177450611770e-1,
                           2.27238449892691845833e-2, 7.74545014278341407640e-4};
  constexpr double d[8] = {1.0,
                           2.05319162663775882187,
                           1.67638483018380384940,
                           6.89767334985100004550e-1,
                           1.48103976427480074590e-1,
                           1.51986665636164571966e-2,
                           5.47593808499534494600e-4,
                           1.05075007164441684324e-9};
  constexpr double e[8] = {6.65790464350110377720,    5.46378491116411436990,    1.78482653991729133580,
                           2.96560571828504891230e-1, 2.65321895265761230930e-2, 1.24266094738807843860e-3,
                           2.71155556874348757815e-5, 2.01033439929228813265e-7};
  constexpr double f[8] = {1.0,
                           5.99832206555887937690e-1,
                           1.36929880922735805310e-1,
                           1.48753612908506148525e-2,
                           7.86869131145613259100e-4,
                           1.84631831751005468180e-5,
                           1.42151175831644588870e-7,
                           2.04426310338993978564e-15};
  const double q = p - 0.5;
  if (std::fabs(q) <= 0.425) {
    const double t = 0.180625 - q * q;
    return q * horner(a, t) / horner(b, t);
  }
  const double r = std::sqrt(-elementary::log(q < 0.0 ? p : 1.0 - p));
  const double x =
      r <= 5.0 ? horner(c, r - 1.6) / horner(d, r - 1.6) : horner(e, r - 5.0) / horner(f, r - 5.0);
  return q < 0.0 ? -x : x;
}

}  // namespace lehr
