#include "cpu/conv2d/depthwise.hpp"

#include <algorithm>
#include <vector>

#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "cpu/conv2d/batch_lanes.hpp"
#include "cpu/conv2d/depthwise_copy.hpp"
#include "cpu/conv2d/depthwise_flat.hpp"
#include "cpu/conv2d/depthwise_lanes.hpp"
#include "cpu/conv2d/depthwise_planes.hpp"
#include "cpu/conv2d/phase_taps.hpp"
#include "cpu/dispatch.hpp"

namespace pycnn {

bool takes_depthwise(ConvPass, const ConvShape& s) { return s.group_inputs() == 1; }

// A matrix product loads a patch once for all filters of a group, and pays from about four on in the forward pass. A gradient
// of a single channel leaves it one row (dx) or as many columns as there are taps (dw), so this is up to 3 times as fast there
// (AVX2, one thread, 16 to 64 filters), up to 25 taps for dx and fewer for dw. Batches in lanes keep what they suit, because
// the pooling after them is done in lanes, too. A task is a plane, so there must be enough of them.
bool suits_depthwise(ConvPass pass, const ConvShape& s) {
    constexpr int64_t kManyTaps = 25, kManyPlanes = 16;
    if (s.group_outputs() < 4) return true;
    if (pass == ConvPass::forward || s.N * s.C < kManyPlanes || suits_batch_lanes(ConvPass::backward_weight, s)) return false;
    const int64_t taps = s.R * s.S;
    return pass == ConvPass::backward_input ? taps <= kManyTaps : taps < kManyTaps;
}

void conv2d_depthwise(const ConvShape& s, const float* x, const float* w, const float* b, float* y) {
    if (suits_depthwise_lanes(ConvPass::forward, s)) return conv2d_depthwise_lanes(s, x, w, b, y);
    if (suits_depthwise_flat(ConvPass::forward, s)) return conv2d_depthwise_flat(s, x, w, b, y);
    const KernelTable& table = kernels();
    const DepthwiseCopy copy(s, table);
    const PlaneFilter filter = copy.filter(s);
    for_filters_of_planes(s, table, copy, x, y, [&](int64_t k, const float* area, int64_t rows, float* target) {
        table.depthwise(filter, w + k * filter.taps, b ? b[k] : 0.0f, area, rows, s.Q, target);
    });
}

namespace {

// One of the stride.h x stride.w interleaved grids of dx: which taps reach it, and where in the copies of dy.
struct Grid {
    std::vector<int64_t> taps, offsets;
};

// What lies between the smallest and the largest displacement of any tap, over all phases of an axis.
struct Reach {
    std::vector<PhaseTaps> phases;
    int64_t first = 0, last = 0;

    Reach(int64_t phase_count, int64_t taps, int64_t stride, int64_t dilation, int64_t pad) {
        bool any = false;
        for (int64_t a = 0; a < phase_count; ++a) {
            phases.emplace_back(a, taps, stride, dilation, pad);
            for (int64_t d : phases.back().displacements) {
                first = any ? std::min(first, d) : d;
                last = any ? std::max(last, d) : d;
                any = true;
            }
        }
    }
};

}  // namespace

// As in cpu/conv2d/correlation.hpp, dx is stride.h x stride.w interleaved grids, each a stride-1 correlation of dy with some of
// the taps. The grids of one row phase are computed side by side, a row of each after the other, and then interleaved.
void conv2d_depthwise_backward_input(const ConvShape& s, const float* dy, const float* w, float* dx, const float* b) {
    if (suits_depthwise_lanes(ConvPass::backward_input, s)) return conv2d_depthwise_lanes_backward_input(s, dy, w, dx, b);
    if (suits_depthwise_flat(ConvPass::backward_input, s)) return conv2d_depthwise_flat_backward_input(s, dy, w, dx, b);
    const KernelTable& table = kernels();
    const int64_t filters = s.group_outputs(), filter_taps = s.R * s.S;
    const Pair phases{std::min(s.stride.h, s.H), std::min(s.stride.w, s.W)};
    const Reach rows(phases.h, s.R, s.stride.h, s.dilation.h, s.pad.top);
    const Reach columns(phases.w, s.S, s.stride.w, s.dilation.w, s.pad.left);
    const int64_t height = ceil_div(s.H, s.stride.h), width = ceil_div(s.W, s.stride.w);
    const int64_t pitch = width + columns.last - columns.first, extent = rows.last - rows.first + 1;
    const int64_t band = depthwise_band_rows(height, pitch * filters, 1, extent);
    const int64_t copy_plane = (band + extent - 1) * pitch, copy_size = whole_lines(filters * copy_plane + table.lanes);
    const int64_t grid_plane = whole_lines(band * width + table.lanes), area_size = copy_size + phases.w * grid_plane;

    std::vector<Grid> grids(phases.h * phases.w);
    for (int64_t a = 0; a < phases.h; ++a)
        for (int64_t e = 0; e < phases.w; ++e)
            for (int64_t m = 0; m < filters; ++m)
                for (size_t r = 0; r < rows.phases[a].taps.size(); ++r)
                    for (size_t t = 0; t < columns.phases[e].taps.size(); ++t) {
                        Grid& grid = grids[a * phases.w + e];
                        grid.taps.push_back(m * filter_taps + rows.phases[a].taps[r] * s.S + columns.phases[e].taps[t]);
                        grid.offsets.push_back(m * copy_plane + (rows.phases[a].displacements[r] - rows.first) * pitch +
                                               columns.phases[e].displacements[t] - columns.first);
                    }

    const int64_t planes = s.N * s.C, grain = planes_per_task(s.H * s.W), tasks = ceil_div(planes, grain);
    const int team = team_size(tasks, static_cast<double>(s.N * s.P * s.Q) * static_cast<double>(s.weights()));
    const int64_t weights = filters * filter_taps;
    const bool in_place = s.stride.h == 1 && s.stride.w == 1;  // one grid, which is dx
    const Workspace<float> areas(area_size * team), tap_areas(weights * team);
    parallel_for(tasks, team, [&](int64_t task, int thread) {
        float* copies = areas.data() + area_size * thread;
        float* results = copies + copy_size;
        float* taps = tap_areas.data() + weights * thread;
        for (int64_t i = task * grain; i < std::min((task + 1) * grain, planes); ++i) {
            const int64_t c = i % s.C;
            const float bias = b ? b[c] : 0.0f;
            for (int64_t i0 = 0; i0 < height; i0 += band) {
                for (int64_t m = 0; m < filters; ++m)
                    table.pad_plane(
                        {s.P, s.Q, i0 + rows.first, columns.first, std::min(band, height - i0) + extent - 1, 1, pitch},
                        dy + (i * filters + m) * s.P * s.Q, copies + m * copy_plane);
                for (int64_t a = 0; a < phases.h; ++a) {
                    // Rows a, a + stride.h, ... of dx: the last phases may have one row less.
                    const int64_t count = std::min(band, ceil_div(s.H - a, s.stride.h) - i0);
                    float* target = dx + (i * s.H + i0 * s.stride.h + a) * s.W;
                    for (int64_t e = 0; e < phases.w; ++e) {
                        const Grid& grid = grids[a * phases.w + e];
                        for (size_t k = 0; k < grid.taps.size(); ++k) taps[k] = w[c * weights + grid.taps[k]];
                        table.depthwise({static_cast<int64_t>(grid.taps.size()), grid.offsets.data(), pitch}, taps, bias,
                                        copies, count, width, in_place ? target : results + e * grid_plane);
                    }
                    for (int64_t h = 0; h < count && !in_place; ++h)
                        table.join_phases(phases.w, results + h * width, grid_plane, s.W, target + h * s.stride.h * s.W);
                }
            }
        }
    });
}

}  // namespace pycnn
