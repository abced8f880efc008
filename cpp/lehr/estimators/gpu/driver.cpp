#include "lehr/estimators/gpu/driver.hpp"

#include <dlfcn.h>

#include <bit>

namespace lehr::gpu {
namespace {

template <class Function>
void find(void* library, const std::string& path, Function*& entry, const char* name) {
  void* const symbol = dlsym(library, name);
  if (symbol == nullptr) {
    throw DeviceError("the NVIDIA driver library " + path + " lacks " + name +
                      ": it is too old; update the driver");
  }
  entry = std::bit_cast<Function*>(symbol);
}

}  // namespace

// After one of these every later call fails too (CUDA driver API, CUresult: "the process must be terminated
// and relaunched"): ECC and link errors, illegal address, timeout, assert and the faults of a running kernel.
bool DriverError::sticky() const noexcept {
  return code_ == 214 || code_ == 220 || code_ == 700 || code_ == 702 || (code_ >= 709 && code_ <= 719) ||
         code_ == 999;
}

Driver::Driver(const std::string& path) {
  // NODELETE: CUDA's threads outlive our interest in it.
  library_ = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (library_ == nullptr) {
    const char* const said = dlerror();
    throw DeviceError(std::string("there is no NVIDIA driver: ") + (said == nullptr ? path : said));
  }
  try {
    find(library_, path, init, "cuInit");
    find(library_, path, driver_version, "cuDriverGetVersion");
    find(library_, path, device_count, "cuDeviceGetCount");
    find(library_, path, device, "cuDeviceGet");
    find(library_, path, device_name, "cuDeviceGetName");
    find(library_, path, device_attribute, "cuDeviceGetAttribute");
    find(library_, path, retain_context, "cuDevicePrimaryCtxRetain");
    find(library_, path, release_context, "cuDevicePrimaryCtxRelease_v2");
    find(library_, path, push_context, "cuCtxPushCurrent_v2");
    find(library_, path, pop_context, "cuCtxPopCurrent_v2");
    find(library_, path, synchronize, "cuCtxSynchronize");
    find(library_, path, load_module, "cuModuleLoadData");
    find(library_, path, unload_module, "cuModuleUnload");
    find(library_, path, function, "cuModuleGetFunction");
    find(library_, path, allocate, "cuMemAlloc_v2");
    find(library_, path, release, "cuMemFree_v2");
    find(library_, path, copy_in, "cuMemcpyHtoD_v2");
    find(library_, path, copy_out, "cuMemcpyDtoH_v2");
    find(library_, path, launch, "cuLaunchKernel");
    find(library_, path, error_name_, "cuGetErrorName");
    find(library_, path, error_text_, "cuGetErrorString");
  } catch (...) {
    dlclose(library_);
    throw;
  }
}

Driver::~Driver() { dlclose(library_); }

void Driver::check(int code, const char* doing) const {
  if (code == success) return;
  const char* name = nullptr;
  const char* text = nullptr;
  if (error_name_(code, &name) != success || name == nullptr) name = "an error it has no name for";
  if (error_text_(code, &text) != success || text == nullptr) text = "no description";
  throw DriverError(std::string(doing) + " failed: " + name + " (" + std::to_string(code) + "), " + text,
                    code);
}

std::string version_text(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

}  // namespace lehr::gpu
