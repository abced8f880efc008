// The serving engine: its knobs, what it refuses, and its memory.
#pragma once

#include "lehr/problems/devices/llm/model.hpp"

namespace lehr::devices::llm {

struct Knobs {
  Weights weights = Weights::fp16;
  int max_num_seqs = 0;
  int max_num_batched_tokens = 0;
  double memory_fraction = 0.0;
  int context_length = 0;
  bool graphs = false;
  bool chunked_prefill = false;
  bool prefix_cache = false;
};

struct Memory {
  double activations_mb = 0.0;  // peak of the largest step, as the engine profiles it
  double graphs_mb = 0.0;       // captured after the cache is laid out, outside the fraction
  double cache_tokens = 0.0;    // room of the key-value cache; negative when the weights do not even fit
  double outside_mb = 0.0;      // left of the chip beyond the fraction
  double spill_mb = 0.0;        // what load takes beyond the profile: fragmentation and sampling
};

Memory memory(const Chip& chip, const Knobs& knobs);
int captured_graphs(const Knobs& knobs);

// Seconds up to: the check of the arguments, the layout of the cache, the first request.
double checked_seconds(const Chip& chip);
double laid_out_seconds(const Chip& chip, const Knobs& knobs);
double ready_seconds(const Chip& chip, const Knobs& knobs);

}  // namespace lehr::devices::llm
