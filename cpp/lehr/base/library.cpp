#include "lehr/base/library.hpp"

#include <dlfcn.h>

#include <utility>

#include "lehr/base/error.hpp"

namespace lehr {

Library::Library(const std::string& path, std::string what)
    // NODELETE: the threads that such libraries start outlive our interest in them.
    : path_(path),
      what_(std::move(what)),
      handle_(dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE)) {
  if (handle_ == nullptr) {
    const char* const said = dlerror();
    throw DeviceError("there is no " + what_ + ": " + (said == nullptr ? path : said));
  }
}

Library::~Library() { dlclose(handle_); }

void* Library::symbol(const char* name) const {
  void* const found = dlsym(handle_, name);
  if (found == nullptr) {
    throw DeviceError("the " + what_ + " library " + path_ + " lacks " + name +
                      ": it is too old; update the driver");
  }
  return found;
}

}  // namespace lehr
