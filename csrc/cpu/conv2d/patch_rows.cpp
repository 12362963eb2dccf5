#include "cpu/conv2d/patch_rows.hpp"

#include <algorithm>

#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "cpu/conv2d/batch_lanes.hpp"
#include "cpu/dispatch.hpp"
#include "ops/linear.hpp"

namespace pycnn {
namespace {

// The patches may take 32 MiB.
constexpr int64_t kMostFloats = 8 << 20;

// Up to so many output pixels, of all images together, the other algorithms take longer to pack the filters than to multiply them. A packed
// float costs one to three cycles (filters of 3 x 3 are no whole squares of lanes), a multiply-add of a pixel 1/16 (AVX2). Filters of one tap
// are packed three times faster. Measured with AVX2, 256 channels of 8 x 8 pixels: 0.7 times the time of `filter_lanes`; 512 of 4 x 4: 0.2
// to 0.5 times.
constexpr int64_t kFewPixels = 64, kFewPixelsOfOneTap = 16;
// With fewer weights than this, 128 KiB, packing them costs less than a few more tasks; with shorter sums, adding up the lanes of a dot
// product is too large a part.
constexpr int64_t kLeastWeights = 32 * 1024, kLeastDepth = 64;

// In a batch, the others read the packed filters anew for each image. Filters of 4 MiB come from L3 or memory then, and on planes of 16
// pixels a float of them serves for one cycle of multiply-adds (AVX2), or half of one: 512 channels of 8 x 8 with stride 2, 32 images, take
// 0.4 to 0.7 times the time in one product for all images.
constexpr int64_t kSmallPlane = 16, kManyWeights = 1 << 20;

// Channels that one task copies: few enough to balance some cores with one image.
constexpr int64_t kTaskChannels = 16;

int64_t pixels_of(const ConvShape& s) { return s.N * s.P * s.Q; }

LinearShape linear_shape(const ConvShape& s) { return {pixels_of(s), s.C * s.R * s.S, s.K}; }

// The taps [begin, end) that lie inside an axis of `size` inputs, the first tap being at `first`.
struct InsideTaps {
    int64_t begin, end;

    InsideTaps(int64_t first, int64_t taps, int64_t dilation, int64_t size)
        : begin(first < 0 ? std::min(ceil_div(-first, dilation), taps) : 0),
          end(std::clamp(first < size ? ceil_div(size - first, dilation) : 0, begin, taps)) {}
};

// Calls use(c, r, at, first, last) for each channel [c0, c1), each tap row r that pixel (p, q) sees, and its taps [first, last): tap t is at
// `at` + t * dilation in the image.
template <class F>
void for_tap_rows(const ConvShape& s, int64_t p, int64_t q, int64_t c0, int64_t c1, F&& use) {
    const int64_t top = p * s.stride.h - s.pad.top, left = q * s.stride.w - s.pad.left;
    const InsideTaps rows(top, s.R, s.dilation.h, s.H), columns(left, s.S, s.dilation.w, s.W);
    for (int64_t c = c0; c < c1; ++c)
        for (int64_t r = rows.begin; r < rows.end; ++r)
            use(c, r, (c * s.H + top + r * s.dilation.h) * s.W + left, columns.begin, columns.end);
}

// Calls body(n, c0, c1, row) for each image and some of its channels; `row` is the row of the image's first pixel.
template <class F>
void for_image_channels(const ConvShape& s, F&& body) {
    const int64_t blocks = ceil_div(s.C, kTaskChannels);
    parallel_ranges(s.N * blocks, 1, static_cast<double>(s.P * s.Q * s.R * s.S * std::min(kTaskChannels, s.C)),
                    [&](int64_t begin, int64_t) {
                        const int64_t n = begin / blocks, c0 = begin % blocks * kTaskChannels;
                        body(n, c0, std::min(c0 + kTaskChannels, s.C), n * s.P * s.Q);
                    });
}

// x as rows of patches, [pixel][c, r, s], with zeros for the padding.
Workspace<float> patches_of(const ConvShape& s, const float* x) {
    const int64_t taps = s.R * s.S, depth = s.C * taps;
    Workspace<float> patches(pixels_of(s) * depth);
    for_image_channels(s, [&](int64_t n, int64_t c0, int64_t c1, int64_t row) {
        const float* image = x + n * s.C * s.H * s.W;
        for (int64_t p = 0; p < s.P; ++p)
            for (int64_t q = 0; q < s.Q; ++q, ++row) {
                float* patch = patches.data() + row * depth;
                std::fill(patch + c0 * taps, patch + c1 * taps, 0.0f);
                for_tap_rows(s, p, q, c0, c1, [&](int64_t c, int64_t r, int64_t at, int64_t first, int64_t last) {
                    for (int64_t t = first; t < last; ++t) patch[(c * s.R + r) * s.S + t] = image[at + t * s.dilation.w];
                });
            }
    });
    return patches;
}

// Images of planes as rows, [pixel][channel], and back.
Workspace<float> rows_of_planes(int64_t N, int64_t channels, int64_t plane, const float* planes) {
    Workspace<float> rows(N * channels * plane);
    const KernelTable& table = kernels();
    parallel_ranges(N, 1, static_cast<double>(channels * plane), [&](int64_t n, int64_t) {
        table.transpose(channels, plane, planes + n * channels * plane, plane, rows.data() + n * channels * plane, channels);
    });
    return rows;
}

void planes_of_rows(int64_t N, int64_t channels, int64_t plane, const float* rows, float* planes) {
    const KernelTable& table = kernels();
    parallel_ranges(N, 1, static_cast<double>(channels * plane), [&](int64_t n, int64_t) {
        table.transpose(plane, channels, rows + n * channels * plane, channels, planes + n * channels * plane, plane);
    });
}

}  // namespace

bool takes_patch_rows(ConvPass, const ConvShape& s) { return s.groups == 1 && pixels_of(s) * s.C * s.R * s.S <= kMostFloats; }

bool suits_patch_rows(ConvPass pass, const ConvShape& s) {
    const int64_t taps = s.R * s.S;
    if (suits_batch_lanes_best(pass, s)) return false;
    if (s.P * s.Q <= kSmallPlane && s.weights() >= kManyWeights) return true;
    return pixels_of(s) <= (taps == 1 ? kFewPixelsOfOneTap : kFewPixels) && s.weights() >= kLeastWeights &&
           s.C * taps >= kLeastDepth;
}

void conv2d_patch_rows(const ConvShape& s, const float* x, const float* w, const float* b, float* y) {
    const Workspace<float> patches = patches_of(s, x), rows(pixels_of(s) * s.K);
    linear(linear_shape(s), patches.data(), w, b, rows.data());
    planes_of_rows(s.N, s.K, s.P * s.Q, rows.data(), y);
}

// The gradients of the patches are added up where the patches came from, pixel by pixel.
void conv2d_patch_rows_backward_input(const ConvShape& s, const float* dy, const float* w, float* dx, const float* b) {
    const int64_t depth = s.C * s.R * s.S, plane = s.H * s.W;
    const Workspace<float> rows = rows_of_planes(s.N, s.K, s.P * s.Q, dy), patches(pixels_of(s) * depth);
    linear_backward_input(linear_shape(s), rows.data(), w, patches.data());
    for_image_channels(s, [&](int64_t n, int64_t c0, int64_t c1, int64_t row) {
        float* image = dx + n * s.C * plane;
        for (int64_t c = c0; c < c1; ++c) std::fill_n(image + c * plane, plane, b ? b[c] : 0.0f);
        for (int64_t p = 0; p < s.P; ++p)
            for (int64_t q = 0; q < s.Q; ++q, ++row) {
                const float* patch = patches.data() + row * depth;
                for_tap_rows(s, p, q, c0, c1, [&](int64_t c, int64_t r, int64_t at, int64_t first, int64_t last) {
                    for (int64_t t = first; t < last; ++t) image[at + t * s.dilation.w] += patch[(c * s.R + r) * s.S + t];
                });
            }
    });
}

void conv2d_patch_rows_backward_weight(const ConvShape& s, const float* dy, const float* x, float* dw, float* db) {
    const Workspace<float> rows = rows_of_planes(s.N, s.K, s.P * s.Q, dy), patches = patches_of(s, x);
    linear_backward_weight(linear_shape(s), rows.data(), patches.data(), dw, db);
}

}  // namespace pycnn
