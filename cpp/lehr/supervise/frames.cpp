#include "lehr/supervise/frames.hpp"

#include <bit>

namespace lehr::supervise {
namespace {

constexpr std::size_t header_bytes = 4;

std::uint64_t big_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char byte : bytes) value = (value << 8U) | static_cast<unsigned char>(byte);
  return value;
}

}  // namespace

std::vector<Frame> FrameReader::feed(std::string_view bytes) {
  bytes_.append(bytes);
  std::vector<Frame> frames;
  std::size_t at = 0;
  const std::string_view all(bytes_);
  while (all.size() - at >= header_bytes) {
    const std::uint64_t length = big_endian(all.substr(at, header_bytes));
    if (length == 0) throw BadFrame("a message of no bytes");
    if (length > limit_)
      throw BadFrame("a message of " + std::to_string(length) + " bytes; at most " + std::to_string(limit_) +
                     " are allowed");
    if (all.size() - at - header_bytes < length) break;
    const std::string_view message = all.substr(at + header_bytes, length);
    frames.push_back({message.front(), std::string(message.substr(1))});
    at += header_bytes + length;
  }
  bytes_.erase(0, at);
  return frames;
}

std::string encode(char kind, std::string_view body) {
  const std::size_t length = body.size() + 1;
  std::string result;
  result.reserve(header_bytes + length);
  for (int shift = 24; shift >= 0; shift -= 8) result.push_back(static_cast<char>((length >> shift) & 0xFFU));
  result.push_back(kind);
  result.append(body);
  return result;
}

std::int64_t read_integer(std::string_view body, std::size_t index) {
  if (body.size() < 8 * (index + 1)) throw BadFrame("a message that ends too early");
  return std::bit_cast<std::int64_t>(big_endian(body.substr(8 * index, 8)));
}

double read_real(std::string_view body, std::size_t index) {
  return std::bit_cast<double>(read_integer(body, index));
}

}  // namespace lehr::supervise
