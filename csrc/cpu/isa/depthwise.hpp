// Correlation of one plane with one filter. Lanes run along output rows; a block of rows and vectors stays in registers while
// the taps pass over it, and each tap's vectors are loaded directly from the padded copy of the plane.
#pragma once

#include "cpu/isa/simd.hpp"
#include "cpu/kernel_table.hpp"

namespace pycnn {
namespace {

// A block of 4 rows x 2 vectors has 8 sums in flight, enough to hide the latency of the multiply-add (4 cycles, two per cycle).
constexpr int kDepthwiseRows = 4;
// Sums of a weight gradient kept at a time: a 3 x 3 filter is one block, and 16 registers also hold dy and the mask.
constexpr int kGradientTaps = 9;

// Outputs (p, q) of `Rows` rows from x and y on, and V vectors, the first at column q0, the second at q1.
template <int Rows, int V>
void depthwise_block(const PlaneFilter& f, const float* w, float bias, const float* x, int64_t q0, int64_t q1, float* y,
                     int64_t Q, int64_t writable) {
    Vec sum[Rows][V];
    // Fully unrolled, like all loops over sums here: an index known only at run time would send them through memory.
#pragma GCC unroll 4
    for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 2
        for (int v = 0; v < V; ++v) sum[r][v] = broadcast(bias);
    for (int64_t k = 0; k < f.taps; ++k) {
        const Vec weight = broadcast(w[k]);
        const float* source = x + f.offsets[k];
#pragma GCC unroll 4
        for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 2
            for (int v = 0; v < V; ++v) sum[r][v] += weight * load(source + r * f.pitch + (v == 0 ? q0 : q1));
    }
    // A vector longer than the row runs into the next row, which is written later.
#pragma GCC unroll 4
    for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 2
        for (int v = 0; v < V; ++v) {
            const int64_t at = r * Q + (v == 0 ? q0 : q1);
            store_at_most(y + at, sum[r][v], writable - at);
        }
}

template <int Rows>
inline void depthwise_rows(const PlaneFilter& f, const float* w, float bias, const float* x, float* y, int64_t Q,
                           int64_t writable) {
    // The last vector of a row is moved back to end with the row: what it computes twice is the same.
    const int64_t last = Q < kLanes ? 0 : Q - kLanes;
    for (int64_t q = 0; q < Q; q += 2 * kLanes) {
        const int64_t q0 = q < last ? q : last, q1 = q + kLanes < last ? q + kLanes : last;
        if (q0 == q1) {
            depthwise_block<Rows, 1>(f, w, bias, x, q0, q1, y, Q, writable);
        } else {
            depthwise_block<Rows, 2>(f, w, bias, x, q0, q1, y, Q, writable);
        }
    }
}

void depthwise(const PlaneFilter& f, const float* w, float bias, const float* x, int64_t P, int64_t Q, float* y) {
    for (int64_t p = 0; p < P;) {
        const float* source = x + p * f.pitch;
        float* target = y + p * Q;
        const int64_t left = P - p, writable = left * Q;
        // 5 rows are 3 + 2, because a single row has too few sums in flight.
        const int64_t rows = left == 5 ? 3 : left < kDepthwiseRows ? left : kDepthwiseRows;
        if (rows == 4) {
            depthwise_rows<4>(f, w, bias, source, target, Q, writable);
        } else if (rows == 3) {
            depthwise_rows<3>(f, w, bias, source, target, Q, writable);
        } else if (rows == 2) {
            depthwise_rows<2>(f, w, bias, source, target, Q, writable);
        } else {
            depthwise_rows<1>(f, w, bias, source, target, Q, writable);
        }
        p += rows;
    }
}

// sums[k * lanes + i] += products of dy and x for tap k < Taps, spread over the lanes i. Beyond a row's end the lanes of both dy
// and x are zero: zero times a NaN would be NaN.
template <int Taps>
void depthwise_gradient_block(const int64_t* offsets, int64_t pitch, const float* x, int64_t P, int64_t Q, const float* dy,
                              float* sums) {
    Vec sum[Taps];
#pragma GCC unroll 9
    for (int k = 0; k < Taps; ++k) sum[k] = load(sums + k * kLanes);
    const int64_t whole = Q / kLanes * kLanes;
    const IntVec inside = lane_numbers() < static_cast<int32_t>(Q - whole);
    for (int64_t p = 0; p < P; ++p, x += pitch, dy += Q) {
        for (int64_t q = 0; q < whole; q += kLanes) {
            const Vec gradient = load(dy + q);
#pragma GCC unroll 9
            for (int k = 0; k < Taps; ++k) sum[k] += gradient * load(x + offsets[k] + q);
        }
        if (whole == Q) continue;
        const Vec gradient = load_inside(dy + whole, 0, Q - whole, 0.0f);
#pragma GCC unroll 9
        for (int k = 0; k < Taps; ++k) sum[k] += gradient * (inside ? load(x + offsets[k] + whole) : Vec{});
    }
#pragma GCC unroll 9
    for (int k = 0; k < Taps; ++k) store(sums + k * kLanes, sum[k]);
}

template <int Taps>
inline void depthwise_gradient_blocks(int64_t count, const int64_t* offsets, int64_t pitch, const float* x, int64_t P,
                                      int64_t Q, const float* dy, float* sums) {
    if constexpr (Taps > 0) {
        if (count < Taps) return depthwise_gradient_blocks<Taps - 1>(count, offsets, pitch, x, P, Q, dy, sums);
        depthwise_gradient_block<Taps>(offsets, pitch, x, P, Q, dy, sums);
    }
}

void depthwise_gradient(const PlaneFilter& f, const float* x, int64_t P, int64_t Q, const float* dy, float* sums) {
    for (int64_t k = 0; k < f.taps; k += kGradientTaps)
        depthwise_gradient_blocks<kGradientTaps>(f.taps - k, f.offsets + k, f.pitch, x, P, Q, dy, sums + k * kLanes);
}

// target[i * phases + a] = source[a * pitch + i] for a < phases, where i * phases + a < count.
void join_phases(int64_t phases, const float* source, int64_t pitch, int64_t count, float* target) {
    if (phases == 2) {
        for (int64_t i = 0; 2 * i < count; i += kLanes) {
            const Vec a = load(source + i), b = load(source + pitch + i);
            store_at_most(target + 2 * i, interleave_low(a, b), count - 2 * i);
            store_at_most(target + 2 * i + kLanes, interleave_high(a, b), count - 2 * i - kLanes);
        }
        return;
    }
    for (int64_t a = 0; a < phases; ++a)
        for (int64_t i = 0; i * phases + a < count; ++i) target[i * phases + a] = source[a * pitch + i];
}

constexpr void fill_depthwise(KernelTable& table) {
    table.depthwise = depthwise;
    table.depthwise_gradient = depthwise_gradient;
    table.join_phases = join_phases;
}

}  // namespace
}  // namespace pycnn
