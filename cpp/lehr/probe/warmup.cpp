#include "lehr/probe/warmup.hpp"

#include <algorithm>
#include <cmath>
#include <span>

namespace lehr::probe {
namespace {

constexpr double tolerance = 0.02;  // a fall by less is not waited for
constexpr double spike = 5;         // times the median

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return (*middle + *std::max_element(values.begin(), middle)) / 2;
}

struct Window {
  explicit Window(std::span<const double> calls) {
    centre = median({calls.begin(), calls.end()});
    std::vector<double> away;
    for (const double value : calls) {
      away.push_back(std::fabs(value - centre));
      spikes += value > spike * centre ? 1 : 0;
    }
    sigma = 1.4826 * median(std::move(away));
  }
  double centre, sigma;
  std::size_t spikes = 0;
};

}  // namespace

bool Warmup::add(double ms) {
  calls_.push_back(ms);
  total_ms_ += ms;
  if (calls_.size() >= next_) {
    next_ = calls_.size() + std::max<std::size_t>(2, calls_.size() / 3);
    if (stable()) ended_ = "stable";
  }
  if (ended_.empty() && total_ms_ >= bounds_.max_ms) ended_ = "time";
  if (ended_.empty() && calls_.size() >= bounds_.max_calls) ended_ = "calls";
  return ended_.empty();
}

bool Warmup::stable() const {
  const std::span<const double> all = calls_;
  const std::size_t width = all.size() / 3;
  const Window earlier(all.last(2 * width).first(width)), later(all.last(width));
  const double fall = earlier.centre - later.centre;
  // Medians of w values vary by 1.2533 sigma / sqrt(w).
  const double error = 1.2533 * std::sqrt((earlier.sigma * earlier.sigma + later.sigma * later.sigma) /
                                          static_cast<double>(width));
  if (fall > tolerance * later.centre && fall > 2 * error) return false;
  return later.spikes <= earlier.spikes;
}

}  // namespace lehr::probe
