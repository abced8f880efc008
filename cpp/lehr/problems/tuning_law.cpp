#include "lehr/problems/tuning_law.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <utility>

#include "lehr/problems/keyed.hpp"
#include "lehr/problems/tuning_times.hpp"
#include "lehr/problems/tuning_variables.hpp"
#include "lehr/space/cells.hpp"

namespace lehr {
namespace {

constexpr std::uint64_t kLaw = 0x74756e6500000001ULL;  // the first edition of the law
constexpr std::uint64_t kPlan = 0x74756e6500010001ULL;
constexpr std::uint64_t kTexture = 1;
constexpr std::uint64_t kAccident = 2;
constexpr std::size_t kPoints = 16'384;    // looked at to place the bounds of rules
constexpr std::size_t kFewest = 32;        // valid ones among them
constexpr std::size_t kMostClauses = 400;  // of a declared rule: combinations of all but its last variable
constexpr double kInfinity = std::numeric_limits<double>::infinity();

// What a seed is to be like. Drawn apart from the law, so that a law that is drawn again does not change it.
struct Plan {
  std::size_t variables;
  double digits;    // of the grid's size
  double dead;      // share of the grid
  double declared;  // chance of a rule
};

Plan plan_of(std::uint64_t seed) {
  Rng rng(seed, 0, kPlan);
  Plan plan{};
  // Each draw a statement of its own: the order of operands is the compiler's.
  const std::uint64_t second = rng.below(17);
  const std::uint64_t first = rng.below(13);
  plan.variables = 3 + static_cast<std::size_t>(std::min(first, second));
  const double n = static_cast<double>(plan.variables);
  // Mostly thousands to hundreds of thousands, as published spaces have; some far larger.
  const double low = std::max(3.0, 0.37 * n);
  const double high = std::clamp(0.9 * n, low, 8.0);
  const double size = rng.uniform();
  plan.digits = low + (high - low) * std::pow(size, 1.5);
  const double roll = rng.uniform();
  const double share = rng.uniform();
  plan.dead = roll < 0.1 ? 0.0 : roll < 0.8 ? 0.05 + 0.9 * share : 0.95 + 0.02 * share;
  const double talk = rng.uniform();
  plan.declared = talk < 0.5 ? 0.0 : talk < 0.8 ? 0.3 : 0.6;
  return plan;
}

// Points of the grid: all of them, or a sample.
std::vector<std::vector<std::size_t>> points_of(Rng& rng, const std::vector<std::size_t>& sizes) {
  double grid = 1.0;
  for (const std::size_t size : sizes) grid *= static_cast<double>(size);
  const bool all = grid <= static_cast<double>(kPoints);
  std::vector<std::vector<std::size_t>> points(all ? static_cast<std::size_t>(grid) : kPoints,
                                               std::vector<std::size_t>(sizes.size()));
  for (std::size_t k = 0; k < points.size(); ++k) {
    std::size_t rest = k;
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      points[k][i] = all ? rest % sizes[i] : static_cast<std::size_t>(rng.below(sizes[i]));
      rest /= sizes[i];
    }
  }
  return points;
}

class Rules {
 public:
  Rules(Rng& rng, const TuningVariables& space) : rng_(rng), space_(space) {}

  TuningRule draw() {
    TuningRule rule;
    const double roll = rng_.uniform();
    if (roll < 0.30) {
      rule.sum = {{1.0, terms(2 + rng_.below(std::min<std::size_t>(3, space_.numeric - 1)))}};
    } else if (roll < 0.55) {
      rule.sum = sum_of_products();
    } else if (roll < 0.75) {
      rule.kind = TuningRule::Kind::not_multiple;
      auto all = terms(2 + rng_.below(2));
      rule.divisor.terms = {all.back()};
      all.pop_back();
      rule.sum = {{1.0, std::move(all)}};
      if (rng_.uniform() < 0.3) std::swap(rule.sum[0].terms, rule.divisor.terms);
    } else if (roll < 0.90) {
      rule.kind = rng_.uniform() < 0.5 ? TuningRule::Kind::above : TuningRule::Kind::below;
      auto all = terms(2 + rng_.below(2));
      rule.divisor.terms = {all.back()};
      all.pop_back();
      rule.sum = {{1.0, std::move(all)}};
    } else {
      rule.kind = TuningRule::Kind::below;
      rule.sum = {{1.0, terms(2 + rng_.below(2))}};
    }
    const std::size_t flags = space_.variables.size() - space_.numeric;
    if (flags > 0 && rng_.uniform() < 0.25)
      rule.flag = space_.numeric + static_cast<std::size_t>(rng_.below(flags));
    rule.hangs = rng_.uniform() < 0.05;
    rule.cost = std::exp(rng_.uniform(std::log(0.05), std::log(1.0)));
    return rule;
  }

 private:
  // Parameters listed early are those of blocks and tiles, which most rules are about.
  std::vector<std::pair<std::size_t, double>> terms(std::size_t count) {
    std::vector<std::size_t> chosen;
    while (chosen.size() < std::min<std::size_t>(count, space_.numeric)) {
      const std::uint64_t first = rng_.below(space_.numeric);
      const std::uint64_t second = rng_.below(space_.numeric);
      const auto one = static_cast<std::size_t>(std::min(first, second));
      if (std::find(chosen.begin(), chosen.end(), one) == chosen.end()) chosen.push_back(one);
    }
    std::vector<std::pair<std::size_t, double>> result;
    for (const std::size_t one : chosen) result.emplace_back(one, 0.0);
    return result;
  }

  // Shared memory: tiles of two operands, x z + z y, or a tile with its rim, (x + a)(y + b).
  std::vector<Product> sum_of_products() {
    const auto three = terms(3);
    const double bytes = rng_.uniform() < 0.5 ? 4.0 : 8.0;
    if (rng_.uniform() < 0.5 && three.size() == 3)
      return {{bytes, {three[0], three[2]}}, {bytes, {three[2], three[1]}}};
    Product tile{bytes, {three[0], three[1]}};
    for (auto& term : tile.terms) term.second = 1.0 + static_cast<double>(rng_.below(8));
    return {tile};
  }

  Rng& rng_;
  const TuningVariables& space_;
};

// The bound that leaves about `keep` of the `n` points with these values of the rule; nothing when every one
// would be left.
std::optional<double> bound_for(const TuningRule& rule, std::vector<double> values, double kill) {
  std::sort(values.begin(), values.end());
  if (rule.kind == TuningRule::Kind::below) std::reverse(values.begin(), values.end());
  // Now the last values are killed. A bound is a value that is still allowed.
  std::optional<double> best;
  double distance = kInfinity;
  for (std::size_t first = 0; first < values.size();) {
    std::size_t last = first;
    while (last < values.size() && values[last] == values[first]) ++last;
    const double gone = static_cast<double>(values.size() - last);
    if (gone > 0.0 && std::abs(gone - kill) < distance) {
      distance = std::abs(gone - kill);
      best = values[first];
    }
    first = last;
  }
  return best;
}

struct Killing {
  std::vector<TuningRule> rules;
  std::vector<bool> alive;  // by point
  double dead = 0.0;
};

Killing draw_rules(Rng& rng, const TuningVariables& space,
                   const std::vector<std::vector<std::size_t>>& points, double target) {
  Killing result;
  result.alive.assign(points.size(), true);
  if (target == 0.0) return result;
  Rules rules(rng, space);
  const std::size_t count = 1 + static_cast<std::size_t>(rng.below(target > 0.5 ? 6 : 4));
  const double total = static_cast<double>(points.size());
  std::vector<std::vector<double>> numbers;
  for (const Variable& variable : space.variables) numbers.push_back(numbers_of(variable));
  std::vector<double> values(space.variables.size());
  double alive = total;
  for (std::size_t k = 0; k < count; ++k) {
    TuningRule rule = rules.draw();
    const double to_kill = alive - (1.0 - target) * total;
    if (to_kill < 0.5) break;
    // The rules to come do their part: each leaves the same share of what is alive.
    const double kill =
        alive * (1.0 - std::pow((1.0 - target) * total / alive, 1.0 / static_cast<double>(count - k)));
    std::vector<double> of_alive;
    const auto set_values = [&](std::size_t p) {
      for (std::size_t i = 0; i < values.size(); ++i) values[i] = numbers[i][points[p][i]];
    };
    for (std::size_t p = 0; p < points.size(); ++p) {
      if (!result.alive[p]) continue;
      set_values(p);
      if (rule.flag == TuningRule::none || values[rule.flag] != 0.0) of_alive.push_back(rule.value(values));
    }
    double gone = 0.0;
    if (rule.kind == TuningRule::Kind::not_multiple) {
      gone = static_cast<double>(
          std::count_if(of_alive.begin(), of_alive.end(), [](double v) { return v != 0.0; }));
    } else {
      const std::optional<double> bound = bound_for(rule, of_alive, kill);
      if (!bound) continue;
      rule.bound = *bound;
      gone = static_cast<double>(std::count_if(of_alive.begin(), of_alive.end(), [&](double v) {
        return rule.kind == TuningRule::Kind::above ? v > *bound : v < *bound;
      }));
    }
    if (gone == 0.0 || gone > 1.1 * to_kill) continue;
    for (std::size_t p = 0; p < points.size(); ++p) {
      if (!result.alive[p]) continue;
      set_values(p);
      if (rule.met(values)) result.alive[p] = false;
    }
    alive -= gone;
    result.rules.push_back(std::move(rule));
  }
  result.dead = 1.0 - alive / total;
  return result;
}

bool as_planned(const Killing& killing, double target) {
  const auto valid = static_cast<std::size_t>(std::count(killing.alive.begin(), killing.alive.end(), true));
  if (valid < kFewest) return false;
  if (target < 0.95) return std::abs(killing.dead - target) <= 0.05;
  return killing.dead >= 0.95 && killing.dead <= 0.972;
}

std::array<double, time_parts> parts_of(const std::vector<CostTable>& tables,
                                        std::span<const std::size_t> places) {
  std::array<double, time_parts> parts{};
  for (const CostTable& table : tables) parts[table.part] += table.at(places);
  return parts;
}

// The slower of compute and memory, rounded off where they are close.
double roof(double sharpness, std::span<const double> parts) {
  const double most = std::max(parts[compute_time], parts[memory_time]);
  const double least = std::min(parts[compute_time], parts[memory_time]);
  return parts[common_time] + most + std::log1p(std::exp(sharpness * (least - most))) / sharpness;
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// Compute and memory are made about equal, and the valid times spread as far as wanted; the median valid time
// is 0 in the logarithm.
void calibrate(Rng& rng, TuningLaw& law, const std::vector<std::vector<std::size_t>>& points,
               const std::vector<bool>& alive) {
  const double balance = rng.uniform(-0.5, 0.5);
  const double spread = std::exp(rng.uniform(std::log(0.25), std::log(0.9)));
  std::vector<std::array<double, time_parts>> parts;
  for (std::size_t p = 0; p < points.size() && parts.size() < 4096; ++p) {
    if (alive[p]) parts.push_back(parts_of(law.times, points[p]));
  }
  const auto of = [&](std::size_t part) {
    std::vector<double> values;
    for (const auto& one : parts) values.push_back(one[part]);
    return values;
  };
  const double shift = median(of(compute_time)) - median(of(memory_time)) + balance;
  CostTable even = tabulate({}, {}, [&](std::span<const std::size_t>) { return shift; });
  even.part = memory_time;
  law.times.push_back(std::move(even));
  std::vector<double> logs;
  double sum = 0.0;
  double squares = 0.0;
  for (auto& one : parts) {
    one[memory_time] += shift;
    logs.push_back(roof(law.sharpness, one));
    sum += logs.back();
    squares += logs.back() * logs.back();
  }
  const double n = static_cast<double>(logs.size());
  const double deviation = std::sqrt(std::max(squares / n - sum / n * sum / n, 1e-12));
  const double scale = spread / deviation;
  for (CostTable& table : law.times) {
    for (double& cost : table.costs) cost *= scale;
  }
  law.sharpness /= scale;
  law.log_ms = rng.uniform(std::log(0.1), std::log(50.0)) - scale * median(logs);
}

// Rules that the space tells. One too long to write down is not told.
void declare(Rng& rng, TuningLaw& law, double chance, const std::vector<std::vector<std::size_t>>& points) {
  std::vector<Condition> forbidden;
  for (std::size_t r = 0; r < law.rules.size(); ++r) {
    const CostTable& table = law.failing[r];
    const bool told = rng.uniform() < chance;
    const std::size_t last = law.variables[table.scope.back()].cardinality();
    if (!told || table.costs.size() / last > kMostClauses) continue;
    law.rules[r].declared = true;
    forbidden.push_back(condition_of(table, law.variables));
  }
  std::size_t gone = 0;
  for (const std::vector<std::size_t>& point : points) {
    for (std::size_t r = 0; r < law.rules.size(); ++r) {
      if (!law.rules[r].declared || law.failing[r].at(point) == 0.0) continue;
      ++gone;
      break;
    }
  }
  law.forbidden = static_cast<double>(gone) / static_cast<double>(points.size());
  law.space = std::make_shared<Space>(law.variables, std::move(forbidden));
}

Rng nature(const TuningLaw& law, std::span<const std::size_t> places, std::uint64_t purpose) {
  std::array<double, kMostParameters> codes{};
  std::copy(places.begin(), places.end(), codes.begin());
  return nature_of(std::span<const double>(codes.data(), places.size()), kLaw ^ law.seed, purpose);
}

}  // namespace

std::size_t TuningLaw::failure(std::span<const std::size_t> places) const {
  std::size_t r = 0;
  while (r < failing.size() && failing[r].at(places) == 0.0) ++r;
  return r;
}

bool TuningLaw::accident(std::span<const std::size_t> places) const {
  return accidents > 0.0 && nature(*this, places, kAccident).uniform() < accidents;
}

double TuningLaw::time_ms(std::span<const std::size_t> places) const {
  const double own = texture == 0.0 ? 0.0 : texture * nature(*this, places, kTexture).uniform(-1.0, 1.0);
  return std::exp(log_ms + roof(sharpness, parts_of(times, places)) + own);
}

CostNetwork TuningLaw::network() const {
  CostNetwork network;
  for (const Variable& variable : variables) network.sizes.push_back(variable.cardinality());
  network.tables = times;
  for (const CostTable& rule : failing) {
    network.tables.push_back(rule);
    network.tables.back().part = common_time;
    for (double& cost : network.tables.back().costs) cost = cost == 0.0 ? 0.0 : kInfinity;
  }
  network.parts = time_parts;
  network.bound = [this](std::span<const double> parts) { return log_ms + roof(sharpness, parts) - texture; };
  network.cost = [this](std::span<const std::size_t> places) {
    return accident(places) ? kInfinity : std::log(time_ms(places));
  };
  return network;
}

TuningLaw tuning_law(std::uint64_t seed) {
  const Plan plan = plan_of(seed);
  for (std::uint64_t attempt = 0;; ++attempt) {
    Rng rng(seed, attempt, kLaw);
    TuningLaw law;
    law.seed = seed;
    TuningVariables space = tuning_variables(rng, plan.variables, plan.digits);
    std::vector<std::size_t> sizes;
    for (const Variable& variable : space.variables) sizes.push_back(variable.cardinality());
    const std::vector<std::vector<std::size_t>> points = points_of(rng, sizes);
    Killing killing = draw_rules(rng, space, points, plan.dead);
    if (!as_planned(killing, plan.dead)) continue;
    law.dead = killing.dead;
    law.rules = std::move(killing.rules);
    law.times = draw_times(rng, space, law.rules);
    law.variables = std::move(space.variables);
    for (const TuningRule& rule : law.rules) law.failing.push_back(table_of(rule, law.variables));
    law.sharpness = std::exp(rng.uniform(std::log(3.0), std::log(30.0)));
    calibrate(rng, law, points, killing.alive);
    declare(rng, law, plan.declared, points);
    for (const TuningRule& rule : law.rules)
      law.causes.push_back(rule.text(law.variables) + (rule.hangs ? " hangs" : " crashes"));
    law.texture = rng.uniform(0.0, 0.05);
    law.accidents = rng.uniform() < 0.4 ? 0.0 : std::exp(rng.uniform(std::log(0.002), std::log(0.03)));
    law.noise = std::exp(rng.uniform(std::log(0.005), std::log(0.08)));
    law.compile_s = std::exp(rng.uniform(std::log(0.5), std::log(20.0)));
    law.hang_s = law.compile_s * rng.uniform(3.0, 10.0);
    return law;
  }
}

}  // namespace lehr
