// The memory of this process and all of its descendants, watched while something is measured. What one
// process held at most the kernel knows (VmHWM); what several held at once only polling tells.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace lehr::probe {

// Resident anonymous and shared memory (RssAnon + RssShmem) in bytes; 0 for a process that is gone. `root` is
// where /proc lies, "" as a rule.
std::int64_t resident_bytes(const std::string& root, int pid);
// Processes that `pid` started, and those that these started; none where the kernel does not list children.
std::vector<int> descendants_of(const std::string& root, int pid);

struct TreePeak {
  std::int64_t bytes = 0;       // the largest sum seen, of this process and its descendants
  std::size_t descendants = 0;  // how many there were then
  std::size_t polls = 0;
};

// A thread that polls until it is stopped. It takes no locks but its own, and none of the interpreter's.
class TreeWatch {
 public:
  TreeWatch(std::string root, int pid, double period_ms);
  ~TreeWatch() { stop(); }
  TreeWatch(const TreeWatch&) = delete;
  TreeWatch& operator=(const TreeWatch&) = delete;

  // Polls once more and ends the thread; may be called again. In a fork of the process that made this, where
  // the thread is not, it says what was seen before.
  TreePeak stop();

 private:
  void poll();
  void run();

  std::string root_;
  int pid_, owner_;
  double period_ms_;
  TreePeak peak_;
  bool stopping_ = false;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::thread thread_;
};

}  // namespace lehr::probe
