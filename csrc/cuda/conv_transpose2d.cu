// Transposed convolution: the passes of a convolution, the other way round.
#include "cpu/conv2d.hpp"
#include "cpu/conv_transpose2d.hpp"
#include "cuda/index.hpp"
#include "cuda/sum_in_double.hpp"

namespace pycnn {
namespace cuda {
namespace {

// Numbers of one channel, over images and pixels.
struct ChannelNumbers {
    const float* x;
    int64_t channels;
    Divider plane;

    __device__ double operator()(int64_t channel, int64_t i) const {
        int n = static_cast<int>(i);
        const int pixel = plane.split(n);
        return x[(n * channels + channel) * plane.divisor + pixel];
    }
};

}  // namespace
}  // namespace cuda

void conv_transpose2d(const ConvShape& s, const float* x, const float* w, const float* b, float* y) {
    conv2d_backward_input(s, x, w, y, b);
}

void conv_transpose2d_backward_input(const ConvShape& s, const float* dy, const float* w, float* dx) {
    conv2d(s, dy, w, nullptr, dx);
}

void conv_transpose2d_backward_weight(const ConvShape& s, const float* dy, const float* x, float* dw, float* db) {
    using namespace cuda;
    const Workspace<float> sums_of_x(s.K);  // the bias gradient of the convolution, which has no use here
    conv2d_backward_weight(s, x, dy, dw, sums_of_x.data());
    sum_in_double<double>(s.C, s.N * s.H * s.W, ChannelNumbers{dy, s.C, Divider(s.H * s.W)}, db);
}

}  // namespace pycnn
