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

  // The same; the entry stays null where the library lacks it.
  template <class Function>
  void find_optional(Function*& entry, const char* name) const {
    entry = std::bit_cast<Function*>(symbol_or_null(name));
  }

 private:
  void* symbol(const char* name) const;
  void* symbol_or_null(const char* name) const noexcept;

  std::string path_, what_;
  void* handle_;
};

}  // namespace lehr
