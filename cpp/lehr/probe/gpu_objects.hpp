// What is held on the GPU while something is timed there; each given back whatever happens next.
#pragma once

#include <string>
#include <vector>

#include "lehr/probe/gpu_driver.hpp"

namespace lehr::probe {

// The context that a stream belongs to, current for as long as this lives. The default streams belong to the
// calling thread's context, or else to the first device's primary one.
class GpuScope {
 public:
  GpuScope(const GpuDriver& driver, GpuStream* stream);
  ~GpuScope();
  GpuScope(const GpuScope&) = delete;
  GpuScope& operator=(const GpuScope&) = delete;

  std::size_t free_bytes() const;

 private:
  const GpuDriver& driver_;
  GpuContext* context_ = nullptr;
  int device_ = 0;
  bool retained_ = false, pushed_ = false;
};

// Which GPU a stream's work runs on: its UUID as hexadecimal digits in groups of 8, 4, 4, 4 and 12, a part's
// own where the GPU is cut into parts (MIG). Starts CUDA, but opens no context.
std::string gpu_uuid(const GpuDriver& driver, GpuStream* stream);

// A ring of pairs of events: several calls may be in flight.
class GpuEvents {
 public:
  GpuEvents(const GpuDriver& driver, std::size_t pairs);
  ~GpuEvents();
  GpuEvents(const GpuEvents&) = delete;
  GpuEvents& operator=(const GpuEvents&) = delete;

  GpuEvent* start(std::size_t number) const { return events_[2 * (number % pairs_)]; }
  GpuEvent* stop(std::size_t number) const { return events_[2 * (number % pairs_) + 1]; }
  std::size_t pairs() const { return pairs_; }

 private:
  void destroy() noexcept;

  const GpuDriver& driver_;
  std::size_t pairs_;
  std::vector<GpuEvent*> events_;
};

// A captured callee. `why_not` says why it cannot be replayed; empty when it can.
class GpuReplay {
 public:
  explicit GpuReplay(const GpuDriver& driver) : driver_(driver) {}
  ~GpuReplay();
  GpuReplay(const GpuReplay&) = delete;
  GpuReplay& operator=(const GpuReplay&) = delete;

  // Captures what `call()` puts on the stream; false from it means that it failed while captured.
  template <class Call>
  void capture(GpuStream* stream, Call& call) {
    constexpr int thread_local_mode = 1;  // calls of other threads stay legal meanwhile
    if (const int code = driver_.begin_capture(stream, thread_local_mode); code != gpu_success) {
      why_not_ = "capture cannot begin: " + driver_.text(code);
      return;
    }
    const bool called = call();
    finish(driver_.end_capture(stream, &graph_), called);
  }
  const std::string& why_not() const { return why_not_; }
  int launch(GpuStream* stream) const { return driver_.launch(executable_, stream); }

 private:
  void finish(int code, bool called);

  const GpuDriver& driver_;
  GpuGraph* graph_ = nullptr;
  GpuGraphExec* executable_ = nullptr;
  std::string why_not_;
};

}  // namespace lehr::probe
