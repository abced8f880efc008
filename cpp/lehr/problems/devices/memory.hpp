// Peak memory of the process that serves: device memory where the GPU runs, host memory where the CPU does.
#pragma once

#include "lehr/problems/devices/backends.hpp"

namespace lehr::devices {

// Megabytes are 10^6 bytes as everywhere in lehr; what the runtimes reserve comes in multiples of 2^20.
constexpr double mib = 1.048576;
// Device memory of a process before its first tensor: the CUDA context with lazy loading.
constexpr double context_mb = 400.0;

double gpu_mb(const Chip& chip, const Family& family, Backend backend, Quantisation quantisation, int batch);
double cpu_mb(const Family& family, Backend backend, int batch);

}  // namespace lehr::devices
