// One trial as its supervisor sees it: what arrived, what is due next, when to kill.
#pragma once

#include <poll.h>

#include <memory>
#include <vector>

#include "lehr/base/os/descriptor.hpp"
#include "lehr/supervise/answer.hpp"
#include "lehr/supervise/cgroup.hpp"
#include "lehr/supervise/frames.hpp"
#include "lehr/supervise/kernel_log.hpp"
#include "lehr/supervise/memory_watch.hpp"
#include "lehr/supervise/observed.hpp"
#include "lehr/supervise/tail.hpp"

namespace lehr::supervise {

// Our ends of a trial's pipes; `given` is what its process gets, in the order in which it expects them.
struct TrialStreams {
  os::Descriptor channel, out, err;
  std::vector<os::Descriptor> given;
  std::unique_ptr<Cgroup> cgroup;
};

class Trial {
 public:
  // What the helper has to do after a tick.
  enum class Need { nothing, kill, give_up };

  Trial(TrialStreams streams, const TrialLimits& limits, std::shared_ptr<Answer<Observed>> answer,
        double now);

  std::vector<os::Descriptor> take_given() { return std::move(given_); }
  std::size_t given() const noexcept { return given_.size(); }
  void add_to(std::vector<pollfd>& polled) const;
  void on_readable(int fd);

  void on_forked(int helper, int pid, os::Descriptor pidfd, double now);
  void on_ended(std::optional<int> status, std::int64_t others, std::vector<int> left, double now);
  void on_failed(std::string why) { seen_.failed = std::move(why); }

  double due() const;
  Need tick(double now);
  void kill(KillCause cause, double now);  // SIGKILL now; the helper is to be asked for the rest

  bool begun() const noexcept { return seen_.begun || seen_.record_kind != 0; }
  std::vector<os::Process> processes_seen() const;
  // The last reading of every pipe, when no writer is left; then the answer is given.
  void finish(Death helper_death, KernelLog& log, double now);

 private:
  void read_channel(std::size_t most);
  void take(Frame frame, double now);
  KillCause overdue(double now);
  void push(double now);

  os::Descriptor channel_;
  Tail out_, err_;
  std::vector<os::Descriptor> given_;
  std::unique_ptr<Cgroup> cgroup_;
  TrialLimits limits_;
  std::shared_ptr<Answer<Observed>> answer_;
  FrameReader reader_;
  Observed seen_;
  os::SharedMemory shared_;  // as it was before the trial
  std::unique_ptr<MemoryWatch> watch_;
  os::Descriptor pidfd_;
  int helper_ = 0, pid_ = 0;
  std::int64_t oom_kills_before_;
  double sent_at_, begun_at_ = 0, over_at_ = 0, terminated_at_ = 0, killed_at_ = 0, push_at_ = 0,
                   ended_at_ = 0;
};

}  // namespace lehr::supervise
