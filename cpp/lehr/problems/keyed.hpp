// Randomness that belongs to a configuration: the same point always meets the same luck, whoever asks, in
// whatever order and on whatever thread.
#pragma once

#include <cstdint>
#include <span>

#include "lehr/base/rng.hpp"
#include "lehr/problems/problem.hpp"

namespace lehr {

// A hash of the codes' bits; inactive variables and the two zeros hash alike.
std::uint64_t key_of(std::span<const double> codes) noexcept;

// The generator of one measurement.
Rng noise_of(std::span<const double> codes, const Draw& draw);
// The generator of a lasting property of the configuration, which no draw changes. `purpose` tells apart
// independent properties.
Rng nature_of(std::span<const double> codes, std::uint64_t problem, std::uint64_t purpose);

}  // namespace lehr
