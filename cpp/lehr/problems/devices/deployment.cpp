#include "lehr/problems/devices/deployment.hpp"

#include <cmath>
#include <cstdint>
#include <string_view>

#include "lehr/problems/build.hpp"
#include "lehr/problems/devices/accidents.hpp"
#include "lehr/problems/devices/enumeration.hpp"
#include "lehr/problems/devices/latency.hpp"
#include "lehr/problems/devices/memory.hpp"

namespace lehr {
namespace {

using devices::Backend;
using devices::Chip;
using devices::Family;
using devices::Jitter;
using devices::Quantisation;

enum Axis : std::size_t { model_name, backend, quantization, batch_size, num_threads };

constexpr int largest_batch = 32;
constexpr int most_threads = 8;
constexpr int backends = 3;
constexpr int quantisations = 3;
constexpr double warmup_iterations = 30.0;
constexpr double timed_iterations = 100.0;
constexpr double stop_iterations = 3.0;  // timed before the early stop looks
constexpr double stop_factor = 5.0;      // times the limit
constexpr double hang_chance = 0.002;
constexpr double compile_hang_chance = 0.006;

struct Scenario {
  const char* name;
  const char* metric;
  double latency_limit;  // milliseconds
  double memory_limit;   // megabytes
  double Jitter::* percentile;
  bool throughput;  // the objective; otherwise accuracy
};

constexpr Scenario tight{"edge_tight", "latency_p95_ms", 20.0, 512.0, &Jitter::p95, false};
constexpr Scenario server{"server_throughput", "latency_p99_ms", 100.0, 4096.0, &Jitter::p99, true};

// Everything about a configuration that luck does not change.
struct Cell {
  std::string_view cause;  // it crashes
  const Jitter* jitter = nullptr;
  double percentile_ms = 0.0;
  double median_ms = 0.0;
  double memory_mb = 0.0;
  double objective = 0.0;
  double startup_seconds = 0.0;
  double hang_chance = 0.0;
};

std::shared_ptr<const Space> deployment_space() {
  std::vector<std::string> names;
  for (const Family& family : devices::families()) names.emplace_back(family.name);
  return std::make_shared<Space>(
      std::vector<Variable>{build::categorical("model_name", names),
                            build::categorical("backend", {"pytorch_eager", "torch_compile", "onnxruntime"}),
                            build::categorical("quantization", {"fp32", "fp16", "int8_dynamic"}),
                            build::integer("batch_size", 1, largest_batch, true),
                            build::when(build::integer("num_threads", 1, most_threads),
                                        build::is_not("backend", std::string("torch_compile")))},
      std::vector<Condition>{});
}

std::size_t place(std::size_t family, std::size_t runtime, std::size_t quantisation, std::size_t batch,
                  std::size_t threads) {
  return (((family * backends + runtime) * quantisations + quantisation) * largest_batch + batch - 1) *
             (most_threads + 1) +
         threads;
}

class Deployment final : public Problem {
 public:
  Deployment(const Scenario& scenario, const Chip& chip)
      : Problem(std::string(scenario.name) + "@" + chip.name, deployment_space(),
                scenario.throughput ? "throughput" : "accuracy", Direction::maximize,
                {{scenario.metric, scenario.latency_limit}, {"memory_peak_mb", scenario.memory_limit}},
                "model_name"),
        scenario_(scenario),
        chip_(chip),
        salt_(devices::salt(name())) {
    cells_.resize(devices::families().size() * backends * quantisations * largest_batch * (most_threads + 1));
    for (std::size_t family = 0; family < devices::families().size(); ++family)
      for (std::size_t runtime = 0; runtime < backends; ++runtime)
        for (std::size_t quantisation = 0; quantisation < quantisations; ++quantisation)
          for (std::size_t batch = 1; batch <= largest_batch; ++batch)
            for (std::size_t threads = 0; threads <= most_threads; ++threads)
              cells_[place(family, runtime, quantisation, batch, threads)] =
                  cell(devices::families()[family], static_cast<Backend>(runtime),
                       static_cast<Quantisation>(quantisation), static_cast<int>(batch),
                       static_cast<int>(threads));
  }

  Evaluation evaluate(std::span<const double> codes, const Draw& draw) const override {
    const std::size_t index = where(codes);
    const Cell& cell = cells_[index];
    if (!cell.cause.empty()) return crashed(cell);
    Rng rng(draw.seed ^ salt_, index, draw.repeat);
    if (rng.uniform() < cell.hang_chance) return timed_out();
    const double late = devices::noise(*cell.jitter, rng);
    // A median strays less than a percentile of the same run.
    const double slow = scenario_.throughput ? 1.0 + 0.3 * (devices::noise(*cell.jitter, rng) - 1.0) : 1.0;
    return measured(cell, late, slow);
  }

  Evaluation truth(std::span<const double> codes) const override {
    const Cell& cell = cells_[where(codes)];
    return !cell.cause.empty() ? crashed(cell) : measured(cell, 1.0, 1.0);
  }

  Optimum optimum() const override { return devices::best_of_all(*this); }

  std::string describe() const override {
    return name() + ": image classifiers on a simulated " + chip_.name + " beside a " + chip_.host.name +
           " (docs/devices.md has the model and the source of every constant). Maximise " + objective() +
           " under " + scenario_.metric + " <= " + std::to_string(static_cast<int>(scenario_.latency_limit)) +
           " and memory_peak_mb <= " + std::to_string(static_cast<int>(scenario_.memory_limit)) +
           ". Latency is a roofline over published peak rates with launches by the host; memory counts the "
           "CUDA context, weights, activations and allocators; dynamic int8 runs on the CPU with its "
           "heavy-tailed noise; combinations with a known operator gap crash; a trial hangs now and then. A "
           "trial costs its start-up, 30 warm-up and 100 timed iterations. " +
           std::to_string(std::lround(100.0 * devices::invalid_share(*this))) +
           " % of random draws are infeasible or fail.";
  }

 private:
  Cell cell(const Family& family, Backend runtime, Quantisation quantisation, int batch, int threads) const {
    Cell cell;
    const auto gap = devices::gap(chip_, family, runtime, quantisation);
    if (gap) {
      cell.cause = *gap;
      cell.startup_seconds = devices::crash_seconds(chip_, family, runtime);
      return cell;
    }
    const bool cpu = devices::on_cpu(quantisation);
    cell.jitter = cpu ? &devices::cpu_jitter : &devices::gpu_jitter;
    if (cpu && threads == 0) return cell;  // not a configuration: these always have threads
    cell.median_ms = cpu ? devices::cpu_ms(chip_.host, family, runtime, batch, threads)
                         : devices::gpu_ms(chip_, family, runtime, quantisation, batch);
    cell.percentile_ms = cell.median_ms * cell.jitter->*scenario_.percentile;
    cell.memory_mb = cpu ? devices::cpu_mb(family, runtime, batch)
                         : devices::gpu_mb(chip_, family, runtime, quantisation, batch);
    cell.objective = scenario_.throughput ? 1e3 * batch / cell.median_ms : family.accuracy;
    cell.startup_seconds = devices::startup_seconds(chip_, family, runtime);
    cell.hang_chance = runtime == Backend::torch_compile ? compile_hang_chance : hang_chance;
    return cell;
  }

  std::size_t where(std::span<const double> codes) const {
    const double threads = codes[num_threads];
    return place(static_cast<std::size_t>(codes[model_name]), static_cast<std::size_t>(codes[backend]),
                 static_cast<std::size_t>(codes[quantization]), static_cast<std::size_t>(codes[batch_size]),
                 std::isnan(threads) ? 0 : static_cast<std::size_t>(threads));
  }

  static Evaluation crashed(const Cell& cell) {
    return {{Outcome::crashed, missing, {missing, missing}}, cell.startup_seconds, cell.cause};
  }

  Evaluation measured(const Cell& cell, double late, double slow) const {
    const double latency = cell.percentile_ms * late;
    const bool stopped = latency > stop_factor * scenario_.latency_limit;
    const double iterations = warmup_iterations + (stopped ? stop_iterations : timed_iterations);
    const double seconds = cell.startup_seconds + iterations * cell.median_ms * late * 1e-3;
    if (seconds > devices::trial_timeout_seconds) return timed_out();
    if (stopped) {
      return {{Outcome::early_stopped, missing, {latency, cell.memory_mb}},
              seconds,
              "far above the latency limit"};
    }
    return {{Outcome::ok, cell.objective / slow, {latency, cell.memory_mb}}, seconds, {}};
  }

  static Evaluation timed_out() {
    return {
        {Outcome::timeout, missing, {missing, missing}}, devices::trial_timeout_seconds, "no answer in time"};
  }

  const Scenario& scenario_;
  const Chip& chip_;
  std::uint64_t salt_;
  std::vector<Cell> cells_;
};

}  // namespace

std::shared_ptr<const Problem> edge_tight(const std::string& chip) {
  return std::make_shared<Deployment>(tight, devices::chip(chip.c_str()));
}

std::shared_ptr<const Problem> server_throughput(const std::string& chip) {
  return std::make_shared<Deployment>(server, devices::chip(chip.c_str()));
}

}  // namespace lehr
