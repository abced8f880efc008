#include "lehr/probe/judge.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "lehr/base/error.hpp"

namespace lehr::probe {
namespace {

bool surely_above(std::span<const double> samples, double threshold) {
  const double n = static_cast<double>(samples.size());
  const double mean = std::accumulate(samples.begin(), samples.end(), 0.0) / n;
  double squares = 0;
  for (const double value : samples) squares += (value - mean) * (value - mean);
  return mean - 4 * std::sqrt(squares / n / n) > threshold;
}

}  // namespace

Judge::Judge(std::vector<Verdict> verdicts, const EarlyRule& early, const Bounds& bounds,
             const Precision& precision)
    : verdicts_(std::move(verdicts)),
      early_(early),
      bounds_(bounds),
      precision_(precision),
      means_(precision.confidence) {
  if (bounds_.limit_samples == 0) bounds_.limit_samples = bounds_.max_samples;
  if (bounds.min_samples < 1 || bounds.max_samples < bounds.min_samples || bounds.max_samples > 100'000'000) {
    throw OptionError("samples must be bounded by 1 <= min_samples <= max_samples <= 100000000");
  }
  if (!(bounds.min_seconds >= 0) || bounds.min_seconds > bounds.max_seconds) {
    throw OptionError("min_seconds must lie between 0 and max_seconds");
  }
  if (!(bounds.moot_mean >= 0)) throw OptionError("moot_ms must be a number from 0");
  if (!(bounds.enough_seconds > 0)) throw OptionError("enough_seconds must be above 0");
  if (!(bounds.max_seconds > 0) || !(bounds.max_seconds <= 1e6)) {
    throw OptionError("max_seconds must be above 0 and at most 1000000");
  }
  if (!(precision.half_width >= 0) || !(precision.half_width < 1)) {
    throw OptionError("precision must lie between 0 and 1: 0.02 is 2 %");
  }
  if (!(precision.least_seconds >= 0)) throw OptionError("least_seconds must be a number from 0");
}

bool Judge::precise(std::span<const double> samples, double seconds) {
  if (precision_.half_width <= 0) return true;
  for (; in_means_ < samples.size(); ++in_means_) means_.add(samples[in_means_]);
  return seconds >= precision_.least_seconds && means_.blocks() >= BlockMeans::fewest_to_end &&
         means_.half_width() <= precision_.half_width;
}

double Judge::next_seconds(double seconds) const {
  double next = std::numeric_limits<double>::infinity();
  for (const double bound :
       {bounds_.min_seconds, bounds_.max_seconds, bounds_.enough_seconds, precision_.least_seconds}) {
    if (bound > seconds) next = std::min(next, bound);
  }
  return next;
}

Ended Judge::after(std::span<const double> samples, double seconds) {
  const std::size_t n = samples.size();
  next_ = next_look(n);
  for (const std::size_t bound : {bounds_.min_samples, bounds_.limit_samples, bounds_.max_samples}) {
    if (n < bound) next_ = std::min(next_, bound);
  }
  if (n >= EarlyRule::samples && std::isfinite(early_.threshold)) {
    const double sum = std::accumulate(samples.begin(), samples.begin() + EarlyRule::samples, 0.0);
    if (sum / EarlyRule::samples > early_.threshold) return Ended::early;
  }
  const bool enough = n >= bounds_.min_samples && seconds >= bounds_.min_seconds;
  std::size_t feasible = 0;
  for (Verdict& verdict : verdicts_) {
    const Answer answer = verdict.look(samples);
    if (answer == Answer::infeasible && (enough || (bounds_.hasty && bounds_.min_seconds <= 0))) {
      return Ended::settled;
    }
    feasible += answer == Answer::feasible ? 1 : 0;
  }
  const bool answered = feasible == verdicts_.size();
  const bool given_up = !answered && n >= bounds_.limit_samples;
  const bool asked = !verdicts_.empty() || precision_.half_width > 0;
  if (asked && enough && (answered || given_up) && precise(samples, seconds)) {
    return answered ? Ended::settled : Ended::samples;
  }
  if (std::isfinite(bounds_.moot_mean) && enough && surely_above(samples, bounds_.moot_mean)) {
    return Ended::moot;
  }
  if (n >= bounds_.max_samples) return Ended::samples;
  if (enough && (answered || given_up) && seconds >= bounds_.enough_seconds) return Ended::time;
  return seconds >= bounds_.max_seconds ? Ended::time : Ended::running;
}

}  // namespace lehr::probe
