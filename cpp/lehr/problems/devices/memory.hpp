// Peak memory of the process that serves: device memory where the GPU runs, host memory where the CPU does.
#pragma once

#include "lehr/problems/devices/backends.hpp"

namespace lehr::devices {

double gpu_mb(const Chip& chip, const Family& family, Backend backend, Quantisation quantisation, int batch);
double cpu_mb(const Family& family, Backend backend, int batch);

}  // namespace lehr::devices
