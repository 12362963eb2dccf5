#include "cpu/conv2d/correlation.hpp"

#include <algorithm>

#include "cpu/conv2d/phase_taps.hpp"
#include "cpu/gemm.hpp"

namespace pycnn {

int64_t channels_of_block(int64_t channels, int64_t taps) {
    return ceil_div(channels, ceil_div(channels, std::max<int64_t>(kKC / taps, 1)));
}

namespace {

// To a filter of one tap that reads each pixel at its own place, a plane is one row: so tiles and vectors run over the ends of rows.
void join_rows(Correlation& p) {
    if (p.dh.size() * p.dw.size() > 1 || p.dh[0] != 0 || p.dw[0] != 0 || p.step_h > 1 || p.step_w > 1) return;
    if (p.column_stride > 1 || p.row_stride != p.out_width || p.out_width != p.width || p.out_height != p.height) return;
    p.row_stride = p.out_width = p.width = p.height * p.width;
    p.out_height = p.height = 1;
}

}  // namespace

Correlation forward_correlation(const ConvShape& s, const float* x, const float* w, const float* b, float* y) {
    Correlation p{};
    p.images = s.N, p.groups = s.groups, p.rows = s.group_outputs(), p.channels = s.group_inputs();
    p.source = x, p.height = s.H, p.width = s.W;
    p.step_h = s.stride.h, p.step_w = s.stride.w;
    for (int64_t r = 0; r < s.R; ++r) p.dh.push_back(r * s.dilation.h - s.pad.top);
    for (int64_t t = 0; t < s.S; ++t) p.dw.push_back(t * s.dilation.w - s.pad.left);
    const int64_t taps = s.R * s.S;
    p.filter = {w, p.rows * p.channels * taps, p.channels * taps, taps, {}};
    for (int64_t t = 0; t < taps; ++t) p.filter.tap_offsets.push_back(t);
    p.bias = b;
    p.target = y, p.out_height = s.P, p.out_width = s.Q, p.plane = s.P * s.Q;
    p.row_stride = s.Q, p.column_stride = 1;
    join_rows(p);
    return p;
}

std::vector<Correlation> backward_input_correlations(const ConvShape& s, const float* dy, const float* w, float* dx,
                                                     const float* b) {
    const int64_t taps = s.R * s.S;
    Correlation p{};
    p.images = s.N, p.groups = s.groups, p.rows = s.group_inputs(), p.channels = s.group_outputs();
    p.source = dy, p.height = s.P, p.width = s.Q;
    p.step_h = p.step_w = 1;
    p.bias = b;
    p.plane = s.H * s.W;
    p.row_stride = s.stride.h * s.W, p.column_stride = s.stride.w;

    // Where the stride is longer than the filter, or shares a divisor with the dilation, some grids are reached by no tap:
    // nothing is added to zero (or the bias) there.
    if (s.stride.h > s.R || s.stride.w > s.S || s.dilation.h > 1 || s.dilation.w > 1)
        for (int64_t i = 0; i < s.N * s.C; ++i) std::fill_n(dx + i * p.plane, p.plane, b ? b[i % s.C] : 0.0f);

    std::vector<Correlation> grids;
    const Pair phases{std::min(s.stride.h, s.H), std::min(s.stride.w, s.W)};
    for (int64_t a = 0; a < phases.h; ++a) {
        const PhaseTaps rows(a, s.R, s.stride.h, s.dilation.h, s.pad.top);
        for (int64_t e = 0; e < phases.w; ++e) {
            const PhaseTaps columns(e, s.S, s.stride.w, s.dilation.w, s.pad.left);
            if (rows.taps.empty() || columns.taps.empty()) continue;
            p.dh = rows.displacements, p.dw = columns.displacements;
            p.filter = {w, p.channels * p.rows * taps, taps, p.rows * taps, {}};
            for (int64_t r : rows.taps)
                for (int64_t t : columns.taps) p.filter.tap_offsets.push_back(r * s.S + t);
            p.target = dx + a * s.W + e;
            p.out_height = (s.H - a + s.stride.h - 1) / s.stride.h;
            p.out_width = (s.W - e + s.stride.w - 1) / s.stride.w;
            grids.push_back(p);
            join_rows(grids.back());
        }
    }
    return grids;
}

}  // namespace pycnn
