#include "lehr/probe/gpu_objects.hpp"

namespace lehr::probe {

GpuScope::GpuScope(const GpuDriver& driver) : driver_(driver) {
  driver.check(driver.init(0), "starting CUDA");
  GpuContext* context = nullptr;
  driver.check(driver.current_context(&context), "asking for the current context");
  if (context != nullptr) return;
  driver.check(driver.device(&device_, 0), "opening the first GPU");
  driver.check(driver.retain_context(&context, device_), "opening the GPU's primary context");
  retained_ = true;
  if (const int code = driver.push_context(context); code != gpu_success) {
    driver.release_context(device_);
    driver.check(code, "making the GPU's context current");
  }
  pushed_ = true;
}

GpuScope::~GpuScope() {
  GpuContext* context = nullptr;
  if (pushed_) driver_.pop_context(&context);
  if (retained_) driver_.release_context(device_);
}

std::size_t GpuScope::free_bytes() const {
  std::size_t free = 0, total = 0;
  driver_.check(driver_.memory(&free, &total), "asking for the GPU's free memory");
  return free;
}

GpuEvents::GpuEvents(const GpuDriver& driver, std::size_t pairs) : driver_(driver), pairs_(pairs) {
  events_.reserve(2 * pairs);
  for (std::size_t i = 0; i < 2 * pairs; ++i) {
    GpuEvent* event = nullptr;
    if (const int code = driver.create_event(&event, 0); code != gpu_success) {
      destroy();
      driver.check(code, "creating an event");
    }
    events_.push_back(event);
  }
}

GpuEvents::~GpuEvents() { destroy(); }

void GpuEvents::destroy() noexcept {
  for (GpuEvent* const event : events_) driver_.destroy_event(event);
}

GpuReplay::~GpuReplay() {
  if (executable_ != nullptr) driver_.destroy_exec(executable_);
  if (graph_ != nullptr) driver_.destroy_graph(graph_);
}

void GpuReplay::finish(int code, bool called) {
  if (!called) {
    why_not_ = "the callee fails while it is captured";
  } else if (code != gpu_success || graph_ == nullptr) {
    why_not_ = "what the callee does cannot be captured: " + driver_.text(code);
  } else {
    std::size_t nodes = 0;
    if (driver_.graph_nodes(graph_, nullptr, &nodes) != gpu_success || nodes == 0) {
      why_not_ = "the callee puts nothing on this stream";
    } else if (const int made = driver_.instantiate(&executable_, graph_, 0); made != gpu_success) {
      why_not_ = "the captured graph cannot be instantiated: " + driver_.text(made);
      executable_ = nullptr;
    }
  }
}

}  // namespace lehr::probe
