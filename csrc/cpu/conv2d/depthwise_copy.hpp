// The padded copy of a plane that a filter of one channel goes over.
#pragma once

#include <algorithm>
#include <vector>

#include "core/memory.hpp"
#include "core/shape.hpp"
#include "cpu/gemm.hpp"

namespace pycnn {

// Rows of outputs whose padded copy, `line` floats a row of the input, fits half of the smallest L2 in use.
inline int64_t depthwise_band_rows(int64_t rows, int64_t line, int64_t stride, int64_t extent) {
    return std::clamp<int64_t>((kPanelFloats / line - extent) / stride + 1, 1, rows);
}

// The padded copy of a band of the input, with columns sorted by phase, and where each tap of output (0, 0) lies in it.
struct DepthwiseCopy {
    int64_t pitch, line, band, size;
    std::vector<int64_t> offsets;

    DepthwiseCopy(const ConvShape& s, const KernelTable& table) {
        const int64_t extent_h = (s.R - 1) * s.dilation.h + 1, extent_w = (s.S - 1) * s.dilation.w + 1;
        pitch = ceil_div((s.Q - 1) * s.stride.w + extent_w, s.stride.w);
        line = pitch * s.stride.w;
        band = depthwise_band_rows(s.P, line, s.stride.h, extent_h);
        size = whole_lines(rows(s, band) * line + table.lanes);
        for (int64_t r = 0; r < s.R; ++r)
            for (int64_t t = 0; t < s.S; ++t) {
                const int64_t column = t * s.dilation.w;
                offsets.push_back(r * s.dilation.h * line + column % s.stride.w * pitch + column / s.stride.w);
            }
    }

    static int64_t rows(const ConvShape& s, int64_t outputs) {
        return (outputs - 1) * s.stride.h + (s.R - 1) * s.dilation.h + 1;
    }
    PlaneFilter filter(const ConvShape& s) const { return {s.R * s.S, offsets.data(), s.stride.h * line}; }

    // Calls f(first output row, output rows) with the copy of each band of the plane in `copy`.
    template <class F>
    void for_each_band(const ConvShape& s, const KernelTable& table, const float* plane, float* copy, F&& f) const {
        for (int64_t p = 0; p < s.P; p += band) {
            const int64_t count = std::min(band, s.P - p);
            table.pad_plane({s.H, s.W, p * s.stride.h - s.pad.top, -s.pad.left, rows(s, count), s.stride.w, pitch}, plane,
                            copy);
            f(p, count);
        }
    }
};

}  // namespace pycnn
