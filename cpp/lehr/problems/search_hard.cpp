#include "lehr/problems/search_hard.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include "lehr/base/rng.hpp"
#include "lehr/space/neighbours.hpp"

namespace lehr {
namespace {

constexpr std::size_t kClimbs = 16;
constexpr double kStructural = 0.2;  // share of structural steps
constexpr double kSmallest = 1e-7;   // numeric steps are log-uniform between these, as shares of the range
constexpr double kLargest = 0.5;

struct Point {
  Configuration codes;
  double objective;
};

class Search {
 public:
  explicit Search(const Problem& problem) : problem_(problem) {}

  std::optional<Point> look(Configuration codes) {
    ++evaluations_;
    const Evaluation truth = problem_.truth(codes);
    if (!problem_.feasible(truth.result)) return std::nullopt;
    return Point{std::move(codes), truth.result.objective};
  }

  // Keeps the best kClimbs points, best first.
  void keep(Point point) {
    const auto at = std::find_if(starts_.begin(), starts_.end(), [&](const Point& other) {
      return problem_.gain(point.objective, other.objective) > 0.0;
    });
    if (static_cast<std::size_t>(at - starts_.begin()) >= kClimbs) return;
    starts_.insert(at, std::move(point));
    if (starts_.size() > kClimbs) starts_.pop_back();
  }

  void climb(Point& point, std::size_t steps, Rng& rng) {
    for (std::size_t k = 0; k < steps; ++k) {
      const bool structural = rng.uniform() < kStructural;
      const double scale = std::exp(rng.uniform(std::log(kSmallest), std::log(kLargest)));
      std::optional<Configuration> next =
          structural ? structural_move(*problem_.space(), point.codes, {}, rng)
                     : numeric_move(*problem_.space(), point.codes, scale, true, {}, rng);
      if (!next) next = problem_.space()->sample(rng);
      std::optional<Point> found = look(*std::move(next));
      if (found && problem_.gain(found->objective, point.objective) >= 0.0) point = *std::move(found);
    }
  }

  std::vector<Point>& starts() { return starts_; }
  std::size_t evaluations() const { return evaluations_; }

 private:
  const Problem& problem_;
  std::vector<Point> starts_;
  std::size_t evaluations_ = 0;
};

}  // namespace

HardSearch search_hard(const Problem& problem, std::size_t n, std::uint64_t seed) {
  Search search(problem);
  Rng rng(seed);
  // Half the evaluations, and on until there is somewhere to climb from.
  for (std::size_t k = 0; k < n && (k < n - n / 2 || search.starts().empty()); ++k) {
    if (std::optional<Point> point = search.look(problem.space()->sample(rng)))
      search.keep(*std::move(point));
  }
  HardSearch result;
  const std::size_t drawn = search.evaluations();
  const std::size_t climbs = search.starts().size();
  for (std::size_t c = 0; c < climbs; ++c) {
    Point& point = search.starts()[c];
    search.climb(point, (n - drawn) / climbs, rng);
    if (result.configuration.empty() || problem.gain(point.objective, result.objective) > 0.0) {
      result.configuration = point.codes;
      result.objective = point.objective;
    }
  }
  result.evaluations = search.evaluations();
  return result;
}

}  // namespace lehr
