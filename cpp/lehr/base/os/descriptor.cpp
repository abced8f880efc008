#include "lehr/base/os/descriptor.hpp"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <system_error>

#include "lehr/base/error.hpp"

namespace lehr::os {
namespace {

// Older C libraries have no names for these; the numbers are the same on every architecture.
constexpr long pidfd_send_signal_call = 424;
constexpr long pidfd_open_call = 434;
constexpr unsigned signal_process_group = 1U << 2;

}  // namespace

void Descriptor::reset(int fd) noexcept {
  if (fd_ >= 0) ::close(fd_);
  fd_ = fd;
}

std::string error_text(int number) { return std::generic_category().message(number); }

Descriptor checked(int fd, const char* what) {
  if (fd < 0) throw IsolationError(std::string("cannot make ") + what + ": " + error_text(errno));
  Descriptor owned(fd);
  if (fd > 2) return owned;
  const int higher = ::fcntl(fd, F_DUPFD_CLOEXEC, 3);
  if (higher < 0) throw IsolationError(std::string("cannot make ") + what + ": " + error_text(errno));
  return Descriptor(higher);
}

Descriptor make_event() { return checked(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "an event descriptor"); }

Descriptor make_timer() {
  return checked(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK), "a timer descriptor");
}

Pipe make_pipe() {
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0) ends[0] = ends[1] = -1;
  const int why = errno;
  Pipe pipe;
  Descriptor writing(ends[1]);  // owned before the other end can throw
  errno = why;
  pipe.reading = checked(ends[0], "a pipe");
  const int fd = ends[1];
  if (fd > 2) {
    pipe.writing = std::move(writing);
  } else {
    pipe.writing = duplicate(fd, "a pipe");
  }
  ::fcntl(pipe.reading.get(), F_SETFL, O_NONBLOCK);
  return pipe;
}

Descriptor duplicate(int fd, const char* what) { return checked(::fcntl(fd, F_DUPFD_CLOEXEC, 3), what); }

Descriptor open_pidfd(int pid) noexcept {
  const long fd = ::syscall(pidfd_open_call, pid, 0U);
  return Descriptor(static_cast<int>(fd));
}

bool send_signal(const Descriptor& pidfd, int signal) noexcept {
  return pidfd && ::syscall(pidfd_send_signal_call, pidfd.get(), signal, nullptr, 0U) == 0;
}

bool send_signal_to_group(const Descriptor& pidfd, int signal) noexcept {
  if (!pidfd) return false;
  if (::syscall(pidfd_send_signal_call, pidfd.get(), signal, nullptr, signal_process_group) == 0) return true;
  return errno == EINVAL && send_signal(pidfd, signal);
}

void notify(const Descriptor& event) noexcept {
  const std::uint64_t one = 1;
  // A full counter is as good as a notification.
  [[maybe_unused]] const auto written = ::write(event.get(), &one, sizeof one);
}

void drain(const Descriptor& counter) noexcept {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto read = ::read(counter.get(), &count, sizeof count);
}

}  // namespace lehr::os
