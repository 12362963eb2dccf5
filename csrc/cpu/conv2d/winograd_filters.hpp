// How Winograd's convolution transforms filters, and writes outputs: the steps that many and few tiles share.
#pragma once

#include <algorithm>

#include "cpu/conv2d/winograd_correlation.hpp"
#include "cpu/dispatch.hpp"

namespace pycnn {

// The filters of outputs [first, first + outputs) and inputs [begin, end) of group g, transformed: [position][input][width], with `width` at
// least `outputs`; positions are `u_position` floats apart.
inline void transform_filters(const KernelTable& table, const WinogradCorrelation& p, int64_t g, int64_t first, int64_t outputs,
                              int64_t begin, int64_t end, int64_t width, float* u, int64_t u_position) {
    // Filters that lie side by side are transposed together, in whole squares of lanes.
    constexpr int64_t kTogether = 8;
    const int64_t count = p.winograd.taps * p.winograd.taps, step = p.input_stride == count ? kTogether : 1;
    float taps[kTogether * kMostWinogradTaps * kNRVectors * kMostLanes] = {};  // lanes without a filter stay zero
    for (int64_t c = begin; c < end; c += step) {
        const int64_t inputs = std::min(step, end - c);
        table.transpose(outputs, inputs * count, p.filters + g * p.group_stride + first * p.output_stride + c * p.input_stride,
                        p.output_stride, taps, width);
        for (int64_t i = 0; i < inputs; ++i, u += width) {
            const float* filter = taps + i * count * width;
            p.winograd.filter(kNRVectors, p.flipped ? filter + (count - 1) * width : filter, p.flipped ? -width : width, u,
                              u_position);
        }
    }
}

// From pixels with `outputs` channels side by side to planes, without what hangs over the edges.
inline void write_strip(const KernelTable& table, const WinogradCorrelation& p, const Strip& strip, int64_t outputs,
                        const float* pixels, int64_t pitch, float* planes) {
    const int64_t tile = p.winograd.tile, width = strip.tiles * tile;
    const int64_t i0 = strip.row * tile - p.before_h, j0 = strip.column * tile - p.before_w;
    const int64_t top = std::max<int64_t>(-i0, 0), left = std::max<int64_t>(-j0, 0);
    const int64_t rows = std::min(tile, p.out_height - i0), columns = std::min(width, p.out_width - j0);
    for (int64_t i = top; i < rows; ++i)
        table.transpose(columns - left, outputs, pixels + (i * width + left) * pitch, pitch,
                        planes + (i0 + i) * p.out_width + j0 + left, p.out_height * p.out_width);
}

}  // namespace pycnn
