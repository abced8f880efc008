#include "lehr/search/guided/warp.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace lehr::guided {

double Warp::operator()(double value) const {
  switch (kind) {
    case Kind::linear:
      return value;
    case Kind::logarithm:
      return sign * std::log(sign * value);
    case Kind::regret:
      return -std::log(std::max(top - value, 0.0) + softness);
  }
  return value;
}

double Warp::log_slope(double value) const {
  switch (kind) {
    case Kind::linear:
      return 0.0;
    case Kind::logarithm:
      return -std::log(sign * value);
    case Kind::regret:
      return -std::log(std::max(top - value, 0.0) + softness);
  }
  return 0.0;
}

double skewness(std::span<const double> values) {
  double sum = 0.0;
  for (const double value : values) sum += value;
  const auto n = static_cast<double>(values.size());
  const double mean = sum / n;
  double squares = 0.0, cubes = 0.0;
  for (const double value : values) {
    const double off = value - mean;
    squares += off * off;
    cubes += off * off * off;
  }
  return squares > 0.0 ? cubes / n / std::pow(squares / n, 1.5) : 0.0;
}

Warp unskewed(std::span<const double> values) {
  constexpr std::size_t fewest = 5;  // below, skewness is noise
  constexpr double tolerated = 0.5;
  if (values.size() < fewest) return {};
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  if (!(*high > *low)) return {};
  const double skew = skewness(values);
  if (*low > 0.0 && skew > tolerated) return {Warp::Kind::logarithm};
  if (!(skew < -tolerated)) return {};
  std::vector<double> warped(values.size());
  Warp warp{Warp::Kind::regret, *high, *high - *low};
  // The less soft, the more the bad values are drawn in.
  for (int halvings = 0; halvings < 12; ++halvings) {
    for (std::size_t i = 0; i < values.size(); ++i) warped[i] = warp(values[i]);
    if (skewness(warped) > 0.0) break;
    warp.softness *= 0.5;
  }
  return warp;
}

}  // namespace lehr::guided
