#include "lehr/probe/gpu_unseen.hpp"

#include <algorithm>
#include <cstdio>

namespace lehr::probe {
namespace {

constexpr double least_ms = 0.05;  // chosen by hand: waking up a host varies by so much
constexpr double share = 0.25;     // chosen by hand: a call that ends in host work loses less

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

std::string milliseconds(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g ms", value);
  return text;
}

}  // namespace

void Unseen::add(double wall, double events) {
  wall_.push_back(wall);
  events_.push_back(events);
  unseen_.push_back(wall - events);
  total_wall_ += wall;
}

std::string Unseen::complaint() const {
  if (wall_.size() < 3) return "";
  const double own = std::max(0.0, median(empty_));
  const double wall = median(wall_);
  if (median(unseen_) - own <= std::max({least_ms, own, share * wall})) return "";
  return "a call takes " + milliseconds(wall) +
         " until the GPU is idle, of which the events on this stream saw " + milliseconds(median(events_)) +
         ": the callee works on another stream, or others use the GPU; give its own stream as stream=, or "
         "let that "
         "stream wait for the others before the callee returns";
}

}  // namespace lehr::probe
