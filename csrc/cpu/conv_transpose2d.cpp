#include "ops/conv_transpose2d.hpp"

#include "core/memory.hpp"
#include "ops/batch_norm2d.hpp"
#include "ops/conv2d.hpp"

namespace pycnn {

void conv_transpose2d(const ConvShape& s, const float* x, const float* w, const float* b, float* y) {
    conv2d_backward_input(s, x, w, y, b);
}

void conv_transpose2d_backward_input(const ConvShape& s, const float* dy, const float* w, float* dx) {
    conv2d(s, dy, w, nullptr, dx);
}

void conv_transpose2d_backward_weight(const ConvShape& s, const float* dy, const float* x, float* dw, float* db) {
    const Workspace<float> sums_of_x(s.K);  // the bias gradient of the convolution, which is not needed here
    conv2d_backward_weight(s, x, dy, dw, sums_of_x.data());
    channel_sums({s.N, s.C, s.H * s.W}, dy, db);
}

}  // namespace pycnn
