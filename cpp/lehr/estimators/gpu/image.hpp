// The compiled kernel that this build carries.
#pragma once

#include <string>

namespace lehr::gpu {

struct Image {
  std::string bytes;   // fat binary, cubin or PTX; empty: this build has none
  int toolkit = 0;     // version of CUDA that built it, 13000 for 13.0; 0: unknown
  int capability = 0;  // the lowest compute capability it runs on, 75 for 7.5; 0: unknown
};

// Empty when the library was built without nvcc.
Image embedded_image();

}  // namespace lehr::gpu
