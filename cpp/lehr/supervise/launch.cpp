#include "lehr/supervise/launch.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "lehr/base/error.hpp"

namespace lehr::supervise {
namespace {

constexpr long close_range_call = 436;
constexpr idtype_t by_pidfd = static_cast<idtype_t>(3);  // P_PIDFD

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> result;
  result.reserve(texts.size() + 1);
  for (const std::string& text : texts) result.push_back(const_cast<char*>(text.c_str()));
  result.push_back(nullptr);
  return result;
}

// Between vfork and exec: shares our memory, so only system calls, no locks, no allocation. Returns errno.
int become(char* const* arguments, char* const* environment, int null, int control, int log, int& word,
           int parent, const sigset_t& none, int most_descriptors) noexcept {
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 || ::getppid() != parent) return errno ? errno : ESRCH;
  ::setsid();
  if (::dup2(null, 0) < 0 || ::dup2(log, 1) < 0 || ::dup2(log, 2) < 0) return errno;
  if (control == control_descriptor) {
    if (::fcntl(control, F_SETFD, 0) != 0) return errno;
  } else if (::dup2(control, control_descriptor) < 0) {
    return errno;
  }
  constexpr int word_here = control_descriptor + 1;
  if (word != word_here && ::dup3(word, word_here, O_CLOEXEC) < 0) return errno;
  word = word_here;
  if (::syscall(close_range_call, word_here + 1, ~0U, 0U) != 0)  // before Linux 5.9
    for (int fd = word_here + 1; fd < most_descriptors; ++fd) ::close(fd);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::execve(arguments[0], arguments, environment);
  return errno;
}

// Reads the child's word; false when the program runs.
bool hear(os::Pipe& word, int& why) noexcept {
  ::fcntl(word.reading.get(), F_SETFL, 0);
  word.writing.reset();
  while (true) {
    const auto count = ::read(word.reading.get(), &why, sizeof why);
    if (count < 0 && errno == EINTR) continue;
    return count == static_cast<ssize_t>(sizeof why);
  }
}

}  // namespace

Launched launch(const std::vector<std::string>& arguments, const std::vector<std::string>& environment,
                const os::Descriptor& control, const os::Descriptor& log) {
  const std::vector<char*> argument_pointers = pointers(arguments);
  const std::vector<char*> environment_pointers = pointers(environment);
  const os::Descriptor null =
      os::checked(::open("/dev/null", O_RDONLY | O_CLOEXEC), "an empty standard input");
  sigset_t none;
  ::sigemptyset(&none);
  const long most = ::sysconf(_SC_OPEN_MAX);
  const int most_descriptors = most > 0 && most < (1 << 20) ? static_cast<int>(most) : 1 << 20;
  const int parent = static_cast<int>(::getpid());
  // How the child says why it did not get as far as the program; closed by executing it.
  os::Pipe word = os::make_pipe();
  // vfork and not posix_spawn: the latter can neither close all other descriptors everywhere nor ask for a
  // parent-death signal before the program runs.
  const pid_t pid = ::vfork();
  if (pid == 0) {
    int said = word.writing.get();
    const int failure = become(argument_pointers.data(), environment_pointers.data(), null.get(),
                               control.get(), log.get(), said, parent, none, most_descriptors);
    [[maybe_unused]] const auto written = ::write(said, &failure, sizeof failure);
    ::_exit(127);
  }
  int why = pid < 0 ? errno : 0;
  if (pid > 0 && hear(word, why)) ::waitpid(pid, nullptr, 0);
  if (why != 0) throw IsolationError("cannot start " + arguments.front() + ": " + os::error_text(why));
  Launched launched{static_cast<int>(pid), os::open_pidfd(static_cast<int>(pid))};
  if (!launched.pidfd) {
    const int missing = errno;
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    throw IsolationError("pidfd_open: " + os::error_text(missing) +
                         "; isolated trials need Linux 5.4 or later");
  }
  return launched;
}

int reap(const os::Descriptor& pidfd) noexcept {
  siginfo_t info{};
  int done = 0;
  do {
    done = ::waitid(by_pidfd, static_cast<id_t>(pidfd.get()), &info, WEXITED | WNOHANG);
  } while (done != 0 && errno == EINTR);
  if (done != 0) return -1;
  if (info.si_pid == 0) return -2;
  if (info.si_code == CLD_EXITED) return (info.si_status & 0xFF) << 8;
  return info.si_status & 0x7F;
}

}  // namespace lehr::supervise
