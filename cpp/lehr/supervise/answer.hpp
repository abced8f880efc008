// One answer, given once by the supervisor's thread. Whoever waits polls the descriptor, so that he can wait
// for other things beside it: signals, an event loop of his own.
#pragma once

#include <mutex>
#include <optional>
#include <utility>

#include "lehr/base/os/descriptor.hpp"

namespace lehr::supervise {

template <class Value>
class Answer {
 public:
  Answer() : event_(os::make_event()) {}

  // The first answer counts.
  void give(Value value) {
    const std::lock_guard lock(mutex_);
    if (value_) return;
    value_ = std::move(value);
    os::notify(event_);
  }
  bool given() const {
    const std::lock_guard lock(mutex_);
    return value_.has_value();
  }
  // To be called when given() is true.
  Value value() const {
    const std::lock_guard lock(mutex_);
    return value_.value();
  }
  int descriptor() const noexcept { return event_.get(); }  // readable when the answer is there

 private:
  os::Descriptor event_;
  mutable std::mutex mutex_;
  std::optional<Value> value_;
};

}  // namespace lehr::supervise
