// Transposition between planes of a channel and channels of a pixel.
#pragma once

#include "cpu/isa/simd.hpp"
#include "cpu/kernel_table.hpp"

namespace pycnn {
namespace {

// A square of kLanes x kLanes in registers. Each round interleaves a row with the row half a square further on. In an element's row and
// lane number, read as one row of bits, this moves the first bit to the end: after log2(kLanes) rounds rows are lanes.
inline void transpose_square(Vec (&row)[kLanes]) {
#pragma GCC unroll 4
    for (int round = 1; round < kLanes; round *= 2) {
        Vec next[kLanes];
#pragma GCC unroll 8
        for (int i = 0; i < kLanes / 2; ++i) {
            next[2 * i] = interleave_low(row[i], row[i + kLanes / 2]);
            next[2 * i + 1] = interleave_high(row[i], row[i + kLanes / 2]);
        }
#pragma GCC unroll 16
        for (int i = 0; i < kLanes; ++i) row[i] = next[i];
    }
}

// A square costs kLanes * log2(kLanes) shuffles, 2 to 4 a lane, whatever part of it counts; a float alone costs one cycle.
constexpr int64_t kFewFloats = 3 * kLanes;

// target[j * target_pitch + i] = source[i * source_pitch + j] for i < rows, j < columns; no other memory is touched.
void transpose(int64_t rows, int64_t columns, const float* source, int64_t source_pitch, float* target, int64_t target_pitch) {
    for (int64_t i = 0; i < rows; i += kLanes) {
        const int64_t height = rows - i < kLanes ? rows - i : kLanes;
        for (int64_t j = 0; j < columns; j += kLanes) {
            const int64_t width = columns - j < kLanes ? columns - j : kLanes;
            const float* from = source + i * source_pitch + j;
            float* to = target + j * target_pitch + i;
            if (height * width <= kFewFloats) {
                for (int64_t t = 0; t < width; ++t)
                    for (int64_t u = 0; u < height; ++u) to[t * target_pitch + u] = from[u * source_pitch + t];
                continue;
            }
            Vec row[kLanes];
            if (height == kLanes && width == kLanes) {
#pragma GCC unroll 16
                for (int t = 0; t < kLanes; ++t) row[t] = load(from + t * source_pitch);
                transpose_square(row);
#pragma GCC unroll 16
                for (int t = 0; t < kLanes; ++t) store(to + t * target_pitch, row[t]);
            } else {
                for (int t = 0; t < kLanes; ++t) row[t] = t < height ? load_first(from + t * source_pitch, width) : Vec{};
                transpose_square(row);
                for (int64_t t = 0; t < width; ++t) store_first(to + t * target_pitch, row[t], height);
            }
        }
    }
}

constexpr void fill_transpose(KernelTable& table) { table.transpose = transpose; }

}  // namespace
}  // namespace pycnn
