// Local response normalisation of a run of pixels of one image, all its channels. Lanes run along the pixels; where the channels of a pixel
// lie side by side, along the channels.
#pragma once

#include "cpu/isa/simd.hpp"
#include "cpu/isa/transcendental.hpp"
#include "cpu/kernel_table.hpp"

namespace pycnn {
namespace {

struct ThreeQuarters {
    Vec operator()(Vec scale) const {
        const Vec root = square_root(scale);
        return 1.0f / (root * square_root(root));
    }
};

struct AnyPower {
    float beta;
    Vec operator()(Vec scale) const { return exp(-beta * log(scale)); }
};

// Calls f with the function scale -> scale^-beta.
template <class F>
inline void with_power(float beta, F&& f) {
    if (beta == 0.75f) {
        f(ThreeQuarters{});
    } else {
        f(AnyPower{beta});
    }
}

// The window's squares are summed afresh for each channel: a running sum, which subtracts what leaves the window, would carry the
// rounding error of large values, or NaN, to all later channels. The window's rows are in L1.
template <class Power>
inline void lrn_pixels(const LrnWindow& g, int64_t count, Power power, const float* x, float* y, float* scale) {
    for (int64_t c = 0; c < g.C; ++c) {
        const int64_t begin = c > g.before ? c - g.before : 0, end = c + g.after < g.C ? c + g.after + 1 : g.C;
        for (int64_t i = 0; i < count; i += kLanes) {
            Vec sum{};
            for (int64_t j = begin; j < end; ++j) {
                const Vec v = load_at_most(x + j * g.pixels + i, count - i);
                sum += v * v;
            }
            const Vec s = g.k + g.alpha * sum;
            store_at_most(scale + c * g.pixels + i, s, count - i);
            store_at_most(y + c * g.pixels + i, load_at_most(x + c * g.pixels + i, count - i) * power(s), count - i);
        }
    }
}

void lrn(const LrnWindow& g, int64_t count, const float* x, float* y, float* scale) {
    with_power(g.beta, [&](auto power) { lrn_pixels(g, count, power, x, y, scale); });
}

// The windows of the channels c - after .. c + before contain channel c. Their quotients dy y / scale are kept in `ring`, a ring of
// rows of `pitch` floats each.
template <class Power>
inline void lrn_pixels_backward(const LrnWindow& g, int64_t count, Power power, const float* dy, const float* x, const float* y,
                                const float* scale, float* dx, float* ring, int64_t pitch) {
    const int64_t rows = g.before + g.after + 1;
    int64_t next = 0, next_row = 0, first_row = 0;
    for (int64_t c = 0; c < g.C; ++c) {
        const int64_t begin = c > g.after ? c - g.after : 0, end = c + g.before < g.C ? c + g.before + 1 : g.C;
        for (; next < end; ++next) {
            const int64_t start = next * g.pixels;
            for (int64_t i = 0; i < count; i += kLanes) {
                const int64_t n = count - i;
                const Vec product = load_at_most(dy + start + i, n) * load_at_most(y + start + i, n);
                store(ring + next_row * pitch + i, product / load_at_most(scale + start + i, n));
            }
            next_row = next_row + 1 == rows ? 0 : next_row + 1;
        }
        if (c > g.after) first_row = first_row + 1 == rows ? 0 : first_row + 1;
        for (int64_t i = 0; i < count; i += kLanes) {
            Vec sum{};
            for (int64_t j = begin, row = first_row; j < end; ++j) {
                sum += load(ring + row * pitch + i);
                row = row + 1 == rows ? 0 : row + 1;
            }
            const int64_t at = c * g.pixels + i, n = count - i;
            const Vec direct = load_at_most(dy + at, n) * power(load_at_most(scale + at, n));
            store_at_most(dx + at, direct - g.slope * load_at_most(x + at, n) * sum, n);
        }
    }
}

void lrn_backward(const LrnWindow& g, int64_t count, const float* dy, const float* x, const float* y, const float* scale,
                  float* dx, float* ring, int64_t pitch) {
    with_power(g.beta, [&](auto power) { lrn_pixels_backward(g, count, power, dy, x, y, scale, dx, ring, pitch); });
}

// Adds up a window's squares in the same order as lrn_pixels, so the bits are the same: a square beyond the channels is zero. Windows are
// loaded where they lie, one channel after the other.
template <class Power>
inline void lrn_channels(const LrnWindow& g, Power power, const float* x, float* y) {
    for (int64_t c = 0; c < g.C; c += kLanes) {
        const bool inside = c >= g.before && c + kLanes + g.after <= g.C;
        Vec sum{};
        for (int64_t j = c - g.before; j <= c + g.after; ++j) {
            const Vec v = inside ? load(x + j) : load_inside(x + j, -j, g.C - j, 0.0f);
            sum += v * v;
        }
        const int64_t count = g.C - c;
        store_at_most(y + c, load_at_most(x + c, count) * power(g.k + g.alpha * sum), count);
    }
}

void pixel_lrn(const LrnWindow& g, int64_t pixels, const float* x, int64_t x_pitch, float* y, int64_t y_pitch) {
    with_power(g.beta, [&](auto power) {
        for (int64_t i = 0; i < pixels; ++i) lrn_channels(g, power, x + i * x_pitch, y + i * y_pitch);
    });
}

constexpr void fill_local_response_norm(KernelTable& table) {
    table.lrn = lrn;
    table.lrn_backward = lrn_backward;
    table.pixel_lrn = pixel_lrn;
}

}  // namespace
}  // namespace pycnn
