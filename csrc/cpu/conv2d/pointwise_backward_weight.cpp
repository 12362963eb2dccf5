// The dw of a 1 x 1 on large planes: dw[k,c] = sum over n,p of dy[n,k,p] * x[n,c,p] is a dot product of planes where they lie, so nothing is
// packed or transposed, which for 16 or 24 channels takes as long as the products. A task is a slice of the batch and a group; each slice has
// a dw of its own, and slices are added in order at the end, so the bits do not depend on the threads.
#include "cpu/conv2d/pointwise_backward_weight.hpp"

#include <algorithm>

#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "cpu/conv2d/weight_slices.hpp"
#include "cpu/dispatch.hpp"
#include "cpu/gemm.hpp"
#include "cpu/long_products.hpp"

namespace pycnn {
namespace {

// Of both operands of a chunk: 512 KiB, half of the L2 of today's servers. dy is read once for each tile of channels.
constexpr int64_t kChunkFloats = 128 * 1024;
// Enough for a few cores to balance.
constexpr int64_t kTasks = 16;
// Pixels of a chunk at most: a tile of 5 channels takes 15 KiB, and stays in L1 while all filters go over it.
constexpr int64_t kChunkPixels = 768;
// Lanes of a tile's sums are added up after so many vectors at least: this takes about as long as the products of 10 of them.
constexpr int64_t kLeastVectors = 36;
// With more of both, `filter_lanes` has enough products for what it transposes (144 -> 32 on 12 x 12: 89 GFLOP/s of 117).
constexpr int64_t kFew = 32;
// Channels and filters together: a chunk then has 512 pixels at least, or the plane.
constexpr int64_t kMostPlanes = 256;

struct Plan {
    int64_t slices;
    int64_t chunk_images, chunk_pixels;  // several images only with all their pixels

    Plan(const ConvShape& s, const KernelTable& table) {
        const int64_t plane = s.P * s.Q;
        slices = std::clamp<int64_t>(std::min(ceil_div(kTasks, s.groups), WeightSlices::most(s)), 1, s.N);
        const int64_t pixels = std::min(kChunkFloats / (s.group_inputs() + s.group_outputs()), kChunkPixels);
        chunk_images = std::clamp<int64_t>(pixels / plane, 1, ceil_div(s.N, slices));
        const int64_t parts = ceil_div(plane, pixels);
        chunk_pixels = ceil_div(ceil_div(plane, parts), table.nr) * table.nr;
    }
};

}  // namespace

bool suits_pointwise_backward_weight(const ConvShape& s) {
    const bool reads_each_pixel =
        s.R * s.S == 1 && s.stride.h == 1 && s.stride.w == 1 && s.P == s.H && s.Q == s.W && s.pad.top == 0 && s.pad.left == 0;
    const int64_t plane = s.P * s.Q;
    return reads_each_pixel && plane % kernels().nr == 0 && s.N > 0 && s.C > 0 && s.K > 0 &&
           plane >= kLeastVectors * kernels().lanes && std::min(s.group_inputs(), s.group_outputs()) <= kFew &&
           s.group_inputs() + s.group_outputs() <= kMostPlanes;
}

void pointwise_backward_weight(const ConvShape& s, const float* dy, const float* x, float* dw, float* db) {
    const KernelTable& table = kernels();
    const Plan plan(s, table);
    const int64_t plane = s.P * s.Q, filters = s.group_outputs(), channels = s.group_inputs();
    const Tiles rows(filters, table.dot_rows), columns(channels, table.dot_columns);
    const int64_t tasks = plan.slices * s.groups, size = filters * channels;
    const int team = team_size(tasks, s.N * plane * s.weights());
    const WeightSlices slices(s, plan.slices, dw, db);
    slices.clear();
    const int64_t chunks = ceil_div(ceil_div(s.N, plan.slices), plan.chunk_images) * ceil_div(plane, plan.chunk_pixels);
    const LongSumAreas totals(chunks, size, team);

    parallel_for(tasks, team, [&](int64_t task, int thread) {
        const int64_t slice = task / s.groups, g = task % s.groups;
        float* sums = slices.dw(slice) + g * size;
        LongSum* slice_db = slices.db(slice) + g * filters;
        LongSums long_sums(sums, 1, size, 0, totals.of(thread));
        int64_t offsets[kMaxDotTile];
        for (int64_t j = 0; j < kMaxDotTile; ++j) offsets[j] = j * plane;

        const int64_t images_end = (slice + 1) * s.N / plan.slices;
        for (int64_t n = slice * s.N / plan.slices; n < images_end; n += plan.chunk_images)
            for (int64_t p = 0; p < plane; p += plan.chunk_pixels) {
                const int64_t images = std::min(plan.chunk_images, images_end - n),
                              length = std::min(plan.chunk_pixels, plane - p);
                const float* const gradients = dy + (n * s.K + g * filters) * plane + p;
                const float* const pixels = x + (n * s.C + g * channels) * plane + p;
                long_sums.expect();
                for (int64_t u = 0; u < columns.count; ++u)
                    for (int64_t t = 0; t < rows.count; ++t)
                        table.batch_reduce_dot[rows.extent(t) - 1][columns.extent(u) - 1](
                            images, length, gradients + rows.begin(t) * plane, plane, s.K * plane,
                            pixels + columns.begin(u) * plane, offsets, s.C * plane,
                            sums + rows.begin(t) * channels + columns.begin(u), channels);
                for (int64_t i = 0; i < images; ++i)
                    for (int64_t k = 0; k < filters; ++k) slice_db[k].add(table.sum(length, gradients + (i * s.K + k) * plane));
            }
        long_sums.finish();
    });

    slices.add_up();
}

}  // namespace pycnn
