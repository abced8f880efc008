// The standard normal distribution where naive formulas fail: far tails and tiny intervals.
#pragma once

namespace lehr {

// log Phi(x), any x.
double log_ndtr(double x);

// log(Phi(b) - Phi(a)) for a <= b, infinite ends allowed; -inf where a == b, NaN where a > b or either is
// NaN. Relative precision of the mass is kept in far tails (|x| up to 1e150) and for intervals of any width.
double log_normal_mass(double a, double b);

// Phi^-1(p) for 0 < p < 1: algorithm AS 241 (Wichura, "The percentage points of the normal distribution",
// 1988), about 16 digits.
double ndtri(double p);

}  // namespace lehr
