#include "lehr/supervise/memory_watch.hpp"

#include <algorithm>

#include "lehr/base/os/clock.hpp"

namespace lehr::supervise {
namespace {

constexpr double fast_s = 0.005;
constexpr double slow_s = 0.05;
constexpr double fastest_growth = 16e9;  // bytes a second: several threads touching fresh pages
constexpr double unlimited_shortest_s = 0.02;
constexpr double unlimited_longest_s = 0.2;
constexpr double tree_s = 0.02;
constexpr double private_first_s = 0.02;  // a trial that is over sooner is not worth a slow reading
constexpr double private_duty = 50.0;     // smaps_rollup may cost one part in so many of the time
constexpr std::size_t most_seen = 4096;   // a fork bomb shall not fill our memory

}  // namespace

void Trajectory::add(double seconds, double value) {
  if (!points_.empty() && seconds - points_.back().first < spacing_) return;
  points_.emplace_back(seconds, value);
  if (points_.size() <= most_points) return;
  for (std::size_t i = 1; 2 * i < points_.size(); ++i) points_[i] = points_[2 * i];
  points_.resize((points_.size() + 1) / 2);
  spacing_ = std::max(spacing_ * 2, points_.back().first / static_cast<double>(most_points));
}

MemoryWatch::MemoryWatch(int helper, int main, std::optional<double> limit, os::SharedMemory shared,
                         double now)
    : helper_(helper),
      main_(main),
      limit_(limit),
      started_(now),
      due_(now),
      private_due_(now + private_first_s),
      shared_due_(now + tree_s),
      shared_(std::move(shared)) {
  if (const auto process = os::identify(main)) seen_.push_back(*process);
}

void MemoryWatch::look_at_shared(double now) {
  const double before = os::now();
  shared_.look(tree_, seen_);
  shared_due_ = now + std::max(tree_s, 20 * (os::now() - before));
}

void MemoryWatch::read_tree(double now) {
  const double before = os::now();
  tree_ = os::descendants_of(helper_);
  const double cost = os::now() - before;
  tree_due_ = now + tree_s + 20 * cost;  // a large tree is walked less often
  for (const os::Process& process : tree_)
    if (seen_.size() < most_seen && std::find(seen_.begin(), seen_.end(), process) == seen_.end())
      seen_.push_back(process);
}

bool MemoryWatch::poll(double now) {
  if (now >= tree_due_) read_tree(now);
  double total = 0;
  for (const os::Process& process : tree_) {
    const auto usage = os::read_usage(process.pid);
    if (!usage) continue;
    total += static_cast<double>(usage->anonymous);
    if (process.pid != main_) continue;
    data_ = usage->data;
    peak_ = std::max(peak_, static_cast<double>(usage->peak));
    if (inherited_ < 0) inherited_ = static_cast<double>(usage->anonymous);
  }
  // What was not mapped at the last look may be mapped by now, and would count twice: before that matters, a
  // look that is newer than the figures of the processes.
  const bool stale = limit_ && shared_.unmapped() > 0 && total + shared_.unmapped() > *limit_;
  if (now >= shared_due_ || stale) look_at_shared(now);
  total += shared_.unmapped();
  bool over = limit_ && total > *limit_;
  if (over && tree_.size() > 1) {
    double proportional = shared_.unmapped();
    for (const os::Process& process : tree_)
      proportional += static_cast<double>(os::read_rollup(process.pid).proportional);
    total = std::min(total, proportional);
    over = total > *limit_;
  }
  peak_ = std::max(peak_, total);
  if (over) over_ = total;
  if (now >= private_due_) {
    const double before = os::now();
    private_peak_ = std::max(private_peak_, static_cast<double>(os::read_rollup(main_).private_dirty));
    private_due_ = now + private_duty * (os::now() - before);
  }
  trajectory_.add(now - started_, total / 1e6);
  const double spent = os::now() - now;
  due_ = now + std::max(interval(now, total), tree_.size() > 1 ? 10 * spent : 0.0);
  return over;
}

double MemoryWatch::interval(double now, double total) const {
  if (!limit_) return std::clamp((now - started_) / 20, unlimited_shortest_s, unlimited_longest_s);
  return std::clamp((*limit_ - total) / fastest_growth, fast_s, slow_s);
}

}  // namespace lehr::supervise
