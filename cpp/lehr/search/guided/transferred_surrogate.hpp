// A surrogate of one measured quantity: a model of the trials here and, while it predicts them better, one
// that corrects the surrogate of another search of the same quantity.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "lehr/search/guided/surrogate.hpp"
#include "lehr/search/guided/transfer_weight.hpp"

namespace lehr::guided {

class TransferredSurrogate {
 public:
  TransferredSurrogate(const std::vector<Feature>& features, double anchor, const SurrogateOptions& options);

  // Prior observations, made by another search, before the first observation here: a row each.
  void learn(std::span<const double> rows, std::span<const double> values, std::span<const double> sems);
  // The transferred model was dropped for good.
  bool rejected() const { return transfer_weight_.rejected(); }
  // The transferred model predicted worse than ours, so its weight fell below where it started.
  bool predicted_worse() const { return transfer_weight_.fell(); }

  // As of Surrogate.
  void add(std::span<const double> row, double value, bool at_least = false, double sem = missing);
  // To be called in this order: the transfer weight is updated by what was observed, then the model that
  // predicts is (`rejected`: how many other models of the same search were rejected).
  void update_transfer_weight();
  void settle(std::size_t rejected, std::span<const double> pending_rows = {});
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
  const Surrogate& active() const {
    return corrected_ && transfer_weight_.holds(others_rejected_) ? *corrected_ : own_;
  }
  static double log_likelihood(const Surrogate& model, double mean, double variance,
                               const Observation& observation);
  void take(const Observation& observation);
  void compare(const Observation& observation);
  void drop();

  const std::vector<Feature> features_;
  double anchor_;
  SurrogateOptions options_;
  Surrogate own_;
  std::unique_ptr<Surrogate> prior_,
      corrected_;  // of the other search; the same, corrected by the trials here
  TransferWeight transfer_weight_;
  double one_sign_ = 0.0;  // that all values learned have; otherwise 0
  std::size_t others_rejected_ = 0;
  std::size_t taken_ = 0;             // observations that the models have
  std::vector<Observation> waiting_;  // so that each is predicted from those before it alone
};

}  // namespace lehr::guided
