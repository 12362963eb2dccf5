// Correlation of planes whose rows lie side by side, as one long row: a vector runs over the ends of rows, so that short rows
// waste no lanes. Beyond an end lies the next row, so the taps of one column displacement are summed apart and masked where
// they leave the plane. See FlatFilter in kernel_table.hpp.
#pragma once

#include "cpu/isa/simd.hpp"
#include "cpu/kernel_table.hpp"

namespace pycnn {
namespace {

inline IntVec load_mask(const int32_t* p) {
    IntVec mask;
    memcpy(&mask, p, sizeof mask);
    return mask;
}
inline Vec keep(Vec v, IntVec mask) { return reinterpret_cast<Vec>(reinterpret_cast<IntVec>(v) & mask); }

// Columns of vectors side by side. Copies of the numbers that the compiler would read again after each store.
struct FlatColumns {
    int64_t pitch, step;

    explicit FlatColumns(const FlatFilter& f) : pitch(f.pitch), step(f.step) {}
    int64_t next(int64_t column) const {
        column += step;
        return column < pitch ? column : column - pitch;
    }
    int64_t before(int64_t column, int64_t back) const {
        column -= back;
        while (column < 0) column += pitch;
        return column;
    }
};

// y[i] = output(i, column) for `count` outputs: the last vector is moved back to end with them, where they fill one. What it computes
// twice is the same.
template <class F>
inline void store_flat_vectors(const FlatFilter& f, int64_t count, float* y, F&& output) {
    if (count < kLanes) return store_first(y, output(0, 0), count);
    const FlatColumns columns(f);
    int64_t i = 0, column = 0;
    for (; i + kLanes <= count; i += kLanes, column = columns.next(column)) store(y + i, output(i, column));
    if (i == count) return;
    const int64_t last = count - kLanes;
    store(y + last, output(last, columns.before(column, i - last)));
}

// `Free` taps need no mask; for each shift there are `Each` taps, of which tap r lies `shift` floats behind the r-th free one. So the
// weights stay in registers, and few pointers reach all taps.
template <int Free, int Each, int... Shifts>
void flat_outputs(const FlatFilter& f, const float* w, float bias, const float* x, int64_t count, float* y) {
    constexpr int kGroups = sizeof...(Shifts), kTaps = Free + kGroups * Each, kShifts[] = {Shifts..., 0};
    Vec weight[kTaps];
#pragma GCC unroll 16
    for (int k = 0; k < kTaps; ++k) weight[k] = broadcast(w[f.taps[k]]);
    const float* source[Free];
#pragma GCC unroll 16
    for (int k = 0; k < Free; ++k) source[k] = x + f.offsets[k];
    const int32_t* mask[kGroups + 1];
#pragma GCC unroll 2
    for (int g = 0; g < kGroups; ++g) mask[g] = f.masks + g * f.mask_pitch;
    const Vec start = broadcast(bias);
    store_flat_vectors(f, count, y, [&](int64_t i, int64_t column) {
        Vec sum = start;
#pragma GCC unroll 16
        for (int k = 0; k < Free; ++k) sum += weight[k] * load(source[k] + i);
#pragma GCC unroll 2
        for (int g = 0; g < kGroups; ++g) {
            Vec part = weight[Free + g * Each] * load(source[0] + i + kShifts[g]);
#pragma GCC unroll 4
            for (int r = 1; r < Each; ++r) part += weight[Free + g * Each + r] * load(source[r] + i + kShifts[g]);
            sum += keep(part, load_mask(mask[g] + column));
        }
        return sum;
    });
}

void flat_correlation(const FlatFilter& f, const float* w, float bias, const float* x, int64_t count, float* y) {
    switch (f.kind) {
        case FlatKind::free_1:
            return flat_outputs<1, 0>(f, w, bias, x, count, y);
        case FlatKind::free_2:
            return flat_outputs<2, 0>(f, w, bias, x, count, y);
        case FlatKind::before_1:
            return flat_outputs<1, 1, -1>(f, w, bias, x, count, y);
        case FlatKind::before_2:
            return flat_outputs<2, 2, -1>(f, w, bias, x, count, y);
        case FlatKind::behind_1:
            return flat_outputs<1, 1, 1>(f, w, bias, x, count, y);
        case FlatKind::behind_2:
            return flat_outputs<2, 2, 1>(f, w, bias, x, count, y);
        case FlatKind::before_3:
            return flat_outputs<6, 3, -1>(f, w, bias, x, count, y);
        case FlatKind::behind_3:
            return flat_outputs<6, 3, 1>(f, w, bias, x, count, y);
        case FlatKind::beside_3:
            return flat_outputs<3, 3, -1, 1>(f, w, bias, x, count, y);
    }
}

// Calls compute(i, column, dy, inside) for whole vectors of products with `inside` null, and then for those that are left.
template <class F>
inline void for_flat_products(const FlatFilter& f, int64_t column, int64_t count, const float* dy, F&& compute) {
    const FlatColumns columns(f);
    int64_t i = 0;
    for (; i + kLanes <= count; i += kLanes, column = columns.next(column))
        compute(i, column, load(dy + i), [](Vec v) { return v; });
    if (i == count) return;
    const IntVec inside = lane_numbers() < static_cast<int32_t>(count - i);
    compute(i, column, load_inside(dy + i, 0, count - i, 0.0f), [&](Vec v) { return keep(v, inside); });
}

// The gradient of flat_outputs's filters, and of the bias. Factors are masked, not products: zero times a NaN would be NaN.
template <int Free, int Each, int... Shifts>
void flat_sums(const FlatFilter& f, int64_t column, const float* x, int64_t count, const float* dy, float* sums, float* bias) {
    constexpr int kGroups = sizeof...(Shifts), kTaps = Free + kGroups * Each, kShifts[] = {Shifts..., 0};
    Vec sum[kTaps], total = load(bias);
#pragma GCC unroll 16
    for (int k = 0; k < kTaps; ++k) sum[k] = load(sums + f.taps[k] * kLanes);
    const float* source[Free];
#pragma GCC unroll 16
    for (int k = 0; k < Free; ++k) source[k] = x + f.offsets[k];
    const int32_t* masks[kGroups];
#pragma GCC unroll 2
    for (int g = 0; g < kGroups; ++g) masks[g] = f.masks + g * f.mask_pitch;
    for_flat_products(f, column, count, dy, [&](int64_t i, int64_t at, Vec gradient, auto&& inside) {
        total += gradient;
#pragma GCC unroll 16
        for (int k = 0; k < Free; ++k) sum[k] += gradient * inside(load(source[k] + i));
#pragma GCC unroll 2
        for (int g = 0; g < kGroups; ++g) {
            const IntVec mask = load_mask(masks[g] + at);
#pragma GCC unroll 4
            for (int r = 0; r < Each; ++r)
                sum[Free + g * Each + r] += gradient * inside(keep(load(source[r] + i + kShifts[g]), mask));
        }
    });
#pragma GCC unroll 16
    for (int k = 0; k < kTaps; ++k) store(sums + f.taps[k] * kLanes, sum[k]);
    store(bias, total);
}

void flat_gradient(const FlatFilter& f, int64_t column, const float* x, int64_t count, const float* dy, float* sums,
                   float* bias) {
    if (f.kind == FlatKind::beside_3) return flat_sums<3, 3, -1, 1>(f, column, x, count, dy, sums, bias);
    if (f.kind == FlatKind::before_3) return flat_sums<6, 3, -1>(f, column, x, count, dy, sums, bias);
    flat_sums<6, 3, 1>(f, column, x, count, dy, sums, bias);
}

constexpr void fill_depthwise_flat(KernelTable& table) {
    table.flat_correlation = flat_correlation;
    table.flat_gradient = flat_gradient;
}

}  // namespace
}  // namespace pycnn
