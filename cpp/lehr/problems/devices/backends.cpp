#include "lehr/problems/devices/backends.hpp"

#include <array>

namespace lehr::devices {
namespace {

constexpr std::array<Runtime, 3> runtimes{{
    {35.0, 60.0, 6.0, false, false},   // eager: convolution, normalisation, activation each read and write
    {10.0, 100.0, 4.0, false, false},  // compiled: one fused kernel of what follows a convolution
    {9.0, 80.0, 2.0, true, true},      // graph: folded into the convolution
}};

constexpr double import_torch = 5.0;
constexpr double load_model = 1.0;

double export_seconds(const Family& family) { return 2.0 + 0.02 * family.nodes; }

}  // namespace

const Runtime& runtime(Backend backend) { return runtimes[static_cast<std::size_t>(backend)]; }

int launches(const Family& family, Backend backend) {
  switch (backend) {
    case Backend::pytorch_eager:
      return family.operations;
    case Backend::torch_compile:
      return family.compiled;
    default:
      return family.nodes;
  }
}

bool on_cpu(Quantisation quantisation) { return quantisation == Quantisation::int8_dynamic; }

std::optional<std::string_view> gap(const Chip& chip, const Family& family, Backend backend,
                                    Quantisation quantisation) {
  // pytorch/pytorch#100817: dynamo treats packed quantised weights as a tensor; 'not expected to work'.
  if (backend == Backend::torch_compile && quantisation == Quantisation::int8_dynamic)
    return "torch.compile cannot trace dynamically quantised modules";
  // pytorch/pytorch#148551: the ptxas beside Triton does not know sm_120.
  if (backend == Backend::torch_compile && chip.capability >= 120)
    return "ptxas: value 'sm_120' is not defined for option 'gpu-name'";
  // onnx/onnxmltools#617, microsoft/onnxruntime#6501: converted constants of single precision stay in the
  // graph.
  if (backend == Backend::onnxruntime && quantisation == Quantisation::fp16 && !family.convolutional)
    return "onnxruntime: Add is bound to both tensor(float16) and tensor(float)";
  return std::nullopt;
}

double startup_seconds(const Chip& chip, const Family& family, Backend backend) {
  double seconds = import_torch + load_model;
  if (backend == Backend::torch_compile) seconds += 10.0 + 0.15 * family.compiled;
  if (backend == Backend::onnxruntime) seconds += export_seconds(family) + 1.0 + 0.05 * family.nodes;
  return seconds / chip.host.speed;
}

double crash_seconds(const Chip& chip, const Family& family, Backend backend) {
  double seconds = import_torch + load_model;
  seconds += backend == Backend::torch_compile ? 4.0 : export_seconds(family) + 1.0;
  return seconds / chip.host.speed;
}

}  // namespace lehr::devices
