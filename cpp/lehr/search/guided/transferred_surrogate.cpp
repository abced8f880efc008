#include "lehr/search/guided/transferred_surrogate.hpp"

#include <algorithm>
#include <cmath>

#include "lehr/estimators/normal.hpp"

namespace lehr::guided {
namespace {

constexpr std::size_t most_learned = 32;  // rows of another search that its model rests on

// Trials that the transfer weight is updated by: each of the first, then some.
bool compared(std::size_t n) { return n < 12 || n % 3 == 0; }

// Of `values` at most `most`: half of them nearest to the anchor (infinite: the largest), the others evenly
// spread over the history. In order.
std::vector<std::size_t> informative(std::span<const double> values, double anchor, std::size_t most) {
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
double TransferredSurrogate::log_likelihood(const Surrogate& model, double mean, double variance,
                                            const Observation& observation) {
  variance += model.noise_variance() + model.error_variance(observation.value, observation.sem);
  const double off = model.to_scale(observation.value) - mean;
  return observation.at_least ? log_ndtr(-off / std::sqrt(variance))
                              : log_normal(off, variance) + model.warp().log_slope(observation.value);
}

TransferredSurrogate::TransferredSurrogate(const std::vector<Feature>& features, double anchor,
                                           const SurrogateOptions& options)
    : features_(features), anchor_(anchor), options_(options), own_(features, anchor, options) {}

void TransferredSurrogate::learn(std::span<const double> rows, std::span<const double> values,
                                 std::span<const double> sems) {
  drop();
  transfer_weight_ = TransferWeight{};
  others_rejected_ = 0;
  one_sign_ = 0.0;
  if (values.empty()) return;
  SurrogateOptions options = options_;
  options.unskew = false;
  options.most = options.most_fit = most_learned;
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  one_sign_ = *low > 0.0 ? 1.0 : *high < 0.0 ? -1.0 : 0.0;
  prior_ = std::make_unique<Surrogate>(features_, anchor_, options);
  const std::size_t width = features_.size();
  for (const std::size_t i : informative(values, anchor_, most_learned))
    prior_->add(rows.subspan(i * width, width), values[i], false, sems[i]);
  prior_->settle();
  options = options_;
  options.unskew = false;
  corrected_ = std::make_unique<Surrogate>(features_, anchor_, options);
  corrected_->set_base(prior_.get());
}

void TransferredSurrogate::drop() {
  corrected_.reset();
  prior_.reset();
}

void TransferredSurrogate::add(std::span<const double> row, double value, bool at_least, double sem) {
  if (!corrected_) return own_.add(row, value, at_least, sem);
  waiting_.push_back({{row.begin(), row.end()}, value, at_least, sem});
}

// How much better the other search's model, corrected by the observations before, predicted this one.
void TransferredSurrogate::compare(const Observation& observation) {
  const bool logarithm = prior_->warp().kind == Warp::Kind::logarithm;
  if (logarithm && !(prior_->warp().sign * observation.value > 0.0)) return transfer_weight_.reject();
  const double value = corrected_->to_scale(observation.value);
  double mean = 0.0, variance = 0.0;
  corrected_->settle();
  corrected_->predict(observation.row, {&mean, 1}, {&variance, 1});
  if (taken_ == 0) {
    // The first says how far the level is off: by about one unit (on a logarithm a factor of two) if both
    // searches measure the same thing, otherwise by anything. Nor do quantities that have one sign change it.
    if (observation.at_least) return;
    if (observation.value * one_sign_ < 0.0) return transfer_weight_.reject();
    const double unit = logarithm ? 0.7 : std::max(prior_->scale(), std::abs(mean));
    constexpr double anything = 2.5;
    const double off = (value - mean) / unit;
    const double error = corrected_->error_variance(observation.value, observation.sem) / (unit * unit);
    return transfer_weight_.update(log_normal(off, 1.0 + error) -
                                   log_normal(off, anything * anything + error));
  }
  double own_mean = 0.0, own_variance = 0.0;
  own_.settle();
  own_.predict(observation.row, {&own_mean, 1}, {&own_variance, 1});
  // That the prior model knows how far values spread says nothing of which are large.
  const double spread = prior_->scale();
  if (own_.warp().kind == prior_->warp().kind) own_variance = std::min(own_variance, 2.0 * spread * spread);
  transfer_weight_.update(log_likelihood(*corrected_, mean, variance, observation) -
                          log_likelihood(own_, own_mean, own_variance, observation));
}

void TransferredSurrogate::take(const Observation& observation) {
  if (corrected_ && taken_ < TransferWeight::probation && compared(taken_)) compare(observation);
  own_.add(observation.row, observation.value, observation.at_least, observation.sem);
  ++taken_;
  if (transfer_weight_.rejected() || (taken_ >= TransferWeight::probation && !transfer_weight_.holds()))
    drop();
  if (corrected_) corrected_->add(observation.row, observation.value, observation.at_least, observation.sem);
}

void TransferredSurrogate::update_transfer_weight() {
  for (const Observation& observation : waiting_) take(observation);
  waiting_.clear();
}

void TransferredSurrogate::settle(std::size_t rejected, std::span<const double> pending_rows) {
  others_rejected_ = rejected;
  (corrected_ && transfer_weight_.holds(others_rejected_) ? *corrected_ : own_).settle(pending_rows);
}

}  // namespace lehr::guided
