// The memory of a trial's process tree, watched from outside.
//
// What a limit bounds: the resident anonymous and shared memory (RssAnon + RssShmem) of all processes of the
// trial together, what its imports hold included, and what they hold in memory without having it mapped
// (shared_memory.hpp); files mapped into memory (libraries, mapped weights) do not
// count, for the kernel can drop them. Pages that processes of one tree share by fork count once: when the
// cheap sum passes the limit with several processes alive, the proportional figures (Pss) decide.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "lehr/base/os/proc.hpp"
#include "lehr/base/os/shared_memory.hpp"
#include "lehr/supervise/trajectory.hpp"

namespace lehr::supervise {

class MemoryWatch {
 public:
  // `helper`: whose descendants are watched; `main`: the trial's first process; `limit`: bytes.
  // `shared`: made before the trial was, so that what is its own can be told.
  MemoryWatch(int helper, int main, std::optional<double> limit, os::SharedMemory shared, double now);

  // Reads the tree, and again when due; true when it is over the limit.
  bool poll(double now);
  double due() const noexcept { return due_; }  // seldom far below the limit, every 5 ms near it

  double peak() const noexcept { return peak_; }
  double over() const noexcept { return over_; }        // bytes in use when the limit was found exceeded
  std::int64_t data() const noexcept { return data_; }  // the main process's last VmData
  double inherited() const noexcept {
    return inherited_;
  }  // the main process's RssAnon + RssShmem when first seen
  // Highest Private_Dirty seen of the main process: what it holds alone, without pages inherited by fork.
  double private_peak() const noexcept { return private_peak_; }
  const Trajectory& trajectory() const noexcept { return trajectory_; }
  // Every process of the trial ever seen, for the day when the helper cannot name them any more.
  const std::vector<os::Process>& seen() const noexcept { return seen_; }
  // Looks at shared memory now: the trial is about to end.
  void look_at_shared(double now);
  std::size_t remove_shared() { return shared_.remove(seen_); }

 private:
  void read_tree(double now);
  double interval(double now, double total) const;

  int helper_, main_;
  std::optional<double> limit_;
  double started_, due_;
  double tree_due_ = 0.0;
  double private_due_ = 0.0, shared_due_ = 0.0;
  double peak_ = 0.0, over_ = 0.0, inherited_ = -1.0, private_peak_ = 0.0;
  std::int64_t data_ = 0;
  std::vector<os::Process> tree_, seen_;
  os::SharedMemory shared_;
  Trajectory trajectory_;
};

}  // namespace lehr::supervise
