// What is known of one measured quantity (a metric, the objective, the cost of a trial) over the space: a
// Gaussian process on the quantity's natural scale, the logarithmic one while everything measured is
// positive, since effects on positive quantities multiply. Observations may be censored: at least so much.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "lehr/search/guided/gaussian_process.hpp"
#include "lehr/search/guided/warp.hpp"
#include "lehr/search/result.hpp"

namespace lehr::guided {

struct SurrogateOptions {
  GaussianProcessOptions process;
  bool logarithm = true;  // where everything is positive
  bool mirrored = false;  // values that stand for their opposites: logarithmic where everything is negative
  bool unskew = false;    // the scale on which a score is not skewed
  bool growth = false;    // of a limited positive quantity with variables of logarithmic scale
  bool censored = true;   // censored observations count; otherwise they are dropped
  std::size_t most = 96;  // observations that predictions rest on
  std::size_t most_fit = 48;  // observations that hyperparameters rest on
};

class Surrogate {
 public:
  // `anchor`: values near it matter most where not all can be kept (a limit; infinite: the largest). With
  // `positive_anchor` false the logarithmic scale is never used.
  Surrogate(const std::vector<Feature>& features, double anchor, const SurrogateOptions& options = {});

  // What another search knows of the same quantity, settled; outlives this. Before the first observation.
  // Values are then modelled on its scale, as it predicts them, times a slope and plus a constant that follow
  // the data.
  void set_base(const Surrogate* base) { base_ = base; }
  bool informed() const { return !values_.empty() || base_ != nullptr || grows(); }

  // In the order told. at_least: the true value is this or more. sem: standard error of the value, NaN where
  // it is not known; what the model itself takes for noise comes on top.
  void add(std::span<const double> row, double value, bool at_least = false, double sem = missing);
  std::size_t observations() const { return values_.size(); }
  const Warp& warp() const { return warp_; }

  // Brings the model up to date; the values of `pending` rows are taken to be what is predicted for them.
  void settle(std::span<const double> pending_rows = {});

  // On the model's scale. After settle().
  void predict(std::span<const double> rows, std::span<double> mean, std::span<double> variance) const;
  double to_scale(double value) const { return warp_(value); }
  // Variance on the scale of a value with such a standard error.
  double error_variance(double value, double sem) const;
  double noise_variance() const { return process_.noise_variance(); }
  // Standard deviation of the values on the model's scale, by and large.
  double scale() const { return process_.scale() + (base_ ? slope_ * base_->process_.scale() : 0.0); }
  const GaussianProcess& process() const { return process_; }

 private:
  std::vector<std::size_t> chosen(std::size_t count, std::size_t most) const;
  void load(const std::vector<std::size_t>& which, std::span<const double> pending_rows);
  double expected_spread() const;
  // Whether it is expected to grow with variables of logarithmic scale.
  bool grows() const {
    return base_ == nullptr && options_.growth && anchor_ > 0.0 && std::isfinite(anchor_);
  }
  double trend(std::span<const double> row) const;
  // Predictions without their variances.
  void predict_means(std::span<const double> rows, std::span<double> mean) const;
  double fitted_slope() const;

  std::vector<Feature> features_;
  std::size_t width_;
  double anchor_;
  SurrogateOptions options_;
  GaussianProcess process_;
  std::vector<double> rows_, values_, sems_;
  std::vector<std::uint8_t> at_least_;
  double sign_;               // that values have where the logarithmic scale is for them
  std::size_t positive_ = 0;  // leading observations that have it
  std::size_t refined_ = 0;   // observations that the hyperparameters have seen
  std::size_t censored_ = 0;
  Warp warp_;
  const Surrogate* base_ = nullptr;
  double slope_ = 1.0;              // of the base's prediction
  std::vector<double> base_means_;  // the base's predictions of the observations
  mutable std::vector<double> asked_means_, asked_variances_;
  std::vector<double> load_rows_, load_values_, load_variances_, load_means_;  // means: of the base
};

}  // namespace lehr::guided
