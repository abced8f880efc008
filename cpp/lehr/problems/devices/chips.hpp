// The chips that DeployBench simulates, and the host beside each. Sources of every number: docs/devices.md.
#pragma once

#include <span>

namespace lehr::devices {

// The processor that launches kernels and runs what falls back to it.
struct Host {
  const char* name;
  double speed;               // one thread at interpreter-bound work, relative to the host of the H100
  int cores;                  // physical
  int threads;                // logical
  double gigahertz;           // sustained under wide vector instructions
  double flops_per_cycle;     // a core, single precision
  double int8_gain;           // peak int8 over single precision
  double bandwidth_gbs;       // all cores
  double core_bandwidth_gbs;  // one core alone
};

struct Chip {
  const char* name;
  int capability;  // CUDA compute capability, 90 for 9.0
  int multiprocessors;
  double fp32_tflops;  // dense rates throughout
  double tf32_tflops;  // 0 without TF32
  double fp16_tflops;  // tensor cores, single-precision accumulation
  double int8_tops;
  double fp8_tflops;  // 0 without FP8
  double bandwidth_gbs;
  double memory_mb;
  double sustained;  // share of the boost clock that the power limit leaves under load
  double copy_gbs;   // host to device from pageable memory
  Host host;
};

std::span<const Chip> chips();
const Chip& chip(const char* name);  // there must be one

}  // namespace lehr::devices
