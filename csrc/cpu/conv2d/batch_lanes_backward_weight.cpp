#include <vector>

#include "core/memory.hpp"
#include "cpu/conv2d/batch_lanes.hpp"
#include "cpu/conv2d/interleaved_images.hpp"
#include "cpu/conv2d/lane_weights.hpp"
#include "cpu/dispatch.hpp"

namespace pycnn {

// dw[k][c][r][s] is a dot product of a plane of dy with a plane of x, padded and moved by the tap. Lanes are images, so the
// sums of all lanes belong to it, and no operand is copied but for the transposition.
void backward_weight_of_interleaved(const ConvShape& s, const float* interleaved_dy, const float* x, float* dw, float* db) {
    const KernelTable& table = kernels();
    const PaddedLanes padded(table, s, x);
    std::vector<int64_t> columns;  // of (c, r, s) of a group, as in dw
    for (int64_t c = 0; c < s.group_inputs(); ++c)
        for (int64_t r = 0; r < s.R; ++r)
            for (int64_t t = 0; t < s.S; ++t)
                columns.push_back(((c * padded.height + r * s.dilation.h) * padded.width + t * s.dilation.w) * padded.block);
    const int64_t row_length = s.group_inputs() * s.R * s.S, block = padded.block, plane = s.P * s.Q * block;
    const Tiles across(row_length, table.dot_columns);
    const auto dot = [&](const LaneRun& run) {
        const float* gradients = interleaved_dy + (run.block * s.K + run.filter) * plane + (run.row * s.Q + run.column) * block;
        for (int64_t u = 0; u < across.count; ++u)
            table.batch_reduce_dot[run.filters - 1][across.extent(u) - 1](
                run.rows, run.columns * block, gradients, plane, s.Q * block, run.images, columns.data() + across.begin(u),
                padded.width * block, run.dw + across.begin(u), row_length);
    };
    const auto sum = [&](int64_t n, int64_t k) { return table.sum(plane, interleaved_dy + (n * s.K + k) * plane); };
    add_lane_products(s, padded, table.dot_rows, dw, db, dot, sum);
}

void conv2d_batch_lanes_backward_weight(const ConvShape& s, const float* dy, const float* x, float* dw, float* db) {
    const Workspace<float> interleaved = interleaved_images(kernels(), s.N, s.K, s.P * s.Q, dy);
    backward_weight_of_interleaved(s, interleaved.data(), x, dw, db);
}

}  // namespace pycnn
