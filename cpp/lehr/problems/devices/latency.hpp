// Median milliseconds of one batch: a roofline by kernel class on the GPU, launches on the host, and the same
// for the CPU where quantised models run.
#pragma once

#include "lehr/problems/devices/backends.hpp"

namespace lehr::devices {

double gpu_ms(const Chip& chip, const Family& family, Backend backend, Quantisation quantisation, int batch);
double cpu_ms(const Host& host, const Family& family, Backend backend, int batch, int threads);
// Cores' worth of work that a number of threads does on a host.
double parallel_cores(const Host& host, int threads);

}  // namespace lehr::devices
