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

// Of a channel's gradient: dx = dy * scale - (x - mean) * slope - offset.
struct BatchNormScalars {
    float mean, scale, slope, offset;
};

struct BatchStatistics {
    float *mean, *var, *inv_std;  // (C) each
};

// y = (x - mean) * inv_std * weight + bias; weight and bias may be null.
void batch_norm2d(const ChannelShape& s, const float* x, const float* weight, const float* bias, double eps, float* y,
                  const BatchStatistics& statistics);
void batch_norm2d_backward(const ChannelShape& s, const float* dy, const float* x, const float* weight, const float* mean,
                           const float* inv_std, float* dx, float* dweight, float* dbias);

// sums[c] = sum of x over images and pixels, as float.
void channel_sums(const ChannelShape& s, const float* x, float* sums);

}  // namespace pycnn
