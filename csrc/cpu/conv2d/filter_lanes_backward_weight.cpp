// dw[k,c,r,s] = sum over n,p,q of dy[n,k,p,q] * x[n, c, p * stride + r * dilation - pad, ...] with lanes along k: dy is transposed to
// [panel of NR filters][pixel][NR], and for each tap a tile of channels (or, of few channels, of column taps) goes over the pixels. A task is
// (slice of the batch, group, part of the filters, block of channels); each slice has a dw of its own, and slices are added in order at the
// end, so the bits do not depend on the threads.
#include <algorithm>
#include <vector>

#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "cpu/conv2d/filter_lanes.hpp"
#include "cpu/conv2d/weight_slices.hpp"
#include "cpu/dispatch.hpp"
#include "cpu/gemm.hpp"
#include "cpu/long_products.hpp"

namespace pycnn {
namespace {

// A chunk's transposed dy is 128 KiB, the sums of a task and the copy of its pixels (kPanelFloats) 256 KiB each.
constexpr int64_t kGradientFloats = 32 * 1024;
// Of a task: with 4 panels of filters, a pixel is copied for at least 8 multiply-adds a tap, and a chunk still has 256 pixels.
constexpr int64_t kMostPanels = 4;
// Channels that the sums of a task should have room for.
constexpr int64_t kChannels = 64;
// Enough for a few cores to balance.
constexpr int64_t kTasks = 16;
// With fewer channels than this, tiles go over the column taps if there are more of them.
constexpr int64_t kFewChannels = 8;
// Planes so far apart meet in one set of L1.
constexpr int64_t kSetFloats = 1024;

struct Plan {
    int64_t taps, width, panels, parts, part_width;
    int64_t block_channels, blocks;
    int64_t chunk_images, chunk_rows;  // one of them is 1 (images) or all (rows)
    int64_t slices;
    bool in_place;  // no window meets the padding: pixels are read where they lie
    bool along_taps;
    int64_t copy_rows, line, plane, image;  // floats from one row, one channel, one image to the next

    Plan(const ConvShape& s, int64_t lanes) {
        taps = s.R * s.S;
        width = kNRVectors * lanes;
        panels = ceil_div(s.group_outputs(), width);
        along_taps = s.group_inputs() < kFewChannels && s.S > s.group_inputs();
        in_place = s.pad.top == 0 && s.pad.bottom == 0 && s.pad.left == 0 && s.pad.right == 0 && s.H * s.W % kSetFloats != 0;

        const int64_t part_panels = kPanelFloats / (taps * width * std::min(s.group_inputs(), kChannels));
        parts = Tiles(panels, std::clamp<int64_t>(part_panels, 1, kMostPanels)).count;
        part_width = ceil_div(panels, parts) * width;
        const int64_t pixels = std::max<int64_t>(kGradientFloats / part_width, s.Q);
        chunk_rows = std::clamp<int64_t>(pixels / s.Q, 1, s.P);
        chunk_rows = ceil_div(s.P, ceil_div(s.P, chunk_rows));
        chunk_images = chunk_rows < s.P ? 1 : std::clamp<int64_t>(pixels / (s.P * s.Q), 1, s.N);
        copy_rows = (chunk_rows - 1) * s.stride.h + (s.R - 1) * s.dilation.h + 1;
        line = in_place ? s.W : (s.Q - 1) * s.stride.w + (s.S - 1) * s.dilation.w + 1;
        plane = in_place ? s.H * s.W : copy_rows * line;
        if (plane % kSetFloats == 0) plane += whole_lines(1);

        const int64_t read = copy_rows * line * chunk_images;  // floats of a channel
        const int64_t most = std::min(kPanelFloats / read, kPanelFloats / (taps * part_width));
        blocks = ceil_div(s.group_inputs(), std::max<int64_t>(most, 1));
        block_channels = ceil_div(s.group_inputs(), blocks);
        blocks = ceil_div(s.group_inputs(), block_channels);
        image = in_place ? s.C * s.H * s.W : block_channels * plane;
        const int64_t wanted = ceil_div(kTasks, s.groups * blocks * parts);
        slices = std::clamp<int64_t>(std::min(wanted, WeightSlices::most(s)), 1, ceil_div(s.N, chunk_images));
    }
};

// Images [n0, n0 + images), output rows [p0, p0 + rows).
struct Chunk {
    int64_t n0, images, p0, rows;
};

// Where the chunk's pixels lie in x and in a panel of the transposed dy.
void find_pixels(const ConvShape& s, const Plan& plan, const Chunk& chunk, int64_t* x, int64_t* dy) {
    int64_t i = 0;
    for (int64_t n = 0; n < chunk.images; ++n)
        for (int64_t p = 0; p < chunk.rows; ++p)
            for (int64_t q = 0; q < s.Q; ++q, ++i) {
                x[i] = n * plan.image + p * s.stride.h * plan.line + q * s.stride.w;
                dy[i] = i * plan.width;
            }
}

// sums[channel][tap][filter] += the products of the chunk's pixels.
struct Products {
    const KernelTable& table;
    const ConvShape& s;
    const Plan& plan;
    int64_t channels, filters, pitch;  // of the task; floats from one tap's sums to the next
    int64_t panel;                     // floats from one panel of dy to the next

    void add(int64_t pixels, const float* x, const int64_t* x_offsets, const float* dy, const int64_t* dy_offsets,
             float* sums) const {
        for (int64_t column = 0; column < filters; column += plan.width) {
            const int64_t vectors = ceil_div(std::min(plan.width, filters - column), table.lanes);
            const auto tile = [&](int64_t rows, int64_t stride, int64_t pitch_of_rows, int64_t c, int64_t r, int64_t t) {
                table.unpacked_gemm[rows - 1][vectors - 1](
                    pixels, x + c * plan.plane + r * s.dilation.h * plan.line + t * s.dilation.w, x_offsets, stride,
                    dy + column / plan.width * panel, dy_offsets, sums + (c * plan.taps + r * s.S + t) * pitch + column,
                    pitch_of_rows, nullptr, true);
            };
            for (int64_t r = 0; r < s.R; ++r) {
                if (plan.along_taps) {
                    const Tiles tiles(s.S, table.mr);
                    for (int64_t c = 0; c < channels; ++c)
                        for (int64_t i = 0; i < tiles.count; ++i)
                            tile(tiles.extent(i), s.dilation.w, pitch, c, r, tiles.begin(i));
                } else {
                    const Tiles tiles(channels, table.mr);
                    for (int64_t t = 0; t < s.S; ++t)
                        for (int64_t i = 0; i < tiles.count; ++i)
                            tile(tiles.extent(i), plan.plane, plan.taps * pitch, tiles.begin(i), r, t);
                }
            }
        }
    }
};

}  // namespace

void conv2d_filter_lanes_backward_weight(const ConvShape& s, const float* dy, const float* x, float* dw, float* db) {
    const KernelTable& table = kernels();
    const Plan plan(s, table.lanes);
    const Tiles parts(plan.panels, ceil_div(plan.panels, plan.parts));
    const int64_t weights = s.weights(), row_length = s.group_inputs() * plan.taps;  // of dw
    const int64_t most_pixels = plan.chunk_images * plan.chunk_rows * s.Q;
    const int64_t copy_size = plan.in_place ? 0 : whole_lines(plan.chunk_images * plan.image + table.lanes);
    const int64_t panel = whole_lines(most_pixels * plan.width), gradient_size = panel * (plan.part_width / plan.width);
    const int64_t sum_size = plan.block_channels * plan.taps * plan.part_width;
    const int64_t area_size = copy_size + gradient_size + sum_size;
    const int64_t tasks = plan.slices * s.groups * parts.count * plan.blocks;
    const int team = team_size(tasks, s.N * s.P * s.Q * weights);
    const Workspace<float> areas(area_size * team);
    const Workspace<int64_t> offsets(2 * most_pixels * team);
    const WeightSlices slices(s, plan.slices, dw, db);
    const int64_t chunks = ceil_div(ceil_div(s.N, plan.slices), plan.chunk_images) * ceil_div(s.P, plan.chunk_rows);
    const LongSumAreas totals(chunks * ceil_div(most_pixels, kProductRun), sum_size, team);

    parallel_for(tasks, team, [&](int64_t task, int thread) {
        const int64_t block = task % plan.blocks, part = task / plan.blocks % parts.count;
        const int64_t g = task / plan.blocks / parts.count % s.groups, slice = task / plan.blocks / parts.count / s.groups;
        const int64_t c0 = block * plan.block_channels, channels = std::min(plan.block_channels, s.group_inputs() - c0);
        const int64_t k0 = parts.begin(part) * plan.width, pitch = parts.extent(part) * plan.width;
        const int64_t filters = std::min(pitch, s.group_outputs() - k0);
        float* slice_dw = slices.dw(slice);
        LongSum* slice_db = slices.db(slice) + g * s.group_outputs() + k0;
        float* copy = areas.data() + area_size * thread;
        float *gradients = copy + copy_size, *sums = gradients + gradient_size;
        int64_t *x_offsets = offsets.data() + 2 * most_pixels * thread, *dy_offsets = x_offsets + most_pixels;
        const Products products{table, s, plan, channels, filters, pitch, panel};

        std::fill_n(sums, channels * plan.taps * pitch, 0.0f);
        LongSums long_sums(sums, 1, channels * plan.taps * pitch, 0, totals.of(thread));
        const int64_t images_end = (slice + 1) * s.N / plan.slices;
        for (int64_t n = slice * s.N / plan.slices; n < images_end; n += plan.chunk_images)
            for (int64_t p = 0; p < s.P; p += plan.chunk_rows) {
                const Chunk chunk{n, std::min(plan.chunk_images, images_end - n), p, std::min(plan.chunk_rows, s.P - p)};
                const int64_t run = chunk.rows * s.Q, top = p * s.stride.h - s.pad.top;
                const float* images = x + (n * s.C + g * s.group_inputs() + c0) * s.H * s.W;
                for (int64_t i = 0; i < chunk.images; ++i) {
                    const float* plane = dy + (((n + i) * s.K + g * s.group_outputs() + k0) * s.P + p) * s.Q;
                    for (int64_t k = 0; k < filters; k += plan.width)
                        table.transpose(std::min(plan.width, filters - k), run, plane + k * s.P * s.Q, s.P * s.Q,
                                        gradients + k / plan.width * panel + i * run * plan.width, plan.width);
                    if (block == 0)
                        for (int64_t k = 0; k < filters; ++k) slice_db[k].add(table.sum(run, plane + k * s.P * s.Q));
                    if (plan.in_place) continue;
                    const PaddedCopy shape{s.H, s.W, top, -s.pad.left, plan.copy_rows, 1, plan.line};
                    for (int64_t c = 0; c < channels; ++c)
                        table.pad_plane(shape, images + (i * s.C + c) * s.H * s.W, copy + i * plan.image + c * plan.plane);
                }
                find_pixels(s, plan, chunk, x_offsets, dy_offsets);
                const Tiles runs(chunk.images * run, kProductRun);
                for (int64_t i = 0; i < runs.count; ++i) {
                    const int64_t pixel = runs.begin(i);
                    long_sums.expect();
                    products.add(runs.extent(i), plan.in_place ? images + top * s.W : copy, x_offsets + pixel, gradients,
                                 dy_offsets + pixel, sums);
                }
            }
        long_sums.finish();
        float* target = slice_dw + (g * s.group_outputs() + k0) * row_length + c0 * plan.taps;
        table.transpose(channels * plan.taps, filters, sums, pitch, target, row_length);
    });

    slices.add_up();
}

}  // namespace pycnn
