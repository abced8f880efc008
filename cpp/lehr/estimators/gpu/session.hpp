// The device with the kernel loaded: what is held while the GPU is in use. Every hold is an object of its
// own, armed before the next step can fail.
#pragma once

#include <cstddef>
#include <span>

#include "lehr/estimators/gpu/driver.hpp"
#include "lehr/estimators/gpu/flatten.hpp"
#include "lehr/estimators/gpu/image.hpp"

namespace lehr::gpu {

// The device's primary context: the one that other libraries of the process share.
class Context {
 public:
  Context(const Driver& driver, int device);
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  ContextHandle* handle() const { return handle_; }

 private:
  const Driver& driver_;
  int device_;
  ContextHandle* handle_ = nullptr;
};

// Makes a context current for the calling thread, and what was current before again at the end.
class Current {
 public:
  Current(const Driver& driver, const Context& context);
  ~Current();
  Current(const Current&) = delete;
  Current& operator=(const Current&) = delete;

 private:
  const Driver& driver_;
};

class Module {
 public:
  Module(const Driver& driver, const Context& context, const Image& image);
  ~Module();
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;
  ModuleHandle* handle() const { return handle_; }

 private:
  const Driver& driver_;
  const Context& context_;
  ModuleHandle* handle_ = nullptr;
};

// Memory of the device; a context is current for as long as it lives.
template <class T>
class Buffer {
 public:
  Buffer(const Driver& driver, std::size_t count) : driver_(driver) {
    driver.check(driver.allocate(&address_, count * sizeof(T)), "allocating memory on the GPU");
  }
  Buffer(const Driver& driver, std::span<const T> values) : Buffer(driver, values.size()) { write(values); }
  ~Buffer() { driver_.release(address_); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  void write(std::span<const T> values) {
    driver_.check(driver_.copy_in(address_, values.data(), values.size_bytes()), "copying to the GPU");
  }
  void read(std::span<T> values) const {
    driver_.check(driver_.copy_out(values.data(), address_, values.size_bytes()), "copying from the GPU");
  }
  T* data() const {
    return reinterpret_cast<T*>(address_);
  }  // an address of the device: not for us to follow

 private:
  const Driver& driver_;
  Address address_ = 0;
};

class Session {
 public:
  // Throws DeviceError.
  Session(const Driver& driver, int device, const Image& image);

  // out: count scores, as Task says; second may be null. values: count x axes.size(). Points go to the device
  // in batches, so that its memory use is bounded. Throws DriverError; nothing of the call then stays on the
  // device.
  void score(std::span<const Axis> axes, const FlatMixture& first, const FlatMixture* second,
             std::span<const double> values, std::size_t count, std::span<double> out) const;

 private:
  void run(const Task& task) const;

  const Driver& driver_;
  Context context_;
  Module module_;
  FunctionHandle* function_ = nullptr;
};

}  // namespace lehr::gpu
