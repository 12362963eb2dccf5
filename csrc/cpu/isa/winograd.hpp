// The transforms of Winograd's convolution (see cpu/conv2d/winograd.hpp), of 3 x 3 filters with tiles of 4 x 4 outputs and of 5 x 5
// filters with tiles of 2 x 2. Lanes run along channels, so that one vector is one element of a tile for kLanes channels, whatever
// the size of the plane.
//
// Along one axis, with the points 0, 1, -1, 2, -2 and infinity:
//   y = A^T ((G w) * (B^T x)),  w: 3 or 5 taps, x: 6 inputs, y: 4 or 2 outputs, * element by element;
// on a plane every matrix is applied to the columns and then to the rows. The weights' gradient is the same three-sided product
// read the other way: dw = G^T ((A dy) * (B^T x)). The points alone determine B^T and the scale of G's rows, so both sizes share B^T;
// the rows of G and the columns of A^T are powers of the points.
#pragma once

#include "cpu/isa/simd.hpp"
#include "cpu/kernel_table.hpp"

namespace pycnn {
namespace {

// B^T. At most three roundings per output.
struct WinogradInput {
    static constexpr int kIn = 6, kOut = 6;
    static void apply(const Vec (&x)[kIn], Vec (&v)[kOut]) {
        const Vec even = x[4] - 4.0f * x[2], odd = x[3] - 4.0f * x[1];
        const Vec far_even = x[4] - x[2], far_odd = x[3] - x[1];
        v[0] = 4.0f * x[0] - 5.0f * x[2] + x[4];
        v[1] = even + odd;
        v[2] = even - odd;
        v[3] = far_even + 2.0f * far_odd;
        v[4] = far_even - 2.0f * far_odd;
        v[5] = 4.0f * x[1] - 5.0f * x[3] + x[5];
    }
};

// G. At most four roundings, including that of the constant; five for five taps.
template <int Taps>
struct WinogradFilter;

template <>
struct WinogradFilter<3> {
    static constexpr int kIn = 3, kOut = 6;
    static void apply(const Vec (&w)[kIn], Vec (&u)[kOut]) {
        const Vec ends = (w[0] + w[2]) * (-1.0f / 6), middle = w[1] * (1.0f / 6);
        const Vec far_ends = w[0] * (1.0f / 24) + w[2] * (1.0f / 6), far_middle = w[1] * (1.0f / 12);
        u[0] = 0.25f * w[0];
        u[1] = ends - middle;
        u[2] = ends + middle;
        u[3] = far_ends + far_middle;
        u[4] = far_ends - far_middle;
        u[5] = w[2];
    }
};

template <>
struct WinogradFilter<5> {
    static constexpr int kIn = 5, kOut = 6;
    static void apply(const Vec (&w)[kIn], Vec (&u)[kOut]) {
        const Vec even = (w[0] + w[2] + w[4]) * (-1.0f / 6), odd = (w[1] + w[3]) * (1.0f / 6);
        const Vec far_even = w[0] * (1.0f / 24) + w[2] * (1.0f / 6) + w[4] * (2.0f / 3);
        const Vec far_odd = w[1] * (1.0f / 12) + w[3] * (1.0f / 3);
        u[0] = 0.25f * w[0];
        u[1] = even - odd;
        u[2] = even + odd;
        u[3] = far_even + far_odd;
        u[4] = far_even - far_odd;
        u[5] = w[4];
    }
};

// A^T. At most three roundings.
template <int Tile>
struct WinogradOutput;

template <>
struct WinogradOutput<2> {
    static constexpr int kIn = 6, kOut = 2;
    static void apply(const Vec (&m)[kIn], Vec (&y)[kOut]) {
        y[0] = m[0] + (m[1] + m[2]) + (m[3] + m[4]);
        y[1] = (m[1] - m[2]) + 2.0f * (m[3] - m[4]) + m[5];
    }
};

template <>
struct WinogradOutput<4> {
    static constexpr int kIn = 6, kOut = 4;
    static void apply(const Vec (&m)[kIn], Vec (&y)[kOut]) {
        const Vec sum = m[1] + m[2], difference = m[1] - m[2];
        const Vec far_sum = m[3] + m[4], far_difference = m[3] - m[4];
        y[0] = m[0] + sum + far_sum;
        y[1] = difference + 2.0f * far_difference;
        y[2] = sum + 4.0f * far_sum;
        y[3] = difference + 8.0f * far_difference + m[5];
    }
};

// A. At most two roundings.
template <int Tile>
struct WinogradGradient;

template <>
struct WinogradGradient<2> {
    static constexpr int kIn = 2, kOut = 6;
    static void apply(const Vec (&y)[kIn], Vec (&z)[kOut]) {
        z[0] = y[0];
        z[1] = y[0] + y[1];
        z[2] = y[0] - y[1];
        z[3] = y[0] + 2.0f * y[1];
        z[4] = y[0] - 2.0f * y[1];
        z[5] = y[1];
    }
};

template <>
struct WinogradGradient<4> {
    static constexpr int kIn = 4, kOut = 6;
    static void apply(const Vec (&y)[kIn], Vec (&z)[kOut]) {
        const Vec even = y[0] + y[2], odd = y[1] + y[3];
        const Vec far_even = y[0] + 4.0f * y[2], far_odd = 2.0f * y[1] + 8.0f * y[3];
        z[0] = y[0];
        z[1] = even + odd;
        z[2] = even - odd;
        z[3] = far_even + far_odd;
        z[4] = far_even - far_odd;
        z[5] = y[3];
    }
};

// G^T. At most five roundings, including that of the constant.
template <int Taps>
struct WinogradFilterGradient;

template <>
struct WinogradFilterGradient<3> {
    static constexpr int kIn = 6, kOut = 3;
    static void apply(const Vec (&u)[kIn], Vec (&w)[kOut]) {
        const Vec sum = (u[1] + u[2]) * (1.0f / 6), far_sum = u[3] + u[4];
        w[0] = 0.25f * u[0] + (far_sum * (1.0f / 24) - sum);
        w[1] = (u[2] - u[1]) * (1.0f / 6) + (u[3] - u[4]) * (1.0f / 12);
        w[2] = far_sum * (1.0f / 6) - sum + u[5];
    }
};

template <>
struct WinogradFilterGradient<5> {
    static constexpr int kIn = 6, kOut = 5;
    static void apply(const Vec (&u)[kIn], Vec (&w)[kOut]) {
        const Vec sum = (u[1] + u[2]) * (1.0f / 6), difference = (u[2] - u[1]) * (1.0f / 6);
        const Vec far_sum = u[3] + u[4], far_difference = u[3] - u[4];
        w[0] = 0.25f * u[0] + (far_sum * (1.0f / 24) - sum);
        w[1] = difference + far_difference * (1.0f / 12);
        w[2] = far_sum * (1.0f / 6) - sum;
        w[3] = difference + far_difference * (1.0f / 3);
        w[4] = far_sum * (2.0f / 3) - sum + u[5];
    }
};

// Transforms the columns, then the rows, of a tile: `read(i, j)` returns elements and `write(i, j, value)` takes them. The intermediate
// values exceed the registers and go through L1. Inlined, or the check of the outputs would go through memory too (measured: 83 ns per
// vector of a tile instead of 36).
template <class Transform, class Read, class Write>
[[gnu::always_inline]] inline void transform_tile(Read read, Write write) {
    constexpr int in = Transform::kIn, out = Transform::kOut;
    Vec middle[out][in];
#pragma GCC unroll 6
    for (int j = 0; j < in; ++j) {
        Vec column[in], transformed[out];
#pragma GCC unroll 6
        for (int i = 0; i < in; ++i) column[i] = read(i, j);
        Transform::apply(column, transformed);
#pragma GCC unroll 6
        for (int i = 0; i < out; ++i) middle[i][j] = transformed[i];
    }
#pragma GCC unroll 6
    for (int i = 0; i < out; ++i) {
        Vec transformed[out];
        Transform::apply(middle[i], transformed);
#pragma GCC unroll 6
        for (int j = 0; j < out; ++j) write(i, j, transformed[j]);
    }
}

template <int Taps>
void winograd_filter(int64_t vectors, const float* taps, int64_t tap_pitch, float* u, int64_t u_pitch) {
    for (int64_t c = 0; c < vectors * kLanes; c += kLanes)
        transform_tile<WinogradFilter<Taps>>([&](int i, int j) { return load(taps + (Taps * i + j) * tap_pitch + c); },
                                             [&](int i, int j, Vec value) { store(u + (6 * i + j) * u_pitch + c, value); });
}

template <int Taps>
void winograd_filter_gradient(int64_t vectors, const float* u, int64_t u_pitch, float* taps, int64_t tap_pitch) {
    for (int64_t c = 0; c < vectors * kLanes; c += kLanes)
        transform_tile<WinogradFilterGradient<Taps>>(
            [&](int i, int j) { return load(u + (6 * i + j) * u_pitch + c); },
            [&](int i, int j, Vec value) { store(taps + (Taps * i + j) * tap_pitch + c, value); });
}

// Adjacent tiles: of inputs, or of outputs' gradients.
template <class Transform, int Tile>
void winograd_tiles(int64_t tiles, int64_t vectors, int64_t pitch, const float* const* rows, float* v, int64_t v_pitch) {
    for (int64_t tile = 0; tile < tiles; ++tile)
        for (int64_t c = 0; c < vectors * kLanes; c += kLanes) {
            const int64_t source = Tile * tile * pitch + c;
            float* target = v + tile * pitch + c;
            transform_tile<Transform>([&](int i, int j) { return load(rows[i] + source + j * pitch); },
                                      [&](int i, int j, Vec value) { store(target + (6 * i + j) * v_pitch, value); });
        }
}

template <int Tile>
bool winograd_output(int64_t tiles, int64_t vectors, int64_t pitch, const float* m, int64_t m_pitch, const float* bias,
                     float* y) {
    Vec doubt = {};  // becomes NaN, and stays NaN, at the first output that is not finite
    for (int64_t tile = 0; tile < tiles; ++tile)
        for (int64_t c = 0; c < vectors * kLanes; c += kLanes) {
            const float* source = m + tile * pitch + c;
            float* target = y + Tile * tile * pitch + c;
            const Vec start = load(bias + c);
            transform_tile<WinogradOutput<Tile>>([&](int i, int j) { return load(source + (6 * i + j) * m_pitch); },
                                                 [&](int i, int j, Vec value) {
                                                     value += start;
                                                     doubt += 0.0f * value;
                                                     store(target + (Tile * i * tiles + j) * pitch, value);
                                                 });
        }
    return horizontal_sum(doubt) == 0.0f;
}

// Tile + Taps - 1 = 6 inputs make a tile.
template <int Tile, int Taps>
constexpr WinogradKernels winograd_kernels() {
    return {Tile,
            Taps,
            winograd_filter<Taps>,
            winograd_filter_gradient<Taps>,
            winograd_tiles<WinogradInput, Tile>,
            winograd_tiles<WinogradGradient<Tile>, Tile>,
            winograd_output<Tile>};
}

constexpr void fill_winograd(KernelTable& table) {
    table.winograd_3x3 = winograd_kernels<4, 3>();
    table.winograd_5x5 = winograd_kernels<2, 5>();
}

}  // namespace
}  // namespace pycnn
