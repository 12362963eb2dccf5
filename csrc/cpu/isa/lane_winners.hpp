// Gradients of a convolution whose outputs went through ReLU and max pooling by windows of 2 x 2, with lanes along the images of the batch.
//
// Of the four outputs of a window one has a gradient, in each lane another one. Of two neighbours in a row at most one counts, so a blend of
// what they would be multiplied by and one multiply-add take the place of two multiply-adds, and lanes whose winner lies in the other row
// are masked. Zen 4 does one multiply-add of 512 bits a cycle and a blend beside it: LeNet-5's first convolution takes 45 us for 32 images,
// the products of all outputs 84 us, and no less than 64 us were possible. Blends by vectors, which AVX2, SSE and NEON have, use the units
// of the multiply-adds, so that nothing is gained there.
#pragma once

#include "cpu/isa/simd.hpp"
#include "cpu/kernel_table.hpp"

namespace pycnn {
namespace {

#if defined(__AVX512F__)

constexpr int64_t kPixelFloats = kNRVectors * kLanes;

// sum + a * b in the lanes of `lanes`, sum in the others.
inline Vec add_product(Vec sum, Vec a, Vec b, uint32_t lanes) {
    return _mm512_mask3_fmadd_ps(a, b, sum, static_cast<__mmask16>(lanes));
}
inline Vec add_in(Vec sum, Vec a, uint32_t lanes) { return _mm512_mask_add_ps(sum, static_cast<__mmask16>(lanes), sum, a); }
inline Vec blend(Vec a, Vec b, uint32_t lanes_of_b) { return _mm512_mask_blend_ps(static_cast<__mmask16>(lanes_of_b), a, b); }

void lane_winners(int64_t windows, const uint8_t* winners, LaneWinners* rows) {
    for (int64_t q = 0; q < windows; ++q)
        for (int64_t v = 0; v < kNRVectors; ++v) {
            __m128i place;
            memcpy(&place, winners + (q * kNRVectors + v) * kLanes, sizeof place);
            for (int r = 0; r < 2; ++r) {
                const uint16_t first = _mm_cmpeq_epi8_mask(place, _mm_set1_epi8(static_cast<char>(2 * r)));
                const uint16_t second = _mm_cmpeq_epi8_mask(place, _mm_set1_epi8(static_cast<char>(2 * r + 1)));
                rows[(r * kNRVectors + v) * windows + q] = {static_cast<uint16_t>(first | second), second};
            }
        }
}

// As sum_block (isa/elementwise.hpp) adds up all outputs: pixels are two vectors, and every other pixel belongs to the same two chains.
float pooled_sum(const PooledGradients& g, int64_t rows, int64_t width) {
    Vec chain[2][kNRVectors] = {};
    for (int64_t h = 0; h < rows; ++h) {
        const auto add_row = [&](Vec(&first)[kNRVectors], Vec(&second)[kNRVectors]) {
            const float* gradient = g.gradients + h / 2 * g.windows * kPixelFloats;
            const LaneWinners* winner = g.winners + h * kNRVectors * g.windows;
            for (int64_t q = 0; q < g.windows; ++q)
                for (int v = 0; v < kNRVectors; ++v) {
                    const Vec dy = load(gradient + q * kPixelFloats + v * kLanes);
                    const LaneWinners lanes = winner[v * g.windows + q];
                    first[v] = add_in(first[v], dy, lanes.in_row ^ lanes.second);
                    second[v] = add_in(second[v], dy, lanes.second);
                }
        };
        if (h * width % 2 == 0) {
            add_row(chain[0], chain[1]);
        } else {
            add_row(chain[1], chain[0]);
        }
    }
    return horizontal_sum((chain[0][0] + chain[0][1]) + (chain[1][0] + chain[1][1]));
}

template <int Filters, int Columns>
void pooled_dot_kernel(const PooledGradients& g, int64_t first, int64_t rows, const float* __restrict x, int64_t x_pitch,
                       float* c, int64_t ldc) {
    Vec sum[Filters][Columns] = {};
    for (int64_t h = first; h < first + rows; ++h)
        for (int64_t v = 0; v < kNRVectors; ++v) {
            const float* __restrict pixel = x + (h - first) * x_pitch + v * kLanes;
            const float* __restrict gradient = g.gradients + h / 2 * g.windows * kPixelFloats + v * kLanes;
            const LaneWinners* __restrict winner = g.winners + (h * kNRVectors + v) * g.windows;
            for (int64_t q = 0; q < g.windows; ++q) {
                Vec column[Columns + 1];
                for (int j = 0; j <= Columns; ++j) column[j] = load(pixel + j * kPixelFloats);
                for (int i = 0; i < Filters; ++i) {
                    const LaneWinners lanes = winner[i * g.winners_plane];
                    const Vec dy = load(gradient + i * g.plane);
                    for (int j = 0; j < Columns; ++j)
                        sum[i][j] = add_product(sum[i][j], dy, blend(column[j], column[j + 1], lanes.second), lanes.in_row);
                }
                pixel += 2 * kPixelFloats, gradient += kPixelFloats, ++winner;
            }
        }
#pragma GCC unroll 5
    for (int i = 0; i < Filters; ++i)
#pragma GCC unroll 5
        for (int j = 0; j < Columns; ++j) c[i * ldc + j] += horizontal_sum(sum[i][j]);
}

template <int Channels>
void pooled_input_kernel(const PooledGradients& g, const PooledTaps& taps, const float* __restrict weights, float* c,
                         int64_t ldc, bool accumulate) {
    Vec left[Channels][kNRVectors] = {}, right[Channels][kNRVectors] = {};
    for (int64_t k = 0; k < taps.filters; ++k)
        for (int64_t r = 0; r < taps.rows; ++r) {
            const int64_t row = taps.row - r;
            const float* __restrict gradient = g.gradients + k * g.plane + (row / 2 * g.windows + taps.window) * kPixelFloats;
            const LaneWinners* __restrict winner = g.winners + k * g.winners_plane + row * kNRVectors * g.windows + taps.window;
            const float* __restrict weight = weights + k * taps.filter_step + r * taps.row_step;
            for (int64_t t = 0; t < taps.windows; ++t) {
                const PairLanes& seen = taps.lanes[t];
                Vec dy[kNRVectors];
                uint32_t second[kNRVectors], of_left[kNRVectors], of_right[kNRVectors];
                for (int v = 0; v < kNRVectors; ++v) {
                    const LaneWinners lanes = winner[v * g.windows];
                    const uint32_t in_second = lanes.second, in_first = lanes.in_row ^ in_second;
                    dy[v] = load(gradient + v * kLanes);
                    second[v] = in_second;
                    of_left[v] = (in_first & seen.left_first) | (in_second & seen.left_second);
                    of_right[v] = (in_first & seen.right_first) | (in_second & seen.right_second);
                }
                for (int i = 0; i < Channels; ++i) {
                    const Vec w0 = broadcast(weight[3 * i]), w1 = broadcast(weight[3 * i + 1]),
                              w2 = broadcast(weight[3 * i + 2]);
                    for (int v = 0; v < kNRVectors; ++v) {
                        left[i][v] = add_product(left[i][v], dy[v], blend(w1, w0, second[v]), of_left[v]);
                        right[i][v] = add_product(right[i][v], dy[v], blend(w2, w1, second[v]), of_right[v]);
                    }
                }
                gradient -= kPixelFloats, --winner, weight += 3 * Channels;
            }
        }
#pragma GCC unroll 6
    for (int i = 0; i < Channels; ++i)
#pragma GCC unroll 2
        for (int v = 0; v < kNRVectors; ++v) {
            float* target = c + i * ldc + v * kLanes;
            store(target, (accumulate ? load(target) : Vec{}) + left[i][v]);
            store(target + kPixelFloats, (accumulate ? load(target + kPixelFloats) : Vec{}) + right[i][v]);
        }
}

template <int Filters, int Columns>
constexpr void fill_pooled_dot_tiles(KernelTable& table) {
    table.pooled_dot[Filters - 1][Columns - 1] = pooled_dot_kernel<Filters, Columns>;
    if constexpr (Columns > 1) {
        fill_pooled_dot_tiles<Filters, Columns - 1>(table);
    } else if constexpr (Filters > 1) {
        fill_pooled_dot_tiles<Filters - 1, kMaxPooledColumns>(table);
    }
}

template <int Channels>
constexpr void fill_pooled_input(KernelTable& table) {
    table.pooled_input[Channels - 1] = pooled_input_kernel<Channels>;
    if constexpr (Channels > 1) fill_pooled_input<Channels - 1>(table);
}

constexpr void fill_lane_winners(KernelTable& table) {
    table.lane_winners = lane_winners;
    table.pooled_sum = pooled_sum;
    fill_pooled_dot_tiles<kMaxPooledFilters, kMaxPooledColumns>(table);
    fill_pooled_input<kMaxPooledChannels>(table);
}

#else

constexpr void fill_lane_winners(KernelTable&) {}

#endif

}  // namespace
}  // namespace pycnn
