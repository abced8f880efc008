#include "lehr/problems/deploy_law.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "lehr/problems/deploy_variables.hpp"
#include "lehr/space/cells.hpp"

namespace lehr {
namespace {

constexpr std::uint64_t kLaw = 0x6465706c6f790001ULL;  // the first edition of the law
constexpr double kLeast = 0.30;                        // invalid share
constexpr double kMost = 0.97;
constexpr double kCrashes = 0.7;  // the part of the invalid share that crashes may take

bool numeric(const Variable& variable) { return variable.kind != Kind::categorical; }

double number_at(const Variable& variable, std::size_t place) {
  return number(variable.decode(variable.code(place)));
}

// Of a categorical, every value has its own factors; of a number, factors are powers of it.
Effects draw_effects(Rng& rng, const Variable& variable) {
  Effects effects;
  const std::size_t values = variable.cardinality();
  const double spread = rng.uniform(0.1, 0.6);
  const double power = rng.uniform(-0.5, 0.5);
  const double memory_spread = rng.uniform() < 0.5 ? rng.uniform(0.1, 0.5) : 0.0;
  const double memory_power = rng.uniform() < 0.5 ? rng.uniform(0.0, 0.5) : 0.0;
  const double cost_spread = rng.uniform() < 0.3 ? 0.5 : 0.0;
  for (std::size_t k = 0; k < values; ++k) {
    const double ratio = numeric(variable) ? std::log(number_at(variable, k) / number_at(variable, 0)) : 0.0;
    const double latency = rng.normal();
    const double memory = rng.normal();
    const double cost = rng.normal();
    effects.log_latency.push_back(numeric(variable) ? power * ratio : spread * latency);
    effects.log_memory.push_back(numeric(variable) ? memory_power * ratio : memory_spread * memory);
    effects.log_cost.push_back(numeric(variable) ? 0.0 : cost_spread * cost);
    effects.quality.push_back(0.0);
  }
  return effects;
}

// Good families tend to be heavy, more or less so; what a model is worth has little to do with the rest.
void draw_model(Rng& rng, Effects& effects) {
  const double bond = rng.uniform();
  const double spread = rng.uniform(0.3, 1.0);
  for (std::size_t k = 0; k < effects.quality.size(); ++k) {
    const double worth = rng.normal();
    const double own = rng.normal();
    effects.quality[k] = 0.75 + 0.03 * worth;
    const double heavy = bond * worth + std::sqrt(1.0 - bond * bond) * own;
    effects.log_latency[k] = spread * heavy;
    effects.log_memory[k] = spread * heavy + 0.2 * rng.normal();
  }
}

void draw_batch(Rng& rng, const Variable& variable, Effects& effects) {
  const double power = rng.uniform(0.3, 1.0);
  const double growth = rng.uniform(0.02, 0.5);
  for (std::size_t k = 0; k < effects.log_latency.size(); ++k) {
    const double batch = number_at(variable, k);
    effects.log_latency[k] = power * std::log(batch);
    effects.log_memory[k] = std::log1p(growth * batch);
    effects.log_cost[k] = 0.0;
  }
}

// One other categorical, like a precision, costs quality.
void draw_precision(Rng& rng, const std::vector<Variable>& variables, std::vector<Effects>& effects) {
  std::vector<std::size_t> candidates;
  for (std::size_t i = kBatch + 1; i < variables.size(); ++i) {
    if (!numeric(variables[i])) candidates.push_back(i);
  }
  if (candidates.empty()) return;
  Effects& chosen = effects[candidates[rng.below(candidates.size())]];
  for (double& quality : chosen.quality) {
    const double loss = rng.uniform();
    quality = -0.04 * loss * loss * loss;
  }
}

Failure::Clause one_value(Rng& rng, const std::vector<Variable>& variables, std::size_t variable) {
  std::vector<bool> values(variables[variable].cardinality(), false);
  values[rng.below(values.size())] = true;
  return {variable, std::move(values)};
}

std::string words(const std::vector<Variable>& variables, const Failure::Clause& clause) {
  const Variable& variable = variables[clause.variable];
  const auto first = std::find(clause.values.begin(), clause.values.end(), true);
  const auto place = static_cast<std::size_t>(first - clause.values.begin());
  const Value value = variable.decode(variable.code(place));
  return variable.name + (numeric(variable) ? " >= " : " = ") + text(value);
}

void finish(Rng& rng, const std::vector<Variable>& variables, Failure& failure) {
  const bool hangs = rng.uniform() < 0.15;
  failure.outcome = hangs ? Outcome::timeout : Outcome::crashed;
  // A crash costs little or much; a hang costs what its deadline allows.
  failure.cost = hangs ? rng.uniform(3.0, 6.0) : std::exp(rng.uniform(std::log(0.02), std::log(2.0)));
  for (const Failure::Clause& clause : failure.clauses)
    failure.cause += (failure.cause.empty() ? "" : ", ") + words(variables, clause);
  failure.cause += hangs ? " hangs" : " crashes";
}

std::vector<std::size_t> those(const std::vector<Variable>& variables, bool want_numeric) {
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < variables.size(); ++i) {
    if (numeric(variables[i]) == want_numeric) found.push_back(i);
  }
  return found;
}

// Up to two values that always fail, one to four pairs of values, up to two thresholds on a number under one
// value of a categorical.
std::vector<Failure> draw_failures(Rng& rng, const std::vector<Variable>& variables) {
  const std::vector<std::size_t> categorical = those(variables, false);
  const std::vector<std::size_t> numbers = those(variables, true);
  std::vector<Failure> failures;
  const auto add = [&](std::vector<Failure::Clause> clauses) {
    Failure failure;
    failure.clauses = std::move(clauses);
    finish(rng, variables, failure);
    failures.push_back(std::move(failure));
  };
  const std::uint64_t values = rng.below(3);
  const std::uint64_t pairs = 1 + rng.below(4);
  const std::uint64_t thresholds = rng.below(3);
  for (std::uint64_t k = 0; k < pairs && categorical.size() > 1; ++k) {
    const std::size_t a = rng.below(categorical.size());
    const std::size_t b = (a + 1 + rng.below(categorical.size() - 1)) % categorical.size();
    add({one_value(rng, variables, categorical[a]), one_value(rng, variables, categorical[b])});
  }
  for (std::uint64_t k = 0; k < thresholds; ++k) {
    const std::size_t which = numbers[rng.below(numbers.size())];
    std::vector<bool> above(variables[which].cardinality(), false);
    const std::size_t from = 1 + rng.below(above.size() - 1);
    std::fill(above.begin() + static_cast<std::ptrdiff_t>(from), above.end(), true);
    add({one_value(rng, variables, categorical[rng.below(categorical.size())]), {which, std::move(above)}});
  }
  for (std::uint64_t k = 0; k < values; ++k)
    add({one_value(rng, variables, categorical[rng.below(categorical.size())])});
  return failures;
}

// A configuration as the limits see it.
struct Point {
  double weight;  // chance of a random draw
  double latency;
  double memory;
};

struct Census {
  std::vector<Point> running;  // those that do not fail, memory aside
  double total = 0.0;
  double failed = 0.0;  // weight
};

Census census(const DeployLaw& law) {
  std::vector<std::vector<double>> chances;
  for (const Variable& variable : law.space->variables()) {
    std::vector<double> of;
    for (std::size_t k = 0; k < variable.cardinality(); ++k) of.push_back(chance(variable, variable.code(k)));
    chances.push_back(std::move(of));
  }
  Census result;
  law.space->enumerate(0, [&](const Configuration& codes) {
    double weight = 1.0;
    for (std::size_t i = 0; i < codes.size(); ++i) {
      if (!std::isnan(codes[i])) weight *= chances[i][place_of(law.space->variable(i), codes[i])];
    }
    result.total += weight;
    if (law.failure(codes) != nullptr) {
      result.failed += weight;
    } else {
      const DeployLaw::Run run = law.run(codes);
      result.running.push_back({weight, run.latency_ms, run.memory_mb});
    }
    return true;
  });
  return result;
}

// Between two neighbours in a sorted list, clear of both; where they tie, the limit stands on their value and
// admits all that share it.
double gap(double below, double above) { return std::sqrt(below * above); }

// Sets the limits so that the invalid share comes near the target; false when it cannot come into range.
bool set_limits(Rng& rng, DeployLaw& law, double target) {
  const double memory_part = rng.uniform(0.0, 0.5);  // of the share that the limits take
  const double headroom = rng.uniform(1.0, 1.8);
  Census all = census(law);
  while (!law.failures.empty() && all.failed > kCrashes * target * all.total) {
    law.failures.pop_back();
    all = census(law);
  }
  if (law.failures.empty()) return false;  // a deployment in which nothing fails is none of these
  std::vector<Point> points = all.running;
  const auto by_memory = [](const Point& a, const Point& b) { return a.memory < b.memory; };
  const auto by_latency = [](const Point& a, const Point& b) { return a.latency < b.latency; };
  std::sort(points.begin(), points.end(), by_memory);
  const double to_spare = target * all.total - all.failed;
  double cut = 0.0;
  law.memory_limit = 2.0 * points.back().memory;
  while (points.size() > 1 && cut + points.back().weight <= memory_part * to_spare) {
    cut += points.back().weight;
    law.memory_limit = gap(points[points.size() - 2].memory, points.back().memory);
    points.pop_back();
  }
  law.capacity_mb = headroom * law.memory_limit;
  std::sort(points.begin(), points.end(), by_latency);
  const double want = (1.0 - target) * all.total;
  double kept = 0.0;
  std::size_t k = 0;
  while (k < points.size() && (k == 0 || kept + points[k].weight <= want)) kept += points[k++].weight;
  law.latency_limit =
      k == points.size() ? 2.0 * points.back().latency : gap(points[k - 1].latency, points[k].latency);
  double feasible = 0.0;
  for (const Point& point : all.running) {
    if (point.latency <= law.latency_limit && point.memory <= law.memory_limit) feasible += point.weight;
  }
  law.invalid_share = 1.0 - feasible / all.total;
  return law.invalid_share >= kLeast && law.invalid_share <= kMost;
}

}  // namespace

DeployLaw::Run DeployLaw::run(std::span<const double> codes) const {
  double latency = log_latency;
  double memory = log_memory;
  double seconds = log_seconds;
  double quality = 0.0;
  for (std::size_t i = 0; i < codes.size(); ++i) {
    if (std::isnan(codes[i])) continue;
    const std::size_t place = place_of(space->variable(i), codes[i]);
    latency += effects[i].log_latency[place];
    memory += effects[i].log_memory[place];
    seconds += effects[i].log_cost[place];
    quality += effects[i].quality[place];
  }
  // Three decimals, as an accuracy is measured on a test set: the plateaus are wide.
  quality = std::round(1000.0 * std::clamp(quality, 0.05, 0.95)) / 1000.0;
  return {std::exp(latency), std::exp(memory), quality, std::exp(seconds), codes[kBatch]};
}

const Failure* DeployLaw::failure(std::span<const double> codes) const {
  for (const Failure& failure : failures) {
    const bool met = std::all_of(failure.clauses.begin(), failure.clauses.end(), [&](const auto& clause) {
      const double code = codes[clause.variable];
      return !std::isnan(code) && clause.values[place_of(space->variable(clause.variable), code)];
    });
    if (met) return &failure;
  }
  return nullptr;
}

DeployLaw deploy_law(std::uint64_t seed) {
  for (std::uint64_t attempt = 0;; ++attempt) {
    Rng rng(seed, attempt, kLaw);
    DeployLaw law;
    std::vector<Variable> variables = deploy_variables(rng);
    for (const Variable& variable : variables) law.effects.push_back(draw_effects(rng, variable));
    draw_model(rng, law.effects[kModel]);
    draw_batch(rng, variables[kBatch], law.effects[kBatch]);
    draw_precision(rng, variables, law.effects);
    law.failures = draw_failures(rng, variables);
    law.space = std::make_shared<Space>(std::move(variables), std::vector<Condition>{});
    law.log_latency = rng.uniform(std::log(2.0), std::log(50.0));
    law.log_memory = rng.uniform(std::log(100.0), std::log(4000.0));
    law.log_seconds = rng.uniform(std::log(2.0), std::log(60.0));
    law.oom_cost = std::exp(rng.uniform(std::log(0.05), std::log(1.5)));
    law.noise = rng.uniform(0.03, 0.10);
    law.throughput = rng.uniform() < 0.3;
    law.as_error = rng.uniform() < 0.33;
    const double target = rng.uniform(kLeast, kMost);
    if (set_limits(rng, law, target)) return law;
  }
}

}  // namespace lehr
