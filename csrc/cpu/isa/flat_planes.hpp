// Copies between planes and the flat planes of depthwise_flat.hpp.
#pragma once

#include "cpu/isa/simd.hpp"
#include "cpu/kernel_table.hpp"

namespace pycnn {
namespace {

inline Vec load_up_to(const float* p, int64_t count) { return count >= kLanes ? load(p) : load_inside(p, 0, count, 0.0f); }

// Whole vectors: up to lanes - 1 floats behind are written, too.
inline void fill_zeros(float* target, int64_t count) {
    for (int64_t t = 0; t < count; t += kLanes) store(target + t, Vec{});
}
inline void copy_floats(const float* source, int64_t count, float* target) {
    int64_t t = 0;
    for (; t + kLanes <= count; t += kLanes) store(target + t, load(source + t));
    if (t < count) store(target + t, load_up_to(source + t, count - t));
}

// The columns 2 t and 2 t + 1 of a row for t < pitch, of which `width` exist. A load reads vectors.
template <class Load>
inline void split_pairs(const Load& load_vector, int64_t width, float* even, float* odd, int64_t pitch) {
    for (int64_t t = 0; t < pitch; t += kLanes) {
        const Vec a = load_vector(2 * t), b = load_vector(2 * t + kLanes);
        store(even + t, even_lanes(a, b));
        store(odd + t, odd_lanes(a, b));
    }
    for (int64_t t = (width + 1) / 2; t < pitch; ++t) even[t] = 0.0f;
    for (int64_t t = width / 2; t < pitch; ++t) odd[t] = 0.0f;
}

// Rows are written in order: the excess of a vector is overwritten by the next row.
void split_plane(const SplitCopy& g, const float* plane, float* target) {
    int64_t begin = g.first_row < 0 ? (-g.first_row + g.row_step - 1) / g.row_step : 0;
    int64_t end = g.first_row < g.height ? (g.height - g.first_row + g.row_step - 1) / g.row_step : 0;
    if (end > g.rows) end = g.rows;
    if (begin > end) begin = end;
    const float* row = plane + (g.first_row + begin * g.row_step) * g.width;
    const int64_t step = g.row_step * g.width, before = begin * g.pitch, inside = (end - begin) * g.pitch;
    float *first = target + before, *behind = first + inside;
    for (int64_t f = 0; f < g.phases; ++f) fill_zeros(target + f * g.phase_pitch, before);
    if (g.phases == 1 && g.row_step == 1 && g.width == g.pitch) {
        copy_floats(row, inside, first);
    } else if (g.phases == 1) {
        const int64_t count = g.width < g.pitch ? g.width : g.pitch;
        for (; first < behind; first += g.pitch, row += step) {
            copy_floats(row, count, first);
            fill_zeros(first + count, g.pitch - count);
        }
    } else {
        // The vectors of a row end behind it, and those of the last rows behind the plane.
        const int64_t whole = (g.pitch + kLanes - 1) / kLanes * 2 * kLanes;
        int64_t readable = g.height * g.width - (row - plane);
        for (; first < behind; first += g.pitch, row += step, readable -= step)
            if (readable >= whole) {
                split_pairs([=](int64_t i) { return load(row + i); }, g.width, first, first + g.phase_pitch, g.pitch);
            } else {
                split_pairs([=](int64_t i) { return load_up_to(row + i, readable - i); }, g.width, first, first + g.phase_pitch,
                            g.pitch);
            }
    }
    for (int64_t f = 0; f < g.phases; ++f) fill_zeros(behind + f * g.phase_pitch, (g.rows - end) * g.pitch);
}

// Rows are written in order, as above.
void join_grids(const JoinedGrids& g, const float* grids, float* target) {
    const int64_t row_grids = g.column_phases * g.grid_pitch;
    int64_t writable = g.writable;
    for (int64_t h = 0; h < g.rows; grids += g.pitch)
        for (int64_t a = 0; a < g.row_phases && h < g.rows; ++a, ++h, target += g.width, writable -= g.width) {
            const float *even = grids + a * row_grids, *odd = even + g.grid_pitch;
            if (g.column_phases == 1) {
                for (int64_t v = 0; v < g.width; v += kLanes) store_at_most(target + v, load(even + v), writable - v);
                continue;
            }
            for (int64_t v = 0; v < g.width; v += 2 * kLanes) {
                const Vec x = load(even + v / 2), y = load(odd + v / 2);
                store_at_most(target + v, interleave_low(x, y), writable - v);
                store_at_most(target + v + kLanes, interleave_high(x, y), writable - v - kLanes);
            }
        }
}

constexpr void fill_flat_planes(KernelTable& table) {
    table.split_plane = split_plane;
    table.join_grids = join_grids;
}

}  // namespace
}  // namespace pycnn
