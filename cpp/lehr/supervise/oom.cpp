#include "lehr/supervise/oom.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <sstream>

#include "lehr/supervise/proc.hpp"

namespace lehr::supervise {
namespace {

constexpr int most_records = 20000;  // a log that fills faster than we read shall not hold us

bool has_memory(const std::string& controllers) {
  std::istringstream names(controllers);
  for (std::string name; std::getline(names, name, ',');)
    if (name == "memory") return true;
  return false;
}

}  // namespace

std::int64_t counter_in(const std::string& text, const std::string& key) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.compare(0, key.size(), key) != 0 || line.size() <= key.size() || line[key.size()] != ' ')
      continue;
    std::int64_t value = 0;
    std::from_chars(line.data() + key.size() + 1, line.data() + line.size(), value);
    return value;
  }
  return 0;
}

std::int64_t kernel_oom_kills() {
  std::int64_t total = counter_in(read_file("/proc/vmstat"), "oom_kill");
  std::istringstream entries(read_file("/proc/self/cgroup"));
  for (std::string entry; std::getline(entries, entry);) {  // hierarchy:controllers:path
    const auto first = entry.find(':');
    const auto second = entry.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = entry.substr(first + 1, second - first - 1);
    std::string path = entry.substr(second + 1);
    while (!path.empty() && path.back() == '/') path.pop_back();
    if (controllers.empty())
      total += counter_in(read_file("/sys/fs/cgroup" + path + "/memory.events"), "oom_kill");
    else if (has_memory(controllers))
      total += counter_in(read_file("/sys/fs/cgroup/memory" + path + "/memory.oom_control"), "oom_kill");
  }
  return total;
}

KernelLog::KernelLog(const char* path) : log_(::open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)) {
  if (log_) ::lseek(log_.get(), 0, SEEK_END);
}

std::optional<std::string> KernelLog::kill_of(int pid) {
  std::optional<std::string> found;
  if (!log_) return found;
  std::array<char, 8192> buffer;  // NOLINT: written by the kernel, one record a read
  for (int i = 0; i < most_records; ++i) {
    const auto count = ::read(log_.get(), buffer.data(), buffer.size());
    if (count < 0 && (errno == EPIPE || errno == EINTR))
      continue;  // records were overwritten: read what is left
    if (count <= 0) break;
    if (auto text = parse_oom_record(std::string(buffer.data(), static_cast<std::size_t>(count)), pid))
      found = std::move(text);
  }
  return found;
}

std::optional<std::string> parse_oom_record(const std::string& record, int pid) {
  const std::string words = "Killed process " + std::to_string(pid) + " (";
  if (record.find(words) == std::string::npos) return std::nullopt;
  const auto text = record.find(';');  // priority,sequence,time,flags;text
  const auto begin = text == std::string::npos ? 0 : text + 1;
  return record.substr(begin, record.find('\n', begin) - begin);
}

}  // namespace lehr::supervise
