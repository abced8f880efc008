// The supervisor's thread without an interpreter, for the sanitizers: this program is its own helper. What
// trials do is named by the first letter of their payload.
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <bit>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "lehr/base/error.hpp"
#include "lehr/base/os/clock.hpp"
#include "lehr/supervise/supervisor.hpp"

namespace {

using namespace lehr::supervise;
namespace os = lehr::os;

[[noreturn]] void fail(const char* what, int line) {
  std::fprintf(stderr, "line %d: %s\n", line, what);
  std::exit(1);
}
#define CHECK(condition) \
  if (!(condition)) fail(#condition, __LINE__)

// -- the helper and its trials: one thread, plain system calls
// ----------------------------------------------------------

std::string numbers(std::initializer_list<std::int64_t> values) {
  std::string body;
  for (const std::int64_t value : values)
    for (int shift = 56; shift >= 0; shift -= 8) body.push_back(static_cast<char>((value >> shift) & 0xFF));
  return body;
}

void say(int fd, char kind, const std::string& body) {
  const std::string frame = encode(kind, body);
  if (::write(fd, frame.data(), frame.size()) != static_cast<ssize_t>(frame.size())) ::_exit(1);
}

[[noreturn]] void be_trial(int channel, int payload, int out) {
  char what = 0;
  if (::pread(payload, &what, 1, 0) != 1) ::_exit(1);
  const std::string at = numbers({std::bit_cast<std::int64_t>(os::now())});
  say(channel, 'b', at + "begun");
  if (what == 'h') ::pause();                     // hangs
  if (what == 'k') ::kill(::getppid(), SIGKILL);  // takes its helper along
  if (what == 'k') ::pause();
  if (what == 'n') say(channel, '?', at);  // nonsense
  if (what == 'n') ::pause();
  if (what == 'f') {  // floods
    const std::string line(100'000, 'x');
    for (int i = 0; i < 50; ++i)
      if (::write(out, line.data(), line.size()) < 0) break;
  }
  if (what != 'e') say(channel, 'r', at + "result");  // or leaves without one
  ::_exit(what == 'e' ? 7 : 0);
}

// One command, with its descriptors.
std::string receive(std::vector<int>& descriptors) {
  std::array<char, 65536> buffer{};
  iovec part{buffer.data(), buffer.size()};
  alignas(cmsghdr) std::array<char, 256> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const auto count = ::recvmsg(control_descriptor, &message, 0);
  if (count <= 0) ::_exit(0);
  if (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr && header->cmsg_type == SCM_RIGHTS) {
    descriptors.resize((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    std::memcpy(descriptors.data(), CMSG_DATA(header), descriptors.size() * sizeof(int));
  }
  return {buffer.data(), static_cast<std::size_t>(count)};
}

void run_trial(const std::vector<int>& descriptors) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::setsid();
    be_trial(descriptors[0], descriptors[1], descriptors[4]);
  }
  for (const int fd : descriptors) ::close(fd);
  say(control_descriptor, 'p', numbers({pid}));
  const os::Descriptor pidfd = os::open_pidfd(pid);
  while (true) {
    std::array<pollfd, 2> waited{pollfd{pidfd.get(), POLLIN, 0}, pollfd{control_descriptor, POLLIN, 0}};
    ::poll(waited.data(), waited.size(), -1);
    bool leave = false;
    if (waited[1].revents != 0) {
      std::vector<int> none;
      leave = receive(none).find("leave") != std::string::npos;
      ::kill(-pid, SIGKILL);
    } else if (waited[0].revents == 0) {
      continue;
    }
    int status = 0;
    ::waitpid(pid, &status, 0);
    if (leave) ::_exit(0);
    say(control_descriptor, 'e', numbers({status, 0}));
    return;
  }
}

[[noreturn]] void be_helper() {
  while (true) {
    std::vector<int> descriptors;
    const std::string command = receive(descriptors);
    if (command.find("setup") != std::string::npos) say(control_descriptor, 'r', numbers({1}));
    if (command.find("leave") != std::string::npos) ::_exit(0);
    if (command.find("run") != std::string::npos) run_trial(descriptors);
  }
}

// -- the host
// -----------------------------------------------------------------------------------------------------------

const char* self = nullptr;

Supervisor::Started start(Supervisor& supervisor, const char* program = self) {
  static std::atomic<int> count{0};
  const os::Descriptor log(::memfd_create("log", MFD_CLOEXEC));
  const std::string marker = "LEHR_CPP_TEST=" + std::to_string(::getpid()) + "-" + std::to_string(count++);
  return supervisor.start({{program, "helper"}, {marker}, marker, command_frame(R"({"do": "setup"})"), 30.0},
                          log.get());
}

template <class Value>
Value wait_for(const std::shared_ptr<Answer<Value>>& answer) {
  pollfd waited{answer->descriptor(), POLLIN, 0};
  while (!answer->given()) CHECK(::poll(&waited, 1, 30'000) != 0);
  return answer->value();
}

std::shared_ptr<Answer<Observed>> run(Supervisor& supervisor, const std::shared_ptr<Helper>& helper,
                                      char what, std::optional<double> timeout_s = 30.0) {
  const os::Descriptor payload(::memfd_create("payload", MFD_CLOEXEC));
  CHECK(::write(payload.get(), &what, 1) == 1);
  TrialLimits limits;
  limits.timeout_s = timeout_s;
  limits.memory_bytes = 1e9;
  const int fd = payload.get();
  return supervisor.run(helper, limits, R"({"do": "run"})", fd, fd, fd).answer;
}

void ordinary_ends() {
  Supervisor supervisor;
  const auto helper = start(supervisor);
  CHECK(wait_for(helper.news).death.how.empty());
  for (int i = 0; i < 20; ++i) {
    const Observed seen = wait_for(run(supervisor, helper.helper, 'o'));
    CHECK(seen.record_kind == 'r' && seen.record_body == "result" && seen.killed == KillCause::none);
  }
  const Observed without = wait_for(run(supervisor, helper.helper, 'e'));
  CHECK(without.record_kind == 0 && without.status && WEXITSTATUS(*without.status) == 7);
  const Observed flood = wait_for(run(supervisor, helper.helper, 'f'));
  CHECK(flood.out_total == 5'000'000 && flood.out.size() == Tail::kept_bytes);
  const Observed nonsense = wait_for(run(supervisor, helper.helper, 'n'));
  CHECK(nonsense.killed == KillCause::channel && !nonsense.bad_channel.empty());
  const Observed hung = wait_for(run(supervisor, helper.helper, 'h', 0.05));
  CHECK(hung.killed == KillCause::timeout && hung.seconds >= 0.05 && hung.kill_to_gone_s.has_value());
  CHECK(wait_for(supervisor.stop(helper.helper)).death.how == "closed");
  CHECK(!helper.helper->alive());
}

void a_helper_that_dies() {
  Supervisor supervisor;
  const auto helper = start(supervisor);
  wait_for(helper.news);
  const Observed seen = wait_for(run(supervisor, helper.helper, 'k'));
  CHECK(seen.begun && seen.helper_death.how == "exited" && WTERMSIG(seen.helper_death.status) == SIGKILL);
  CHECK(wait_for(run(supervisor, helper.helper, 'o')).helper_death.how == "exited");
  CHECK(wait_for(supervisor.stop(helper.helper)).death.how == "exited");
}

void a_program_that_does_not_start() {
  Supervisor supervisor;
  CHECK(wait_for(start(supervisor, "/no/such/program").news).death.how.find("No such file") !=
        std::string::npos);
  CHECK(wait_for(start(supervisor, "/bin/false").news).death.how == "exited");
}

void several_threads() {
  Supervisor supervisor;
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i)
    threads.emplace_back([&supervisor] {
      const auto helper = start(supervisor);
      wait_for(helper.news);
      for (int j = 0; j < 5; ++j) {
        CHECK(wait_for(run(supervisor, helper.helper, 'o')).record_kind == 'r');
        CHECK(wait_for(run(supervisor, helper.helper, 'h', 0.02)).killed == KillCause::timeout);
      }
    });
  for (std::thread& thread : threads) thread.join();
}

void closed_in_the_middle() {
  auto supervisor = std::make_unique<Supervisor>();
  const auto helper = start(*supervisor);
  wait_for(helper.news);
  const auto answer = run(*supervisor, helper.helper, 'h');
  ::usleep(50'000);
  std::thread closing([&supervisor] { supervisor->close(); });
  supervisor->close();
  closing.join();
  CHECK(wait_for(answer).helper_death.how == "closed");
  CHECK(wait_for(run(*supervisor, helper.helper, 'o')).helper_death.how == "closed");
  CHECK(wait_for(start(*supervisor).news).death.how == "closed");
  CHECK(wait_for(supervisor->stop(helper.helper)).death.how == "closed");
}

}  // namespace

int main(int count, char** arguments) {
  if (count > 1 && std::strcmp(arguments[1], "helper") == 0) be_helper();
  std::array<char, 4096> path{};
  CHECK(::readlink("/proc/self/exe", path.data(), path.size() - 1) > 0);
  self = path.data();
  ordinary_ends();
  a_helper_that_dies();
  a_program_that_does_not_start();
  several_threads();
  closed_in_the_middle();
  return 0;
}
