// A sum over the threads of a block, in an order that their numbers alone give.
#pragma once

#include "cuda/launch.hpp"

namespace pycnn::cuda {

// Halves of the block's kThreads values are added to each other until `left` sums are left, a power of two: thread t < left
// gets that of the values of threads t, t + left, t + 2 left, ... and other threads nothing of use. Called by all threads of a
// block, and by a kernel once: a second call would write what slow threads still have to read.
template <class Value>
__device__ Value block_sum(const Value& value, int left = 1) {
    SHARED(Value, partial, [kThreads]);
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
