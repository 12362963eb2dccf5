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

constexpr void fill_lane_pool(KernelTable& table) {
    table.lane_max_pool = lane_max_pool;
    table.lane_max_pool_backward = lane_max_pool_backward;
}

}  // namespace
}  // namespace pycnn
