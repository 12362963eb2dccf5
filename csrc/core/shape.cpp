#include "core/shape.hpp"

#include <algorithm>
#include <limits>

#include "core/error.hpp"

namespace pycnn {
namespace {

// Geometry numbers stay below 2^31, so that sums and products of two of them never overflow int64.
constexpr int64_t kMaxExtent = std::numeric_limits<int32_t>::max();

void check_extent(const char* op, const char* name, int64_t value, int64_t smallest) {
    if (value < smallest || value > kMaxExtent)
        fail_value(op, name, " must be between ", smallest, " and ", kMaxExtent, ", got ", value);
}

void check_pair(const char* op, const char* name, Pair pair, int64_t smallest) {
    check_extent(op, name, pair.h, smallest);
    check_extent(op, name, pair.w, smallest);
}

// The distance from a dilated filter's first to its last tap, plus one.
int64_t span(int64_t taps, int64_t dilation) { return (taps - 1) * dilation + 1; }

// 'same': out = ceil(in / stride); the missing elements are split evenly, with an odd one at the end.
void same_padding(int64_t in, int64_t taps, int64_t stride, int64_t dilation, int64_t& before, int64_t& after) {
    const int64_t out = (in + stride - 1) / stride;
    const int64_t total = std::max<int64_t>((out - 1) * stride + span(taps, dilation) - in, 0);
    before = total / 2;
    after = total - before;
}

// Padding and dilation can make a window skip a small input entirely; it then has no maximum.
bool has_empty_window(int64_t in, int64_t out, int64_t stride, int64_t pad, int64_t dilation) {
    if (dilation <= in) return false;
    for (int64_t p = 0; p < out && p * stride < pad; ++p)
        if ((p * stride - pad) % dilation + dilation >= in && (p * stride - pad) % dilation != 0) return true;
    return false;
}

int64_t pooled_extent(int64_t in, int64_t taps, int64_t stride, int64_t pad, int64_t dilation, bool ceil_mode) {
    const int64_t room = in + 2 * pad - span(taps, dilation) + (ceil_mode ? stride - 1 : 0);
    if (room < 0) return 0;
    int64_t out = room / stride + 1;
    if (ceil_mode && (out - 1) * stride >= in + pad) --out;
    return out;
}

}  // namespace

std::string to_string(const Shape& shape) {
    std::string out = "(";
    for (size_t i = 0; i < shape.size(); ++i) {
        out += (i ? ", " : "") + std::to_string(shape[i]);
    }
    return out + (shape.size() == 1 ? ",)" : ")");
}

int64_t element_count(const char* op, const Shape& shape) {
    int64_t count = 1;
    bool overflow = false, empty = false;
    for (int64_t extent : shape) {
        if (extent < 0) fail_value(op, "negative extent in shape ", to_string(shape));
        if (extent == 0) {
            empty = true;
        } else {
            overflow |= __builtin_mul_overflow(count, extent, &count);
        }
    }
    // A quarter of the address space in bytes, which leaves room for padded work areas.
    if (overflow || count > std::numeric_limits<int64_t>::max() / 16)
        fail_value(op, "array of shape ", to_string(shape), " does not fit the address space");
    return empty ? 0 : count;
}

void check_images(const char* op, const Shape& x) {
    if (x.size() != 4) fail_value(op, "x must have 4 dimensions (N, C, H, W), got ", to_string(x));
    check_extent(op, "batch size", x[0], 0);
    for (size_t i = 1; i < 4; ++i)
        if (x[i] < 1 || x[i] > kMaxExtent) fail_value(op, "x needs at least one channel, row and column, got ", to_string(x));
    element_count(op, x);
}

void check_pooled_images(const char* op, const Shape& x) {
    check_images(op, x);
    if (x[2] * x[3] > kMaxExtent) fail_value(op, "a plane of ", x[2], " x ", x[3], " has more than 2^31 - 1 elements");
}

ConvShape conv_shape(const char* op, const Shape& x, const Shape& w, Pair stride, const PaddingRule& padding, Pair dilation,
                     int64_t groups) {
    check_images(op, x);
    if (w.size() != 4) fail_value(op, "weight must have 4 dimensions (K, C / groups, R, S), got ", to_string(w));
    for (int64_t extent : w)
        if (extent < 1 || extent > kMaxExtent)
            fail_value(op, "weight needs at least one filter, channel, row and column, got ", to_string(w));
    element_count(op, w);
    check_pair(op, "stride", stride, 1);
    check_pair(op, "dilation", dilation, 1);
    check_extent(op, "groups", groups, 1);

    ConvShape s{};
    s.N = x[0], s.C = x[1], s.H = x[2], s.W = x[3];
    s.K = w[0], s.R = w[2], s.S = w[3];
    s.groups = groups, s.stride = stride, s.dilation = dilation;
    if (s.C % groups != 0 || s.K % groups != 0)
        fail_value(op, "groups=", groups, " must divide both the ", s.C, " input and the ", s.K,
                   " output channels (x: ", to_string(x), ", weight: ", to_string(w), ")");
    if (w[1] * groups != s.C)
        fail_value(op, "weight has ", w[1] * groups, " input channels, x has ", s.C, " (x: ", to_string(x),
                   ", weight: ", to_string(w), groups > 1 ? text(", groups=", groups) : "", ")");
    check_extent(op, "dilated filter height", span(s.R, dilation.h), 1);
    check_extent(op, "dilated filter width", span(s.S, dilation.w), 1);

    s.pad = padding.numbers;
    if (padding.kind == PaddingRule::Kind::same) {
        same_padding(s.H, s.R, stride.h, dilation.h, s.pad.top, s.pad.bottom);
        same_padding(s.W, s.S, stride.w, dilation.w, s.pad.left, s.pad.right);
    }
    for (int64_t p : {s.pad.top, s.pad.bottom, s.pad.left, s.pad.right}) check_extent(op, "padding", p, 0);
    const int64_t height = s.H + s.pad.top + s.pad.bottom, width = s.W + s.pad.left + s.pad.right;
    check_extent(op, "padded height", height, 1);
    check_extent(op, "padded width", width, 1);
    if (height < span(s.R, dilation.h) || width < span(s.S, dilation.w))
        fail_value(op, "filter spans ", span(s.R, dilation.h), " x ", span(s.S, dilation.w), ", the padded input is only ",
                   height, " x ", width, " (x: ", to_string(x), ", weight: ", to_string(w), ")");
    s.P = (height - span(s.R, dilation.h)) / stride.h + 1;
    s.Q = (width - span(s.S, dilation.w)) / stride.w + 1;
    // With a single output the stride has no effect: work areas must not be sized by it.
    if (s.P == 1) s.stride.h = 1;
    if (s.Q == 1) s.stride.w = 1;
    element_count(op, {s.N, s.K, s.P, s.Q});
    element_count(op, {s.C, height, width});
    return s;
}

ConvShape conv_transpose_shape(const char* op, const Shape& x, const Shape& w, Pair stride, Pair pad, Pair output_padding,
                               Pair dilation, int64_t groups) {
    check_images(op, x);
    if (w.size() != 4) fail_value(op, "weight must have 4 dimensions (C, K / groups, R, S), got ", to_string(w));
    for (int64_t extent : w)
        if (extent < 1 || extent > kMaxExtent)
            fail_value(op, "weight needs at least one channel, filter, row and column, got ", to_string(w));
    element_count(op, w);
    check_pair(op, "stride", stride, 1);
    check_pair(op, "padding", pad, 0);
    check_pair(op, "output_padding", output_padding, 0);
    check_pair(op, "dilation", dilation, 1);
    check_extent(op, "groups", groups, 1);
    if (w[0] != x[1])
        fail_value(op, "weight has ", w[0], " input channels, x has ", x[1], " (x: ", to_string(x), ", weight: ", to_string(w),
                   ")");
    if (x[1] % groups != 0) fail_value(op, "groups=", groups, " must divide the ", x[1], " input channels");
    check_extent(op, "output channels", w[1] * groups, 1);
    if (output_padding.h >= std::max(stride.h, dilation.h) || output_padding.w >= std::max(stride.w, dilation.w))
        fail_value(op, "output_padding must be less than the stride or the dilation, got (", output_padding.h, ", ",
                   output_padding.w, ")");

    ConvShape s{};
    s.N = x[0], s.K = x[1], s.P = x[2], s.Q = x[3];
    s.C = w[1] * groups, s.R = w[2], s.S = w[3];
    s.groups = groups, s.stride = stride, s.dilation = dilation;
    s.pad = {pad.h, pad.h, pad.w, pad.w};
    check_extent(op, "dilated filter height", span(s.R, dilation.h), 1);
    check_extent(op, "dilated filter width", span(s.S, dilation.w), 1);
    s.H = (s.P - 1) * stride.h + span(s.R, dilation.h) + output_padding.h - 2 * pad.h;
    s.W = (s.Q - 1) * stride.w + span(s.S, dilation.w) + output_padding.w - 2 * pad.w;
    if (s.H < 1 || s.W < 1)
        fail_value(op, "padding (", pad.h, ", ", pad.w, ") leaves no output: ", s.H, " x ", s.W, " (x: ", to_string(x),
                   ", weight: ", to_string(w), ")");
    const int64_t height = s.H + 2 * pad.h, width = s.W + 2 * pad.w;
    check_extent(op, "padded output height", height, 1);
    check_extent(op, "padded output width", width, 1);
    if (s.P == 1) s.stride.h = 1;  // as in conv_shape
    if (s.Q == 1) s.stride.w = 1;
    element_count(op, {s.N, s.C, s.H, s.W});
    element_count(op, {s.C, height, width});
    return s;
}

PoolShape pool_shape(const char* op, const Shape& x, Pair kernel, Pair stride, Pair pad, Pair dilation, bool ceil_mode) {
    check_pooled_images(op, x);
    check_pair(op, "kernel_size", kernel, 1);
    check_pair(op, "stride", stride, 1);
    check_pair(op, "padding", pad, 0);
    check_pair(op, "dilation", dilation, 1);
    if (pad.h > kernel.h / 2 || pad.w > kernel.w / 2)
        fail_value(op, "padding may be at most half of kernel_size, got padding (", pad.h, ", ", pad.w, ") with kernel_size (",
                   kernel.h, ", ", kernel.w, ")");
    PoolShape s{};
    s.N = x[0], s.C = x[1], s.H = x[2], s.W = x[3];
    s.kernel = kernel, s.stride = stride, s.pad = pad, s.dilation = dilation;
    check_extent(op, "dilated window height", span(kernel.h, dilation.h), 1);
    check_extent(op, "dilated window width", span(kernel.w, dilation.w), 1);
    s.P = pooled_extent(s.H, kernel.h, stride.h, pad.h, dilation.h, ceil_mode);
    s.Q = pooled_extent(s.W, kernel.w, stride.w, pad.w, dilation.w, ceil_mode);
    if (s.P < 1 || s.Q < 1)
        fail_value(op, "window of ", span(kernel.h, dilation.h), " x ", span(kernel.w, dilation.w),
                   " does not fit the padded input ", s.H + 2 * pad.h, " x ", s.W + 2 * pad.w, " (x: ", to_string(x), ")");
    // With a single output the stride has no effect: positions computed from it stay small.
    if (s.P == 1) s.stride.h = 1;
    if (s.Q == 1) s.stride.w = 1;
    if (has_empty_window(s.H, s.P, stride.h, pad.h, dilation.h) || has_empty_window(s.W, s.Q, stride.w, pad.w, dilation.w))
        fail_value(op, "a window lies wholly in the padding (x: ", to_string(x), ", padding (", pad.h, ", ", pad.w,
                   "), dilation (", dilation.h, ", ", dilation.w, "))");
    element_count(op, {s.N, s.C, s.P, s.Q});
    return s;
}

PooledConvShape pooled_conv_shape(const char* op, const ConvShape& conv, Pair window) {
    const PoolShape pool = pool_shape(op, {conv.N, conv.K, conv.P, conv.Q}, window, window, {0, 0}, {1, 1}, false);
    return {conv, window, pool.P, pool.Q};
}

ResizeShape adaptive_shape(const char* op, const Shape& x, Pair output_size) {
    check_pooled_images(op, x);
    check_pair(op, "output_size", output_size, 1);
    element_count(op, {x[0], x[1], output_size.h, output_size.w});
    return {x[0], x[1], x[2], x[3], output_size.h, output_size.w};
}

ResizeShape upsample_shape(const char* op, const Shape& x, Pair scale) {
    check_images(op, x);
    check_pair(op, "scale_factor", scale, 1);
    const ResizeShape s{x[0], x[1], x[2], x[3], x[2] * scale.h, x[3] * scale.w};
    check_extent(op, "output height", s.P, 1);
    check_extent(op, "output width", s.Q, 1);
    element_count(op, {s.N, s.C, s.P, s.Q});
    return s;
}

ResizeShape pad_shape(const char* op, const Shape& x, const Padding& pad) {
    check_images(op, x);
    for (int64_t side : {pad.top, pad.bottom, pad.left, pad.right}) check_extent(op, "padding", side, 0);
    const ResizeShape s{x[0], x[1], x[2], x[3], x[2] + pad.top + pad.bottom, x[3] + pad.left + pad.right};
    check_extent(op, "padded height", s.P, 1);
    check_extent(op, "padded width", s.Q, 1);
    element_count(op, {s.N, s.C, s.P, s.Q});
    return s;
}

}  // namespace pycnn
