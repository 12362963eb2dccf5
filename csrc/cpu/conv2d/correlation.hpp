// Forward and backward-input as one sum:
//
//   y[n, g, m, i, j] = bias[g, m] + sum over c, r, s of  w[g, m, c, r, s] * x[n, g, c, i * step_h + dh[r], j * step_w + dw[s]]
//
// with x zero outside its plane. The algorithms that take it know nothing of the two passes.
#pragma once

#include <cstdint>
#include <vector>

#include "core/shape.hpp"

namespace pycnn {

// Which element of the weight array plays w[g, m, c, r, s], by strides and by the offset of each tap.
struct FilterView {
    const float* data;
    int64_t group_stride, row_stride, channel_stride;
    std::vector<int64_t> tap_offsets;  // r-major
};

struct Correlation {
    int64_t images, groups;
    int64_t rows, channels;  // m and c of one group
    const float* source;     // (images, groups * channels, height, width)
    int64_t height, width;
    int64_t step_h, step_w;
    std::vector<int64_t> dh, dw;  // displacement of each row and column tap, ascending or not, never empty
    FilterView filter;
    const float* bias;  // (groups * rows) or null

    float* target;                      // first output element
    int64_t out_height, out_width;      // i and j
    int64_t plane;                      // floats from one output channel to the next
    int64_t row_stride, column_stride;  // between outputs i, i + 1 and j, j + 1
};

// The sums of an output are cut into blocks of so many whole channels, at most KC terms, which all algorithms of SumOrder::plain share.
int64_t channels_of_block(int64_t channels, int64_t taps);

// y from x: one correlation, whose step is the stride.
Correlation forward_correlation(const ConvShape& s, const float* x, const float* w, const float* b, float* y);

// dx from dy. A stride of s cuts dx into s * s interleaved grids; on each, dx is a stride-1 correlation of dy with some of the
// taps, so no multiplication with an inserted zero is ever done. Where a grid is reached by no tap, this writes dx itself.
std::vector<Correlation> backward_input_correlations(const ConvShape& s, const float* dy, const float* w, float* dx,
                                                     const float* b);

}  // namespace pycnn
