// At most 32 points of a curve of unknown length: when it is full, every other point goes.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

namespace lehr::supervise {

class Trajectory {
 public:
  static constexpr std::size_t most_points = 32;

  void add(double seconds, double value);
  const std::vector<std::pair<double, double>>& points() const noexcept { return points_; }

 private:
  std::vector<std::pair<double, double>> points_;
  double spacing_ = 0.0;
};

}  // namespace lehr::supervise
