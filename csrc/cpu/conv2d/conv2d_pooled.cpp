#include "ops/conv2d_pooled.hpp"

#include <algorithm>
#include <atomic>

#include "core/error.hpp"
#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "cpu/conv2d/algorithms.hpp"
#include "cpu/conv2d/batch_lanes.hpp"
#include "cpu/conv2d/interleaved_images.hpp"
#include "cpu/conv2d/pooled_lanes.hpp"
#include "cpu/dispatch.hpp"
#include "ops/conv2d.hpp"
#include "ops/visible_taps.hpp"

namespace pycnn {

bool can_pool_in_lanes(const PooledConvShape& s) {
    return s.window.h * s.window.w <= kNoWinner && takes_batch_lanes(ConvPass::backward_weight, s.conv) &&
           VisiblePart(s.conv).is_whole(s.conv);
}

// Where batch lanes give the bits of the algorithms that the table takes for the convolution alone: the gradient of the filters
// is its own choice, and forward and backward-input add in the order of batch lanes.
bool pools_in_lanes(const PooledConvShape& s) {
    const auto adds_alike = [&](ConvPass pass) { return conv_algorithm(pass, s.conv).order == SumOrder::plain; };
    return can_pool_in_lanes(s) &&
           conv_algorithm(ConvPass::backward_weight, s.conv).backward_weight == conv2d_batch_lanes_backward_weight &&
           adds_alike(ConvPass::forward) && adds_alike(ConvPass::backward_input);
}

Shape lane_winners(const PooledConvShape& s) {
    const int64_t block = block_images(kernels());
    return {ceil_div(s.conv.N, block), s.conv.K, s.P, s.Q, block};
}

// Images of the input may be in lanes where there is no padding around them, and whole pairs of pixels along a row.
ImageLanes possible_lanes(const PooledConvShape& s) {
    const ConvShape& c = s.conv;
    const bool whole = c.N > 0 && c.N % block_images(kernels()) == 0;
    if (!whole || !pools_in_lanes(s) || !takes_pooled_lanes(kernels(), s)) return {};
    const bool bare = c.pad.top == 0 && c.pad.left == 0 && c.P + c.R - 1 == c.H && c.Q + c.S - 1 == c.W && c.W % 2 == 0;
    return {bare, true, bare, true};
}

namespace {

PoolWindow window(const PooledConvShape& s) {
    const auto [h, w] = s.window;
    return {s.conv.P, s.conv.Q, s.P, s.Q, h, w, h, w, 0, 0, 1, 1};
}

}  // namespace

void conv2d_relu_max_pool2d(const PooledConvShape& s, const float* x, const float* w, const float* b, float* y,
                            const Winners& winners, const ImageLanes& kept) {
    if (winners.lanes) return conv2d_batch_lanes_pooled(s, x, w, b, y, winners.lanes, kept);
    const KernelTable& table = kernels();
    const PoolWindow g = window(s);
    const int64_t planes = s.conv.N * s.conv.K, plane = s.conv.P * s.conv.Q, outputs = s.P * s.Q;
    const Workspace<float> convolved(planes * plane);
    conv2d(s.conv, x, w, b, convolved.data());
    parallel_ranges(planes, planes_per_task(plane), static_cast<double>(4 * plane), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
            float *pixels = convolved.data() + i * plane, *best = y + i * outputs;
            int32_t* places = winners.planes + i * outputs;
            table.relu(plane, pixels, pixels);
            table.max_pool(g, pixels, best, places);
            for (int64_t j = 0; j < outputs; ++j) places[j] = best[j] <= 0.0f ? -1 : places[j];
        }
    });
}

void conv2d_relu_max_pool2d_backward(const PooledConvShape& s, const float* dy, const Winners& winners, const float* x,
                                     const float* w, float* dx, float* dw, float* db, const ImageLanes& kept) {
    if (winners.lanes) return conv2d_batch_lanes_pooled_backward(s, dy, winners.lanes, x, w, dx, dw, db, kept);
    const int64_t planes = s.conv.N * s.conv.K, plane = s.conv.P * s.conv.Q, outputs = s.P * s.Q;
    const Workspace<float> gradient(planes * plane);
    std::atomic<bool> outside{false};
    parallel_ranges(planes, planes_per_task(plane), static_cast<double>(plane + outputs), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
            float* pixels = gradient.data() + i * plane;
            std::fill_n(pixels, plane, 0.0f);
            for (int64_t j = i * outputs; j < (i + 1) * outputs; ++j) {
                const int32_t place = winners.planes[j];
                if (place >= plane) {
                    outside = true;
                } else if (place >= 0) {
                    pixels[place] += dy[j];
                }
            }
        }
    });
    if (outside)
        fail_value("conv2d_relu_max_pool2d_backward", "winners must lie in a plane of ", plane, " elements, some do not");
    conv2d_backward_weight(s.conv, gradient.data(), x, dw, db);
    if (dx) conv2d_backward_input(s.conv, gradient.data(), w, dx);
}

}  // namespace pycnn
