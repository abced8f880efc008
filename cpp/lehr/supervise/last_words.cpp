#include "lehr/supervise/last_words.hpp"

#include <cxxabi.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <exception>
#include <typeinfo>

namespace lehr::supervise {
namespace {

int words_fd = -1;
std::terminate_handler before = nullptr;

// There may be no memory left: nothing here allocates.
void write_text(const char* text) noexcept {
  [[maybe_unused]] const auto written = ::write(words_fd, text, std::strlen(text));
}

[[noreturn]] void last_words() noexcept {
  if (const std::type_info* type = abi::__cxa_current_exception_type()) {
    write_text("C++ exception: ");
    write_text(type->name());
    write_text("\n");
  }
  if (before != nullptr) before();
  std::abort();
}

}  // namespace

void say_last_words_to(int fd) noexcept {
  words_fd = fd;
  if (before == nullptr) before = std::set_terminate(&last_words);
}

}  // namespace lehr::supervise
