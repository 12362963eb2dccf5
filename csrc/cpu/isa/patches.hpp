// Copies that turn images into GEMM operands. See kernel_table.hpp for the layouts.
#pragma once

#include "cpu/isa/simd.hpp"
#include "cpu/kernel_table.hpp"

namespace pycnn {
namespace {

void pack_patches(const PatchRows& rows, const Segment* segments, int64_t count, float* target, int64_t width) {
    for (int64_t c = 0; c < rows.channels; ++c)
        for (int64_t r = 0; r < rows.row_taps; ++r)
            for (int64_t s = 0; s < rows.column_taps; ++s, target += width) {
                const float* source =
                    rows.base + c * rows.channel_stride + rows.row_offsets[r] + rows.column_offsets[s];
                // A segment's last vector may reach into the next one, which is written after it.
                for (int64_t i = 0; i < count; ++i)
                    for (int32_t v = 0; v < segments[i].vectors; ++v)
                        store(target + segments[i].target + v * kLanes,
                              load(source + segments[i].source + v * kLanes));
            }
}

void pad_plane(const PaddedCopy& g, const float* plane, float* target) {
    for (int64_t i = 0; i < g.rows; ++i) {
        const int64_t h = g.first_row + i;
        for (int64_t phase = 0; phase < g.phases; ++phase, target += g.pitch) {
            if (h < 0 || h >= g.height) {
                for (int64_t t = 0; t < g.pitch; ++t) target[t] = 0.0f;
                continue;
            }
            // Columns first + t * phases, of which those with begin <= t < end are inside the plane.
            const int64_t first = g.first_column + phase;
            int64_t begin = first >= 0 ? 0 : (-first + g.phases - 1) / g.phases;
            int64_t end = first >= g.width ? 0 : (g.width - first + g.phases - 1) / g.phases;
            if (end > g.pitch) end = g.pitch;
            if (begin > end) begin = end;
            const float* source = plane + h * g.width + first;
            for (int64_t t = 0; t < begin; ++t) target[t] = 0.0f;
            if (g.phases == 1) {
                for (int64_t t = begin; t < end; ++t) target[t] = source[t];
            } else {
                for (int64_t t = begin; t < end; ++t) target[t] = source[t * g.phases];
            }
            for (int64_t t = end; t < g.pitch; ++t) target[t] = 0.0f;
        }
    }
}

}  // namespace
}  // namespace pycnn
