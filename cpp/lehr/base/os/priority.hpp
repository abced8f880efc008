// Letting a killed process die soon: its memory is given back at its own priority, on its own processors.
#pragma once

namespace lehr::os {

// Undoes what process `pid` has done to be scheduled later than us: a higher nice value, a policy for idle or
// batch work, fewer processors. Each of its threads; only as far as this user may (lowering a nice value
// takes CAP_SYS_NICE or RLIMIT_NICE). Never makes it slower, and does nothing to one that is gone.
void hurry(int pid) noexcept;

}  // namespace lehr::os
