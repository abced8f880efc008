// When to stop measuring: everything that is asked is answered, or a bound is met.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "lehr/probe/mean.hpp"
#include "lehr/probe/verdict.hpp"

namespace lehr::probe {

struct Bounds {
  std::size_t min_samples = 20;
  std::size_t max_samples = 1000;
  double max_seconds = 10;
  // No settled limit ends it sooner: what is read over the whole run, energy say, needs its time.
  double min_seconds = 0;
  // Where no limit is open, measuring ends after this time once there are min_samples, though the mean be not
  // as precise as asked.
  double enough_seconds = std::numeric_limits<double>::infinity();
  // Whether an infeasible limit ends it before there are min_samples as well.
  bool hasty = true;
  // A mean latency above which the answer is of no use, since something else then turns the callee down: once
  // there are min_samples whose mean is above it by four standard errors, measuring ends.
  double moot_mean = std::numeric_limits<double>::infinity();
  // A limit that is open after so many samples is given up, whatever else is still asked; 0 for max_samples.
  std::size_t limit_samples = 0;
};

// How well the mean must be known: half of the width of its confidence interval, as a share of it.
struct Precision {
  double half_width = 0;  // 0: not asked
  double confidence = 0.95;
  // Of the samples, before the mean counts as known: less says nothing about slower changes.
  double least_seconds = 0.2;
};

// The paper's trial timeout (arXiv 2604.25073): when the mean of the first three samples is above
// `threshold`, what is so slow need not be measured exactly. Infinite: no such rule.
struct EarlyRule {
  static constexpr std::size_t samples = 3;
  double threshold = std::numeric_limits<double>::infinity();
};

enum class Ended { running, settled, early, moot, samples, time, stopped };

class Judge {
 public:
  // No question: measuring goes on to max_samples, or to max_seconds once there are min_samples.
  Judge(std::vector<Verdict> verdicts, const EarlyRule& early, const Bounds& bounds,
        const Precision& precision = {});

  // How to go on after these samples, `seconds` into the measurement; samples of earlier calls must be their
  // beginning. One infeasible limit settles it; feasible ones and a mean as precise as asked do once there
  // are min_samples, so that the percentile can be told as well (and infeasible ones, unless hasty).
  Ended after(std::span<const double> samples, double seconds);
  // The number of samples at which to ask again; time is to be asked about at any time.
  std::size_t next() const noexcept { return next_; }

  // When time is to be asked about for certain: the next moment after `seconds` at which a bound of time is
  // met.
  double next_seconds(double seconds) const;

  const Bounds& bounds() const noexcept { return bounds_; }
  const std::vector<Verdict>& verdicts() const noexcept { return verdicts_; }

 private:
  bool precise(std::span<const double> samples, double seconds);

  std::vector<Verdict> verdicts_;
  EarlyRule early_;
  Bounds bounds_;
  Precision precision_;
  BlockMeans means_;
  std::size_t in_means_ = 0;  // samples
  std::size_t next_ = 1;
};

}  // namespace lehr::probe
