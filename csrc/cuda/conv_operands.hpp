// What the three passes of a convolution read and write as matrices. Letters are those of csrc/README.md. All numbers fit 32
// bits, which ConvSizes checks.
#pragma once

#include "cuda/gemm_operands.hpp"
#include "cuda/index.hpp"

namespace pycnn::cuda {

// A ConvShape in 32 bits, with the divisors that kernels need.
struct ConvSizes {
    int N, C, H, W, K, R, S, P, Q, groups, group_inputs, group_outputs;
    int stride_h, stride_w, dilation_h, dilation_w, top, left;
    Divider taps, tap_columns, out_plane, out_columns, in_plane, in_columns, steps_h, steps_w;

    explicit ConvSizes(const ConvShape& s);
};

// A of forward: filter m of the group, terms (c, r, s) as they lie in memory.
inline AlongDepth filter_rows(const ConvSizes& s, const float* w) {
    const int depth = s.group_inputs * s.R * s.S;
    return {w, s.group_outputs, depth, static_cast<int64_t>(s.group_outputs) * depth};
}

// A of backward-input: channel m of the group, terms (k, r, s).
struct FilterColumns {
    static constexpr bool kAlongDepth = true;
    ConvSizes s;
    const float* w;

    struct Place {
        const float* channel;
    };
    __device__ Place locate(int group, int c) const {
        const int64_t filter = static_cast<int64_t>(s.group_inputs) * s.R * s.S;
        return {c < s.group_inputs ? w + group * s.group_outputs * filter + static_cast<int64_t>(c) * s.R * s.S : nullptr};
    }
    __device__ void load(const Place& p, int k, int end, float (&out)[4]) const {
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            int filter = k + i;
            const int tap = s.taps.split(filter);
            out[i] = p.channel && k + i < end ? p.channel[filter * (s.group_inputs * s.R * s.S) + tap] : 0.0f;
        }
    }
};

// What four neighbouring pixels (n, row, column) are computed from: the first plane of their images, and a point in it, which
// is the first one of a window, or the last one of the gradients that meet the pixel. The row is far outside if there is no
// pixel.
struct FourPixels {
    int image[4], row[4], column[4];
};

// One axis of the map from computed pixels to the pixels that are read.
struct Axis {
    int step, shift, extent;

    __device__ int place(int i) const { return i * step + shift; }
};

// The planes that are read: of `channels` an image, from `first_channel` on.
struct Planes {
    Axis rows, columns;
    int channels, first_channel;
};

__device__ inline FourPixels locate_pixels(int pixel, int images, const Divider& by_plane, const Divider& by_columns,
                                           const Planes& planes) {
    FourPixels place;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
        int n = pixel + i;
        int row = by_plane.split(n);
        const int column = by_columns.split(row);
        const bool there = n < images;
        place.row[i] = there ? planes.rows.place(row) : -(1 << 30);
        place.column[i] = planes.columns.place(column);
        place.image[i] = there ? (n * planes.channels + planes.first_channel) * planes.rows.extent * planes.columns.extent : 0;
    }
    return place;
}

// 0 <= i < extent, in one comparison.
__device__ inline bool is_inside(int i, int extent) { return static_cast<unsigned>(i) < static_cast<unsigned>(extent); }

// B of forward: the patches, terms (c, r, s) by pixels (n, p, q).
struct Patches {
    static constexpr bool kAlongDepth = false;
    ConvSizes s;
    const float* x;

    using Place = FourPixels;
    __device__ Place locate(int group, int pixel) const {
        return locate_pixels(pixel, s.N, s.out_plane, s.out_columns,
                             {{s.stride_h, -s.top, s.H}, {s.stride_w, -s.left, s.W}, s.C, group * s.group_inputs});
    }
    __device__ void load(const Place& place, int k, int end, float (&out)[4]) const {
        int c = k;
        int r = s.taps.split(c);
        const int t = s.tap_columns.split(r);
        const int down = r * s.dilation_h, across = t * s.dilation_w, plane = c * s.H * s.W;
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            const int h = place.row[i] + down, w = place.column[i] + across;
            const bool inside = k < end && is_inside(h, s.H) && is_inside(w, s.W);
            out[i] = inside ? x[place.image[i] + plane + h * s.W + w] : 0.0f;
        }
    }
};

// B of backward-input: terms (k, r, s) by pixels (n, h, w) of dx: dy where a window's tap meets the pixel.
struct MeetingGradients {
    static constexpr bool kAlongDepth = false;
    ConvSizes s;
    const float* dy;

    using Place = FourPixels;
    __device__ Place locate(int group, int pixel) const {
        return locate_pixels(pixel, s.N, s.in_plane, s.in_columns,
                             {{1, s.top, s.P}, {1, s.left, s.Q}, s.K, group * s.group_outputs});
    }
    __device__ void load(const Place& place, int k, int end, float (&out)[4]) const {
        int filter = k;
        int r = s.taps.split(filter);
        const int t = s.tap_columns.split(r);
        const int down = r * s.dilation_h, across = t * s.dilation_w, plane = filter * s.P * s.Q;
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            int p = place.row[i] - down, q = place.column[i] - across;
            bool meets = k < end && p >= 0 && q >= 0;
            if (meets) meets = s.steps_h.split(p) == 0 && s.steps_w.split(q) == 0 && p < s.P && q < s.Q;
            out[i] = meets ? dy[place.image[i] + plane + p * s.Q + q] : 0.0f;
        }
    }
};

// A of backward-weight: the gradients of filter m, terms (n, p, q).
struct GradientRows {
    static constexpr bool kAlongDepth = true;
    ConvSizes s;
    const float* dy;

    struct Place {
        const float* filter;
    };
    __device__ Place locate(int group, int k) const {
        return {k < s.group_outputs ? dy + static_cast<int64_t>(group * s.group_outputs + k) * s.P * s.Q : nullptr};
    }
    __device__ void load(const Place& place, int k, int end, float (&out)[4]) const {
        const int plane = s.P * s.Q;
        if (place.filter && plane % 4 == 0 && k + 4 <= end) {  // four pixels of one image
            int n = k;
            const int pixel = s.out_plane.split(n);
            const float4 v = *reinterpret_cast<const float4*>(place.filter + n * s.K * plane + pixel);
            out[0] = v.x, out[1] = v.y, out[2] = v.z, out[3] = v.w;
            return;
        }
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            int n = k + i;
            const int pixel = s.out_plane.split(n);
            out[i] = place.filter && k + i < end ? place.filter[n * s.K * plane + pixel] : 0.0f;
        }
    }
};

// B of backward-weight: terms (n, p, q) by weights (c, r, s): the pixels that a tap meets.
struct MetPixels {
    static constexpr bool kAlongDepth = true;
    ConvSizes s;
    const float* x;

    struct Place {
        const float* channel;  // null outside
        int down, across;
    };
    __device__ Place locate(int group, int weight) const {
        int c = weight;
        int r = s.taps.split(c);
        const int t = s.tap_columns.split(r);
        const float* channel = x + (static_cast<int64_t>(group) * s.group_inputs + c) * s.H * s.W;
        return {c < s.group_inputs ? channel : nullptr, r * s.dilation_h - s.top, t * s.dilation_w - s.left};
    }
    __device__ void load(const Place& place, int k, int end, float (&out)[4]) const {
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            int n = k + i;
            int p = s.out_plane.split(n);
            const int q = s.out_columns.split(p);
            const int h = p * s.stride_h + place.down, w = q * s.stride_w + place.across;
            const bool inside = place.channel && k + i < end && h >= 0 && h < s.H && w >= 0 && w < s.W;
            out[i] = inside ? place.channel[n * s.C * s.H * s.W + h * s.W + w] : 0.0f;
        }
    }
};

// C of forward and backward-input: planes of images. Adds a number to each channel, and applies ReLU if wanted.
struct PlanesOfImages {
    float* data;
    int channels, group_channels, plane;
    Divider by_plane;
    const float* bias;  // or null
    bool relu = false;

    struct Place {
        float* pixel;
        const float* bias;
    };
    __device__ Place locate(int group, int, int column) const {
        int n = column;
        const int pixel = by_plane.split(n), first = group * group_channels;
        return {data + (static_cast<int64_t>(n) * channels + first) * plane + pixel, bias ? bias + first : nullptr};
    }
    __device__ void store(const Place& p, int row, float sum) const {
        const float y = p.bias ? sum + p.bias[row] : sum;
        p.pixel[static_cast<int64_t>(row) * plane] = relu ? rectified(y) : y;
    }
};

}  // namespace pycnn::cuda
