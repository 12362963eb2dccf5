// Winograd's transforms along one axis, for filters as wide as the image (see cpu/conv2d/winograd_rows.hpp): 3, 4 or 5 rows of taps make
// tiles of 4, 3 or 2 rows of outputs. Lanes run along a row: of the image, of a filter, or of the filters' results.
//
// The matrices are those of isa/winograd.hpp, whose points serve any number of taps; those of 4 taps follow here.
#pragma once

#include "cpu/isa/simd.hpp"
#include "cpu/isa/winograd.hpp"
#include "cpu/kernel_table.hpp"

namespace pycnn {
namespace {

// At most four roundings, including that of the constant.
template <>
struct WinogradFilter<4> {
    static constexpr int kIn = 4, kOut = 6;
    static void apply(const Vec (&w)[kIn], Vec (&u)[kOut]) {
        const Vec even = w[0] * (-81.0f / 130) - w[2] * (18.0f / 65), odd = w[1] * (27.0f / 65) + w[3] * (12.0f / 65);
        const Vec far_even = w[0] * (8.0f / 65) + w[2] * (18.0f / 65), far_odd = w[1] * (12.0f / 65) + w[3] * (27.0f / 65);
        u[0] = w[0];
        u[1] = even - odd;
        u[2] = even + odd;
        u[3] = far_even + far_odd;
        u[4] = far_even - far_odd;
        u[5] = w[3];
    }
};

template <>
struct WinogradOutput<3> {
    static constexpr int kIn = 6, kOut = 3;
    static void apply(const Vec (&m)[kIn], Vec (&y)[kOut]) {
        const Vec sum = m[1] + m[2], far_sum = m[3] + m[4];
        y[0] = m[0] + sum + far_sum;
        y[1] = kNear * (m[1] - m[2]) + kFar * (m[3] - m[4]);
        y[2] = kNear2 * sum + kFar2 * far_sum + m[5];
    }
};

template <>
struct WinogradGradient<3> {
    static constexpr int kIn = 3, kOut = 6;
    static void apply(const Vec (&y)[kIn], Vec (&z)[kOut]) {
        const Vec even = y[0] + kNear2 * y[2], far_even = y[0] + kFar2 * y[2];
        z[0] = y[0];
        z[1] = even + kNear * y[1];
        z[2] = even - kNear * y[1];
        z[3] = far_even + kFar * y[1];
        z[4] = far_even - kFar * y[1];
        z[5] = y[2];
    }
};

// At most five roundings, including that of the constant.
template <>
struct WinogradFilterGradient<4> {
    static constexpr int kIn = 6, kOut = 4;
    static void apply(const Vec (&u)[kIn], Vec (&w)[kOut]) {
        const Vec sum = u[1] + u[2], difference = u[2] - u[1];
        const Vec far_sum = u[3] + u[4], far_difference = u[3] - u[4];
        w[0] = u[0] + (far_sum * (8.0f / 65) - sum * (81.0f / 130));
        w[1] = difference * (27.0f / 65) + far_difference * (12.0f / 65);
        w[2] = (far_sum - sum) * (18.0f / 65);
        w[3] = difference * (12.0f / 65) + far_difference * (27.0f / 65) + u[5];
    }
};

template <class Transform>
void transform_rows(int64_t count, const float* const* from, float* const* to) {
    constexpr int in = Transform::kIn, out = Transform::kOut;
    Vec element[in], transformed[out];
    int64_t i = 0;
    for (; i + kLanes <= count; i += kLanes) {
        for (int j = 0; j < in; ++j) element[j] = load(from[j] + i);
        Transform::apply(element, transformed);
        for (int j = 0; j < out; ++j) store(to[j] + i, transformed[j]);
    }
    if (i == count) return;
    for (int j = 0; j < in; ++j) element[j] = load_first(from[j] + i, count - i);
    Transform::apply(element, transformed);
    for (int j = 0; j < out; ++j) store_first(to[j] + i, transformed[j], count - i);
}

template <int Taps>
constexpr RowWinogradKernels row_winograd_kernels() {
    constexpr int tile = 7 - Taps;
    return {tile,
            Taps,
            transform_rows<WinogradFilter<Taps>>,
            transform_rows<WinogradFilterGradient<Taps>>,
            transform_rows<WinogradInput>,
            transform_rows<WinogradGradient<tile>>,
            transform_rows<WinogradOutput<tile>>};
}

constexpr void fill_winograd_rows(KernelTable& table) {
    table.row_winograd[0] = row_winograd_kernels<3>();
    table.row_winograd[1] = row_winograd_kernels<4>();
    table.row_winograd[2] = row_winograd_kernels<5>();
}

}  // namespace
}  // namespace pycnn
