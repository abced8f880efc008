#include "lehr/estimators/gpu/session.hpp"

#include <algorithm>

namespace lehr::gpu {
namespace {

// What one launch may hold and do. A display's watchdog ends a kernel after some seconds: that many
// evaluations of a discrete dimension take about one on a GPU with few units for doubles.
constexpr std::size_t most_bytes = std::size_t{256} << 20;
constexpr std::size_t most_points = std::size_t{1} << 20;
constexpr std::size_t most_evaluations = std::size_t{1} << 31;
constexpr int relaxed = 2;  // CU_STREAM_CAPTURE_MODE_RELAXED

// However a call ends, what it put on the stream is over: it reads the host's memory, and writes there.
struct Finished {
  const Driver& driver;
  const Stream& stream;
  ~Finished() { driver.synchronize(stream.handle()); }
};

std::size_t batch_points(std::size_t width, std::size_t kernels, std::size_t count) {
  const std::size_t by_memory = most_bytes / (sizeof(double) * (3 * width + 1));
  const std::size_t by_time = most_evaluations / (width * kernels);
  const std::size_t most = std::min({by_memory, by_time, most_points}) / block_threads * block_threads;
  return std::min(std::max(most, std::size_t{block_threads}), count);
}

}  // namespace

Context::Context(const Driver& driver, int device) : driver_(driver), device_(device) {
  driver.check(driver.retain_context(&handle_, device), "opening the GPU's context");
}

Context::~Context() { driver_.release_context(device_); }

Current::Current(const Driver& driver, const Context& context) : driver_(driver), mode_(relaxed) {
  driver.check(driver.push_context(context.handle()), "selecting the GPU's context");
  if (const int code = driver.exchange_capture_mode(&mode_); code != success) {
    ContextHandle* popped = nullptr;
    driver.pop_context(&popped);
    driver.check(code, "stepping aside of graphs that others capture");
  }
}

Current::~Current() {
  ContextHandle* popped = nullptr;
  driver_.exchange_capture_mode(&mode_);
  driver_.pop_context(&popped);
}

Module::Module(const Driver& driver, const Context& context, const Image& image)
    : driver_(driver), context_(context) {
  const Current current(driver, context);
  driver.check(driver.load_module(&handle_, image.bytes.data()), "loading the kernel for this GPU");
}

Module::~Module() {
  give_back_in(driver_, context_, [&] { driver_.unload_module(handle_); });
}

Stream::Stream(const Driver& driver, const Context& context) : driver_(driver), context_(context) {
  constexpr unsigned non_blocking = 1;
  const Current current(driver, context);
  driver.check(driver.create_stream(&handle_, non_blocking), "making a stream");
}

Stream::~Stream() {
  give_back_in(driver_, context_, [&] { driver_.destroy_stream(handle_); });
}

void DeviceMixture::write(const FlatMixture& flat, const Stream& stream) {
  weights.write(flat.weights, stream);
  parameters.write(flat.parameters, stream);
  kernels = flat.kernels();
}

Session::Session(const Driver& driver, int device, const Image& image)
    : driver_(driver),
      context_(driver, device),
      module_(driver, context_, image),
      stream_(driver, context_),
      axes_(driver, context_),
      first_(driver, context_),
      second_(driver, context_),
      values_(driver, context_),
      lower_(driver, context_),
      upper_(driver, context_),
      result_(driver, context_) {
  const Current current(driver, context_);
  driver.check(driver.function(&function_, module_.handle(), "lehr_score"),
               "finding the kernel in its image");
}

void Session::run(const Task& task) const {
  Task copy = task;
  void* parameters[] = {&copy};
  const unsigned blocks = (task.points + block_threads - 1) / block_threads;
  driver_.check(
      driver_.launch(function_, blocks, 1, 1, block_threads, 1, 1, 0, stream_.handle(), parameters, nullptr),
      "starting the kernel");
}

void Session::score(std::span<const Axis> axes, const FlatMixture& first, const FlatMixture* second,
                    std::span<const double> values, std::size_t count, std::span<double> out) {
  const std::size_t width = axes.size();
  if (width == 0) std::fill_n(out.begin(), count, 0.0);  // empty products
  if (width == 0 || count == 0) return;
  const Current current(driver_, context_);
  const Finished finished{driver_, stream_};
  axes_.write(axes, stream_);
  first_.write(first, stream_);
  if (second != nullptr) second_.write(*second, stream_);
  const std::size_t kernels = first.kernels() + (second == nullptr ? 0 : second->kernels());
  const std::size_t batch = batch_points(width, kernels, count);
  values_.reserve(batch * width);
  lower_.reserve(batch * width);
  upper_.reserve(batch * width);
  result_.reserve(batch);
  for (std::size_t done = 0; done < count; done += batch) {
    const std::size_t points = std::min(batch, count - done);
    values_.write(values.subspan(done * width, points * width), stream_);
    run({axes_.data(), static_cast<std::uint32_t>(width), static_cast<std::uint32_t>(points), values_.data(),
         lower_.data(), upper_.data(), first_.view(), second != nullptr ? second_.view() : Mixture{},
         second != nullptr ? 1U : 0U, result_.data()});
    result_.read(out.subspan(done, points), stream_);
  }
  driver_.check(driver_.synchronize(stream_.handle()), "running the kernel");
}

void Session::trim() noexcept {
  give_back_in(driver_, context_, [&] {
    for (Buffer<double>* const buffer : {&values_, &lower_, &upper_, &result_, &first_.weights,
                                         &first_.parameters, &second_.weights, &second_.parameters}) {
      buffer->free();
    }
    axes_.free();
  });
}

}  // namespace lehr::gpu
