#include "lehr/estimators/gpu/driver.hpp"

#include <algorithm>
#include <array>

namespace lehr::gpu {

// After one of these every later call fails too (CUDA driver API, CUresult: "the process must be terminated
// and relaunched"): errors of ECC, links and containment, illegal address, timeout, the faults of a running
// kernel, and the end of an MPS client. Those between them in number (711 to 713: peers, host memory; 720: a
// launch) leave the context as it was.
bool DriverError::sticky() const noexcept {
  constexpr std::array codes{214, 220, 226, 700, 702, 710, 714, 715, 716, 717, 718, 719, 721, 810, 999};
  return std::ranges::find(codes, code_) != codes.end();
}

bool DriverError::context_is_gone() const noexcept {
  return code_ == invalid_context || code_ == invalid_handle || code_ == context_is_destroyed;
}

Driver::Driver(const std::string& path) : library_(path, "NVIDIA driver") {
  library_.find(init, "cuInit");
  library_.find(driver_version, "cuDriverGetVersion");
  library_.find(device_count, "cuDeviceGetCount");
  library_.find(device, "cuDeviceGet");
  library_.find(device_name, "cuDeviceGetName");
  library_.find(device_attribute, "cuDeviceGetAttribute");
  library_.find(retain_context, "cuDevicePrimaryCtxRetain");
  library_.find(release_context, "cuDevicePrimaryCtxRelease_v2");
  library_.find(push_context, "cuCtxPushCurrent_v2");
  library_.find(pop_context, "cuCtxPopCurrent_v2");
  library_.find(exchange_capture_mode, "cuThreadExchangeStreamCaptureMode");
  library_.find(create_stream, "cuStreamCreate");
  library_.find(destroy_stream, "cuStreamDestroy_v2");
  library_.find(synchronize, "cuStreamSynchronize");
  library_.find(load_module, "cuModuleLoadData");
  library_.find(unload_module, "cuModuleUnload");
  library_.find(function, "cuModuleGetFunction");
  library_.find(allocate, "cuMemAlloc_v2");
  library_.find(release, "cuMemFree_v2");
  library_.find(copy_in, "cuMemcpyHtoDAsync_v2");
  library_.find(copy_out, "cuMemcpyDtoHAsync_v2");
  library_.find(launch, "cuLaunchKernel");
  library_.find(error_name_, "cuGetErrorName");
  library_.find(error_text_, "cuGetErrorString");
}

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
