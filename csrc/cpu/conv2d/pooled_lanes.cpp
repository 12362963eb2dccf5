#include "cpu/conv2d/pooled_lanes.hpp"

#include <algorithm>

#include "core/parallel.hpp"
#include "core/sum_block.hpp"
#include "cpu/conv2d/interleaved_images.hpp"
#include "cpu/conv2d/lane_weights.hpp"
#include "cpu/dispatch.hpp"

namespace pycnn {

// Neighbouring taps must meet neighbouring outputs, a run of outputs be of whole rows, and the outputs of a plane one block of a sum.
bool takes_pooled_lanes(const KernelTable& table, const PooledConvShape& s) {
    constexpr int64_t kBlockPixels = kSumBlock * 4 / kNRVectors;  // a sum has four chains of vectors
    return table.lane_winners != nullptr && s.window.h == 2 && s.window.w == 2 && s.conv.dilation.h == 1 &&
           s.conv.dilation.w == 1 && s.conv.Q <= kRunPixels && s.conv.P * s.conv.Q <= kBlockPixels;
}

PooledLanes::PooledLanes(const KernelTable& table, const PooledConvShape& s, const float* dy, const uint8_t* winner_places,
                         bool in_lanes)
    : filters(s.conv.K),
      windows(s.Q),
      block(block_images(table)),
      plane(s.P * s.Q * block),
      winners_plane(s.P * s.window.h * kNRVectors * s.Q),
      gradients(in_lanes ? 0 : ceil_div(s.conv.N, block) * filters * plane),
      winners(ceil_div(s.conv.N, block) * filters * winners_plane),
      sums(ceil_div(s.conv.N, block) * filters),
      data(in_lanes ? dy : gradients.data()) {
    const int64_t planes = ceil_div(s.conv.N, block) * filters;
    parallel_ranges(planes, 1, static_cast<double>(3 * plane), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
            if (!in_lanes)
                Block(block, i / filters, s.conv.N)
                    .load(table, s.P * s.Q, dy + i % filters * s.P * s.Q, filters * s.P * s.Q, gradients.data() + i * plane);
            for (int64_t p = 0; p < s.P; ++p)
                table.lane_winners(s.Q, winner_places + i * plane + p * s.Q * block,
                                   winners.data() + i * winners_plane + p * s.window.h * kNRVectors * s.Q);
            sums.data()[i] = table.pooled_sum(from(0, i), s.P * s.window.h, s.conv.Q);
        }
    });
}

void pooled_lanes_backward_weight(const PooledConvShape& s, const PooledLanes& dy, const float* x, float* dw, float* db,
                                  bool x_in_lanes) {
    const KernelTable& table = kernels();
    const ConvShape& c = s.conv;
    const PaddedLanes padded(table, c, x, x_in_lanes);
    const int64_t taps_of_a_channel = c.R * c.S, row_length = c.group_inputs() * taps_of_a_channel;
    const int64_t pitch = padded.width * padded.block;
    const Tiles across(c.S, kMaxPooledColumns);
    const auto dot = [&](const LaneRun& run) {
        const PooledGradients gradients = dy.from(run.block, run.filter);
        // Below the last row of windows there is no gradient.
        const int64_t rows = std::min(run.rows, s.P * s.window.h - run.row);
        for (int64_t i = 0; i < c.group_inputs() * c.R; ++i) {
            const float* images = run.images + (i / c.R * padded.height + i % c.R) * pitch;
            for (int64_t u = 0; u < across.count; ++u)
                table.pooled_dot[run.filters - 1][across.extent(u) - 1](gradients, run.row, rows,
                                                                        images + across.begin(u) * padded.block, pitch,
                                                                        run.dw + i * c.S + across.begin(u), row_length);
        }
    };
    const auto sum = [&](int64_t n, int64_t k) { return dy.sums.data()[n * c.K + k]; };
    add_lane_products(c, padded, kMaxPooledFilters, dw, db, dot, sum);
}

}  // namespace pycnn
