#include "lehr/estimators/gpu/gpu.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "lehr/estimators/gpu/driver.hpp"
#include "lehr/estimators/gpu/session.hpp"

namespace lehr::gpu {
namespace {

// CUdevice_attribute
constexpr int clock_rate = 13;
constexpr int multiprocessor_count = 16;
constexpr int integrated = 18;
constexpr int capability_major = 75;
constexpr int capability_minor = 76;
constexpr int single_to_double_ratio = 87;

// The GPU has to be faster by this much: what is known of it was not measured.
constexpr double margin = 2;

constexpr const char* no_kernel = "this build of lehr has no GPU kernel: it was built without nvcc";

void initialise(const Driver& driver) {
  const int code = driver.init(0);
  if (code == no_device) throw DeviceError("the NVIDIA driver sees no GPU");
  if (code == not_initialized) {
    throw DeviceError(
        "CUDA cannot start in this process: it was forked from one that had used CUDA, or is ending; start "
        "worker processes by spawn");
  }
  driver.check(code, "starting CUDA");
}

}  // namespace

Gpu::Gpu(std::string driver, Image image) : path_(std::move(driver)), image_(std::move(image)) {}

Gpu::~Gpu() {
  if (owner_ != 0 && owner_ != getpid()) forget();
}

// In a forked child, what the parent holds is not ours to give back.
void Gpu::forget() {
  static_cast<void>(session_.release());
  static_cast<void>(driver_.release());
}

void Gpu::check_process() const {
  const pid_t owner = owner_;
  if (owner != 0 && owner != getpid()) {
    throw DeviceError("this process was forked from process " + std::to_string(owner) +
                      ", which had used CUDA, and CUDA does not survive a fork; start worker processes by "
                      "spawn, or use the GPU only in the workers");
  }
}

void Gpu::check_kernel() const {
  if (image_.bytes.empty()) throw DeviceError(no_kernel);
}

// Fills the status as far as it gets; throws DeviceError at what stands in the way.
int Gpu::find_device(Status& status) {
  if (!broken_.empty()) throw DeviceError(broken_);
  if (!driver_) driver_ = std::make_unique<Driver>(path_);
  owner_ = getpid();
  initialise(*driver_);
  driver_->check(driver_->driver_version(&status.driver_version), "asking for the driver's version");
  int devices = 0;
  driver_->check(driver_->device_count(&devices), "counting GPUs");
  if (devices == 0) throw DeviceError("the NVIDIA driver sees no GPU");
  int device = 0;
  driver_->check(driver_->device(&device, 0), "finding the first GPU");
  std::array<char, 256> name{};
  driver_->check(driver_->device_name(name.data(), static_cast<int>(name.size()) - 1, device),
                 "asking for the GPU's name");
  status.device = name.data();
  int major = 0, minor = 0;
  driver_->check(driver_->device_attribute(&major, capability_major, device),
                 "asking for the compute capability");
  driver_->check(driver_->device_attribute(&minor, capability_minor, device),
                 "asking for the compute capability");
  status.capability = 10 * major + minor;
  int on_chip = 0;
  driver_->check(driver_->device_attribute(&on_chip, integrated, device), "asking what kind of GPU it is");
  const std::string why =
      misfit(image_, {status.device, status.capability, on_chip > 0, status.driver_version});
  if (!why.empty()) throw DeviceError(why);
  return device;
}

Status Gpu::status() {
  Status status;
  status.has_kernel = !image_.bytes.empty();
  try {
    check_process();
    const std::scoped_lock lock(mutex_);
    find_device(status);
    status.available = status.has_kernel;
  } catch (const DeviceError& error) {
    status.reason = error.what();
  }
  if (!status.has_kernel) status.reason = no_kernel;  // no driver would help
  return status;
}

void Gpu::score(const ParzenEstimator& first, const ParzenEstimator* second, std::span<const double> points,
                std::size_t count, std::span<double> out) {
  check_kernel();
  check_process();
  const std::scoped_lock lock(mutex_);
  for (bool again = false;; again = true) {
    try {
      if (!session_) {
        Status status;
        const int device = find_device(status);
        session_ = std::make_unique<Session>(*driver_, device, image_);
      }
      const FlatMixture flat = flat_mixture(first);
      FlatMixture other;
      if (second != nullptr) other = flat_mixture(*second);
      session_->score(flat_axes(first), flat, second == nullptr ? nullptr : &other, points, count, out);
      return;
    } catch (const DriverError& error) {
      recover(error);
      // Somebody reset the device: a new context is as good as the first was.
      if (error.code() != context_is_destroyed || again) throw;
    }
  }
}

// What a failure leaves of the session.
void Gpu::recover(const DriverError& error) {
  if (error.sticky()) {
    broken_ =
        std::string("the GPU failed earlier in this process, and CUDA works again only in a new one: ") +
        error.what();
    session_.reset();
  } else if (error.context_is_gone() && session_) {
    session_->lose();
    session_.reset();
  } else if (error.code() == out_of_memory && session_) {
    session_->trim();
  }
}

bool Gpu::worth(const ParzenEstimator& estimator, std::size_t points, std::size_t kernels) {
  if (image_.bytes.empty() || (owner_ != 0 && owner_ != getpid())) return false;
  const std::scoped_lock lock(mutex_);
  const Work work = work_of(estimator, points, kernels);
  if (!session_ && waited_s_ + work.processor_s < opening_s) {
    waited_s_ += work.processor_s;
    return false;
  }
  if (!card_) look_at_card();
  return broken_.empty() && work.processor_s >= margin * device_seconds(work, *card_);
}

// Where there is none, a card of which nothing is known: no batch is worth it, and nobody looks again.
void Gpu::look_at_card() {
  Card card;
  try {
    Status status;
    const int device = find_device(status);
    card.capability = status.capability;
    const auto ask = [&](int& value, int attribute) {
      driver_->check(driver_->device_attribute(&value, attribute, device), "asking what the GPU can do");
    };
    ask(card.multiprocessors, multiprocessor_count);
    ask(card.clock_khz, clock_rate);
    ask(card.double_ratio, single_to_double_ratio);
    card_ = card;
  } catch (const DeviceError&) {
    card_ = Card{};
  }
}

void Gpu::close() {
  if (owner_ != 0 && owner_ != getpid()) return;
  const std::scoped_lock lock(mutex_);
  session_.reset();
}

}  // namespace lehr::gpu
