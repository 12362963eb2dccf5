// Sums in double, in an order that the count alone gives. Few ops need them: the losses, whose totals are the CPU's to the last digits
// of a Python float, and sums over a channel. Where double is 64 times as slow as float, a conversion and an addition in double take
// about as long as reading the float that they are for.
#pragma once

#include <algorithm>

#include "core/shape.hpp"
#include "cuda/launch.hpp"

namespace pycnn::cuda {

constexpr int64_t kSumChunk = 64 * kThreads;

// A block sums one chunk of a group: its threads take every kThreads-th term, then halves are added until one is left.
template <class Value, class Term, class Result>
__global__ void sum_kernel(int64_t count, int64_t chunk, int64_t chunks, Term term, Result* sums) {
    SHARED(Value, partial, [kThreads]);
    const int t = static_cast<int>(threadIdx.x);
    const int64_t group = blockIdx.x / chunks, begin = blockIdx.x % chunks * chunk;
    const int64_t end = begin + chunk < count ? begin + chunk : count;
    Value sum{};
    for (int64_t i = begin + t; i < end; i += kThreads) sum += term(group, i);
    partial[t] = sum;
    __syncthreads();
    for (int half = kThreads / 2; half > 0; half /= 2) {
        if (t < half) partial[t] += partial[t + half];
        __syncthreads();
    }
    if (t == 0) sums[blockIdx.x] = static_cast<Result>(partial[0]);
}

// The sums of the chunks as terms.
template <class Value>
struct ChunkSums {
    const Value* sums;
    int64_t chunks;

    __device__ Value operator()(int64_t group, int64_t chunk) const { return sums[group * chunks + chunk]; }
};

// Chunks of `chunk` terms; one sum for each chunk of each group.
template <class Value, class Term, class Result>
void sum_chunks(int64_t groups, int64_t count, int64_t chunk, const Term& term, Result* sums) {
    const int64_t chunks = std::max<int64_t>(ceil_div(count, chunk), 1);
    launch(sum_kernel<Value, Term, Result>, dim3(static_cast<unsigned>(groups * chunks)), kThreads, 0, current_stream(), count,
           chunk, chunks, term, sums);
}

// sums[group] = sum over i < count of term(group, i). A Value is a double or several, with +=; sums lie on the device.
template <class Value, class Term, class Result>
void sum_in_double(int64_t groups, int64_t count, const Term& term, Result* sums) {
    if (groups == 0) return;
    const int64_t chunks = ceil_div(count, kSumChunk);
    if (chunks <= 1) return sum_chunks<Value>(groups, count, kSumChunk, term, sums);
    const Workspace<Value> parts(groups * chunks);
    sum_chunks<Value>(groups, count, kSumChunk, term, parts.data());
    sum_chunks<Value>(groups, chunks, chunks, ChunkSums<Value>{parts.data(), chunks}, sums);
}

// The sum of one group, on the host.
template <class Value, class Term>
Value total_in_double(int64_t count, const Term& term) {
    const Workspace<Value> sum(1);
    sum_in_double<Value>(1, count, term, sum.data());
    Value result;
    copy_to_host(&result, sum.data(), sizeof result);
    return result;
}

}  // namespace pycnn::cuda
