// The compiled kernel that this build carries, and which GPUs can run it.
#pragma once

#include <string>
#include <vector>

namespace lehr::gpu {

struct Image {
  std::string bytes;          // fat binary, cubin or PTX; empty: this build has none
  int toolkit = 0;            // version of CUDA that built it, 13000 for 13.0; 0: unknown
  std::vector<int> binaries;  // compute capabilities that it has machine code for, 75 for 7.5, ascending
  std::vector<int> ptx;       // those that it has PTX for, which drivers compile; both empty: unknown
};

// Empty when the library was built without nvcc.
Image embedded_image();

// What of a machine decides about that.
struct Machine {
  std::string device;  // name
  int capability = 0;
  bool integrated = false;  // part of a system on a chip: it does not run the machine code of cards
  int driver = 0;           // the version of CUDA that the driver supports
};

// Why the machine cannot run the image, in a sentence; empty where it can, or nothing is known of the image.
std::string misfit(const Image& image, const Machine& machine);

}  // namespace lehr::gpu
