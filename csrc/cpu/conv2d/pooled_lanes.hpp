// Gradients of a convolution with ReLU and max pooling by windows of 2 x 2, images in the lanes, from those of the maxima and masks of the
// winners: the gradients of the convolution's outputs, three quarters of which are zero, are never made. The bits are those of the other way,
// while x and dy are finite: of an infinite number times such a zero, a NaN, nothing is seen.
#pragma once

#include "core/memory.hpp"
#include "core/shape.hpp"
#include "cpu/kernel_table.hpp"

namespace pycnn {

bool takes_pooled_lanes(const KernelTable& table, const PooledConvShape& s);

// What is left of the gradients after pooling, in lanes.
struct PooledLanes {
    int64_t filters, windows, block;
    int64_t plane, winners_plane;    // of a filter in a block of images
    Workspace<float> gradients;      // [block][filter][window][image]
    Workspace<LaneWinners> winners;  // [block][filter][row of outputs][vector of images][window in the row]
    Workspace<float> sums;           // of each plane: [block][filter]
    const float* data;               // the gradients, here or in dy

    PooledLanes(const KernelTable& table, const PooledConvShape& s, const float* dy, const uint8_t* winner_places,
                bool in_lanes);

    // Of block n, from filter k on.
    PooledGradients from(int64_t n, int64_t k) const {
        const int64_t at = n * filters + k;
        return {windows, data + at * plane, plane, winners.data() + at * winners_plane, winners_plane};
    }
};

void pooled_lanes_backward_weight(const PooledConvShape& s, const PooledLanes& dy, const float* x, float* dw, float* db,
                                  bool x_in_lanes);
void pooled_lanes_backward_input(const PooledConvShape& s, const PooledLanes& dy, const float* w, float* dx, bool dx_in_lanes);

}  // namespace pycnn
