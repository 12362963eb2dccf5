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

// The compiler does not know that this is `value`.
inline int64_t opaque(int64_t value) {
    asm("" : "+r"(value));
    return value;
}

// The pitches are opaque, or the compiler steps two pointers for each row of a square, of which most lie in memory: a square of 16 x 16 then
// takes 1.3 to 1.7 times as long (AVX-512), one of 8 x 8 1.2 to 1.7 times (AVX2). Four rows have registers enough.
inline void transpose_whole(const float* source, int64_t source_pitch, float* target, int64_t target_pitch) {
    if constexpr (kLanes > 4) source_pitch = opaque(source_pitch), target_pitch = opaque(target_pitch);
    Vec row[kLanes];
#pragma GCC unroll 16
    for (int t = 0; t < kLanes; ++t) row[t] = load(source + t * source_pitch);
    transpose_square(row);
#pragma GCC unroll 16
    for (int t = 0; t < kLanes; ++t) store(target + t * target_pitch, row[t]);
}

inline void transpose_part(int64_t height, int64_t width, const float* source, int64_t source_pitch, float* target,
                           int64_t target_pitch) {
    Vec row[kLanes];
#pragma GCC unroll 16
    for (int t = 0; t < kLanes; ++t) row[t] = t < height ? load_first(source + t * source_pitch, width) : Vec{};
    transpose_square(row);
#pragma GCC unroll 16
    for (int t = 0; t < kLanes; ++t)
        if (t < width) store_first(target + t * target_pitch, row[t], height);
}

// A square costs kLanes * log2(kLanes) shuffles, 2 to 4 a lane, whatever part of it counts; a float alone costs one cycle.
constexpr int64_t kFewFloats = 3 * kLanes;

// target[j * target_pitch + i] = source[i * source_pitch + j] for i < rows, j < columns; no other memory is touched.
void transpose(int64_t rows, int64_t columns, const float* source, int64_t source_pitch, float* target, int64_t target_pitch) {
    const bool has_whole = rows >= kLanes && columns >= kLanes;
    for (int64_t i = 0; i < rows; i += kLanes) {
        const int64_t height = rows - i < kLanes ? rows - i : kLanes;
        for (int64_t j = 0; j < columns; j += kLanes) {
            const int64_t width = columns - j < kLanes ? columns - j : kLanes;
            const float* from = source + i * source_pitch + j;
            float* to = target + j * target_pitch + i;
            if (height * width <= kFewFloats) {
                for (int64_t t = 0; t < width; ++t)
                    for (int64_t u = 0; u < height; ++u) to[t * target_pitch + u] = from[u * source_pitch + t];
            } else if (has_whole) {
                // The last ones begin earlier, so that they are whole: they write the same floats once more.
                const int64_t up = kLanes - height, back = kLanes - width;
                transpose_whole(from - up * source_pitch - back, source_pitch, to - back * target_pitch - up, target_pitch);
            } else {
                transpose_part(height, width, from, source_pitch, to, target_pitch);
            }
        }
    }
}

constexpr void fill_transpose(KernelTable& table) { table.transpose = transpose; }

}  // namespace
}  // namespace pycnn
