#include "lehr/search/split.hpp"

#include <algorithm>
#include <cmath>

namespace lehr {
namespace {

bool may_be_below(const History& history, const TpeOptions& options, std::size_t trial) {
  const Standing standing = history.standing(trial);
  return standing != Standing::pending && (standing != Standing::failed || options.failures_below);
}

// With failures admitted they rank by violation among the infeasible ones: last when it is infinite, in the
// midst of them when it is the paper's fixed 100.
struct Better {
  const History& history;
  bool operator()(std::size_t a, std::size_t b) const {
    const bool feasible_a = history.standing(a) == Standing::feasible;
    const bool feasible_b = history.standing(b) == Standing::feasible;
    if (feasible_a != feasible_b) return feasible_a;
    if (feasible_a && history.worth(a) != history.worth(b)) return history.worth(a) > history.worth(b);
    if (!feasible_a && history.violation(a) != history.violation(b)) {
      return history.violation(a) < history.violation(b);
    }
    return a < b;
  }
};

}  // namespace

std::size_t below_count(std::size_t n, double share, std::size_t limit) {
  return std::min(static_cast<std::size_t>(std::ceil(share * static_cast<double>(n))), limit);
}

Split split(const History& history, const TpeOptions& options) {
  const std::size_t n = history.size();
  std::vector<std::size_t> ranked;
  ranked.reserve(history.finished());
  for (std::size_t trial = 0; trial < n; ++trial) {
    if (may_be_below(history, options, trial)) ranked.push_back(trial);
  }
  const Better better{history};
  const std::size_t count =
      std::min(below_count(history.finished(), options.below_share, options.below_limit), ranked.size());
  std::partial_sort(ranked.begin(), ranked.begin() + static_cast<std::ptrdiff_t>(count), ranked.end(),
                    better);

  Split result;
  result.below.assign(ranked.begin(), ranked.begin() + static_cast<std::ptrdiff_t>(count));
  std::sort(result.below.begin(), result.below.end());
  result.above.reserve(n - count);
  auto next = result.below.begin();
  for (std::size_t trial = 0; trial < n; ++trial) {
    if (next != result.below.end() && *next == trial) {
      ++next;
    } else {
      result.above.push_back(trial);
    }
  }
  return result;
}

void Below::update(const History& history, const TpeOptions& options) {
  if (history.noisy()) {  // what a result is worth changes with the others
    trials_ = split(history, options).below;
    return;
  }
  const std::vector<std::size_t>& told = history.told();
  const Better better{history};
  for (; told_ < told.size(); ++told_) {
    const std::size_t trial = told[told_];
    if (!may_be_below(history, options, trial)) continue;
    if (ranked_.size() == options.below_limit) {
      if (!better(trial, ranked_.back())) continue;
      ranked_.pop_back();
    }
    ranked_.insert(std::lower_bound(ranked_.begin(), ranked_.end(), trial, better), trial);
  }
  const std::size_t count =
      std::min(below_count(history.finished(), options.below_share, options.below_limit), ranked_.size());
  trials_.assign(ranked_.begin(), ranked_.begin() + static_cast<std::ptrdiff_t>(count));
  std::sort(trials_.begin(), trials_.end());
}

}  // namespace lehr
