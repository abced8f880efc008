// The weight of a model transferred from another search: the probability that it holds here, by a sequential
// Bayes factor: how much better it predicted each trial here than the model that knows the trials here alone.
#pragma once

#include <algorithm>
#include <cmath>

namespace lehr::guided {

class TransferWeight {
 public:
  // Trials here after which the decision is final: by then this history says more than any other.
  static constexpr std::size_t probation = 48;

  explicit TransferWeight(double odds = 4.0) : first_(std::log(odds)), log_odds_(first_) {}

  double probability() const { return 1.0 / (1.0 + std::exp(-log_odds_)); }
  // Whether predictions use the model. `rejected`: how many other models of the same search were rejected;
  // searches that differ hardly differ in one thing alone.
  bool holds(std::size_t rejected = 0) const { return log_odds_ > 1.5 * static_cast<double>(rejected); }
  bool fell() const { return log_odds_ < first_; }  // below where it started
  bool rejected() const { return rejected_; }       // for good
  void reject() { rejected_ = true; }

  // The logarithm of P(result | transferred model) / P(result | own model). The weight falls in two or three
  // bad predictions, however long it took to rise, and rises again more slowly.
  void update(double log_ratio) {
    log_odds_ = std::min(log_odds_ + std::clamp(log_ratio, -largest_loss, largest_gain), largest_log_odds);
    rejected_ = rejected_ || log_odds_ < least_log_odds;
  }

 private:
  static constexpr double largest_loss = 3.0;
  static constexpr double largest_gain = 0.35;
  static constexpr double largest_log_odds = 3.0;
  static constexpr double least_log_odds = -3.0;

  double first_, log_odds_;
  bool rejected_ = false;
};

}  // namespace lehr::guided
