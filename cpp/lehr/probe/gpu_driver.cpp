#include "lehr/probe/gpu_driver.hpp"

namespace lehr::probe {

GpuDriver::GpuDriver(const std::string& path) : library_(path, "NVIDIA driver") {
  library_.find(init, "cuInit");
  library_.find(device, "cuDeviceGet");
  library_.find(device_uuid, "cuDeviceGetUuid_v2");
  library_.find(current_context, "cuCtxGetCurrent");
  library_.find(context_device, "cuCtxGetDevice");
  library_.find(synchronize, "cuCtxSynchronize");
  library_.find(stream_context, "cuStreamGetCtx");
  library_.find(retain_context, "cuDevicePrimaryCtxRetain");
  library_.find(release_context, "cuDevicePrimaryCtxRelease_v2");
  library_.find(push_context, "cuCtxPushCurrent_v2");
  library_.find(pop_context, "cuCtxPopCurrent_v2");
  library_.find(memory, "cuMemGetInfo_v2");
  library_.find(create_event, "cuEventCreate");
  library_.find(destroy_event, "cuEventDestroy_v2");
  library_.find(record, "cuEventRecord");
  library_.find(query, "cuEventQuery");
  library_.find(elapsed, "cuEventElapsedTime");
  library_.find(begin_capture, "cuStreamBeginCapture_v2");
  library_.find(end_capture, "cuStreamEndCapture");
  library_.find(graph_nodes, "cuGraphGetNodes");
  library_.find(instantiate, "cuGraphInstantiateWithFlags");
  library_.find(launch, "cuGraphLaunch");
  library_.find(destroy_exec, "cuGraphExecDestroy");
  library_.find(destroy_graph, "cuGraphDestroy");
  library_.find(error_name_, "cuGetErrorName");
  library_.find(error_text_, "cuGetErrorString");
}

std::string GpuDriver::text(int code) const {
  const char* name = nullptr;
  const char* said = nullptr;
  if (error_name_(code, &name) != gpu_success || name == nullptr) name = "an error it has no name for";
  if (error_text_(code, &said) != gpu_success || said == nullptr) said = "no description";
  return std::string(name) + " (" + std::to_string(code) + "), " + said;
}

void GpuDriver::check(int code, const char* doing) const {
  if (code != gpu_success) throw DeviceError(std::string(doing) + " failed: " + text(code));
}

}  // namespace lehr::probe
