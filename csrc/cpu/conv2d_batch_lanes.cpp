#include "cpu/conv2d_batch_lanes.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "cpu/dispatch.hpp"
#include "cpu/gemm.hpp"

namespace pycnn {
namespace {

// Floats of one block's input, and of its output: 1 MiB each. Larger ones leave L2 (64 -> 64 channels of 16 x 16: 1.0 times
// the speed of `direct`), and most have rows long enough for the other algorithms.
constexpr int64_t kBlockFloats = 256 * 1024;

// Enough for a few cores to balance.
constexpr int64_t kTasks = 16;

// Images of a block: the two vectors of a tile.
int64_t block_images(const KernelTable& table) { return kMaxTileVectors * table.lanes; }

// A block turned: element e of image n is at target[e * block + n]. Where the block is not full, the missing images are zeros.
struct Block {
    int64_t size, first, images;

    Block(int64_t size, int64_t index, int64_t N) : size(size), first(index * size), images(std::min(size, N - first)) {}

    void load(const KernelTable& table, int64_t elements, const float* source, int64_t image_pitch, float* target) const {
        if (images < size) std::fill_n(target, elements * size, 0.0f);
        table.transpose(images, elements, source + first * image_pitch, image_pitch, target, size);
    }
    void store(const KernelTable& table, int64_t elements, const float* source, float* target, int64_t image_pitch) const {
        table.transpose(elements, images, source, size, target + first * image_pitch, image_pitch);
    }
};

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

// Forward and backward-input are the same sum over the visible taps and the channels:
//   y[m][i][j] = bias[m] + sum over r, s, c of filter[m * row_stride + c * channel_stride + r * S + s] * x[c][at(i, r)][at(j, s)]
struct Correlation {
    int64_t images, groups, rows, channels;
    Axis down, across;
    int64_t group_stride, row_stride, channel_stride;  // of the filters
    const float *source, *filters, *bias;
    float* target;
};

// Offsets of the terms of one output column, r-major: a range of visible rows is then a run of them.
struct Terms {
    std::vector<int64_t> filter, input;
    int64_t a_row;  // terms with the same r

    Terms(const Correlation& p, int64_t j, int64_t block) {
        const auto [begin, end] = p.across.visible(j);
        a_row = (end - begin) * p.channels;
        for (int64_t r = 0; r < p.down.taps; ++r)
            for (int64_t s = begin; s < end; ++s)
                for (int64_t c = 0; c < p.channels; ++c) {
                    filter.push_back(c * p.channel_stride + r * p.across.taps + s);
                    const int64_t row = c * p.down.in + r * p.down.delta;
                    input.push_back((row * p.across.in + p.across.position(j, s)) * block);
                }
    }
};

void correlate(const Correlation& p) {
    if (p.images == 0) return;
    const KernelTable& table = kernels();
    const int64_t block = block_images(table), blocks = ceil_div(p.images, block);
    const Tiles tiles(p.rows, table.tile_rows);
    std::vector<Terms> terms;
    for (int64_t j = 0; j < p.across.out; ++j) terms.emplace_back(p, j, block);

    const int64_t in_plane = p.down.in * p.across.in, out_plane = p.down.out * p.across.out;
    const int64_t inputs = p.groups * p.channels * in_plane;  // of an image
    const Buffer<float> turned(blocks * inputs * block);
    parallel_ranges(blocks * p.groups * p.channels, 1, static_cast<double>(in_plane * block), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
            const int64_t n = i / (p.groups * p.channels), plane = i % (p.groups * p.channels) * in_plane;
            Block(block, n, p.images)
                .load(table, in_plane, p.source + plane, inputs, turned.data() + (n * inputs + plane) * block);
        }
    });

    // A task is a band of output rows of one block and group.
    const int64_t bands = std::clamp<int64_t>(kTasks / (blocks * p.groups), 1, p.down.out);
    const int64_t area_size = p.rows * ceil_div(p.down.out, bands) * p.across.out * block;
    const int64_t tasks = blocks * p.groups * bands;
    const double work = static_cast<double>(p.images * p.groups * p.rows * p.channels * out_plane) *
                        static_cast<double>(p.down.taps * p.across.taps);
    const int team = team_size(tasks, work);
    const Buffer<float> areas(area_size * team);
    parallel_for(tasks, team, [&](int64_t task, int thread) {
        const int64_t band = task % bands, g = task / bands % p.groups, n = task / bands / p.groups;
        const int64_t first = band * p.down.out / bands, height = (band + 1) * p.down.out / bands - first;
        const int64_t pixels = height * p.across.out;
        float* area = areas.data() + area_size * thread;
        const float* x = turned.data() + (n * inputs + g * p.channels * in_plane) * block;
        for (int64_t i = 0; i < height; ++i) {
            const auto [r0, r1] = p.down.visible(first + i);
            const float* row = x + p.down.position(first + i, 0) * p.across.in * block;
            for (int64_t t = 0; t < tiles.count; ++t) {
                const int64_t m = tiles.begin(t);
                const float* filters = p.filters + g * p.group_stride + m * p.row_stride;
                const float* bias = p.bias ? p.bias + g * p.rows + m : nullptr;
                const OuterTile tile = table.outer[tiles.extent(t) - 1][kMaxTileVectors - 1];
                for (int64_t j = 0; j < p.across.out; ++j) {
                    const int64_t skipped = r0 * terms[j].a_row;
                    tile((r1 - r0) * terms[j].a_row, filters, terms[j].filter.data() + skipped, p.row_stride, row,
                         terms[j].input.data() + skipped, area + (m * pixels + i * p.across.out + j) * block, pixels * block,
                         bias, false);
                }
            }
        }
        for (int64_t m = 0; m < p.rows; ++m)
            Block(block, n, p.images)
                .store(table, pixels, area + m * pixels * block, p.target + (g * p.rows + m) * out_plane + first * p.across.out,
                       p.groups * p.rows * out_plane);
    });
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
    const int64_t taps = s.R * s.S, filter = s.group_inputs() * taps;
    correlate({s.N,
               s.groups,
               s.group_outputs(),
               s.group_inputs(),
               {s.H, s.P, s.R, s.stride.h, -s.pad.top, s.dilation.h},
               {s.W, s.Q, s.S, s.stride.w, -s.pad.left, s.dilation.w},
               s.group_outputs() * filter,
               filter,
               taps,
               x,
               w,
               b,
               y});
}

void conv2d_batch_lanes_backward_input(const ConvShape& s, const float* dy, const float* w, float* dx, const float* b) {
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
               dy,
               w,
               b,
               dx});
}

// dw[k][c][r][s] is a dot product of a plane of dy with a plane of x, padded and moved by the tap. Lanes are images, so the
// sums of all lanes belong to it, and no operand is copied but for the transposition.
void conv2d_batch_lanes_backward_weight(const ConvShape& s, const float* dy, const float* x, float* dw, float* db) {
    const KernelTable& table = kernels();
    const int64_t block = block_images(table), blocks = ceil_div(s.N, block);
    const int64_t height = s.P + (s.R - 1) * s.dilation.h, width = s.Q + (s.S - 1) * s.dilation.w;  // of padded planes
    const int64_t x_size = s.C * height * width * block, dy_size = s.K * s.P * s.Q * block;
    const Buffer<float> turned(blocks * (x_size + dy_size));
    const double plane_work = static_cast<double>(block * std::max(height * width, s.P * s.Q));
    parallel_ranges(blocks * (s.C + s.K), 1, plane_work, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
            const int64_t n = i / (s.C + s.K), c = i % (s.C + s.K), k = c - s.C;
            float* target = turned.data() + n * (x_size + dy_size);
            if (k >= 0) {
                Block(block, n, s.N)
                    .load(table, s.P * s.Q, dy + k * s.P * s.Q, s.K * s.P * s.Q, target + x_size + k * s.P * s.Q * block);
                continue;
            }
            // Rows and columns of the plane that lie inside the padded copy.
            target += c * height * width * block;
            std::fill_n(target, height * width * block, 0.0f);
            const int64_t left = std::max<int64_t>(-s.pad.left, 0), right = std::min(s.W, width - s.pad.left);
            for (int64_t h = std::max<int64_t>(-s.pad.top, 0); h < std::min(s.H, height - s.pad.top); ++h)
                Block(block, n, s.N)
                    .load(table, right - left, x + (c * s.H + h) * s.W + left, s.C * s.H * s.W,
                          target + ((h + s.pad.top) * width + left + s.pad.left) * block);
        }
    });

    std::vector<int64_t> columns;  // of (c, r, s) of a group, as in dw
    for (int64_t c = 0; c < s.group_inputs(); ++c)
        for (int64_t r = 0; r < s.R; ++r)
            for (int64_t t = 0; t < s.S; ++t)
                columns.push_back(((c * height + r * s.dilation.h) * width + t * s.dilation.w) * block);
    const int64_t row_length = s.group_inputs() * s.R * s.S, plane = s.P * s.Q * block;
    const Tiles down(s.group_outputs(), table.dot_rows), across(row_length, table.dot_columns);

    // A task has some filters of a group and takes all blocks in order: their sums have one order.
    const int64_t tasks = s.groups * down.count;
    const double work = static_cast<double>(s.N * s.P * s.Q) * static_cast<double>(s.weights());
    parallel_for(tasks, team_size(tasks, work), [&](int64_t task, int) {
        const int64_t g = task / down.count, tile = task % down.count, filters = down.extent(tile);
        const int64_t k = g * s.group_outputs() + down.begin(tile);
        for (int64_t n = 0; n < blocks; ++n) {
            const float* base = turned.data() + n * (x_size + dy_size);
            const float* images = base + g * s.group_inputs() * height * width * block;
            const float* gradients = base + x_size + k * plane;
            for (int64_t u = 0; u < across.count; ++u)
                table.runs[filters - 1][across.extent(u) - 1](s.P, s.Q * block, gradients, plane, s.Q * block, images,
                                                              columns.data() + across.begin(u), width * block,
                                                              dw + k * row_length + across.begin(u), row_length);
            for (int64_t i = 0; i < filters; ++i) db[k + i] += table.sum(plane, gradients + i * plane);
        }
    });
}

}  // namespace pycnn
