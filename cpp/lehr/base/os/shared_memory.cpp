#include "lehr/base/os/shared_memory.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <functional>
#include <memory>
#include <optional>

namespace lehr::os {
namespace {

constexpr const char* folder = "/dev/shm";
constexpr std::string_view in_folder = "/dev/shm/";
constexpr std::string_view without_a_name = "/memfd:";
constexpr std::string_view ours = "/memfd:lehr-trial";  // what lehr itself gives to a trial
constexpr std::string_view deleted = " (deleted)";
constexpr std::string_view segment_mapping = "/SYSV";

bool starts_with(std::string_view text, std::string_view beginning) {
  return text.substr(0, beginning.size()) == beginning;
}

bool ends_deleted(std::string_view path) {
  return path.size() > deleted.size() && path.substr(path.size() - deleted.size()) == deleted;
}

void for_each_name(const std::string& path, const std::function<void(const std::string&)>& look) {
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(path.c_str()), &::closedir);
  if (!directory) return;
  while (const dirent* entry = ::readdir(directory.get()))
    if (entry->d_name[0] != '.') look(path + "/" + entry->d_name);
}

template <class Number>
bool take_number(std::string_view& text, Number& value, int base = 10) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (read.ec != std::errc()) return false;
  text.remove_prefix(static_cast<std::size_t>(read.ptr - text.data()));
  return true;
}

void for_each_line(std::string_view text, const std::function<void(std::string_view)>& look) {
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    look(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

std::vector<Segment> segments() { return parse_segments(read_file("/proc/sysvipc/shm")); }

bool made_by(const Segment& segment, const std::vector<Process>& processes) {
  return std::any_of(processes.begin(), processes.end(),
                     [&](const Process& process) { return process.pid == segment.creator; });
}

}  // namespace

std::vector<MemoryFile> open_memory_files(int pid) {
  std::vector<MemoryFile> found;
  for_each_name("/proc/" + std::to_string(pid) + "/fd", [&](const std::string& name) {
    std::array<char, 512> target{};
    const auto length = ::readlink(name.c_str(), target.data(), target.size());
    const std::string_view path(target.data(), static_cast<std::size_t>(std::max<ssize_t>(length, 0)));
    const bool named = starts_with(path, in_folder);
    if ((!named && !starts_with(path, without_a_name)) || starts_with(path, ours)) return;
    struct stat status{};
    if (::stat(name.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return;
    found.push_back({status.st_dev, status.st_ino, static_cast<std::int64_t>(status.st_blocks) * 512,
                     named && !ends_deleted(path) ? std::string(path) : std::string()});
  });
  return found;
}

std::vector<Segment> parse_segments(std::string_view text) {
  // key shmid perms size cpid lpid nattch uid gid cuid cgid atime dtime ctime rss swap
  std::vector<Segment> found;
  for_each_line(text, [&](std::string_view line) {
    std::array<std::int64_t, 16> fields{};
    for (std::int64_t& field : fields)
      if (!take_number(line, field)) return;
    found.push_back({static_cast<int>(fields[1]), static_cast<int>(fields[4]), static_cast<int>(fields[6]),
                     static_cast<std::uint64_t>(fields[7]), fields[14]});
  });
  return found;
}

namespace {

// A line of /proc/PID/maps, or the first of a mapping in smaps: start-end perms offset dev inode path.
struct Mapping {
  std::uint64_t device = 0, inode = 0;
  std::string_view path;
};

std::optional<Mapping> parse_mapping(std::string_view line) {
  if (line.find('-') == std::string_view::npos || line.find('-') > line.find(' ')) return std::nullopt;
  const auto next_word = [&line] {
    line.remove_prefix(std::min(line.find(' '), line.size()));
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  };
  Mapping mapping;
  for (int field = 0; field < 3; ++field) next_word();
  unsigned major = 0, minor = 0;
  if (!take_number(line, major, 16) || line.empty()) return std::nullopt;
  line.remove_prefix(1);  // the colon
  if (!take_number(line, minor, 16) || !take_number(line, mapping.inode)) return std::nullopt;
  mapping.device = makedev(major, minor);
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  mapping.path = line;
  return mapping;
}

bool in_memory(std::string_view path) {
  return starts_with(path, in_folder) || starts_with(path, without_a_name) ||
         starts_with(path, segment_mapping);
}

}  // namespace

std::vector<MemoryFile> mapped_memory_files(std::string_view maps, std::set<std::uint64_t>& inodes) {
  std::vector<MemoryFile> found;
  for_each_line(maps, [&](std::string_view line) {
    const auto mapping = parse_mapping(line);
    if (!mapping || !in_memory(mapping->path)) return;
    inodes.insert(mapping->inode);
    if (starts_with(mapping->path, in_folder) && !ends_deleted(mapping->path))
      found.push_back({mapping->device, mapping->inode, 0, std::string(mapping->path)});
  });
  return found;
}

std::int64_t parse_mapped(std::string_view smaps, const std::set<std::uint64_t>& inodes) {
  std::int64_t total = 0;
  bool counts = false;
  for_each_line(smaps, [&](std::string_view line) {
    if (const auto mapping = parse_mapping(line)) {
      counts = in_memory(mapping->path) && inodes.count(mapping->inode) > 0;
    } else if (counts && starts_with(line, "Pss:")) {
      line.remove_prefix(4);
      std::int64_t kilobytes = 0;
      if (take_number(line, kilobytes)) total += kilobytes * 1024;
    }
  });
  return total;
}

SharedMemory::SharedMemory() {
  for_each_name(folder, [&](const std::string& path) {
    struct stat status{};
    if (::lstat(path.c_str(), &status) == 0) files_before_.emplace(status.st_dev, status.st_ino);
  });
  for (const Segment& segment : segments()) segments_before_.insert(segment.id);
}

void SharedMemory::look(const std::vector<Process>& living, const std::vector<Process>& seen) {
  constexpr std::size_t most = 16U << 20U;
  std::set<Identity> counted;
  std::set<std::uint64_t> held, mapped;
  std::int64_t total = 0;
  const auto remember = [this](const MemoryFile& file) {
    const auto same = [&](const MemoryFile& other) {
      return other.device == file.device && other.inode == file.inode;
    };
    if (!file.path.empty() && files_before_.count({file.device, file.inode}) == 0 &&
        std::none_of(named_.begin(), named_.end(), same))
      named_.push_back(file);
  };
  for (const Process& process : living) {
    for (const MemoryFile& file : open_memory_files(process.pid)) {
      remember(file);
      const Identity identity(file.device, file.inode);
      if (files_before_.count(identity) > 0 || !counted.insert(identity).second) continue;
      total += file.bytes;
      held.insert(file.inode);
    }
    const std::string maps = read_file("/proc/" + std::to_string(process.pid) + "/maps", most);
    for (const MemoryFile& file : mapped_memory_files(maps, mapped)) remember(file);
  }
  // Files whose descriptors are closed, or whose process is gone, take their room all the same.
  for (const MemoryFile& file : named_) {
    struct stat status{};
    if (counted.count({file.device, file.inode}) > 0 || ::lstat(file.path.c_str(), &status) != 0) continue;
    if (status.st_dev != file.device || status.st_ino != file.inode) continue;
    total += static_cast<std::int64_t>(status.st_blocks) * 512;
    held.insert(file.inode);
  }
  for (const Segment& segment : segments())
    if (segments_before_.count(segment.id) == 0 && made_by(segment, seen)) {
      total += segment.bytes;
      held.insert(static_cast<std::uint64_t>(segment.id));
    }
  const auto is_mapped = [&](std::uint64_t inode) { return mapped.count(inode) > 0; };
  if (std::any_of(held.begin(), held.end(), is_mapped))  // seldom, and worth the milliseconds that it takes
    for (const Process& process : living)
      total -= parse_mapped(read_file("/proc/" + std::to_string(process.pid) + "/smaps", most), held);
  unmapped_ = static_cast<double>(std::max<std::int64_t>(total, 0));
}

std::size_t SharedMemory::remove(const std::vector<Process>& seen) {
  std::size_t removed = 0;
  for (const MemoryFile& file : named_) {
    struct stat status{};
    if (::lstat(file.path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
    if (status.st_dev != file.device || status.st_ino != file.inode || status.st_uid != ::geteuid()) continue;
    removed += ::unlink(file.path.c_str()) == 0 ? 1 : 0;
  }
  for (const Segment& segment : segments()) {
    if (segments_before_.count(segment.id) > 0 || segment.attached > 0 || !made_by(segment, seen)) continue;
    removed += segment.owner == ::geteuid() && ::shmctl(segment.id, IPC_RMID, nullptr) == 0 ? 1 : 0;
  }
  return removed;
}

}  // namespace lehr::os
