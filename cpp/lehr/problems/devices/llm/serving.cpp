#include "lehr/problems/devices/llm/serving.hpp"

#include <array>
#include <cmath>
#include <cstdint>
#include <string_view>
#include <vector>

#include "lehr/problems/build.hpp"
#include "lehr/problems/devices/accidents.hpp"
#include "lehr/problems/devices/enumeration.hpp"
#include "lehr/problems/devices/llm/load.hpp"

namespace lehr {
namespace {

using devices::Chip;
using devices::Jitter;
namespace llm = devices::llm;

enum Axis : std::size_t {
  weights,
  max_num_seqs,
  max_num_batched_tokens,
  gpu_memory_fraction,
  context_length,
  execution,
  chunked_prefill,
  prefix_cache
};

constexpr std::array<int, 7> sequences{8, 16, 32, 64, 128, 256, 512};
constexpr std::array<int, 8> batched_tokens{256, 512, 1024, 2048, 4096, 8192, 16384, 32768};
constexpr std::array<int, 3> contexts{2048, 4096, 8192};
constexpr std::size_t fraction_count = 9;
constexpr std::size_t modes = 3;  // eager, graphs, graphs with chunked prefill

constexpr double run_seconds = 120.0;      // of load
constexpr double timeout_seconds = 600.0;  // for a server that never answers
constexpr double hang_chance = 0.003;

// Noise of percentiles and of a mean over a run of two minutes.
constexpr Jitter first_token_jitter{1.0, 1.0, 0.06, 0.3, 0.05};
constexpr Jitter inter_token_jitter{1.0, 1.0, 0.03, 0.3, 0.0};
constexpr Jitter goodput_jitter{1.0, 1.0, 0.015, -0.2, 0.0};
constexpr Jitter spill_jitter{1.0, 1.0, 0.10, 0.3, 0.0};

struct Scenario {
  const char* chip;
  llm::Load load;
  double first_token_ms;
  double inter_token_ms;
  std::array<double, fraction_count>
      fractions;  // values of gpu_memory_fraction; others share an A100, an L4 is ours
};

constexpr std::array<Scenario, 2> scenarios{{
    {"a100", {96, 10}, 4000, 200, {0.19, 0.29, 0.39, 0.49, 0.59, 0.69, 0.79, 0.89, 0.99}},
    {"l4", {16, 10}, 8000, 400, {0.59, 0.64, 0.69, 0.74, 0.79, 0.84, 0.89, 0.94, 0.99}},
}};

const Scenario& scenario_for(const std::string& chip) {
  return scenarios[0].chip == chip ? scenarios[0] : scenarios[1];
}

// Everything about a configuration that luck does not change.
struct Cell {
  Outcome outcome = Outcome::ok;  // a failure that is certain
  std::string_view cause;
  double seconds = 0.0;  // until the failure, or until the server is ready
  double room_mb = 0.0;  // for what load takes beyond the profile
  double spill_mb = 0.0;
  llm::Service service;
};

std::shared_ptr<const Space> serving_space(const Scenario& scenario) {
  std::vector<std::string> names(llm::weights_names.begin(), llm::weights_names.end());
  Variable fraction;
  fraction.name = "gpu_memory_fraction";
  fraction.kind = Kind::ordinal;
  fraction.choices.assign(scenario.fractions.begin(), scenario.fractions.end());
  const auto listed = [](const auto& values) {
    return std::vector<std::int64_t>(values.begin(), values.end());
  };
  return std::make_shared<Space>(
      std::vector<Variable>{
          build::categorical("weights", names), build::ordinal("max_num_seqs", listed(sequences)),
          build::ordinal("max_num_batched_tokens", listed(batched_tokens)), fraction,
          build::ordinal("context_length", listed(contexts)),
          build::categorical("execution", {"eager", "graphs"}),
          build::when(build::flag("chunked_prefill"), build::is("execution", std::string("graphs"))),
          build::flag("prefix_cache")},
      std::vector<Condition>{});
}

class Serving final : public Problem {
 public:
  explicit Serving(const Scenario& scenario)
      : Problem(std::string("llm_serving@") + scenario.chip, serving_space(scenario), "goodput_tokens_per_s",
                Direction::maximize,
                {{"ttft_p99_ms", scenario.first_token_ms}, {"inter_token_p99_ms", scenario.inter_token_ms}},
                "weights"),
        scenario_(scenario),
        chip_(devices::chip(scenario.chip)),
        salt_(devices::salt(name())) {
    cells_.resize(llm::weights_names.size() * sequences.size() * batched_tokens.size() * fraction_count *
                  contexts.size() * modes * 2);
    space()->enumerate(0, [&](const Configuration& codes) {
      cells_[where(codes)] = cell(knobs(codes));
      return true;
    });
  }

  Evaluation evaluate(std::span<const double> codes, const Draw& draw) const override {
    const std::size_t index = where(codes);
    const Cell& cell = cells_[index];
    if (cell.outcome != Outcome::ok) return failed(cell.outcome, cell.cause, cell.seconds);
    Rng rng(draw.seed ^ salt_, index, draw.repeat);
    if (rng.uniform() < hang_chance)
      return failed(Outcome::timeout, "the server never answers", timeout_seconds);
    if (cell.spill_mb * devices::noise(spill_jitter, rng) > cell.room_mb)
      return failed(Outcome::out_of_memory, under_load, cell.seconds + run_seconds * rng.uniform());
    return measured(cell, devices::noise(first_token_jitter, rng), devices::noise(inter_token_jitter, rng),
                    devices::noise(goodput_jitter, rng));
  }

  Evaluation truth(std::span<const double> codes) const override {
    const Cell& cell = cells_[where(codes)];
    if (cell.outcome != Outcome::ok) return failed(cell.outcome, cell.cause, cell.seconds);
    if (cell.spill_mb > cell.room_mb)
      return failed(Outcome::out_of_memory, under_load, cell.seconds + 0.5 * run_seconds);
    return measured(cell, 1.0, 1.0, 1.0);
  }

  Optimum optimum() const override { return devices::best_of_all(*this); }

  std::string describe() const override {
    const auto whole = [](double value) { return std::to_string(static_cast<int>(value)); };
    return name() + ": Llama 3.1 8B behind a serving engine on a simulated " + chip_.name +
           " (docs/devices.md has the model and the source of every constant). " +
           whole(scenario_.load.clients) + " clients ask, wait and think for " +
           whole(scenario_.load.think_seconds) +
           " s in a closed loop. Maximise the tokens a second of answers given, under ttft_p99_ms <= " +
           whole(scenario_.first_token_ms) + " and inter_token_p99_ms <= " + whole(scenario_.inter_token_ms) +
           ". Memory counts weights, cache, activations and graphs: too little is found at start-up, while "
           "graphs are captured, or only under load, each at its own cost. Requests longer than the context "
           "are refused. A trial costs the start-up and two minutes of load. " +
           std::to_string(std::lround(100.0 * devices::invalid_share(*this))) +
           " % of random draws are infeasible or fail.";
  }

 private:
  static constexpr std::string_view under_load = "out of memory under load";

  static std::size_t mode(std::span<const double> codes) {
    return codes[execution] == 0.0 ? 0 : codes[chunked_prefill] == 0.0 ? 1 : 2;
  }

  static std::size_t where(std::span<const double> codes) {
    std::size_t index = static_cast<std::size_t>(codes[weights]);
    index = index * sequences.size() + static_cast<std::size_t>(codes[max_num_seqs]);
    index = index * batched_tokens.size() + static_cast<std::size_t>(codes[max_num_batched_tokens]);
    index = index * fraction_count + static_cast<std::size_t>(codes[gpu_memory_fraction]);
    index = index * contexts.size() + static_cast<std::size_t>(codes[context_length]);
    index = index * modes + mode(codes);
    return index * 2 + static_cast<std::size_t>(codes[prefix_cache]);
  }

  llm::Knobs knobs(std::span<const double> codes) const {
    llm::Knobs knobs;
    knobs.weights = static_cast<llm::Weights>(codes[weights]);
    knobs.max_num_seqs = sequences[static_cast<std::size_t>(codes[max_num_seqs])];
    knobs.max_num_batched_tokens = batched_tokens[static_cast<std::size_t>(codes[max_num_batched_tokens])];
    knobs.memory_fraction = scenario_.fractions[static_cast<std::size_t>(codes[gpu_memory_fraction])];
    knobs.context_length = contexts[static_cast<std::size_t>(codes[context_length])];
    knobs.graphs = mode(codes) > 0;
    knobs.chunked_prefill = mode(codes) == 2;
    knobs.prefix_cache = codes[prefix_cache] == 1.0;
    return knobs;
  }

  Cell cell(const llm::Knobs& knobs) const {
    Cell cell;
    const auto fails = [&](Outcome outcome, std::string_view cause, double seconds) {
      cell.outcome = outcome;
      cell.cause = cause;
      cell.seconds = seconds;
      return cell;
    };
    if (knobs.max_num_batched_tokens < knobs.max_num_seqs)
      return fails(Outcome::crashed, "max_num_batched_tokens is below max_num_seqs",
                   llm::checked_seconds(chip_));
    if (!knobs.chunked_prefill && knobs.max_num_batched_tokens < knobs.context_length)
      return fails(Outcome::crashed, "without chunked prefill a context must fit into max_num_batched_tokens",
                   llm::checked_seconds(chip_));
    const llm::Memory memory = llm::memory(chip_, knobs);
    if (memory.cache_tokens < knobs.context_length)
      return fails(Outcome::out_of_memory, "out of memory at start-up: no room for the cache of one context",
                   llm::laid_out_seconds(chip_, knobs));
    if (memory.graphs_mb > memory.outside_mb)
      return fails(Outcome::out_of_memory, "out of memory at start-up: while graphs were captured",
                   llm::ready_seconds(chip_, knobs));
    cell.seconds = llm::ready_seconds(chip_, knobs);
    cell.room_mb = memory.outside_mb - memory.graphs_mb;
    cell.spill_mb = memory.spill_mb;
    cell.service = llm::serve(chip_, knobs, memory, scenario_.load);
    return cell;
  }

  static Evaluation failed(Outcome outcome, std::string_view cause, double seconds) {
    return {{outcome, missing, {missing, missing}}, seconds, cause};
  }

  static Evaluation measured(const Cell& cell, double first, double later, double goodput) {
    const llm::Service& service = cell.service;
    return {{Outcome::ok,
             service.tokens_per_second * goodput,
             {service.first_token_p99_ms * first, service.inter_token_p99_ms * later}},
            cell.seconds + run_seconds,
            {}};
  }

  const Scenario& scenario_;
  const Chip& chip_;
  std::uint64_t salt_;
  std::vector<Cell> cells_;
};

}  // namespace

std::shared_ptr<const Problem> llm_serving(const std::string& chip) {
  return std::make_shared<Serving>(scenario_for(chip));
}

}  // namespace lehr
