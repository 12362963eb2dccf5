// The forward pass of filters of one channel, plane by plane: what its forms have in common.
#pragma once

#include <algorithm>

#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "core/shape.hpp"
#include "cpu/kernel_table.hpp"

namespace pycnn {

// Calls correlate(filter, band of the plane in `copy`, rows, target) for each band of rows of y. `Copy` is a DepthwiseCopy or a FlatCopy.
template <class Copy, class F>
void for_filters_of_planes(const ConvShape& s, const KernelTable& table, const Copy& copy, const float* x, float* y,
                           F&& correlate) {
    const int64_t planes = s.N * s.C, filters = s.group_outputs();
    const int64_t grain = planes_per_task(s.H * s.W), tasks = ceil_div(planes, grain);
    const int team = team_size(tasks, static_cast<double>(s.N * s.P * s.Q) * static_cast<double>(s.weights()));
    const Workspace<float> areas(copy.size * team);
    parallel_for(tasks, team, [&](int64_t task, int thread) {
        float* area = areas.data() + copy.size * thread;
        for (int64_t i = task * grain; i < std::min((task + 1) * grain, planes); ++i)
            copy.for_each_band(s, table, x + i * s.H * s.W, area, [&](int64_t p, int64_t rows) {
                for (int64_t m = 0; m < filters; ++m) {
                    const int64_t k = i % s.C * filters + m;
                    correlate(k, area, rows, y + ((i / s.C * s.K + k) * s.P + p) * s.Q);
                }
            });
    });
}

}  // namespace pycnn
