// One engine for convolution forward and backward-input:
//
//   y[n, g, m, i, j] = bias[g, m] + sum over c, r, s of  w[g, m, c, r, s] * x[n, g, c, i * step_h + dh[r], j * step_w + dw[s]]
//
// with x zero outside its plane. It is a matrix product, filters x patches. The patch matrix is never stored whole: each
// task packs the part for one band of output pixels straight into a panel.
#pragma once

#include <cstdint>
#include <vector>

namespace pycnn {

// Which element of the weight array plays w[g, m, c, r, s], by strides and by the offset of each tap.
struct FilterView {
    const float* data;
    int64_t group_stride, row_stride, channel_stride;
    std::vector<int64_t> tap_offsets;  // r-major
};

struct ImplicitGemm {
    int64_t images, groups;
    int64_t rows, channels;  // m and c of one group
    const float* source;     // (images, groups * channels, height, width)
    int64_t height, width;
    int64_t step_h, step_w;
    std::vector<int64_t> dh, dw;  // displacement of each row and column tap, ascending or not, never empty
    FilterView filter;
    const float* bias;  // (groups * rows) or null
    bool direct;        // load vectors straight from the padded copy, instead of packing them

    float* target;                      // first output element
    int64_t out_height, out_width;      // i and j
    int64_t plane;                      // floats from one output channel to the next
    int64_t row_stride, column_stride;  // between outputs i, i + 1 and j, j + 1
};

void implicit_gemm(const ImplicitGemm& problem);

// Whether vectors straight from the padded copy cost less than packed ones, for `rows` filters and this output plane.
bool prefers_direct(int64_t rows, int64_t out_height, int64_t out_width);

}  // namespace pycnn
