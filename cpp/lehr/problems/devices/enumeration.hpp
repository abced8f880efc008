// What can be known of a problem by visiting every configuration of its finite space.
#pragma once

#include "lehr/problems/problem.hpp"

namespace lehr::devices {

// The best truth that is feasible. There must be one.
Optimum best_of_all(const Problem& problem);

// Probability of a configuration under Space::sample, for spaces of discrete variables without forbidden
// combinations: every active variable is uniform in its own scale, an integer on a logarithmic one taking
// half a step to either side.
double probability(const Space& space, std::span<const double> codes);

// Share of random draws whose truth is not feasible.
double invalid_share(const Problem& problem);

}  // namespace lehr::devices
