// A driver library without a GPU, for timing: streams whose clock moves by the work put on them. Strict: what
// is used after it was given back, or twice, counts as a misuse. It fails, lags and hangs where it is told
// to.
#include <cstddef>
#include <cstring>
#include <map>
#include <set>
#include <string>
#include <vector>

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {

struct Event {
  double at = -1;
  int lag = 0;
};
struct Graph {
  std::vector<double> work;
};

struct State {
  std::map<std::string, long> calls;
  std::string fail_name;
  long fail_at = 0;
  int fail_code = 0;
  bool context = false, hangs = false;
  int lag = 0;
  long retained = 0, pushed = 0, misuses = 0, in_flight = 0, most = 0;
  std::set<void*> events, graphs, executables;
  std::map<void*, double> clocks;
  void* capturing = nullptr;
  bool captures = false;
  Graph* captured = nullptr;
};

State& state() {
  static State only;
  return only;
}

int enter(const char* name) {
  State& s = state();
  const long count = ++s.calls[name];
  return s.fail_name == name && s.fail_at == count ? s.fail_code : 0;
}

int misuse() {
  ++state().misuses;
  return 1;
}

}  // namespace

EXPORT int cuInit(unsigned) { return enter("cuInit"); }
EXPORT int cuDeviceGet(int* device, int) {
  *device = 40;
  return enter("cuDeviceGet");
}
EXPORT int cuCtxGetCurrent(void** context) {
  *context = state().context ? &state() : nullptr;
  return enter("cuCtxGetCurrent");
}
EXPORT int cuDevicePrimaryCtxRetain(void** context, int) {
  if (const int code = enter("cuDevicePrimaryCtxRetain"); code != 0) return code;
  ++state().retained;
  *context = &state();
  return 0;
}
EXPORT int cuDevicePrimaryCtxRelease_v2(int) {
  --state().retained;
  return 0;
}
EXPORT int cuCtxPushCurrent_v2(void*) {
  if (const int code = enter("cuCtxPushCurrent_v2"); code != 0) return code;
  ++state().pushed;
  return 0;
}
EXPORT int cuCtxPopCurrent_v2(void**) {
  --state().pushed;
  return 0;
}
EXPORT int cuMemGetInfo_v2(std::size_t* free, std::size_t* total) {
  *total = 1000000000;
  *free = 900000000 - 1000000 * static_cast<std::size_t>(state().calls["cuMemGetInfo_v2"]);
  return enter("cuMemGetInfo_v2");
}
EXPORT int cuEventCreate(void** event, unsigned) {
  if (const int code = enter("cuEventCreate"); code != 0) return code;
  *event = new Event;
  state().events.insert(*event);
  return 0;
}
EXPORT int cuEventDestroy_v2(void* event) {
  if (state().events.erase(event) == 0) return misuse();
  delete static_cast<Event*>(event);
  return 0;
}
EXPORT int cuEventRecord(void* event, void* stream) {
  State& s = state();
  if (const int code = enter("cuEventRecord"); code != 0) return code;
  if (s.events.count(event) == 0 || s.captures) return misuse();
  *static_cast<Event*>(event) = {s.clocks[stream], s.lag};
  if (s.calls["cuEventRecord"] % 2 == 0 && ++s.in_flight > s.most) s.most = s.in_flight;
  return 0;
}
EXPORT int cuEventQuery(void* event) {
  State& s = state();
  if (const int code = enter("cuEventQuery"); code != 0) return code;
  Event& e = *static_cast<Event*>(event);
  if (s.events.count(event) == 0 || e.at < 0) return misuse();
  if (s.hangs) return 600;
  return e.lag-- > 0 ? 600 : 0;
}
EXPORT int cuEventElapsedTime(float* ms, void* from, void* to) {
  State& s = state();
  if (const int code = enter("cuEventElapsedTime"); code != 0) return code;
  const Event &a = *static_cast<Event*>(from), &b = *static_cast<Event*>(to);
  if (s.events.count(from) == 0 || s.events.count(to) == 0 || b.at < a.at) return misuse();
  *ms = static_cast<float>(b.at - a.at);
  --s.in_flight;
  return 0;
}
EXPORT int cuStreamBeginCapture_v2(void* stream, int mode) {
  State& s = state();
  if (const int code = enter("cuStreamBeginCapture_v2"); code != 0) return code;
  if (stream == nullptr) return 900;  // the legacy stream
  if (s.captures || mode != 1) return misuse();
  s.captures = true;
  s.capturing = stream;
  s.captured = new Graph;
  return 0;
}
EXPORT int cuStreamEndCapture(void* stream, void** graph) {
  State& s = state();
  if (!s.captures || stream != s.capturing) return misuse();
  s.captures = false;
  if (const int code = enter("cuStreamEndCapture"); code != 0) {
    delete s.captured;
    return code;
  }
  s.graphs.insert(s.captured);
  *graph = s.captured;
  return 0;
}
EXPORT int cuGraphGetNodes(void* graph, void*, std::size_t* count) {
  *count = static_cast<Graph*>(graph)->work.size();
  return enter("cuGraphGetNodes");
}
EXPORT int cuGraphInstantiateWithFlags(void** executable, void* graph, unsigned long long) {
  if (const int code = enter("cuGraphInstantiateWithFlags"); code != 0) return code;
  if (state().graphs.count(graph) == 0) return misuse();
  *executable = new Graph(*static_cast<Graph*>(graph));
  state().executables.insert(*executable);
  return 0;
}
EXPORT int cuGraphLaunch(void* executable, void* stream) {
  if (const int code = enter("cuGraphLaunch"); code != 0) return code;
  if (state().executables.count(executable) == 0) return misuse();
  for (const double ms : static_cast<Graph*>(executable)->work) state().clocks[stream] += ms;
  return 0;
}
EXPORT int cuGraphExecDestroy(void* executable) {
  if (state().executables.erase(executable) == 0) return misuse();
  delete static_cast<Graph*>(executable);
  return 0;
}
EXPORT int cuGraphDestroy(void* graph) {
  if (state().graphs.erase(graph) == 0) return misuse();
  delete static_cast<Graph*>(graph);
  return 0;
}
EXPORT int cuGetErrorName(int, const char** text) {
  *text = "CUDA_ERROR_FAKE";
  return 0;
}
EXPORT int cuGetErrorString(int, const char** text) {
  *text = "made up by the test";
  return 0;
}

// What a callee does: work on a stream, for 2.5 ms of the GPU's time.
struct Work {
  void* stream;
  double ms;
};
EXPORT void fake_work(void* context) {
  const Work& work = *static_cast<Work*>(context);
  State& s = state();
  if (s.captures && work.stream == s.capturing) {
    s.captured->work.push_back(work.ms);
  } else {
    s.clocks[work.stream] += work.ms;
  }
}
EXPORT void fake_fail(const char* name, long nth, int code) {
  State& s = state();
  s.fail_name = name;
  s.fail_at = s.calls[name] + nth;
  s.fail_code = code;
}
EXPORT void fake_behave(int lag, int hangs, int context) {
  State& s = state();
  s.lag = lag;
  s.hangs = hangs != 0;
  s.context = context != 0;
  s.most = s.in_flight = 0;
  s.calls["cuEventRecord"] = 0;
}
EXPORT long fake_held() {
  const State& s = state();
  return s.retained + s.pushed + static_cast<long>(s.events.size() + s.graphs.size() + s.executables.size()) +
         (s.captures ? 1 : 0);
}
EXPORT long fake_capturing() { return state().captures ? 1 : 0; }
EXPORT long fake_misuses() { return state().misuses; }
EXPORT long fake_most_in_flight() { return state().most; }
EXPORT long fake_calls(const char* name) { return state().calls[name]; }
