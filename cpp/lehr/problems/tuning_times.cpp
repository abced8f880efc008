#include "lehr/problems/tuning_times.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>

namespace lehr {
namespace {

constexpr double kWeak = 0.4;           // chance that an effect is a tenth of what it else would be
constexpr double kToTheFrontier = 0.6;  // chance that times fall towards a rule

class Drawing {
 public:
  Drawing(Rng& rng, const TuningVariables& space) : rng_(rng), numeric_(space.numeric) {
    for (const Variable& variable : space.variables) {
      sizes_.push_back(variable.cardinality());
      numbers_.push_back(numbers_of(variable));
      std::vector<double> logs;
      for (const double value : numbers_.back()) logs.push_back(std::log2(std::max(value, 0.5)));
      logs_.push_back(std::move(logs));
    }
  }

  // One parameter alone: a valley, a gain that saturates, a slope, or a cliff; lists with odd values may want
  // multiples.
  void alone(std::size_t i) {
    const double low = logs_[i].front();
    const double range = logs_[i].back() - low;
    const double size = strength();
    const double at = rng_.uniform();
    const double roll = rng_.uniform();
    const double sign = rng_.uniform() < 0.5 ? 1.0 : -1.0;
    add({i}, part(), [&](std::span<const std::size_t> places) {
      const double x = (logs_[i][places[0]] - low) / range;
      if (roll < 0.4) return size * 3.0 * (x - at) * (x - at);
      if (roll < 0.65) return size * std::max(0.0, at - (sign > 0.0 ? x : 1.0 - x)) / std::max(at, 0.2);
      if (roll < 0.8) return size * sign * x;
      return size * (sign * (x - at) > 0.0 ? 1.0 : 0.0);
    });
    const double multiple = std::exp2(1.0 + static_cast<double>(rng_.below(5)));
    const bool wanted = rng_.uniform() < 0.4;
    const double loss = rng_.uniform(0.1, 0.5);
    const std::vector<double>& values = numbers_[i];
    const auto odd = [&](double value) { return std::fmod(value, multiple) != 0.0; };
    if (!wanted || std::all_of(values.begin(), values.end(), odd) ||
        std::none_of(values.begin(), values.end(), odd))
      return;
    add({i}, part(),
        [&](std::span<const std::size_t> places) { return odd(values[places[0]]) ? loss : 0.0; });
  }

  // Worth or loss, often only on one side of another parameter.
  void flag(std::size_t i) {
    const double sign = rng_.uniform() < 0.6 ? -1.0 : 1.0;
    const double size = 0.3 * sign * strength();
    const bool alone = rng_.uniform() < 0.3;
    const std::size_t other = static_cast<std::size_t>(rng_.below(numeric_));
    const double at = rng_.uniform(logs_[other].front(), logs_[other].back());
    const double beyond = rng_.uniform(-0.5, 1.0);
    add({other, i}, part(), [&](std::span<const std::size_t> places) {
      if (places[1] == 0) return 0.0;
      return alone || logs_[other][places[0]] <= at ? size : -beyond * size;
    });
  }

  // The amount of parallel work, or its shape: a valley over a product or a quotient.
  void together() {
    const auto [i, j] = two();
    const double sign = rng_.uniform() < 0.6 ? 1.0 : -1.0;
    const auto [low, high] = span_of(i, j, sign);
    const double at = rng_.uniform(0.2, 0.8);
    const double size = strength();
    add({i, j}, part(),
        [&, a = i, b = j, first = low, range = high - low](std::span<const std::size_t> places) {
          const double x = (logs_[a][places[0]] + sign * logs_[b][places[1]] - first) / range;
          return size * 4.0 * (x - at) * (x - at);
        });
  }

  // Blocks that fit beside each other, in whole numbers: plateaus and cliffs over a product.
  void occupancy() {
    const std::vector<std::size_t> scope = some(2 + rng_.below(2));
    const double room = std::exp2(rng_.uniform(0.35, 0.75) * largest(scope)) * 4.0;
    const double wanted = 4.0 + static_cast<double>(rng_.below(13));
    const double power = rng_.uniform(0.1, 0.6);
    add(scope, part(), [&](std::span<const std::size_t> places) {
      const double resident = std::clamp(std::floor(room / product(scope, places)), 1.0, wanted);
      return power * std::log2(wanted / resident);
    });
  }

  // The last wave of blocks leaves processors idle: a saw-tooth over a product.
  void waves() {
    const std::vector<std::size_t> scope = some(1 + rng_.below(2));
    const double filled = std::exp2(rng_.uniform(0.5, 1.1) * largest(scope));
    const double work = filled * rng_.uniform(1.0, 4.0);
    add(scope, common_time, [&](std::span<const std::size_t> places) {
      const double share = work / product(scope, places);
      return std::log(std::ceil(share) / share);
    });
  }

  // Registers run over: a cliff, then a slope.
  void spill() {
    const std::vector<std::size_t> scope = some(2 + rng_.below(2));
    const double registers = rng_.uniform(0.4, 0.85) * largest(scope);
    const double jump = rng_.uniform(0.0, 0.5);
    const double size = rng_.uniform(0.1, 0.5);
    add(scope, compute_time, [&](std::span<const std::size_t> places) {
      const double beyond = std::log2(product(scope, places)) - registers;
      return beyond <= 0.0 ? 0.0 : jump + size * beyond;
    });
  }

  // A pair without a reason.
  void odd_pair() {
    const auto [i, j] = two();
    const double size = rng_.uniform(0.03, 0.15);
    add({i, j}, common_time, [&](std::span<const std::size_t>) { return size * rng_.normal(); });
  }

  void towards(const TuningRule& rule) {
    std::vector<std::size_t> scope = rule.scope();
    std::erase(scope, rule.flag);
    const double whole = largest(scope);
    if (rule.kind != TuningRule::Kind::above || !rule.divisor.terms.empty() || !(whole > 0.0)) return;
    const double size = 1.5 * strength();
    add(scope, part(), [&](std::span<const std::size_t> places) {
      return -size * std::log2(product(scope, places)) / whole;
    });
  }

  // Most kernels have parameters that hardly matter.
  double strength() {
    const bool weak = rng_.uniform() < kWeak;
    const double size = std::exp(rng_.uniform(std::log(0.15), std::log(1.5)));
    return weak ? 0.1 * size : size;
  }

  std::vector<CostTable> tables;

 private:
  void add(const std::vector<std::size_t>& scope, std::size_t part,
           const std::function<double(std::span<const std::size_t>)>& cost) {
    tables.push_back(tabulate(scope, sizes_, cost));
    tables.back().part = part;
  }

  std::size_t part() { return static_cast<std::size_t>(rng_.below(time_parts)); }

  std::vector<std::size_t> some(std::size_t count) {
    std::vector<std::size_t> chosen;
    while (chosen.size() < std::min(count, numeric_)) {
      const auto one = static_cast<std::size_t>(rng_.below(numeric_));
      if (std::find(chosen.begin(), chosen.end(), one) == chosen.end()) chosen.push_back(one);
    }
    std::sort(chosen.begin(), chosen.end());
    return chosen;
  }

  std::pair<std::size_t, std::size_t> two() {
    const std::vector<std::size_t> chosen = some(2);
    return {chosen[0], chosen[1]};
  }

  std::pair<double, double> span_of(std::size_t i, std::size_t j, double sign) const {
    const std::vector<double>& b = logs_[j];
    return {logs_[i].front() + std::min(sign * b.front(), sign * b.back()),
            logs_[i].back() + std::max(sign * b.front(), sign * b.back())};
  }

  // Of the product of the parameters: the logarithm of the largest.
  double largest(const std::vector<std::size_t>& scope) const {
    double sum = 0.0;
    for (const std::size_t i : scope) sum += logs_[i].back();
    return sum;
  }

  double product(const std::vector<std::size_t>& scope, std::span<const std::size_t> places) const {
    double result = 1.0;
    for (std::size_t i = 0; i < scope.size(); ++i) result *= std::max(numbers_[scope[i]][places[i]], 0.5);
    return result;
  }

  Rng& rng_;
  std::size_t numeric_;
  std::vector<std::size_t> sizes_;
  std::vector<std::vector<double>> numbers_;
  std::vector<std::vector<double>> logs_;  // base 2
};

}  // namespace

std::vector<CostTable> draw_times(Rng& rng, const TuningVariables& space,
                                  const std::vector<TuningRule>& rules) {
  Drawing drawing(rng, space);
  for (std::size_t i = 0; i < space.variables.size(); ++i) {
    if (i < space.numeric) {
      drawing.alone(i);
    } else {
      drawing.flag(i);
    }
  }
  const auto pairs = static_cast<std::size_t>(rng.uniform(0.4, 1.0) * static_cast<double>(space.numeric)) + 1;
  for (std::size_t k = 0; k < pairs; ++k) drawing.together();
  if (rng.uniform() < 0.7) drawing.occupancy();
  if (rng.uniform() < 0.5) drawing.waves();
  if (rng.uniform() < 0.5) drawing.spill();
  if (rng.uniform() < 0.6) drawing.odd_pair();
  for (const TuningRule& rule : rules) {
    if (rng.uniform() < kToTheFrontier) drawing.towards(rule);
  }
  return std::move(drawing.tables);
}

}  // namespace lehr
