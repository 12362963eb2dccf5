// The transforms of Winograd's convolution (see cpu/conv2d/winograd.hpp), of 3 x 3 filters with tiles of 4 x 4 outputs and of 5 x 5
// filters with tiles of 2 x 2. Lanes run along channels, so that one vector is one element of a tile for kLanes channels, whatever
// the size of the plane.
//
// Along one axis, with the points 0, 2/3, -2/3, 3/2, -3/2 and infinity:
//   y = A^T ((G w) * (B^T x)),  w: 3 or 5 taps, x: 6 inputs, y: 4 or 2 outputs, * element by element;
// on a plane every matrix is applied to the columns and then to the rows. The weights' gradient is the same three-sided product
// read the other way: dw = G^T ((A dy) * (B^T x)). The points alone determine B^T and the scale of G's rows, so both sizes share B^T;
// the rows of G and the columns of A^T are powers of the points.
//
// These points because they round least. Pairs of opposite points let the even and the odd half of a transform serve two rows, and
// points on both sides of 1, here each other's inverses, keep all powers between 8/27 and 27/8, where 1 and 2 reach from 1 to 8. Of
// 105 pairs tried, none is more than 1 % better (3 x 3 taps: root mean square error 1.8 times that of plain sums, 4.0 with 1 and 2).
#pragma once

#include "cpu/isa/simd.hpp"
#include "cpu/kernel_table.hpp"

namespace pycnn {
namespace {

constexpr float kNear = 2.0f / 3, kNear2 = 4.0f / 9, kNear3 = 8.0f / 27;  // powers of the points
constexpr float kFar = 1.5f, kFar2 = 2.25f, kFar3 = 3.375f;
constexpr float kSquares = 97.0f / 36;  // (2/3)^2 + (3/2)^2; their product is 1

// B^T: row t holds the coefficients of the product of all x - point but x - t. At most five roundings per output, including those of
// the constants.
struct WinogradInput {
    static constexpr int kIn = 6, kOut = 6;
    static void apply(const Vec (&x)[kIn], Vec (&v)[kOut]) {
        const Vec even = x[4] - kFar2 * x[2], odd = x[3] - kFar2 * x[1];
        const Vec far_even = x[4] - kNear2 * x[2], far_odd = x[3] - kNear2 * x[1];
        v[0] = x[0] - kSquares * x[2] + x[4];
        v[1] = even + kNear * odd;
        v[2] = even - kNear * odd;
        v[3] = far_even + kFar * far_odd;
        v[4] = far_even - kFar * far_odd;
        v[5] = x[1] - kSquares * x[3] + x[5];
    }
};

// G: powers of the point, over the product of its differences from the others: 1, -130/81 and 65/8. At most four roundings, including
// that of the constant; five for five taps.
template <int Taps>
struct WinogradFilter;

template <>
struct WinogradFilter<3> {
    static constexpr int kIn = 3, kOut = 6;
    static void apply(const Vec (&w)[kIn], Vec (&u)[kOut]) {
        const Vec ends = w[0] * (-81.0f / 130) - w[2] * (18.0f / 65), middle = w[1] * (27.0f / 65);
        const Vec far_ends = w[0] * (8.0f / 65) + w[2] * (18.0f / 65), far_middle = w[1] * (12.0f / 65);
        u[0] = w[0];
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
        const Vec even = w[0] * (-81.0f / 130) - w[2] * (18.0f / 65) - w[4] * (8.0f / 65);
        const Vec odd = w[1] * (27.0f / 65) + w[3] * (12.0f / 65);
        const Vec far_even = w[0] * (8.0f / 65) + w[2] * (18.0f / 65) + w[4] * (81.0f / 130);
        const Vec far_odd = w[1] * (12.0f / 65) + w[3] * (27.0f / 65);
        u[0] = w[0];
        u[1] = even - odd;
        u[2] = even + odd;
        u[3] = far_even + far_odd;
        u[4] = far_even - far_odd;
        u[5] = w[4];
    }
};

// A^T. At most five roundings, including that of the constant.
template <int Tile>
struct WinogradOutput;

template <>
struct WinogradOutput<2> {
    static constexpr int kIn = 6, kOut = 2;
    static void apply(const Vec (&m)[kIn], Vec (&y)[kOut]) {
        y[0] = m[0] + (m[1] + m[2]) + (m[3] + m[4]);
        y[1] = kNear * (m[1] - m[2]) + kFar * (m[3] - m[4]) + m[5];
    }
};

template <>
struct WinogradOutput<4> {
    static constexpr int kIn = 6, kOut = 4;
    static void apply(const Vec (&m)[kIn], Vec (&y)[kOut]) {
        const Vec sum = m[1] + m[2], difference = m[1] - m[2];
        const Vec far_sum = m[3] + m[4], far_difference = m[3] - m[4];
        y[0] = m[0] + sum + far_sum;
        y[1] = kNear * difference + kFar * far_difference;
        y[2] = kNear2 * sum + kFar2 * far_sum;
        y[3] = kNear3 * difference + kFar3 * far_difference + m[5];
    }
};

// A. At most four roundings, including that of the constant.
template <int Tile>
struct WinogradGradient;

template <>
struct WinogradGradient<2> {
    static constexpr int kIn = 2, kOut = 6;
    static void apply(const Vec (&y)[kIn], Vec (&z)[kOut]) {
        z[0] = y[0];
        z[1] = y[0] + kNear * y[1];
        z[2] = y[0] - kNear * y[1];
        z[3] = y[0] + kFar * y[1];
        z[4] = y[0] - kFar * y[1];
        z[5] = y[1];
    }
};

template <>
struct WinogradGradient<4> {
    static constexpr int kIn = 4, kOut = 6;
    static void apply(const Vec (&y)[kIn], Vec (&z)[kOut]) {
        const Vec even = y[0] + kNear2 * y[2], odd = kNear * y[1] + kNear3 * y[3];
        const Vec far_even = y[0] + kFar2 * y[2], far_odd = kFar * y[1] + kFar3 * y[3];
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
        const Vec sum = u[1] + u[2], far_sum = u[3] + u[4];
        w[0] = u[0] + (far_sum * (8.0f / 65) - sum * (81.0f / 130));
        w[1] = (u[2] - u[1]) * (27.0f / 65) + (u[3] - u[4]) * (12.0f / 65);
        w[2] = (far_sum - sum) * (18.0f / 65) + u[5];
    }
};

template <>
struct WinogradFilterGradient<5> {
    static constexpr int kIn = 6, kOut = 5;
    static void apply(const Vec (&u)[kIn], Vec (&w)[kOut]) {
        const Vec sum = u[1] + u[2], difference = u[2] - u[1];
        const Vec far_sum = u[3] + u[4], far_difference = u[3] - u[4];
        w[0] = u[0] + (far_sum * (8.0f / 65) - sum * (81.0f / 130));
        w[1] = difference * (27.0f / 65) + far_difference * (12.0f / 65);
        w[2] = (far_sum - sum) * (18.0f / 65);
        w[3] = difference * (12.0f / 65) + far_difference * (27.0f / 65);
        w[4] = far_sum * (81.0f / 130) - sum * (8.0f / 65) + u[5];
    }
};

// Transforms the columns, then the rows, of a tile: `read(i, j)` returns elements and `write(i, j, value)` takes them. The intermediate
// values exceed the registers and go through L1. Inlined, or the check of the outputs would go through memory too (measured: 83 ns per
// vector of a tile instead of 36).
template <class Transform, class Read, class Write>
[[gnu::always_inline]] inline void transform_tile(Read read, Write write) {
    constexpr int in = Transform::kIn, out = Transform::kOut;
    Vec middle[out][in];
#pragma GCC unroll 9
    for (int j = 0; j < in; ++j) {
        Vec column[in], transformed[out];
#pragma GCC unroll 9
        for (int i = 0; i < in; ++i) column[i] = read(i, j);
        Transform::apply(column, transformed);
#pragma GCC unroll 9
        for (int i = 0; i < out; ++i) middle[i][j] = transformed[i];
    }
#pragma GCC unroll 9
    for (int i = 0; i < out; ++i) {
        Vec transformed[out];
        Transform::apply(middle[i], transformed);
#pragma GCC unroll 9
        for (int j = 0; j < out; ++j) write(i, j, transformed[j]);
    }
}

// Where element (i, j) of a transformed tile lies, of Side x Side.
template <int Side>
constexpr int64_t tile_position(int i, int j) {
    return Side * i + j;
}

template <class Transform>
void winograd_filter(int64_t vectors, const float* taps, int64_t tap_pitch, float* u, int64_t u_pitch) {
    constexpr int count = Transform::kIn, side = Transform::kOut;
    for (int64_t c = 0; c < vectors * kLanes; c += kLanes)
        transform_tile<Transform>([&](int i, int j) { return load(taps + (count * i + j) * tap_pitch + c); },
                                  [&](int i, int j, Vec value) { store(u + tile_position<side>(i, j) * u_pitch + c, value); });
}

template <class Transform>
void winograd_filter_gradient(int64_t vectors, const float* u, int64_t u_pitch, float* taps, int64_t tap_pitch) {
    constexpr int count = Transform::kOut, side = Transform::kIn;
    for (int64_t c = 0; c < vectors * kLanes; c += kLanes)
        transform_tile<Transform>([&](int i, int j) { return load(u + tile_position<side>(i, j) * u_pitch + c); },
                                  [&](int i, int j, Vec value) { store(taps + (count * i + j) * tap_pitch + c, value); });
}

// Adjacent tiles, one every Step pixels: of inputs, or of outputs' gradients.
template <class Transform, int Step>
void winograd_tiles(int64_t tiles, int64_t vectors, int64_t pitch, const float* const* rows, float* v, int64_t v_pitch) {
    for (int64_t tile = 0; tile < tiles; ++tile)
        for (int64_t c = 0; c < vectors * kLanes; c += kLanes) {
            const int64_t source = Step * tile * pitch + c;
            float* target = v + tile * pitch + c;
            transform_tile<Transform>(
                [&](int i, int j) { return load(rows[i] + source + j * pitch); },
                [&](int i, int j, Vec value) { store(target + tile_position<Transform::kOut>(i, j) * v_pitch, value); });
        }
}

template <class Transform>
bool winograd_output(int64_t tiles, int64_t vectors, int64_t pitch, const float* m, int64_t m_pitch, const float* bias,
                     float* y) {
    constexpr int size = Transform::kOut, side = Transform::kIn;
    Vec doubt = {};  // becomes NaN, and stays NaN, at the first output that is not finite
    for (int64_t tile = 0; tile < tiles; ++tile)
        for (int64_t c = 0; c < vectors * kLanes; c += kLanes) {
            const float* source = m + tile * pitch + c;
            float* target = y + size * tile * pitch + c;
            const Vec start = load(bias + c);
            transform_tile<Transform>([&](int i, int j) { return load(source + tile_position<side>(i, j) * m_pitch); },
                                      [&](int i, int j, Vec value) {
                                          value += start;
                                          doubt += 0.0f * value;
                                          store(target + (size * i * tiles + j) * pitch, value);
                                      });
        }
    return horizontal_sum(doubt) == 0.0f;
}

template <int Count>
struct WinogradProducts {
    WinogradProduct list[Count];
};

// With stride 1 a position of the results has one product.
constexpr int kWinogradSide = WinogradInput::kOut;
constexpr auto kWinogradProducts = [] {
    WinogradProducts<kWinogradSide * kWinogradSide> products{};
    for (int32_t i = 0; i < kWinogradSide * kWinogradSide; ++i) products.list[i] = {i, i, i, 1};
    return products;
}();

// Tile + Taps - 1 = 6 inputs make a tile.
template <int Tile, int Taps>
constexpr WinogradKernels winograd_kernels() {
    constexpr int64_t positions = kWinogradSide * kWinogradSide;
    return {Tile,
            Taps,
            kWinogradSide,
            Tile,
            positions,
            positions,
            positions,
            kWinogradProducts.list,
            positions,
            winograd_filter<WinogradFilter<Taps>>,
            winograd_filter_gradient<WinogradFilterGradient<Taps>>,
            winograd_tiles<WinogradInput, Tile>,
            winograd_tiles<WinogradGradient<Tile>, Tile>,
            winograd_output<WinogradOutput<Tile>>};
}

constexpr void fill_winograd(KernelTable& table) {
    table.winograd_3x3 = winograd_kernels<4, 3>();
    table.winograd_5x5 = winograd_kernels<2, 5>();
}

}  // namespace
}  // namespace pycnn
