#include "lehr/problems/deploy_variables.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "lehr/problems/build.hpp"

namespace lehr {
namespace {

constexpr double kMostCombinations = 60'000.0;
constexpr double kConditional = 0.25;

constexpr std::array<const char*, 6> categorical_names{"backend", "precision", "layout",
                                                       "kernel",  "scheduler", "cache"};
constexpr std::array<const char*, 6> ordinal_names{"tile", "workers", "stages", "prefetch", "unroll", "pool"};
constexpr std::array<const char*, 6> integer_names{"threads", "streams", "tokens",
                                                   "blocks",  "shards",  "queues"};

std::size_t between(Rng& rng, std::size_t low, std::size_t high) {
  return low + static_cast<std::size_t>(rng.below(high - low + 1));
}

Variable listed(const std::string& name, std::size_t values) {
  std::vector<std::string> choices;
  for (std::size_t k = 0; k < values; ++k)
    choices.push_back(name + "_" + std::string(1, static_cast<char>('a' + k)));
  return build::categorical(name, std::move(choices));
}

Variable ordered(const std::string& name, std::size_t values, bool powers) {
  std::vector<std::int64_t> list;
  for (std::size_t k = 0; k < values; ++k)
    list.push_back(powers ? std::int64_t{1} << k : static_cast<std::int64_t>(16 * (k + 1)));
  return build::ordinal(name, std::move(list));
}

// Active under some but not all values of an earlier categorical that is always active itself.
Condition condition(Rng& rng, const std::vector<Variable>& before) {
  std::vector<const Variable*> parents;
  for (const Variable& variable : before) {
    if (variable.kind == Kind::categorical && variable.when.always()) parents.push_back(&variable);
  }
  const Variable& parent = *parents[rng.below(parents.size())];
  std::vector<Value> values = parent.choices;
  for (std::size_t k = values.size() - 1; k > 0; --k) std::swap(values[k], values[rng.below(k + 1)]);
  values.resize(between(rng, 1, values.size() - 1));
  return build::is_in(parent.name, std::move(values));
}

}  // namespace

std::vector<Variable> deploy_variables(Rng& rng) {
  const std::size_t n = between(rng, 3, 8);
  std::vector<Variable> variables;
  variables.push_back(listed("model", between(rng, 3, 8)));
  variables.push_back(build::integer("batch", 1, static_cast<double>(8U << rng.below(3)), true));
  double combinations = static_cast<double>(variables[0].cardinality() * variables[1].cardinality());
  std::array<std::size_t, 3> used{};
  while (variables.size() < n) {
    // What is left must do for the variables to come, two values each.
    const double rest = static_cast<double>(std::size_t{1} << (n - variables.size() - 1));
    const auto most = static_cast<std::size_t>(kMostCombinations / combinations / rest);
    const double roll = rng.uniform();
    const std::size_t size = between(rng, 2, 8);
    const bool powers = rng.uniform() < 0.5;
    Variable variable = roll < 0.55   ? listed(categorical_names[used[0]++], std::min(size, most))
                        : roll < 0.85 ? ordered(ordinal_names[used[1]++],
                                                std::min(std::max<std::size_t>(size, 3), most), powers)
                                      : build::integer(integer_names[used[2]++], 1,
                                                       static_cast<double>(std::min(2 * size, most)), true);
    combinations *= static_cast<double>(variable.cardinality());
    if (rng.uniform() < kConditional) variable.when = condition(rng, variables);
    variables.push_back(std::move(variable));
  }
  return variables;
}

}  // namespace lehr
