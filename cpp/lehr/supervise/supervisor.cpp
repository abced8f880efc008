#include "lehr/supervise/supervisor.hpp"

#include <sys/prctl.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <csignal>
#include <limits>

#include "lehr/base/error.hpp"
#include "lehr/base/os/clock.hpp"

namespace lehr::supervise {

struct Supervisor::Work {
  Work(CgroupTree tree, bool use, const std::string& kernel_log)
      : cgroups(std::move(tree)),
        use_cgroups(use),
        log(kernel_log.c_str()),
        wake(os::make_event()),
        timer(os::make_timer()) {}

  void serve() noexcept;
  void turn();
  void take_commands();
  void set_timer();
  void wait();
  void fail(const std::string& why) noexcept;

  CgroupTree cgroups;
  bool use_cgroups;
  KernelLog log;
  os::Descriptor wake, timer;
  std::mutex mutex;  // guards the next two
  std::vector<std::function<void(Work&)>> commands;
  bool over = false;
  // The rest belongs to the thread.
  bool closing = false;
  std::vector<std::shared_ptr<Helper>> helpers;
  std::vector<pollfd> polled;
  std::vector<std::size_t> counts;  // how many of them belong to each helper
};

void Supervisor::Work::serve() noexcept {
  ::prctl(PR_SET_NAME, "lehr-supervise", 0, 0, 0);
  while (true) {
    try {
      turn();
      const std::lock_guard lock(mutex);
      if (closing && helpers.empty() && commands.empty()) {
        over = true;
        return;
      }
    } catch (const std::exception& error) {
      fail(error.what());
    }
  }
}

void Supervisor::Work::turn() {
  take_commands();
  double moment = os::now();
  for (const auto& helper : helpers)
    if (helper->due() <= moment) helper->tick(log, moment);
  std::erase_if(helpers, [](const auto& helper) { return helper->gone(); });
  if (closing && helpers.empty()) return;
  polled = {{wake.get(), POLLIN, 0}, {timer.get(), POLLIN, 0}};
  counts.clear();
  for (const auto& helper : helpers) {
    const std::size_t before = polled.size();
    helper->add_to(polled);
    counts.push_back(polled.size() - before);
  }
  set_timer();
  wait();
  moment = os::now();
  std::size_t next = 2;
  for (std::size_t i = 0; i < counts.size(); ++i)
    for (const std::size_t end = next + counts[i]; next < end; ++next)
      if (polled[next].revents != 0) helpers[i]->on_event(polled[next], log, moment);
}

void Supervisor::Work::take_commands() {
  std::vector<std::function<void(Work&)>> taken;
  {
    const std::lock_guard lock(mutex);
    taken.swap(commands);
  }
  for (const auto& command : taken) command(*this);
}

void Supervisor::Work::set_timer() {
  double soonest = std::numeric_limits<double>::infinity();
  for (const auto& helper : helpers) soonest = std::min(soonest, helper->due());
  itimerspec when{};  // zero: never
  if (std::isfinite(soonest)) {
    // One that has passed goes off at once; one that no clock can hold is looked at again in a century.
    const double moment = std::clamp(soonest, 1e-9, 4e9);
    when.it_value.tv_sec = static_cast<time_t>(moment);
    when.it_value.tv_nsec =
        std::clamp(static_cast<long>((moment - std::floor(moment)) * 1e9) + 1, 1L, 999'999'999L);
  }
  ::timerfd_settime(timer.get(), TFD_TIMER_ABSTIME, &when, nullptr);
}

void Supervisor::Work::wait() {
  while (::poll(polled.data(), polled.size(), -1) < 0)
    if (errno != EINTR) throw IsolationError("poll: " + os::error_text(errno));
  if (polled[0].revents != 0) os::drain(wake);
  if (polled[1].revents != 0) os::drain(timer);
}

// Out of memory, or a bug of ours: nothing can be trusted now, so everything ends and everybody is told.
void Supervisor::Work::fail(const std::string& why) noexcept {
  for (const auto& helper : helpers) {
    try {
      helper->give_up(why, os::now());
    } catch (const std::exception&) {  // the next turn tries again
      continue;
    }
  }
  ::usleep(10'000);
}

Supervisor::Supervisor(CgroupTree cgroups, bool use_cgroups, const std::string& kernel_log)
    : work_(std::make_shared<Work>(std::move(cgroups), use_cgroups, kernel_log)),
      owner_(static_cast<int>(::getpid())) {
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);  // the thread is born with it
  try {
    thread_ = std::thread([work = work_] { work->serve(); });
  } catch (const std::system_error& error) {
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    throw IsolationError(std::string("cannot start a thread: ") + error.what());
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Supervisor::~Supervisor() {
  if (owner_ == static_cast<int>(::getpid())) {
    close();
    return;
  }
  // A fork has neither the thread nor a mutex that can be trusted: leave all of it where it is.
  new std::shared_ptr<Work>(std::move(work_));
  new std::thread(std::move(thread_));
}

bool Supervisor::post(std::function<void(Work&)> command) {
  const std::lock_guard lock(work_->mutex);
  if (work_->over) return false;
  work_->commands.push_back(std::move(command));
  os::notify(work_->wake);
  return true;
}

Supervisor::Started Supervisor::start(HelperSpec spec, int log) {
  auto news = std::make_shared<Answer<HelperNews>>();
  auto helper = std::make_shared<Helper>(std::move(spec), os::duplicate(log, "a log file"), news);
  const bool posted = post([helper, news](Work& work) {
    if (work.closing) {
      news->give({1, {"closed", -1, {}}});
      return;
    }
    work.helpers.push_back(helper);
    helper->launch(os::now());
  });
  if (!posted) news->give({1, {"closed", -1, {}}});
  return {helper, news};
}

TrialHandle Supervisor::run(const std::shared_ptr<Helper>& helper, const TrialLimits& limits,
                            const std::string& command, int payload, int folder, int fault) {
  TrialHandle handle;
  handle.answer = std::make_shared<Answer<Observed>>();
  TrialStreams streams;
  os::Pipe channel = os::make_pipe(), out = os::make_pipe(), err = os::make_pipe();
  streams.given.push_back(std::move(channel.writing));
  for (const int fd : {payload, folder, fault})
    streams.given.push_back(os::duplicate(fd, "a descriptor for the trial"));
  streams.given.push_back(std::move(out.writing));
  streams.given.push_back(std::move(err.writing));
  streams.channel = std::move(channel.reading);
  streams.out = std::move(out.reading);
  streams.err = std::move(err.reading);
  if (work_->use_cgroups && limits.memory_bytes) {
    if (work_->cgroups.usable())
      streams.cgroup =
          work_->cgroups.make(static_cast<std::int64_t>(*limits.memory_bytes), handle.cgroup_refused);
    else
      handle.cgroup_refused = work_->cgroups.why_not();
    if (streams.cgroup) {
      handle.cgroup = true;
      streams.given.push_back(os::duplicate(streams.cgroup->procs().get(), "a descriptor for the trial"));
    }
  }
  // std::function copies what it holds, so what moves is held by a pointer.
  auto held = std::make_shared<TrialStreams>(std::move(streams));
  auto answer = handle.answer;
  const bool posted = post([helper, limits, command, held, answer](Work& work) {
    const double moment = os::now();
    auto trial = std::make_unique<Trial>(std::move(*held), limits, answer, moment);
    const std::size_t count = trial->given();
    const std::string close = ", \"descriptors\": " + std::to_string(count) + "}";
    helper->run(std::move(trial), command_frame(command.substr(0, command.rfind('}')) + close), work.log,
                moment);
  });
  if (!posted) {
    Observed nothing;
    nothing.helper_death = {"closed", -1, {}};
    answer->give(std::move(nothing));
  }
  return handle;
}

News Supervisor::warm(const std::shared_ptr<Helper>& helper, const std::string& command) {
  auto answer = std::make_shared<Answer<HelperNews>>();
  if (!post([helper, command, answer](Work&) { helper->warm(command_frame(command), answer, os::now()); }))
    answer->give({1, {"closed", -1, {}}});
  return answer;
}

News Supervisor::stop(const std::shared_ptr<Helper>& helper) {
  auto answer = std::make_shared<Answer<HelperNews>>();
  if (!post([helper, answer](Work&) { helper->stop(answer, os::now()); }))
    answer->give({1, {"closed", -1, {}}});
  return answer;
}

void Supervisor::drop(const std::shared_ptr<Helper>& helper) {
  post([helper](Work&) { helper->stop(nullptr, os::now()); });
}

void Supervisor::close() {
  const std::lock_guard lock(closing_);
  if (!thread_.joinable()) return;
  post([](Work& work) {
    work.closing = true;
    for (const auto& helper : work.helpers) helper->stop(nullptr, os::now());
  });
  thread_.join();
}

}  // namespace lehr::supervise
