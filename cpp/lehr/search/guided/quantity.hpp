// What is believed of one measured quantity: a model of the trials here and, while it foretells them better,
// one that corrects what another search knows of the same quantity.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "lehr/search/guided/surrogate.hpp"
#include "lehr/search/guided/trust.hpp"

namespace lehr::guided {

class Quantity {
 public:
  Quantity(const std::vector<Feature>& features, double anchor, const SurrogateOptions& options);

  // What another search measured, before the first observation here: a row each.
  void learn(std::span<const double> rows, std::span<const double> values, std::span<const double> sems);
  // That its word proved false, and that it is less trusted than to begin with.
  bool lost() const { return trust_.lost(); }
  bool doubted() const { return trust_.fell(); }

  // As of Surrogate.
  void add(std::span<const double> row, double value, bool at_least = false, double sem = missing);
  // To be called in this order: what is told is weighed, then (`doubts`: how many other words of the same
  // search proved false) the model that predicts is brought up to date.
  void weigh();
  void settle(std::size_t doubts, std::span<const double> pending_rows = {});
  bool informed() const { return active().informed(); }
  void predict(std::span<const double> rows, std::span<double> mean, std::span<double> variance) const {
    active().predict(rows, mean, variance);
  }
  double to_scale(double value) const { return active().to_scale(value); }
  double noise_variance() const { return active().noise_variance(); }
  double scale() const { return active().scale(); }

 private:
  struct Observation {
    std::vector<double> row;
    double value;
    bool at_least;
    double sem;
  };
  const Surrogate& active() const { return corrected_ && trust_.holds(doubts_) ? *corrected_ : own_; }
  static double log_likelihood(const Surrogate& model, double mean, double variance, const Observation& seen);
  void take(const Observation& seen);
  void weigh(const Observation& seen);
  void drop();

  const std::vector<Feature> features_;
  double anchor_;
  SurrogateOptions options_;
  Surrogate own_;
  std::unique_ptr<Surrogate> other_, corrected_;
  Trust trust_;
  double one_sign_ = 0.0;  // that all values learned have; otherwise 0
  std::size_t doubts_ = 0;
  std::size_t taken_ = 0;             // observations that the models have
  std::vector<Observation> waiting_;  // for settle(), so that each is foretold from those before it alone
};

}  // namespace lehr::guided
