#include <algorithm>
#include <vector>

#include "core/long_sum.hpp"
#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "cpu/conv2d/depthwise.hpp"
#include "cpu/conv2d/depthwise_copy.hpp"
#include "cpu/conv2d/depthwise_flat.hpp"
#include "cpu/conv2d/depthwise_lanes.hpp"
#include "cpu/conv2d/depthwise_slices.hpp"
#include "cpu/dispatch.hpp"

namespace pycnn {
namespace {

// Parts of a band of gradients in each of which a lane makes one run: whole rows, or of very long rows parts.
struct Runs {
    int64_t columns, row_additions, rows;  // at most; additions of a lane in a row of a part

    Runs(int64_t width, int64_t lanes)
        : columns(std::min(width, kProductRun * lanes)),
          row_additions(ceil_div(columns, lanes)),
          rows(kProductRun / row_additions) {}

    // Calls f(first row, rows, first column, columns) for each part.
    template <class F>
    void for_each(int64_t height, int64_t width, F&& f) const {
        for (int64_t p = 0; p < height; p += rows)
            for (int64_t q = 0; q < width; q += columns) f(p, std::min(rows, height - p), q, std::min(columns, width - q));
    }
};

}  // namespace

// A task is (slice of the images, block of channels). Its sums stay spread over lanes until all its images are done; of an
// image it reads the planes of the block, which are neighbours in memory.
void conv2d_depthwise_backward_weight(const ConvShape& s, const float* dy, const float* x, float* dw, float* db) {
    if (suits_depthwise_lanes(ConvPass::backward_weight, s)) return conv2d_depthwise_lanes_backward_weight(s, dy, x, dw, db);
    if (suits_depthwise_flat(ConvPass::backward_weight, s)) return conv2d_depthwise_flat_backward_weight(s, dy, x, dw, db);
    const KernelTable& table = kernels();
    const DepthwiseCopy copy(s, table);
    const PlaneFilter filter = copy.filter(s);
    const int64_t filters = s.group_outputs(), weights = s.K * filter.taps;
    const DepthwiseSlices cut(s);
    const int64_t slices = cut.slices, blocks = cut.blocks;
    const int64_t lane_sums = filters * filter.taps * table.lanes;  // of a channel
    const int64_t area_size = copy.size + whole_lines(cut.block * lane_sums);
    const int team = team_size(cut.tasks(), static_cast<double>(s.N * s.P * s.Q) * static_cast<double>(s.weights()));
    const Workspace<float> areas(area_size * team);
    const Workspace<float> partial(slices * weights);
    const Workspace<LongSum> biases(slices * s.K);
    std::fill_n(biases.data(), slices * s.K, LongSum{});
    const Runs runs(s.Q, table.lanes);
    const int64_t additions = ceil_div(s.N, slices) * s.P * ceil_div(s.Q, runs.columns) * runs.row_additions;
    const LongSumAreas totals(additions, cut.block * lane_sums, team, kProductRun);

    parallel_for(cut.tasks(), team, [&](int64_t task, int thread) {
        const int64_t slice = task / blocks, first = task % blocks * cut.block, last = std::min(first + cut.block, s.C);
        float* area = areas.data() + area_size * thread;
        float* sums = area + copy.size;
        float* slice_dw = partial.data() + slice * weights + first * filters * filter.taps;
        LongSum* slice_db = biases.data() + slice * s.K;
        std::fill_n(sums, (last - first) * lane_sums, 0.0f);
        std::vector<LongSums> long_sums = cut.long_sums(last - first, sums, lane_sums, totals.of(thread));
        for (int64_t n = slice * s.N / slices; n < (slice + 1) * s.N / slices; ++n)
            for (int64_t c = first; c < last; ++c)
                copy.for_each_band(s, table, x + (n * s.C + c) * s.H * s.W, area, [&](int64_t p, int64_t rows) {
                    const float* gradients = dy + ((n * s.K + c * filters) * s.P + p) * s.Q;
                    runs.for_each(rows, s.Q, [&](int64_t i, int64_t height, int64_t j, int64_t width) {
                        long_sums[c - first].expect(height * runs.row_additions);
                        for (int64_t m = 0; m < filters; ++m)
                            table.depthwise_gradient(filter, area + i * filter.pitch + j, height, width,
                                                     gradients + m * s.P * s.Q + i * s.Q + j,
                                                     sums + (c - first) * lane_sums + m * filter.taps * table.lanes);
                    });
                    for (int64_t m = 0; m < filters; ++m)
                        slice_db[c * filters + m].add(table.sum(rows * s.Q, gradients + m * s.P * s.Q));
                });
        for (LongSums& channel : long_sums) channel.finish();
        for (int64_t k = 0; k < (last - first) * filters * filter.taps; ++k)
            slice_dw[k] = table.sum(table.lanes, sums + k * table.lanes);
    });

    std::copy_n(partial.data(), weights, dw);
    for (int64_t k = 0; k < s.K; ++k) db[k] = biases.data()[k].value();
    for (int64_t slice = 1; slice < slices; ++slice) {
        for (int64_t k = 0; k < weights; ++k) dw[k] += partial.data()[slice * weights + k];
        for (int64_t k = 0; k < s.K; ++k) db[k] += biases.data()[slice * s.K + k].value();
    }
}

}  // namespace pycnn
