#include "lehr/problems/devices/llm/engine.hpp"

#include "lehr/problems/devices/memory.hpp"

namespace lehr::devices::llm {
namespace {

constexpr double graph_pool_mb = 250.0;
constexpr double graph_mb = 8.0;
constexpr double sampling_copies = 2.5;  // logits, sorted logits and probabilities of a step
constexpr double fragmentation = 0.20;   // of the activations

constexpr double import_seconds = 14.0;
constexpr double load_gbs = 1.5;  // weights from a local disk
constexpr double profile_seconds = 5.0;
constexpr double capture_seconds = 0.35;  // a graph

}  // namespace

int captured_graphs(const Knobs& knobs) {
  if (!knobs.graphs) return 0;
  // Batches of 1, 2, 4 and every multiple of 8 up to the number of sequences.
  return 3 + knobs.max_num_seqs / 8;
}

Memory memory(const Chip& chip, const Knobs& knobs) {
  Memory memory;
  const double total = chip.memory_mb * mib;
  memory.activations_mb = knobs.max_num_batched_tokens * (2.0 * intermediate + 3.0 * hidden) * 2.0 / 1e6 +
                          sampling_copies * knobs.max_num_seqs * vocabulary * 4.0 / 1e6;
  memory.graphs_mb = knobs.graphs ? graph_pool_mb + graph_mb * captured_graphs(knobs) : 0.0;
  const double cache_mb =
      knobs.memory_fraction * total - context_mb - weights_mb(knobs.weights) - memory.activations_mb;
  memory.cache_tokens = cache_mb * 1e6 / kv_bytes;
  memory.outside_mb = (1.0 - knobs.memory_fraction) * total;
  memory.spill_mb = fragmentation * memory.activations_mb;
  return memory;
}

double checked_seconds(const Chip& chip) { return import_seconds / chip.host.speed; }

double laid_out_seconds(const Chip& chip, const Knobs& knobs) {
  return (import_seconds + profile_seconds) / chip.host.speed + weights_mb(knobs.weights) / 1e3 / load_gbs;
}

double ready_seconds(const Chip& chip, const Knobs& knobs) {
  return laid_out_seconds(chip, knobs) + capture_seconds * captured_graphs(knobs) / chip.host.speed;
}

}  // namespace lehr::devices::llm
