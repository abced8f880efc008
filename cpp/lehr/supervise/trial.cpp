#include "lehr/supervise/trial.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <limits>

#include "lehr/base/os/clock.hpp"
#include "lehr/base/os/oom_kills.hpp"
#include "lehr/base/os/priority.hpp"

namespace lehr::supervise {
namespace {

constexpr double never = std::numeric_limits<double>::infinity();
constexpr double helper_slack_s = 2.0;  // beyond its own limit for killing, a helper may be silent so long
constexpr double first_push_s = 0.010;  // a helper that has not finished by then is helped from here
constexpr double push_again_s = 0.010;
constexpr std::size_t header_slack = 64;        // kind and time, beside the result
constexpr std::size_t most_a_turn = 1U << 20U;  // so that one trial's flood does not keep the others waiting

}  // namespace

const char* name_of(KillCause cause) noexcept {
  switch (cause) {
    case KillCause::none:
      return "";
    case KillCause::timeout:
      return "timeout";
    case KillCause::start:
      return "start";
    case KillCause::memory:
      return "memory";
    case KillCause::lingered:
      return "lingered";
    case KillCause::channel:
      return "channel";
    case KillCause::closed:
      return "closed";
  }
  return "";
}

Trial::Trial(TrialStreams streams, const TrialLimits& limits, std::shared_ptr<Answer<Observed>> answer,
             double now)
    : channel_(std::move(streams.channel)),
      out_(std::move(streams.out)),
      err_(std::move(streams.err)),
      given_(std::move(streams.given)),
      cgroup_(std::move(streams.cgroup)),
      limits_(limits),
      answer_(std::move(answer)),
      reader_(limits.result_bytes + header_slack),
      oom_kills_before_(os::kernel_oom_kills()),
      sent_at_(now) {}

void Trial::add_to(std::vector<pollfd>& polled) const {
  for (const os::Descriptor* stream : {&channel_, &out_.stream(), &err_.stream()})
    if (*stream) polled.push_back({stream->get(), POLLIN, 0});
}

void Trial::on_readable(int fd) {
  if (fd == channel_.get()) read_channel(most_a_turn);
  if (fd == out_.stream().get() && !out_.read_once()) out_.close();
  if (fd == err_.stream().get() && !err_.read_once()) err_.close();
}

void Trial::read_channel(std::size_t most) {
  static thread_local std::array<char, 256 * 1024> buffer;
  for (std::size_t total = 0; channel_ && total < most;) {
    const auto count = ::read(channel_.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return;
    if (count <= 0) {
      channel_.reset();
      return;
    }
    total += static_cast<std::size_t>(count);
    if (!seen_.bad_channel.empty()) continue;
    try {
      const double now = os::now();
      for (Frame& frame : reader_.feed({buffer.data(), static_cast<std::size_t>(count)}))
        take(std::move(frame), now);
    } catch (const BadFrame& bad) {
      seen_.bad_channel = bad.what();
    }
  }
}

void Trial::take(Frame frame, double now) {
  // The child's own reading of the clock, for the monotonic clock is the machine's; within what can be true.
  const double said = read_real(frame.body, 0);
  const double at = said >= sent_at_ && said <= now ? said : now;
  std::string body = frame.body.substr(8);
  if (frame.kind == 'b') {
    if (seen_.begun) return;
    seen_.begun = true;
    seen_.begun_body = std::move(body);
    begun_at_ = at;
    return;
  }
  if (std::string_view("rsxf").find(frame.kind) == std::string_view::npos)
    throw BadFrame("a message of an unknown kind");
  if (seen_.record_kind != 0) return;
  if (seen_.killed == KillCause::timeout && at > begun_at_ + *limits_.timeout_s) {
    seen_.record_late = true;  // written in the grace that SIGTERM leaves
    return;
  }
  seen_.record_kind = frame.kind;
  seen_.record_body = std::move(body);
  over_at_ = at;
  if (watch_) watch_->look_at_shared(now);  // while its process is there
}

void Trial::on_forked(int helper, int pid, os::Descriptor pidfd, double now) {
  helper_ = helper;
  pid_ = pid;
  pidfd_ = std::move(pidfd);
  watch_ = std::make_unique<MemoryWatch>(helper, pid, limits_.memory_bytes, std::move(shared_), now);
}

void Trial::on_ended(std::optional<int> status, std::int64_t others, std::vector<int> left, double now) {
  seen_.status = status;
  seen_.others = others;
  seen_.left = std::move(left);
  ended_at_ = now;
}

double Trial::due() const {
  if (ended_at_ > 0) return never;
  if (killed_at_ > 0) return std::min(push_at_, killed_at_ + limits_.abandon_s + helper_slack_s);
  if (terminated_at_ > 0) return terminated_at_ + limits_.grace_s;
  if (over_at_ > 0) return over_at_ + limits_.linger_s;
  if (!seen_.bad_channel.empty()) return 0;
  double soonest = never;
  if (!seen_.begun)
    soonest = sent_at_ + limits_.start_limit_s;
  else if (limits_.timeout_s)
    soonest = begun_at_ + *limits_.timeout_s;
  return watch_ ? std::min(soonest, watch_->due()) : soonest;
}

KillCause Trial::overdue(double now) {
  if (over_at_ > 0) return now >= over_at_ + limits_.linger_s ? KillCause::lingered : KillCause::none;
  if (!seen_.bad_channel.empty()) return KillCause::channel;
  if (!seen_.begun && now >= sent_at_ + limits_.start_limit_s) return KillCause::start;
  if (seen_.begun && limits_.timeout_s && now >= begun_at_ + *limits_.timeout_s) return KillCause::timeout;
  if (watch_ && now >= watch_->due() && watch_->poll(now)) {
    seen_.memory_over = watch_->over();
    return KillCause::memory;
  }
  return KillCause::none;
}

Trial::Need Trial::tick(double now) {
  if (ended_at_ > 0) return Need::nothing;
  if (killed_at_ > 0) {
    if (now >= killed_at_ + limits_.abandon_s + helper_slack_s) return Need::give_up;
    if (now >= push_at_) push(now);
    return Need::nothing;
  }
  if (terminated_at_ > 0) {
    if (now < terminated_at_ + limits_.grace_s) return Need::nothing;
    kill(KillCause::timeout, now);
    return Need::kill;
  }
  const KillCause cause = overdue(now);
  if (cause == KillCause::none) return Need::nothing;
  if (cause == KillCause::timeout && limits_.grace_s > 0) {
    read_channel(limits_.result_bytes);  // what was written in time counts
    if (over_at_ > 0) return Need::nothing;
    seen_.killed = cause;
    seen_.terminated = true;
    terminated_at_ = now;
    os::send_signal_to_group(pidfd_, SIGTERM);
    return Need::nothing;
  }
  kill(cause, now);
  return Need::kill;
}

void Trial::kill(KillCause cause, double now) {
  if (killed_at_ > 0 || ended_at_ > 0) return;
  if (cause != KillCause::none) seen_.killed = cause;  // none: its helper is lost, which is said elsewhere
  killed_at_ = now;
  const bool alone = !watch_ || watch_->seen().size() <= 1;
  push_at_ = alone ? now + first_push_s : now;
  if (cgroup_) cgroup_->kill();
  os::send_signal_to_group(pidfd_, SIGKILL);
  if (pid_ > 0 && os::pid_of(pidfd_.get()) == pid_) os::hurry(pid_);  // no stranger with its number
}

// The helper is stopped, starved, or busy with a tree that grows as fast as it kills: help it from here.
void Trial::push(double now) {
  if (cgroup_) cgroup_->kill();
  if (helper_ > 0) {
    os::hurry(helper_);
    for (const os::Process& process : os::descendants_of(helper_)) os::kill_process(process);
  }
  const double spent = os::now() - now;
  push_at_ = now + std::max(push_again_s, 2 * spent);
}

std::vector<os::Process> Trial::processes_seen() const {
  return watch_ ? watch_->seen() : std::vector<os::Process>{};
}

void Trial::finish(Death helper_death, KernelLog& log, double now) {
  if (ended_at_ <= 0) ended_at_ = now;
  if (terminated_at_ > 0 && killed_at_ <= 0) killed_at_ = terminated_at_;
  read_channel(limits_.result_bytes + most_a_turn);
  out_.read_rest();
  err_.read_rest();
  if (over_at_ <= 0) over_at_ = killed_at_ > 0 ? killed_at_ : ended_at_;
  seen_.seconds = std::max(over_at_ - (begun_at_ > 0 ? begun_at_ : sent_at_), 0.0);
  if (killed_at_ > 0) seen_.kill_to_gone_s = ended_at_ - killed_at_;
  seen_.helper_death = std::move(helper_death);
  seen_.kernel_oom_kills = os::kernel_oom_kills() - oom_kills_before_;
  const bool by_sigkill = seen_.status && WIFSIGNALED(*seen_.status) && WTERMSIG(*seen_.status) == SIGKILL;
  if (by_sigkill && seen_.killed == KillCause::none && pid_ > 0)
    if (auto words = log.kill_of(pid_)) seen_.kernel_log = std::move(*words);
  if (watch_) {
    seen_.memory_peak = watch_->peak();
    seen_.memory_private = watch_->private_peak();
    seen_.memory_inherited = std::max(watch_->inherited(), 0.0);
    seen_.data = watch_->data();
    seen_.memory_mb = watch_->trajectory().points();
    seen_.shared_removed = watch_->remove_shared();
  }
  if (cgroup_) {
    seen_.cgroup_peak = cgroup_->peak();
    seen_.cgroup_oom_kills = cgroup_->oom_kills();
    cgroup_.reset();
  }
  seen_.out = out_.text();
  seen_.err = err_.text();
  seen_.out_total = out_.total();
  seen_.err_total = err_.total();
  channel_.reset();
  answer_->give(std::move(seen_));
}

}  // namespace lehr::supervise
