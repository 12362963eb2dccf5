// 2-D convolution and its gradients as implicit matrix products (gemm.hpp): patches are read where they lie.
#include "core/error.hpp"
#include "cuda/conv2d_grouped.hpp"
#include "cuda/conv_operands.hpp"
#include "cuda/gemm.hpp"
#include "cuda/reduce.hpp"
#include "ops/conv2d.hpp"

namespace pycnn {
namespace cuda {

ConvSizes::ConvSizes(const ConvShape& s)
    : taps(s.R * s.S),
      tap_columns(s.S),
      out_plane(s.P * s.Q),
      out_columns(s.Q),
      in_plane(s.H * s.W),
      in_columns(s.W),
      steps_h(s.stride.h),
      steps_w(s.stride.w) {
    constexpr int64_t kMost = (int64_t{1} << 30) - 1;  // so that the sum of two fits 32 bits as well
    for (int64_t size : {s.N * s.C * s.H * s.W, s.N * s.K * s.P * s.Q, s.weights(), s.H + s.pad.top + s.pad.bottom,
                         s.W + s.pad.left + s.pad.right, s.R * s.dilation.h, s.S * s.dilation.w})
        if (size > kMost)
            fail_value(s.op, "arrays of 2^30 elements and more are too large for CUDA: x (", s.N, ", ", s.C, ", ", s.H, ", ",
                       s.W, "), weight (", s.K, ", ", s.group_inputs(), ", ", s.R, ", ", s.S, ")");
    const auto number = [](int64_t n) { return static_cast<int>(n); };
    N = number(s.N), C = number(s.C), H = number(s.H), W = number(s.W), K = number(s.K), R = number(s.R), S = number(s.S);
    P = number(s.P), Q = number(s.Q), groups = number(s.groups);
    group_inputs = number(s.group_inputs()), group_outputs = number(s.group_outputs());
    stride_h = number(s.stride.h), stride_w = number(s.stride.w);
    dilation_h = number(s.dilation.h), dilation_w = number(s.dilation.w);
    top = number(s.pad.top), left = number(s.pad.left);
}

namespace {

void forward(const ConvShape& shape, const float* x, const float* w, const float* b, bool relu, float* y) {
    const ConvSizes s(shape);
    if (has_small_groups(s)) return grouped_forward(s, x, w, b, relu, y);
    gemm(in_one_slice(shape.op, s.groups, s.group_outputs, shape.N * shape.P * shape.Q, s.group_inputs * shape.R * shape.S),
         filter_rows(s, w), Patches{s, x}, PlanesOfImages{y, s.K, s.group_outputs, s.P * s.Q, s.out_plane, b, relu});
}

}  // namespace
}  // namespace cuda

void conv2d(const ConvShape& s, const float* x, const float* w, const float* b, float* y) {
    cuda::forward(s, x, w, b, false, y);
}

void conv2d_relu(const ConvShape& s, const float* x, const float* w, const float* b, float* y) {
    cuda::forward(s, x, w, b, true, y);
}

void conv2d_backward_input(const ConvShape& shape, const float* dy, const float* w, float* dx, const float* b) {
    using namespace cuda;
    const ConvSizes s(shape);
    if (has_small_groups(s)) return grouped_backward_input(s, dy, w, dx, b);
    gemm(in_one_slice(shape.op, s.groups, s.group_inputs, shape.N * shape.H * shape.W, s.group_outputs * shape.R * shape.S),
         FilterColumns{s, w}, MeetingGradients{s, dy}, PlanesOfImages{dx, s.C, s.group_inputs, s.H * s.W, s.in_plane, b});
}

void conv2d_backward_weight(const ConvShape& shape, const float* dy, const float* x, float* dw, float* db) {
    using namespace cuda;
    const ConvSizes s(shape);
    channel_totals(shape.op, shape.N, shape.K, shape.P * shape.Q, dy, db);
    if (has_small_groups(s)) return grouped_backward_weight(s, dy, x, dw);
    const GemmShape g =
        with_slices(shape.op, s.groups, s.group_outputs, s.group_inputs * shape.R * shape.S, shape.N * shape.P * shape.Q);
    const Workspace<float> parts(g.slices > 1 ? g.slices * shape.weights() : 0);
    gemm(g, GradientRows{s, dy}, MetPixels{s, x}, RowMajor{g.slices > 1 ? parts.data() : dw, g.groups, g.rows, g.columns});
    if (g.slices > 1) add_slices(shape.weights(), g.slices, parts.data(), dw);
}

}  // namespace pycnn
