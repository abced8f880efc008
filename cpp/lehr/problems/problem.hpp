// A problem of DeployBench: a space, limits, and what every configuration gives. Pure: an evaluation depends
// on the configuration and the draw and on nothing else, so studies can run in any order and on any thread,
// and every method meets the same luck under the same seed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lehr/search/result.hpp"
#include "lehr/space/space.hpp"

namespace lehr {

// What a noisy evaluation draws: the study's seed, and how often this study evaluated the configuration
// before.
struct Draw {
  std::uint64_t seed = 0;
  std::uint64_t repeat = 0;
};

struct Evaluation {
  Result result;           // metrics in the order of the problem's constraints
  double seconds = 0.0;    // what the trial cost
  std::string_view cause;  // of a failure, in a few words; lives as long as the problem; empty when it ran
};

struct Optimum {
  Configuration configuration;  // empty when nothing is feasible
  double objective = 0.0;       // in the problem's own direction, without noise; NaN when nothing is feasible
  std::vector<double> families;  // codes of the family variable that reach it; empty without one
  std::string certificate;       // how it is known: enumeration, or the bound that was proven
};

class Problem {
 public:
  virtual ~Problem() = default;
  Problem(const Problem&) = delete;
  Problem& operator=(const Problem&) = delete;

  const std::string& name() const noexcept { return name_; }
  const std::shared_ptr<const Space>& space() const noexcept { return space_; }
  const std::string& objective() const noexcept { return objective_; }
  Direction direction() const noexcept { return direction_; }
  const std::vector<Constraint>& constraints() const noexcept { return constraints_; }
  // The categorical variable whose values are the families of METHOD's discovery rate, when there is one.
  std::optional<std::size_t> family() const noexcept { return family_; }

  // One measurement, with its noise. `codes` must be legal. Safe to call from many threads.
  virtual Evaluation evaluate(std::span<const double> codes, const Draw& draw) const = 0;
  // What many measurements would agree on: no noise, no accident. Regret is counted in its objective.
  virtual Evaluation truth(std::span<const double> codes) const = 0;
  // The best configuration whose truth is feasible. May take a while: ask once.
  virtual Optimum optimum() const = 0;
  // The problem in a few sentences: what it models, its limits, how its constants are known.
  virtual std::string describe() const = 0;

  bool feasible(const Result& result) const;
  // Positive where a is better than b in the problem's direction.
  double gain(double a, double b) const noexcept { return direction_ == Direction::maximize ? a - b : b - a; }

 protected:
  Problem(std::string name, std::shared_ptr<const Space> space, std::string objective, Direction direction,
          std::vector<Constraint> constraints, std::optional<std::string> family);

 private:
  std::string name_;
  std::shared_ptr<const Space> space_;
  std::string objective_;
  Direction direction_;
  std::vector<Constraint> constraints_;
  std::optional<std::size_t> family_;
};

}  // namespace lehr
