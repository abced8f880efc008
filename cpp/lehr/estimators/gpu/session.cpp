#include "lehr/estimators/gpu/session.hpp"

#include <algorithm>
#include <optional>

namespace lehr::gpu {
namespace {

// What one launch may hold and do. A display's watchdog ends a kernel after some seconds: that many
// evaluations of a discrete dimension take about one on a GPU with few units for doubles.
constexpr std::size_t most_bytes = std::size_t{256} << 20;
constexpr std::size_t most_points = std::size_t{1} << 20;
constexpr std::size_t most_evaluations = std::size_t{1} << 31;

std::size_t batch_points(std::size_t width, std::size_t kernels, std::size_t count) {
  const std::size_t by_memory = most_bytes / (sizeof(double) * (3 * width + 1));
  const std::size_t by_time = most_evaluations / (width * kernels);
  const std::size_t most = std::min({by_memory, by_time, most_points}) / block_threads * block_threads;
  return std::min(std::max(most, std::size_t{block_threads}), count);
}

struct DeviceMixture {
  Buffer<double> weights;
  Buffer<double> parameters;
  std::uint32_t kernels;

  DeviceMixture(const Driver& driver, const FlatMixture& flat)
      : weights(driver, std::span<const double>(flat.weights)),
        parameters(driver, std::span<const double>(flat.parameters)),
        kernels(flat.kernels()) {}
  Mixture view() const { return {weights.data(), parameters.data(), kernels}; }
};

}  // namespace

Context::Context(const Driver& driver, int device) : driver_(driver), device_(device) {
  driver.check(driver.retain_context(&handle_, device), "opening the GPU's context");
}

Context::~Context() { driver_.release_context(device_); }

Current::Current(const Driver& driver, const Context& context) : driver_(driver) {
  driver.check(driver.push_context(context.handle()), "selecting the GPU's context");
}

Current::~Current() {
  ContextHandle* popped = nullptr;
  driver_.pop_context(&popped);
}

Module::Module(const Driver& driver, const Context& context, const Image& image)
    : driver_(driver), context_(context) {
  const Current current(driver, context);
  driver.check(driver.load_module(&handle_, image.bytes.data()), "loading the kernel for this GPU");
}

Module::~Module() {
  ContextHandle* popped = nullptr;
  if (driver_.push_context(context_.handle()) != success) return;
  driver_.unload_module(handle_);
  driver_.pop_context(&popped);
}

Session::Session(const Driver& driver, int device, const Image& image)
    : driver_(driver), context_(driver, device), module_(driver, context_, image) {
  const Current current(driver, context_);
  driver.check(driver.function(&function_, module_.handle(), "lehr_score"),
               "finding the kernel in its image");
}

void Session::run(const Task& task) const {
  Task copy = task;
  void* parameters[] = {&copy};
  const unsigned blocks = (task.points + block_threads - 1) / block_threads;
  driver_.check(driver_.launch(function_, blocks, 1, 1, block_threads, 1, 1, 0, nullptr, parameters, nullptr),
                "starting the kernel");
  driver_.check(driver_.synchronize(), "running the kernel");
}

void Session::score(std::span<const Axis> axes, const FlatMixture& first, const FlatMixture* second,
                    std::span<const double> values, std::size_t count, std::span<double> out) const {
  const std::size_t width = axes.size();
  if (width == 0) std::fill_n(out.begin(), count, 0.0);  // empty products
  if (width == 0 || count == 0) return;
  const Current current(driver_, context_);
  const Buffer<Axis> device_axes(driver_, axes);
  const DeviceMixture device_first(driver_, first);
  std::optional<DeviceMixture> device_second;
  if (second != nullptr) device_second.emplace(driver_, *second);
  const std::size_t kernels = first.kernels() + (second == nullptr ? 0 : second->kernels());
  const std::size_t batch = batch_points(width, kernels, count);
  Buffer<double> device_values(driver_, batch * width);
  const Buffer<double> lower(driver_, batch * width), upper(driver_, batch * width), result(driver_, batch);
  for (std::size_t done = 0; done < count; done += batch) {
    const std::size_t points = std::min(batch, count - done);
    device_values.write(values.subspan(done * width, points * width));
    run({device_axes.data(), static_cast<std::uint32_t>(width), static_cast<std::uint32_t>(points),
         device_values.data(), lower.data(), upper.data(), device_first.view(),
         device_second ? device_second->view() : Mixture{}, second != nullptr ? 1U : 0U, result.data()});
    result.read(out.subspan(done, points));
  }
}

}  // namespace lehr::gpu
