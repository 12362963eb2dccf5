#include "cpu/conv2d/batch_lanes.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "cpu/conv2d/image_lanes.hpp"
#include "cpu/dispatch.hpp"
#include "cpu/gemm.hpp"

namespace pycnn {
namespace {

// Floats of one block's input, and of its output: 1 MiB each. Larger ones leave L2 (64 -> 64 channels of 16 x 16: 1.0 times
// the speed of `direct`), and most have rows long enough for the other algorithms.
constexpr int64_t kBlockFloats = 256 * 1024;

// Enough for a few cores to balance.
constexpr int64_t kTasks = 16;

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

// The taps that the outputs along an axis see: few different ranges, because all but those at the edges see the whole filter.
struct VisibleTaps {
    std::vector<std::pair<int64_t, int64_t>> ranges;
    std::vector<size_t> of;  // for each output, which

    explicit VisibleTaps(const Axis& axis) {
        for (int64_t i = 0; i < axis.out; ++i) {
            const auto found = std::find(ranges.begin(), ranges.end(), axis.visible(i));
            of.push_back(static_cast<size_t>(found - ranges.begin()));
            if (found == ranges.end()) ranges.push_back(axis.visible(i));
        }
    }
};

// Forward and backward-input are the same sum over the channels and the visible taps:
//   y[m][i][j] = bias[m] + sum over c, r, s of filter[m * row_stride + c * channel_stride + r * S + s] * x[c][at(i, r)][at(j, s)]
// It is cut as in implicit_gemm, by blocks of channels and in a block by c, r, s: the same bits. The source is turned already, as
// [block][group][channel][pixel][image]. Of what is written, `pooled` makes ReLU and max pooling.
struct Correlation {
    int64_t images, groups, rows, channels;
    Axis down, across;
    int64_t group_stride, row_stride, channel_stride;  // of the filters
    const float *source, *filters, *bias;
    float* target;
    const PooledConvShape* pooled = nullptr;
    uint8_t* winners = nullptr;

    int64_t in_plane() const { return down.in * across.in; }
    int64_t out_plane() const { return down.out * across.out; }
};

// Offsets of the terms of a block of channels, in filters and source, from the first visible tap on: [rows][columns] of the
// ranges of visible taps.
struct Terms {
    struct Offsets {
        std::vector<int64_t> filter, input;
    };
    int64_t block_channels;
    std::vector<std::vector<Offsets>> seen;

    Terms(const Correlation& p, const VisibleTaps& rows, const VisibleTaps& columns, int64_t block) {
        const int64_t taps = p.down.taps * p.across.taps;
        block_channels = ceil_div(p.channels, ceil_div(p.channels, std::max<int64_t>(kDepthBlock / taps, 1)));
        seen.resize(rows.ranges.size(), std::vector<Offsets>(columns.ranges.size()));
        for (size_t a = 0; a < rows.ranges.size(); ++a)
            for (size_t b = 0; b < columns.ranges.size(); ++b)
                for (int64_t c = 0; c < block_channels; ++c)
                    for (int64_t r = 0; r < rows.ranges[a].second - rows.ranges[a].first; ++r)
                        for (int64_t s = 0; s < columns.ranges[b].second - columns.ranges[b].first; ++s) {
                            seen[a][b].filter.push_back(c * p.channel_stride + r * p.across.taps + s);
                            const int64_t row = c * p.down.in + r * p.down.delta;
                            seen[a][b].input.push_back((row * p.across.in + s * p.across.delta) * block);
                        }
    }
};

// One row of outputs of one block and group: all rows of filters over the columns [0, width), to area + m * area_pitch.
struct RowOfOutputs {
    const KernelTable& table;
    const Correlation& p;
    const VisibleTaps rows, columns;
    const Terms terms;
    const Tiles tiles;
    const int64_t block;

    RowOfOutputs(const KernelTable& table, const Correlation& p)
        : table(table),
          p(p),
          rows(p.down),
          columns(p.across),
          terms(p, rows, columns, block_images(table)),
          tiles(p.rows, table.tile_rows),
          block(block_images(table)) {}

    void run(int64_t n, int64_t g, int64_t i, int64_t width, float* area, int64_t area_pitch) const {
        const auto [r0, r1] = rows.ranges[rows.of[static_cast<size_t>(i)]];
        for (int64_t c0 = 0; c0 < p.channels; c0 += terms.block_channels) {
            const int64_t channels = std::min(terms.block_channels, p.channels - c0);
            const float* x = p.source + ((n * p.groups + g) * p.channels + c0) * p.in_plane() * block;
            for (int64_t t = 0; t < tiles.count; ++t) {
                const int64_t m = tiles.begin(t);
                const float* filters = p.filters + g * p.group_stride + m * p.row_stride + c0 * p.channel_stride;
                const float* bias = p.bias ? p.bias + g * p.rows + m : nullptr;
                const OuterTile tile = table.outer[tiles.extent(t) - 1][kMaxTileVectors - 1];
                for (int64_t j = 0; j < width; ++j) {
                    const size_t range = columns.of[static_cast<size_t>(j)];
                    const auto [s0, s1] = columns.ranges[range];
                    const int64_t depth = channels * (r1 - r0) * (s1 - s0);
                    const Terms::Offsets& offsets = terms.seen[rows.of[static_cast<size_t>(i)]][range];
                    const int64_t pixel = depth == 0 ? 0 : p.down.position(i, r0) * p.across.in + p.across.position(j, s0);
                    tile(depth, filters + r0 * p.across.taps + s0, offsets.filter.data(), p.row_stride, x + pixel * block,
                         offsets.input.data(), area + m * area_pitch + j * block, area_pitch, bias, c0 > 0);
                }
            }
        }
    }
};

void correlate(const Correlation& p) {
    if (p.images == 0) return;
    const KernelTable& table = kernels();
    const int64_t block = block_images(table), blocks = ceil_div(p.images, block);
    const RowOfOutputs outputs(table, p);

    // A task is a band of rows of what is written, of one block and group. With pooling, the rows of one row of windows are
    // computed, then pooled.
    const Pair window = p.pooled ? p.pooled->window : Pair{1, 1};
    const int64_t out_rows = p.pooled ? p.pooled->P : p.down.out, out_columns = p.pooled ? p.pooled->Q : p.across.out;
    const int64_t bands = std::clamp<int64_t>(kTasks / (blocks * p.groups), 1, out_rows);
    const int64_t band_plane = ceil_div(out_rows, bands) * out_columns * block;
    const int64_t width = out_columns * window.w, windows_plane = p.pooled ? window.h * width * block : 0;
    const int64_t area_size = p.rows * (band_plane + windows_plane);
    const int64_t tasks = blocks * p.groups * bands;
    const double work = static_cast<double>(p.images * p.groups * p.rows * p.channels * p.out_plane()) *
                        static_cast<double>(p.down.taps * p.across.taps);
    const int team = team_size(tasks, work);
    const Workspace<float> areas(area_size * team);
    parallel_for(tasks, team, [&](int64_t task, int thread) {
        const int64_t band = task % bands, g = task / bands % p.groups, n = task / bands / p.groups;
        const int64_t first = band * out_rows / bands, height = (band + 1) * out_rows / bands - first;
        const int64_t pixels = height * out_columns;
        float* area = areas.data() + area_size * thread;
        float* windows = area + p.rows * band_plane;
        for (int64_t i = 0; i < height; ++i) {
            float* row = area + i * out_columns * block;
            if (!p.pooled) {
                outputs.run(n, g, first + i, width, row, pixels * block);
                continue;
            }
            for (int64_t r = 0; r < window.h; ++r)
                outputs.run(n, g, (first + i) * window.h + r, width, windows + r * width * block, windows_plane);
            for (int64_t m = 0; m < p.rows; ++m) {
                const int64_t plane = (n * p.groups + g) * p.rows + m;
                table.lane_max_pool(window.h, window.w, out_columns, windows + m * windows_plane, width * block,
                                    row + m * pixels * block, p.winners + (plane * out_rows + first + i) * out_columns * block);
            }
        }
        for (int64_t m = 0; m < p.rows; ++m)
            Block(block, n, p.images)
                .store(table, pixels, area + m * pixels * block, p.target + ((g * p.rows + m) * out_rows + first) * out_columns,
                       p.groups * p.rows * out_rows * out_columns);
    });
}

Correlation forward_pass(const ConvShape& s, const float* turned, const float* w, const float* b, float* y) {
    const int64_t taps = s.R * s.S, filter = s.group_inputs() * taps;
    return {s.N,
            s.groups,
            s.group_outputs(),
            s.group_inputs(),
            {s.H, s.P, s.R, s.stride.h, -s.pad.top, s.dilation.h},
            {s.W, s.Q, s.S, s.stride.w, -s.pad.left, s.dilation.w},
            s.group_outputs() * filter,
            filter,
            taps,
            turned,
            w,
            b,
            y};
}

}  // namespace

// Gradients take a step of 1 alone: with a longer one, the rows of x that meet dy are no run of memory, and the taps that
// meet a pixel of dx no range.
bool takes_batch_lanes(ConvPass pass, const ConvShape& s) {
    return pass == ConvPass::forward || (s.stride.h == 1 && s.stride.w == 1);
}

// Measured on AVX-512 and AVX2 against the other algorithms. Rows that end in part of a vector cost `direct` lanes, which is
// what this algorithm saves; of a sum of fewer than 32 terms the turning is too large a part (LeNet-5's first convolution:
// 25 terms, 0.89 times the speed). dx has few terms nowhere, but zeros around dy, which only this algorithm leaves out. For dw
// the others copy every pixel R S times.
bool suits_batch_lanes(ConvPass pass, const ConvShape& s) {
    const int64_t lanes = kernels().lanes, block = block_images(kernels());
    const bool small = std::max(s.C * s.H * s.W, s.K * s.P * s.Q) * block <= kBlockFloats;
    const bool full = 4 * s.N >= 3 * block * ceil_div(s.N, block);
    if (!small || !full) return false;
    const auto ragged = [&](int64_t row) { return 10 * row < 9 * lanes * ceil_div(row, lanes); };
    switch (pass) {
        case ConvPass::forward:
            return ragged(s.Q) && s.group_inputs() * s.R * s.S >= 32;
        case ConvPass::backward_input:
            return ragged(s.W) || 10 * s.P * s.Q < 9 * s.H * s.W;
        case ConvPass::backward_weight:
            return true;
    }
    return false;
}

void conv2d_batch_lanes(const ConvShape& s, const float* x, const float* w, const float* b, float* y) {
    const Workspace<float> turned = turned_images(kernels(), s.N, s.C, s.H * s.W, x);
    correlate(forward_pass(s, turned.data(), w, b, y));
}

void conv2d_batch_lanes_pooled(const PooledConvShape& s, const float* x, const float* w, const float* b, float* y,
                               uint8_t* winners) {
    const Workspace<float> turned = turned_images(kernels(), s.conv.N, s.conv.C, s.conv.H * s.conv.W, x);
    Correlation p = forward_pass(s.conv, turned.data(), w, b, y);
    p.pooled = &s;
    p.winners = winners;
    correlate(p);
}

void backward_input_of_turned(const ConvShape& s, const float* turned_dy, const float* w, float* dx, const float* b) {
    const int64_t taps = s.R * s.S, filter = s.group_inputs() * taps;
    correlate({s.N,
               s.groups,
               s.group_inputs(),
               s.group_outputs(),
               {s.P, s.H, s.R, 1, s.pad.top, -s.dilation.h},
               {s.Q, s.W, s.S, 1, s.pad.left, -s.dilation.w},
               s.group_outputs() * filter,
               taps,
               filter,
               turned_dy,
               w,
               b,
               dx});
}

void conv2d_batch_lanes_backward_input(const ConvShape& s, const float* dy, const float* w, float* dx, const float* b) {
    const Workspace<float> turned = turned_images(kernels(), s.N, s.K, s.P * s.Q, dy);
    backward_input_of_turned(s, turned.data(), w, dx, b);
}

void conv2d_batch_lanes_pooled_backward(const PooledConvShape& s, const float* dy, const uint8_t* winners, const float* x,
                                        const float* w, float* dx, float* dw, float* db) {
    const Workspace<float> turned = turned_gradient(kernels(), s, dy, winners);
    backward_weight_of_turned(s.conv, turned.data(), x, dw, db);
    if (dx) backward_input_of_turned(s.conv, turned.data(), w, dx, nullptr);
}

}  // namespace pycnn
