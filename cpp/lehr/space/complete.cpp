#include "lehr/space/complete.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace lehr {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

struct Search {
  const std::vector<Variable>& variables;
  const Rules& rules;
  const Mask& mask;
  Rng& rng;
  std::size_t& budget;
  Configuration codes;

  bool allowed(std::size_t i) const {
    return std::none_of(rules.due[i].begin(), rules.due[i].end(),
                        [&](std::size_t f) { return rules.forbidden[f].holds(codes); });
  }

  // Cells by falling -log(u) / measure: a draw without replacement in proportion to their measure (Efraimidis
  // and Spirakis 2006).
  std::vector<std::size_t> shuffled(const std::vector<Cell>& cells) const {
    std::vector<std::pair<double, std::size_t>> keys;
    for (std::size_t c = 0; c < cells.size(); ++c) {
      keys.emplace_back(-std::log(1.0 - rng.uniform()) / cells[c].measure, c);
    }
    std::sort(keys.begin(), keys.end());
    std::vector<std::size_t> order;
    for (const auto& key : keys) order.push_back(key.second);
    return order;
  }

  bool from(std::size_t i) {
    if (i == variables.size()) return true;
    const double given = codes[i];
    if (!rules.when[i].holds(codes)) {
      codes[i] = kNaN;
      if (allowed(i) && from(i + 1)) return true;
    } else if (!std::isnan(given)) {
      if (budget == 0) return false;
      --budget;
      if (allowed(i) && from(i + 1)) return true;
    } else {
      const std::vector<Cell>& cells = rules.cells[i];
      for (const std::size_t c : shuffled(cells)) {
        if (budget == 0) break;
        --budget;
        const std::optional<double> code = draw_unmasked(variables[i], i, cells[c], mask, rng);
        if (!code) continue;
        codes[i] = *code;
        if (allowed(i) && from(i + 1)) return true;
      }
    }
    codes[i] = given;
    return false;
  }
};

}  // namespace

std::optional<double> draw_unmasked(const Variable& variable, std::size_t index, const Cell& cell,
                                    const Mask& mask, Rng& rng) {
  constexpr double kListed = 65536.0;
  if (!mask || !variable.discrete()) return draw(variable, cell, rng);
  double codes = 0.0;
  for (const Piece& piece : cell.pieces) codes += width(piece);
  const int draws = codes <= kListed ? 8 : 256;
  for (int k = 0; k < draws; ++k) {
    const double code = draw(variable, cell, rng);
    if (!mask(index, code)) return code;
  }
  if (codes > kListed) return std::nullopt;
  std::vector<double> free;
  for (const Piece& piece : cell.pieces) {
    for (double k = piece.first; k <= piece.last; k += 1.0) {
      const double code = variable.code(static_cast<std::size_t>(k));
      if (!mask(index, code)) free.push_back(code);
    }
  }
  if (free.empty()) return std::nullopt;
  return free[rng.below(free.size())];
}

std::optional<Configuration> complete(const std::vector<Variable>& variables, const Rules& rules,
                                      std::span<const double> start, const Mask& mask, Rng& rng,
                                      std::size_t& budget) {
  Search search{variables, rules, mask, rng, budget, Configuration(start.begin(), start.end())};
  if (!search.from(0)) return std::nullopt;
  return std::move(search.codes);
}

}  // namespace lehr
