#include "lehr/space/neighbours.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "lehr/space/compiled.hpp"
#include "lehr/space/complete.hpp"

namespace lehr {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr int kQuickDraws = 32;
constexpr std::size_t kSearchSteps = 100'000;  // for all alternatives of one move together
constexpr double kListed = 65536.0;            // values of one variable that are looked at one by one

bool masked(const Mask& mask, std::size_t i, double code) { return mask && mask(i, code); }

// As Space::repair, drawing no masked value; false when a variable has none left or the result is forbidden.
bool settle(const Space& space, Configuration& codes, const Mask& mask, Rng& rng) {
  for (std::size_t i = 0; i < space.size(); ++i) {
    if (!space.active(i, codes)) {
      codes[i] = kNaN;
    } else if (std::isnan(codes[i])) {
      codes[i] = space.sample_variable(i, rng);
      for (int k = 0; masked(mask, i, codes[i]) && space.variable(i).discrete(); ++k) {
        if (k == kQuickDraws) return false;
        codes[i] = space.sample_variable(i, rng);
      }
    }
  }
  return !space.is_forbidden(codes);
}

std::optional<Configuration> finished(const Space& space, Configuration codes, const Mask& mask, Rng& rng,
                                      std::size_t& budget) {
  return complete(space.variables(), space.compiled().rules, codes, mask, rng, budget);
}

template <class T>
void shuffle(std::vector<T>& items, Rng& rng) {
  for (std::size_t k = items.size(); k > 1; --k) std::swap(items[k - 1], items[rng.below(k)]);
}

std::vector<double> other_values(const Space& space, std::size_t i, double current, const Mask& mask) {
  std::vector<double> values;
  for (std::size_t k = 0; k < space.variable(i).cardinality(); ++k) {
    const auto code = static_cast<double>(k);
    if (code != current && !masked(mask, i, code)) values.push_back(code);
  }
  return values;
}

// One step in the variable's scale, clipped to the domain; never the code it started from, unless that is
// masked away.
double stepped(const Variable& v, double from, double scale, bool own_scale, Rng& rng) {
  const double top = v.discrete() ? v.code(v.cardinality() - 1) : v.high;
  const double bottom = v.kind == Kind::ordinal ? 0.0 : v.low;
  double step = scale * rng.normal();
  for (int side = 0; side < 2;
       ++side) {  // a continuous step that stays put points out of the domain: mirror it
    const double to =
        own_scale ? v.from_unit(v.to_unit(from) + step) : v.nearest(from + step * (top - bottom));
    if (to != from) return to;
    if (v.discrete()) break;
    step = -step;
  }
  if (!v.discrete()) return from;
  const double place = position(v, from);
  const double last = static_cast<double>(v.cardinality()) - 1.0;
  const bool up = step >= 0.0 ? place < last : place == 0.0;
  return v.code(static_cast<std::size_t>(up ? place + 1.0 : place - 1.0));
}

// The unmasked code of the cell nearest to `from` but different from it.
std::optional<double> nearest_other(const Variable& v, std::size_t i, const Cell& cell, double from,
                                    const Mask& mask, Rng& rng) {
  if (!v.discrete()) {
    for (int k = 0; k < kQuickDraws; ++k) {
      const double code = draw(v, cell, rng);
      if (code != from) return code;
    }
    for (const Piece& piece : cell.pieces) {
      for (const double code : {piece.first, piece.last}) {
        if (code != from) return code;
      }
    }
    return std::nullopt;
  }
  const double origin = position(v, from);
  std::optional<double> best;
  double best_distance = std::numeric_limits<double>::infinity();
  const auto look = [&](double place) {
    const double distance = std::abs(place - origin);
    if (place == origin || distance >= best_distance) return;
    const double code = v.code(static_cast<std::size_t>(place));
    if (masked(mask, i, code)) return;
    best = code;
    best_distance = distance;
  };
  for (const Piece& piece : cell.pieces) {
    const double middle = std::clamp(origin, piece.first, piece.last);
    for (double away = 0.0; away < std::min(kListed, width(piece)) && away < best_distance; away += 1.0) {
      if (middle - away >= piece.first) look(middle - away);
      if (middle + away <= piece.last) look(middle + away);
    }
  }
  return best;
}

}  // namespace

std::optional<Configuration> structural_move(const Space& space, const Configuration& from, const Mask& mask,
                                             Rng& rng) {
  struct Option {
    std::size_t variable;
    std::vector<double> values;
  };
  std::vector<Option> options;
  for (std::size_t i = 0; i < space.size(); ++i) {
    if (space.variable(i).kind != Kind::categorical || std::isnan(from[i])) continue;
    std::vector<double> values = other_values(space, i, from[i], mask);
    if (!values.empty()) options.push_back({i, std::move(values)});
  }
  if (options.empty()) return std::nullopt;
  Configuration codes;
  for (int k = 0; k < kQuickDraws; ++k) {
    const Option& option = options[rng.below(options.size())];
    codes = from;
    codes[option.variable] = option.values[rng.below(option.values.size())];
    if (settle(space, codes, mask, rng)) return codes;
  }
  std::size_t budget = kSearchSteps;
  shuffle(options, rng);
  for (Option& option : options) {
    shuffle(option.values, rng);
    for (const double value : option.values) {
      codes = from;
      codes[option.variable] = value;
      if (auto found = finished(space, codes, mask, rng, budget)) return found;
    }
  }
  return std::nullopt;
}

std::optional<Configuration> numeric_move(const Space& space, const Configuration& from, double scale,
                                          bool own_scale, const Mask& mask, Rng& rng) {
  std::vector<std::size_t> movable;
  for (std::size_t i = 0; i < space.size(); ++i) {
    const Variable& v = space.variable(i);
    if (v.kind == Kind::categorical || std::isnan(from[i])) continue;
    if (v.discrete() ? v.cardinality() > 1 : v.high > v.low) movable.push_back(i);
  }
  if (movable.empty()) return std::nullopt;
  Configuration codes;
  for (int k = 0; k < kQuickDraws; ++k) {
    const std::size_t i = movable[rng.below(movable.size())];
    const Variable& v = space.variable(i);
    const double to = stepped(v, from[i], scale, own_scale, rng);
    if (to == from[i] || (v.discrete() && masked(mask, i, to))) continue;
    codes = from;
    codes[i] = to;
    if (settle(space, codes, mask, rng)) return codes;
  }
  // Legality is the same all over a cell, so one value of each cell answers for all of them.
  std::size_t budget = kSearchSteps;
  shuffle(movable, rng);
  for (const std::size_t i : movable) {
    std::vector<std::size_t> order;
    for (std::size_t c = 0; c < space.compiled().rules.cells[i].size(); ++c) order.push_back(c);
    shuffle(order, rng);
    for (const std::size_t c : order) {
      const auto to =
          nearest_other(space.variable(i), i, space.compiled().rules.cells[i][c], from[i], mask, rng);
      if (!to) continue;
      codes = from;
      codes[i] = *to;
      if (auto found = finished(space, codes, mask, rng, budget)) return found;
    }
  }
  return std::nullopt;
}

std::vector<Configuration> all_neighbours(const Space& space, const Configuration& from, Rng& rng) {
  std::vector<Configuration> result;
  const auto offer = [&](std::size_t i, double code) {
    Configuration codes = from;
    codes[i] = code;
    std::size_t budget = kSearchSteps;
    if (auto found = finished(space, std::move(codes), {}, rng, budget)) result.push_back(std::move(*found));
  };
  for (std::size_t i = 0; i < space.size(); ++i) {
    const Variable& v = space.variable(i);
    if (std::isnan(from[i]) || !v.discrete()) continue;
    if (v.kind == Kind::categorical) {
      for (const double value : other_values(space, i, from[i], {})) offer(i, value);
      continue;
    }
    const auto place = static_cast<std::size_t>(position(v, from[i]));
    if (place > 0) offer(i, v.code(place - 1));
    if (place + 1 < v.cardinality()) offer(i, v.code(place + 1));
  }
  return result;
}

}  // namespace lehr
