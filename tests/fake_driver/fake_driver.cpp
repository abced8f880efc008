// A driver library without a GPU. It keeps the books of a strict driver (every call in the right context,
// every address and length inside an allocation, nothing given back twice), runs the real kernel's body in a
// loop, and fails where it is told to: by the environment, or by fake_fail() from the test's process.
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "lehr/estimators/gpu/kernel_body.hpp"

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {

using lehr::gpu::block_threads;

enum : int {
  ok = 0,
  invalid_value = 1,
  out_of_memory = 2,
  not_initialized = 3,
  no_device = 100,
  invalid_image = 200,
  invalid_context = 201,
  not_found = 500,
};

struct State {
  std::mutex mutex;
  pid_t process = 0;  // that called cuInit
  long retained = 0;  // primary contexts
  std::set<void*> modules;
  std::map<unsigned long long, std::size_t> allocations;
  std::map<std::string, long> calls;
  std::string order;  // names of all calls, one a line
  std::string fail_name;
  long fail_at = 0;
  int fail_code = 0;
  bool sticky = false;
  int stuck = ok;  // a sticky failure
  long misuses = 0;
};

State& state() {
  static State* const only = new State;  // outlives whatever asks at exit
  return *only;
}

thread_local std::vector<void*> current;

const char* setting(const char* name) {
  const char* const text = std::getenv(name);
  return text == nullptr ? "" : text;
}

int number(const char* name, int otherwise) {
  const char* const text = setting(name);
  return *text == '\0' ? otherwise : std::atoi(text);
}

int misuse(int code) {
  ++state().misuses;
  return code;
}

// Counts the call; an error code when it is to fail.
int enter(const char* name) {
  State& s = state();
  if (std::strcmp(setting("FAKE_CUDA_HANG"), name) == 0)
    while (true) ::pause();  // as a driver does whose device is gone
  const std::scoped_lock lock(s.mutex);
  s.order += std::string(name) + "\n";
  const long count = ++s.calls[name];
  if (s.stuck != ok) return s.stuck;
  if (s.fail_name == name && s.fail_at == count) {
    if (s.sticky) s.stuck = s.fail_code;
    return s.fail_code;
  }
  const std::string asked = setting("FAKE_CUDA_FAIL");  // name:count:code
  const std::size_t first = asked.find(':'), second = asked.rfind(':');
  if (first != std::string::npos && asked.substr(0, first) == name &&
      std::atol(asked.c_str() + first + 1) == count) {
    return std::atoi(asked.c_str() + second + 1);
  }
  if (std::strcmp(name, "cuInit") != 0 && s.process != getpid()) return misuse(not_initialized);
  return ok;
}

int enter_context(const char* name) {
  const int code = enter(name);
  if (code != ok) return code;
  return current.empty() ? misuse(invalid_context) : ok;
}

// Whether all of [address, address + bytes) lies in one allocation.
bool inside(unsigned long long address, std::size_t bytes) {
  State& s = state();
  const std::scoped_lock lock(s.mutex);
  auto after = s.allocations.upper_bound(address);
  if (after == s.allocations.begin()) return false;
  --after;
  return address + bytes <= after->first + after->second;
}

bool inside(const void* pointer, std::size_t bytes) {
  return inside(reinterpret_cast<unsigned long long>(pointer), bytes);
}

// What nvcc makes of kernel.cu, with loops for threads.
struct HostBlock {
  unsigned first;
  double* tile;
  std::vector<lehr::gpu::Lane> lanes;

  template <class Step>
  void each(Step step) {
    for (unsigned thread = 0; thread < block_threads; ++thread) step(thread, lanes[thread]);
  }
};

bool legal(const lehr::gpu::Task& task) {
  const std::size_t column = sizeof(double) * task.points;
  const auto mixture = [&](const lehr::gpu::Mixture& m) {
    const std::size_t row = sizeof(double) * m.kernels;
    return m.kernels % lehr::gpu::group == 0 && inside(m.weights, row) &&
           inside(m.parameters, 3 * row * task.width);
  };
  return task.width > 0 && task.points > 0 && inside(task.axes, sizeof(*task.axes) * task.width) &&
         inside(task.values, column * task.width) && inside(task.lower, column * task.width) &&
         inside(task.upper, column * task.width) && inside(task.out, column) && mixture(task.first) &&
         (task.ratio == 0 || mixture(task.second));
}

}  // namespace

EXPORT int cuInit(unsigned) {
  State& s = state();
  if (const int code = enter("cuInit"); code != ok) return code;
  if (s.process != 0 && s.process != getpid()) return not_initialized;
  if (number("FAKE_CUDA_DEVICES", 1) == 0) return no_device;
  s.process = getpid();
  return ok;
}
EXPORT int cuDriverGetVersion(int* version) {
  *version = number("FAKE_CUDA_VERSION", 13000);
  return enter("cuDriverGetVersion");
}
EXPORT int cuDeviceGetCount(int* count) {
  *count = number("FAKE_CUDA_COUNT", 1);
  return enter("cuDeviceGetCount");
}
EXPORT int cuDeviceGet(int* device, int ordinal) {
  *device = ordinal + 40;
  return enter("cuDeviceGet");
}
EXPORT int cuDeviceGetName(char* name, int length, int device) {
  if (device != 40) return misuse(invalid_value);
  std::strncpy(name, "Fake GPU", static_cast<std::size_t>(length));
  return enter("cuDeviceGetName");
}
EXPORT int cuDeviceGetAttribute(int* value, int attribute, int device) {
  if (device != 40) return misuse(invalid_value);
  const int capability = number("FAKE_CUDA_CAPABILITY", 90);
  *value = attribute == 75 ? capability / 10 : attribute == 76 ? capability % 10 : -1;
  return enter("cuDeviceGetAttribute");
}
EXPORT int cuDevicePrimaryCtxRetain(void** context, int device) {
  if (const int code = enter("cuDevicePrimaryCtxRetain"); code != ok) return code;
  if (device != 40) return misuse(invalid_value);
  *context = &state();
  ++state().retained;
  return ok;
}
EXPORT int cuDevicePrimaryCtxRelease_v2(int device) {
  --state().retained;
  if (device != 40 || state().retained < 0) return misuse(invalid_value);
  return enter("cuDevicePrimaryCtxRelease_v2");
}
EXPORT int cuCtxPushCurrent_v2(void* context) {
  if (const int code = enter("cuCtxPushCurrent_v2"); code != ok) return code;
  if (context != &state() || state().retained == 0) return misuse(invalid_context);
  current.push_back(context);
  return ok;
}
EXPORT int cuCtxPopCurrent_v2(void** context) {
  if (current.empty()) return misuse(invalid_context);
  *context = current.back();
  current.pop_back();
  return enter("cuCtxPopCurrent_v2");
}
EXPORT int cuCtxSynchronize() { return enter_context("cuCtxSynchronize"); }
EXPORT int cuModuleLoadData(void** module, const void* image) {
  if (const int code = enter_context("cuModuleLoadData"); code != ok) return code;
  // Ours, or a fat binary by its magic number.
  const bool known = std::memcmp(image, "fake", 4) == 0 || std::memcmp(image, "\x50\xed\x55\xba", 4) == 0;
  if (!known) return invalid_image;
  *module = std::malloc(1);
  state().modules.insert(*module);
  return ok;
}
EXPORT int cuModuleUnload(void* module) {
  const int code = enter_context("cuModuleUnload");
  if (state().modules.erase(module) == 0) return misuse(invalid_value);
  std::free(module);
  return code;
}
EXPORT int cuModuleGetFunction(void** function, void* module, const char* name) {
  if (const int code = enter_context("cuModuleGetFunction"); code != ok) return code;
  if (state().modules.count(module) == 0) return misuse(invalid_value);
  if (std::strcmp(name, "lehr_score") != 0) return not_found;
  *function = module;
  return ok;
}
EXPORT int cuMemAlloc_v2(unsigned long long* address, std::size_t bytes) {
  if (const int code = enter_context("cuMemAlloc_v2"); code != ok) return code;
  if (bytes == 0) return misuse(invalid_value);
  void* const memory = std::malloc(bytes);
  std::memset(memory, 0xff, bytes);  // NaN: what is read before it was written shows
  *address = reinterpret_cast<unsigned long long>(memory);
  const std::scoped_lock lock(state().mutex);
  state().allocations[*address] = bytes;
  return ok;
}
EXPORT int cuMemFree_v2(unsigned long long address) {
  const int code = enter_context("cuMemFree_v2");
  const std::scoped_lock lock(state().mutex);
  if (state().allocations.erase(address) == 0) return misuse(invalid_value);
  std::free(reinterpret_cast<void*>(address));
  return code;
}
EXPORT int cuMemcpyHtoD_v2(unsigned long long to, const void* from, std::size_t bytes) {
  if (const int code = enter_context("cuMemcpyHtoD_v2"); code != ok) return code;
  if (!inside(to, bytes)) return misuse(invalid_value);
  std::memcpy(reinterpret_cast<void*>(to), from, bytes);
  return ok;
}
EXPORT int cuMemcpyDtoH_v2(void* to, unsigned long long from, std::size_t bytes) {
  if (const int code = enter_context("cuMemcpyDtoH_v2"); code != ok) return code;
  if (!inside(from, bytes)) return misuse(invalid_value);
  std::memcpy(to, reinterpret_cast<const void*>(from), bytes);
  return ok;
}
EXPORT int cuLaunchKernel(void* function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
                          unsigned block_y, unsigned block_z, unsigned, void*, void** parameters, void**) {
  if (const int code = enter_context("cuLaunchKernel"); code != ok) return code;
  if (state().modules.count(function) == 0) return misuse(invalid_value);
  lehr::gpu::Task task;
  std::memcpy(&task, parameters[0], sizeof task);
  if (block_x != block_threads || grid_y * grid_z * block_y * block_z != 1 || !legal(task)) {
    return misuse(invalid_value);
  }
  for (unsigned b = 0; b < grid_x; ++b) {
    const std::unique_ptr<double[]> tile(
        new double[lehr::gpu::tile_doubles]);  // no more: sanitizers would tell
    HostBlock block{b * block_threads, tile.get(), std::vector<lehr::gpu::Lane>(block_threads)};
    lehr::gpu::score_block(block, task);
  }
  return ok;
}
EXPORT int cuGetErrorName(int code, const char** text) {
  *text = code == out_of_memory ? "CUDA_ERROR_OUT_OF_MEMORY" : "CUDA_ERROR_FAKE";
  return code == 12345 ? invalid_value : ok;
}
#ifndef FAKE_OLD_DRIVER
EXPORT int cuGetErrorString(int code, const char** text) {
  *text = code == out_of_memory ? "out of memory" : "made up by the test";
  return code == 12345 ? invalid_value : ok;
}
#endif

// What the tests ask and set.
EXPORT void fake_fail(const char* name, long count, int code, int sticky) {
  State& s = state();
  if (s.stuck != ok) {  // what a broken context held ends with it
    for (const auto& [address, bytes] : s.allocations) std::free(reinterpret_cast<void*>(address));
    s.allocations.clear();
    for (void* const module : s.modules) std::free(module);
    s.modules.clear();
  }
  s.fail_name = name;
  s.fail_at = s.calls[name] + count;
  s.fail_code = code;
  s.sticky = sticky != 0;
  s.stuck = ok;
}
// The kernel's logarithm and the core's.
EXPORT double fake_log(double x) { return lehr::gpu::rounded_log(x).value; }
EXPORT double fake_core_log(double x) { return lehr::elementary::log(x); }
EXPORT long fake_held() {
  State& s = state();
  return s.retained + static_cast<long>(s.modules.size() + s.allocations.size() + current.size());
}
EXPORT long fake_allocations() { return static_cast<long>(state().allocations.size()); }
EXPORT long fake_depth() { return static_cast<long>(current.size()); }
EXPORT long fake_misuses() { return state().misuses; }
EXPORT long fake_calls(const char* name) { return state().calls[name]; }
EXPORT const char* fake_order() { return state().order.c_str(); }
EXPORT void fake_forget_order() { state().order.clear(); }
