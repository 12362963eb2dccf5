#include <algorithm>
#include <vector>

#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "cpu/conv2d/depthwise_lanes.hpp"
#include "cpu/conv2d/depthwise_slices.hpp"
#include "cpu/conv2d/lane_planes.hpp"
#include "cpu/dispatch.hpp"

namespace pycnn {

// As the flat form; a lane sums the gradients of a channel, and a block of channels is some vectors.
void conv2d_depthwise_lanes_backward_weight(const ConvShape& s, const float* dy, const float* x, float* dw, float* db) {
    const KernelTable& table = kernels();
    const int64_t lanes = table.lanes, filters = s.group_outputs(), filter_taps = s.R * s.S, outputs = s.P * s.Q;
    const LaneBlocks blocks(s.C, lanes);
    const DepthwiseSlices cut(s, lanes);
    const LanePlane plane(s.H, s.W, lane_extent(s.H, s.P, s.R, s.stride.h, s.dilation.h, s.pad.top),
                          lane_extent(s.W, s.Q, s.S, s.stride.w, s.dilation.w, s.pad.left), lanes);
    std::vector<int64_t> places(filter_taps), offsets(filter_taps), gradient_places(outputs);
    for (int64_t t = 0; t < filter_taps; ++t) {
        places[t] = t * lanes;
        offsets[t] = plane.at(t / s.S * s.dilation.h - s.pad.top, t % s.S * s.dilation.w - s.pad.left);
    }
    for (int64_t i = 0; i < outputs; ++i) gradient_places[i] = i * lanes;
    const LaneFilter filter{filter_taps, places.data(), offsets.data(), s.stride.h * plane.pitch, s.stride.w * lanes, 0, 0};
    const int64_t filter_sums = (filter_taps + 1) * lanes, lane_sums = filters * filter_sums;
    const int64_t vectors = cut.block / lanes;  // of channels in a block
    const int64_t area_size = plane.size + outputs * lanes + vectors * lane_sums;
    const int team = team_size(cut.tasks(), static_cast<double>(s.N * outputs) * static_cast<double>(s.weights()));
    const Workspace<float> areas(area_size * team), partial(cut.partial_size(s));
    const LongSumAreas totals(ceil_div(s.N, cut.slices) * outputs, vectors * lane_sums, team, kProductRun);

    parallel_for(cut.tasks(), team, [&](int64_t task, int thread) {
        const int64_t slice = task / cut.blocks, begin = task % cut.blocks * vectors;
        const int64_t end = std::min(begin + vectors, blocks.count);
        float* area = areas.data() + area_size * thread;
        float *gradients = area + plane.size, *sums = gradients + outputs * lanes;
        std::fill_n(area, plane.size, 0.0f);
        std::fill_n(sums, (end - begin) * lane_sums, 0.0f);
        LongSums long_sums(sums, 1, (end - begin) * lane_sums, 0, totals.of(thread), kProductRun);
        for (int64_t n = slice * s.N / cut.slices; n < (slice + 1) * s.N / cut.slices; ++n) {
            long_sums.expect(outputs);
            for (int64_t block = begin; block < end; ++block) {
                const int64_t first = blocks.first(block), planes = blocks.planes(block);
                table.planes_to_lanes(planes, s.H * s.W, x + (n * s.C + first) * s.H * s.W, s.H * s.W, plane.places.data(),
                                      area);
                for (int64_t m = 0; m < filters; ++m) {
                    table.planes_to_lanes(planes, outputs, dy + (n * s.K + first * filters + m) * outputs, filters * outputs,
                                          gradient_places.data(), gradients);
                    float* filter_sum = sums + (block - begin) * lane_sums + m * filter_sums;
                    table.lane_gradient(filter, area, s.P, s.Q, gradients, filter_sum, filter_sum + filter_taps * lanes);
                }
            }
        }
        long_sums.finish();
        float* target = partial.data() + (slice * s.K + blocks.first(begin) * filters) * (filter_taps + 1);
        for (int64_t block = begin; block < end; ++block, sums += lane_sums)
            for (int64_t l = 0; l < blocks.planes(block); ++l)
                for (int64_t k = 0; k < filters * (filter_taps + 1); ++k) *target++ = sums[k * lanes + l];
    });
    cut.add(s, partial.data(), dw, db);
}

}  // namespace pycnn
