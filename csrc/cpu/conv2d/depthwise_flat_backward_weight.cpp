#include <algorithm>
#include <vector>

#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "cpu/conv2d/depthwise_flat.hpp"
#include "cpu/conv2d/depthwise_slices.hpp"
#include "cpu/conv2d/flat_copy.hpp"
#include "cpu/dispatch.hpp"

namespace pycnn {

// As conv2d_depthwise_backward_weight; the gradient of a bias is one more sum beside those of its filter.
void conv2d_depthwise_flat_backward_weight(const ConvShape& s, const float* dy, const float* x, float* dw, float* db) {
    const KernelTable& table = kernels();
    const FlatCopy copy(s, table.lanes);
    const FlatTaps taps = copy.taps(s, table.lanes);
    const FlatFilter filter = taps.filter();
    const int64_t filters = s.group_outputs(), filter_taps = s.R * s.S, filter_sums = (filter_taps + 1) * table.lanes;
    const DepthwiseSlices cut(s);
    const int64_t lane_sums = filters * filter_sums;  // of a channel
    const int64_t area_size = copy.size + whole_lines(cut.block * lane_sums);
    const int team = team_size(cut.tasks(), static_cast<double>(s.N * s.P * s.Q) * static_cast<double>(s.weights()));
    const Workspace<float> areas(area_size * team);
    const Workspace<float> partial(cut.partial_size(s));
    // A lane makes one run of the products of at most `run` pixels.
    const int64_t run = kProductRun * table.lanes;
    const int64_t additions = ceil_div(s.N, cut.slices) * (ceil_div(s.P * s.Q, table.lanes) + ceil_div(s.P, copy.band));
    const LongSumAreas totals(additions, cut.block * lane_sums, team, kProductRun);

    parallel_for(cut.tasks(), team, [&](int64_t task, int thread) {
        const int64_t slice = task / cut.blocks, first = task % cut.blocks * cut.block;
        const int64_t last = std::min(first + cut.block, s.C);
        float *area = areas.data() + area_size * thread, *sums = area + copy.size;
        std::fill_n(sums, (last - first) * lane_sums, 0.0f);
        std::vector<LongSums> long_sums = cut.long_sums(last - first, sums, lane_sums, totals.of(thread));
        for (int64_t n = slice * s.N / cut.slices; n < (slice + 1) * s.N / cut.slices; ++n)
            for (int64_t c = first; c < last; ++c)
                copy.for_each_band(s, table, x + (n * s.C + c) * s.H * s.W, area, [&](int64_t p, int64_t rows) {
                    const float* gradients = dy + ((n * s.K + c * filters) * s.P + p) * s.Q;
                    for (int64_t i = 0; i < rows * s.Q; i += run) {
                        const int64_t count = std::min(run, rows * s.Q - i);
                        long_sums[c - first].expect(ceil_div(count, table.lanes));
                        for (int64_t m = 0; m < filters; ++m) {
                            float* filter_sum = sums + (c - first) * lane_sums + m * filter_sums;
                            table.flat_gradient(filter, i % s.Q, area + i, count, gradients + m * s.P * s.Q + i, filter_sum,
                                                filter_sum + filter_taps * table.lanes);
                        }
                    }
                });
        for (LongSums& channel : long_sums) channel.finish();
        float* target = partial.data() + (slice * s.K + first * filters) * (filter_taps + 1);
        for (int64_t k = 0; k < (last - first) * filters * (filter_taps + 1); ++k)
            target[k] = table.sum(table.lanes, sums + k * table.lanes);
    });
    cut.add(s, partial.data(), dw, db);
}

}  // namespace pycnn
