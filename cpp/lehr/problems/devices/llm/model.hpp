// The language model that is served, Llama 3.1 8B: a dense decoder with grouped-query attention. Sources:
// docs/devices.md.
#pragma once

#include <array>

#include "lehr/problems/devices/chips.hpp"

namespace lehr::devices::llm {

constexpr double layers = 32;
constexpr double kv_heads = 8;
constexpr double head_size = 128;
constexpr double hidden = 4096;
constexpr double intermediate = 14336;
constexpr double vocabulary = 128256;
constexpr double parameters = 8.03e9;
constexpr double embedding_parameters = 2.0 * vocabulary * hidden;      // input and output, never quantised
constexpr double kv_bytes = 2.0 * layers * kv_heads * head_size * 2.0;  // a token, half precision

enum class Weights { fp16, fp8, int8, int4_awq };
constexpr std::array<const char*, 4> weights_names{"fp16", "fp8", "int8", "int4_awq"};

double weights_mb(Weights weights);
// Operations a second that large matrix products reach, and those of a decoding step.
double product_flops(const Chip& chip, Weights weights);

}  // namespace lehr::devices::llm
