#include "lehr/probe/tree_memory.hpp"

#include <dirent.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <fstream>
#include <memory>
#include <string_view>
#include <utility>

#include "lehr/base/error.hpp"

namespace lehr::probe {
namespace {

std::vector<std::string> numbered_entries(const std::string& path) {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(path.c_str()), &::closedir);
  while (const dirent* entry = directory ? ::readdir(directory.get()) : nullptr) {
    const std::string_view name(entry->d_name);
    if (name.find_first_not_of("0123456789") == std::string_view::npos) names.emplace_back(name);
  }
  return names;
}

std::string process_path(const std::string& root, int pid) { return root + "/proc/" + std::to_string(pid); }

}  // namespace

std::int64_t resident_bytes(const std::string& root, int pid) {
  std::ifstream file(process_path(root, pid) + "/status");
  std::int64_t kilobytes = 0;
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("RssAnon:") && !line.starts_with("RssShmem:")) continue;
    const auto digits = line.find_first_of("0123456789");
    std::int64_t value = 0;
    if (digits != std::string::npos) std::from_chars(line.data() + digits, line.data() + line.size(), value);
    kilobytes += value;
  }
  return 1024 * kilobytes;
}

std::vector<int> descendants_of(const std::string& root, int pid) {
  std::vector<int> found{pid};
  for (std::size_t at = 0; at < found.size(); ++at) {
    const std::string tasks = process_path(root, found[at]) + "/task";
    for (const std::string& thread : numbered_entries(tasks)) {
      std::ifstream file(tasks + "/" + thread + "/children");
      for (int child = 0; file >> child;) found.push_back(child);
    }
  }
  found.erase(found.begin());
  return found;
}

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
  const std::vector<int> descendants = descendants_of(root_, pid_);
  std::int64_t total = resident_bytes(root_, pid_);
  for (const int pid : descendants) total += resident_bytes(root_, pid);
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
