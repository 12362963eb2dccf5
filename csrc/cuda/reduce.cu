#include "cuda/launch.hpp"
#include "cuda/reduce.hpp"

namespace pycnn::cuda {
namespace {

__global__ void add_slices_kernel(int64_t count, int64_t slices, const float* parts, float* result) {
    FOR_EACH_ELEMENT(i, count) {
        float sum = parts[i];
        for (int64_t s = 1; s < slices; ++s) sum += parts[s * count + i];
        result[i] = sum;
    }
}

// A block sums one channel: its threads take every kThreads-th element, then halves are added until one is left.
__global__ void channel_totals_kernel(int64_t N, int64_t K, int64_t plane, const float* x, float* sums) {
    SHARED(float, partial, [kThreads]);
    const int t = static_cast<int>(threadIdx.x);
    const int64_t k = blockIdx.x;
    float sum = 0.0f;
    for (int64_t n = 0; n < N; ++n)
        for (int64_t i = t; i < plane; i += kThreads) sum += x[(n * K + k) * plane + i];
    partial[t] = sum;
    __syncthreads();
    for (int half = kThreads / 2; half > 0; half /= 2) {
        if (t < half) partial[t] += partial[t + half];
        __syncthreads();
    }
    if (t == 0) sums[k] = partial[0];
}

}  // namespace

void add_slices(int64_t count, int64_t slices, const float* parts, float* result) {
    launch(add_slices_kernel, blocks_for(count), kThreads, 0, current_stream(), count, slices, parts, result);
}

void channel_totals(int64_t N, int64_t K, int64_t plane, const float* x, float* sums) {
    launch(channel_totals_kernel, dim3(static_cast<unsigned>(K)), kThreads, 0, current_stream(), N, K, plane, x, sums);
}

}  // namespace pycnn::cuda
