#include "cpu/conv2d/interleaved_correlation.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "cpu/conv2d/correlation.hpp"
#include "cpu/conv2d/interleaved_images.hpp"
#include "cpu/dispatch.hpp"
#include "cpu/gemm.hpp"

namespace pycnn {
namespace {

// Enough for a few cores to balance.
constexpr int64_t kTasks = 16;

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

// Offsets of the terms of a block of channels, in filters and source, from the first visible tap on: [rows][columns] of visible taps, which
// are few different numbers (5 x 5 taps on 10 x 10 pixels: 81 pairs of ranges, 25 of numbers).
struct Terms {
    struct Offsets {
        std::vector<int64_t> filter, input;
    };
    int64_t block_channels;
    std::vector<std::vector<Offsets>> seen;

    Terms(const InterleavedCorrelation& p, const VisibleTaps& down, const VisibleTaps& across, int64_t block)
        : block_channels(channels_of_block(p.channels, p.down.taps * p.across.taps)),
          seen(p.down.taps + 1, std::vector<Offsets>(p.across.taps + 1)) {
        for (const auto& rows : down.ranges)
            for (const auto& columns : across.ranges) {
                Offsets& terms = seen[rows.second - rows.first][columns.second - columns.first];
                if (terms.filter.empty()) add(p, rows.second - rows.first, columns.second - columns.first, block, terms);
            }
    }

private:
    void add(const InterleavedCorrelation& p, int64_t rows, int64_t columns, int64_t block, Offsets& terms) const {
        terms.filter.reserve(block_channels * rows * columns);
        terms.input.reserve(block_channels * rows * columns);
        for (int64_t c = 0; c < block_channels; ++c)
            for (int64_t r = 0; r < rows; ++r)
                for (int64_t s = 0; s < columns; ++s) {
                    terms.filter.push_back(c * p.channel_stride + r * p.across.taps + s);
                    const int64_t row = c * p.down.in + r * p.down.delta;
                    terms.input.push_back((row * p.across.in + s * p.across.delta) * block);
                }
    }
};

// One row of outputs of one block and group: all rows of filters over the columns [0, width), to area + m * area_pitch.
struct RowOfOutputs {
    const KernelTable& table;
    const InterleavedCorrelation& p;
    const VisibleTaps rows, columns;
    const Terms terms;
    const Tiles tiles;
    const int64_t block;

    RowOfOutputs(const KernelTable& table, const InterleavedCorrelation& p)
        : table(table),
          p(p),
          rows(p.down),
          columns(p.across),
          terms(p, rows, columns, block_images(table)),
          tiles(p.rows, table.mr),
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
                const UnpackedGemmKernel tile = table.unpacked_gemm[tiles.extent(t) - 1][kNRVectors - 1];
                for (int64_t j = 0; j < width; ++j) {
                    const auto [s0, s1] = columns.ranges[columns.of[static_cast<size_t>(j)]];
                    const int64_t depth = channels * (r1 - r0) * (s1 - s0);
                    const Terms::Offsets& offsets = terms.seen[r1 - r0][s1 - s0];
                    const int64_t pixel = depth == 0 ? 0 : p.down.position(i, r0) * p.across.in + p.across.position(j, s0);
                    tile(depth, filters + r0 * p.across.taps + s0, offsets.filter.data(), p.row_stride, x + pixel * block,
                         offsets.input.data(), area + m * area_pitch + j * block, area_pitch, bias, c0 > 0);
                }
            }
        }
    }
};

}  // namespace

void correlate_interleaved(const InterleavedCorrelation& p) {
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
        float* windows = areas.data() + area_size * thread + p.rows * band_plane;
        const int64_t in_lanes = (((n * p.groups + g) * p.rows) * out_rows + first) * out_columns * block;
        float* area = p.target_in_lanes ? p.target + in_lanes : areas.data() + area_size * thread;
        const int64_t area_plane = p.target_in_lanes ? out_rows * out_columns * block : pixels * block;
        for (int64_t i = 0; i < height; ++i) {
            float* row = area + i * out_columns * block;
            if (!p.pooled) {
                outputs.run(n, g, first + i, width, row, area_plane);
                continue;
            }
            for (int64_t r = 0; r < window.h; ++r)
                outputs.run(n, g, (first + i) * window.h + r, width, windows + r * width * block, windows_plane);
            for (int64_t m = 0; m < p.rows; ++m) {
                const int64_t plane = (n * p.groups + g) * p.rows + m;
                table.lane_max_pool(window.h, window.w, out_columns, windows + m * windows_plane, width * block,
                                    row + m * area_plane, p.winners + (plane * out_rows + first + i) * out_columns * block);
            }
        }
        for (int64_t m = 0; m < p.rows && !p.target_in_lanes; ++m)
            Block(block, n, p.images)
                .store(table, pixels, area + m * pixels * block, p.target + ((g * p.rows + m) * out_rows + first) * out_columns,
                       p.groups * p.rows * out_rows * out_columns);
    });
}

}  // namespace pycnn
