// Constructive search for a legal configuration: depth first over cells, in random order.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "lehr/base/rng.hpp"
#include "lehr/space/diagram.hpp"
#include "lehr/space/space.hpp"

namespace lehr {

// Keeps the codes given in `start` where their variables are active, and draws the others so that the whole
// is legal. Values drawn are never masked; an empty mask masks nothing. Each attempt at a value costs one of
// `budget`; nothing when there is no such configuration, or, with the budget at 0, when none was found in
// time.
std::optional<Configuration> complete(const std::vector<Variable>& variables, const Rules& rules,
                                      std::span<const double> start, const Mask& mask, Rng& rng,
                                      std::size_t& budget);

// A code of the cell that is not masked; nothing when all are, or when the cell is so large and so densely
// masked that a few hundred draws all failed.
std::optional<double> draw_unmasked(const Variable& variable, std::size_t index, const Cell& cell,
                                    const Mask& mask, Rng& rng);

}  // namespace lehr
