// Starting, devices, contexts, and what is asked of all calls.
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "books.hpp"

namespace fake {

thread_local std::vector<Context*> current;
thread_local int capture_mode = 0;

State& state() {
  static State* const only = new State;  // outlives whatever asks at exit
  return *only;
}

const char* setting(const char* name) {
  const char* const text = std::getenv(name);
  return text == nullptr ? "" : text;
}

int number(const char* name, int otherwise) {
  const char* const text = setting(name);
  return *text == '\0' ? otherwise : std::atoi(text);
}

double now_ms() {
  timespec at{};
  clock_gettime(CLOCK_MONOTONIC, &at);
  return 1e3 * static_cast<double>(at.tv_sec) + 1e-6 * static_cast<double>(at.tv_nsec);
}

int misuse(int code) {
  ++state().misuses;
  return code;
}

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

int enter_unsafe(const char* name) {
  if (const int code = enter_context(name); code != ok) return code;
  State& s = state();
  const std::scoped_lock lock(s.mutex);
  if (!s.foreign_capture || capture_mode == 2) return ok;
  s.foreign_capture = false;
  ++s.captures_broken;
  return capture_unsupported;
}

double left_ms() {
  State& s = state();
  const std::scoped_lock lock(s.mutex);
  if (s.hangs) return std::numeric_limits<double>::infinity();
  if (!s.real) return 0;
  double until = 0;
  for (const auto& [handle, stream] : s.streams) until = std::max(until, stream.busy_until);
  return std::max(0.0, until - now_ms());
}

void sleep_until(double ms) {
  while (state().real && now_ms() < ms) ::usleep(20);
}

long contexts_held() {
  long held = static_cast<long>(current.size());
  for (const Context& context : state().primary) held += context.retained;
  return held;
}

namespace {

struct Visible {
  int physical[most_devices];
  int count = 0;
};

int physical_count() { return std::min(number("FAKE_CUDA_COUNT", 1), most_devices); }

std::string uuid_text(int physical) {
  const std::string prefix = setting("FAKE_CUDA_MIG") == std::string("1") ? "MIG-" : "GPU-";
  return prefix + "a" + std::to_string(physical) + "000000-0000-0000-0000-000000000000";
}

// As CUDA reads CUDA_VISIBLE_DEVICES: numbers and abbreviated UUIDs, up to the first entry that names
// nothing.
Visible visible() {
  Visible seen;
  const int count = physical_count();
  const bool fastest_last = number("FAKE_CUDA_FASTEST_LAST", 0) != 0 &&
                            std::strcmp(setting("CUDA_DEVICE_ORDER"), "PCI_BUS_ID") != 0;
  const auto ordered = [&](int index) { return fastest_last ? count - 1 - index : index; };
  const char* const text = std::getenv("CUDA_VISIBLE_DEVICES");
  if (text == nullptr) {
    for (int i = 0; i < count; ++i) seen.physical[seen.count++] = ordered(i);
    return seen;
  }
  std::string rest = text;
  while (!rest.empty() && seen.count < most_devices) {
    const std::size_t comma = rest.find(',');
    std::string entry = rest.substr(0, comma);
    rest = comma == std::string::npos ? "" : rest.substr(comma + 1);
    while (!entry.empty() && entry.front() == ' ') entry.erase(0, 1);
    int found = -1;
    if (!entry.empty() && entry.find_first_not_of("0123456789") == std::string::npos) {
      if (std::atoi(entry.c_str()) < count) found = ordered(std::atoi(entry.c_str()));
    } else if (entry.size() > 4) {
      for (int i = 0; i < count; ++i)
        if (uuid_text(i).compare(0, entry.size(), entry) == 0) found = i;
    }
    if (found < 0) break;
    seen.physical[seen.count++] = found;
  }
  return seen;
}

int ordinal_of(int device) {
  const int ordinal = device - first_device;
  return ordinal >= 0 && ordinal < most_devices ? ordinal : -1;
}

}  // namespace
}  // namespace fake

using namespace fake;

EXPORT int cuInit(unsigned) {
  State& s = state();
  if (const int code = enter("cuInit"); code != ok) return code;
  if (s.process != 0 && s.process != getpid()) return not_initialized;
  if (number("FAKE_CUDA_DEVICES", 1) == 0) return no_device;
  s.process = getpid();
  s.real = s.real || number("FAKE_CUDA_REAL", 0) != 0;
  return ok;
}
EXPORT int cuDriverGetVersion(int* version) {
  *version = number("FAKE_CUDA_VERSION", 13000);
  return enter("cuDriverGetVersion");
}
EXPORT int cuDeviceGetCount(int* count) {
  if (state().process == 0) return not_initialized;  // may be asked
  *count = visible().count;
  return enter("cuDeviceGetCount");
}
EXPORT int cuDeviceGet(int* device, int ordinal) {
  *device = ordinal + first_device;
  return enter("cuDeviceGet");
}
EXPORT int cuDeviceGetName(char* name, int length, int device) {
  if (ordinal_of(device) < 0) return misuse(invalid_value);
  std::strncpy(name, "Fake GPU", static_cast<std::size_t>(length));
  return enter("cuDeviceGetName");
}
EXPORT int cuDeviceGetAttribute(int* value, int attribute, int device) {
  if (ordinal_of(device) < 0) return misuse(invalid_value);
  const int capability = number("FAKE_CUDA_CAPABILITY", 90);
  const std::map<int, int> known{{75, capability / 10},
                                 {76, capability % 10},
                                 {13, number("FAKE_CUDA_CLOCK_KHZ", 1980000)},
                                 {16, number("FAKE_CUDA_MULTIPROCESSORS", 132)},
                                 {18, number("FAKE_CUDA_INTEGRATED", 0)},
                                 {87, number("FAKE_CUDA_DOUBLE_RATIO", 2)}};
  const auto found = known.find(attribute);
  *value = found == known.end() ? -1 : found->second;
  return enter("cuDeviceGetAttribute");
}
EXPORT int cuDeviceGetUuid_v2(unsigned char* uuid, int device) {
  const int ordinal = ordinal_of(device);
  if (ordinal < 0 || ordinal >= visible().count) return misuse(invalid_value);
  std::memset(uuid, 0, 16);
  uuid[0] = static_cast<unsigned char>(0xa0 + visible().physical[ordinal]);
  return enter("cuDeviceGetUuid_v2");
}
EXPORT int cuDevicePrimaryCtxRetain(void** context, int device) {
  if (const int code = enter("cuDevicePrimaryCtxRetain"); code != ok) return code;
  if (ordinal_of(device) < 0) return misuse(invalid_value);
  Context& primary = state().primary[ordinal_of(device)];
  ++primary.retained;
  primary.destroyed = false;
  *context = &primary;
  return ok;
}
EXPORT int cuDevicePrimaryCtxRelease_v2(int device) {
  if (ordinal_of(device) < 0) return misuse(invalid_value);
  Context& primary = state().primary[ordinal_of(device)];
  if (--primary.retained < 0) return misuse(invalid_value);
  if (primary.retained == 0 && !primary.used_elsewhere && std::isinf(left_ms())) ++state().blocked;
  return enter("cuDevicePrimaryCtxRelease_v2");
}
EXPORT int cuDevicePrimaryCtxReset_v2(int device) {
  if (ordinal_of(device) != 0) return misuse(invalid_value);
  state().primary[0].destroyed = state().primary[0].retained > 0;
  fake_reset_device();
  return enter("cuDevicePrimaryCtxReset_v2");
}
EXPORT int cuCtxGetCurrent(void** context) {
  const int code = enter("cuCtxGetCurrent");
  *context = current.empty() ? nullptr : current.back();
  return code;
}
EXPORT int cuCtxGetDevice(int* device) {
  if (const int code = enter_context("cuCtxGetDevice"); code != ok) return code;
  *device = first_device + static_cast<int>(current.back() - state().primary);
  return ok;
}
EXPORT int cuCtxPushCurrent_v2(void* context) {
  if (const int code = enter("cuCtxPushCurrent_v2"); code != ok) return code;
  Context* const pushed = static_cast<Context*>(context);
  if (pushed < state().primary || pushed >= state().primary + most_devices ||
      (pushed->retained == 0 && !pushed->used_elsewhere)) {
    return misuse(invalid_context);
  }
  if (pushed->destroyed) return context_is_destroyed;
  current.push_back(pushed);
  return ok;
}
EXPORT int cuCtxPopCurrent_v2(void** context) {
  if (current.empty()) return misuse(invalid_context);
  *context = current.back();
  current.pop_back();
  return enter("cuCtxPopCurrent_v2");
}
EXPORT int cuCtxSynchronize() {
  if (const int code = enter_unsafe("cuCtxSynchronize"); code != ok) return code;
  const double left = left_ms();
  if (std::isinf(left)) {
    ++state().blocked;  // a driver would not return
    return ok;
  }
  sleep_until(now_ms() + left);
  return ok;
}
EXPORT int cuThreadExchangeStreamCaptureMode(int* mode) {
  if (const int code = enter("cuThreadExchangeStreamCaptureMode"); code != ok) return code;
  std::swap(*mode, capture_mode);
  return ok;
}
EXPORT int cuMemGetInfo_v2(std::size_t* free, std::size_t* total) {
  if (const int code = enter_context("cuMemGetInfo_v2"); code != ok) return code;
  *total = 1000000000;
  *free = 900000000 - 1000000 * static_cast<std::size_t>(state().calls["cuMemGetInfo_v2"] % 100);
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
