// Sums in double, for totals of losses, which become a Python float with all the digits that the CPU gives. The order of the
// additions depends on the count alone. Even where double is 64 times as slow as float, converting and adding a float take
// about as long as reading it.
#pragma once

#include "core/shape.hpp"
#include "cuda/block_sum.hpp"
#include "cuda/step_graph.hpp"

namespace pycnn::cuda {

constexpr int64_t kSumChunk = 64 * kThreads;

// A block sums one chunk: each thread takes every kThreads-th term, then halves are added until one sum remains.
template <class Value, class Term>
__global__ void sum_kernel(int64_t count, int64_t chunk, Term term, Value* sums) {
    const int t = static_cast<int>(threadIdx.x);
    const int64_t begin = blockIdx.x * chunk, end = begin + chunk < count ? begin + chunk : count;
    Value sum{};
    for (int64_t i = begin + t; i < end; i += kThreads) sum += term(i);
    sum = block_sum(sum);
    if (t == 0) sums[blockIdx.x] = sum;
}

// The sums of the chunks as terms.
template <class Value>
struct ChunkSums {
    const Value* sums;

    __device__ Value operator()(int64_t chunk) const { return sums[chunk]; }
};

// One sum for each chunk.
template <class Value, class Term>
void sum_chunks(int64_t chunks, int64_t count, int64_t chunk, const Term& term, Value* sums) {
    launch(sum_kernel<Value, Term>, dim3(static_cast<unsigned>(chunks)), kThreads, 0, current_stream(), count, chunk, term,
           sums);
}

// *sum, on the device, = sum over i < count of term(i). A Value is a double or several, with +=.
template <class Value, class Term>
void sum_in_double(int64_t count, const Term& term, Value* sum) {
    const int64_t chunks = ceil_div(count, kSumChunk);
    if (chunks <= 1) return sum_chunks(1, count, kSumChunk, term, sum);
    const Workspace<Value> parts(chunks);
    sum_chunks(chunks, count, kSumChunk, term, parts.data());
    sum_chunks(1, chunks, chunks, ChunkSums<Value>{parts.data()}, sum);
}

// A loss on the host, loss_of(sum), as loss_after_replay returns it.
template <class Value, class Term, class F>
double loss_from_sum(int64_t count, const Term& term, const F& loss_of) {
    const auto sum = std::make_shared<Workspace<Value>>(1);
    sum_in_double(count, term, sum->data());
    return loss_after_replay([sum, loss_of] {
        Value result;
        copy_to_host(&result, sum->data(), sizeof result);
        return loss_of(result);
    });
}

}  // namespace pycnn::cuda
