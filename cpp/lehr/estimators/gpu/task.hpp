// What the host hands to the kernel: plain data, the same on both sides. Pointers are device addresses.
#pragma once

#include <cstdint>

namespace lehr::gpu {

inline constexpr unsigned block_threads = 128;  // points of a block
inline constexpr unsigned group = 4;            // kernels of the mixture that a thread works on at a time
inline constexpr unsigned tile_doubles = 2048;  // shared memory of a block: 16 KiB

enum class Kind : std::uint32_t { constant, continuous, discrete, categorical };

// A dimension's scale. Positions are on the transformed domain scaled to [0, 1].
struct Axis {
  Kind kind;
  std::uint32_t log;
  double low, high;    // values outside have density 0
  double smallest;     // of a logarithmic scale: values are clipped to it
  double half_step;    // discrete: from a value to the ends of its bin
  double half_origin;  // position = (transformed / 2 - half_origin) inverse_half_extent
  double inverse_half_extent;
  double log_unit;  // what the scaling adds to a log density
};

// A mixture of product kernels. Of dimension d and kernel k, parameter p stands at
// parameters[(3 d + p) kernels + k]:
//   continuous   slope, offset, normaliser     normaliser exp(-(at slope - offset)^2)
//   discrete     mean, 1 / deviation, normaliser
//   categorical  observed code or -1, probability of any other choice, probability of the observed one
struct Mixture {
  const double* weights;
  const double* parameters;
  std::uint32_t kernels;  // a whole number of groups; those that fill up the last one weigh 0
};

// Scores points: log density under `first`, less that under `second` if `ratio` is 1.
struct Task {
  const Axis* axes;
  std::uint32_t width;  // dimensions, at least 1
  std::uint32_t points;
  const double* values;  // points x width; NaN where a dimension is missing
  double* lower;         // scratch, width x points: position, code, or lower end of the value's bin
  double* upper;         // scratch, width x points: upper end of the bin
  Mixture first, second;
  std::uint32_t ratio;  // 0 or 1
  double* out;
};

}  // namespace lehr::gpu
