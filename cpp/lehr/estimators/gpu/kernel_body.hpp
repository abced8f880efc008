// The kernel for one block of points, over a Block that says how a block runs: on the device each thread does
// its part and waits for the others, in the tests a loop does the part of each thread in turn. A point's sum
// runs over the kernels in their order, so the result depends on nothing but the task.
#pragma once

#include "lehr/estimators/gpu/kernel_math.hpp"

namespace lehr::gpu {

// What a thread keeps.
struct Lane {
  LogSum sum;
  Scaled product[group];
  double unit;  // of the point's dimensions, -inf outside their bounds
  double score;
};

// How much of a mixture fits into a tile: all dimensions of some groups of kernels, or some dimensions of one
// group.
struct Tile {
  unsigned dimensions;
  unsigned kernels;

  LEHR_DEVICE explicit Tile(unsigned width) {
    constexpr unsigned most = (tile_doubles / group - 1) / 3 / 8 * 8;  // settle() comes every 8 dimensions
    dimensions = width < most ? width : most;
    kernels = width > most ? group : tile_doubles / (3 * dimensions + 1) / group * group;
  }
};

// Positions of a point, into the scratch memory of the task; returns what Lane::unit holds.
LEHR_DEVICE double place(const Task& task, unsigned point) {
  double unit = 0.0;
  for (unsigned d = 0; d < task.width; ++d) {
    const Axis& axis = task.axes[d];
    const double value = task.values[static_cast<std::size_t>(point) * task.width + d];
    const std::size_t at = static_cast<std::size_t>(d) * task.points + point;
    double lower = value, upper = value;
    if (value == value) {  // not missing
      unit += value >= axis.low && value <= axis.high ? axis.log_unit : -HUGE_VAL;
      if (axis.kind == Kind::continuous) {
        lower = position(axis, value);
      } else if (axis.kind == Kind::discrete) {
        lower = position(axis, value - axis.half_step);
        upper = position(axis, value + axis.half_step);
      }
    }
    task.lower[at] = lower;
    if (axis.kind == Kind::discrete) task.upper[at] = upper;
  }
  return unit;
}

// Multiplies one group of kernels by `count` dimensions from `first` on. tile: their parameters, rows of
// `kernels`.
LEHR_DEVICE void multiply_group(const Task& task, Lane& lane, unsigned point, unsigned first, unsigned count,
                                const double* tile, unsigned kernels) {
  for (unsigned i = 0; i < count; ++i) {
    if (i % 8 == 0) {
      LEHR_UNROLL
      for (unsigned j = 0; j < group; ++j) settle(lane.product[j]);
    }
    const Kind kind = task.axes[first + i].kind;
    if (kind == Kind::constant) continue;
    const std::size_t at = static_cast<std::size_t>(first + i) * task.points + point;
    const double lower = task.lower[at];
    if (lower != lower) continue;  // missing
    const double upper = kind == Kind::discrete ? task.upper[at] : lower;
    LEHR_UNROLL
    for (unsigned j = 0; j < group; ++j) {
      multiply(lane.product[j], kind, lower, upper, tile + 3 * i * kernels + j, kernels);
    }
  }
}

template <class Block>
LEHR_DEVICE void sum_mixture(Block& block, const Task& task, const Mixture& mixture) {
  const Tile most(task.width);
  block.each([&](unsigned, Lane& lane) { lane.sum.clear(); });
  for (unsigned k = 0; k < mixture.kernels; k += most.kernels) {
    const unsigned kernels = mixture.kernels - k < most.kernels ? mixture.kernels - k : most.kernels;
    for (unsigned d = 0; d < task.width; d += most.dimensions) {
      const unsigned count = task.width - d < most.dimensions ? task.width - d : most.dimensions;
      block.each([&](unsigned thread, Lane&) {
        for (unsigned i = thread; i < kernels; i += block_threads) block.tile[i] = mixture.weights[k + i];
        for (unsigned i = thread; i < 3 * count * kernels; i += block_threads) {
          const std::size_t row = 3 * d + i / kernels;
          block.tile[kernels + i] = mixture.parameters[row * mixture.kernels + k + i % kernels];
        }
      });
      block.each([&](unsigned thread, Lane& lane) {
        const unsigned point = block.first + thread;
        if (point >= task.points) return;
        for (unsigned g = 0; g < kernels; g += group) {
          if (d == 0) {
            LEHR_UNROLL
            for (unsigned j = 0; j < group; ++j) lane.product[j] = {0.0, block.tile[g + j]};
          }
          multiply_group(task, lane, point, d, count, block.tile + kernels + g, kernels);
          if (d + count < task.width) continue;
          LEHR_UNROLL
          for (unsigned j = 0; j < group; ++j) {
            settle(lane.product[j]);
            lane.sum.add(lane.product[j]);
          }
        }
      });
    }
  }
}

template <class Block>
LEHR_DEVICE void score_block(Block& block, const Task& task) {
  block.each([&](unsigned thread, Lane& lane) {
    if (block.first + thread < task.points) lane.unit = place(task, block.first + thread);
  });
  for (unsigned m = 0; m <= task.ratio; ++m) {  // a loop, so that the code is there once
    sum_mixture(block, task, m == 0 ? task.first : task.second);
    block.each([&](unsigned, Lane& lane) {
      const double log_density = lane.sum.log() + lane.unit;
      lane.score = m == 0 ? log_density : lane.score - log_density;
    });
  }
  block.each([&](unsigned thread, Lane& lane) {
    if (block.first + thread < task.points) task.out[block.first + thread] = lane.score;
  });
}

}  // namespace lehr::gpu
