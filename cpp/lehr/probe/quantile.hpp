// A percentile with an interval that holds whatever the distribution is.
#pragma once

#include <cstddef>
#include <span>

namespace lehr::probe {

struct Quantile {
  double value;        // nearest rank: a value that was observed
  double low, high;    // the interval's ends, observed values too
  double coverage;     // at least, for independent samples worth `effective`
  double effective;    // samples / discount
  bool supported;      // whether the samples support value and both ends
  std::size_t needed;  // samples that would, at this discount
};

// How many samples leave at least one expected beyond the percentile: 2 for p50, 20 for p95, 100 for p99.
std::size_t samples_for_point(double share);
// How many independent samples a two-sided interval needs: the share-quantile must lie below the largest and
// above the smallest of n with probability `confidence`. 1 - q^n - (1 - q)^n >= confidence (Wilks, Annals of
// Mathematical Statistics 12, 1941).
std::size_t samples_for_interval(double share, double confidence);

// The quantile of `sorted` (ascending, at least one) and its interval from order statistics: the ranks l < u
// with P(l <= B < u) >= confidence for B ~ Binomial(n, q), (1 - confidence) / 2 at either side at most
// (David and Nagaraja, Order Statistics, 3rd edition, section 7.1). `discount` says how many successive
// samples say as much as one: the ranks are those of n / discount samples, spread over all n.
Quantile quantile(std::span<const double> sorted, double share, double confidence, double discount);

}  // namespace lehr::probe
