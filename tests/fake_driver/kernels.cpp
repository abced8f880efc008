// Memory of the device, modules, and the kernel: its real body in a loop over threads. What the tests ask and
// set.
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "books.hpp"
#include "lehr/estimators/gpu/kernel_body.hpp"

using namespace fake;
using lehr::gpu::block_threads;

namespace {

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

// A stream of this context that does not wait for other libraries.
bool own(void* handle) {
  const std::scoped_lock lock(state().mutex);
  const auto found = state().streams.find(handle);
  return found != state().streams.end() && found->second.created_here && in_context(found->second);
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

EXPORT int cuModuleLoadData(void** module, const void* image) {
  if (const int code = enter_unsafe("cuModuleLoadData"); code != ok) return code;
  // Ours, a fat binary by its magic number, or PTX by the comment that it begins with.
  const bool known = std::memcmp(image, "fake", 4) == 0 || std::memcmp(image, "\x50\xed\x55\xba", 4) == 0 ||
                     std::memcmp(image, "//", 2) == 0;
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
  if (const int code = enter_unsafe("cuMemAlloc_v2"); code != ok) return code;
  if (bytes == 0) return misuse(invalid_value);
  void* const memory = std::malloc(bytes);
  std::memset(memory, 0xff, bytes);  // NaN: what is read before it was written shows
  *address = reinterpret_cast<unsigned long long>(memory);
  const std::scoped_lock lock(state().mutex);
  state().allocations[*address] = bytes;
  return ok;
}
EXPORT int cuMemFree_v2(unsigned long long address) {
  const int code = enter_unsafe("cuMemFree_v2");
  const std::scoped_lock lock(state().mutex);
  if (state().allocations.erase(address) == 0) return misuse(invalid_value);
  std::free(reinterpret_cast<void*>(address));
  return code;
}
EXPORT int cuMemcpyHtoDAsync_v2(unsigned long long to, const void* from, std::size_t bytes, void* stream) {
  if (const int code = enter_context("cuMemcpyHtoDAsync_v2"); code != ok) return code;
  if (!own(stream) || !inside(to, bytes)) return misuse(invalid_value);
  std::memcpy(reinterpret_cast<void*>(to), from, bytes);
  return ok;
}
EXPORT int cuMemcpyDtoHAsync_v2(void* to, unsigned long long from, std::size_t bytes, void* stream) {
  if (const int code = enter_context("cuMemcpyDtoHAsync_v2"); code != ok) return code;
  if (!own(stream) || !inside(from, bytes)) return misuse(invalid_value);
  std::memcpy(to, reinterpret_cast<const void*>(from), bytes);
  return ok;
}
EXPORT int cuLaunchKernel(void* function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
                          unsigned block_y, unsigned block_z, unsigned, void* stream, void** parameters,
                          void**) {
  if (const int code = enter_context("cuLaunchKernel"); code != ok) return code;
  if (state().modules.count(function) == 0 || !own(stream)) return misuse(invalid_value);
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
// What the tests ask and set.
EXPORT void fake_fail(const char* name, long count, int code, int sticky) {
  State& s = state();
  if (s.stuck != ok) {  // what a broken context held ends with it
    for (const auto& [address, bytes] : s.allocations) std::free(reinterpret_cast<void*>(address));
    s.allocations.clear();
    for (void* const module : s.modules) std::free(module);
    s.modules.clear();
    std::erase_if(s.streams, [](const auto& entry) { return entry.second.created_here; });
  }
  capture_mode = 0;
  s.fail_name = name;
  s.fail_at = s.calls[name] + count;
  s.fail_code = code;
  s.sticky = sticky != 0;
  s.stuck = ok;
}
// A kernel faults: every later call of the process says so.
EXPORT void fake_break(int code) { state().stuck = code; }
// The kernel's logarithm and the core's.
EXPORT double fake_log(double x) { return lehr::gpu::rounded_log(x).value; }
EXPORT double fake_core_log(double x) { return lehr::elementary::log(x); }
EXPORT long fake_held() {
  State& s = state();
  long streams = 0;
  for (const auto& [handle, stream] : s.streams) streams += stream.created_here ? 1 : 0;
  return contexts_held() + streams + (s.captured != nullptr ? 1 : 0) +
         static_cast<long>(s.modules.size() + s.allocations.size() + s.events.size() + s.graphs.size() +
                           s.executables.size());
}
EXPORT long fake_allocations() { return static_cast<long>(state().allocations.size()); }
EXPORT long fake_depth() { return static_cast<long>(current.size()); }
EXPORT long fake_misuses() { return state().misuses; }
EXPORT long fake_blocked() { return state().blocked; }
EXPORT long fake_calls(const char* name) { return state().calls[name]; }
EXPORT const char* fake_order() { return state().order.c_str(); }
EXPORT void fake_forget_order() { state().order.clear(); }
// Another thread captures in the global mode from now on; and how many captures were broken.
EXPORT void fake_capture_elsewhere(int captures) { state().foreign_capture = captures != 0; }
EXPORT long fake_captures_broken() { return state().captures_broken; }
// What the tool's reset of a device does: all that was in the first device's context is gone.
EXPORT void fake_reset_device() {
  State& s = state();
  for (const auto& [address, bytes] : s.allocations) std::free(reinterpret_cast<void*>(address));
  s.allocations.clear();
  for (void* const module : s.modules) std::free(module);
  s.modules.clear();
  std::erase_if(s.streams, [](const auto& entry) { return entry.second.created_here; });
}
