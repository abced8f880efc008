#include "lehr/probe/tree_memory.hpp"

#include <unistd.h>

#include <chrono>
#include <utility>
#include <vector>

#include "lehr/base/error.hpp"
#include "lehr/base/os/proc.hpp"

namespace lehr::probe {
TreeWatch::TreeWatch(std::string root, int pid, double period_ms)
    : root_(std::move(root)), pid_(pid), owner_(::getpid()), period_ms_(period_ms) {
  if (!(period_ms > 0) || !(period_ms <= 1e6)) throw OptionError("period_ms must be above 0");
  poll();
  thread_ = std::thread([this] { run(); });
}

TreePeak TreeWatch::stop() {
  if (::getpid() != owner_) {
    if (thread_.joinable()) thread_.detach();
    return peak_;
  }
  {
    const std::lock_guard hold(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) {
    thread_.join();
    poll();
  }
  return peak_;
}

void TreeWatch::poll() {
  const auto anonymous = [this](int pid) {
    return os::read_usage(pid, root_).value_or(os::Usage{}).anonymous;
  };
  const std::vector<os::Process> descendants = os::descendants_of(pid_, root_);
  std::int64_t total = anonymous(pid_);
  for (const os::Process& process : descendants) total += anonymous(process.pid);
  ++peak_.polls;
  if (total > peak_.bytes) {
    peak_.bytes = total;
    peak_.descendants = descendants.size();
  }
}

void TreeWatch::run() {
  const std::chrono::duration<double, std::milli> period(period_ms_);
  std::unique_lock hold(mutex_);
  while (!wake_.wait_for(hold, period, [this] { return stopping_; })) {
    hold.unlock();
    poll();
    hold.lock();
  }
}

}  // namespace lehr::probe
