// Pooling of one plane with the windows that networks use: K x K adjacent elements, a stride of S. Lanes run along the output
// row; K columns become one row result, K row results one output.
//
// The columns of a plane are processed in strips of one vector of outputs, from top to bottom, so that the K - S row results that
// two windows share stay in registers. A row's last strip is moved back to end with the row: what it computes twice is the
// same. So only strips that reach into the padding, and the only strip of a short row, need masks.
#pragma once

#include "cpu/isa/simd.hpp"
#include "cpu/kernel_table.hpp"

namespace pycnn {
namespace {

template <int K, int S>
struct CommonWindow {};

// f(CommonWindow<K, S>{}), or false if the window is not a common one.
template <class F>
inline bool with_common_window(const PoolWindow& g, F&& f) {
    if (g.kernel_h != g.kernel_w || g.stride_h != g.stride_w || g.dilation_h != 1 || g.dilation_w != 1) return false;
    if (g.kernel_w == 2 && g.stride_w == 2) return f(CommonWindow<2, 2>{});
    if (g.kernel_w == 3 && g.stride_w == 2) return f(CommonWindow<3, 2>{});
    if (g.kernel_w == 3 && g.stride_w == 1) return f(CommonWindow<3, 1>{});
    return false;
}

// columns[s], lane i = element i * S + s of the row of which load(e) is the vector of elements e, e + 1, ...
template <int K, int S, class Load>
inline void window_columns(Load load, Vec* columns) {
    if constexpr (S == 1) {
        for (int s = 0; s < K; ++s) columns[s] = load(s);
    } else {
        const Vec a = load(0), b = load(kLanes);
        columns[0] = even_lanes(a, b);
        columns[1] = odd_lanes(a, b);
        if constexpr (K == 3) columns[2] = odd_lanes(load(1), load(kLanes + 1));  // reads no further than the last window
    }
}

// The outputs from column q on, in all rows: emit(p, rows) is called with the results of the K rows of each window. A row's
// result is of_row(columns, h, first column), or `outside` if the plane has no such row. Elements outside the plane's
// columns are `fill`; if `masked` is false there are none.
template <int K, int S, bool masked, class Row, class OfRow, class Emit>
inline void pool_strip(const PoolWindow& g, const float* x, int64_t q, float fill, const Row& outside, OfRow& of_row,
                       Emit& emit) {
    const int64_t w = q * S - g.pad_w;
    const auto row_at = [&](int64_t h) {
        if (h < 0 || h >= g.H) return outside;
        const float* row = x + h * g.W + w;
        Vec columns[K];
        if constexpr (masked) {
            window_columns<K, S>([&](int64_t e) { return load_inside(row + e, -w - e, g.W - w - e, fill); }, columns);
        } else {
            window_columns<K, S>([&](int64_t e) { return load(row + e); }, columns);
        }
        return of_row(columns, h, w);
    };
    Row rows[K];
    for (int r = 0; r < K - S; ++r) rows[S + r] = row_at(r - g.pad_h);
    for (int64_t p = 0; p < g.P; ++p) {
        for (int r = 0; r < K - S; ++r) rows[r] = rows[r + S];
        for (int r = K - S; r < K; ++r) rows[r] = row_at(p * S - g.pad_h + r);
        emit(p, rows);
    }
}

// Calls emit(output, count, rows) for the `count` outputs of the plane from `output` on.
template <int K, int S, class Row, class OfRow, class Emit>
inline void pool_plane(const PoolWindow& g, const float* x, float fill, const Row& outside, OfRow of_row, Emit emit) {
    const int64_t count = g.Q < kLanes ? g.Q : kLanes;
    for (int64_t start = 0; start < g.Q; start += kLanes) {
        const int64_t q = start + count > g.Q ? g.Q - count : start;
        const auto emit_strip = [&](int64_t p, const Row* rows) { emit(p * g.Q + q, count, rows); };
        const int64_t w = q * S - g.pad_w;
        if (w < 0 || w + (kLanes - 1) * S + K > g.W) {
            pool_strip<K, S, true>(g, x, q, fill, outside, of_row, emit_strip);
        } else {
            pool_strip<K, S, false>(g, x, q, fill, outside, of_row, emit_strip);
        }
    }
}

inline void store_outputs(float* y, int32_t* indices, Vec value, IntVec index, int64_t writable) {
    if (writable >= kLanes) {
        store(y, value);
        memcpy(indices, &index, sizeof index);
    } else {
        store_first(y, value, writable);
        store_first(indices, index, writable);
    }
}

struct Maximum {
    Vec value;
    IntVec index;

    // Of equal values the earlier one stays.
    void offer(Vec candidate, IntVec position) {
        const IntVec take = candidate > value;
        value = take ? candidate : value;
        index = take ? position : index;
    }
};

// 0 x is 0 for every finite number, and NaN for all others.
inline bool all_finite(const float* x, int64_t count) {
    Vec zeros[4] = {};  // four chains hide the latency of the multiply-add
    int64_t i = 0;
    for (; i + 4 * kLanes <= count; i += 4 * kLanes)
        for (int v = 0; v < 4; ++v) zeros[v] += 0.0f * load(x + i + v * kLanes);
    for (; i < count; i += kLanes) zeros[0] += 0.0f * load_at_most(x + i, count - i);
    return horizontal_sum((zeros[0] + zeros[1]) + (zeros[2] + zeros[3])) == 0.0f;
}

// For finite planes: minus infinity, which stands for elements outside, is less than any element and never chosen.
template <int K, int S>
void max_pool_common(const PoolWindow& g, const float* x, float* y, int32_t* indices) {
    const float lowest = -__builtin_inff();
    const auto of_row = [&](const Vec* columns, int64_t h, int64_t w) {
        const IntVec position = static_cast<int32_t>(h * g.W + w) + lane_numbers() * S;
        Maximum best{columns[0], position};
        for (int s = 1; s < K; ++s) best.offer(columns[s], position + s);
        return best;
    };
    pool_plane<K, S>(g, x, lowest, Maximum{broadcast(lowest), IntVec{}}, of_row,
                     [&](int64_t output, int64_t count, const Maximum* rows) {
                         Maximum best = rows[0];
                         for (int r = 1; r < K; ++r) best.offer(rows[r].value, rows[r].index);
                         store_outputs(y + output, indices + output, best.value, best.index, count);
                     });
}

template <int K, int S>
void avg_pool_common(const PoolWindow& g, const float* x, const float* divisor, float* y) {
    const auto total = [](const Vec* terms) {
        Vec sum = terms[0];
        for (int i = 1; i < K; ++i) sum += terms[i];
        return sum;
    };
    pool_plane<K, S>(
        g, x, 0.0f, Vec{}, [&](const Vec* columns, int64_t, int64_t) { return total(columns); },
        [&](int64_t output, int64_t count, const Vec* rows) {
            store_at_most(y + output, total(rows) / load_at_most(divisor + output, count), count);
        });
}

// dx[h, w] = sum of the shares dy / divisor of the windows that contain (h, w): gathered, in the order of the windows' rows. Rows
// of `shares` are `pitch` floats apart and have kPoolMargin zeros on both sides, for windows that do not exist. Columns of dx
// that differ by S lie in the same taps: column w = S * i + a, of phase a, is tap s of window i + (a + pad - s) / S, for the taps
// without a remainder. Columns that no window covers are zero, and nothing is read for them: next to a single window there may be any
// number of them, since its stride says nothing about the image (core/shape).
template <int K, int S>
void avg_pool_backward_common(const PoolWindow& g, const float* shares, int64_t pitch, float* dx) {
    const int64_t reach = (g.Q - 1) * S - g.pad_w + K, covered = reach < g.W ? reach : g.W;
    for (int64_t h = 0; h < g.H; ++h) {
        const int64_t end = (h + g.pad_h) / S + 1 < g.P ? (h + g.pad_h) / S + 1 : g.P;
        const int64_t begin = h + g.pad_h < K ? 0 : (h + g.pad_h - K) / S + 1;
        for (int64_t w = 0; w < covered; w += S * kLanes) {
            Vec phase[S] = {};
            for (int64_t p = begin; p < end; ++p)
                for (int a = 0; a < S; ++a)
                    for (int64_t s = (a + g.pad_w) % S; s < K; s += S)
                        phase[a] += load(shares + p * pitch + w / S + (a + g.pad_w - s) / S);
            // Lanes beyond the row's end are overwritten by the next row.
            const int64_t at = h * g.W + w, writable = g.H * g.W - at;
            if constexpr (S == 1) {
                store_at_most(dx + at, phase[0], writable);
            } else {
                store_at_most(dx + at, interleave_low(phase[0], phase[1]), writable);
                store_at_most(dx + at + kLanes, interleave_high(phase[0], phase[1]), writable - kLanes);
            }
        }
        for (int64_t w = covered; w < g.W; ++w) dx[h * g.W + w] = 0.0f;
    }
}

}  // namespace
}  // namespace pycnn
