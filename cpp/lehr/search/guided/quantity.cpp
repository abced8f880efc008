#include "lehr/search/guided/quantity.hpp"

#include <algorithm>
#include <cmath>

#include "lehr/estimators/normal.hpp"

namespace lehr::guided {
namespace {

constexpr std::size_t most_learned = 32;  // rows of another search that its model rests on

// Trials that trust is weighed by: each of the first, then some.
bool weighs(std::size_t n) { return n < 12 || n % 3 == 0; }

// Of `values` at most `most`: half of them nearest to the anchor (infinite: the largest), the others evenly
// spread over the history. In order.
std::vector<std::size_t> telling(std::span<const double> values, double anchor, std::size_t most) {
  std::vector<std::size_t> which(values.size());
  for (std::size_t i = 0; i < which.size(); ++i) which[i] = i;
  if (which.size() <= most) return which;
  if (!std::isfinite(anchor)) anchor = *std::max_element(values.begin(), values.end());
  const std::size_t near = most / 2;
  const auto middle = which.begin() + static_cast<std::ptrdiff_t>(near);
  std::partial_sort(which.begin(), middle, which.end(), [&](std::size_t a, std::size_t b) {
    const double off_a = std::abs(values[a] - anchor), off_b = std::abs(values[b] - anchor);
    return off_a != off_b ? off_a < off_b : a < b;
  });
  std::sort(middle, which.end());
  const std::size_t rest = which.size() - near;
  for (std::size_t k = 0; k < most - near; ++k) which[near + k] = which[near + k * rest / (most - near)];
  which.resize(most);
  std::sort(which.begin(), which.end());
  return which;
}

double log_normal(double off, double variance) { return -0.5 * (off * off / variance + std::log(variance)); }

}  // namespace

// Log density of an observation (log probability of 'at least') in the quantity's units, given what a model
// predicted.
double Quantity::log_likelihood(const Surrogate& model, double mean, double variance,
                                const Observation& seen) {
  variance += model.noise_variance() + model.error_variance(seen.value, seen.sem);
  const double off = model.to_scale(seen.value) - mean;
  return seen.at_least ? log_ndtr(-off / std::sqrt(variance))
                       : log_normal(off, variance) + model.warp().log_slope(seen.value);
}

Quantity::Quantity(const std::vector<Feature>& features, double anchor, const SurrogateOptions& options)
    : features_(features), anchor_(anchor), options_(options), own_(features, anchor, options) {}

void Quantity::learn(std::span<const double> rows, std::span<const double> values,
                     std::span<const double> sems) {
  drop();
  trust_ = Trust{};
  doubts_ = 0;
  one_sign_ = 0.0;
  if (values.empty()) return;
  SurrogateOptions options = options_;
  options.unskew = false;
  options.most = options.most_fit = most_learned;
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  one_sign_ = *low > 0.0 ? 1.0 : *high < 0.0 ? -1.0 : 0.0;
  other_ = std::make_unique<Surrogate>(features_, anchor_, options);
  const std::size_t width = features_.size();
  for (const std::size_t i : telling(values, anchor_, most_learned))
    other_->add(rows.subspan(i * width, width), values[i], false, sems[i]);
  other_->settle();
  options = options_;
  options.unskew = false;
  corrected_ = std::make_unique<Surrogate>(features_, anchor_, options);
  corrected_->set_base(other_.get());
}

void Quantity::drop() {
  corrected_.reset();
  other_.reset();
}

void Quantity::add(std::span<const double> row, double value, bool at_least, double sem) {
  if (!corrected_) return own_.add(row, value, at_least, sem);
  waiting_.push_back({{row.begin(), row.end()}, value, at_least, sem});
}

// How much better the other search's word, corrected by the observations before, foretold this one.
void Quantity::weigh(const Observation& seen) {
  const bool logarithm = other_->warp().kind == Warp::Kind::logarithm;
  if (logarithm && !(other_->warp().sign * seen.value > 0.0)) return trust_.give_up();
  const double value = corrected_->to_scale(seen.value);
  double mean = 0.0, variance = 0.0;
  corrected_->settle();
  corrected_->predict(seen.row, {&mean, 1}, {&variance, 1});
  if (taken_ == 0) {
    // The first says how far the level is off: by about one unit (on a logarithm a factor of two) if the
    // other speaks of the same thing, otherwise by anything. Nor do quantities that have one sign change it.
    if (seen.at_least) return;
    if (seen.value * one_sign_ < 0.0) return trust_.give_up();
    const double unit = logarithm ? 0.7 : std::max(other_->scale(), std::abs(mean));
    constexpr double anything = 2.5;
    const double off = (value - mean) / unit;
    const double error = corrected_->error_variance(seen.value, seen.sem) / (unit * unit);
    return trust_.weigh(log_normal(off, 1.0 + error) - log_normal(off, anything * anything + error));
  }
  double own_mean = 0.0, own_variance = 0.0;
  own_.settle();
  own_.predict(seen.row, {&own_mean, 1}, {&own_variance, 1});
  // That the other knows how far values spread says nothing of which are large.
  const double spread = other_->scale();
  if (own_.warp().kind == other_->warp().kind) own_variance = std::min(own_variance, 2.0 * spread * spread);
  trust_.weigh(log_likelihood(*corrected_, mean, variance, seen) -
               log_likelihood(own_, own_mean, own_variance, seen));
}

void Quantity::take(const Observation& seen) {
  if (corrected_ && taken_ < Trust::probation && weighs(taken_)) weigh(seen);
  own_.add(seen.row, seen.value, seen.at_least, seen.sem);
  ++taken_;
  if (trust_.lost() || (taken_ >= Trust::probation && !trust_.holds())) drop();
  if (corrected_) corrected_->add(seen.row, seen.value, seen.at_least, seen.sem);
}

void Quantity::weigh() {
  for (const Observation& seen : waiting_) take(seen);
  waiting_.clear();
}

void Quantity::settle(std::size_t doubts, std::span<const double> pending_rows) {
  doubts_ = doubts;
  (corrected_ && trust_.holds(doubts_) ? *corrected_ : own_).settle(pending_rows);
}

}  // namespace lehr::guided
