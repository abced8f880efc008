#include "lehr/probe/quantile.hpp"

#include <algorithm>
#include <cmath>

#include "lehr/probe/beta.hpp"

namespace lehr::probe {
namespace {

// 0.95 * 100 is 95.00000000000001 or so: ranks must not jump for it.
double rounded(double value) { return std::round(value * 1e9) / 1e9; }

}  // namespace

std::size_t samples_for_point(double share) {
  return static_cast<std::size_t>(std::ceil(rounded(1 / std::min(share, 1 - share))));
}

std::size_t samples_for_interval(double share, double confidence) {
  std::size_t n = 2;
  const auto coverage = [&](double count) { return 1 - std::pow(share, count) - std::pow(1 - share, count); };
  while (coverage(static_cast<double>(n)) < confidence) ++n;
  return n;
}

Quantile quantile(std::span<const double> sorted, double share, double confidence, double discount) {
  const double count = static_cast<double>(sorted.size());
  const double effective = std::max(1.0, std::floor(count / std::max(discount, 1.0)));
  const double each = (1 - confidence) / 2;

  // Ranks among the effective samples, from 1: the quantile lies below rank l with probability
  // P(B < l) and at or above rank u with P(B >= u).
  double low = 0, high = effective + 1;
  for (double step = std::exp2(std::floor(std::log2(effective))); step >= 1; step /= 2) {
    if (low + step <= effective && binomial_below(low + step - 1, effective, share) <= each) low += step;
    if (high - step >= 1 && 1 - binomial_below(high - step - 1, effective, share) <= each) high -= step;
  }
  const double coverage =
      binomial_below(high - 1, effective, share) - binomial_below(low - 1, effective, share);

  // The same shares of all samples, rounded outwards.
  const auto at = [&](double rank) {
    return sorted[static_cast<std::size_t>(std::clamp(rank, 1.0, count)) - 1];
  };
  Quantile result{};
  result.value = at(std::ceil(rounded(share * count)));
  result.low = at(std::floor(low * count / effective - (count / effective - 1)));
  result.high = at(std::ceil(high * count / effective));
  result.coverage = low >= 1 && high <= effective ? coverage : 0;
  result.effective = effective;
  const double scale = count / effective;
  const double wanted = static_cast<double>(samples_for_interval(share, confidence));
  result.needed =
      std::max(samples_for_point(share), static_cast<std::size_t>(std::ceil(rounded(wanted * scale))));
  result.supported = low >= 1 && high <= effective && sorted.size() >= samples_for_point(share);
  return result;
}

}  // namespace lehr::probe
