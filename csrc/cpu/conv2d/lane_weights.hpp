// The gradients of a convolution's filters with the images of the batch in the lanes: what the two forms of batch lanes have in common.
#pragma once

#include <algorithm>

#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "cpu/conv2d/padded_lanes.hpp"
#include "cpu/conv2d/weight_slices.hpp"
#include "cpu/gemm.hpp"
#include "cpu/long_products.hpp"

namespace pycnn {

// A task adds the products of some filters' gradients in a block of images, in whole rows of outputs or a part of one.
struct LaneRun {
    int64_t block, filter, filters, row, rows, column, columns;
    const float* images;  // of the group's first channel, where the first tap of the first output lies
    float* dw;            // of the first filter
};

// The outputs in a run: a pixel has NR images, two vectors.
constexpr int64_t kRunPixels = kProductRun / kNRVectors;

// Slices of the batch: enough for a few cores to balance.
constexpr int64_t kLaneSlices = 8;

// Writes dw and db. `dot(run)` adds the products of at most `most_filters` filters to dw, `sum(n, k)` is that of a plane of gradients.
template <class Dot, class Sum>
void add_lane_products(const ConvShape& s, const PaddedLanes& x, int64_t most_filters, float* dw, float* db, Dot dot, Sum sum) {
    const int64_t row_length = s.group_inputs() * s.R * s.S;
    const Tiles down(s.group_outputs(), most_filters);
    // A slice is some blocks, so that one core reads what it has interleaved itself; a task has some filters of one slice.
    const int64_t count = std::clamp<int64_t>(x.blocks, 1, std::min(kLaneSlices, WeightSlices::most(s)));
    const WeightSlices slices(s, count, dw, db);
    slices.clear();
    const int64_t tasks = count * s.groups * down.count;
    const double work = static_cast<double>(s.N * s.P * s.Q) * static_cast<double>(s.weights());
    const int team = team_size(tasks, work);
    // Runs are whole rows, or of very long rows parts.
    const Tiles row_runs(s.P, std::max<int64_t>(kRunPixels / s.Q, 1)), column_runs(s.Q, kRunPixels);
    const LongSumAreas totals(ceil_div(x.blocks, count) * row_runs.count * column_runs.count, most_filters * row_length, team);
    parallel_for(tasks, team, [&](int64_t task, int thread) {
        const int64_t tile = task % down.count, g = task / down.count % s.groups, slice = task / down.count / s.groups;
        const int64_t filters = down.extent(tile), k = g * s.group_outputs() + down.begin(tile);
        float* slice_dw = slices.dw(slice) + k * row_length;
        LongSum* slice_db = slices.db(slice) + k;
        LongSums sums(slice_dw, filters, row_length, row_length, totals.of(thread));
        for (int64_t n = slice * x.blocks / count; n < (slice + 1) * x.blocks / count; ++n) {
            const float* images = x.data + n * x.size + g * s.group_inputs() * x.height * x.width * x.block;
            for (int64_t i = 0; i < row_runs.count * column_runs.count; ++i) {
                const int64_t row = i / column_runs.count, column = i % column_runs.count;
                const int64_t p = row_runs.begin(row), q = column_runs.begin(column);
                sums.expect();
                dot({n, k, filters, p, row_runs.extent(row), q, column_runs.extent(column),
                     images + (p * x.width + q) * x.block, slice_dw});
            }
            for (int64_t i = 0; i < filters; ++i) slice_db[i].add(sum(n, k + i));
        }
        sums.finish();
    });
    slices.add_up();
}

}  // namespace pycnn
