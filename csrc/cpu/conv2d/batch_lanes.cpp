#include "cpu/conv2d/batch_lanes.hpp"

#include <algorithm>

#include "core/memory.hpp"
#include "cpu/conv2d/interleaved_correlation.hpp"
#include "cpu/conv2d/interleaved_images.hpp"
#include "cpu/conv2d/lane_windows.hpp"
#include "cpu/conv2d/pooled_lanes.hpp"
#include "cpu/dispatch.hpp"

namespace pycnn {
namespace {

// Floats of one block's input, and of its output: 1 MiB each. Larger ones leave L2 (64 -> 64 channels of 16 x 16: 1.0 times
// the speed of `gemm_unpacked`), and most have rows long enough for the other algorithms.
constexpr int64_t kBlockFloats = 256 * 1024;

InterleavedCorrelation forward_pass(const ConvShape& s, const float* interleaved, const float* w, const float* b, float* y) {
    const int64_t taps = s.R * s.S, filter = s.group_inputs() * taps;
    return {s.N,
            s.groups,
            s.group_outputs(),
            s.group_inputs(),
            {s.H, s.P, s.R, s.stride.h, -s.pad.top, s.dilation.h},
            {s.W, s.Q, s.S, s.stride.w, -s.pad.left, s.dilation.w},
            s.group_outputs() * filter,
            filter,
            taps,
            interleaved,
            w,
            b,
            y};
}

// How many pairs of an output and a tap meet an input along an axis.
int64_t visible_pairs(int64_t in, int64_t out, int64_t taps, int64_t stride, int64_t dilation, int64_t pad) {
    int64_t count = 0;
    for (int64_t tap = 0; tap < taps; ++tap) {
        const int64_t first = tap * dilation - pad;  // where the tap is for output 0
        const int64_t begin = first < 0 ? ceil_div(-first, stride) : 0;
        const int64_t end = first < in ? ceil_div(in - first, stride) : 0;
        count += std::max<int64_t>(std::min(end, out) - begin, 0);
    }
    return count;
}

}  // namespace

// Gradients take a step of 1 alone: with a longer one, the rows of x that meet dy are no run of memory, and the taps that
// meet a pixel of dx no range.
bool takes_batch_lanes(ConvPass pass, const ConvShape& s) {
    return pass == ConvPass::forward || (s.stride.h == 1 && s.stride.w == 1);
}

// Measured on AVX-512 and AVX2 against the other algorithms. Rows that end in part of a vector cost `gemm_unpacked` lanes,
// which is what this algorithm saves; of a sum of fewer than 32 terms the transposition is too large a part (LeNet-5's first
// convolution: 25 terms, 0.89 times the speed). dx has few terms nowhere, but zeros around dy, which only this algorithm leaves
// out. For dw the others copy every pixel R S times.
bool suits_batch_lanes(ConvPass pass, const ConvShape& s) {
    const int64_t lanes = kernels().lanes, block = block_images(kernels());
    const bool small = std::max(s.C * s.H * s.W, s.K * s.P * s.Q) * block <= kBlockFloats;
    const bool full = 4 * s.N >= 3 * block * ceil_div(s.N, block);
    if (!small || !full) return false;
    const auto ragged = [&](int64_t row) { return 10 * row < 9 * lanes * ceil_div(row, lanes); };
    switch (pass) {
        case ConvPass::forward:
            return ragged(s.Q) && s.group_inputs() * s.R * s.S >= 32;
        case ConvPass::backward_input:
            return ragged(s.W) || 10 * s.P * s.Q < 9 * s.H * s.W;
        case ConvPass::backward_weight:
            return true;
    }
    return false;
}

// 512 -> 512 channels of 2 x 2, 3 x 3 taps, padding 1: 16 of 36 products count. Forward 0.14 times the time of `filter_lanes`, dx 0.3 (AVX2).
bool suits_batch_lanes_best(ConvPass pass, const ConvShape& s) {
    if (pass == ConvPass::backward_weight || !takes_batch_lanes(pass, s) || !suits_batch_lanes(pass, s)) return false;
    const int64_t visible = visible_pairs(s.H, s.P, s.R, s.stride.h, s.dilation.h, s.pad.top) *
                            visible_pairs(s.W, s.Q, s.S, s.stride.w, s.dilation.w, s.pad.left);
    const int64_t outputs = pass == ConvPass::forward ? s.P * s.Q : s.H * s.W;
    return 2 * visible <= outputs * s.R * s.S;
}

void conv2d_batch_lanes(const ConvShape& s, const float* x, const float* w, const float* b, float* y) {
    const Workspace<float> interleaved = interleaved_images(kernels(), s.N, s.C, s.H * s.W, x);
    correlate_interleaved(forward_pass(s, interleaved.data(), w, b, y));
}

void conv2d_batch_lanes_pooled(const PooledConvShape& s, const float* x, const float* w, const float* b, float* y,
                               uint8_t* winners, const ImageLanes& kept) {
    if (takes_lane_windows(s)) return conv2d_lane_windows(s, x, w, b, y, winners, kept);
    const Workspace<float> interleaved =
        kept.x ? Workspace<float>(0) : interleaved_images(kernels(), s.conv.N, s.conv.C, s.conv.H * s.conv.W, x);
    InterleavedCorrelation p = forward_pass(s.conv, kept.x ? x : interleaved.data(), w, b, y);
    p.target_in_lanes = kept.y;
    p.pooled = &s;
    p.winners = winners;
    correlate_interleaved(p);
}

void backward_input_of_interleaved(const ConvShape& s, const float* interleaved_dy, const float* w, float* dx, const float* b) {
    const int64_t taps = s.R * s.S, filter = s.group_inputs() * taps;
    correlate_interleaved({s.N,
                           s.groups,
                           s.group_inputs(),
                           s.group_outputs(),
                           {s.P, s.H, s.R, 1, s.pad.top, -s.dilation.h},
                           {s.Q, s.W, s.S, 1, s.pad.left, -s.dilation.w},
                           s.group_outputs() * filter,
                           taps,
                           filter,
                           interleaved_dy,
                           w,
                           b,
                           dx});
}

void conv2d_batch_lanes_backward_input(const ConvShape& s, const float* dy, const float* w, float* dx, const float* b) {
    const Workspace<float> interleaved = interleaved_images(kernels(), s.N, s.K, s.P * s.Q, dy);
    backward_input_of_interleaved(s, interleaved.data(), w, dx, b);
}

void conv2d_batch_lanes_pooled_backward(const PooledConvShape& s, const float* dy, const uint8_t* winners, const float* x,
                                        const float* w, float* dx, float* dw, float* db, const ImageLanes& kept) {
    if (takes_pooled_lanes(kernels(), s)) {
        const PooledLanes pooled(kernels(), s, dy, winners, kept.dy);
        pooled_lanes_backward_weight(s, pooled, x, dw, db, kept.x);
        if (dx) pooled_lanes_backward_input(s, pooled, w, dx, kept.dx);
        return;
    }
    const Workspace<float> interleaved = interleaved_gradient(kernels(), s, dy, winners);
    backward_weight_of_interleaved(s.conv, interleaved.data(), x, dw, db);
    if (dx) backward_input_of_interleaved(s.conv, interleaved.data(), w, dx, nullptr);
}

}  // namespace pycnn
