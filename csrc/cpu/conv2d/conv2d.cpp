// Forward and backward-input: both are instances of implicit_gemm, with the taps that ever meet an element of the input.
#include "ops/conv2d.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "core/memory.hpp"
#include "cpu/conv2d/algorithms.hpp"
#include "cpu/conv2d/batch_lanes.hpp"
#include "cpu/conv2d/depthwise.hpp"
#include "cpu/conv2d/filter_lanes.hpp"
#include "cpu/conv2d/full_width.hpp"
#include "cpu/conv2d/implicit_gemm.hpp"
#include "cpu/conv2d/phase_taps.hpp"
#include "cpu/conv2d/winograd.hpp"
#include "ops/activation.hpp"
#include "ops/visible_taps.hpp"

namespace pycnn {
namespace {

ConvShape one_image(ConvShape s) {
    s.N = 1;
    return s;
}

void correlate(std::vector<ImplicitGemm> problems, ConvAlgorithm algorithm) {
    if (algorithm == ConvAlgorithm::filter_lanes) return filter_lanes(problems);
    for (ImplicitGemm& p : problems) {
        p.direct = algorithm == ConvAlgorithm::direct;
        implicit_gemm(p);
    }
}

void conv2d_gemm(const ConvShape& s, const float* x, const float* w, const float* b, float* y, ConvAlgorithm algorithm) {
    ImplicitGemm p{};
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
    correlate({p}, algorithm);
}

}  // namespace

void conv2d(const ConvShape& s, const float* x, const float* w, const float* b, float* y) {
    if (const VisiblePart part(s); !part.is_whole(s)) {
        const Workspace<float> taps(part.shape.weights());
        part.extract(s, w, taps.data());
        return conv2d(part.shape, x, taps.data(), b, y);
    }
    const ConvAlgorithm algorithm = conv_algorithm(ConvPass::forward, s);
    if (algorithm == ConvAlgorithm::full_width) return conv2d_full_width(s, x, w, b, y);
    if (algorithm == ConvAlgorithm::depthwise) return conv2d_depthwise(s, x, w, b, y);
    if (algorithm == ConvAlgorithm::batch_lanes) return conv2d_batch_lanes(s, x, w, b, y);
    if (algorithm == ConvAlgorithm::winograd) {
        for (int64_t n : conv2d_winograd(s, x, w, b, y))
            conv2d_gemm(one_image(s), x + n * s.C * s.H * s.W, w, b, y + n * s.K * s.P * s.Q, ConvAlgorithm::gemm);
        return;
    }
    conv2d_gemm(s, x, w, b, y, algorithm);
}

void conv2d_relu(const ConvShape& s, const float* x, const float* w, const float* b, float* y) {
    conv2d(s, x, w, b, y);
    relu(s.N * s.K * s.P * s.Q, y, y);
}

namespace {

// A stride of s cuts dx into s * s interleaved grids; on each, dx is a stride-1 correlation of dy with some of the taps, so no
// multiplication with an inserted zero is ever done.
void backward_input_gemm(const ConvShape& s, const float* dy, const float* w, float* dx, const float* b,
                         ConvAlgorithm algorithm) {
    const int64_t taps = s.R * s.S;
    ImplicitGemm p{};
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

    std::vector<ImplicitGemm> grids;
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
        }
    }
    correlate(std::move(grids), algorithm);
}

}  // namespace

void conv2d_backward_input(const ConvShape& s, const float* dy, const float* w, float* dx, const float* b) {
    if (const VisiblePart part(s); !part.is_whole(s)) {
        const Workspace<float> visible(part.shape.weights());
        part.extract(s, w, visible.data());
        return conv2d_backward_input(part.shape, dy, visible.data(), dx, b);
    }
    const ConvAlgorithm algorithm = conv_algorithm(ConvPass::backward_input, s);
    if (algorithm == ConvAlgorithm::full_width) return conv2d_full_width_backward_input(s, dy, w, dx, b);
    if (algorithm == ConvAlgorithm::depthwise) return conv2d_depthwise_backward_input(s, dy, w, dx, b);
    if (algorithm == ConvAlgorithm::batch_lanes) return conv2d_batch_lanes_backward_input(s, dy, w, dx, b);
    if (algorithm == ConvAlgorithm::winograd) {
        for (int64_t n : conv2d_winograd_backward_input(s, dy, w, dx, b))
            backward_input_gemm(one_image(s), dy + n * s.K * s.P * s.Q, w, dx + n * s.C * s.H * s.W, b, ConvAlgorithm::gemm);
        return;
    }
    backward_input_gemm(s, dy, w, dx, b, algorithm);
}

}  // namespace pycnn
