// Filters of one channel with channels in lanes: a pixel is a vector, so that rows of any length and any step waste nothing.
// Planes are transposed on their way in and out. See LaneFilter in kernel_table.hpp.
#pragma once

#include "cpu/isa/simd.hpp"
#include "cpu/isa/transpose.hpp"
#include "cpu/kernel_table.hpp"

namespace pycnn {
namespace {

// Outputs of a row kept at a time: 8 sums hide the latency of the multiply-add, and a weight is loaded once for them.
constexpr int kLaneOutputs = 8;
// Weights, or sums of their gradients, kept at a time: of 3 x 3 all. With the bias and dy or the output 11 of 16 registers.
constexpr int kLaneSums = 9;

// Transposes squares of `rows` planes and lanes pixels with load(square's rows, first pixel) and store. The last square is moved back
// to end with the planes where they fill one; otherwise f is called with what is left of one.
template <class F>
inline void for_squares(int64_t pixels, F&& f) {
    if (pixels < kLanes) return f(0, pixels);
    int64_t i = 0;
    for (; i + kLanes <= pixels; i += kLanes) f(i, kLanes);
    if (i < pixels) f(pixels - kLanes, kLanes);
}

// Pixel i of plane l goes to target[places[i] + l], for all lanes; those beyond `planes` repeat the last one.
void planes_to_lanes(int64_t planes, int64_t pixels, const float* source, int64_t plane_pitch, const int64_t* places,
                     float* target) {
    const float* from[kLanes];
    for (int l = 0; l < kLanes; ++l) from[l] = source + (l < planes ? l : planes - 1) * plane_pitch;
    for_squares(pixels, [&](int64_t i, int64_t count) {
        Vec row[kLanes];
#pragma GCC unroll 16
        for (int l = 0; l < kLanes; ++l)
            row[l] = count == kLanes ? load(from[l] + i) : load_inside(from[l] + i, 0, count, 0.0f);
        transpose_square(row);
        if (count == kLanes) {
#pragma GCC unroll 16
            for (int t = 0; t < kLanes; ++t) store(target + places[i + t], row[t]);
        } else {
            for (int64_t t = 0; t < count; ++t) store(target + places[i + t], row[t]);
        }
    });
}

// The way back, from pixels without gaps.
void lanes_to_planes(int64_t planes, int64_t pixels, const float* source, float* target, int64_t plane_pitch) {
    for_squares(pixels, [&](int64_t i, int64_t count) {
        Vec row[kLanes];
        if (count == kLanes) {
#pragma GCC unroll 16
            for (int t = 0; t < kLanes; ++t) row[t] = load(source + (i + t) * kLanes);
        } else {
            for (int t = 0; t < kLanes; ++t) row[t] = t < count ? load(source + (i + t) * kLanes) : Vec{};
        }
        transpose_square(row);
        if (count == kLanes && planes == kLanes) {
#pragma GCC unroll 16
            for (int l = 0; l < kLanes; ++l) store(target + l * plane_pitch + i, row[l]);
        } else {
            for (int64_t l = 0; l < planes; ++l) store_first(target + l * plane_pitch + i, row[l], count);
        }
    });
}

// Outputs of a row, `Count` of them.
template <int Count>
inline void lane_outputs(const LaneFilter& f, const float* w, Vec bias, const float* x, float* y) {
    const int64_t step = f.x_step;
    Vec sum[Count];
#pragma GCC unroll 8
    for (int j = 0; j < Count; ++j) sum[j] = bias;
    for (int64_t k = 0; k < f.taps; ++k) {
        const Vec weight = load(w + f.weights[k]);
        const float* source = x + f.offsets[k];
#pragma GCC unroll 8
        for (int j = 0; j < Count; ++j) sum[j] += weight * load(source + j * step);
    }
#pragma GCC unroll 8
    for (int j = 0; j < Count; ++j) store(y + j * f.y_step, sum[j]);
}

template <int Count>
inline void lane_outputs_at_most(int64_t count, const LaneFilter& f, const float* w, Vec bias, const float* x, float* y) {
    if constexpr (Count > 0) {
        if (count < Count) return lane_outputs_at_most<Count - 1>(count, f, w, bias, x, y);
        lane_outputs<Count>(f, w, bias, x, y);
    }
}

// Few taps: the weights stay in registers. An output is a chain of multiply-adds, but the processor works at several.
template <int Taps>
void lane_few_taps(const LaneFilter& f, const float* w, Vec bias, const float* x, int64_t P, int64_t Q, float* y) {
    Vec weight[Taps];
    int64_t offset[Taps];
#pragma GCC unroll 9
    for (int k = 0; k < Taps; ++k) {
        weight[k] = load(w + f.weights[k]);
        offset[k] = f.offsets[k];
    }
    const int64_t x_step = f.x_step, y_step = f.y_step, x_pitch = f.x_pitch, y_pitch = f.y_pitch;
    for (int64_t p = 0; p < P; ++p, x += x_pitch, y += y_pitch) {
        const float* source = x;
        float* target = y;
        for (int64_t q = 0; q < Q; ++q, source += x_step, target += y_step) {
            Vec sum = bias;
#pragma GCC unroll 9
            for (int k = 0; k < Taps; ++k) sum += weight[k] * load(source + offset[k]);
            store(target, sum);
        }
    }
}

template <int Taps>
inline void lane_taps(const LaneFilter& f, const float* w, Vec bias, const float* x, int64_t P, int64_t Q, float* y) {
    if constexpr (Taps > 0) {
        if (f.taps < Taps) return lane_taps<Taps - 1>(f, w, bias, x, P, Q, y);
    }
    lane_few_taps<Taps>(f, w, bias, x, P, Q, y);
}

void lane_correlation(const LaneFilter& f, const float* w, const float* bias, const float* x, int64_t P, int64_t Q, float* y) {
    const Vec start = load(bias);
    if (f.taps <= kLaneSums) return lane_taps<kLaneSums>(f, w, start, x, P, Q, y);
    // Blocks of nearly equal size: 12 outputs are 6 + 6.
    const int64_t blocks = (Q + kLaneOutputs - 1) / kLaneOutputs, most = (Q + blocks - 1) / blocks;
    for (int64_t p = 0; p < P; ++p, x += f.x_pitch, y += f.y_pitch)
        for (int64_t q = 0; q < Q; q += most)
            lane_outputs_at_most<kLaneOutputs>(Q - q < most ? Q - q : most, f, w, start, x + q * f.x_step, y + q * f.y_step);
}

// Adds the products of `Taps` taps from offsets on to sums, and dy to the bias if it is not null.
template <int Taps, bool Bias>
void lane_gradient_block(const LaneFilter& f, int64_t k, const float* x, int64_t P, int64_t Q, const float* dy, float* sums,
                         float* bias) {
    Vec sum[Taps], total = Bias ? load(bias) : Vec{};
    int64_t offset[Taps];
#pragma GCC unroll 9
    for (int t = 0; t < Taps; ++t) {
        sum[t] = load(sums + f.weights[k + t]);
        offset[t] = f.offsets[k + t];
    }
    const int64_t step = f.x_step, pitch = f.x_pitch;
    for (int64_t p = 0; p < P; ++p, x += pitch) {
        const float* source = x;
        for (int64_t q = 0; q < Q; ++q, source += step, dy += kLanes) {
            const Vec gradient = load(dy);
            if (Bias) total += gradient;
#pragma GCC unroll 9
            for (int t = 0; t < Taps; ++t) sum[t] += gradient * load(source + offset[t]);
        }
    }
#pragma GCC unroll 9
    for (int t = 0; t < Taps; ++t) store(sums + f.weights[k + t], sum[t]);
    if (Bias) store(bias, total);
}

template <int Taps, bool Bias>
inline void lane_gradient_at_most(int64_t taps, const LaneFilter& f, int64_t k, const float* x, int64_t P, int64_t Q,
                                  const float* dy, float* sums, float* bias) {
    if constexpr (Taps > 0) {
        if (taps < Taps) return lane_gradient_at_most<Taps - 1, Bias>(taps, f, k, x, P, Q, dy, sums, bias);
        lane_gradient_block<Taps, Bias>(f, k, x, P, Q, dy, sums, bias);
    }
}

void lane_gradient(const LaneFilter& f, const float* x, int64_t P, int64_t Q, const float* dy, float* sums, float* bias) {
    const int64_t blocks = (f.taps + kLaneSums - 1) / kLaneSums;
    for (int64_t b = 0; b < blocks; ++b) {
        const int64_t from = f.taps * b / blocks, taps = f.taps * (b + 1) / blocks - from;
        if (b == 0) {
            lane_gradient_at_most<kLaneSums, true>(taps, f, from, x, P, Q, dy, sums, bias);
        } else {
            lane_gradient_at_most<kLaneSums, false>(taps, f, from, x, P, Q, dy, sums, bias);
        }
    }
}

constexpr void fill_depthwise_lanes(KernelTable& table) {
    table.planes_to_lanes = planes_to_lanes;
    table.lanes_to_planes = lanes_to_planes;
    table.lane_correlation = lane_correlation;
    table.lane_gradient = lane_gradient;
}

}  // namespace
}  // namespace pycnn
