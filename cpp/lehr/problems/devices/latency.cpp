#include "lehr/problems/devices/latency.hpp"

#include <algorithm>
#include <cmath>

namespace lehr::devices {
namespace {

constexpr double tensor_efficiency = 0.30;  // of the peak, convolutions and products of these sizes
constexpr double vector_efficiency = 0.50;  // the same without tensor cores
constexpr double depthwise_efficiency = 0.10;
constexpr double bandwidth_efficiency = 0.65;
constexpr double shortest_kernel_us = 2.5;
constexpr double wait_ms = 0.02;  // for the device, once a call
constexpr double image_mb = 3.0 * 224.0 * 224.0 * 4.0 / 1e6;

constexpr double cpu_dense_efficiency = 0.40;
constexpr double cpu_int8_efficiency = 0.25;
constexpr double cpu_depthwise_efficiency = 0.08;
constexpr double integer_convolution_slowdown = 6.0;  // ConvInteger beside the single-precision convolution
constexpr double cpu_launch_us = 12.0;                // an operator on the CPU, at host speed 1
constexpr double barrier_us = 4.0;                    // for each doubling of threads, an operator
constexpr double cached = 0.5;                        // share of activations that never leave the caches
constexpr double sibling = 0.25;                      // what a second thread adds to a busy core

}  // namespace

double gpu_ms(const Chip& chip, const Family& family, Backend backend, Quantisation quantisation, int batch) {
  const Runtime& software = runtime(backend);
  const bool half = quantisation == Quantisation::fp16;
  const double bytes = half ? 2.0 : 4.0;
  const bool tf32 = chip.tf32_tflops > 0.0 && (family.convolutional || software.tf32_products);
  const double tflops = half   ? chip.fp16_tflops * tensor_efficiency
                        : tf32 ? chip.tf32_tflops * tensor_efficiency
                               : chip.fp32_tflops * vector_efficiency;
  const double dense_ms = 2.0 * (family.macs - family.depthwise) / (tflops * chip.sustained);
  const double depthwise_ms =
      2.0 * family.depthwise / (chip.fp32_tflops * depthwise_efficiency * chip.sustained);
  const double bandwidth = chip.bandwidth_gbs * bandwidth_efficiency;
  const double traffic_ms = software.traffic * family.activations * bytes / bandwidth;
  const double weights_ms = family.parameters * bytes / bandwidth;
  const int kernels = launches(family, backend);
  const double device_ms =
      kernels * shortest_kernel_us * 1e-3 + weights_ms + batch * (dense_ms + depthwise_ms + traffic_ms);
  const double host_ms = (software.call_us + kernels * software.launch_us) * 1e-3 / chip.host.speed;
  const double copy_ms = software.copies_input ? batch * image_mb / chip.copy_gbs : 0.0;
  return std::max(host_ms, device_ms) + wait_ms + copy_ms;
}

double parallel_cores(const Host& host, int threads) {
  const double whole = std::min(threads, host.cores);
  const double shared = std::clamp(threads - host.cores, 0, host.threads - host.cores);
  // More threads than the host has: the rest spin at barriers while the others wait for a core.
  const double crowded = threads > host.threads ? std::pow(double(host.threads) / threads, 2.0) : 1.0;
  return (whole + sibling * shared) * crowded;
}

double cpu_ms(const Host& host, const Family& family, Backend backend, int batch, int threads) {
  const double cores = parallel_cores(host, threads);
  const double gflops = host.gigahertz * host.flops_per_cycle;  // a core, peak
  const bool graph = backend == Backend::onnxruntime;
  const double products = family.linear;
  const double dense = family.macs - family.depthwise - products;
  const double int8_gflops = gflops * host.int8_gain * cpu_int8_efficiency;
  double dense_gflops = gflops * cpu_dense_efficiency;
  double depthwise_gflops = gflops * cpu_depthwise_efficiency;
  // PyTorch leaves convolutions in single precision; ONNX Runtime makes them ConvInteger.
  if (graph && family.convolutional) {
    dense_gflops /= integer_convolution_slowdown;
    depthwise_gflops /= integer_convolution_slowdown;
  }
  const double compute_ms =
      2e3 * (products / int8_gflops + dense / dense_gflops + family.depthwise / depthwise_gflops) / cores;
  const double bandwidth = std::min(host.bandwidth_gbs, host.core_bandwidth_gbs * cores);
  const double traffic_ms = runtime(backend).traffic * family.activations * 4.0 * (1.0 - cached) / bandwidth;
  const double operator_us = cpu_launch_us / host.speed + barrier_us * std::log2(threads);
  return launches(family, backend) * operator_us * 1e-3 + batch * (compute_ms + traffic_ms);
}

}  // namespace lehr::devices
