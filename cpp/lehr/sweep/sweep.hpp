// Many studies on all cores. A cell is one method on one problem with one budget, over a range of seeds; its
// result depends on nothing else, whatever the number of threads and the order in which they finish.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "lehr/sweep/method.hpp"
#include "lehr/sweep/metrics.hpp"
#include "lehr/sweep/study.hpp"

namespace lehr {

struct SweepCell {
  std::shared_ptr<const Problem> problem;
  std::shared_ptr<const Reference> reference;
  MethodSpec method;
  std::size_t budget = 25;
  std::uint64_t first = 0;  // studies first .. first + count - 1, each under hashed_seed(study)
  std::size_t count = 0;
};

struct CellResult {
  std::vector<StudyMetrics> metrics;   // one per study
  std::vector<std::uint8_t> feasible;  // of each trial, study by study
  std::vector<Step> steps;             // by study, then by trial
  std::vector<StudyTrace> traces;      // empty unless kept

  void clear();
};

class Sweep {
 public:
  // Starts at once. One study of each cell goes first, so that what is left can be estimated for all of them;
  // then the cells finish about in their order. With `keep_traces` every trial is kept, truths, codes and
  // phases included. Throws OptionError without threads.
  Sweep(std::vector<SweepCell> cells, std::size_t threads, bool keep_traces);
  ~Sweep();  // cancels and waits for the threads
  Sweep(const Sweep&) = delete;
  Sweep& operator=(const Sweep&) = delete;

  // Waits until a cell that was not reported yet is finished, and returns its index; nothing after `timeout`
  // or when all have been reported. Throws what a study threw.
  std::optional<std::size_t> wait(std::chrono::milliseconds timeout);
  // The result of a finished cell; to be called once for it.
  CellResult take(std::size_t cell);
  // No further study starts, those that run end after their trial.
  void cancel() { cancelled_ = true; }

  std::size_t size() const { return cells_.size(); }
  struct Progress {
    std::size_t done = 0;
    double seconds = 0.0;  // of threads, spent on the studies that are done
  };
  Progress progress(std::size_t cell) const;

 private:
  // A cell's result lies in blocks, one for each task, made when the task is done: memory is held for what
  // has run and was not taken yet.
  struct Work {
    std::vector<CellResult> blocks;
    std::atomic<std::size_t> done{0};
    std::atomic<std::uint64_t> nanoseconds{0};
  };
  struct Task {
    std::size_t cell;
    std::size_t block;
    std::size_t begin;  // studies begin .. end - 1
    std::size_t end;
  };

  void plan();
  void work() noexcept;
  // The result of the task goes through `scratch`, which a thread keeps.
  struct Scratch {
    StudyTrace trace;
    CellResult result;
  };
  void run(const Task& task, Scratch& scratch);

  std::vector<SweepCell> cells_;
  bool keep_traces_;
  std::vector<std::unique_ptr<Work>> works_;
  std::vector<Task> tasks_;
  std::atomic<std::size_t> next_{0};
  std::atomic<bool> cancelled_{false};
  std::mutex mutex_;  // guards what follows
  std::condition_variable finished_;
  std::vector<std::size_t> ready_;
  std::size_t reported_ = 0;
  std::exception_ptr error_;
  std::vector<std::jthread> threads_;
};

}  // namespace lehr
