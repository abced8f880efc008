// What the three runtimes add to the work itself: launches, traffic, start-up seconds, and what they cannot
// run.
#pragma once

#include <optional>
#include <string_view>

#include "lehr/problems/devices/chips.hpp"
#include "lehr/problems/devices/families.hpp"

namespace lehr::devices {

struct Runtime {
  double launch_us;    // host time a kernel, at host speed 1
  double call_us;      // host time a call, at host speed 1
  double traffic;      // times an activation crosses the memory bus
  bool tf32_products;  // matrix products in single precision use TF32 as convolutions do
  bool copies_input;   // the timed call includes the copy of its input to the device
};

const Runtime& runtime(Backend backend);
int launches(const Family& family, Backend backend);

// Dynamic int8 runs on the CPU wherever it runs at all.
bool on_cpu(Quantisation quantisation);

// Why a combination cannot run, in a few words; nothing where it can.
std::optional<std::string_view> gap(const Chip& chip, const Family& family, Backend backend,
                                    Quantisation quantisation);

// Seconds from a fresh process to the first inference, warm-up not included.
double startup_seconds(const Chip& chip, const Family& family, Backend backend);
// Seconds until a combination with a gap dies.
double crash_seconds(const Chip& chip, const Family& family, Backend backend);

}  // namespace lehr::devices
