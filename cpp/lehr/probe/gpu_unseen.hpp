// Whether a callee's work is where its events are: the wall time of a call, until the device has nothing left
// to do, against what the events saw of it.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace lehr::probe {

class Unseen {
 public:
  static constexpr int calibrations = 15;

  // All in milliseconds. An empty call is two events with nothing between: what it takes is the driver's.
  void add_empty(double wall, double events) { empty_.push_back(wall - events); }
  void add(double wall, double events);
  double total_wall_ms() const noexcept { return total_wall_; }

  // Why the events cannot be trusted, in a sentence; empty when they can. Medians, so that a slow start or a
  // single interruption says nothing; not before three calls. Less than 0.05 ms, the driver's own time or a
  // quarter of a call is no reason.
  std::string complaint() const;

 private:
  std::vector<double> empty_, wall_, events_, unseen_;
  double total_wall_ = 0;
};

}  // namespace lehr::probe
