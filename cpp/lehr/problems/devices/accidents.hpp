// What luck adds to a measurement: noise by the device that ran, and now and then a hang.
#pragma once

#include <cstdint>
#include <string_view>

#include "lehr/base/rng.hpp"

namespace lehr::devices {

// How far the percentile of one measurement strays from the percentile that many agree on, and how far the
// percentiles lie above the median.
struct Jitter {
  double p95;  // over the median
  double p99;
  double spread;  // relative, of a measured percentile
  double skew;    // g of Tukey's g-and-h distribution: the long side is the slow one
  double tail;    // h: how heavy it is
};

constexpr Jitter gpu_jitter{1.04, 1.10, 0.02, 0.2, 0.0};
constexpr Jitter cpu_jitter{1.15, 1.35, 0.13, 0.4, 0.1};

constexpr double trial_timeout_seconds = 120.0;  // what a hang costs, and the end of every trial

// Keeps the luck of two problems apart under one seed.
std::uint64_t salt(std::string_view problem);

// A factor whose median is exactly 1.
double noise(const Jitter& jitter, Rng& rng);

}  // namespace lehr::devices
