#include "lehr/problems/devices/families.hpp"

#include <array>

namespace lehr::devices {
namespace {

constexpr std::array<Family, 5> all{{
    {"resnet18", 0.720, 11.69, 1.814, 0, 0.0005, 0.51, 2.484, 1.76, 1.00, 1.84, 69, 42, 24, true},
    {"resnet50", 0.746, 25.56, 4.089, 0, 0.0020, 2.05, 11.114, 2.41, 1.81, 1.84, 175, 108, 57, true},
    {"mobilenet_v2", 0.718, 3.50, 0.3008, 0.0207, 0.0013, 1.28, 6.678, 2.61, 1.50, 0.34, 153, 104, 56, true},
    {"efficientnet_b0", 0.742, 5.29, 0.3858, 0.0345, 0.0013, 1.28, 6.738, 2.61, 1.50, 0.34, 256, 180, 165,
     true},
    {"vit_tiny", 0.766, 5.72, 1.2537, 0, 1.0459, 5.49, 4.577, 0.38, 0.30, 0.15, 190, 102, 200, false},
}};

}  // namespace

std::span<const Family> families() { return all; }

}  // namespace lehr::devices
