#include "lehr/problems/devices/llm/model.hpp"

namespace lehr::devices::llm {
namespace {

constexpr double half_efficiency = 0.50;
constexpr double eight_bit_efficiency = 0.35;  // activations are quantised on the way
constexpr double unpacking = 0.80;             // four-bit weights are unpacked to half precision
constexpr double weight_only = 0.85;           // eight-bit weights without eight-bit products

}  // namespace

double weights_mb(Weights weights) {
  constexpr std::array<double, 4> bytes{2.0, 1.0, 1.0, 0.53};  // with scales and zero points in groups of 128
  return (2.0 * embedding_parameters +
          bytes[static_cast<std::size_t>(weights)] * (parameters - embedding_parameters)) /
         1e6;
}

double product_flops(const Chip& chip, Weights weights) {
  const double half = chip.fp16_tflops * half_efficiency;
  double tflops = half;
  switch (weights) {
    case Weights::fp16:
      break;
    case Weights::fp8:
      // Without FP8 units the engine keeps FP8 weights and multiplies in half precision.
      tflops = chip.fp8_tflops > 0.0 ? chip.fp8_tflops * eight_bit_efficiency : half * weight_only;
      break;
    case Weights::int8:
      tflops = chip.int8_tops * eight_bit_efficiency;
      break;
    case Weights::int4_awq:
      tflops = half * unpacking;
      break;
  }
  return tflops * chip.sustained * 1e12;
}

}  // namespace lehr::devices::llm
