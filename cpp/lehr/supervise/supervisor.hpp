// The supervisor's thread: waits for pipes, sockets, processes and moments, all at once, and for nothing
// else.
//
// It runs no code but this library's: no interpreter lock, no signal handler, no callback. Other threads hand
// it commands under a mutex that it holds for a moment only, and wait for an Answer. It blocks all signals,
// so that they reach the threads that expect them, and waits for its own children only.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "lehr/supervise/cgroup.hpp"
#include "lehr/supervise/helper.hpp"

namespace lehr::supervise {

struct TrialHandle {
  std::shared_ptr<Answer<Observed>> answer;
  std::string
      cgroup_refused;  // why the kernel keeps no limit for this trial; empty where it does or was not asked
  bool cgroup = false;
};

class Supervisor {
 public:
  explicit Supervisor(CgroupTree cgroups = CgroupTree("", true), bool use_cgroups = false,
                      const std::string& kernel_log = "/dev/kmsg");
  // As close(). In a fork of the process that made it: lets go of everything, ends nothing.
  ~Supervisor();
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  struct Started {
    std::shared_ptr<Helper> helper;
    News news;
  };
  // Starts a helper process whose output goes to `log`, a file; `news` comes when it has imported what
  // `setup` names, or has failed.
  Started start(HelperSpec spec, int log);
  // Runs a trial on an idle helper. `payload`, `folder`, `fault`: descriptors that its process gets (they are
  // duplicated); `command`: the frame that tells the helper, less its descriptors. Throws IsolationError when
  // there are no pipes.
  TrialHandle run(const std::shared_ptr<Helper>& helper, const TrialLimits& limits,
                  const std::string& command, int payload, int folder, int fault);
  News warm(const std::shared_ptr<Helper>& helper, const std::string& command);
  // Ends a helper and whatever it runs. May be called at any time and more than once.
  News stop(const std::shared_ptr<Helper>& helper);
  // The same for those who cannot wait: works when there is no descriptor left for an answer.
  void drop(const std::shared_ptr<Helper>& helper);
  // Ends all helpers and with them all trials, and the thread. Blocks until they are gone, about a second at
  // most.
  void close();

 private:
  struct Work;  // what the thread works on
  bool post(std::function<void(Work&)> command);

  std::shared_ptr<Work> work_;
  std::thread thread_;
  std::mutex closing_;
  int owner_;
};

}  // namespace lehr::supervise
