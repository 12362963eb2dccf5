// Depthwise convolutions, pooling and elementwise steps of images whose channels lie side by side (NHWC). Lanes run along the channels, so
// strides, short rows and windows of any shape cost nothing. Pixels are padded to whole vectors; what the padding holds is never used.
#pragma once

#include "cpu/isa/pixel_tile.hpp"
#include "cpu/isa/simd.hpp"
#include "cpu/kernel_table.hpp"

namespace pycnn {
namespace {

constexpr int kDepthwisePixels = 4;  // of a tile: with two vectors of channels eight chains hide the latency of a multiply-add

template <int Pixels, int Vectors>
inline void depthwise_tile(const PixelTaps& f, int64_t c, const float* x, int64_t x_stride, const PixelEnd& end, int64_t first,
                           float* y, int64_t y_stride) {
    Vec sum[Pixels][Vectors];
    for (int v = 0; v < Vectors; ++v) {
        const Vec bias = load(f.bias + c + v * kLanes);
        for (int i = 0; i < Pixels; ++i) sum[i][v] = bias;
    }
    for (int64_t t = 0; t < f.taps; ++t) {
        const float* pixel = x + f.x_offsets[t] + c;
        Vec w[Vectors];
        for (int v = 0; v < Vectors; ++v) w[v] = load(f.w + f.w_offsets[t] + c + v * kLanes);
#pragma GCC unroll 4
        for (int i = 0; i < Pixels; ++i)
            for (int v = 0; v < Vectors; ++v) sum[i][v] += w[v] * load(pixel + i * x_stride + v * kLanes);
    }
    const Vec lower = broadcast(end.lower), upper = broadcast(end.upper);
    for (int i = 0; i < Pixels; ++i)
        for (int v = 0; v < Vectors; ++v) {
            const int64_t at = c + v * kLanes;
            if (end.residual) sum[i][v] += load(end.residual + (first + i) * end.residual_pitch + at);
            store(y + i * y_stride + at, clamped(sum[i][v], lower, upper));
        }
}

template <int Vectors>
inline void depthwise_channels(int64_t pixels, const PixelTaps& f, int64_t c, const float* x, int64_t x_stride,
                               const PixelEnd& end, float* y, int64_t y_stride) {
    int64_t i = 0;
    for (; i + kDepthwisePixels <= pixels; i += kDepthwisePixels)
        depthwise_tile<kDepthwisePixels, Vectors>(f, c, x + i * x_stride, x_stride, end, i, y + i * y_stride, y_stride);
    for (; i < pixels; ++i) depthwise_tile<1, Vectors>(f, c, x + i * x_stride, x_stride, end, i, y + i * y_stride, y_stride);
}

void pixel_depthwise(int64_t pixels, int64_t vectors, const PixelTaps& f, const float* x, int64_t x_stride, const PixelEnd& end,
                     float* y, int64_t y_stride) {
    int64_t v = 0;
    for (; v + 2 <= vectors; v += 2) depthwise_channels<2>(pixels, f, v * kLanes, x, x_stride, end, y, y_stride);
    if (v < vectors) depthwise_channels<1>(pixels, f, v * kLanes, x, x_stride, end, y, y_stride);
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
