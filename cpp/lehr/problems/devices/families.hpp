// The model families: what one image of 224 x 224 pixels costs. Sources: docs/devices.md.
#pragma once

#include <cstddef>
#include <span>

namespace lehr::devices {

enum class Backend { pytorch_eager, torch_compile, onnxruntime };
enum class Quantisation { fp32, fp16, int8_dynamic };

struct Family {
  const char* name;
  double accuracy;    // top-1 on ImageNet as arXiv 2604.25073 reports it
  double parameters;  // millions
  double macs;        // billions of multiply-adds an image
  double depthwise;   // of these, in depthwise convolutions
  double linear;      // of these, in fully connected layers, which dynamic quantisation of PyTorch reaches
  double linear_parameters;  // millions, in these layers
  double
      activations;    // millions of elements written by convolutions, matrix products and attention, an image
  double live_eager;  // millions of elements alive at once where nothing is fused
  double live_fused;  // the same where normalisation and activation are folded into the convolution
  double im2col;      // millions of elements of the largest explicit matrix of a dense convolution
  int operations;     // kernels of a pass in eager PyTorch
  int compiled;       // after fusion by the compiler
  int nodes;          // in the optimised ONNX graph
  bool convolutional;  // convolutions do the work; otherwise matrix products
};

std::span<const Family> families();

}  // namespace lehr::devices
