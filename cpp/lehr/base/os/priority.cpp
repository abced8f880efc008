#include "lehr/base/os/priority.hpp"

#include <sched.h>
#include <sys/resource.h>

#include <cerrno>

#include "lehr/base/os/proc.hpp"

namespace lehr::os {
namespace {

// Of the calling thread for 0; `nothing` when it is gone.
constexpr int nothing = 100;
int nice_of(int thread) noexcept {
  errno = 0;
  const int value = ::getpriority(PRIO_PROCESS, static_cast<id_t>(thread));
  return errno == 0 ? value : nothing;
}

void hurry_thread(int thread, int nice, const cpu_set_t* processors) noexcept {
  const int policy = ::sched_getscheduler(thread);
  if (policy == SCHED_IDLE || policy == SCHED_BATCH) {
    const sched_param none{};
    ::sched_setscheduler(thread, SCHED_OTHER, &none);
  }
  const int its = nice_of(thread);
  if (its != nothing && its > nice) ::setpriority(PRIO_PROCESS, static_cast<id_t>(thread), nice);
  cpu_set_t allowed, both;
  if (processors == nullptr || ::sched_getaffinity(thread, sizeof allowed, &allowed) != 0) return;
  CPU_OR(&both, &allowed, processors);
  if (!CPU_EQUAL(&both, &allowed)) ::sched_setaffinity(thread, sizeof both, &both);
}

}  // namespace

void hurry(int pid) noexcept {
  const int nice = nice_of(0);
  cpu_set_t processors;
  const bool known = ::sched_getaffinity(0, sizeof processors, &processors) == 0;
  try {
    for (const int thread : threads_of(pid)) hurry_thread(thread, nice, known ? &processors : nullptr);
  } catch (...) {  // no memory to look with: the first thread at least
    hurry_thread(pid, nice, known ? &processors : nullptr);
  }
}

}  // namespace lehr::os
