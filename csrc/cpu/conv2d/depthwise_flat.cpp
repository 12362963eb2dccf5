#include "cpu/conv2d/depthwise_flat.hpp"

#include <algorithm>
#include <vector>

#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "cpu/conv2d/depthwise_planes.hpp"
#include "cpu/conv2d/flat_copy.hpp"
#include "cpu/conv2d/phase_taps.hpp"
#include "cpu/dispatch.hpp"

namespace pycnn {

// What the kernels are written for: 3 x 3 taps side by side, one filter a channel in dx. In flat planes an element beyond a row's end
// lies in another row and is masked, so there must be padding for the filter, too. A row of y, which is as long as a row of the copies, must
// not end before a column that a tap meets to the right of it; no tap does with a stride of 2 and padding. Nor may a row of dy be longer
// than a row of a grid of dx.
bool suits_depthwise_flat(ConvPass pass, const ConvShape& s) {
    if (s.R != 3 || s.S != 3 || s.dilation.h != 1 || s.dilation.w != 1 || s.stride.w > 2) return false;
    if (s.stride.w == 1 ? s.pad.left != 1 : s.pad.left != 0 && s.pad.left != 1) return false;
    if (pass == ConvPass::backward_input)
        return s.group_outputs() == 1 && s.stride.h == s.stride.w && ceil_div(s.W, s.stride.w) >= s.Q;
    return (s.stride.w == 2 && s.pad.left == 1) || s.stride.w * s.Q >= s.W;
}

void conv2d_depthwise_flat(const ConvShape& s, const float* x, const float* w, const float* b, float* y) {
    const KernelTable& table = kernels();
    const FlatCopy copy(s, table.lanes);
    const FlatTaps taps = copy.taps(s, table.lanes);
    const FlatFilter filter = taps.filter();
    for_filters_of_planes(s, table, copy, x, y, [&](int64_t k, const float* area, int64_t rows, float* target) {
        table.flat_correlation(filter, w + k * s.R * s.S, b ? b[k] : 0.0f, area, rows * s.Q, target);
    });
}

namespace {

// The grids of dx (see conv2d_depthwise_backward_input): what each computes from flat copies of the filters' dy.
struct FlatGrids {
    Pair phases;
    int64_t height, width;  // of a grid
    int64_t first, extent, band, before, copy_plane, copy_size, grid_plane, area_size;
    std::vector<FlatTaps> taps;

    FlatGrids(const ConvShape& s, int lanes)
        : phases{std::min(s.stride.h, s.H), std::min(s.stride.w, s.W)},
          height(ceil_div(s.H, s.stride.h)),
          width(ceil_div(s.W, s.stride.w)) {
        std::vector<PhaseTaps> rows, columns;
        for (int64_t a = 0; a < phases.h; ++a) rows.emplace_back(a, s.R, s.stride.h, s.dilation.h, s.pad.top);
        for (int64_t e = 0; e < phases.w; ++e) columns.emplace_back(e, s.S, s.stride.w, s.dilation.w, s.pad.left);
        const auto [top, bottom] = range(rows);
        const auto [left, right] = range(columns);
        const int64_t filters = s.group_outputs();
        first = top, extent = bottom - top;
        band = flat_band_rows(height, width * std::max(filters, phases.h * phases.w), extent);
        before = whole_lines(std::max<int64_t>(-left, 0));
        copy_plane = before + whole_lines((band + extent) * width + std::max<int64_t>(right, 0) + lanes);
        copy_size = filters * copy_plane;
        grid_plane = whole_lines(band * width + lanes);
        area_size = copy_size + phases.h * phases.w * grid_plane;
        for (const PhaseTaps& r : rows)
            for (const PhaseTaps& t : columns) {
                std::vector<FlatTap> list;
                for (int64_t m = 0; m < filters; ++m)
                    for (size_t i = 0; i < r.taps.size(); ++i)
                        for (size_t j = 0; j < t.taps.size(); ++j)
                            list.push_back({(m * s.R + r.taps[i]) * s.S + t.taps[j],
                                            m * copy_plane + before + (r.displacements[i] - first) * width + t.displacements[j],
                                            t.displacements[j]});
                taps.emplace_back(list, width, lanes);
            }
    }

private:
    static std::pair<int64_t, int64_t> range(const std::vector<PhaseTaps>& phases) {
        std::vector<int64_t> all;
        for (const PhaseTaps& phase : phases) all.insert(all.end(), phase.displacements.begin(), phase.displacements.end());
        if (all.empty()) return {0, 0};
        const auto [least, most] = std::minmax_element(all.begin(), all.end());
        return {*least, *most};
    }
};

}  // namespace

void conv2d_depthwise_flat_backward_input(const ConvShape& s, const float* dy, const float* w, float* dx, const float* b) {
    const KernelTable& table = kernels();
    const FlatGrids g(s, table.lanes);
    std::vector<FlatFilter> filter;
    for (const FlatTaps& taps : g.taps) filter.push_back(taps.filter());
    const int64_t filters = s.group_outputs(), weights = filters * s.R * s.S;
    const int64_t planes = s.N * s.C, grain = planes_per_task(s.H * s.W), tasks = ceil_div(planes, grain);
    const int team = team_size(tasks, static_cast<double>(s.N * s.P * s.Q) * static_cast<double>(s.weights()));
    const Workspace<float> areas(g.area_size * team);
    parallel_for(tasks, team, [&](int64_t task, int thread) {
        float *copies = areas.data() + g.area_size * thread, *grids = copies + g.copy_size;
        for (int64_t i = task * grain; i < std::min((task + 1) * grain, planes); ++i) {
            const float bias = b ? b[i % s.C] : 0.0f;
            for (int64_t i0 = 0; i0 < g.height; i0 += g.band) {
                const int64_t count = std::min(g.band, g.height - i0), row = i0 * s.stride.h;
                for (int64_t m = 0; m < filters; ++m)
                    table.split_plane({s.P, s.Q, i0 + g.first, 1, count + g.extent, 1, 0, g.width},
                                      dy + (i * filters + m) * s.P * s.Q, copies + m * g.copy_plane + g.before);
                float* target = dx + (i * s.H + row) * s.W;
                const bool in_place = g.taps.size() == 1;
                for (size_t grid = 0; grid < filter.size(); ++grid)
                    table.flat_correlation(filter[grid], w + i % s.C * weights, bias, copies, count * g.width,
                                           in_place ? target : grids + grid * g.grid_plane);
                if (in_place) continue;
                table.join_grids({g.phases.h, g.phases.w, g.grid_plane, g.width, std::min(count * s.stride.h, s.H - row), s.W,
                                  (s.H - row) * s.W},
                                 grids, target);
            }
        }
    });
}

}  // namespace pycnn
