// The memory of this process and all of its descendants, watched while something is measured. What one
// process held at most the kernel knows (VmHWM); what several held at once only polling tells.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>

namespace lehr::probe {

struct TreePeak {
  std::int64_t bytes = 0;  // the largest sum seen of RssAnon + RssShmem, of the process and its descendants
  std::size_t descendants = 0;  // how many there were then
  std::size_t polls = 0;
};

// A thread that polls until it is stopped. It takes no locks but its own, and none of the interpreter's.
class TreeWatch {
 public:
  // `root`: where /proc lies, "" as a rule. Throws OptionError.
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
