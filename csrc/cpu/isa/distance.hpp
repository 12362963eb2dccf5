// The gradient of squared distances: weighted differences from one row to many, added up in order.
#pragma once

#include "cpu/isa/block_sums.hpp"
#include "cpu/isa/simd.hpp"
#include "cpu/kernel_table.hpp"

namespace pycnn {
namespace {

struct WeightedRows {
    int64_t terms;
    const float* weights;
    int64_t stride;  // from one weight to the next
    int64_t pitch;   // from one row to the next
};

// out[i] = sum over t of 2 * weights[t] * (x[i] - others[t][i]) for Vectors whole vectors, or for `valid` lanes of a single one.
template <int Vectors>
inline void add_differences(const WeightedRows& rows, const float* x, const float* others, float* out, int64_t valid = kLanes) {
    const bool whole = valid == kLanes;
    Vec row[Vectors], sum[Vectors];
    for (int v = 0; v < Vectors; ++v) row[v] = whole ? load(x + v * kLanes) : load_first(x, valid);
    sum_in_blocks(rows.terms, sum, [&](int64_t t, Vec(&part)[Vectors]) {
        const Vec weight = broadcast(2 * rows.weights[t * rows.stride]);
        const float* other = others + t * rows.pitch;
        for (int v = 0; v < Vectors; ++v)
            part[v] += weight * (row[v] - (whole ? load(other + v * kLanes) : load_first(other, valid)));
    });
    for (int v = 0; v < Vectors; ++v) {
        if (whole) {
            store(out + v * kLanes, sum[v]);
        } else {
            store_first(out, sum[v], valid);
        }
    }
}

void weighted_differences(int64_t count, int64_t terms, const float* weights, int64_t stride, const float* x,
                          const float* others, float* out) {
    constexpr int kVectors = 4;  // hide the latency of the multiply-add
    const WeightedRows rows{terms, weights, stride, count};
    int64_t i = 0;
    for (; i + kVectors * kLanes <= count; i += kVectors * kLanes) add_differences<kVectors>(rows, x + i, others + i, out + i);
    for (; i + kLanes <= count; i += kLanes) add_differences<1>(rows, x + i, others + i, out + i);
    if (i < count) add_differences<1>(rows, x + i, others + i, out + i, count - i);
}

constexpr void fill_distance(KernelTable& table) { table.weighted_differences = weighted_differences; }

}  // namespace
}  // namespace pycnn
