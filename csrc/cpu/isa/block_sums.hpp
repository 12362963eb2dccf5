// Sums of any number of terms in lanes: a float adds up kSumBlock terms, and the sums of these blocks are added in double (see
// core/long_sum.hpp). A sum of one block has the bits of a plain loop.
#pragma once

#include "core/sum_block.hpp"
#include "cpu/isa/simd.hpp"

namespace pycnn {
namespace {

// sum[v] = the total over t < terms of the terms that add(t, sum) adds to it.
template <int Vectors, class F>
inline void sum_in_blocks(int64_t terms, Vec (&sum)[Vectors], F&& add) {
    const auto block = [&](int64_t begin, int64_t end) {
        Vec part[Vectors] = {};
        for (int64_t t = begin; t < end; ++t) add(t, part);
        for (int v = 0; v < Vectors; ++v) sum[v] = part[v];
    };
    if (terms <= kSumBlock) return block(0, terms);
    double totals[Vectors][kLanes] = {};
    for (int64_t t = 0; t < terms; t += kSumBlock) {
        block(t, t + kSumBlock < terms ? t + kSumBlock : terms);
        for (int v = 0; v < Vectors; ++v)
            for (int i = 0; i < kLanes; ++i) totals[v][i] += sum[v][i];
    }
    for (int v = 0; v < Vectors; ++v)
        for (int i = 0; i < kLanes; ++i) sum[v][i] = static_cast<float>(totals[v][i]);
}

}  // namespace
}  // namespace pycnn
