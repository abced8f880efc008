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
  // The context was destroyed under us, and all that was held in it: nothing of that may be touched again.
  void lose() { lost_ = true; }
  bool lost() const { return lost_; }

 private:
  const Driver& driver_;
  int device_;
  ContextHandle* handle_ = nullptr;
  bool lost_ = false;
};

// Makes a context current for the calling thread, and what was current before again at the end. Meanwhile the
// thread's calls are not held against a graph that another thread captures: they have nothing to do with it.
class Current {
 public:
  Current(const Driver& driver, const Context& context);
  ~Current();
  Current(const Current&) = delete;
  Current& operator=(const Current&) = delete;

 private:
  const Driver& driver_;
  int mode_;
};

// Calls `give_back` with the context current, where there still is one. For destructors: nothing is thrown.
template <class GiveBack>
void give_back_in(const Driver& driver, const Context& context, GiveBack&& give_back) noexcept {
  ContextHandle* popped = nullptr;
  if (context.lost() || driver.push_context(context.handle()) != success) return;
  give_back();
  driver.pop_context(&popped);
}

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

// A stream of our own, which waits for nobody else's work as the default one would.
class Stream {
 public:
  Stream(const Driver& driver, const Context& context);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  StreamHandle* handle() const { return handle_; }

 private:
  const Driver& driver_;
  const Context& context_;
  StreamHandle* handle_ = nullptr;
};

// Memory of the device, kept and used again: allocating waits for all that runs there. It grows as needed;
// the context is current in all but the destructor.
template <class T>
class Buffer {
 public:
  Buffer(const Driver& driver, const Context& context) : driver_(driver), context_(context) {}
  ~Buffer() {
    if (address_ != 0) give_back_in(driver_, context_, [&] { driver_.release(address_); });
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  void reserve(std::size_t count) {
    if (count <= room_) return;
    free();
    driver_.check(driver_.allocate(&address_, count * sizeof(T)), "allocating memory on the GPU");
    room_ = count;
  }
  void free() {
    if (address_ != 0) driver_.release(address_);
    address_ = 0;
    room_ = 0;
  }
  // Neither copy is complete before the stream is; the host's memory stays until then.
  void write(std::span<const T> values, const Stream& stream) {
    reserve(values.size());
    driver_.check(driver_.copy_in(address_, values.data(), values.size_bytes(), stream.handle()),
                  "copying to the GPU");
  }
  void read(std::span<T> values, const Stream& stream) const {
    driver_.check(driver_.copy_out(values.data(), address_, values.size_bytes(), stream.handle()),
                  "copying from the GPU");
  }
  T* data() const {
    return reinterpret_cast<T*>(address_);
  }  // an address of the device: not for us to follow

 private:
  const Driver& driver_;
  const Context& context_;
  Address address_ = 0;
  std::size_t room_ = 0;
};

struct DeviceMixture {
  Buffer<double> weights, parameters;
  std::uint32_t kernels = 0;

  DeviceMixture(const Driver& driver, const Context& context)
      : weights(driver, context), parameters(driver, context) {}
  void write(const FlatMixture& flat, const Stream& stream);
  Mixture view() const { return {weights.data(), parameters.data(), kernels}; }
};

class Session {
 public:
  // Throws DeviceError.
  Session(const Driver& driver, int device, const Image& image);

  // out: count scores, as Task says; second may be null. values: count x axes.size(). Points go to the device
  // in batches, so that what is kept there is bounded. Throws DriverError; nothing of the call then runs on.
  void score(std::span<const Axis> axes, const FlatMixture& first, const FlatMixture* second,
             std::span<const double> values, std::size_t count, std::span<double> out);

  // Gives the kept memory back: somebody ran out of it.
  void trim() noexcept;
  // The context is gone: what was held is not given back.
  void lose() noexcept { context_.lose(); }

 private:
  void run(const Task& task) const;

  const Driver& driver_;
  Context context_;
  Module module_;
  Stream stream_;
  FunctionHandle* function_ = nullptr;
  Buffer<Axis> axes_;
  DeviceMixture first_, second_;
  Buffer<double> values_, lower_, upper_, result_;
};

}  // namespace lehr::gpu
