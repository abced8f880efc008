#include "lehr/probe/gpu_objects.hpp"

#include <array>
#include <cstdint>

namespace lehr::probe {

namespace {

// Streams 0 to 2 (none given, legacy, per thread) are those of whatever context is current.
GpuContext* context_of(const GpuDriver& driver, GpuStream* stream) {
  driver.check(driver.init(0), "starting CUDA");
  GpuContext* context = nullptr;
  if (reinterpret_cast<std::uintptr_t>(stream) > 2) {
    driver.check(driver.stream_context(stream, &context), "asking for the stream's context");
  } else {
    driver.check(driver.current_context(&context), "asking for the current context");
  }
  return context;
}

}  // namespace

GpuScope::GpuScope(const GpuDriver& driver, GpuStream* stream)
    : driver_(driver), context_(context_of(driver, stream)) {
  if (context_ == nullptr) {
    driver.check(driver.device(&device_, 0), "opening the first GPU");
    driver.check(driver.retain_context(&context_, device_), "opening the GPU's primary context");
    retained_ = true;
  }
  if (const int code = driver.push_context(context_); code != gpu_success) {
    if (retained_) driver.release_context(device_);
    driver.check(code, "making the GPU's context current");
  }
  pushed_ = true;
}

GpuScope::~GpuScope() {
  if (driver_.given_up()) return;  // the last release of a context waits for what runs in it
  GpuContext* current = nullptr;
  // The callee may have changed what is current; only what we put there is ours to take away.
  if (pushed_ && driver_.current_context(&current) == gpu_success && current == context_) {
    driver_.pop_context(&current);
  }
  if (retained_) driver_.release_context(device_);
}

std::size_t GpuScope::free_bytes() const {
  std::size_t free = 0, total = 0;
  driver_.check(driver_.memory(&free, &total), "asking for the GPU's free memory");
  return free;
}

std::string gpu_uuid(const GpuDriver& driver, GpuStream* stream) {
  int device = 0;
  if (GpuContext* const context = context_of(driver, stream); context == nullptr) {
    driver.check(driver.device(&device, 0), "finding the first GPU");
  } else {
    driver.check(driver.push_context(context), "making the GPU's context current");
    const int code = driver.context_device(&device);
    GpuContext* popped = nullptr;
    driver.pop_context(&popped);
    driver.check(code, "asking for the context's GPU");
  }
  std::array<unsigned char, 16> bytes{};
  driver.check(driver.device_uuid(bytes.data(), device), "asking for the GPU's UUID");
  constexpr const char* digits = "0123456789abcdef";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += digits[bytes[i] >> 4U];
    text += digits[bytes[i] & 15U];
  }
  return text;
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
  if (driver_.given_up()) return;
  for (GpuEvent* const event : events_) driver_.destroy_event(event);
}

GpuReplay::~GpuReplay() {
  if (driver_.given_up()) return;  // it may still be read
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
    if (const int asked = driver_.graph_nodes(graph_, nullptr, &nodes); asked != gpu_success) {
      why_not_ = "the captured graph cannot be read: " + driver_.text(asked);
    } else if (nodes == 0) {
      throw DeviceError("the callee puts nothing on this stream; give the one that it works on as stream=");
    } else if (const int made = driver_.instantiate(&executable_, graph_, 0); made != gpu_success) {
      why_not_ = "the captured graph cannot be instantiated: " + driver_.text(made);
      executable_ = nullptr;
    }
  }
}

}  // namespace lehr::probe
