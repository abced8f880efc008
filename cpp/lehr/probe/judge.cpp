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

Judge::Judge(std::vector<Verdict> verdicts, const EarlyRule& early, const Bounds& bounds)
    : verdicts_(std::move(verdicts)), early_(early), bounds_(bounds) {
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
}

Ended Judge::after(std::span<const double> samples, double seconds) {
  const std::size_t n = samples.size();
  next_ = std::min(next_look(n), n < bounds_.min_samples ? bounds_.min_samples : bounds_.max_samples);
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
  if (!verdicts_.empty() && feasible == verdicts_.size() && enough) return Ended::settled;
  if (std::isfinite(bounds_.moot_mean) && enough && surely_above(samples, bounds_.moot_mean)) {
    return Ended::moot;
  }
  if (n >= bounds_.max_samples) return Ended::samples;
  if (verdicts_.empty() && n >= bounds_.min_samples && seconds >= bounds_.enough_seconds) return Ended::time;
  return seconds >= bounds_.max_seconds ? Ended::time : Ended::running;
}

}  // namespace lehr::probe
