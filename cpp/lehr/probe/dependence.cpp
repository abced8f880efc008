#include "lehr/probe/dependence.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace lehr::probe {
namespace {

constexpr std::size_t longest = 4096;
// No lag-one correlation above this is told from 1: the discount is then 99.
constexpr double strongest = 0.98;

// Midranks, centred on 0.
std::vector<double> ranks(std::span<const double> values) {
  const std::size_t n = values.size();
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  std::vector<double> result(n);
  for (std::size_t first = 0; first < n;) {
    std::size_t last = first;
    while (last < n && values[order[last]] == values[order[first]]) ++last;
    const double rank = (static_cast<double>(first + last) - static_cast<double>(n)) / 2;
    for (; first < last; ++first) result[order[first]] = rank;
  }
  return result;
}

// Sum of products at a lag, over the sum of squares; `centred` has mean 0.
double correlation(std::span<const double> centred, std::size_t lag, double squares) {
  double sum = 0;
  for (std::size_t i = lag; i < centred.size(); ++i) sum += centred[i] * centred[i - lag];
  return sum / squares;
}

double sum_of_squares(std::span<const double> centred) {
  return std::inner_product(centred.begin(), centred.end(), centred.begin(), 0.0);
}

// Geyer's estimate for values of mean 0.
double time_of(std::span<const double> centred, double squares) {
  const std::size_t n = centred.size();
  if (!(squares > 0)) return 1;
  double total = 0, before = 2;
  for (std::size_t lag = 0; lag + 1 < n; lag += 2) {
    const double pair =
        (lag == 0 ? 1 : correlation(centred, lag, squares)) + correlation(centred, lag + 1, squares);
    if (pair <= 0) break;
    before = std::min(before, pair);
    total += before;
  }
  return std::clamp(2 * total - 1, 1.0, static_cast<double>(n));
}

void centre(std::span<double> values) {
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
  for (double& value : values) value -= mean;
}

double discount(std::vector<double>& score, double margin) {
  centre(score);
  const double n = static_cast<double>(score.size()), squares = sum_of_squares(score);
  double first = squares > 0 ? correlation(score, 1, squares) : 0;
  first += (1 + 3 * std::max(first, 0.0)) / n + margin / std::sqrt(n);
  first = std::clamp(first, 0.0, strongest);
  return std::max((1 + first) / (1 - first), time_of(score, squares));
}

// Samples beyond the level whose dependence is looked at: fewer would show none.
constexpr std::size_t enough_beyond = 30;

// Halfway, by factors, from the median to the limit, but at least the 80th percentile, and no higher than
// that enough samples are beyond.
double high_threshold(std::span<const double> samples, double limit) {
  std::vector<double> sorted(samples.begin(), samples.end());
  std::sort(sorted.begin(), sorted.end());
  const std::size_t last = sorted.size() - 1, high = sorted.size() * 4 / 5;
  const double halfway = std::sqrt(std::max(sorted[last / 2], 0.0) * limit);
  return std::max(sorted[high], std::min(halfway, sorted[last - std::min(last, enough_beyond)]));
}

}  // namespace

double autocorrelation_time(std::span<const double> values) {
  if (values.size() < 2) return 1;
  std::vector<double> centred(values.begin(), values.end());
  centre(centred);
  return time_of(centred, sum_of_squares(centred));
}

Dependence dependence(std::span<const double> samples, double limit, double margin, double wary) {
  constexpr double all = (1 + strongest) / (1 - strongest);
  if (samples.size() < 3) return {all, all};
  if (samples.size() > longest) samples = samples.last(longest);

  std::vector<double> score = ranks(samples);
  std::vector<double> high(score.size());
  const double threshold = high_threshold(samples, limit);
  std::transform(samples.begin(), samples.end(), high.begin(),
                 [&](double value) { return value > threshold ? 1.0 : 0.0; });
  std::vector<double> beyond(score.size());
  std::transform(samples.begin(), samples.end(), beyond.begin(),
                 [&](double value) { return value > limit ? 1.0 : 0.0; });
  const double exceedances = autocorrelation_time(beyond);
  return {std::max(discount(score, wary * margin), exceedances),
          std::max(discount(high, margin), exceedances)};
}

}  // namespace lehr::probe
