#include "lehr/supervise/kernel_log.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace lehr::supervise {
namespace {

constexpr int most_records = 20000;  // a log that fills faster than we read shall not hold us

}  // namespace

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
