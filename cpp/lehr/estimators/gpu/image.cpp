#include "lehr/estimators/gpu/image.hpp"

#include <algorithm>

#include "lehr/estimators/gpu/driver.hpp"

#ifdef LEHR_KERNEL_FILE
// The assembler copies the file; a C++ array of its bytes would take the compiler longer than the kernel
// itself.
__asm__(
    ".pushsection .rodata\n"
    ".balign 16\n"
    ".hidden lehr_kernel_begin\n"
    ".globl lehr_kernel_begin\n"
    "lehr_kernel_begin:\n"
    ".incbin \"" LEHR_KERNEL_FILE
    "\"\n"
    ".hidden lehr_kernel_end\n"
    ".globl lehr_kernel_end\n"
    "lehr_kernel_end:\n"
    ".byte 0\n"
    ".popsection\n");
extern "C" {
extern const char lehr_kernel_begin[];
extern const char lehr_kernel_end[];
}
#endif

namespace lehr::gpu {

Image embedded_image() {
#ifdef LEHR_KERNEL_FILE
  return {
      {lehr_kernel_begin, lehr_kernel_end}, LEHR_KERNEL_TOOLKIT, {LEHR_KERNEL_BINARIES}, {LEHR_KERNEL_PTX}};
#else
  return {};
#endif
}

namespace {

std::string dotted(int capability) {
  return std::to_string(capability / 10) + "." + std::to_string(capability % 10);
}

std::string listed(const std::vector<int>& capabilities) {
  std::string text;
  for (const int capability : capabilities) text += (text.empty() ? "" : ", ") + dotted(capability);
  return text.empty() ? "none" : text;
}

}  // namespace

std::string misfit(const Image& image, const Machine& machine) {
  // Within a major version machine code runs on older drivers, across them it does not.
  if (image.toolkit / 1000 > machine.driver / 1000) {
    return "the NVIDIA driver is too old: it supports CUDA " + version_text(machine.driver) +
           ", and the kernel was built with CUDA " + version_text(image.toolkit) + "; update the driver";
  }
  if (image.binaries.empty() && image.ptx.empty()) return "";
  // Machine code runs on devices of its major capability from its minor one on.
  const bool runs = std::ranges::any_of(image.binaries, [&](int built) {
    return built == machine.capability || (!machine.integrated && built / 10 == machine.capability / 10 &&
                                           built % 10 <= machine.capability % 10);
  });
  if (runs) return "";
  const auto compiles = [&](int built) { return built <= machine.capability; };
  const bool has_ptx = std::ranges::any_of(image.ptx, compiles);
  if (has_ptx && machine.driver >= image.toolkit) return "";
  const std::string of = machine.device + " has compute capability " + dotted(machine.capability);
  if (has_ptx) {
    return "the NVIDIA driver is too old: " + of +
           ", for which it would have to compile the kernel's PTX of CUDA " + version_text(image.toolkit) +
           ", and it supports CUDA " + version_text(machine.driver) + "; update the driver";
  }
  if (std::ranges::none_of(image.binaries, compiles)) {
    return "the GPU is too old: " + of + ", and the kernel has machine code for " + listed(image.binaries) +
           " and PTX for " + listed(image.ptx);
  }
  return "this build has no kernel for the GPU: " + of + ", and the kernel has machine code for " +
         listed(image.binaries) + " and PTX for " + listed(image.ptx);
}

}  // namespace lehr::gpu
