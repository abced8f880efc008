#include "lehr/supervise/socket.hpp"

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace lehr::supervise {
namespace {

constexpr std::size_t most_descriptors = 16;  // in one message of ours

// A frame of this kind comes with one descriptor; lower-case kinds come with none.
bool carries_descriptor(char kind) { return kind >= 'A' && kind <= 'Z'; }

}  // namespace

Socket::Socket(os::Descriptor socket) : socket_(std::move(socket)), reader_(frame_limit) {}

bool Socket::send(std::string frame, std::vector<os::Descriptor> descriptors) {
  if (!socket_) return false;
  queue_.push_back({std::move(frame), std::move(descriptors)});
  return flush();
}

bool Socket::flush() {
  while (!queue_.empty()) {
    Outgoing& next = queue_.front();
    iovec part{next.bytes.data() + next.sent, next.bytes.size() - next.sent};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    alignas(cmsghdr) std::array<char, CMSG_SPACE(most_descriptors * sizeof(int))> control{};
    if (!next.descriptors.empty()) {  // they travel with the first byte of their message
      const std::size_t count = std::min(next.descriptors.size(), most_descriptors);
      message.msg_control = control.data();
      message.msg_controllen = CMSG_SPACE(count * sizeof(int));
      cmsghdr* header = CMSG_FIRSTHDR(&message);
      header->cmsg_level = SOL_SOCKET;
      header->cmsg_type = SCM_RIGHTS;
      header->cmsg_len = CMSG_LEN(count * sizeof(int));
      std::array<int, most_descriptors> numbers{};
      for (std::size_t i = 0; i < count; ++i) numbers[i] = next.descriptors[i].get();
      std::memcpy(CMSG_DATA(header), numbers.data(), count * sizeof(int));
    }
    const auto sent = ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) {
      if (errno == EINTR) continue;
      return errno == EAGAIN || errno == ENOBUFS;
    }
    next.sent += static_cast<std::size_t>(sent);
    next.descriptors.clear();
    if (next.sent == next.bytes.size()) queue_.pop_front();
  }
  return true;
}

bool Socket::receive(std::vector<Received>& messages) {
  std::array<char, 64 * 1024> buffer;  // NOLINT: written by the kernel
  iovec part{buffer.data(), buffer.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(most_descriptors * sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const auto count = ::recvmsg(socket_.get(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (count < 0) return errno == EAGAIN || errno == EINTR;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t received = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    std::array<int, most_descriptors> numbers{};
    std::memcpy(numbers.data(), CMSG_DATA(header), std::min(received, most_descriptors) * sizeof(int));
    for (std::size_t i = 0; i < std::min(received, most_descriptors); ++i) arrived_.emplace_back(numbers[i]);
  }
  if (count == 0) return false;
  for (Frame& frame : reader_.feed({buffer.data(), static_cast<std::size_t>(count)})) {
    Received next{std::move(frame), {}};
    if (carries_descriptor(next.frame.kind) && !arrived_.empty()) {
      next.descriptor = std::move(arrived_.front());
      arrived_.pop_front();
    }
    messages.push_back(std::move(next));
  }
  return true;
}

void Socket::close() noexcept {
  socket_.reset();
  queue_.clear();
  arrived_.clear();
}

SocketPair make_socket_pair() {
  int ends[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) ends[0] = ends[1] = -1;
  const int why = errno;
  os::Descriptor second(ends[1]);
  errno = why;
  os::Descriptor ours = os::checked(ends[0], "a socket pair");
  os::Descriptor theirs = os::duplicate(second.get(), "a socket pair");
  ::fcntl(ours.get(), F_SETFL, O_NONBLOCK);
  return {Socket(std::move(ours)), std::move(theirs)};
}

}  // namespace lehr::supervise
