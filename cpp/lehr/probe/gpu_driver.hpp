// The part of NVIDIA's driver that timing needs: events, capture, graphs. Reached at run time; signatures
// follow the CUDA driver API reference, version 12 and later.
#pragma once

#include <cstddef>
#include <string>

#include "lehr/base/error.hpp"
#include "lehr/base/library.hpp"

namespace lehr::probe {

// Opaque to us.
struct GpuContext;
struct GpuStream;
struct GpuEvent;
struct GpuGraph;
struct GpuGraphExec;

enum GpuCode : int { gpu_success = 0, gpu_not_ready = 600 };

class GpuDriver {
 public:
  // Throws DeviceError when the library is not there or lacks an entry point.
  explicit GpuDriver(const std::string& path);
  GpuDriver(const GpuDriver&) = delete;
  GpuDriver& operator=(const GpuDriver&) = delete;

  int (*init)(unsigned flags) = nullptr;
  int (*device)(int* device, int ordinal) = nullptr;
  int (*device_uuid)(unsigned char* uuid, int device) = nullptr;
  int (*current_context)(GpuContext**) = nullptr;
  int (*context_device)(int* device) = nullptr;
  int (*synchronize)() = nullptr;
  int (*stream_context)(GpuStream*, GpuContext**) = nullptr;
  int (*retain_context)(GpuContext**, int device) = nullptr;
  int (*release_context)(int device) = nullptr;
  int (*push_context)(GpuContext*) = nullptr;
  int (*pop_context)(GpuContext**) = nullptr;
  int (*memory)(std::size_t* free, std::size_t* total) = nullptr;
  int (*create_event)(GpuEvent**, unsigned flags) = nullptr;
  int (*destroy_event)(GpuEvent*) = nullptr;
  int (*record)(GpuEvent*, GpuStream*) = nullptr;
  int (*query)(GpuEvent*) = nullptr;
  int (*elapsed)(float* ms, GpuEvent* from, GpuEvent* to) = nullptr;
  int (*begin_capture)(GpuStream*, int mode) = nullptr;
  int (*end_capture)(GpuStream*, GpuGraph**) = nullptr;
  int (*graph_nodes)(GpuGraph*, void* nodes, std::size_t* count) = nullptr;
  int (*instantiate)(GpuGraphExec**, GpuGraph*, unsigned long long flags) = nullptr;
  int (*launch)(GpuGraphExec*, GpuStream*) = nullptr;
  int (*destroy_exec)(GpuGraphExec*) = nullptr;
  int (*destroy_graph)(GpuGraph*) = nullptr;

  // Throws DeviceError saying what was being done, unless the code is success.
  void check(int code, const char* doing) const;
  // "CUDA_ERROR_OUT_OF_MEMORY (2), out of memory"
  std::string text(int code) const;

  // The device hangs: nothing that could wait for it is called from here on, and what it holds is left to it.
  void give_up() const noexcept { given_up_ = true; }
  bool given_up() const noexcept { return given_up_; }

 private:
  int (*error_name_)(int, const char**) = nullptr;
  int (*error_text_)(int, const char**) = nullptr;
  Library library_;
  mutable bool given_up_ = false;
};

}  // namespace lehr::probe
