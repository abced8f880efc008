// Streams whose clocks move by the work put on them, events, capture and graphs.
#include <algorithm>
#include <cmath>

#include "books.hpp"

namespace fake {

// A handle that nobody made here is another library's stream, of the first device unless fake_stream said
// more.
Stream& stream_of(void* handle) {
  const std::scoped_lock lock(state().mutex);
  Stream& stream = state().streams[handle];
  if (stream.context == nullptr) stream.context = &state().primary[0];
  return stream;
}

bool in_context(const Stream& stream) { return !current.empty() && current.back() == stream.context; }

namespace {

bool special(void* handle) { return reinterpret_cast<std::size_t>(handle) <= 2; }

// The streams that every context has belong to the current one.
Stream& here(void* handle) {
  const std::scoped_lock lock(state().mutex);
  if (special(handle) && !current.empty()) {
    Stream& stream =
        state().streams[reinterpret_cast<char*>(current.back()) + reinterpret_cast<std::size_t>(handle)];
    stream.context = current.back();
    return stream;
  }
  return stream_of(handle);
}

void put(Stream& stream, double ms) {
  const std::scoped_lock lock(state().mutex);
  if (state().real) stream.busy_until = std::max(stream.busy_until, now_ms());
  stream.busy_until += ms;
}

}  // namespace
}  // namespace fake

using namespace fake;

EXPORT int cuStreamCreate(void** handle, unsigned flags) {
  if (const int code = enter_context("cuStreamCreate"); code != ok) return code;
  if (flags != 1) return misuse(invalid_value);  // one that waits for the legacy stream
  const std::scoped_lock lock(state().mutex);
  *handle = new char;
  state().streams[*handle] = {current.back(), true, 0};
  return ok;
}
EXPORT int cuStreamDestroy_v2(void* handle) {
  const int code = enter_context("cuStreamDestroy_v2");
  const std::scoped_lock lock(state().mutex);
  const auto found = state().streams.find(handle);
  if (found == state().streams.end() || !found->second.created_here) return misuse(invalid_handle);
  state().streams.erase(found);
  delete static_cast<char*>(handle);
  return code;
}
EXPORT int cuStreamSynchronize(void* handle) {
  if (const int code = enter_unsafe("cuStreamSynchronize"); code != ok) return code;
  if (special(handle)) return misuse(invalid_handle);  // it waits for other libraries
  if (state().hangs) ++state().blocked;
  sleep_until(here(handle).busy_until);
  return ok;
}
EXPORT int cuStreamGetCtx(void* handle, void** context) {
  if (const int code = enter("cuStreamGetCtx"); code != ok) return code;
  if (special(handle)) return misuse(invalid_handle);
  *context = stream_of(handle).context;
  return ok;
}
EXPORT int cuEventCreate(void** event, unsigned) {
  if (const int code = enter_context("cuEventCreate"); code != ok) return code;
  *event = new Event{current.back()};
  state().events.insert(*event);
  return ok;
}
EXPORT int cuEventDestroy_v2(void* event) {
  if (state().events.erase(event) == 0) return misuse(invalid_handle);
  delete static_cast<Event*>(event);
  return ok;
}
EXPORT int cuEventRecord(void* event, void* handle) {
  State& s = state();
  if (const int code = enter_context("cuEventRecord"); code != ok) return code;
  if (s.events.count(event) == 0 || s.captured != nullptr) return misuse(invalid_handle);
  Event& e = *static_cast<Event*>(event);
  Stream& stream = here(handle);
  if (stream.context != e.context) return invalid_handle;
  put(stream, 0);
  e.at = stream.busy_until;
  e.lag = s.lag;
  if (++s.pairs % 2 == 0 && ++s.in_flight > s.most) s.most = s.in_flight;
  return ok;
}
EXPORT int cuEventQuery(void* event) {
  State& s = state();
  if (const int code = enter_unsafe("cuEventQuery"); code != ok) return code;
  Event& e = *static_cast<Event*>(event);
  if (s.events.count(event) == 0 || e.at < 0) return misuse(invalid_handle);
  if (s.hangs || (s.real && now_ms() < e.at)) return not_ready;
  return e.lag-- > 0 ? not_ready : ok;
}
EXPORT int cuEventElapsedTime(float* ms, void* from, void* to) {
  State& s = state();
  if (const int code = enter("cuEventElapsedTime"); code != ok) return code;
  const Event &a = *static_cast<Event*>(from), &b = *static_cast<Event*>(to);
  if (s.events.count(from) == 0 || s.events.count(to) == 0 || b.at < a.at) return misuse(invalid_handle);
  *ms = static_cast<float>(b.at - a.at);
  --s.in_flight;
  return ok;
}
EXPORT int cuStreamBeginCapture_v2(void* handle, int mode) {
  State& s = state();
  if (const int code = enter_context("cuStreamBeginCapture_v2"); code != ok) return code;
  if (special(handle)) return capture_unsupported;
  if (s.captured != nullptr || mode != 1) return misuse(invalid_value);
  s.capturing = handle;
  s.captured = new Graph{current.back(), {}, 0};
  return ok;
}
EXPORT int cuStreamEndCapture(void* handle, void** graph) {
  State& s = state();
  if (s.captured == nullptr || handle != s.capturing) return misuse(invalid_value);
  Graph* const made = s.captured;
  s.captured = nullptr;
  if (const int code = enter_context("cuStreamEndCapture"); code != ok) {
    delete made;
    return code;
  }
  s.graphs.insert(made);
  *graph = made;
  return ok;
}
EXPORT int cuGraphGetNodes(void* graph, void*, std::size_t* count) {
  *count = static_cast<Graph*>(graph)->work.size();
  return enter("cuGraphGetNodes");
}
EXPORT int cuGraphInstantiateWithFlags(void** executable, void* graph, unsigned long long) {
  if (const int code = enter_context("cuGraphInstantiateWithFlags"); code != ok) return code;
  if (state().graphs.count(graph) == 0) return misuse(invalid_handle);
  *executable = new Graph(*static_cast<Graph*>(graph));
  state().executables.insert(*executable);
  return ok;
}
EXPORT int cuGraphLaunch(void* executable, void* handle) {
  if (const int code = enter_context("cuGraphLaunch"); code != ok) return code;
  if (state().executables.count(executable) == 0) return misuse(invalid_handle);
  Graph& graph = *static_cast<Graph*>(executable);
  Stream& stream = here(handle);
  for (const double ms : graph.work) put(stream, ms);
  graph.busy_until = stream.busy_until;
  return ok;
}
EXPORT int cuGraphExecDestroy(void* executable) {
  if (state().executables.erase(executable) == 0) return misuse(invalid_handle);
  Graph* const graph = static_cast<Graph*>(executable);
  if (state().hangs || (state().real && now_ms() < graph->busy_until))
    misuse(invalid_value);  // it still runs
  delete graph;
  return ok;
}
EXPORT int cuGraphDestroy(void* graph) {
  if (state().graphs.erase(graph) == 0) return misuse(invalid_handle);
  delete static_cast<Graph*>(graph);
  return ok;
}

// What a callee does: work on a stream, for some of the GPU's time.
struct Work {
  void* stream;
  double ms;
};
EXPORT void fake_work(void* context) {
  const Work& work = *static_cast<Work*>(context);
  State& s = state();
  if (s.captured != nullptr && work.stream == s.capturing) {
    s.captured->work.push_back(work.ms);
  } else {
    put(here(work.stream), work.ms);
  }
}
// A kernel that never ends.
EXPORT void fake_hang(void*) { state().hangs = true; }
EXPORT int fake_capturing() { return state().captured != nullptr ? 1 : 0; }
EXPORT void fake_stream(void* handle, int ordinal) {
  state().streams[handle] = {&state().primary[ordinal], false, 0};
}
EXPORT void fake_behave(int lag, int hangs, int context, int real) {
  State& s = state();
  s.lag = lag;
  s.hangs = hangs != 0;
  s.real = real != 0;
  for (Context& primary : s.primary) primary.used_elsewhere = context != 0;
  s.most = s.in_flight = s.pairs = 0;
  std::erase_if(s.streams, [](const auto& entry) { return !entry.second.created_here; });
}
// What hung and was left to the device is gone, as it is when a process ends.
EXPORT void fake_leave_all() {
  State& s = state();
  s.hangs = false;
  s.events.clear();
  s.graphs.clear();
  s.executables.clear();
  current.clear();
  for (Context& primary : s.primary) primary.retained = 0;
}
EXPORT long fake_most_in_flight() { return state().most; }
EXPORT long fake_stream_left_ms(void* handle) {
  return std::lround(std::max(0.0, here(handle).busy_until - now_ms()));
}
EXPORT int fake_hangs() { return state().hangs ? 1 : 0; }
