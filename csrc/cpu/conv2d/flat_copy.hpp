// The copies of a plane that a filter of one channel goes over as flat planes (isa/depthwise_flat.hpp): one for each phase of its rows
// that a tap meets, and for each phase of its columns.
#pragma once

#include <algorithm>
#include <vector>

#include "core/memory.hpp"
#include "core/shape.hpp"
#include "cpu/conv2d/flat_filter.hpp"

namespace pycnn {

struct FlatCopy {
    FlatAxis rows, columns;
    std::vector<int64_t> row_phases;
    int64_t band, before, plane, size;

    FlatCopy(const ConvShape& s, int lanes)
        : rows(s.R, s.stride.h, s.dilation.h, s.pad.top),
          columns(s.S, s.stride.w, s.dilation.w, s.pad.left),
          row_phases(rows.phases) {
        std::sort(row_phases.begin(), row_phases.end());
        row_phases.erase(std::unique(row_phases.begin(), row_phases.end()), row_phases.end());
        const int64_t copies = static_cast<int64_t>(row_phases.size()) * s.stride.w, extent = rows.last - rows.first;
        band = flat_band_rows(s.P, s.Q * copies, extent);
        before = whole_lines(std::max<int64_t>(-columns.first, 0));
        plane = before + whole_lines((band + extent) * s.Q + std::max<int64_t>(columns.last, 0) + lanes);
        size = copies * plane;
    }

    FlatTaps taps(const ConvShape& s, int lanes) const {
        std::vector<FlatTap> list;
        for (int64_t r = 0; r < s.R; ++r) {
            const int64_t phase = std::lower_bound(row_phases.begin(), row_phases.end(), rows.phases[r]) - row_phases.begin();
            for (int64_t t = 0; t < s.S; ++t)
                list.push_back({r * s.S + t,
                                (phase * s.stride.w + columns.phases[t]) * plane + before +
                                    (rows.shifts[r] - rows.first) * s.Q + columns.shifts[t],
                                columns.shifts[t]});
        }
        return FlatTaps(list, s.Q, lanes);
    }

    // Calls f(first output row, output rows) with the copies of each band of the plane in `area`.
    template <class F>
    void for_each_band(const ConvShape& s, const KernelTable& table, const float* x, float* area, F&& f) const {
        for (int64_t p = 0; p < s.P; p += band) {
            const int64_t count = std::min(band, s.P - p);
            float* target = area + before;
            for (int64_t phase : row_phases) {
                table.split_plane({s.H, s.W, (p + rows.first) * s.stride.h + phase, s.stride.h, count + rows.last - rows.first,
                                   s.stride.w, plane, s.Q},
                                  x, target);
                target += s.stride.w * plane;
            }
            f(p, count);
        }
    }
};

}  // namespace pycnn
