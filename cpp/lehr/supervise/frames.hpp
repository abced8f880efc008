// Messages of a byte stream: a length of 4 bytes (big-endian, kind included), a kind of one byte, a body.
//
// The core looks at kinds and numbers only; texts and JSON stay bytes that the Python layer reads. Whatever a
// trial's process has become, its bytes can at worst be a frame that is not ours.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace lehr::supervise {

struct Frame {
  char kind = 0;
  std::string body;
};

// The bytes are no message of ours: empty or too long.
class BadFrame : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Collects bytes and hands out complete messages of at most `limit` bytes; incomplete ones stay inside.
class FrameReader {
 public:
  explicit FrameReader(std::size_t limit) : limit_(limit) {}
  // Throws BadFrame. A reader that has thrown stays bad: it throws again.
  std::vector<Frame> feed(std::string_view bytes);
  std::size_t held() const noexcept { return bytes_.size(); }

 private:
  std::string bytes_;
  std::size_t limit_;
};

std::string encode(char kind, std::string_view body);

// Numbers within a body: 8 bytes each, big-endian. Throws BadFrame when the body is too short.
std::int64_t read_integer(std::string_view body, std::size_t index);
double read_real(std::string_view body, std::size_t index);

}  // namespace lehr::supervise
