// Depthwise convolutions, pooling and elementwise steps of images whose channels lie side by side (NHWC). Lanes run along the channels, so
// strides, short rows and windows of any shape cost nothing. Pixels are padded to whole vectors; what the padding holds is never used.
#pragma once

#include "cpu/isa/pixel_tile.hpp"
#include "cpu/isa/simd.hpp"
#include "cpu/kernel_table.hpp"

namespace pycnn {
namespace {

constexpr int kDepthwisePixels = 4;  // of a tile: the chains of the next vectors fill the time that an addition takes
constexpr int64_t kDepthwiseVectors =
    8;  // of channels, for which a row's tiles take turns: their weights, 9 x 512 bytes, stay in L1

// The sums of a tile, tap by tap.
template <int Pixels, int Vectors>
inline void add_taps(const PixelTaps& f, int64_t c, const float* x, int64_t x_stride, Vec (&sum)[Pixels][Vectors]) {
    for (int64_t t = 0; t < f.taps; ++t) {
        const float* pixel = x + f.x_offsets[t] + c;
        Vec w[Vectors];
        for (int v = 0; v < Vectors; ++v) w[v] = load(f.w + f.w_offsets[t] + c + v * kLanes);
#pragma GCC unroll 4
        for (int i = 0; i < Pixels; ++i)
            for (int v = 0; v < Vectors; ++v) sum[i][v] += w[v] * load(pixel + i * x_stride + v * kLanes);
    }
}

// The same for windows of three columns that overlap: `Step` columns lie between two pixels, and each column is loaded once.
template <int Pixels, int Step>
inline void add_rows_of_three(const PixelTaps& f, int64_t c, const float* x, Vec (&sum)[Pixels][1]) {
    constexpr int kColumns = (Pixels - 1) * Step + 3;
    const int64_t pitch = f.x_offsets[1] - f.x_offsets[0];
    for (int64_t t = 0; t < f.taps; t += 3) {
        const float* row = x + f.x_offsets[t] + c;
        Vec columns[kColumns];
#pragma GCC unroll 9
        for (int j = 0; j < kColumns; ++j) columns[j] = load(row + j * pitch);
#pragma GCC unroll 3
        for (int s = 0; s < 3; ++s) {
            const Vec w = load(f.w + f.w_offsets[t + s] + c);
#pragma GCC unroll 4
            for (int i = 0; i < Pixels; ++i) sum[i][0] += w * columns[i * Step + s];
        }
    }
}

template <int Pixels, int Step, int Vectors>
inline void depthwise_sums(int64_t c, const PixelTaps& f, const float* x, int64_t x_stride, const PixelEnd& end, int64_t first,
                           float* y, int64_t y_stride) {
    Vec sum[Pixels][Vectors];
    for (int i = 0; i < Pixels; ++i)
        for (int v = 0; v < Vectors; ++v) sum[i][v] = load(f.bias + c + v * kLanes);
    if constexpr (Step > 0) {
        add_rows_of_three<Pixels, Step>(f, c, x, sum);
    } else {
        add_taps<Pixels, Vectors>(f, c, x, x_stride, sum);
    }
    const Vec lower = broadcast(end.lower), upper = broadcast(end.upper);
    for (int i = 0; i < Pixels; ++i)
        for (int v = 0; v < Vectors; ++v) {
            const int64_t at = c + v * kLanes;
            if (end.residual) sum[i][v] += load(end.residual + (first + i) * end.residual_pitch + at);
            store(y + i * y_stride + at, clamped(sum[i][v], lower, upper));
        }
}

// Step is 0 where windows are not rows of three that overlap: two vectors then share the offsets of a tap.
template <int Pixels, int Step>
inline void depthwise_tile(int64_t first_vector, int64_t last_vector, const PixelTaps& f, const float* x, int64_t x_stride,
                           const PixelEnd& end, int64_t first, float* y, int64_t y_stride) {
    constexpr int kVectors = Step > 0 ? 1 : 2;
    int64_t v = first_vector;
    for (; v + kVectors <= last_vector; v += kVectors)
        depthwise_sums<Pixels, Step, kVectors>(v * kLanes, f, x, x_stride, end, first, y, y_stride);
    if (v < last_vector) depthwise_sums<Pixels, Step, 1>(v * kLanes, f, x, x_stride, end, first, y, y_stride);
}

template <int Step>
inline void depthwise_row(int64_t pixels, int64_t vectors, const PixelTaps& f, const float* x, int64_t x_stride,
                          const PixelEnd& end, float* y, int64_t y_stride) {
    for (int64_t v = 0; v < vectors; v += kDepthwiseVectors) {
        const int64_t last = v + kDepthwiseVectors < vectors ? v + kDepthwiseVectors : vectors;
        int64_t i = 0;
        for (; i + kDepthwisePixels <= pixels; i += kDepthwisePixels)
            depthwise_tile<kDepthwisePixels, Step>(v, last, f, x + i * x_stride, x_stride, end, i, y + i * y_stride, y_stride);
        if (i + 2 <= pixels) {
            depthwise_tile<2, Step>(v, last, f, x + i * x_stride, x_stride, end, i, y + i * y_stride, y_stride);
            i += 2;
        }
        if (i < pixels) depthwise_tile<1, 0>(v, last, f, x + i * x_stride, x_stride, end, i, y + i * y_stride, y_stride);
    }
}

// Columns between the windows of two pixels, if these are rows of three taps and overlap; otherwise 0.
inline int overlapping_step(const PixelTaps& f, int64_t x_stride) {
    if (f.taps == 0 || f.taps % 3 != 0) return 0;
    const int64_t pitch = f.x_offsets[1] - f.x_offsets[0];
    for (int64_t t = 0; t < f.taps; t += 3)
        if (f.x_offsets[t + 1] - f.x_offsets[t] != pitch || f.x_offsets[t + 2] - f.x_offsets[t + 1] != pitch) return 0;
    return x_stride == pitch ? 1 : x_stride == 2 * pitch ? 2 : 0;
}

void pixel_depthwise(int64_t pixels, int64_t vectors, const PixelTaps& f, const float* x, int64_t x_stride, const PixelEnd& end,
                     float* y, int64_t y_stride) {
    switch (pixels > 1 ? overlapping_step(f, x_stride) : 0) {
        case 1:
            return depthwise_row<1>(pixels, vectors, f, x, x_stride, end, y, y_stride);
        case 2:
            return depthwise_row<2>(pixels, vectors, f, x, x_stride, end, y, y_stride);
        default:
            return depthwise_row<0>(pixels, vectors, f, x, x_stride, end, y, y_stride);
    }
}

// NaN wins.
void pixel_max(int64_t pixels, int64_t vectors, const PixelWindow& window, const float* x, int64_t step, float* y,
               int64_t y_pitch) {
    for (int64_t q = 0; q < pixels; ++q, x += step, y += y_pitch)
        for (int64_t c = 0; c < vectors * kLanes; c += kLanes) {
            Vec largest = load(x + c);
            for (int64_t i = 0; i < window.rows; ++i)
                for (int64_t j = 0; j < window.columns; ++j) {
                    const Vec other = load(x + i * window.row_step + j * window.column_step + c);
                    largest = other <= largest ? largest : (largest == largest ? other : largest);
                }
            store(y + c, largest);
        }
}

// Row by row, so that a sum has no more roundings than a window has rows and columns.
void pixel_mean(int64_t vectors, const PixelWindow& window, float divisor, const float* x, float* y) {
    for (int64_t c = 0; c < vectors * kLanes; c += kLanes) {
        Vec total = {};
        for (int64_t i = 0; i < window.rows; ++i) {
            Vec row = {};
            for (int64_t j = 0; j < window.columns; ++j) row += load(x + i * window.row_step + j * window.column_step + c);
            total += row;
        }
        store(y + c, total / broadcast(divisor));
    }
}

void clamp(int64_t count, const float* x, const float* residual, float lower, float upper, float* y) {
    const Vec low = broadcast(lower), high = broadcast(upper);
    int64_t i = 0;
    for (; i + kLanes <= count; i += kLanes) {
        const Vec v = residual ? load(x + i) + load(residual + i) : load(x + i);
        store(y + i, clamped(v, low, high));
    }
    if (i < count) {
        Vec v = load_first(x + i, count - i);
        if (residual) v += load_first(residual + i, count - i);
        store_first(y + i, clamped(v, low, high), count - i);
    }
}

void pixel_affine(int64_t pixels, int64_t vectors, const float* x, int64_t x_pitch, const float* scale, const float* shift,
                  float lower, float upper, float* y, int64_t y_pitch) {
    const Vec low = broadcast(lower), high = broadcast(upper);
    for (int64_t i = 0; i < pixels; ++i)
        for (int64_t c = 0; c < vectors * kLanes; c += kLanes) {
            const Vec v = load(x + i * x_pitch + c) * load(scale + c) + (shift ? load(shift + c) : Vec{});
            store(y + i * y_pitch + c, clamped(v, low, high));
        }
}

constexpr void fill_nhwc(KernelTable& table) {
    table.pixel_depthwise = pixel_depthwise;
    table.pixel_max = pixel_max;
    table.pixel_mean = pixel_mean;
    table.clamp = clamp;
    table.pixel_affine = pixel_affine;
}

}  // namespace
}  // namespace pycnn
