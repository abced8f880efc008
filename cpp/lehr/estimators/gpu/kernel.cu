// The kernel as the device runs it: a thread for each point, a tile of the mixture in shared memory.
#include "lehr/estimators/gpu/kernel_body.hpp"

namespace {

struct DeviceBlock {
  unsigned first;
  double* tile;
  lehr::gpu::Lane lane;

  template <class Step>
  __device__ __forceinline__ void each(Step step) {
    step(threadIdx.x, lane);
    __syncthreads();  // the loops around steps are the same for all threads of a block
  }
};

}  // namespace

extern "C" __global__ void __launch_bounds__(lehr::gpu::block_threads)
    lehr_score(const __grid_constant__ lehr::gpu::Task task) {
  __shared__ double tile[lehr::gpu::tile_doubles];
  DeviceBlock block{blockIdx.x * lehr::gpu::block_threads, tile, {}};
  lehr::gpu::score_block(block, task);
}
