#include "lehr/problems/devices/memory.hpp"

#include <cmath>

namespace lehr::devices {
namespace {

constexpr double image = 3.0 * 224.0 * 224.0 / 1e6;  // millions of elements

constexpr double kernels_mb = 14.0;        // code of the kernels that a model loads; calibrated
constexpr double segment_mb = 20.0 * mib;  // large segments of PyTorch's caching allocator

constexpr double process_mb = 330.0;       // a process that has imported PyTorch
constexpr double graph_runtime_mb = 47.0;  // ONNX Runtime beside it
constexpr double scratch = 1.3;            // layouts and packing buffers of the CPU libraries

constexpr double cublas_mb = 32.0 * mib;  // CUBLAS_WORKSPACE_CONFIG=:4096:8, for runs that can be repeated

double whole_segments(double megabytes) { return segment_mb * std::ceil(megabytes / segment_mb); }
double power_of_two(double megabytes) { return mib * std::exp2(std::ceil(std::log2(megabytes / mib))); }

}  // namespace

double gpu_mb(const Chip& chip, const Family& family, Backend backend, Quantisation quantisation, int batch) {
  const double bytes = quantisation == Quantisation::fp16 ? 2.0 : 4.0;
  const double weights = family.parameters * bytes;
  const double fixed = context_mb + kernels_mb;
  if (backend == Backend::onnxruntime) {
    // The arena grows by powers of two, and the exhaustive search asks for the largest workspace there is.
    const double elements = family.live_fused + family.im2col + image;
    return fixed + power_of_two(weights + batch * elements * bytes);
  }
  // cuDNN runs tensor cores on channels-last copies of what goes into and comes out of a convolution.
  const bool tensor_cores = quantisation == Quantisation::fp16 || chip.tf32_tflops > 0.0;
  const double copies = family.convolutional && tensor_cores ? family.live_fused : 0.0;
  const double live = backend == Backend::pytorch_eager ? family.live_eager : family.live_fused;
  return fixed + cublas_mb + weights + whole_segments(batch * (live + copies + image) * bytes);
}

double cpu_mb(const Family& family, Backend backend, int batch) {
  const bool graph = backend == Backend::onnxruntime;
  const double live = (graph ? family.live_fused : family.live_eager) + image;
  // PyTorch quantises the fully connected layers only, ONNX Runtime every weight; the originals stay.
  const double quantised = graph ? family.parameters : family.linear_parameters;
  return process_mb + (graph ? graph_runtime_mb : 0.0) + 4.0 * family.parameters + quantised +
         scratch * 4.0 * batch * live;
}

}  // namespace lehr::devices
