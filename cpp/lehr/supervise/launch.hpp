// Starting a program beside the threads of whoever hosts us: vfork and exec, so nothing of them is copied.
#pragma once

#include <string>
#include <vector>

#include "lehr/base/os/descriptor.hpp"

namespace lehr::supervise {

struct Launched {
  int pid = 0;
  os::Descriptor pidfd;
};

constexpr int control_descriptor = 3;  // what the program finds its socket at

// Starts arguments[0] (a path) in a session of its own, with `control` as descriptor 3, `log` as its stdout
// and stderr, an empty stdin and nothing else open. It dies with the calling thread until it says otherwise
// (PR_SET_PDEATHSIG). Throws IsolationError. To be called from a thread that blocks all signals.
Launched launch(const std::vector<std::string>& arguments, const std::vector<std::string>& environment,
                const os::Descriptor& control, const os::Descriptor& log);

// How a child ended, as a wait status; -1 when nobody can know (the host reaps all children itself), -2 while
// it runs.
int reap(const os::Descriptor& pidfd) noexcept;

}  // namespace lehr::supervise
