// A rule of a random kernel-tuning space: arithmetic on its parameters that a configuration must not meet.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "lehr/problems/cost_network.hpp"
#include "lehr/space/condition.hpp"
#include "lehr/space/variable.hpp"

namespace lehr {

// factor * (x + a) * (y + b) * ...
struct Product {
  double factor = 1.0;
  std::vector<std::pair<std::size_t, double>> terms;  // variable, what is added to it
};

struct TuningRule {
  enum class Kind { above, below, not_multiple };

  Kind kind = Kind::above;
  std::vector<Product> sum;
  Product divisor;          // no terms: 1
  double bound = 0.0;       // of above and below
  std::size_t flag = none;  // a parameter of two values: the rule holds for its second only
  bool declared = false;    // the space forbids it
  bool hangs = false;       // until the trial's deadline; else it crashes
  double cost = 1.0;        // share of a compilation that a failure takes

  static constexpr std::size_t none = static_cast<std::size_t>(-1);

  // sum / divisor; the remainder where a multiple is wanted. `values` has those of all variables.
  double value(std::span<const double> values) const;
  // Whether the configuration fails.
  bool met(std::span<const double> values) const;
  std::vector<std::size_t> scope() const;  // ascending
  // An expression that holds where the rule is met, as Python reads it: block_x * block_y > 1024
  std::string text(const std::vector<Variable>& variables) const;
};

// The values of a variable's places as numbers; a flag's are 0 and 1.
std::vector<double> numbers_of(const Variable& variable);

// 1 where the rule is met, else 0.
CostTable table_of(const TuningRule& rule, const std::vector<Variable>& variables);

// The same as a condition on values.
Condition condition_of(const CostTable& table, const std::vector<Variable>& variables);

}  // namespace lehr
