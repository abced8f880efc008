// Scoring large batches on a GPU. What a machine lacks for it is a value with a reason; an attempt to use it
// all the same is a DeviceError with that reason.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>

#include "lehr/estimators/gpu/cost.hpp"
#include "lehr/estimators/gpu/image.hpp"
#include "lehr/estimators/parzen.hpp"

namespace lehr::gpu {

class Driver;
class DriverError;
class Session;

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

  // Whether a batch should go to the GPU rather than to one processor core: kinds of dimensions and the
  // card's rate in double precision weigh. The first use pays for opening the device, so until the processor
  // has worked as long as that takes on batches that it might have got, CUDA is not even started. Of
  // `estimator` only the dimensions count; kernels: of all mixtures.
  bool worth(const ParzenEstimator& estimator, std::size_t points, std::size_t kernels);

  // Gives everything of the device back; the next call opens it again.
  void close();

 private:
  void check_process() const;
  void check_kernel() const;
  int find_device(Status& status);
  void look_at_card();
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
  std::optional<Card> card_;  // once somebody asked whether a batch is worth it
  double waited_s_ = 0;       // work of the processor that a GPU might have done
};

}  // namespace lehr::gpu
