#include "lehr/space/cells.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

namespace lehr {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

double code_at(const Variable& v, double place) {
  return v.discrete() ? v.code(static_cast<std::size_t>(place)) : place;
}

// Number of values of a discrete numeric variable below the threshold.
double values_below(const Variable& v, double threshold) {
  const auto count = static_cast<double>(v.cardinality());
  double k = std::clamp(std::ceil((threshold - v.low) / v.step), 0.0, count);
  while (k > 0.0 && code_at(v, k - 1.0) >= threshold) k -= 1.0;
  while (k < count && code_at(v, k) < threshold) k += 1.0;
  return k;
}

// The domain of a numeric variable cut before and after every threshold.
std::vector<Piece> pieces_between(const Variable& v, const std::vector<double>& thresholds) {
  std::vector<Piece> pieces;
  const bool discrete = v.discrete();
  double next = discrete ? 0.0 : v.low;
  const double last = discrete ? static_cast<double>(v.cardinality()) - 1.0 : v.high;
  const auto after = [&](double place) { return discrete ? place + 1.0 : std::nextafter(place, kInfinity); };
  const auto before = [&](double place) {
    return discrete ? place - 1.0 : std::nextafter(place, -kInfinity);
  };
  for (const double threshold : thresholds) {
    const double at = discrete ? values_below(v, threshold) : threshold;
    if (at < next) continue;
    if (at > last) break;
    if (at > next) pieces.push_back({next, before(at)});
    next = at;
    if (code_at(v, at) == threshold) {
      pieces.push_back({at, at});
      next = after(at);
    }
  }
  if (next <= last) pieces.push_back({next, last});
  return pieces;
}

double log_between(double low, double high, double from, double to) {
  return (std::log(to) - std::log(from)) / (std::log(high) - std::log(low));
}

double measure(const Variable& v, const Piece& piece) {
  constexpr double kPoint = 0x1p-53;  // what one double is worth among the draws of a uniform
  if (v.discrete()) {
    if (!v.log) return width(piece) / static_cast<double>(v.cardinality());
    return log_between(v.low - 0.5, v.high + 0.5, v.code(static_cast<std::size_t>(piece.first)) - 0.5,
                       v.code(static_cast<std::size_t>(piece.last)) + 0.5);
  }
  if (v.high == v.low) return 1.0;
  return std::max(kPoint, v.to_unit(piece.last) - v.to_unit(piece.first));
}

double draw(const Variable& v, const Piece& piece, Rng& rng) {
  if (piece.first == piece.last) return code_at(v, piece.first);
  if (v.discrete()) {
    if (!v.log)
      return v.code(static_cast<std::size_t>(piece.first) +
                    rng.below(static_cast<std::uint64_t>(width(piece))));
    const double first = code_at(v, piece.first);
    const double last = code_at(v, piece.last);
    return std::clamp(std::round(std::exp(rng.uniform(std::log(first - 0.5), std::log(last + 0.5)))), first,
                      last);
  }
  if (!v.log) return std::clamp(rng.uniform(piece.first, piece.last), piece.first, piece.last);
  return std::clamp(std::exp(rng.uniform(std::log(piece.first), std::log(piece.last))), piece.first,
                    piece.last);
}

}  // namespace

double position(const Variable& v, double code) {
  return v.kind == Kind::categorical || v.kind == Kind::ordinal ? code : std::round((code - v.low) / v.step);
}

std::vector<Cell> cells_of(const Variable& v, std::span<const Program::Test* const> tests) {
  std::vector<Piece> pieces;
  if (tests.empty()) {
    pieces = pieces_between(v, {});
    if (v.kind == Kind::categorical || v.kind == Kind::ordinal) {
      pieces = {{0.0, static_cast<double>(v.choices.size()) - 1.0}};
    }
  } else if (v.kind == Kind::categorical || v.kind == Kind::ordinal) {
    for (std::size_t k = 0; k < v.choices.size(); ++k)
      pieces.push_back({static_cast<double>(k), static_cast<double>(k)});
  } else {
    std::vector<double> thresholds;
    for (const Program::Test* test : tests) {
      if (test->op == Operator::is_in) {
        thresholds.insert(thresholds.end(), test->members.begin(), test->members.end());
      } else {
        thresholds.push_back(test->value);
      }
    }
    std::sort(thresholds.begin(), thresholds.end());
    thresholds.erase(std::unique(thresholds.begin(), thresholds.end()), thresholds.end());
    pieces = pieces_between(v, thresholds);
  }

  std::vector<Cell> cells;
  std::unordered_map<std::string, std::size_t> by_answers;
  std::string answers(tests.size(), '0');
  for (const Piece& piece : pieces) {
    const double representative = code_at(v, piece.first);
    for (std::size_t t = 0; t < tests.size(); ++t) answers[t] = tests[t]->accepts(representative) ? '1' : '0';
    const auto [found, fresh] = by_answers.try_emplace(answers, cells.size());
    if (fresh) cells.push_back({{}, representative, 0.0});
    Cell& cell = cells[found->second];
    cell.measure += measure(v, piece);
    const bool adjacent =
        v.discrete() && !cell.pieces.empty() && cell.pieces.back().last + 1.0 == piece.first;
    if (adjacent) {
      cell.pieces.back().last = piece.last;
    } else {
      cell.pieces.push_back(piece);
    }
  }
  return cells;
}

double draw(const Variable& v, const Cell& cell, Rng& rng) {
  const Piece* chosen = &cell.pieces.back();
  if (cell.pieces.size() > 1) {
    double rest = rng.uniform() * cell.measure;
    for (const Piece& piece : cell.pieces) {
      const double share = measure(v, piece);
      if (rest < share) {
        chosen = &piece;
        break;
      }
      rest -= share;
    }
  }
  return draw(v, *chosen, rng);
}

double chance(const Variable& v, double code) {
  const double place = position(v, code);
  return measure(v, {place, place});
}

double draw(const Variable& v, Rng& rng) {
  if (v.kind == Kind::categorical || v.kind == Kind::ordinal)
    return static_cast<double>(rng.below(v.choices.size()));
  if (!v.discrete()) return draw(v, Piece{v.low, v.high}, rng);
  if (v.kind == Kind::integer && v.step == 1.0 && !v.log)
    return v.low + static_cast<double>(rng.below(static_cast<std::uint64_t>(v.high - v.low) + 1));
  return draw(v, Piece{0.0, static_cast<double>(v.cardinality()) - 1.0}, rng);
}

}  // namespace lehr
