// Planes with channels in lanes: where their pixels lie, and filters of one channel on them.
#pragma once

#include <algorithm>
#include <vector>

#include "core/shape.hpp"
#include "cpu/kernel_table.hpp"

namespace pycnn {

// Rows and columns of a plane that a filter meets, the plane's own among them.
struct LaneExtent {
    int64_t first, last;

    LaneExtent(int64_t size, int64_t least, int64_t most)
        : first(std::min<int64_t>(0, least)), last(std::max(size - 1, most)) {}
    int64_t size() const { return last - first + 1; }
};

// Of the input of a forward pass along one axis.
inline LaneExtent lane_extent(int64_t in, int64_t out, int64_t taps, int64_t stride, int64_t dilation, int64_t pad) {
    return {in, -pad, (out - 1) * stride + (taps - 1) * dilation - pad};
}

// A plane of H x W pixels with the padding around it.
struct LanePlane {
    int64_t step, pitch, size;    // floats of a pixel, a row, and all
    int64_t origin;               // of pixel (0, 0)
    std::vector<int64_t> places;  // of each pixel

    LanePlane(int64_t H, int64_t W, const LaneExtent& rows, const LaneExtent& columns, int64_t lanes)
        : step(lanes),
          pitch(columns.size() * lanes),
          size(rows.size() * pitch),
          origin(-rows.first * pitch - columns.first * lanes) {
        places.reserve(H * W);
        for (int64_t h = 0; h < H; ++h)
            for (int64_t v = 0; v < W; ++v) places.push_back(at(h, v));
    }

    int64_t at(int64_t row, int64_t column) const { return origin + row * pitch + column * step; }
};

// The channels of a convolution in blocks of `lanes`.
struct LaneBlocks {
    int64_t channels, lanes, count;

    LaneBlocks(int64_t channels, int64_t lanes) : channels(channels), lanes(lanes), count(ceil_div(channels, lanes)) {}
    int64_t first(int64_t block) const { return block * lanes; }
    int64_t planes(int64_t block) const { return std::min(lanes, channels - first(block)); }
};

}  // namespace pycnn
