#include "cuda/block_sum.hpp"
#include "cuda/conv2d_grouped.hpp"

namespace pycnn::cuda {
namespace {

__global__ void forward_kernel(ConvSizes s, const float* x, const float* w, const float* b, bool relu, float* y) {
    PYCNN_FOR_EACH_ELEMENT(i, static_cast<int64_t>(s.N) * s.K * s.P * s.Q) {
        int plane = static_cast<int>(i);
        int p = s.out_plane.split(plane);
        const int q = s.out_columns.split(p), n = plane / s.K, k = plane % s.K;
        const float* image = x + (static_cast<int64_t>(n) * s.C + k / s.group_outputs * s.group_inputs) * s.H * s.W;
        const float* filter = w + k * (s.group_inputs * s.R * s.S);
        float sum = 0.0f;
        for (int c = 0; c < s.group_inputs; ++c)
            for (int r = 0; r < s.R; ++r)
                for (int t = 0; t < s.S; ++t) {
                    const int h = p * s.stride_h + r * s.dilation_h - s.top, v = q * s.stride_w + t * s.dilation_w - s.left;
                    const bool inside = h >= 0 && h < s.H && v >= 0 && v < s.W;
                    const float pixel = inside ? image[(c * s.H + h) * s.W + v] : 0.0f;
                    sum = fmaf(filter[(c * s.R + r) * s.S + t], pixel, sum);
                }
        if (b) sum += b[k];
        y[i] = relu ? rectified(sum) : sum;
    }
}

__global__ void backward_input_kernel(ConvSizes s, const float* dy, const float* w, const float* b, float* dx) {
    PYCNN_FOR_EACH_ELEMENT(i, static_cast<int64_t>(s.N) * s.C * s.H * s.W) {
        int plane = static_cast<int>(i);
        int h = s.in_plane.split(plane);
        const int v = s.in_columns.split(h), n = plane / s.C, c = plane % s.C;
        const int first = c / s.group_inputs * s.group_outputs;
        float sum = 0.0f;
        for (int k = first; k < first + s.group_outputs; ++k)
            for (int r = 0; r < s.R; ++r)
                for (int t = 0; t < s.S; ++t) {
                    int p = h + s.top - r * s.dilation_h, q = v + s.left - t * s.dilation_w;
                    bool meets = p >= 0 && q >= 0;
                    if (meets) meets = s.steps_h.split(p) == 0 && s.steps_w.split(q) == 0 && p < s.P && q < s.Q;
                    const float gradient = meets ? dy[((static_cast<int64_t>(n) * s.K + k) * s.P + p) * s.Q + q] : 0.0f;
                    sum = fmaf(w[((k * s.group_inputs + c % s.group_inputs) * s.R + r) * s.S + t], gradient, sum);
                }
        dx[i] = b ? sum + b[c] : sum;
    }
}

// A block for each weight. Each thread takes every kThreads-th pixel, then halves are added until one sum remains.
__global__ void backward_weight_kernel(ConvSizes s, const float* dy, const float* x, float* dw) {
    int c = static_cast<int>(blockIdx.x);
    int r = s.taps.split(c);
    const int t = s.tap_columns.split(r), k = c / s.group_inputs;
    c = c % s.group_inputs + k / s.group_outputs * s.group_inputs;
    const int thread = static_cast<int>(threadIdx.x);
    float sum = 0.0f;
    for (int i = thread; i < s.N * s.P * s.Q; i += kThreads) {
        int n = i;
        int p = s.out_plane.split(n);
        const int q = s.out_columns.split(p);
        const int h = p * s.stride_h + r * s.dilation_h - s.top, v = q * s.stride_w + t * s.dilation_w - s.left;
        const bool inside = h >= 0 && h < s.H && v >= 0 && v < s.W;
        const float pixel = inside ? x[((static_cast<int64_t>(n) * s.C + c) * s.H + h) * s.W + v] : 0.0f;
        sum = fmaf(dy[((static_cast<int64_t>(n) * s.K + k) * s.P + p) * s.Q + q], pixel, sum);
    }
    sum = block_sum(sum);
    if (thread == 0) dw[blockIdx.x] = sum;
}

}  // namespace

void grouped_forward(const ConvSizes& s, const float* x, const float* w, const float* b, bool relu, float* y) {
    const int64_t count = static_cast<int64_t>(s.N) * s.K * s.P * s.Q;
    if (count > 0) launch(forward_kernel, blocks_for(count), kThreads, 0, current_stream(), s, x, w, b, relu, y);
}

void grouped_backward_input(const ConvSizes& s, const float* dy, const float* w, float* dx, const float* b) {
    const int64_t count = static_cast<int64_t>(s.N) * s.C * s.H * s.W;
    if (count > 0) launch(backward_input_kernel, blocks_for(count), kThreads, 0, current_stream(), s, dy, w, b, dx);
}

void grouped_backward_weight(const ConvSizes& s, const float* dy, const float* x, float* dw) {
    const int weights = s.K * s.group_inputs * s.R * s.S;
    launch(backward_weight_kernel, dim3(static_cast<unsigned>(weights)), kThreads, 0, current_stream(), s, dy, x, dw);
}

}  // namespace pycnn::cuda
