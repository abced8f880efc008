// A Gaussian process over mixed spaces (Rasmussen and Williams, "Gaussian Processes for Machine Learning",
// 2006, algorithm 2.1). Its kernel is a sum of effects that add up (on a logarithmic scale: multiply), a term
// for each variable, and of one product over all variables for whatever these do not explain:
//
//   k(x, x') = c + sum_j main_j e_j(x_j, x'_j) + whole prod_j r_j(x_j, x'_j) + noise [x = x']
//
// e_j is 1 for equal choices of a categorical variable, (2u - 1)(2u' - 1) for positions u of a numeric one: a
// linear trend. r_j is exp(-reach_j) for different choices, Matern 5/2 of reach_j |u - u'| for positions.
//
// The hyperparameters are the mode of their posterior, approached by a few coordinate steps whenever the data
// grew: with little data they stay near their priors, and an irrelevant variable loses its term.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "lehr/search/guided/encoding.hpp"

namespace lehr::guided {

struct GaussianProcessOptions {
  bool mains = true;   // the effects that add up
  bool whole = true;   // the product
  double trend = 1.0;  // weight of linear trends beside the effects of choices
};

class GaussianProcess {
 public:
  explicit GaussianProcess(std::vector<Feature> features, const GaussianProcessOptions& options = {});

  // The data: rows as of Encoding (n of them), a value each, and a variance each that is added to the noise's
  // (none: zero). `scale` is how far values are expected to spread before any is known, > 0.
  void set(std::span<const double> rows, std::span<const double> values, std::span<const double> variances,
           double scale);
  // At most so many evaluations of the hyperparameters' posterior, each moving one of them up or down.
  void refine(std::size_t evaluations);
  // Makes ready for predictions.
  void condition();

  // Of the latent function, without noise, in the units of the values. Any number of rows. An empty
  // `variance` is not computed, which is faster.
  void predict(std::span<const double> rows, std::span<double> mean, std::span<double> variance) const;
  double noise_variance() const;
  double scale() const { return scale_; }  // standard deviation of the values, by and large
  // Log evidence of the values (in their own units) plus the log prior of the hyperparameters.
  double evidence();

  std::size_t observations() const { return n_; }
  // Logarithms: noise, whole, main of every feature, reach of every feature.
  const std::vector<double>& hyperparameters() const { return log_; }

 private:
  enum : std::size_t { noise_at = 0, whole_at = 1, first_main = 2 };
  std::size_t main_at(std::size_t j) const { return first_main + j; }
  std::size_t reach_at(std::size_t j) const { return first_main + features_.size() + j; }
  double log_prior(std::size_t at, double value) const;
  void log_correlation(std::size_t j, double log_reach, std::span<double> out) const;
  void sum_terms();
  bool build(std::span<const double> mains, std::span<const double> logs, double whole, double noise);
  double posterior(std::span<const double> mains, std::span<const double> logs,
                   const std::vector<double>& log);
  bool try_step(std::size_t at, double value);

  std::vector<Feature> features_;
  GaussianProcessOptions options_;
  std::vector<double> log_, center_, spread_;  // hyperparameters, and medians and deviations of their priors
  std::vector<std::size_t> movable_;
  std::size_t cursor_ = 0;  // next hyperparameter to move
  std::size_t round_ = 0;

  std::size_t n_ = 0;
  std::vector<double> rows_, values_, extra_;
  double shift_ = 0.0, scale_ = 1.0;
  std::vector<double> effects_, distances_;  // per feature, packed pairs of rows
  std::vector<double> mains_, logs_;         // summed over features
  double current_ = 0.0;                     // posterior of log_
  std::vector<double> trial_mains_, trial_logs_, correlation_, work_, alpha_;
  std::vector<double> main_, reach_;  // of the conditioned process
  double whole_ = 0.0, noise_ = 0.0;
  mutable std::vector<double> cross_;
};

}  // namespace lehr::guided
