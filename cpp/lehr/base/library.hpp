// A shared library opened at run time: how the NVIDIA driver and NVML are reached without linking them.
#pragma once

#include <bit>
#include <string>

namespace lehr {

class Library {
 public:
  // Opens the library at `path` (a file, or a name that the loader looks for); `what` names it for messages
  // ("NVIDIA driver"). Throws DeviceError when it is not there.
  Library(const std::string& path, std::string what);
  ~Library();
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;

  // Resolves an entry point. Throws DeviceError when the library lacks it.
  template <class Function>
  void find(Function*& entry, const char* name) const {
    entry = std::bit_cast<Function*>(symbol(name));
  }

 private:
  void* symbol(const char* name) const;

  std::string path_, what_;
  void* handle_;
};

}  // namespace lehr
