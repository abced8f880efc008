#include "lehr/search/split.hpp"

#include <algorithm>
#include <cmath>

namespace lehr {

std::size_t below_count(std::size_t n, double share, std::size_t limit) {
  return std::min(static_cast<std::size_t>(std::ceil(share * static_cast<double>(n))), limit);
}

Split split(const History& history, const TpeOptions& options) {
  const std::size_t n = history.size();
  std::vector<std::size_t> ranked;
  ranked.reserve(history.finished());
  for (std::size_t trial = 0; trial < n; ++trial) {
    const Standing standing = history.standing(trial);
    if (standing == Standing::pending) continue;
    if (standing == Standing::failed && !options.failures_below) continue;
    ranked.push_back(trial);
  }
  // With failures admitted they rank by violation among the infeasible ones: last when it is infinite, in the
  // midst of them when it is the paper's fixed 100.
  const auto better = [&history](std::size_t a, std::size_t b) {
    const bool feasible_a = history.standing(a) == Standing::feasible;
    const bool feasible_b = history.standing(b) == Standing::feasible;
    if (feasible_a != feasible_b) return feasible_a;
    if (feasible_a && history.score(a) != history.score(b)) return history.score(a) > history.score(b);
    if (!feasible_a && history.violation(a) != history.violation(b)) {
      return history.violation(a) < history.violation(b);
    }
    return a < b;
  };
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

}  // namespace lehr
