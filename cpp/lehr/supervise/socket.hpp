// Frames with descriptors over our end of a Unix stream socket. Never blocks: what the peer does not take yet
// waits here.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "lehr/base/os/descriptor.hpp"
#include "lehr/supervise/frames.hpp"

namespace lehr::supervise {

class Socket {
 public:
  struct Received {
    Frame frame;
    os::Descriptor descriptor;  // the one that came with it, if any
  };

  // What a helper may send in one frame; its answers are numbers and one line of text.
  static constexpr std::size_t frame_limit = 1U << 20U;

  Socket() : reader_(frame_limit) {}
  explicit Socket(os::Descriptor socket);

  // Sends, or queues, a frame; `descriptors` arrive as duplicates. False when the peer is gone.
  bool send(std::string frame, std::vector<os::Descriptor> descriptors = {});
  bool flush();  // sends more of what is queued; false when the peer is gone
  bool wants_to_write() const noexcept { return !queue_.empty(); }
  // Reads once and appends what that completes. False at the end of the stream. Throws BadFrame.
  bool receive(std::vector<Received>& messages);
  const os::Descriptor& descriptor() const noexcept { return socket_; }
  void close() noexcept;

 private:
  struct Outgoing {
    std::string bytes;
    std::vector<os::Descriptor> descriptors;
    std::size_t sent = 0;
  };
  os::Descriptor socket_;
  FrameReader reader_;
  std::deque<Outgoing> queue_;
  std::deque<os::Descriptor> arrived_;
};

// Both ends, ours not blocking. Throws IsolationError.
struct SocketPair {
  Socket ours;
  os::Descriptor theirs;
};
SocketPair make_socket_pair();

}  // namespace lehr::supervise
