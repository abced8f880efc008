#include "lehr/probe/gpu_unseen.hpp"

#include <algorithm>
#include <cstdio>

namespace lehr::probe {
namespace {

constexpr double least_ms = 0.05;  // chosen by hand: what a driver takes varies by so much
constexpr double share = 0.25;     // chosen by hand

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

void Unseen::add(double events, double after) {
  events_.push_back(events);
  after_.push_back(after);
  total_ += events + after;
}

std::string Unseen::complaint() const {
  if (after_.size() < 3) return "";
  const double own = median(empty_), events = median(events_), after = median(after_) - own;
  if (after <= std::max({least_ms, own, share * (events + after)})) return "";
  return "the events on this stream saw " + milliseconds(events) + " of a call, and the GPU went on for " +
         milliseconds(after) +
         ": the callee works on another stream, or others use the GPU; give its own stream as stream=, or "
         "let that "
         "stream wait for the others before the callee returns";
}

}  // namespace lehr::probe
