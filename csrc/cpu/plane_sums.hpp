// Sums over parts of a plane, of any size.
#pragma once

#include <algorithm>

#include "core/long_sum.hpp"
#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "core/shape.hpp"
#include "cpu/kernel_table.hpp"

namespace pycnn {

// The sum of `height` rows of `width` floats each, `pitch` floats apart. Rows without gaps are one sum.
inline float window_sum(const KernelTable& table, int64_t height, int64_t width, int64_t pitch, const float* first) {
    if (width == pitch) return table.sum(height * width, first);
    LongSum sum;
    for (int64_t r = 0; r < height; ++r) sum.add(table.sum(width, first + r * pitch));
    return sum.value();
}

// The elements of a window that lie inside the plane.
struct Window {
    int64_t top, left, height, width;
};

// Adds `share` to each element of a window; `pitch` is the plane's width.
template <class Sum>
void add_to_window(const Window& w, int64_t pitch, float share, Sum* plane) {
    Sum* const first = plane + w.top * pitch + w.left;
    for (int64_t r = 0; r < w.height; ++r)
        for (int64_t c = 0; c < w.width; ++c) first[r * pitch + c] += share;
}

// planes[i] for i < count, of `size` floats each, from add(i, sums), which adds to zeros: to floats in place or, if is_long(i) says
// that a sum of the plane may be long, to doubles. `any_long` is false if no plane is long. `work` is the work of one plane.
template <class F, class IsLong>
void sum_planes(int64_t count, int64_t size, double work, bool any_long, float* planes, F&& add, IsLong&& is_long) {
    const int64_t grain = planes_per_task(size), tasks = ceil_div(count, grain);
    const int team = team_size(tasks, static_cast<double>(count) * work);
    const Workspace<double> areas(any_long ? size * team : 0);
    parallel_for(tasks, team, [&](int64_t task, int thread) {
        for (int64_t i = task * grain; i < std::min((task + 1) * grain, count); ++i) {
            float* plane = planes + i * size;
            if (!any_long || !is_long(i)) {
                std::fill_n(plane, size, 0.0f);  // one at a time: it is still in L1 when the terms are added
                add(i, plane);
                continue;
            }
            double* sums = areas.data() + size * thread;
            std::fill_n(sums, size, 0.0);
            add(i, sums);
            for (int64_t j = 0; j < size; ++j) plane[j] = static_cast<float>(sums[j]);
        }
    });
}
template <class F>
void sum_planes(int64_t count, int64_t size, double work, bool are_long, float* planes, F&& add) {
    sum_planes(count, size, work, are_long, planes, add, [](int64_t) { return true; });
}

}  // namespace pycnn
