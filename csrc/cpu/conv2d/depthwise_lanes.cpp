#include "cpu/conv2d/depthwise_lanes.hpp"

#include <algorithm>
#include <vector>

#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "cpu/conv2d/lane_planes.hpp"
#include "cpu/conv2d/phase_taps.hpp"
#include "cpu/dispatch.hpp"
#include "cpu/gemm.hpp"

namespace pycnn {

// Measured with AVX2 against flat planes and rows. Up to 9 taps lanes win as long as the padded plane stays in L1 (32 KiB): 3 x 3 with
// stride 2 takes 0.2 to 0.9 of the time up to 28 x 28, and 1.2 to 1.4 at 48 x 48; with stride 1 and without a gradient of weights, where a
// pixel is transposed for only 9 products, 0.3 to 0.85 up to 14 x 14, and 1.1 at 24 x 24. More taps repay transposing as long as the plane
// stays in L2: 5 x 5 and 7 x 7 filters take 0.5 to 0.8 of the time up to 28 x 28, and 0.8 to 1 at 56 x 56. The filters of a channel each
// have a plane of dy. Half of the last lanes may be wasted, for which rows waste as much.
bool suits_depthwise_lanes(ConvPass pass, const ConvShape& s) {
    constexpr int64_t kL1Floats = 8 * 1024, kFewProducts = 3 * 1024;
    const LaneBlocks blocks(s.C, kernels().lanes);
    if (2 * s.C < blocks.count * blocks.lanes) return false;
    const int64_t rows = lane_extent(s.H, s.P, s.R, s.stride.h, s.dilation.h, s.pad.top).size();
    const int64_t columns = lane_extent(s.W, s.Q, s.S, s.stride.w, s.dilation.w, s.pad.left).size();
    const bool few = s.stride.h * s.stride.w == 1 && pass != ConvPass::backward_weight;
    const int64_t most = s.R * s.S > 9 ? kPanelFloats / 2 : few ? kFewProducts : kL1Floats;
    const int64_t floats = std::max(rows * columns, s.P * s.Q) * blocks.lanes;
    return floats <= most && floats * s.group_outputs() <= kPanelFloats;
}

namespace {

// Filters and biases with channels in lanes, block after block: w[block][filter][tap][lane], bias[block][filter][lane]. Biases count
// for each filter in the forward pass, and once a channel in that of a transposed convolution.
struct LaneWeights {
    int64_t block_weights, block_biases;
    Workspace<float> w, bias;

    LaneWeights(const KernelTable& table, const LaneBlocks& blocks, int64_t channel_weights, const float* weights,
                int64_t channel_biases, const float* biases)
        : block_weights(channel_weights * blocks.lanes),
          block_biases(channel_biases * blocks.lanes),
          w(blocks.count * block_weights),
          bias(blocks.count * block_biases) {
        std::vector<int64_t> places(channel_weights);
        for (int64_t i = 0; i < channel_weights; ++i) places[i] = i * blocks.lanes;
        std::fill_n(bias.data(), blocks.count * block_biases, 0.0f);
        for (int64_t block = 0; block < blocks.count; ++block) {
            const int64_t first = blocks.first(block);
            table.planes_to_lanes(blocks.planes(block), channel_weights, weights + first * channel_weights, channel_weights,
                                  places.data(), w.data() + block * block_weights);
            for (int64_t i = 0; biases != nullptr && i < blocks.planes(block) * channel_biases; ++i)
                bias.data()[block * block_biases + i % channel_biases * blocks.lanes + i / channel_biases] =
                    biases[first * channel_biases + i];
        }
    }
};

// Calls f(image, block, area of the thread) for each block of channels of each image. The areas start with zeros.
template <class F>
void for_each_block(const ConvShape& s, const LaneBlocks& blocks, int64_t area_size, int64_t zeros, F&& f) {
    const int64_t units = s.N * blocks.count, grain = planes_per_task(s.H * s.W * blocks.lanes), tasks = ceil_div(units, grain);
    const int team = team_size(tasks, static_cast<double>(s.N * s.P * s.Q) * static_cast<double>(s.weights()));
    const Workspace<float> areas(area_size * team);
    parallel_for(tasks, team, [&](int64_t task, int thread) {
        float* area = areas.data() + area_size * thread;
        std::fill_n(area, zeros, 0.0f);
        for (int64_t unit = task * grain; unit < std::min((task + 1) * grain, units); ++unit)
            f(unit / blocks.count, unit % blocks.count, area);
    });
}

}  // namespace

void conv2d_depthwise_lanes(const ConvShape& s, const float* x, const float* w, const float* b, float* y) {
    const KernelTable& table = kernels();
    const int64_t lanes = table.lanes, filters = s.group_outputs(), filter_taps = s.R * s.S, outputs = s.P * s.Q;
    const LaneBlocks blocks(s.C, lanes);
    const LaneWeights weights(table, blocks, filters * filter_taps, w, filters, b);
    const LanePlane plane(s.H, s.W, lane_extent(s.H, s.P, s.R, s.stride.h, s.dilation.h, s.pad.top),
                          lane_extent(s.W, s.Q, s.S, s.stride.w, s.dilation.w, s.pad.left), lanes);
    std::vector<int64_t> places(filter_taps), offsets(filter_taps);
    for (int64_t t = 0; t < filter_taps; ++t) {
        places[t] = t * lanes;
        offsets[t] = plane.at(t / s.S * s.dilation.h - s.pad.top, t % s.S * s.dilation.w - s.pad.left);
    }
    const LaneFilter filter{filter_taps,        places.data(), offsets.data(), s.stride.h * plane.pitch,
                            s.stride.w * lanes, s.Q * lanes,   lanes};
    for_each_block(s, blocks, plane.size + outputs * lanes, plane.size, [&](int64_t n, int64_t block, float* area) {
        const int64_t first = blocks.first(block), planes = blocks.planes(block);
        float* results = area + plane.size;
        table.planes_to_lanes(planes, s.H * s.W, x + (n * s.C + first) * s.H * s.W, s.H * s.W, plane.places.data(), area);
        for (int64_t m = 0; m < filters; ++m) {
            table.lane_correlation(filter, weights.w.data() + block * weights.block_weights + m * filter_taps * lanes,
                                   weights.bias.data() + block * weights.block_biases + m * lanes, area, s.P, s.Q, results);
            table.lanes_to_planes(planes, outputs, results, y + (n * s.K + first * filters + m) * outputs, filters * outputs);
        }
    });
}

// As in cpu/conv2d/correlation.hpp, dx is stride.h x stride.w interleaved grids. With channels in lanes each writes its own pixels.
void conv2d_depthwise_lanes_backward_input(const ConvShape& s, const float* dy, const float* w, float* dx, const float* b) {
    struct Grid {
        int64_t row, column;
        std::vector<int64_t> weights, offsets;
    };
    const KernelTable& table = kernels();
    const int64_t lanes = table.lanes, filters = s.group_outputs(), filter_taps = s.R * s.S, outputs = s.P * s.Q;
    const LaneBlocks blocks(s.C, lanes);
    const LaneWeights weights(table, blocks, filters * filter_taps, w, 1, b);
    std::vector<PhaseTaps> rows, columns;
    for (int64_t a = 0; a < std::min(s.stride.h, s.H); ++a) rows.emplace_back(a, s.R, s.stride.h, s.dilation.h, s.pad.top);
    for (int64_t e = 0; e < std::min(s.stride.w, s.W); ++e) columns.emplace_back(e, s.S, s.stride.w, s.dilation.w, s.pad.left);
    // What taps meet lies between the quotients of PhaseTaps for the first tap and the last pixel, and for the last tap and the first.
    const auto extent = [](int64_t in, int64_t out, int64_t taps, int64_t stride, int64_t dilation, int64_t pad) {
        return LaneExtent(out, (pad - (taps - 1) * dilation) / stride - 1, (in - 1 + pad) / stride);
    };
    const LanePlane plane(s.P, s.Q, extent(s.H, s.P, s.R, s.stride.h, s.dilation.h, s.pad.top),
                          extent(s.W, s.Q, s.S, s.stride.w, s.dilation.w, s.pad.left), lanes);
    std::vector<Grid> grids;
    for (size_t a = 0; a < rows.size(); ++a)
        for (size_t e = 0; e < columns.size(); ++e) {
            Grid& grid = grids.emplace_back(Grid{static_cast<int64_t>(a), static_cast<int64_t>(e), {}, {}});
            for (int64_t m = 0; m < filters; ++m)
                for (size_t r = 0; r < rows[a].taps.size(); ++r)
                    for (size_t t = 0; t < columns[e].taps.size(); ++t) {
                        grid.weights.push_back((m * filter_taps + rows[a].taps[r] * s.S + columns[e].taps[t]) * lanes);
                        grid.offsets.push_back(m * plane.size +
                                               plane.at(rows[a].displacements[r], columns[e].displacements[t]));
                    }
        }
    const int64_t copies = filters * plane.size;
    for_each_block(s, blocks, copies + s.H * s.W * lanes, copies, [&](int64_t n, int64_t block, float* area) {
        const int64_t first = blocks.first(block), planes = blocks.planes(block);
        float* results = area + copies;
        for (int64_t m = 0; m < filters; ++m)
            table.planes_to_lanes(planes, outputs, dy + (n * s.K + first * filters + m) * outputs, filters * outputs,
                                  plane.places.data(), area + m * plane.size);
        for (const Grid& grid : grids)
            table.lane_correlation({static_cast<int64_t>(grid.weights.size()), grid.weights.data(), grid.offsets.data(),
                                    plane.pitch, lanes, s.stride.h * s.W * lanes, s.stride.w * lanes},
                                   weights.w.data() + block * weights.block_weights,
                                   weights.bias.data() + block * weights.block_biases, area,
                                   ceil_div(s.H - grid.row, s.stride.h), ceil_div(s.W - grid.column, s.stride.w),
                                   results + (grid.row * s.W + grid.column) * lanes);
        table.lanes_to_planes(planes, s.H * s.W, results, dx + (n * s.C + first) * s.H * s.W, s.H * s.W);
    });
}

}  // namespace pycnn
