// Affine maps of channels, and batch normalisation, float32 NCHW. Shapes are checked by the caller.
#pragma once

#include <cstdint>

namespace pycnn {

struct ChannelShape {
    int64_t N, C, plane;  // images, channels, elements of one channel of one image

    int64_t values() const { return N * plane; }  // of one channel
};

// y = x * scale[c] + shift[c].
void channel_affine(const ChannelShape& s, const float* x, const float* scale, const float* shift, float* y);
void channel_affine_backward(const ChannelShape& s, const float* dy, const float* x, const float* scale, float* dx,
                             float* dscale, float* dshift);

// What lies below `lower` becomes `lower`, and what lies above `upper` becomes `upper`; NaN passes. A limit that is NaN is none.
struct Limits {
    float lower, upper;
};

// Of a channel: y = (x - mean) * scale + shift.
struct AffineScalars {
    float mean, scale, shift;
};

// Of a channel's gradient: dx = dy * scale - (x - mean) * slope - offset.
struct BatchNormScalars {
    float mean, scale, slope, offset;
};

struct BatchStatistics {
    float *mean, *var, *inv_std;  // (C) each
};

void batch_norm2d_statistics(const ChannelShape& s, const float* x, double eps, const BatchStatistics& statistics);

// What follows the statistics: y = limits((x - mean) * inv_std * weight + bias + residual); weight, bias and residual may be null.
struct BatchNormTail {
    const float *weight, *bias, *residual;
    Limits limits;
};
void batch_norm2d_apply(const ChannelShape& s, const float* x, const float* mean, const float* inv_std,
                        const BatchNormTail& tail, float* y);

// Both, with the same bits.
void batch_norm2d(const ChannelShape& s, const float* x, double eps, const BatchNormTail& tail, float* y,
                  const BatchStatistics& statistics);

// Gradients through the statistics. The gradient of y counts where y lies between the limits of the tail; where nothing was added, `y`
// may be null, and is computed from x again: that costs less than to read it. `dresidual`, which may be null, receives what counts.
struct BatchNormGradients {
    float *dx, *dweight, *dbias, *dresidual;
};
void batch_norm2d_backward(const ChannelShape& s, const float* dy, const float* y, const float* x, const float* mean,
                           const float* inv_std, const BatchNormTail& tail, const BatchNormGradients& gradients);

// sums[c] = sum of x over images and pixels, as float.
void channel_sums(const ChannelShape& s, const float* x, float* sums);

}  // namespace pycnn
