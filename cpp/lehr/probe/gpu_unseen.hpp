// Whether a callee's work is where its events are: how long the device goes on when they say that a call is
// over.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace lehr::probe {

class Unseen {
 public:
  static constexpr int calibrations = 15;

  // Milliseconds from the end of a call, as its events tell it, until the device has nothing left to do.
  // After an empty call, two events with nothing between, they are the driver's own.
  void add_empty(double after) { empty_.push_back(after); }
  // events: what they saw of the call itself.
  void add(double events, double after);
  double total_ms() const noexcept { return total_; }

  // Why the events cannot be trusted, in a sentence; empty when they can. Medians, so that a slow start or a
  // single interruption says nothing; not before three calls. Less than 0.05 ms, the driver's own time or a
  // quarter of a call is no reason.
  std::string complaint() const;

 private:
  std::vector<double> empty_, events_, after_;
  double total_ = 0;
};

}  // namespace lehr::probe
