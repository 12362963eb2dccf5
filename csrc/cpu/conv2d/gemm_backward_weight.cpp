// dw[k,c,r,s] = sum over n,p,q of dy[n,k,p,q] * x[n, c, p * stride + r * dilation - pad, ...];  db[k] = sum of dy[n,k,p,q].
//
// A matrix product whose sum runs over images and pixels. dy is contiguous along pixels, and so are patch rows packed as
// the forward pass packs them, hence the dot kernel: no transposition of either. A task is (slice of the batch, group,
// block of channels); each slice has a dw of its own, and slices are added in order at the end, so the bits do not depend
// on the threads.
#include <algorithm>
#include <cstring>

#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "cpu/conv2d/gemm.hpp"
#include "cpu/conv2d/pointwise_backward_weight.hpp"
#include "cpu/conv2d/weight_slices.hpp"
#include "cpu/dispatch.hpp"
#include "cpu/gemm.hpp"
#include "cpu/long_products.hpp"

namespace pycnn {
namespace {

// What a chunk of pixels keeps in cache: at most 128 patch rows and 64 filters' gradients, together 576 KiB: 768 pixels or
// more (512 for filters of more than 128 taps). The dot kernel's horizontal sums are then about a tenth of its work.
constexpr int64_t kBlockFilters = 64;
constexpr int64_t kBlockPatchRows = 128;
constexpr int64_t kChunkFloats = 144 * 1024;
// Enough for a few cores to balance.
constexpr int64_t kTasks = 16;

struct Plan {
    int64_t taps, block_channels, blocks;
    int64_t chunk_images, chunk_rows;  // one of them is 1 (images) or all (rows)
    int64_t slices;
    int64_t copy_rows, copy_pitch, copy_plane;
    std::vector<int64_t> offsets;  // of each (channel, row tap, column tap) of a block in the copy

    explicit Plan(const ConvShape& s) {
        taps = s.R * s.S;
        blocks = ceil_div(s.group_inputs(), std::max<int64_t>(kBlockPatchRows / taps, 1));
        block_channels = ceil_div(s.group_inputs(), blocks);
        blocks = ceil_div(s.group_inputs(), block_channels);
        const int64_t filters = std::min(kBlockFilters, s.group_outputs());
        const int64_t pixels = std::max<int64_t>(kChunkFloats / (block_channels * taps + filters), 512);
        chunk_images = std::clamp<int64_t>(pixels / (s.P * s.Q), 1, s.N);
        chunk_rows = std::clamp<int64_t>(pixels / s.Q, 1, s.P);
        const int64_t wanted = ceil_div(kTasks, s.groups * blocks);
        slices = std::clamp<int64_t>(std::min(wanted, WeightSlices::most(s)), 1, ceil_div(s.N, chunk_images));
        // Chunks of a slice, and of an image, of nearly equal size.
        const int64_t slice_images = ceil_div(s.N, slices);
        chunk_images = ceil_div(slice_images, ceil_div(slice_images, chunk_images));
        chunk_rows = ceil_div(s.P, ceil_div(s.P, chunk_rows));
        copy_rows = (chunk_rows - 1) * s.stride.h + (s.R - 1) * s.dilation.h + 1;
        copy_pitch = ceil_div((s.Q - 1) * s.stride.w + (s.S - 1) * s.dilation.w + 1, s.stride.w);
        copy_plane = copy_rows * s.stride.w * copy_pitch;
        for (int64_t c = 0; c < block_channels; ++c)
            for (int64_t r = 0; r < s.R; ++r)
                for (int64_t t = 0; t < s.S; ++t) {
                    const int64_t column = t * s.dilation.w;
                    offsets.push_back((c * chunk_images * copy_rows + r * s.dilation.h) * s.stride.w * copy_pitch +
                                      column % s.stride.w * copy_pitch + column / s.stride.w);
                }
    }
};

// Images [n0, n0 + images), output rows [p0, p0 + rows).
struct Chunk {
    int64_t n0, images, p0, rows;
};

struct WorkArea {
    float *copy, *patches, *gradients;
    Segment* segments;
};

// Patch rows of channels [c0, c0 + channels) (numbered over all groups), each `pitch` floats apart.
void pack_patch_rows(const ConvShape& s, const Plan& plan, const KernelTable& table, const Chunk& chunk, const float* x,
                     int64_t c0, int64_t channels, int64_t pitch, const WorkArea& area) {
    const PaddedCopy copy{
        s.H, s.W, chunk.p0 * s.stride.h - s.pad.top, -s.pad.left, plan.copy_rows, s.stride.w, plan.copy_pitch};
    int64_t count = 0;
    for (int64_t n = 0; n < chunk.images; ++n) {
        const float* planes = x + ((chunk.n0 + n) * s.C + c0) * s.H * s.W;
        for (int64_t c = 0; c < channels; ++c)
            table.pad_plane(copy, planes + c * s.H * s.W, area.copy + (c * plan.chunk_images + n) * plan.copy_plane);
        for (int64_t p = 0; p < chunk.rows; ++p, ++count)
            area.segments[count] = {n * plan.copy_plane + p * s.stride.h * s.stride.w * plan.copy_pitch, count * s.Q, s.Q};
    }
    table.pack_rows(area.copy, plan.offsets.data(), channels * plan.taps, area.segments, count, area.patches, pitch);
}

// dy of filters [k0, k0 + filters) with the chunk's pixels side by side.
void pack_gradients(const ConvShape& s, const Chunk& chunk, const float* dy, int64_t k0, int64_t filters, int64_t pitch,
                    float* target) {
    const int64_t run = chunk.rows * s.Q;
    for (int64_t k = 0; k < filters; ++k)
        for (int64_t n = 0; n < chunk.images; ++n)
            std::memcpy(target + k * pitch + n * run, dy + (((chunk.n0 + n) * s.K + k0 + k) * s.P + chunk.p0) * s.Q,
                        run * sizeof(float));
}

}  // namespace

void conv2d_gemm_backward_weight(const ConvShape& s, const float* dy, const float* x, float* dw, float* db) {
    if (suits_pointwise_backward_weight(s)) return pointwise_backward_weight(s, dy, x, dw, db);
    const KernelTable& table = kernels();
    const Plan plan(s);
    const int64_t filters = s.group_outputs(), weights = s.weights();
    const int64_t row_length = s.group_inputs() * plan.taps;  // of dw
    const int64_t pitch = whole_lines(plan.chunk_images * plan.chunk_rows * s.Q);
    const int64_t block_rows = plan.block_channels * plan.taps;
    const int64_t copy_size = whole_lines(plan.block_channels * plan.chunk_images * plan.copy_plane + table.lanes);
    const int64_t patch_size = whole_lines(block_rows * pitch + table.lanes);
    const int64_t gradient_size = std::min(kBlockFilters, filters) * pitch;
    const int64_t area_size = copy_size + patch_size + gradient_size;
    const int64_t segment_count = plan.chunk_images * plan.chunk_rows;

    const int64_t tasks = plan.slices * s.groups * plan.blocks;
    const int team = team_size(tasks, s.N * s.P * s.Q * weights);
    const Workspace<float> areas(area_size * team);
    const Workspace<Segment> segments(segment_count * team);
    const WeightSlices slices(s, plan.slices, dw, db);
    slices.clear();
    // The dot kernel's lanes share the pixels of a chunk; very long rows are several runs of them.
    const int64_t run = kProductRun * table.lanes, most_pixels = plan.chunk_images * plan.chunk_rows * s.Q;
    const int64_t chunks = ceil_div(ceil_div(s.N, plan.slices), plan.chunk_images) * ceil_div(s.P, plan.chunk_rows);
    const LongSumAreas totals(chunks * ceil_div(most_pixels, run), filters * block_rows, team);

    parallel_for(tasks, team, [&](int64_t task, int thread) {
        const int64_t slice = task / (s.groups * plan.blocks), group_block = task % (s.groups * plan.blocks);
        const int64_t g = group_block / plan.blocks, c0 = group_block % plan.blocks * plan.block_channels;
        const int64_t channels = std::min(plan.block_channels, s.group_inputs() - c0);
        float* slice_dw = slices.dw(slice);
        LongSum* slice_db = slices.db(slice);
        float* base = areas.data() + area_size * thread;
        const WorkArea area{base, base + copy_size, base + copy_size + patch_size, segments.data() + segment_count * thread};

        const int64_t columns = channels * plan.taps;
        std::vector<LongSums> sums;  // of each block of filters
        for (int64_t k0 = 0; k0 < filters; k0 += kBlockFilters) {
            double* block_totals = totals.of(thread);
            if (block_totals != nullptr) block_totals += k0 * columns;
            sums.emplace_back(slice_dw + (g * filters + k0) * row_length + c0 * plan.taps,
                              std::min(kBlockFilters, filters - k0), columns, row_length, block_totals);
        }

        const int64_t images_end = (slice + 1) * s.N / plan.slices;
        for (int64_t n = slice * s.N / plan.slices; n < images_end; n += plan.chunk_images)
            for (int64_t p = 0; p < s.P; p += plan.chunk_rows) {
                const Chunk chunk{n, std::min(plan.chunk_images, images_end - n), p, std::min(plan.chunk_rows, s.P - p)};
                const int64_t pixels = chunk.images * chunk.rows * s.Q;
                pack_patch_rows(s, plan, table, chunk, x, g * s.group_inputs() + c0, channels, pitch, area);
                for (int64_t k0 = 0; k0 < filters; k0 += kBlockFilters) {
                    const int64_t count = std::min(kBlockFilters, filters - k0);
                    pack_gradients(s, chunk, dy, g * filters + k0, count, pitch, area.gradients);
                    if (c0 == 0)
                        for (int64_t k = 0; k < count; ++k)
                            slice_db[g * filters + k0 + k].add(table.sum(pixels, area.gradients + k * pitch));
                    float* target = slice_dw + (g * filters + k0) * row_length + c0 * plan.taps;
                    for (int64_t i = 0; i < pixels; i += run) {
                        sums[k0 / kBlockFilters].expect();
                        multiply_transposed(table, count, columns, std::min(run, pixels - i), area.gradients + i, pitch,
                                            area.patches + i, pitch, target, row_length);
                    }
                }
            }
        for (LongSums& block : sums) block.finish();
    });

    slices.add_up();
}

}  // namespace pycnn
