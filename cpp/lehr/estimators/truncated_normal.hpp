// The normal distribution cut to an interval.
#pragma once

namespace lehr {

// log density at x of N(mean, deviation) truncated to [low, high]; -inf outside. deviation > 0, low < high.
double truncated_normal_log_pdf(double x, double mean, double deviation, double low, double high);

// Standard normal truncated to [a, b], a <= b: the value below which the fraction u (0 <= u <= 1) of its mass
// lies. Exact in far tails and for intervals of any width; always within [a, b].
double truncated_normal_quantile(double u, double a, double b);

// The same for an interval that holds the bulk (a <= 0 <= b), when its lower tail Phi(a) and mass are already
// known.
double truncated_normal_quantile(double u, double a, double b, double lower_tail, double mass);

}  // namespace lehr
