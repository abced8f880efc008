// What scoring a batch costs on the processor and on a GPU: whether the way to the device and back pays.
#pragma once

#include <cstddef>

#include "lehr/estimators/parzen.hpp"

namespace lehr::gpu {

// A batch of points under mixtures of `kernels` kernels in all.
struct Work {
  double processor_s = 0;  // on one core
  double operations = 0;   // of the kernel, in double precision
  double bytes = 0;        // to the device and back
};
// Only the dimensions of `estimator` are looked at.
Work work_of(const ParzenEstimator& estimator, std::size_t points, std::size_t kernels);

// What a card can do, from the attributes that its driver tells.
struct Card {
  int capability = 0;       // 90 for 9.0
  int multiprocessors = 0;  // 0: not told, as the others
  int clock_khz = 0;
  int double_ratio = 0;  // how many times slower doubles are than floats
};
// Operations in double precision a second, at most; 0 where the driver did not tell enough.
double double_rate(const Card& card);

// Of a device that is open; infinite where nothing is known of it.
double device_seconds(const Work& work, const Card& card);

// Opening the context and loading the kernel. A guess: not measured on a device.
inline constexpr double opening_s = 0.3;

}  // namespace lehr::gpu
