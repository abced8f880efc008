// The last bytes of an endless stream, in bounded memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "lehr/base/os/descriptor.hpp"

namespace lehr::supervise {

class Tail {
 public:
  static constexpr std::size_t kept_bytes = 8 * 1024;

  Tail() = default;
  explicit Tail(os::Descriptor stream) : stream_(std::move(stream)) {}

  // Reads once, at most 64 KiB. False at the end of the stream; an empty pipe is not its end.
  bool read_once();
  // Reads what is in the pipe, without waiting for writers, and at most 1 MiB of it: a writer that outlives
  // SIGKILL may still write.
  void read_rest();
  const os::Descriptor& stream() const noexcept { return stream_; }
  bool open() const noexcept { return static_cast<bool>(stream_); }
  void close() noexcept { stream_.reset(); }
  std::uint64_t total() const noexcept { return total_; }
  std::string text() const;  // the last 8 KiB

 private:
  os::Descriptor stream_;
  std::string kept_;
  std::uint64_t total_ = 0;
};

}  // namespace lehr::supervise
