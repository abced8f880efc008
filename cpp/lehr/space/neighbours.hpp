// Moves in a space: the proposals of annealing, and of anyone who wants local search.
#pragma once

#include <optional>
#include <vector>

#include "lehr/base/rng.hpp"
#include "lehr/space/space.hpp"

namespace lehr {

// Change one active categorical variable to another of its values (uniform over the variables that have
// another unmasked value, then over its other unmasked values); children that become active are drawn from
// their domains, children that become inactive are removed. Nothing when no legal move exists (tries a
// bounded number of draws, then all alternatives).
std::optional<Configuration> structural_move(const Space& space, const Configuration& from, const Mask& mask,
                                             Rng& rng);

// Move one active non-categorical variable (uniform over those with more than one value) by a step ~
// N(0, scale * range). With own_scale, the range is that of the variable's own scale (log where log, index
// for ordinals); without it steps are linear in the raw value, as in the paper. A step of a discrete variable
// that rounds to nothing becomes the neighbouring value in the step's direction (other direction at a bound),
// so that the result always differs from `from`. Activity is repaired. Nothing when no legal move exists.
std::optional<Configuration> numeric_move(const Space& space, const Configuration& from, double scale,
                                          bool own_scale, const Mask& mask, Rng& rng);

// All one-step neighbours: each active categorical at each of its other values, and each other active
// discrete variable at its next lower and next higher value; continuous variables stay. Children that become
// active are drawn so that the result is legal; alternatives that cannot be made legal are left out.
std::vector<Configuration> all_neighbours(const Space& space, const Configuration& from, Rng& rng);

}  // namespace lehr
