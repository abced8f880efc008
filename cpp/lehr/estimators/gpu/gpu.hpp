// Scoring large batches on a GPU. What a machine lacks for it is a value with a reason; an attempt to use it
// all the same is a DeviceError with that reason.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <span>
#include <string>

#include "lehr/estimators/gpu/image.hpp"
#include "lehr/estimators/parzen.hpp"

namespace lehr::gpu {

class Driver;
class DriverError;
class Session;

// Whether so many points, kernels and dimensions are enough for the way to the device and back not to matter:
// some 50 ms of a processor core. Not measured on a device yet.
constexpr bool worth(std::size_t points, std::size_t kernels, std::size_t dimensions) {
  return points * kernels * dimensions >= std::size_t{1} << 26;
}

struct Status {
  bool available = false;
  std::string reason;      // why it is not; empty when it is
  std::string device;      // name; empty when unknown, as the numbers are 0
  int driver_version = 0;  // the CUDA version the driver supports, 13000 for 13.0
  int capability = 0;      // compute capability, 90 for 9.0
  bool has_kernel = false;
};

// The first device that CUDA shows this process. Nothing is loaded or called before the first use. Any thread
// may call; calls wait for each other.
class Gpu {
 public:
  // driver: name or path of the driver library.
  Gpu(std::string driver, Image image);
  ~Gpu();
  Gpu(const Gpu&) = delete;
  Gpu& operator=(const Gpu&) = delete;

  // Initialises CUDA in this process, but holds nothing of the device.
  Status status();

  // Log densities under `first`, less those under `second` unless it is null; as ParzenEstimator::log_pdf but
  // for rounding. Keeps the device open for the next call. Throws DeviceError.
  void score(const ParzenEstimator& first, const ParzenEstimator* second, std::span<const double> points,
             std::size_t count, std::span<double> out);

  // Gives everything of the device back; the next call opens it again.
  void close();

 private:
  void check_process() const;
  void check_kernel() const;
  int find_device(Status& status);
  void recover(const DriverError& error);
  void forget();

  std::string path_;
  Image image_;
  std::mutex mutex_;
  // The process that initialised CUDA; 0 before. CUDA does not survive a fork.
  std::atomic<pid_t> owner_ = 0;
  std::string broken_;  // why this process cannot use the GPU any more
  std::unique_ptr<Driver> driver_;
  std::unique_ptr<Session> session_;
};

}  // namespace lehr::gpu
