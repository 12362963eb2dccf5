#include "cpu/conv2d/lane_windows.hpp"

#include <algorithm>
#include <vector>

#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "cpu/conv2d/correlation.hpp"
#include "cpu/conv2d/padded_lanes.hpp"
#include "cpu/dispatch.hpp"
#include "cpu/gemm.hpp"

namespace pycnn {
namespace {

// Enough for a few cores to balance.
constexpr int64_t kTasks = 16;

}  // namespace

// All terms must be one block of a sum. Where padding is much of the image, as of 2 x 2 pixels, leaving it out is better: the padded plane may
// have half as many pixels again (LeNet-5's first: 32 x 32 for 28 x 28).
bool takes_lane_windows(const PooledConvShape& s) {
    const ConvShape& c = s.conv;
    const int64_t padded = (c.P + c.R - 1) * (c.Q + c.S - 1);
    return s.window.h == 2 && s.window.w == 2 && c.dilation.h == 1 && c.dilation.w == 1 && 2 * padded <= 3 * c.H * c.W &&
           channels_of_block(c.group_inputs(), c.R * c.S) == c.group_inputs();
}

void conv2d_lane_windows(const PooledConvShape& s, const float* x, const float* w, const float* b, float* y, uint8_t* winners,
                         const ImageLanes& kept) {
    const ConvShape& c = s.conv;
    if (c.N == 0) return;
    const KernelTable& table = kernels();
    const PaddedLanes padded(table, c, x, kept.x);
    const int64_t block = padded.block, pitch = padded.width * block, filters = c.group_outputs();
    std::vector<int64_t> offsets;  // of the terms of an output
    for (int64_t i = 0; i < c.group_inputs(); ++i)
        for (int64_t r = 0; r < c.R; ++r)
            for (int64_t t = 0; t < c.S; ++t) offsets.push_back((i * padded.height + r) * pitch + t * block);
    const auto depth = static_cast<int64_t>(offsets.size());
    const Tiles tiles(filters, table.window_filters);

    // A task is a band of rows of windows, of one block and group.
    const int64_t bands = std::clamp<int64_t>(kTasks / (padded.blocks * c.groups), 1, s.P);
    const int64_t tasks = padded.blocks * c.groups * bands, area_size = filters * ceil_div(s.P, bands) * s.Q * block;
    const int team = team_size(tasks, static_cast<double>(c.N * c.P * c.Q) * static_cast<double>(c.weights()));
    const Workspace<float> areas(area_size * team);
    parallel_for(tasks, team, [&](int64_t task, int thread) {
        const int64_t band = task % bands, g = task / bands % c.groups, n = task / bands / c.groups;
        const int64_t first = band * s.P / bands, windows = ((band + 1) * s.P / bands - first) * s.Q;
        const int64_t plane = n * c.K + g * filters;  // the first of the group, of planes of a block of images
        float* area = kept.y ? y + (plane * s.P + first) * s.Q * block : areas.data() + area_size * thread;
        const int64_t area_plane = kept.y ? s.P * s.Q * block : windows * block;
        const float* images = padded.data + n * padded.size + g * c.group_inputs() * padded.height * pitch;
        for (int64_t i = 0; i < windows; ++i)
            // One vector of images after the other: what a window meets stays in L1 while all filters go over it.
            for (int64_t v = 0; v < block; v += table.lanes) {
                const float* pixels = images + 2 * (first + i / s.Q) * pitch + 2 * (i % s.Q) * block + v;
                for (int64_t u = 0; u < tiles.count; ++u) {
                    const int64_t m = tiles.begin(u), k = g * filters + m;
                    table.lane_windows[tiles.extent(u) - 1](depth, w + k * depth, depth, pixels, offsets.data(), pitch,
                                                            b ? b + k : nullptr, area + m * area_plane + i * block + v,
                                                            winners + ((plane + m) * s.P * s.Q + first * s.Q + i) * block + v,
                                                            area_plane, s.P * s.Q * block);
                }
            }
        for (int64_t m = 0; m < filters && !kept.y; ++m)
            Block(block, n, c.N)
                .store(table, windows, area + m * windows * block, y + ((g * filters + m) * s.P + first) * s.Q,
                       c.K * s.P * s.Q);
    });
}

}  // namespace pycnn
