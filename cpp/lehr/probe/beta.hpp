// The beta distribution, which is also the binomial's tail: what exceedance counts say about a probability.
#pragma once

namespace lehr::probe {

// log B(a, b); a, b > 0.
double log_beta(double a, double b);

// Logarithms of the regularised incomplete beta function I_x(a, b) and of its complement 1 - I_x(a, b).
// x in [0, 1]; a, b > 0. Continued fraction of Didonato and Morris (ACM TOMS 18, 1992), evaluated by Lentz's
// method on the side where it converges fast; the far side follows by subtraction.
struct LogBeta {
  double below;
  double above;
};
LogBeta log_incomplete_beta(double a, double b, double x);

// P(X <= k) for X ~ Binomial(n, p); n may be fractional (an effective count), k < 0 gives 0.
double binomial_below(double k, double n, double p);

}  // namespace lehr::probe
