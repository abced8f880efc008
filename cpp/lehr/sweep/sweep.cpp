#include "lehr/sweep/sweep.hpp"

#include <algorithm>
#include <utility>

#include "lehr/base/error.hpp"
#include "lehr/sweep/seeds.hpp"

namespace lehr {
namespace {
// Enough studies that taking them from the queue costs nothing, few enough that threads end together.
constexpr std::size_t studies_a_task = 16;
}  // namespace

Sweep::Work::Work(const SweepCell& cell) : metrics(cell.count), feasible(cell.count), steps(cell.count) {}

Sweep::Sweep(std::vector<SweepCell> cells, std::size_t threads, bool keep_traces)
    : cells_(std::move(cells)), keep_traces_(keep_traces) {
  if (threads == 0) throw OptionError("a sweep needs at least one thread");
  for (const SweepCell& cell : cells_) {
    works_.push_back(std::make_unique<Work>(cell));
    if (keep_traces_) works_.back()->traces.resize(cell.count);
  }
  plan();
  for (std::size_t i = 0; i < std::min(threads, tasks_.size()); ++i)
    threads_.emplace_back([this] { work(); });
}

Sweep::~Sweep() { cancel(); }

void Sweep::plan() {
  for (std::size_t cell = 0; cell < cells_.size(); ++cell) {
    if (cells_[cell].count > 0) {
      tasks_.push_back({cell, 0, 1});
    } else {
      ready_.push_back(cell);
    }
  }
  for (std::size_t cell = 0; cell < cells_.size(); ++cell) {
    for (std::size_t begin = 1; begin < cells_[cell].count; begin += studies_a_task)
      tasks_.push_back({cell, begin, std::min(begin + studies_a_task, cells_[cell].count)});
  }
}

void Sweep::work() noexcept {
  try {
    StudyTrace trace;
    while (!cancelled_) {
      const std::size_t task = next_.fetch_add(1);
      if (task >= tasks_.size()) return;
      run(tasks_[task], trace);
    }
  } catch (...) {
    cancelled_ = true;
    const std::lock_guard lock(mutex_);
    if (!error_) error_ = std::current_exception();
    finished_.notify_all();
  }
}

void Sweep::run(const Task& task, StudyTrace& trace) {
  using Clock = std::chrono::steady_clock;
  const SweepCell& cell = cells_[task.cell];
  Work& work = *works_[task.cell];
  const TraceDetail detail{keep_traces_, keep_traces_, keep_traces_};
  Options options = cell.method.options(*cell.problem, cell.budget, 0);
  for (std::size_t study = task.begin; study < task.end; ++study) {
    const auto begin = Clock::now();
    options.seed = hashed_seed(cell.first + study);
    run_study(*cell.problem, options, detail, trace, &cancelled_);
    if (cancelled_) return;
    work.metrics[study] = measure(*cell.reference, trace, cell.budget);
    work.feasible[study] = trace.feasible;
    append_steps(*cell.reference, trace, study, work.steps[study]);
    if (keep_traces_) work.traces[study] = trace;
    const auto spent = std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - begin);
    work.nanoseconds.fetch_add(static_cast<std::uint64_t>(spent.count()), std::memory_order_relaxed);
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
  Work& work = *works_[cell];
  CellResult result{std::move(work.metrics), std::move(work.feasible), {}, std::move(work.traces)};
  for (const std::vector<Step>& steps : work.steps)
    result.steps.insert(result.steps.end(), steps.begin(), steps.end());
  std::vector<std::vector<Step>>().swap(work.steps);
  return result;
}

Sweep::Progress Sweep::progress(std::size_t cell) const {
  const Work& work = *works_[cell];
  return {work.done.load(), static_cast<double>(work.nanoseconds.load(std::memory_order_relaxed)) * 1e-9};
}

}  // namespace lehr
