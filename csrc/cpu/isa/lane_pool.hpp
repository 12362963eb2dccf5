// ReLU and max pooling of a row of adjacent windows, with lanes along the images of the batch: a pixel is two vectors
// (NR), and each lane looks for its own winner.
#pragma once

#include "cpu/isa/simd.hpp"
#include "cpu/kernel_table.hpp"

namespace pycnn {
namespace {

typedef uint8_t ByteVec __attribute__((vector_size(kLanes)));

// Like relu (isa/activation.hpp) followed by the general max pooling (isa/pool.hpp): of equal numbers the first stays, a later NaN
// replaces any number, and only another NaN replaces a NaN.
void lane_max_pool(int64_t height, int64_t width, int64_t outputs, const float* rows, int64_t row_pitch, float* y,
                   uint8_t* winners) {
    constexpr int64_t kPixel = kNRVectors * kLanes;
    for (int64_t q = 0; q < outputs; ++q)
        for (int64_t lane = 0; lane < kPixel; lane += kLanes) {
            Vec best = broadcast(-__builtin_inff());
            IntVec winner = {};
            for (int64_t r = 0; r < height; ++r)
                for (int64_t s = 0; s < width; ++s) {
                    const Vec x = load(rows + r * row_pitch + (q * width + s) * kPixel + lane);
                    const Vec rectified = x < 0.0f ? Vec{} : x;
                    const IntVec take = (rectified > best) | (rectified != rectified);
                    best = take ? rectified : best;
                    winner = take ? IntVec{} + static_cast<int32_t>(r * width + s) : winner;
                }
            store(y + q * kPixel + lane, best);
            winner = best <= 0.0f ? IntVec{} + 255 : winner;  // as in relu_backward
            const ByteVec bytes = __builtin_convertvector(winner, ByteVec);
            memcpy(winners + q * kPixel + lane, &bytes, sizeof bytes);
        }
}

void lane_max_pool_backward(int64_t height, int64_t width, int64_t outputs, const float* dy, const uint8_t* winners,
                            float* rows, int64_t row_pitch) {
    constexpr int64_t kPixel = kNRVectors * kLanes;
    for (int64_t q = 0; q < outputs; ++q)
        for (int64_t lane = 0; lane < kPixel; lane += kLanes) {
            ByteVec bytes;
            memcpy(&bytes, winners + q * kPixel + lane, sizeof bytes);
            const IntVec winner = __builtin_convertvector(bytes, IntVec);
            const Vec gradient = load(dy + q * kPixel + lane);
            for (int64_t r = 0; r < height; ++r)
                for (int64_t s = 0; s < width; ++s)
                    store(rows + r * row_pitch + (q * width + s) * kPixel + lane,
                          winner == static_cast<int32_t>(r * width + s) ? gradient : Vec{});
        }
}

// ReLU and the maximum of a window of four, like lane_max_pool. What is not above zero has no winner and is zero with the first one's sign; of
// the others ReLU changes none, so it comes last.
inline void pool_window(const Vec (&x)[4], float* y, uint8_t* winners) {
    Vec best = x[0];
    IntVec winner = {};
#pragma GCC unroll 3
    for (int i = 1; i < 4; ++i) {
        const IntVec take = (x[i] > best) | (x[i] != x[i]);
        best = take ? x[i] : best;
        winner = take ? IntVec{} + i : winner;
    }
    const IntVec none = best <= 0.0f;
    store(y, none ? (x[0] < 0.0f ? Vec{} : x[0]) : best);
    const ByteVec bytes = __builtin_convertvector(none ? IntVec{} + 255 : winner, ByteVec);
    memcpy(winners, &bytes, sizeof bytes);
}

// Four pixels of as many filters as registers hold: 6 * 4 sums, 4 pixels and a weight (of 16: 2 * 4 + 4 + 1). They are pooled where
// they are: neither the outputs nor their maxima go through memory, and four pixels share the loads of a weight.
constexpr int kWindowFilters = kMR > 6 ? 6 : 2;

template <int Filters>
void lane_windows(int64_t depth, const float* __restrict w, int64_t w_stride, const float* __restrict x,
                  const int64_t* __restrict offsets, int64_t row_pitch, const float* bias, float* y, uint8_t* winners,
                  int64_t y_pitch, int64_t winners_pitch) {
    constexpr int64_t kPixel = kNRVectors * kLanes;
    Vec sum[Filters][4] = {};
    for (int64_t k = 0; k < depth; ++k) {
        const float* first = x + offsets[k];
        const float* second = first + row_pitch;
        const Vec pixel[4] = {load(first), load(first + kPixel), load(second), load(second + kPixel)};
#pragma GCC unroll 6
        for (int i = 0; i < Filters; ++i) {
            const Vec weight = broadcast(w[i * w_stride + k]);
            for (int j = 0; j < 4; ++j) sum[i][j] += weight * pixel[j];
        }
    }
#pragma GCC unroll 6
    for (int i = 0; i < Filters; ++i) {
        const Vec start = broadcast(bias ? bias[i] : 0.0f);
        const Vec outputs[4] = {start + sum[i][0], start + sum[i][1], start + sum[i][2], start + sum[i][3]};
        pool_window(outputs, y + i * y_pitch, winners + i * winners_pitch);
    }
}

template <int Filters>
constexpr void fill_lane_windows(KernelTable& table) {
    table.lane_windows[Filters - 1] = lane_windows<Filters>;
    if constexpr (Filters > 1) fill_lane_windows<Filters - 1>(table);
}

constexpr void fill_lane_pool(KernelTable& table) {
    table.lane_max_pool = lane_max_pool;
    table.lane_max_pool_backward = lane_max_pool_backward;
    table.window_filters = kWindowFilters;
    fill_lane_windows<kWindowFilters>(table);
}

}  // namespace
}  // namespace pycnn
