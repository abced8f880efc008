#include "lehr/base/os/proc.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <memory>

#include "lehr/base/os/descriptor.hpp"
#include "lehr/base/os/priority.hpp"

namespace lehr::os {
namespace {

template <class Number>
std::optional<Number> number_in(std::string_view text) {
  Number value{};
  const auto begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return std::nullopt;
  const auto read = std::from_chars(text.data() + begin, text.data() + text.size(), value);
  return read.ec == std::errc() ? std::optional(value) : std::nullopt;
}

// The kilobytes behind "Key:", in bytes.
std::optional<std::int64_t> kilobytes(std::string_view text, std::string_view key) {
  for (std::size_t at = text.find(key); at != std::string_view::npos; at = text.find(key, at + 1)) {
    const bool starts_line = at == 0 || text[at - 1] == '\n';
    if (!starts_line || text.substr(at + key.size(), 1) != ":") continue;
    if (const auto value = number_in<std::int64_t>(text.substr(at + key.size() + 1))) return *value * 1024;
  }
  return std::nullopt;
}

std::vector<int> numbers_in_directory(const std::string& path) {
  std::vector<int> numbers;
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(path.c_str()), &::closedir);
  if (!directory) return numbers;
  while (const dirent* entry = ::readdir(directory.get())) {
    const std::string_view name(entry->d_name);
    if (!name.empty() && name.find_first_not_of("0123456789") == std::string_view::npos)
      if (const auto number = number_in<int>(name)) numbers.push_back(*number);
  }
  return numbers;
}

struct Stat {
  char state = 'X';
  int parent = 0;
  std::uint64_t started = 0;
};

std::string directory_of(int pid, const std::string& root) { return root + "/proc/" + std::to_string(pid); }

std::optional<Stat> read_stat(int pid, const std::string& root) {
  const std::string text = read_file(directory_of(pid, root) + "/stat");
  const auto close = text.rfind(')');  // the name before it may hold anything
  if (close == std::string::npos) return std::nullopt;
  std::string_view rest = std::string_view(text).substr(close + 1);
  Stat stat;
  for (int field = 3; field <= 22; ++field) {  // fields are numbered as in proc(5)
    rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
    const std::string_view word = rest.substr(0, rest.find(' '));
    if (word.empty()) return std::nullopt;
    if (field == 3) stat.state = word.front();
    if (field == 4) stat.parent = number_in<int>(word).value_or(0);
    if (field == 22) stat.started = number_in<std::uint64_t>(word).value_or(0);
    rest.remove_prefix(word.size());
  }
  return stat;
}

}  // namespace

std::string read_file(const std::string& path, std::size_t limit) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  std::string text;
  if (!file) return text;
  constexpr std::size_t chunk = 4096;
  while (text.size() < limit) {
    const std::size_t before = text.size();
    text.resize(before + chunk);
    const auto count = ::read(file.get(), text.data() + before, chunk);
    text.resize(before + static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
    if (count <= 0) break;
  }
  return text;
}

std::optional<Usage> parse_status(std::string_view text) {
  const auto anonymous = kilobytes(text, "RssAnon");
  if (!anonymous) return std::nullopt;
  return Usage{*anonymous + kilobytes(text, "RssShmem").value_or(0), kilobytes(text, "VmHWM").value_or(0),
               kilobytes(text, "VmData").value_or(0)};
}

std::optional<Usage> read_usage(int pid, const std::string& root) {
  return parse_status(read_file(directory_of(pid, root) + "/status"));
}

Rollup parse_rollup(std::string_view text) {
  return {kilobytes(text, "Pss_Anon").value_or(0) + kilobytes(text, "Pss_Shmem").value_or(0),
          kilobytes(text, "Private_Dirty").value_or(0)};
}

Rollup read_rollup(int pid, const std::string& root) {
  return parse_rollup(read_file(directory_of(pid, root) + "/smaps_rollup"));
}

std::optional<Process> identify(int pid, const std::string& root) {
  const auto stat = read_stat(pid, root);
  if (!stat) return std::nullopt;
  return Process{pid, stat->started};
}

int parent_of(int pid, const std::string& root) {
  const auto stat = read_stat(pid, root);
  return stat ? stat->parent : 0;
}

int pid_of(int pidfd) {
  const std::string text = read_file("/proc/self/fdinfo/" + std::to_string(pidfd));
  const auto at = text.find("Pid:");
  if (at == std::string::npos) return 0;
  return std::max(number_in<int>(std::string_view(text).substr(at + 4)).value_or(0), 0);
}

std::vector<int> threads_of(int pid, const std::string& root) {
  return numbers_in_directory(directory_of(pid, root) + "/task");
}

std::vector<int> children_of(int pid, const std::string& root) {
  std::vector<int> found;
  const std::string tasks = directory_of(pid, root) + "/task";
  for (const int thread : threads_of(pid, root)) {
    const std::string path = tasks + "/" + std::to_string(thread) + "/children";
    const std::string text = read_file(path);
    if (text.empty() && ::access(path.c_str(), F_OK) != 0 && ::access(tasks.c_str(), F_OK) == 0) {
      found.clear();  // a kernel without this file: look at everybody
      for (const int other : numbers_in_directory(root + "/proc"))
        if (const auto stat = read_stat(other, root); stat && stat->parent == pid) found.push_back(other);
      return found;
    }
    for (std::string_view rest(text); !rest.empty();) {
      const auto end = std::min(rest.find(' '), rest.size());
      if (const auto number = number_in<int>(rest.substr(0, end))) found.push_back(*number);
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
  return found;
}

std::vector<Process> descendants_of(int pid, const std::string& root) {
  std::vector<Process> found;
  std::vector<int> frontier = children_of(pid, root);
  for (std::size_t depth = 0; !frontier.empty() && depth < 4096; ++depth) {
    std::vector<int> next;
    for (const int child : frontier) {
      if (const auto process = identify(child, root)) found.push_back(*process);
      const std::vector<int> below = children_of(child, root);
      next.insert(next.end(), below.begin(), below.end());
    }
    frontier = std::move(next);
  }
  return found;
}

std::vector<Process> processes_with(const std::string& entry) {
  std::vector<Process> found;
  for (const int pid : numbers_in_directory("/proc")) {
    const std::string environment = read_file("/proc/" + std::to_string(pid) + "/environ");
    for (std::size_t at = environment.find(entry); at != std::string::npos;
         at = environment.find(entry, at + 1)) {
      const bool begins = at == 0 || environment[at - 1] == '\0';
      const std::size_t end = at + entry.size();
      if (begins && (end == environment.size() || environment[end] == '\0')) {
        if (const auto process = identify(pid)) found.push_back(*process);
        break;
      }
    }
  }
  return found;
}

bool kill_process(const Process& process) noexcept {
  const Descriptor pidfd = open_pidfd(process.pid);
  if (!pidfd) return errno == EMFILE || errno == ENFILE;  // then it cannot be looked at, and may be there
  // The descriptor holds on to whoever has the number now; if he started when ours did, he is ours.
  try {
    if (identify(process.pid) != process) return false;
  } catch (...) {
    return false;  // no memory to look with
  }
  if (!send_signal(pidfd, SIGKILL)) return false;
  hurry(process.pid);
  return true;
}

}  // namespace lehr::os
