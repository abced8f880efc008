// How much a run of timings is worth: successive latencies resemble each other, so n of them say as much as
// n / tau independent ones.
#pragma once

#include <cstddef>
#include <span>

namespace lehr::probe {

// The integrated autocorrelation time of `values`, at least 1: 1 + 2 sum of the autocorrelations, summed in
// pairs while they stay positive and do not grow (the initial monotone sequence estimator: Geyer, Practical
// Markov chain Monte Carlo, Statistical Science 7, 1992, section 3.3). At most values.size().
double autocorrelation_time(std::span<const double> values);

// By how much to discount samples that are asked how often they exceed a limit; both at least 1.
//
// A factor is the larger of two: the autocorrelation time of a score of the samples, and that of a
// first-order autoregressive process, (1 + r) / (1 - r), at the upper end of what the lag-one correlation r
// of the score may be: the estimate, with the bias of a short series taken back (Marriott and Pope,
// Biometrika 41, 1954), plus `margin` standard errors of an uncorrelated series (Bartlett, 1946). So a few
// samples never pass for independent: it has to be seen that they are. Only the last 4096 samples count.
struct Dependence {
  // The score is the rank, and the exceedance of the limit as well: for exceedances that were seen, which a
  // slow start or a slow spell may have made all at once.
  double seen;
  // The score is the exceedance of a level halfway from the median to the limit (at least the 80th
  // percentile, and with 30 samples beyond), and of the limit: for those that were not seen. High values come
  // in shorter runs than ranks wander, and where the limit is far a drift of the usual latency by a percent
  // says nothing about it; on the edge of feasibility the level lies between the median and the limited
  // percentile.
  double unseen;
};
// `wary` multiplies the margin of `seen`.
Dependence dependence(std::span<const double> samples, double limit, double margin, double wary = 1);

}  // namespace lehr::probe
