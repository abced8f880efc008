// The law behind a random kernel-tuning space: which configurations fail, and how long the others take.
// Frozen: a seed gives the same law in every version.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "lehr/problems/cost_network.hpp"
#include "lehr/problems/tuning_rule.hpp"
#include "lehr/space/space.hpp"

namespace lehr {

struct TuningLaw {
  std::uint64_t seed = 0;
  std::vector<Variable> variables;
  std::shared_ptr<const Space> space;  // the variables, and the declared rules as forbidden combinations
  std::vector<TuningRule> rules;
  std::vector<CostTable> failing;  // one a rule: 1 where it is met
  std::vector<std::string> causes;
  std::vector<CostTable> times;  // of the logarithm of the run time, by TimePart
  double log_ms = 0.0;
  double sharpness = 1.0;  // of the roof over compute and memory time
  double texture = 0.0;    // every configuration has a factor of its own, exp(+-texture) at most
  double accidents = 0.0;  // share of valid configurations that crash for no reason
  double noise = 0.0;      // standard deviation of the logarithm of a measured time
  double compile_s = 1.0;  // seconds
  double hang_s = 1.0;     // seconds until a hanging trial's deadline
  double dead = 0.0;       // share of the grid that meets a rule; from 16,384 points in larger grids
  double forbidden = 0.0;  // share of the grid that meets a declared one

  // The first rule that is met; as many as there are rules when none is. `places` as in CostTable.
  std::size_t failure(std::span<const std::size_t> places) const;
  bool accident(std::span<const std::size_t> places) const;
  double time_ms(std::span<const std::size_t> places) const;  // of a valid configuration, without noise

  CostNetwork network() const;  // whose minimum is the logarithm of the least time
};

// seed < 2^31.
TuningLaw tuning_law(std::uint64_t seed);

}  // namespace lehr
