// Copies that make GEMM operands of images. See kernel_table.hpp for the layouts.
#pragma once

#include "cpu/isa/simd.hpp"
#include "cpu/kernel_table.hpp"

namespace pycnn {
namespace {

void pack_rows(const float* base, const int64_t* offsets, int64_t depth, const Segment* segments, int64_t count, float* target,
               int64_t pitch) {
    for (int64_t k = 0; k < depth; ++k, target += pitch) {
        const float* row = base + offsets[k];
        // A segment's last vector may reach into the next segment, or the next row, which are written later.
        for (int64_t i = 0; i < count; ++i) {
            const float* from = row + segments[i].source;
            float* to = target + segments[i].target;
            for (int64_t j = 0; j < segments[i].length; j += kLanes) store(to + j, load(from + j));
        }
    }
}

// With one or two phases, each run of a phase is zeros, whole vectors of the plane, zeros; the excess of a vector that is too long is
// overwritten by what follows.
template <int Phases>
inline void pad_runs(const PaddedCopy& g, const float* plane, float* target) {
    int64_t begin[Phases], end[Phases];
    for (int f = 0; f < Phases; ++f) {
        const int64_t column = g.first_column + f;  // column of the run's element 0
        begin[f] = column < 0 ? (-column + Phases - 1) / Phases : 0;
        end[f] = column < g.width ? (g.width - column + Phases - 1) / Phases : 0;
        if (begin[f] > g.pitch) begin[f] = g.pitch;
        if (end[f] > g.pitch) end[f] = g.pitch;
        if (end[f] < begin[f]) end[f] = begin[f];
    }
    const auto fill = [](float* from, const float* to, int64_t room) {
        for (; from < to; from += kLanes, room -= kLanes) store_at_most(from, Vec{}, room);
    };
    int64_t room = g.rows * Phases * g.pitch;
    for (int64_t i = 0; i < g.rows; ++i) {
        const int64_t h = g.first_row + i;
        const bool inside = h >= 0 && h < g.height;
        for (int f = 0; f < Phases; ++f, target += g.pitch, room -= g.pitch) {
            const int64_t last = inside ? end[f] : begin[f];
            fill(target, target + begin[f], room);
            for (int64_t t = begin[f]; t < last; t += kLanes) {
                const int64_t at = h * g.width + g.first_column + f + t * Phases, readable = g.height * g.width - at;
                const Vec v = Phases == 1 ? load_at_most(plane + at, readable)
                                          : even_lanes(load_at_most(plane + at, readable),
                                                       load_at_most(plane + at + kLanes, readable - kLanes));
                store_at_most(target + t, v, room - t);
            }
            fill(target + last, target + g.pitch, room - last);
        }
    }
}

// target[phase * pitch + t] = source[t * phases + phase] for t in [begin, end). If the number of phases is known at compile
// time (0: it is not), the loads of all phases are whole vectors that shuffles take apart.
template <int Phases>
void split_phases(const float* __restrict source, float* __restrict target, int64_t begin, int64_t end, int64_t any_phases,
                  int64_t pitch) {
    const int64_t phases = Phases ? Phases : any_phases;
    for (int64_t t = begin; t < end; ++t)
        for (int64_t phase = 0; phase < phases; ++phase) target[phase * pitch + t] = source[t * phases + phase];
}

void pad_plane(const PaddedCopy& g, const float* plane, float* target) {
    if (g.phases == 1) return pad_runs<1>(g, plane, target);
    if (g.phases == 2) return pad_runs<2>(g, plane, target);
    const auto split = g.phases == 4 ? split_phases<4> : split_phases<0>;
    const int64_t line = g.phases * g.pitch;
    // Element e = t * phases + phase of a row is column first_column + e; e in [first, last) lies in the plane. For t in [begin, end)
    // all phases are inside; the few other elements are copied one by one.
    const int64_t first = g.first_column < 0 ? -g.first_column : 0;
    int64_t last = g.width - g.first_column;
    if (last > line) last = line;
    int64_t begin = (first + g.phases - 1) / g.phases, end = last > first ? last / g.phases : 0;
    if (end < begin) end = begin;
    for (int64_t i = 0; i < g.rows; ++i, target += line) {
        const int64_t h = g.first_row + i;
        for (int64_t e = 0; e < line; ++e) target[e] = 0.0f;
        if (h < 0 || h >= g.height) continue;
        const float* source = plane + h * g.width + g.first_column;
        split(source, target, begin, end, g.phases, g.pitch);
        for (int64_t e = first; e < last; ++e) {
            if (e == begin * g.phases) e = end * g.phases;
            if (e < last) target[e % g.phases * g.pitch + e / g.phases] = source[e];
        }
    }
}

constexpr void fill_patches(KernelTable& table) {
    table.pack_rows = pack_rows;
    table.pad_plane = pad_plane;
}

}  // namespace
}  // namespace pycnn
