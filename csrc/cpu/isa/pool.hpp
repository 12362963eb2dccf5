// Pooling of one plane with any window; isa/pool_common.hpp has the usual windows. The outer loops run over the window's taps and the
// inner one over a row of outputs, so that lanes run along the output row and no branch depends on the data.
#pragma once

#include "cpu/isa/pool_common.hpp"
#include "cpu/isa/simd.hpp"
#include "cpu/kernel_table.hpp"

namespace pycnn {
namespace {

struct Range {
    int64_t begin, end;
};

// The outputs q in [first, first + count) whose tap at column q * stride + offset lies in [0, width).
inline Range inside(int64_t first, int64_t count, int64_t stride, int64_t offset, int64_t width) {
    int64_t begin = offset >= 0 ? 0 : (-offset + stride - 1) / stride;
    int64_t end = width > offset ? (width - offset + stride - 1) / stride : 0;
    if (begin < first) begin = first;
    if (end > first + count) end = first + count;
    return {begin, end < begin ? begin : end};
}

// The first of start, start + step, ... that is not negative.
inline int64_t first_inside(int64_t start, int64_t step) {
    return start >= 0 ? start : start + (-start + step - 1) / step * step;
}

// The taps of a window that can reach [0, extent) from any of its starting positions start .. start + reach.
inline Range taps_inside(int64_t start, int64_t reach, int64_t taps, int64_t dilation, int64_t extent) {
    Range range{0, taps};
    if (start + reach < 0) range.begin = (-(start + reach) + dilation - 1) / dilation;
    if (start + (taps - 1) * dilation >= extent) range.end = start < extent ? (extent - start + dilation - 1) / dilation : 0;
    return range;
}

// Lane i: p[i * stride] for first <= i < last, else 0. Not inlined: setting lanes one by one would put the caller's vectors in
// memory.
[[gnu::noinline]] Vec gather_lanes(const float* p, int64_t stride, int64_t first, int64_t last) {
    float lane[kLanes] = {};
    for (int64_t i = first; i < last && i < kLanes; ++i) lane[i] = p[i * stride];
    return load(lane);
}

// Lane i: p[i * stride]. `readable` floats from p on may be read; lanes beyond them do not matter.
inline Vec load_strided(const float* p, int64_t stride, int64_t readable) {
    if (stride == 1) return load_at_most(p, readable);
    if (stride == 2) return even_lanes(load_at_most(p, readable), load_at_most(p + kLanes, readable - kLanes));
    return gather_lanes(p, stride, 0, (readable + stride - 1) / stride);
}

// How far each lane's window, which starts at column w0 + lane * stride, must move in steps of its dilation to start at
// column 0 or later.
[[gnu::noinline]] IntVec first_columns(int64_t w0, int64_t stride, int64_t dilation) {
    int32_t lane[kLanes];
    for (int64_t i = 0; i < kLanes; ++i)
        lane[i] = static_cast<int32_t>(first_inside(w0 + i * stride, dilation) - (w0 + i * stride));
    IntVec v;
    memcpy(&v, lane, sizeof v);
    return v;
}

// A vector of outputs is kept in registers while the window's taps go over it.
struct Best {
    Vec value;
    IntVec index;

    // A later NaN replaces any number, and only another NaN replaces a NaN.
    void offer(Vec candidate, IntVec position, IntVec valid) {
        const IntVec take = ((candidate > value) | (candidate != candidate)) & valid;
        value = take ? candidate : value;
        index = take ? position : index;
    }
};

void max_pool_any(const PoolWindow& g, const float* x, float* y, int32_t* indices) {
    const IntVec lane = lane_numbers();
    const int32_t stride = static_cast<int32_t>(g.stride_w);
    for (int64_t p = 0; p < g.P; ++p) {
        const Range rows = taps_inside(p * g.stride_h - g.pad_h, 0, g.kernel_h, g.dilation_h, g.H);
        for (int64_t q = 0; q < g.Q; q += kLanes) {
            // Starts with the window's first element inside the plane, so that a window of -inf has a valid index.
            const int64_t h0 = first_inside(p * g.stride_h - g.pad_h, g.dilation_h);
            const int64_t w0 = q * g.stride_w - g.pad_w;
            Best best{broadcast(-__builtin_inff()), static_cast<int32_t>(h0 * g.W + w0) + lane * stride};
            if (w0 < 0) best.index += first_columns(w0, g.stride_w, g.dilation_w);
            const int64_t reach = ((g.Q - q < kLanes ? g.Q - q : kLanes) - 1) * g.stride_w;
            const Range columns = taps_inside(w0, reach, g.kernel_w, g.dilation_w, g.W);
            for (int64_t r = rows.begin; r < rows.end; ++r) {
                const int64_t h = p * g.stride_h - g.pad_h + r * g.dilation_h;
                for (int64_t s = columns.begin; s < columns.end; ++s) {
                    const int64_t offset = s * g.dilation_w - g.pad_w;
                    const int64_t start = h * g.W + q * g.stride_w + offset;
                    const IntVec column = static_cast<int32_t>(q * g.stride_w + offset) + lane * stride;
                    const IntVec valid = (column >= 0) & (column < static_cast<int32_t>(g.W));
                    const IntVec position = static_cast<int32_t>(start) + lane * stride;
                    const int64_t readable = g.H * g.W - start;
                    const Vec candidate = start >= 0
                                              ? load_strided(x + start, g.stride_w, readable)
                                              : gather_lanes(x + start, g.stride_w, (-start + g.stride_w - 1) / g.stride_w,
                                                             (readable + g.stride_w - 1) / g.stride_w);
                    best.offer(candidate, position, valid);
                }
            }
            // Lanes beyond the row's end are overwritten by the next row; only the plane's end must not be crossed.
            const int64_t output = p * g.Q + q;
            store_outputs(y + output, indices + output, best.value, best.index, g.P * g.Q - output);
        }
    }
}

void max_pool(const PoolWindow& g, const float* x, float* y, int32_t* indices) {
    const auto common = [&]<int K, int S>(CommonWindow<K, S>) {
        if (!all_finite(x, g.H * g.W)) return false;
        max_pool_common<K, S>(g, x, y, indices);
        return true;
    };
    if (!with_common_window(g, common)) max_pool_any(g, x, y, indices);
}

void avg_pool_any(const PoolWindow& g, const float* __restrict x, const float* __restrict divisor, float* __restrict y) {
    const Range columns = taps_inside(-g.pad_w, (g.Q - 1) * g.stride_w, g.kernel_w, 1, g.W);
    for (int64_t p = 0; p < g.P; ++p) {
        float* row = y + p * g.Q;
        for (int64_t q = 0; q < g.Q; ++q) row[q] = 0.0f;
        const Range rows = taps_inside(p * g.stride_h - g.pad_h, 0, g.kernel_h, 1, g.H);
        for (int64_t r = rows.begin; r < rows.end; ++r) {
            const int64_t h = p * g.stride_h - g.pad_h + r;
            for (int64_t s = columns.begin; s < columns.end; ++s) {
                const int64_t offset = s - g.pad_w;
                const Range q = inside(0, g.Q, g.stride_w, offset, g.W);
                const float* source = x + h * g.W + offset;
                for (int64_t i = q.begin; i < q.end; ++i) row[i] += source[i * g.stride_w];
            }
        }
        for (int64_t q = 0; q < g.Q; ++q) row[q] /= divisor[p * g.Q + q];
    }
}

// y = sum over the window / divisor; each output of the plane has its own divisor.
void avg_pool(const PoolWindow& g, const float* x, const float* divisor, float* y) {
    const auto common = [&]<int K, int S>(CommonWindow<K, S>) {
        avg_pool_common<K, S>(g, x, divisor, y);
        return true;
    };
    if (!with_common_window(g, common)) avg_pool_any(g, x, divisor, y);
}

// Windows are visited in order, so sums have one order.
void avg_pool_backward_any(const PoolWindow& g, const float* __restrict shares, int64_t pitch, float* __restrict dx) {
    for (int64_t i = 0; i < g.H * g.W; ++i) dx[i] = 0.0f;
    const Range columns = taps_inside(-g.pad_w, (g.Q - 1) * g.stride_w, g.kernel_w, 1, g.W);
    for (int64_t p = 0; p < g.P; ++p) {
        const Range rows = taps_inside(p * g.stride_h - g.pad_h, 0, g.kernel_h, 1, g.H);
        for (int64_t r = rows.begin; r < rows.end; ++r) {
            const int64_t h = p * g.stride_h - g.pad_h + r;
            for (int64_t s = columns.begin; s < columns.end; ++s) {
                const int64_t offset = s - g.pad_w;
                const Range q = inside(0, g.Q, g.stride_w, offset, g.W);
                float* target = dx + h * g.W + offset;
                for (int64_t i = q.begin; i < q.end; ++i) target[i * g.stride_w] += shares[p * pitch + i];
            }
        }
    }
}

// dx[h, w] = sum of dy / divisor over the windows that contain (h, w). `area` has room for P rows of Q + 2 kPoolMargin quotients
// and one vector.
void avg_pool_backward(const PoolWindow& g, const float* dy, const float* divisor, float* area, float* dx) {
    const int64_t pitch = g.Q + 2 * kPoolMargin;
    float* shares = area + kPoolMargin;
    for (int64_t p = 0; p < g.P; ++p) {
        float* row = shares + p * pitch;
        for (int64_t i = 1; i <= kPoolMargin; ++i) row[-i] = 0.0f;
        for (int64_t q = 0; q < g.Q; q += kLanes) {
            const int64_t at = p * g.Q + q, readable = g.P * g.Q - at;
            store(row + q, load_at_most(dy + at, readable) / load_at_most(divisor + at, readable));
        }
        for (int64_t i = 0; i < kPoolMargin; ++i) row[g.Q + i] = 0.0f;
    }
    const auto common = [&]<int K, int S>(CommonWindow<K, S>) {
        avg_pool_backward_common<K, S>(g, shares, pitch, dx);
        return true;
    };
    if (!with_common_window(g, common)) avg_pool_backward_any(g, shares, pitch, dx);
}

constexpr void fill_pool(KernelTable& table) {
    table.max_pool = max_pool;
    table.avg_pool = avg_pool;
    table.avg_pool_backward = avg_pool_backward;
}

}  // namespace
}  // namespace pycnn
