// NVIDIA's driver library, reached at run time. Only what we call is declared, in our own words: no header of
// CUDA is needed to build, and no library of CUDA to load. Signatures follow the CUDA driver API reference,
// version 12 and later.
#pragma once

#include <cstddef>
#include <string>

#include "lehr/base/error.hpp"
#include "lehr/base/library.hpp"

namespace lehr::gpu {

// Opaque to us. Device addresses are numbers.
using Address = unsigned long long;
struct ContextHandle;
struct ModuleHandle;
struct FunctionHandle;
struct StreamHandle;

// Results that we tell apart; others are reported as they are.
enum Code : int {
  success = 0,
  out_of_memory = 2,
  not_initialized = 3,
  no_device = 100,
  invalid_context = 201,
  invalid_handle = 400,
  context_is_destroyed = 709,
};

// An entry point of the driver failed.
class DriverError : public DeviceError {
 public:
  DriverError(const std::string& what, int code) : DeviceError(what), code_(code) {}
  int code() const noexcept { return code_; }
  // Whether it leaves the process unable to use the GPU again.
  bool sticky() const noexcept;
  // Whether what was held is of a context that is gone: it cannot be used, nor given back. Another may be
  // opened.
  bool context_is_gone() const noexcept;

 private:
  int code_;
};

class Driver {
 public:
  // Loads the library; throws DeviceError when it is not there or lacks an entry point. No call into CUDA
  // yet.
  explicit Driver(const std::string& path);
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;

  int (*init)(unsigned flags) = nullptr;
  int (*driver_version)(int*) = nullptr;
  int (*device_count)(int*) = nullptr;
  int (*device)(int* device, int ordinal) = nullptr;
  int (*device_name)(char*, int length, int device) = nullptr;
  int (*device_attribute)(int*, int attribute, int device) = nullptr;
  int (*retain_context)(ContextHandle**, int device) = nullptr;
  int (*release_context)(int device) = nullptr;
  int (*push_context)(ContextHandle*) = nullptr;
  int (*pop_context)(ContextHandle**) = nullptr;
  int (*exchange_capture_mode)(int* mode) = nullptr;
  int (*create_stream)(StreamHandle**, unsigned flags) = nullptr;
  int (*destroy_stream)(StreamHandle*) = nullptr;
  int (*synchronize)(StreamHandle*) = nullptr;
  int (*load_module)(ModuleHandle**, const void* image) = nullptr;
  int (*unload_module)(ModuleHandle*) = nullptr;
  int (*function)(FunctionHandle**, ModuleHandle*, const char* name) = nullptr;
  int (*allocate)(Address*, std::size_t bytes) = nullptr;
  int (*release)(Address) = nullptr;
  int (*copy_in)(Address, const void*, std::size_t bytes, StreamHandle*) = nullptr;
  int (*copy_out)(void*, Address, std::size_t bytes, StreamHandle*) = nullptr;
  int (*launch)(FunctionHandle*, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
                unsigned block_y, unsigned block_z, unsigned shared_bytes, StreamHandle*, void** parameters,
                void** extra) = nullptr;

  // Throws DriverError saying what was being done, unless the code is success.
  void check(int code, const char* doing) const;

 private:
  int (*error_name_)(int, const char**) = nullptr;
  int (*error_text_)(int, const char**) = nullptr;
  Library library_;
};

// "13.0" from 13000.
std::string version_text(int version);

}  // namespace lehr::gpu
