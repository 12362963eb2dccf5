// Pooling of one plane. The window's taps are the outer loops and a row of outputs the inner one, so that lanes run along
// the output row and no branch depends on the data.
#pragma once

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

// One tap for a run of outputs. Stride is a template argument where it is 1 or 2 (0: any), which lets the compiler
// use shuffles. A later NaN replaces what is there, and nothing replaces a NaN but another.
template <int Stride>
void max_tap(int64_t count, const float* __restrict x, int64_t any_stride, int32_t index, float* __restrict best,
             int32_t* __restrict best_index) {
    const int64_t stride = Stride ? Stride : any_stride;
    for (int64_t q = 0; q < count; ++q) {
        const float value = x[q * stride];
        const bool take = (value > best[q]) | (value != value);
        best[q] = take ? value : best[q];
        best_index[q] = take ? index + static_cast<int32_t>(q * stride) : best_index[q];
    }
}

// The first of start, start + step, ... that is not negative.
inline int64_t first_inside(int64_t start, int64_t step) {
    return start >= 0 ? start : start + (-start + step - 1) / step * step;
}

constexpr int64_t kPoolBlock = 64;  // outputs kept in L1 while the taps go over them

void max_pool(const PoolWindow& g, const float* x, float* y, int32_t* indices) {
    float best[kPoolBlock];
    int32_t best_index[kPoolBlock];
    const auto tap = g.stride_w == 1 ? max_tap<1> : g.stride_w == 2 ? max_tap<2> : max_tap<0>;
    for (int64_t p = 0; p < g.P; ++p)
        for (int64_t first = 0; first < g.Q; first += kPoolBlock) {
            const int64_t count = g.Q - first < kPoolBlock ? g.Q - first : kPoolBlock;
            // Starts at the window's first element inside the plane, so that a window of -inf has a valid index.
            const int64_t h0 = first_inside(p * g.stride_h - g.pad_h, g.dilation_h);
            const int64_t start = h0 * g.W + first * g.stride_w - g.pad_w;
            for (int64_t q = 0; q < count; ++q) {
                best[q] = -__builtin_inff();
                best_index[q] = static_cast<int32_t>(start + q * g.stride_w);
            }
            for (int64_t q = 0; q < count && (first + q) * g.stride_w < g.pad_w; ++q)
                best_index[q] = static_cast<int32_t>(
                    h0 * g.W + first_inside((first + q) * g.stride_w - g.pad_w, g.dilation_w));
            for (int64_t r = 0; r < g.kernel_h; ++r) {
                const int64_t h = p * g.stride_h - g.pad_h + r * g.dilation_h;
                if (h < 0 || h >= g.H) continue;
                for (int64_t s = 0; s < g.kernel_w; ++s) {
                    const int64_t offset = s * g.dilation_w - g.pad_w;
                    const Range q = inside(first, count, g.stride_w, offset, g.W);
                    const int64_t source = h * g.W + q.begin * g.stride_w + offset;
                    tap(q.end - q.begin, x + source, g.stride_w, static_cast<int32_t>(source),
                        best + (q.begin - first), best_index + (q.begin - first));
                }
            }
            memcpy(y + p * g.Q + first, best, count * sizeof(float));
            memcpy(indices + p * g.Q + first, best_index, count * sizeof(int32_t));
        }
}

// y = sum over the window / divisor, with one divisor per output of the plane.
void avg_pool(const PoolWindow& g, const float* __restrict x, const float* __restrict divisor, float* __restrict y) {
    for (int64_t p = 0; p < g.P; ++p) {
        float* row = y + p * g.Q;
        for (int64_t q = 0; q < g.Q; ++q) row[q] = 0.0f;
        for (int64_t r = 0; r < g.kernel_h; ++r) {
            const int64_t h = p * g.stride_h - g.pad_h + r;
            if (h < 0 || h >= g.H) continue;
            for (int64_t s = 0; s < g.kernel_w; ++s) {
                const int64_t offset = s - g.pad_w;
                const Range q = inside(0, g.Q, g.stride_w, offset, g.W);
                const float* source = x + h * g.W + offset;
                if (g.stride_w == 2) {
                    for (int64_t i = q.begin; i < q.end; ++i) row[i] += source[i * 2];
                } else {
                    for (int64_t i = q.begin; i < q.end; ++i) row[i] += source[i * g.stride_w];
                }
            }
        }
        for (int64_t q = 0; q < g.Q; ++q) row[q] /= divisor[p * g.Q + q];
    }
}

// dx[h, w] = sum of dy / divisor over the windows that hold (h, w). Windows are visited in order, so sums have one order.
void avg_pool_backward(const PoolWindow& g, const float* __restrict dy, const float* __restrict divisor,
                       float* __restrict dx) {
    for (int64_t i = 0; i < g.H * g.W; ++i) dx[i] = 0.0f;
    for (int64_t p = 0; p < g.P; ++p)
        for (int64_t r = 0; r < g.kernel_h; ++r) {
            const int64_t h = p * g.stride_h - g.pad_h + r;
            if (h < 0 || h >= g.H) continue;
            for (int64_t s = 0; s < g.kernel_w; ++s) {
                const int64_t offset = s - g.pad_w;
                const Range q = inside(0, g.Q, g.stride_w, offset, g.W);
                float* target = dx + h * g.W + offset;
                for (int64_t i = q.begin; i < q.end; ++i)
                    target[i * g.stride_w] += dy[p * g.Q + i] / divisor[p * g.Q + i];
            }
        }
}

}  // namespace
}  // namespace pycnn
