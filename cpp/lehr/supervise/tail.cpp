#include "lehr/supervise/tail.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace lehr::supervise {

bool Tail::read_once() {
  static thread_local std::array<char, 64 * 1024> buffer;
  const auto count = ::read(stream_.get(), buffer.data(), buffer.size());
  if (count < 0) return errno == EAGAIN || errno == EINTR;
  const auto got = static_cast<std::size_t>(count);
  total_ += got;
  const std::size_t useful = std::min(got, kept_bytes);
  kept_.append(buffer.data() + got - useful, useful);
  if (kept_.size() > 2 * kept_bytes) kept_.erase(0, kept_.size() - kept_bytes);
  return got > 0;
}

void Tail::read_rest() {
  if (!open()) return;
  const std::uint64_t enough = total_ + (1U << 20U);
  for (std::uint64_t before = total_; read_once() && total_ != before && total_ < enough;) before = total_;
}

std::string Tail::text() const {
  return kept_.size() <= kept_bytes ? kept_ : kept_.substr(kept_.size() - kept_bytes);
}

}  // namespace lehr::supervise
