// A correlation with the images of the batch in the lanes: what forward and backward-input have in common.
#pragma once

#include <cstdint>
#include <utility>

#include "core/shape.hpp"

namespace pycnn {

// Along one axis: output i meets input i * step + origin + tap * delta for the taps in [begin, end), the others lie outside.
struct Axis {
    int64_t in, out, taps, step, origin, delta;

    int64_t position(int64_t i, int64_t tap) const { return i * step + origin + tap * delta; }
    std::pair<int64_t, int64_t> visible(int64_t i) const {
        int64_t begin = 0, end = taps;
        while (begin < end && !inside(position(i, begin))) ++begin;
        while (begin < end && !inside(position(i, end - 1))) --end;
        return {begin, end};
    }

private:
    bool inside(int64_t at) const { return at >= 0 && at < in; }
};

// Forward and backward-input are the same sum over the channels and the visible taps:
//   y[m][i][j] = bias[m] + sum over c, r, s of filter[m * row_stride + c * channel_stride + r * S + s] * x[c][at(i, r)][at(j, s)]
// It is cut as in implicit_gemm, by blocks of channels and in a block by c, r, s: the same bits. The source is interleaved
// already, as [block][group][channel][pixel][image]. Of what is written, `pooled` makes ReLU and max pooling.
struct InterleavedCorrelation {
    int64_t images, groups, rows, channels;
    Axis down, across;
    int64_t group_stride, row_stride, channel_stride;  // of the filters
    const float *source, *filters, *bias;
    float* target;
    const PooledConvShape* pooled = nullptr;
    uint8_t* winners = nullptr;
    bool target_in_lanes = false;  // [block][plane][pixel][image]

    int64_t in_plane() const { return down.in * across.in; }
    int64_t out_plane() const { return down.out * across.out; }
};

void correlate_interleaved(const InterleavedCorrelation& p);

}  // namespace pycnn
