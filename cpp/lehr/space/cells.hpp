// Values that no condition can tell apart. A variable's domain splits into cells at the values its conditions
// mention; every question about legality can then be answered on one representative of each cell.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "lehr/base/rng.hpp"
#include "lehr/space/program.hpp"
#include "lehr/space/variable.hpp"

namespace lehr {

// A closed range: positions 0..cardinality-1 of a discrete variable, codes of a continuous one.
struct Piece {
  double first;
  double last;
};

struct Cell {
  std::vector<Piece> pieces;  // ascending, disjoint
  double representative;      // a code
  double measure;             // chance that an unconstrained draw of the variable falls here; never 0
};

// The cells of one variable under these tests on it. Their measures add up to 1.
std::vector<Cell> cells_of(const Variable& variable, std::span<const Program::Test* const> tests);

// A code drawn from the cell with the variable's own distribution restricted to it.
double draw(const Variable& variable, const Cell& cell, Rng& rng);
// A code drawn from the whole domain: uniform, or uniform in the logarithm; integers with log as Optuna does,
// the rounded value of a draw over [low - 1/2, high + 1/2].
double draw(const Variable& variable, Rng& rng);

// Chance that such a draw gives this code of a discrete variable.
double chance(const Variable& variable, double code);

// Number of codes in a piece of a discrete variable.
inline double width(const Piece& piece) { return piece.last - piece.first + 1.0; }
// Position of a code among the values of a discrete variable.
double position(const Variable& variable, double code);

}  // namespace lehr
