#include "lehr/estimators/gpu/image.hpp"

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
  return {{lehr_kernel_begin, lehr_kernel_end}, LEHR_KERNEL_TOOLKIT, LEHR_KERNEL_CAPABILITY};
#else
  return {};
#endif
}

}  // namespace lehr::gpu
