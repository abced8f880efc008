#include "lehr/supervise/helper.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <limits>

#include "lehr/base/error.hpp"
#include "lehr/base/os/clock.hpp"

namespace lehr::supervise {
namespace {

constexpr double never = std::numeric_limits<double>::infinity();
constexpr double leave_s = 1.0;  // an order to go is obeyed at once, or it never is
constexpr double sweep_again_s = 0.002;
constexpr double sweep_limit_s = 1.0;
constexpr const char* kill_command = R"({"do": "kill"})";
constexpr const char* leave_command = R"({"do": "leave"})";

}  // namespace

// Commands are JSON objects, as the helper reads them: a length, then the text. Their first byte stands for
// the kind.
std::string command_frame(const std::string& json) { return encode(json.front(), json.substr(1)); }

Helper::Helper(HelperSpec spec, os::Descriptor log, News started)
    : spec_(std::move(spec)), log_(std::move(log)), waiting_(std::move(started)) {}

void Helper::launch(double now) {
  try {
    SocketPair pair = make_socket_pair();
    Launched launched = supervise::launch(spec_.arguments, spec_.environment, pair.theirs, log_);
    pid_ = launched.pid;
    pidfd_ = std::move(launched.pidfd);
    socket_ = std::move(pair.ours);
    alive_ = true;
    phase_ = Phase::busy_importing;
    phase_due_ = now + spec_.start_limit_s;
    if (!socket_.send(std::move(spec_.setup))) lose("closed its socket", now);
  } catch (const IsolationError& error) {
    phase_ = Phase::gone;
    waiting_->give({1, {std::string("not started: ") + error.what(), -1, {}}});
    waiting_.reset();
  }
}

void Helper::run(std::unique_ptr<Trial> trial, std::string command, KernelLog& log, double now) {
  trial_ = std::move(trial);
  if (phase_ != Phase::idle) {
    end_trial(death_.how.empty() ? Death{"closed", -1, {}} : death_, log, now);
    return;
  }
  phase_ = Phase::running;
  if (!socket_.send(std::move(command), trial_->take_given())) lose("closed its socket", now);
}

void Helper::warm(std::string command, News answer, double now) {
  if (phase_ != Phase::idle) {
    answer->give({1, death_.how.empty() ? Death{"closed", -1, {}} : death_});
    return;
  }
  waiting_ = std::move(answer);
  phase_ = Phase::busy_importing;
  phase_due_ = now + spec_.start_limit_s;
  if (!socket_.send(std::move(command))) lose("closed its socket", now);
}

void Helper::stop(News answer, double now) {
  if (answer) {
    if (phase_ == Phase::gone) {
      answer->give({1, death_});
      return;
    }
    stopping_.push_back(std::move(answer));
  }
  if (phase_ == Phase::made) {
    phase_ = Phase::gone;
    return;
  }
  if (phase_ == Phase::leaving || phase_ == Phase::dying || phase_ == Phase::sweeping ||
      phase_ == Phase::gone)
    return;
  if (trial_) trial_->kill(KillCause::closed, now);
  os::send_signal(pidfd_, SIGCONT);
  death_.how = "closed";
  phase_ = Phase::leaving;
  phase_due_ = now + leave_s;
  if (!socket_.send(command_frame(leave_command))) lose("closed", now);
}

void Helper::add_to(std::vector<pollfd>& polled) const {
  if (pidfd_) polled.push_back({pidfd_.get(), POLLIN, 0});
  if (const os::Descriptor& socket = socket_.descriptor()) {
    const int events = POLLIN | (socket_.wants_to_write() ? POLLOUT : 0);
    polled.push_back({socket.get(), static_cast<short>(events), 0});
  }
  if (trial_) trial_->add_to(polled);
}

void Helper::on_event(const pollfd& event, KernelLog& log, double now) {
  if (event.fd == pidfd_.get()) {
    on_exit(log, now);
  } else if (event.fd == socket_.descriptor().get()) {
    if ((event.revents & POLLOUT) != 0 && !socket_.flush()) lose("closed its socket", now);
    if (socket_.descriptor() && (event.revents & (POLLIN | POLLHUP | POLLERR)) != 0) read_socket(log, now);
  } else if (trial_) {
    trial_->on_readable(event.fd);
  }
}

void Helper::read_socket(KernelLog& log, double now) {
  std::vector<Socket::Received> messages;
  bool open = false;
  try {
    open = socket_.receive(messages);
    for (Socket::Received& message : messages) obey(std::move(message), log, now);
  } catch (const BadFrame& bad) {
    lose(std::string("sent nonsense: ") + bad.what(), now);
    return;
  }
  if (open || !socket_.descriptor()) return;
  socket_.close();
  if (phase_ == Phase::leaving || phase_ == Phase::sweeping) return;
  phase_ = Phase::dying;  // its wait status says how, in a moment
  phase_due_ = now + leave_s;
}

void Helper::obey(Socket::Received message, KernelLog& log, double now) {
  const std::string& body = message.frame.body;
  switch (message.frame.kind) {
    case 'r':  // ready, or warmed: how many threads a fork would leave behind
      if (phase_ != Phase::busy_importing) return;
      phase_ = Phase::idle;
      waiting_->give({static_cast<int>(read_integer(body, 0)), {}});
      waiting_.reset();
      return;
    case 'P':    // forked: the trial's pid, with its pidfd
    case 'p': {  // or without, from an interpreter that knows none: the helper keeps the number taken
                 // meanwhile
      if (!trial_) return;
      int pid = static_cast<int>(read_integer(body, 0));
      if (message.descriptor)
        if (const int here = os::pid_of(message.descriptor.get()); here > 0) pid = here;
      // Its parent, which is the process that we started, or the one process below that in its namespace.
      const int parent = os::parent_of(pid);
      trial_->on_forked(parent > 1 ? parent : pid_.load(), pid,
                        message.descriptor ? std::move(message.descriptor) : os::open_pidfd(pid), now);
      return;
    }
    case 'e': {  // ended: status or -1, others, pids that are left
      if (!trial_) return;
      const std::int64_t status = read_integer(body, 0);
      std::vector<int> left;
      for (std::size_t i = 2; i < body.size() / 8; ++i)
        left.push_back(static_cast<int>(read_integer(body, i)));
      trial_->on_ended(status < 0 ? std::nullopt : std::optional(static_cast<int>(status)),
                       read_integer(body, 1), std::move(left), now);
      if (phase_ == Phase::running) phase_ = Phase::idle;
      end_trial({}, log, now);
      return;
    }
    case 'f':  // failed: no process could be made
      if (!trial_) return;
      trial_->on_failed(body);
      if (phase_ == Phase::running) phase_ = Phase::idle;
      end_trial({}, log, now);
      return;
    default:
      throw BadFrame("a message of an unknown kind");
  }
}

void Helper::on_exit(KernelLog& log, double now) {
  // What it said before it went comes first: it may be the end of its trial.
  while (socket_.descriptor() && phase_ != Phase::sweeping) {
    std::vector<Socket::Received> messages;
    try {
      const bool open = socket_.receive(messages);
      const bool some = !messages.empty();
      for (Socket::Received& message : messages) obey(std::move(message), log, now);
      if (!open || !some) break;
    } catch (const BadFrame&) {
      break;
    }
  }
  const int status = reap(pidfd_);
  if (status == -2) return;
  death_.status = status;
  pidfd_.reset();
  alive_ = false;
  socket_.close();
  if (phase_ == Phase::sweeping) return;  // which sees that it is dead
  if (phase_ == Phase::leaving && status == 0) {
    end(log, now);
    return;
  }
  if (death_.how.empty()) {
    death_.how = "exited";
    death_.last_line = last_line();
  }
  lose(death_.how, now);
}

double Helper::due() const {
  double soonest = never;
  if (phase_ == Phase::busy_importing || phase_ == Phase::leaving || phase_ == Phase::dying ||
      phase_ == Phase::sweeping)
    soonest = phase_due_;
  return trial_ && phase_ == Phase::running ? std::min(soonest, trial_->due()) : soonest;
}

void Helper::tick(KernelLog& log, double now) {
  if (trial_ && phase_ == Phase::running) {
    switch (trial_->tick(now)) {
      case Trial::Need::nothing:
        break;
      case Trial::Need::kill:
        os::send_signal(pidfd_, SIGCONT);  // a trial may have stopped it, by mistake or not
        if (!socket_.send(command_frame(kill_command))) lose("closed its socket", now);
        return;
      case Trial::Need::give_up:
        lose("did not answer", now);
        break;
    }
  }
  if (phase_ == Phase::sweeping) {
    if (now >= phase_due_) sweep(log);
    return;
  }
  if (now < phase_due_) return;
  if (phase_ == Phase::busy_importing) lose("its imports took too long", now);
  if (phase_ == Phase::dying) lose("closed its socket", now);
  if (phase_ == Phase::leaving) lose("closed", now);
}

void Helper::lose(std::string how, double now) {
  if (phase_ == Phase::sweeping || phase_ == Phase::gone) return;
  if (death_.how.empty()) death_.how = std::move(how);
  if (trial_) victims_ = trial_->processes_seen();
  if (alive_)  // their parents are known only as long as it lives
    for (const os::Process& process : os::descendants_of(pid_)) victims_.push_back(process);
  if (trial_) trial_->kill(KillCause::none, now);
  os::send_signal(pidfd_, SIGKILL);
  socket_.close();
  phase_ = Phase::sweeping;
  phase_due_ = now;
  give_up_ = now + sweep_limit_s;
}

void Helper::sweep(KernelLog& log) {
  std::erase_if(victims_, [](const os::Process& process) { return !os::kill_process(process); });
  const std::vector<os::Process> marked = os::processes_with(spec_.marker);
  bool found = false;
  for (const os::Process& process : marked)
    found = (process.pid != pid_ && os::kill_process(process)) || found;
  // Zombies of the victims may wait for whoever adopted them: they hold nothing, and are not ours to reap.
  const bool over = !alive_ && !found;
  if (over || os::now() >= give_up_) {
    end(log, os::now());
    return;
  }
  phase_due_ = os::now() + sweep_again_s;
}

void Helper::end(KernelLog& log, double now) {
  phase_ = Phase::gone;
  alive_ = false;
  pidfd_.reset();
  socket_.close();
  end_trial(death_, log, now);
  if (waiting_) waiting_->give({1, death_});
  waiting_.reset();
  for (const News& answer : stopping_) answer->give({1, death_});
  stopping_.clear();
  log_.reset();
}

void Helper::end_trial(Death death, KernelLog& log, double now) {
  if (!trial_) return;
  const std::unique_ptr<Trial> trial = std::move(trial_);
  trial->finish(std::move(death), log, now);
}

std::string Helper::last_line() const {
  struct stat status{};
  if (!log_ || ::fstat(log_.get(), &status) != 0) return {};
  std::string text(8192, '\0');
  const auto from = std::max<off_t>(status.st_size - static_cast<off_t>(text.size()), 0);
  const auto count = ::pread(log_.get(), text.data(), text.size(), from);
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
  const auto end = text.find_last_not_of(" \t\r\n");
  if (end == std::string::npos) return {};
  const auto begin = text.rfind('\n', end);
  return text.substr(begin == std::string::npos ? 0 : begin + 1,
                     end - (begin == std::string::npos ? 0 : begin + 1) + 1);
}

}  // namespace lehr::supervise
