// A hierarchical mixed space: variables in order, each perhaps active only under a condition on earlier ones,
// and forbidden combinations. Immutable once made.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "lehr/base/rng.hpp"
#include "lehr/space/condition.hpp"
#include "lehr/space/variable.hpp"

namespace lehr {

// One code per variable of the space, in its order; NaN where inactive.
using Configuration = std::vector<double>;

// A mask over the codes of discrete variables: masked(i, code) is true where proposals must not go.
using Mask = std::function<bool(std::size_t variable, double code)>;

struct Compiled;

class Space {
 public:
  // Throws SpaceError with every mistake at once.
  Space(std::vector<Variable> variables, std::vector<Condition> forbidden);

  std::size_t size() const noexcept { return variables_.size(); }
  const Variable& variable(std::size_t i) const { return variables_[i]; }
  const std::vector<Variable>& variables() const noexcept { return variables_; }
  const std::vector<Condition>& forbidden() const noexcept { return forbidden_; }
  std::optional<std::size_t> find(const std::string& name) const;

  // Whether variable i is active given the codes of the variables before it.
  bool active(std::size_t i, std::span<const double> codes) const;
  // Whether a forbidden combination definitely holds.
  bool is_forbidden(std::span<const double> codes) const;
  // In the domain, NaN exactly where inactive, and not forbidden.
  bool legal(std::span<const double> codes) const;

  // Hierarchical uniform draw: each active variable uniform in its own scale, conditioned on legality. Always
  // returns a legal configuration, however tight the forbidden combinations are.
  Configuration sample(Rng& rng) const;
  // One active variable drawn uniformly in its own scale (no legality check beyond the domain).
  double sample_variable(std::size_t i, Rng& rng) const;

  // After changing codes: active variables that have none get a draw from their domain, inactive ones become
  // NaN. In order, so that a chain of activations settles in one pass. Not checked against forbidden
  // combinations.
  void repair(Configuration& codes, Rng& rng) const;

  // Encode what a user gave: a value for every active variable, none for inactive ones, no unknown name.
  // Throws ConfigurationError with every problem at once.
  Configuration encode(const std::vector<std::pair<std::string, Value>>& values) const;

  // Number of legal configurations as decimal digits, exact; nothing when a continuous variable can be
  // active.
  std::optional<std::string> count() const;
  // Calls visit for every legal configuration in lexicographic order of codes until it returns false.
  // Continuous variables and integers with more than `resolution` values are thinned to `resolution` points,
  // equally spaced in their own scale, both ends included (resolution 0: no thinning; continuous variables
  // are then an error).
  void enumerate(std::size_t resolution, const std::function<bool(const Configuration&)>& visit) const;

  // The rules in compiled form, for the space's own algorithms (lehr/space/compiled.hpp).
  const Compiled& compiled() const noexcept { return *compiled_; }

 private:
  std::vector<Variable> variables_;  // bounds lowered to what the step reaches
  std::vector<Condition> forbidden_;
  std::unordered_map<std::string, std::size_t> names_;
  std::shared_ptr<const Compiled> compiled_;  // shared by copies
};

}  // namespace lehr
