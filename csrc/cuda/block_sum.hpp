// A sum over the threads of a block. The order of the additions depends on the numbers of the threads alone.
#pragma once

#include "cuda/launch.hpp"

namespace pycnn::cuda {

// Adds halves of the block's kThreads values to each other until `left` sums remain, a power of two. Thread t < left gets the
// sum of the values of threads t, t + left, t + 2 left, ...; the result is of no use to other threads. All threads of a block
// call this, and a kernel calls it once: a second call would overwrite values that slow threads have not read yet.
template <class Value>
__device__ Value block_sum(const Value& value, int left = 1) {
    PYCNN_SHARED(Value, partial, [kThreads]);
    const int t = static_cast<int>(threadIdx.x);
    partial[t] = value;
    __syncthreads();
    for (int half = kThreads / 2; half >= left; half /= 2) {
        if (t < half) partial[t] += partial[t + half];
        __syncthreads();
    }
    return partial[t];
}

}  // namespace pycnn::cuda
