// File descriptors that close themselves, and the few kinds that a supervisor makes.
#pragma once

#include <string>
#include <utility>

namespace lehr::os {

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) noexcept : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    if (this != &other) reset(std::exchange(other.fd_, -1));
    return *this;
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { reset(); }

  int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }
  void reset(int fd = -1) noexcept;

 private:
  int fd_ = -1;
};

// Takes over `fd`, moved above the standard streams: a program that closed its stdout would else print into
// it. Throws IsolationError, naming `what`, when `fd` is -1 (errno says why) or cannot be moved.
Descriptor checked(int fd, const char* what);

// Every descriptor made here is closed on exec.
Descriptor make_event();  // an eventfd that does not block
Descriptor make_timer();  // a timerfd of the monotonic clock that does not block
struct Pipe {
  Descriptor reading, writing;
};
Pipe make_pipe();  // its reading end does not block
Descriptor duplicate(int fd, const char* what);

// A descriptor that names this very process and becomes readable when it ends; empty when there is none.
Descriptor open_pidfd(int pid) noexcept;
// Sends a signal to the process of a pidfd, which cannot hit a stranger; false when it is gone.
bool send_signal(const Descriptor& pidfd, int signal) noexcept;
// The same to the group that the process leads; to the process alone where the kernel (before 6.9) cannot.
bool send_signal_to_group(const Descriptor& pidfd, int signal) noexcept;

void notify(const Descriptor& event) noexcept;
void drain(const Descriptor& counter) noexcept;  // empties an eventfd or a timerfd

// The text of an errno, as in "Too many open files".
std::string error_text(int number);

}  // namespace lehr::os
