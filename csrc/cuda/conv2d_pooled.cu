// Convolution, ReLU and max pooling: the convolution, then one pass over its output. Backward likewise.
#include "core/error.hpp"
#include "cuda/conv_operands.hpp"
#include "cuda/flag.hpp"
#include "ops/conv2d.hpp"
#include "ops/conv2d_pooled.hpp"

namespace pycnn {
namespace cuda {
namespace {

// PooledConvShape in 32 bits; ConvSizes has checked that they are enough.
struct PoolSizes {
    int planes, H, W, P, Q, window_h, window_w;  // planes of H x W become planes of P x Q
    Divider in_plane, in_columns, out_plane, out_columns, by_window_h, by_window_w;

    PoolSizes(const PooledConvShape& s, const ConvSizes& conv)
        : planes(conv.N * conv.K),
          H(conv.P),
          W(conv.Q),
          P(static_cast<int>(s.P)),
          Q(static_cast<int>(s.Q)),
          window_h(static_cast<int>(s.window.h)),
          window_w(static_cast<int>(s.window.w)),
          in_plane(conv.out_plane),
          in_columns(conv.out_columns),
          out_plane(s.P * s.Q),
          out_columns(s.Q),
          by_window_h(s.window.h),
          by_window_w(s.window.w) {}
};

// The first of equal maxima wins, as in max_pool2d. A later NaN replaces the maximum, and only another NaN replaces a NaN.
__global__ void relu_max_pool_kernel(PoolSizes s, const float* x, float* y, int32_t* winners) {
    PYCNN_FOR_EACH_ELEMENT(i, static_cast<int64_t>(s.planes) * s.P * s.Q) {
        int plane = static_cast<int>(i);
        int p = s.out_plane.split(plane);
        const int q = s.out_columns.split(p), first = p * s.window_h * s.W + q * s.window_w;
        const float* pixels = x + static_cast<int64_t>(plane) * s.H * s.W;
        float best = -INFINITY;
        int winner = first;
        for (int r = 0; r < s.window_h; ++r)
            for (int t = 0; t < s.window_w; ++t) {
                const int position = first + r * s.W + t;
                const float pixel = rectified(pixels[position]);
                if (pixel > best || pixel != pixel) best = pixel, winner = position;
            }
        y[i] = best;
        winners[i] = best <= 0.0f ? -1 : winner;  // no gradient through the ReLU
    }
}

// A thread for each element of the convolution's output, which lies in one window or in none. `outside` becomes 1 if a winner
// lies outside of its plane.
__global__ void spread_gradients_kernel(PoolSizes s, const float* dy, const int32_t* winners, float* gradients, int* outside) {
    PYCNN_FOR_EACH_ELEMENT(i, static_cast<int64_t>(s.planes) * s.H * s.W) {
        int plane = static_cast<int>(i);
        const int position = s.in_plane.split(plane);
        int h = position;
        const int w = s.in_columns.split(h), p = s.by_window_h.quotient(h), q = s.by_window_w.quotient(w);
        float gradient = 0.0f;
        if (p < s.P && q < s.Q) {
            const int window = (plane * s.P + p) * s.Q + q;
            const int winner = winners[window];
            if (winner == position) gradient = dy[window];
            if (winner >= s.H * s.W) atomicMax(outside, 1);
        }
        gradients[i] = gradient;
    }
}

}  // namespace
}  // namespace cuda

// Only the CPU has winners in lanes.
bool can_pool_in_lanes(const PooledConvShape&) { return false; }
bool pools_in_lanes(const PooledConvShape&) { return false; }
Shape lane_winners(const PooledConvShape&) { return {}; }
ImageLanes possible_lanes(const PooledConvShape&) { return {}; }

void conv2d_relu_max_pool2d(const PooledConvShape& s, const float* x, const float* w, const float* b, float* y,
                            const Winners& winners, const ImageLanes&) {
    using namespace cuda;
    const PoolSizes sizes(s, ConvSizes(s.conv));
    const Workspace<float> convolved(s.conv.N * s.conv.K * s.conv.P * s.conv.Q);
    conv2d(s.conv, x, w, b, convolved.data());
    launch(relu_max_pool_kernel, blocks_for(s.conv.N * s.conv.K * s.P * s.Q), kThreads, 0, current_stream(), sizes,
           convolved.data(), y, winners.planes);
}

// Winners outside of their planes are reported last, so that the device does not wait between the passes.
void conv2d_relu_max_pool2d_backward(const PooledConvShape& s, const float* dy, const Winners& winners, const float* x,
                                     const float* w, float* dx, float* dw, float* db, const ImageLanes&) {
    using namespace cuda;
    const PoolSizes sizes(s, ConvSizes(s.conv));
    const int64_t outputs = s.conv.N * s.conv.K * s.conv.P * s.conv.Q;
    const Workspace<float> gradients(outputs);
    const Flag outside;
    launch(spread_gradients_kernel, blocks_for(outputs), kThreads, 0, current_stream(), sizes, dy, winners.planes,
           gradients.data(), outside.data());
    conv2d_backward_weight(s.conv, gradients.data(), x, dw, db);
    if (dx) conv2d_backward_input(s.conv, gradients.data(), w, dx);
    outside.when_raised([plane = s.conv.P * s.conv.Q] {
        fail_value("conv2d_relu_max_pool2d_backward", "winners must lie in a plane of ", plane, " elements, some do not");
    });
}

}  // namespace pycnn
