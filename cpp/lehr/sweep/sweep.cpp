#include "lehr/sweep/sweep.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "lehr/base/error.hpp"
#include "lehr/sweep/seeds.hpp"

namespace lehr {
namespace {
// Enough studies that taking them from the queue costs nothing, few enough that threads end together.
constexpr std::size_t studies_a_task = 16;
}  // namespace

void CellResult::clear() {
  metrics.clear();
  feasible.clear();
  steps.clear();
  traces.clear();
}

Sweep::Sweep(std::vector<SweepCell> cells, std::size_t threads, bool keep_traces)
    : cells_(std::move(cells)), keep_traces_(keep_traces) {
  if (threads == 0) throw OptionError("a sweep needs at least one thread");
  plan();
  for (std::size_t i = 0; i < std::min(threads, tasks_.size()); ++i)
    threads_.emplace_back([this] { work(); });
}

Sweep::~Sweep() { cancel(); }

void Sweep::plan() {
  for (std::size_t cell = 0; cell < cells_.size(); ++cell) {
    works_.push_back(std::make_unique<Work>());
    if (cells_[cell].count > 0) {
      tasks_.push_back({cell, 0, 0, 1});
    } else {
      ready_.push_back(cell);
    }
  }
  for (std::size_t cell = 0; cell < cells_.size(); ++cell) {
    const std::size_t count = cells_[cell].count;
    std::size_t block = std::min<std::size_t>(count, 1);
    for (std::size_t begin = 1; begin < count; begin += studies_a_task)
      tasks_.push_back({cell, block++, begin, std::min(begin + studies_a_task, count)});
    works_[cell]->blocks.resize(block);
  }
}

void Sweep::work() noexcept {
  try {
    Scratch scratch;
    while (!cancelled_) {
      const std::size_t task = next_.fetch_add(1);
      if (task >= tasks_.size()) return;
      run(tasks_[task], scratch);
    }
  } catch (...) {
    cancelled_ = true;
    const std::lock_guard lock(mutex_);
    if (!error_) error_ = std::current_exception();
    finished_.notify_all();
  }
}

void Sweep::run(const Task& task, Scratch& scratch) {
  using Clock = std::chrono::steady_clock;
  const SweepCell& cell = cells_[task.cell];
  const Reference& reference = *cell.reference;
  Work& work = *works_[task.cell];
  auto& [trace, result] = scratch;
  result.clear();
  const TraceDetail detail{keep_traces_, keep_traces_, keep_traces_};
  Options options = cell.method.options(*cell.problem, cell.budget, 0);
  auto begin = Clock::now();
  for (std::size_t study = task.begin; study < task.end; ++study) {
    options.seed = hashed_seed(cell.first + study);
    run_study(*cell.problem, options, detail, trace, &cancelled_);
    if (cancelled_) return;
    result.metrics.push_back(measure(reference, trace, cell.budget));
    result.feasible.insert(result.feasible.end(), trace.feasible.begin(), trace.feasible.end());
    append_steps(reference, trace, study, result.steps);
    if (keep_traces_) result.traces.push_back(trace);
    if (study + 1 == task.end) work.blocks[task.block] = result;
    const auto now = Clock::now();
    const auto spent = std::chrono::duration_cast<std::chrono::nanoseconds>(now - begin);
    begin = now;
    work.nanoseconds.fetch_add(static_cast<std::uint64_t>(spent.count()), std::memory_order_relaxed);
    // Whoever counts the last study hands over what all threads wrote before they counted theirs.
    if (work.done.fetch_add(1) + 1 == cell.count) {
      const std::lock_guard lock(mutex_);
      ready_.push_back(task.cell);
      finished_.notify_all();
    }
  }
}

std::optional<std::size_t> Sweep::wait(std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  finished_.wait_for(lock, timeout,
                     [this] { return error_ || reported_ < ready_.size() || reported_ == cells_.size(); });
  if (reported_ < ready_.size()) return ready_[reported_++];
  if (error_) std::rethrow_exception(error_);
  return std::nullopt;
}

CellResult Sweep::take(std::size_t cell) {
  std::vector<CellResult> blocks = std::exchange(works_[cell]->blocks, {});
  CellResult result;
  for (CellResult& block : blocks) {
    result.metrics.insert(result.metrics.end(), block.metrics.begin(), block.metrics.end());
    result.feasible.insert(result.feasible.end(), block.feasible.begin(), block.feasible.end());
    result.steps.insert(result.steps.end(), block.steps.begin(), block.steps.end());
    std::move(block.traces.begin(), block.traces.end(), std::back_inserter(result.traces));
  }
  return result;
}

Sweep::Progress Sweep::progress(std::size_t cell) const {
  const Work& work = *works_[cell];
  return {work.done.load(), static_cast<double>(work.nanoseconds.load(std::memory_order_relaxed)) * 1e-9};
}

}  // namespace lehr
