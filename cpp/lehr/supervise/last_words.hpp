// What a process says when C++ gives it up: the type of the exception that nobody caught, before it aborts.
#pragma once

namespace lehr::supervise {

// Lets std::terminate write "C++ exception: <mangled type>\n" to `fd` before it goes on as it would have. For
// the process of a trial, where it tells a failed allocation (std::bad_alloc) from any other abort by its
// type.
void say_last_words_to(int fd) noexcept;

}  // namespace lehr::supervise
