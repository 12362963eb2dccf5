// The transforms of Winograd's convolution of 3 x 3 filters with stride 2 (see cpu/conv2d/winograd.hpp). Along one axis the even inputs,
// counted from the first tap, meet the outer two taps, and the odd ones the middle tap:
//   y[i] = (w[0] x[2i] + w[2] x[2i+2]) + w[1] x[2i+1]
// so y is the sum of two convolutions of stride 1, with two taps and with one. Tiles of 4 outputs take 5 points for the first, +-1/2,
// +-3/2 and infinity, and for the other the 4 finite ones, because a filter of one tap has nothing at infinity. Both meet before the one
// transform back. On a plane 9 x 9 products make 4 x 4 outputs, which take 144 as a plain sum. dx is the same read the other way: both
// filters multiply the same transformed dy, and their results are the even and the odd rows of dx.
//
// Of 18 sets of points tried these round least (root mean square 1.4 times less than the points of isa/winograd.hpp), and all of their
// constants but 1/6 are exact.
#pragma once

#include "cpu/isa/simd.hpp"
#include "cpu/isa/winograd.hpp"
#include "cpu/kernel_table.hpp"

namespace pycnn {
namespace {

constexpr float kInner = 0.5f, kInner2 = 0.25f, kInner3 = 0.125f;  // powers of the points
constexpr float kOuter = 1.5f, kOuter2 = 2.25f, kOuter3 = 3.375f;
constexpr float kSumOfSquares = 2.5f, kProductOfSquares = 0.5625f;

constexpr int kPhasePoints = 5, kFinitePoints = 4, kStridedSide = kPhasePoints + kFinitePoints;

// B^T at the finite points: the coefficients of the product of all x - point but x - t. At most four roundings.
[[gnu::always_inline]] inline void finite_points(Vec x0, Vec x1, Vec x2, Vec x3, Vec* v) {
    const Vec odd = x3 - kOuter2 * x1, even = x2 - kOuter2 * x0;
    const Vec outer_odd = x3 - kInner2 * x1, outer_even = x2 - kInner2 * x0;
    v[0] = odd + kInner * even;
    v[1] = odd - kInner * even;
    v[2] = outer_odd + kOuter * outer_even;
    v[3] = outer_odd - kOuter * outer_even;
}

// And at infinity, with at most four roundings.
[[gnu::always_inline]] inline Vec point_at_infinity(Vec x0, Vec x2, Vec x4) {
    return kProductOfSquares * x0 - kSumOfSquares * x2 + x4;
}

// The four sums of A^T at the finite points. At most three roundings.
[[gnu::always_inline]] inline void finite_outputs(const Vec* m, Vec* y) {
    const Vec sum = m[0] + m[1], difference = m[0] - m[1];
    const Vec outer_sum = m[2] + m[3], outer_difference = m[2] - m[3];
    y[0] = sum + outer_sum;
    y[1] = kInner * difference + kOuter * outer_difference;
    y[2] = kInner2 * sum + kOuter2 * outer_sum;
    y[3] = kInner3 * difference + kOuter3 * outer_difference;
}

// The elements of a transformed tile: five of the filters with two taps, then four of those with one.
struct StridedInput {
    static constexpr int kIn = 9, kOut = kStridedSide;
    static void apply(const Vec (&x)[kIn], Vec (&v)[kOut]) {
        finite_points(x[0], x[2], x[4], x[6], v);
        v[4] = point_at_infinity(x[0], x[4], x[8]);
        finite_points(x[1], x[3], x[5], x[7], v + kPhasePoints);
    }
};

// G: powers of the point over the product of its differences from the others, -2 and 2 for +-1/2, 6 and -6 for +-3/2. At most three
// roundings, including that of 1/6.
struct StridedFilter {
    static constexpr int kIn = 3, kOut = kStridedSide;
    static void apply(const Vec (&w)[kIn], Vec (&u)[kOut]) {
        const Vec first = w[0] * kInner, second = w[2] * kInner2, middle = w[1] * kInner;
        const Vec outer_first = w[0] * (1.0f / 6), outer_second = w[2] * kInner2, outer_middle = w[1] * (1.0f / 6);
        u[0] = -first - second;
        u[1] = first - second;
        u[2] = outer_second + outer_first;
        u[3] = outer_second - outer_first;
        u[4] = w[2];
        u[5] = -middle;
        u[6] = middle;
        u[7] = outer_middle;
        u[8] = -outer_middle;
    }
};

// A^T. At most four roundings.
struct StridedOutput {
    static constexpr int kIn = kPhasePoints, kOut = 4;
    static void apply(const Vec (&m)[kIn], Vec (&y)[kOut]) {
        finite_outputs(m, y);
        y[3] += m[4];
    }
};

// A. At most four roundings.
struct StridedGradient {
    static constexpr int kIn = 4, kOut = kPhasePoints;
    static void apply(const Vec (&y)[kIn], Vec (&z)[kOut]) {
        const Vec even = y[0] + kInner2 * y[2], odd = kInner * y[1] + kInner3 * y[3];
        const Vec outer_even = y[0] + kOuter2 * y[2], outer_odd = kOuter * y[1] + kOuter3 * y[3];
        z[0] = even + odd;
        z[1] = even - odd;
        z[2] = outer_even + outer_odd;
        z[3] = outer_even - outer_odd;
        z[4] = y[3];
    }
};

// G^T. At most five roundings, including that of 1/6.
struct StridedFilterGradient {
    static constexpr int kIn = kStridedSide, kOut = 3;
    static void apply(const Vec (&u)[kIn], Vec (&w)[kOut]) {
        w[0] = (u[1] - u[0]) * kInner + (u[2] - u[3]) * (1.0f / 6);
        w[1] = (u[6] - u[5]) * kInner + (u[7] - u[8]) * (1.0f / 6);
        w[2] = ((u[2] + u[3]) - (u[0] + u[1])) * kInner2 + u[4];
    }
};

// Of dy, for dx.
struct StridedSource {
    static constexpr int kIn = kPhasePoints, kOut = kPhasePoints;
    static void apply(const Vec (&x)[kIn], Vec (&v)[kOut]) {
        finite_points(x[0], x[1], x[2], x[3], v);
        v[4] = point_at_infinity(x[0], x[2], x[4]);
    }
};

// Of dx: rows of the middle tap, and between them those of the outer two. At most four roundings.
struct StridedJoin {
    static constexpr int kIn = kStridedSide, kOut = 8;
    static void apply(const Vec (&m)[kIn], Vec (&y)[kOut]) {
        Vec outer[4], middle[4];
        finite_outputs(m, outer);
        outer[3] += m[4];
        finite_outputs(m + kPhasePoints, middle);
#pragma GCC unroll 4
        for (int i = 0; i < 4; ++i) {
            y[2 * i] = middle[i];
            y[2 * i + 1] = outer[i];
        }
    }
};

// Which point element i of a tile belongs to, and how many elements a point has along an axis.
constexpr int strided_point(int i) { return i % kPhasePoints; }
constexpr int strided_phases(int point) { return point < kFinitePoints ? 2 : 1; }

// The elements of a point lie one behind the other, point after point.
template <>
constexpr int64_t tile_position<kStridedSide>(int i, int j) {
    const int row = strided_point(i), column = strided_point(j), phases = strided_phases(row);
    // A row of points before this one has 2 x 9 elements, because only the last, infinity, has one phase.
    return 2 * kStridedSide * row + 2 * phases * column + strided_phases(column) * (i / kPhasePoints) + j / kPhasePoints;
}

// Forward: all elements of a point go into one sum.
constexpr auto kStridedProducts = [] {
    WinogradProducts<kPhasePoints * kPhasePoints> products{};
    for (int i = 0; i < kPhasePoints; ++i)
        for (int j = 0; j < kPhasePoints; ++j) {
            const auto first = static_cast<int32_t>(tile_position<kStridedSide>(i, j));
            products.list[kPhasePoints * i + j] = {first, first, kPhasePoints * i + j, strided_phases(i) * strided_phases(j)};
        }
    return products;
}();

// dx: each element of a point has a result of its own.
constexpr auto kStridedInputProducts = [] {
    WinogradProducts<kStridedSide * kStridedSide> products{};
    int next = 0;
    for (const WinogradProduct& point : kStridedProducts.list)
        for (int32_t i = 0; i < point.terms; ++i) products.list[next++] = {point.m, point.u + i, point.u + i, 1};
    return products;
}();

constexpr void fill_winograd_strided(KernelTable& table) {
    constexpr int64_t elements = kStridedSide * kStridedSide, points = kPhasePoints * kPhasePoints;
    table.winograd_strided = {StridedOutput::kOut,
                              StridedFilter::kIn,
                              StridedInput::kIn,
                              2 * StridedOutput::kOut,
                              elements,
                              elements,
                              points,
                              kStridedProducts.list,
                              points,
                              winograd_filter<StridedFilter>,
                              winograd_filter_gradient<StridedFilterGradient>,
                              winograd_tiles<StridedInput, 2 * StridedOutput::kOut>,
                              winograd_tiles<StridedGradient, StridedOutput::kOut>,
                              winograd_output<StridedOutput>};
    table.winograd_strided_input = {StridedJoin::kOut,
                                    StridedFilter::kIn,
                                    StridedSource::kIn,
                                    StridedOutput::kOut,
                                    points,
                                    elements,
                                    elements,
                                    kStridedInputProducts.list,
                                    elements,
                                    winograd_filter<StridedFilter>,
                                    nullptr,
                                    winograd_tiles<StridedSource, StridedOutput::kOut>,
                                    nullptr,
                                    winograd_output<StridedJoin>};
}

}  // namespace
}  // namespace pycnn
