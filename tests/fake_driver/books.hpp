// A driver library without a GPU. It keeps the books of a strict driver (every call in the right context,
// every address and length inside an allocation, nothing given back twice, nothing used after it was), runs
// the real kernel's body in a loop, moves the clocks of streams by the work put on them, and fails, lags and
// hangs where it is told to: by the environment, or by fake_* from the test's process.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace fake {

enum : int {
  ok = 0,
  invalid_value = 1,
  out_of_memory = 2,
  not_initialized = 3,
  no_device = 100,
  invalid_image = 200,
  invalid_context = 201,
  invalid_handle = 400,
  not_found = 500,
  context_is_destroyed = 709,
  not_ready = 600,
  capture_unsupported = 900,
  capture_invalidated = 901,
};

constexpr int first_device = 40;  // the handle of ordinal 0
constexpr int most_devices = 4;

struct Context {
  long retained = 0;
  bool used_elsewhere = false;  // another library of the process holds it as well
  bool destroyed = false;       // reset since it was last retained
};

struct Event {
  Context* context = nullptr;
  double at = -1;  // ms; < 0: not recorded
  int lag = 0;     // so many queries answer "not ready"
};

struct Graph {
  Context* context = nullptr;
  std::vector<double> work;
  double busy_until = 0;  // of its last launch
};

struct Stream {
  Context* context = nullptr;
  bool created_here = false;
  double busy_until = 0;  // ms
};

struct State {
  std::recursive_mutex mutex;
  pid_t process = 0;  // that called cuInit
  Context primary[most_devices];
  std::set<void*> modules;
  std::map<unsigned long long, std::size_t> allocations;
  std::set<void*> events, graphs, executables;
  std::map<void*, Stream> streams;

  void* capturing = nullptr;  // a stream; 0x1 where none is
  Graph* captured = nullptr;
  bool foreign_capture = false;  // another thread captures, in the global mode
  long captures_broken = 0;

  std::map<std::string, long> calls;
  std::string order;  // names of all calls, one a line
  std::string fail_name;
  long fail_at = 0;
  int fail_code = 0;
  bool sticky = false;
  int stuck = ok;  // a sticky failure
  long misuses = 0, blocked = 0;

  bool real = false;  // streams take wall time; otherwise their clocks jump
  bool hangs = false;
  int lag = 0;
  long in_flight = 0, most = 0, pairs = 0;
};

State& state();
extern thread_local std::vector<Context*> current;
extern thread_local int capture_mode;  // of this thread: 0 global, 1 thread-local, 2 relaxed

const char* setting(const char* name);
int number(const char* name, int otherwise);
double now_ms();
int misuse(int code);

// Counts the call; an error code when it is to fail.
int enter(const char* name);
// As enter, in a context.
int enter_context(const char* name);
// As enter_context; breaks another thread's capture unless this thread is in the relaxed mode.
int enter_unsafe(const char* name);

Stream& stream_of(void* handle);
bool in_context(const Stream& stream);
// Ms until everything is done; infinite when the device hangs.
double left_ms();
void sleep_until(double ms);
long contexts_held();

}  // namespace fake

EXPORT void fake_reset_device();
