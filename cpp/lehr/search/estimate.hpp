// Values that are known up to an error of known size.
#pragma once

#include <span>
#include <vector>

namespace lehr {

struct Estimate {
  double value = 0.0;
  double variance = 0.0;  // the square of its standard error
};

// Of a value with a standard error; an unknown one (NaN) counts as none.
Estimate measured(double value, double sem);

// Several measurements of one thing as one: their mean, each weighted by the inverse of its variance. Those
// without any error outweigh all others. At least one.
Estimate combined(std::span<const Estimate> measurements);

// What each of several like things is expected to be, given all of them (empirical Bayes): an estimate counts
// the less the less certain it is, against the mean of them all. So that of many the luckiest does not win:
//
//   worth_i = m + t / (t + v_i) (y_i - m),   t = max(var(y) - mean(v), var(y) / 100),
//
// y and v being values and variances, m the mean of y weighted by 1 / (t + v). Without any variance the
// values themselves. The least of t keeps an order where the errors explain all differences; chosen by hand.
std::vector<double> shrunk(std::span<const Estimate> estimates);

}  // namespace lehr
