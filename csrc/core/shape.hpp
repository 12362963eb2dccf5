// Shapes and output-size arithmetic: one struct per op, built by one checked function.
// Names: N images, C input channels, H x W input plane, K output channels, R x S filter, P x Q output plane.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace pycnn {

using Shape = std::vector<int64_t>;

std::string to_string(const Shape& shape);

struct Pair {
    int64_t h = 1, w = 1;
};

struct Padding {
    int64_t top = 0, bottom = 0, left = 0, right = 0;
};

// Padding as the user writes it: numbers, or a rule that needs the input size.
struct PaddingRule {
    enum class Kind { numbers, same } kind = Kind::numbers;
    Padding numbers;
};

struct ConvShape {
    int64_t N, C, H, W;  // x: (N, C, H, W)
    int64_t K, R, S;     // w: (K, C / groups, R, S)
    int64_t P, Q;        // y: (N, K, P, Q)
    int64_t groups;
    Pair stride, dilation;
    Padding pad;
    const char* op;  // the one that asks, for errors of the CUDA back-end: what it cannot compute, other back-ends may

    int64_t group_inputs() const { return C / groups; }
    int64_t group_outputs() const { return K / groups; }
    int64_t weights() const { return K * group_inputs() * R * S; }
};

struct PoolShape {
    int64_t N, C, H, W;  // x: (N, C, H, W)
    int64_t P, Q;        // y: (N, C, P, Q)
    Pair kernel, stride, pad, dilation;
};

// A convolution whose output (conv.N, conv.K, conv.P, conv.Q) goes through ReLU and max pooling in adjacent windows.
struct PooledConvShape {
    ConvShape conv;
    Pair window;
    int64_t P, Q;  // y: (N, K, P, Q)
};

// Planes of one size that become planes of another: adaptive pooling, upsampling, padding.
struct ResizeShape {
    int64_t N, C, H, W;  // x: (N, C, H, W)
    int64_t P, Q;        // y: (N, C, P, Q)
};

constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// ValueError unless `x` is (N, C, H, W) with C, H, W >= 1 and fits the address space.
void check_images(const char* op, const Shape& x);

// Checks also that a plane's positions fit the int32 indices of pooling.
void check_pooled_images(const char* op, const Shape& x);

// Product of the dimensions; ValueError if it does not fit the address space.
int64_t element_count(const char* op, const Shape& shape);

// Checks x against w and the geometry, and computes P and Q. `x` and `w` must have rank 4.
ConvShape conv_shape(const char* op, const Shape& x, const Shape& w, Pair stride, const PaddingRule& padding, Pair dilation,
                     int64_t groups);

// The convolution whose transpose is wanted: x (N, K, P, Q) is its output, and y (N, C, H, W) its input, where
// H = (P - 1) * stride - 2 * pad + dilation * (R - 1) + 1 + output_padding; w is (K, C / groups, R, S).
ConvShape conv_transpose_shape(const char* op, const Shape& x, const Shape& w, Pair stride, Pair pad, Pair output_padding,
                               Pair dilation, int64_t groups);

// PyTorch's pooling arithmetic: pad <= kernel / 2, and with `ceil_mode` a last window that would start in the right
// (bottom) padding is dropped.
PoolShape pool_shape(const char* op, const Shape& x, Pair kernel, Pair stride, Pair pad, Pair dilation, bool ceil_mode);

// A window must fit the convolution's output, whose positions must fit the int32 indices of pooling; outputs that do not fill a window
// are left out.
PooledConvShape pooled_conv_shape(const char* op, const ConvShape& conv, Pair window);

// Outputs of a given size; positions in a plane of x must fit the int32 indices of pooling.
ResizeShape adaptive_shape(const char* op, const Shape& x, Pair output_size);

// Outputs `scale` times as large, and outputs with `pad` around x.
ResizeShape upsample_shape(const char* op, const Shape& x, Pair scale);
ResizeShape pad_shape(const char* op, const Shape& x, const Padding& pad);

}  // namespace pycnn
