// How far the word of another search is to be believed: the probability that it speaks of the same thing as
// the trials here, by a sequential Bayes factor: how much better each trial was foretold with its word than
// without.
#pragma once

#include <algorithm>
#include <cmath>

namespace lehr::guided {

class Trust {
 public:
  // Own trials after which the verdict is final: by then the own history says more than any other.
  static constexpr std::size_t probation = 48;

  explicit Trust(double odds = 4.0) : first_(std::log(odds)), log_odds_(first_) {}

  double probability() const { return 1.0 / (1.0 + std::exp(-log_odds_)); }
  // `doubts`: how many other words of the same search proved false; it hardly lies about one thing alone.
  bool holds(std::size_t doubts = 0) const { return log_odds_ > 1.5 * static_cast<double>(doubts); }
  bool fell() const { return log_odds_ < first_; }
  bool lost() const { return lost_; }  // for good
  void give_up() { lost_ = true; }

  // The logarithm of P(what was seen | with its word) / P(what was seen | without). Trust is lost in two or
  // three disappointments, however long it was earned, and regained more slowly.
  void weigh(double log_ratio) {
    log_odds_ = std::min(log_odds_ + std::clamp(log_ratio, -most_lost, most_gained), most_trusted);
    lost_ = lost_ || log_odds_ < least_trusted;
  }

 private:
  static constexpr double most_lost = 3.0;
  static constexpr double most_gained = 0.35;
  static constexpr double most_trusted = 3.0;
  static constexpr double least_trusted = -3.0;

  double first_, log_odds_;
  bool lost_ = false;
};

}  // namespace lehr::guided
