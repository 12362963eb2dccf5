#include <algorithm>
#include <vector>

#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "cpu/conv2d/correlation.hpp"
#include "cpu/conv2d/interleaved_images.hpp"
#include "cpu/conv2d/pooled_lanes.hpp"
#include "cpu/dispatch.hpp"
#include "cpu/gemm.hpp"

namespace pycnn {
namespace {

// Enough for a few cores to balance.
constexpr int64_t kTasks = 16;

// Along a row, inputs are taken in pairs that see the same windows: the left one of each lies at an even place, counted from where the
// first tap meets the first output. Window t from there to the left has its columns 2 t and 2 t - 1 taps away from the left input, and
// 2 t + 1 and 2 t from the right one.
struct Pairs {
    int64_t first, count, windows;  // the first left input (0, or -1 for a padding), pairs of a row, and windows that one sees
    std::vector<PairLanes> lanes;   // of each window: which of these are taps

    explicit Pairs(const ConvShape& s) : first(-(s.pad.left % 2)), count(ceil_div(s.W - first, 2)), windows(s.S / 2 + 1) {
        const auto is_tap = [&](int64_t tap) { return static_cast<uint16_t>(tap >= 0 && tap < s.S ? 0xffff : 0); };
        for (int64_t t = 0; t < windows; ++t)
            lanes.push_back({is_tap(2 * t), is_tap(2 * t - 1), is_tap(2 * t + 1), is_tap(2 * t)});
    }
    int64_t width() const { return 2 * count; }
};

// The weights as PooledInputKernel reads them: [group][tile of channels][filter][row][window][channel][3].
struct PairWeights {
    const ConvShape& s;
    const Tiles tiles;
    const int64_t window_floats;  // of one channel in a filter, all rows
    Workspace<float> floats;

    PairWeights(const ConvShape& s, const Pairs& pairs, const float* w)
        : s(s),
          tiles(s.group_inputs(), kMaxPooledChannels),
          window_floats(s.R * pairs.windows * 3),
          floats(s.K * s.group_inputs() * window_floats) {
        float* target = floats.data();
        for (int64_t g = 0; g < s.groups; ++g)
            for (int64_t u = 0; u < tiles.count; ++u)
                for (int64_t k = g * s.group_outputs(); k < (g + 1) * s.group_outputs(); ++k)
                    for (int64_t r = 0; r < s.R; ++r)
                        for (int64_t t = 0; t < pairs.windows; ++t)
                            for (int64_t c = tiles.begin(u); c < tiles.begin(u + 1); ++c)
                                for (int64_t tap = 2 * t - 1; tap <= 2 * t + 1; ++tap) {
                                    const int64_t row = ((k * s.group_inputs() + c) * s.R + r) * s.S;
                                    *target++ = tap >= 0 && tap < s.S ? w[row + tap] : 0.0f;
                                }
    }
    const float* of(int64_t g, int64_t tile) const {
        const int64_t filters = s.group_outputs();
        return floats.data() + (g * s.group_inputs() + tiles.begin(tile)) * filters * window_floats;
    }
};

}  // namespace

void pooled_lanes_backward_input(const PooledConvShape& s, const PooledLanes& dy, const float* w, float* dx, bool dx_in_lanes) {
    const ConvShape& c = s.conv;
    if (c.N == 0) return;
    const KernelTable& table = kernels();
    const int64_t block = dy.block, blocks = ceil_div(c.N, block);
    const Pairs pairs(c);
    const PairWeights weights(c, pairs, w);
    const int64_t block_filters = channels_of_block(c.group_outputs(), c.R * c.S), rows_of_outputs = 2 * s.P;

    // A task is a band of rows of dx, of one block and group.
    const int64_t bands = std::clamp<int64_t>(kTasks / (blocks * c.groups), 1, c.H), tasks = blocks * c.groups * bands;
    const int64_t area_size = c.group_inputs() * ceil_div(c.H, bands) * pairs.width() * block;
    const double work = static_cast<double>(c.N * c.H * c.W) * static_cast<double>(c.weights());
    const int team = team_size(tasks, work);
    const Workspace<float> areas(area_size * team);
    parallel_for(tasks, team, [&](int64_t task, int thread) {
        const int64_t band = task % bands, g = task / bands % c.groups, n = task / bands / c.groups;
        const int64_t top = band * c.H / bands, height = (band + 1) * c.H / bands - top;
        const int64_t plane = (dx_in_lanes ? c.H : height) * pairs.width() * block;
        float* in_lanes = dx + ((n * c.C + g * c.group_inputs()) * c.H + top) * c.W * block;
        float* area = dx_in_lanes ? in_lanes : areas.data() + area_size * thread;
        for (int64_t h = 0; h < height; ++h) {
            const int64_t lowest = top + h + c.pad.top;  // the row of outputs that the first row of taps meets
            const int64_t r0 = std::max<int64_t>(lowest - (rows_of_outputs - 1), 0), r1 = std::min(lowest, c.R - 1);
            for (int64_t u = 0; u < weights.tiles.count; ++u) {
                const int64_t channels = weights.tiles.extent(u), window_step = 3 * channels;
                const int64_t row_step = pairs.windows * window_step, filter_step = c.R * row_step;
                float* target = area + weights.tiles.begin(u) * plane + h * pairs.width() * block;
                for (int64_t k = 0; k < c.group_outputs(); k += block_filters) {
                    const PooledGradients gradients = dy.from(n, g * c.group_outputs() + k);
                    const float* of_filters = weights.of(g, u) + k * filter_step + r0 * row_step;
                    for (int64_t j = 0; j < pairs.count; ++j) {
                        const int64_t nearest = (pairs.first + 2 * j + c.pad.left) / 2;  // window
                        const int64_t t0 = std::max<int64_t>(nearest - (s.Q - 1), 0), t1 = std::min(nearest, pairs.windows - 1);
                        const PooledTaps taps{std::min(block_filters, c.group_outputs() - k),
                                              r1 - r0 + 1,
                                              t1 - t0 + 1,
                                              lowest - r0,
                                              nearest - t0,
                                              filter_step,
                                              row_step,
                                              pairs.lanes.data() + t0};
                        table.pooled_input[channels - 1](gradients, taps, of_filters + t0 * window_step, target + 2 * j * block,
                                                         plane, k > 0);
                    }
                }
            }
        }
        if (dx_in_lanes) return;
        // Rows without a gap between them are turned at once.
        const int64_t at_once = pairs.width() == c.W ? height : 1;
        for (int64_t i = 0; i < c.group_inputs(); ++i)
            for (int64_t h = 0; h < height; h += at_once)
                Block(block, n, c.N)
                    .store(table, at_once * c.W, area + i * plane + (h * pairs.width() - pairs.first) * block,
                           dx + ((g * c.group_inputs() + i) * c.H + top + h) * c.W, c.C * c.H * c.W);
    });
}

}  // namespace pycnn
