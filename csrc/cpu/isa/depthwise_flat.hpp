// Correlation of planes whose rows lie side by side, as one long row: a vector runs over the ends of rows, so that short rows
// waste no lanes. Beyond an end lies the next row, so the taps of one column displacement are summed apart and masked where
// they leave the plane. See FlatFilter in kernel_table.hpp.
#pragma once

#include "cpu/isa/simd.hpp"
#include "cpu/kernel_table.hpp"

namespace pycnn {
namespace {

// Outputs of a filter of any shape kept at a time: 4 sums, 4 parts and a weight of 16 registers; a weight serves 4 loads.
constexpr int kFlatVectors = 4;
// Sums of a weight gradient of any shape kept at a time: with dy, the mask and a product 11 of 16 registers. Eight
// multiply-adds of 4 cycles, two a cycle, wait for nothing.
constexpr int kFlatSums = 8;

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

// Filters with everything known at compile time: `Free` taps that need no mask, and for each shift `Each` taps, of which tap r
// lies `shift` floats behind the r-th free one. The weights stay in registers, and few pointers reach all taps.
template <int Free, int Each, int... Shifts>
void flat_unrolled(const FlatFilter& f, const float* w, float bias, const float* x, int64_t count, float* y) {
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

// V vectors of outputs from y[i] on, for a filter of any shape.
template <int V>
inline void flat_block(const FlatFilter& f, const float* w, float bias, const float* x, int64_t i, int64_t column, float* y,
                       int64_t writable) {
    const FlatColumns columns(f);
    Vec sum[V];
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) sum[v] = broadcast(bias);
    int64_t k = 0;
    const auto add = [&](Vec(&total)[V], int64_t taps) {
        for (const int64_t end = k + taps; k < end; ++k) {
            const Vec weight = broadcast(w[f.taps[k]]);
            const float* source = x + f.offsets[k] + i;
#pragma GCC unroll 4
            for (int v = 0; v < V; ++v) total[v] += weight * load(source + v * kLanes);
        }
    };
    add(sum, f.sizes[0]);
    for (int64_t g = 0; g < f.groups; ++g) {
        Vec part[V] = {};
        add(part, f.sizes[g + 1]);
        const int32_t* masks = f.masks + g * f.mask_pitch;
        int64_t at = column;
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) {
            sum[v] += keep(part[v], load_mask(masks + at));
            at = columns.next(at);
        }
    }
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) store_at_most(y + i + v * kLanes, sum[v], writable - i - v * kLanes);
}

void flat_any(const FlatFilter& f, const float* w, float bias, const float* x, int64_t count, float* y) {
    const FlatColumns columns(f);
    int64_t i = 0, column = 0;
    for (; i + kFlatVectors * kLanes <= count; i += kFlatVectors * kLanes) {
        flat_block<kFlatVectors>(f, w, bias, x, i, column, y, count);
        for (int v = 0; v < kFlatVectors; ++v) column = columns.next(column);
    }
    const int64_t left = (count - i + kLanes - 1) / kLanes;
    if (left == 0) return;
    if (count >= left * kLanes) {
        const int64_t from = count - left * kLanes;
        column = columns.before(column, i - from);
        i = from;
    }
    if (left == 1) return flat_block<1>(f, w, bias, x, i, column, y, count);
    if (left == 2) return flat_block<2>(f, w, bias, x, i, column, y, count);
    if (left == 3) return flat_block<3>(f, w, bias, x, i, column, y, count);
    flat_block<4>(f, w, bias, x, i, column, y, count);
}

void flat_correlation(const FlatFilter& f, const float* w, float bias, const float* x, int64_t count, float* y) {
    switch (f.kind) {
        case FlatKind::beside_3:
            return flat_unrolled<3, 3, -1, 1>(f, w, bias, x, count, y);
        case FlatKind::before_3:
            return flat_unrolled<6, 3, -1>(f, w, bias, x, count, y);
        case FlatKind::behind_3:
            return flat_unrolled<6, 3, 1>(f, w, bias, x, count, y);
        case FlatKind::free_1:
            return flat_unrolled<1, 0>(f, w, bias, x, count, y);
        case FlatKind::free_2:
            return flat_unrolled<2, 0>(f, w, bias, x, count, y);
        case FlatKind::behind_1:
            return flat_unrolled<1, 1, 1>(f, w, bias, x, count, y);
        case FlatKind::behind_2:
            return flat_unrolled<2, 2, 1>(f, w, bias, x, count, y);
        case FlatKind::any:
            return flat_any(f, w, bias, x, count, y);
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

// The gradient of flat_unrolled's filters, and of the bias. Factors are masked, not products: zero times a NaN would be NaN.
template <int Free, int Each, int... Shifts>
void flat_unrolled_gradient(const FlatFilter& f, int64_t column, const float* x, int64_t count, const float* dy, float* sums,
                            float* bias) {
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

// The gradients of taps k to k + Taps of one group; without `Masked`, of the free ones.
template <int Taps, bool Masked>
void flat_gradient_block(const FlatFilter& f, int64_t k, const int32_t* mask, int64_t column, const float* x, int64_t count,
                         const float* dy, float* sums) {
    Vec sum[Taps];
    const float* source[Taps];
#pragma GCC unroll 8
    for (int t = 0; t < Taps; ++t) {
        sum[t] = load(sums + f.taps[k + t] * kLanes);
        source[t] = x + f.offsets[k + t];
    }
    for_flat_products(f, column, count, dy, [&](int64_t i, int64_t at, Vec gradient, auto&& inside) {
        const IntVec kept = Masked ? load_mask(mask + at) : IntVec{};
#pragma GCC unroll 8
        for (int t = 0; t < Taps; ++t) {
            const Vec factor = load(source[t] + i);
            sum[t] += gradient * inside(Masked ? keep(factor, kept) : factor);
        }
    });
#pragma GCC unroll 8
    for (int t = 0; t < Taps; ++t) store(sums + f.taps[k + t] * kLanes, sum[t]);
}

template <int Taps, bool Masked>
inline void flat_gradient_blocks(int64_t taps, const FlatFilter& f, int64_t k, const int32_t* mask, int64_t column,
                                 const float* x, int64_t count, const float* dy, float* sums) {
    if constexpr (Taps > 0) {
        if (taps < Taps) return flat_gradient_blocks<Taps - 1, Masked>(taps, f, k, mask, column, x, count, dy, sums);
        flat_gradient_block<Taps, Masked>(f, k, mask, column, x, count, dy, sums);
    }
}

void flat_any_gradient(const FlatFilter& f, int64_t column, const float* x, int64_t count, const float* dy, float* sums,
                       float* bias) {
    Vec total = load(bias);
    for_flat_products(f, 0, count, dy, [&](int64_t, int64_t, Vec gradient, auto&&) { total += gradient; });
    store(bias, total);
    int64_t k = 0;
    for (int64_t g = 0; g <= f.groups; ++g) {
        // Blocks of nearly equal size: 10 taps are 5 + 5.
        const int64_t blocks = (f.sizes[g] + kFlatSums - 1) / kFlatSums;
        for (int64_t b = 0; b < blocks; ++b) {
            const int64_t from = f.sizes[g] * b / blocks, taps = f.sizes[g] * (b + 1) / blocks - from;
            if (g == 0) {
                flat_gradient_blocks<kFlatSums, false>(taps, f, k + from, nullptr, column, x, count, dy, sums);
            } else {
                const int32_t* mask = f.masks + (g - 1) * f.mask_pitch;
                flat_gradient_blocks<kFlatSums, true>(taps, f, k + from, mask, column, x, count, dy, sums);
            }
        }
        k += f.sizes[g];
    }
}

void flat_gradient(const FlatFilter& f, int64_t column, const float* x, int64_t count, const float* dy, float* sums,
                   float* bias) {
    switch (f.kind) {
        case FlatKind::beside_3:
            return flat_unrolled_gradient<3, 3, -1, 1>(f, column, x, count, dy, sums, bias);
        case FlatKind::before_3:
            return flat_unrolled_gradient<6, 3, -1>(f, column, x, count, dy, sums, bias);
        case FlatKind::behind_3:
            return flat_unrolled_gradient<6, 3, 1>(f, column, x, count, dy, sums, bias);
        default:
            return flat_any_gradient(f, column, x, count, dy, sums, bias);
    }
}

constexpr void fill_depthwise_flat(KernelTable& table) {
    table.flat_correlation = flat_correlation;
    table.flat_gradient = flat_gradient;
}

}  // namespace
}  // namespace pycnn
