// Rows for warps: the lanes of a warp share a row and its sum.
#pragma once

#include "cuda/launch.hpp"

namespace pycnn::cuda {

constexpr int kWarp = 32;
constexpr unsigned kAllLanes = 0xffffffffu;

// Blocks of kThreads for kernels with PYCNN_FOR_EACH_ROW.
inline dim3 blocks_for_rows(int64_t rows) { return blocks_for(rows * kWarp); }

__device__ inline int lane_of_warp() { return static_cast<int>(threadIdx.x) % kWarp; }

// The halves of the warp are added to each other. All lanes get the same bits.
template <class T>
__device__ T warp_sum(T value) {
    for (int mask = kWarp / 2; mask > 0; mask /= 2) value += __shfl_xor_sync(kAllLanes, value, mask);
    return value;
}

// NaN is ignored.
__device__ inline float warp_max(float value) {
    for (int mask = kWarp / 2; mask > 0; mask /= 2) {
        const float other = __shfl_xor_sync(kAllLanes, value, mask);
        value = other > value ? other : value;
    }
    return value;
}

}  // namespace pycnn::cuda

// for (int64_t row : the rows of this thread's warp). All lanes of the warp take part in each row, as shuffles require. Not
// unrolled, like PYCNN_FOR_EACH_ELEMENT.
#define PYCNN_FOR_EACH_ROW(row, rows)                                                                                          \
    _Pragma("unroll 1") for (int64_t row = (static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) / pycnn::cuda::kWarp; \
                             row < (rows); row += static_cast<int64_t>(gridDim.x) * blockDim.x / pycnn::cuda::kWarp)
