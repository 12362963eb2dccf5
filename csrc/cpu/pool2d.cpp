#include "ops/pool2d.hpp"

#include <algorithm>
#include <atomic>

#include "core/error.hpp"
#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "cpu/dispatch.hpp"
#include "cpu/plane_sums.hpp"

namespace pycnn {
namespace {

PoolWindow window(const PoolShape& s) {
    return {s.H, s.W, s.P, s.Q, s.kernel.h, s.kernel.w, s.stride.h, s.stride.w, s.pad.h, s.pad.w, s.dilation.h, s.dilation.w};
}

// Work of one plane: a comparison or addition of a window's element costs about four multiply-adds, since rows are short and
// strided.
double plane_work(const PoolShape& s) {
    const double window = static_cast<double>(std::min(s.kernel.h, s.H)) * static_cast<double>(std::min(s.kernel.w, s.W));
    return 4 * window * static_cast<double>(s.P * s.Q);
}

// The part of the plane in a window.
Window inside(const PoolShape& s, int64_t p, int64_t q) {
    const int64_t h = p * s.stride.h - s.pad.h, w = q * s.stride.w - s.pad.w;
    const int64_t top = std::max<int64_t>(h, 0), left = std::max<int64_t>(w, 0);
    return {top, left, std::max<int64_t>(std::min(h + s.kernel.h, s.H) - top, 0),
            std::max<int64_t>(std::min(w + s.kernel.w, s.W) - left, 0)};
}

// The most elements that an average adds up, and the most windows that contain an element.
int64_t window_size(const PoolShape& s) { return std::min(s.kernel.h, s.H) * std::min(s.kernel.w, s.W); }
int64_t windows_of_element(const PoolShape& s) {
    return std::min(ceil_div(s.kernel.h, s.stride.h), s.P) * std::min(ceil_div(s.kernel.w, s.stride.w), s.Q);
}

// The divisors of all outputs of a plane.
Workspace<float> divisors(const PoolShape& s, AverageRule rule) {
    Workspace<float> result(s.P * s.Q);
    for (int64_t p = 0; p < s.P; ++p)
        for (int64_t q = 0; q < s.Q; ++q) result.data()[p * s.Q + q] = average_divisor(s, rule, p, q);
    return result;
}

// Whether an element may be the maximum of more than kFewOutputs of a plane's windows. Outputs are taken in blocks of half as many; if
// no block reaches back to elements of the blocks before its neighbour, as with windows that overlap little, an element is in two
// blocks at most.
bool has_long_sums(int64_t outputs, const int32_t* indices) {
    constexpr int64_t kBlock = kFewOutputs / 2;
    int32_t reach = -1, neighbour = -1;  // the largest index of the blocks before the neighbour, and with it
    for (int64_t j = 0; j < outputs; j += kBlock) {
        int32_t least = indices[j], largest = indices[j];
        for (int64_t i = j; i < std::min(j + kBlock, outputs); ++i) {
            least = std::min(least, indices[i]);
            largest = std::max(largest, indices[i]);
        }
        if (least <= reach) return true;
        reach = neighbour;
        neighbour = std::max(neighbour, largest);
    }
    return false;
}

}  // namespace

void max_pool2d(const PoolShape& s, const float* x, float* y, int32_t* indices) {
    const PoolWindow g = window(s);
    const KernelTable& table = kernels();
    parallel_ranges(s.N * s.C, planes_per_task(s.H * s.W), plane_work(s), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) table.max_pool(g, x + i * s.H * s.W, y + i * s.P * s.Q, indices + i * s.P * s.Q);
    });
}

void max_pool2d_backward(int64_t planes, int64_t outputs, int64_t inputs, const float* dy, const int32_t* indices, float* dx) {
    std::atomic<bool> outside{false};
    const double work = static_cast<double>(inputs + outputs);
    const auto add = [&](int64_t i, auto* plane) {
        const int32_t* at = indices + i * outputs;
        // Read as unsigned, a negative index is too large. The check comes first, so that the loop below has no branch.
        uint32_t largest = 0;
        for (int64_t j = 0; j < outputs; ++j) largest = std::max(largest, static_cast<uint32_t>(at[j]));
        if (outputs > 0 && largest >= static_cast<uint64_t>(inputs)) {
            outside = true;
            return;
        }
        const float* gradients = dy + i * outputs;
        for (int64_t j = 0; j < outputs; ++j) plane[at[j]] += gradients[j];
    };
    sum_planes(planes, inputs, work, outputs > kFewOutputs, dx, add,
               [&](int64_t i) { return has_long_sums(outputs, indices + i * outputs); });
    if (outside) fail_value("max_pool2d_backward", "indices must lie in an input plane of ", inputs, " elements, some do not");
}

void avg_pool2d(const PoolShape& s, AverageRule rule, const float* x, float* y) {
    if (s.N == 0) return;
    const PoolWindow g = window(s);
    const KernelTable& table = kernels();
    const Workspace<float> divisor = divisors(s, rule);
    const auto long_sums = [&](const float* plane, float* averages) {
        for (int64_t p = 0; p < s.P; ++p)
            for (int64_t q = 0; q < s.Q; ++q) {
                const Window w = inside(s, p, q);
                const float sum = window_sum(table, w.height, w.width, s.W, plane + w.top * s.W + w.left);
                averages[p * s.Q + q] = sum / divisor.data()[p * s.Q + q];
            }
    };
    const bool is_long = window_size(s) > kSumBlock;
    parallel_ranges(s.N * s.C, planes_per_task(s.H * s.W), plane_work(s), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
            const float* plane = x + i * s.H * s.W;
            float* averages = y + i * s.P * s.Q;
            if (is_long) {
                long_sums(plane, averages);
            } else {
                table.avg_pool(g, plane, divisor.data(), averages);
            }
        }
    });
}

void avg_pool2d_backward(const PoolShape& s, AverageRule rule, const float* dy, float* dx) {
    if (s.N == 0) return;
    const PoolWindow g = window(s);
    const KernelTable& table = kernels();
    const Workspace<float> divisor = divisors(s, rule);
    if (windows_of_element(s) > kSumBlock)
        return sum_planes(s.N * s.C, s.H * s.W, plane_work(s), true, dx, [&](int64_t i, auto* plane) {
            for (int64_t p = 0; p < s.P; ++p)
                for (int64_t q = 0; q < s.Q; ++q) {
                    const Window w = inside(s, p, q);
                    const float share = dy[(i * s.P + p) * s.Q + q] / divisor.data()[p * s.Q + q];
                    add_to_window(w, s.W, share, plane);
                }
        });
    const int64_t planes = s.N * s.C, grain = planes_per_task(s.H * s.W), tasks = ceil_div(planes, grain);
    const int team = team_size(tasks, static_cast<double>(planes) * plane_work(s));
    const int64_t area = whole_lines(s.P * (s.Q + 2 * kPoolMargin) + table.lanes);
    const Workspace<float> areas(area * team);
    parallel_for(tasks, team, [&](int64_t task, int thread) {
        for (int64_t i = task * grain; i < std::min((task + 1) * grain, planes); ++i)
            table.avg_pool_backward(g, dy + i * s.P * s.Q, divisor.data(), areas.data() + area * thread, dx + i * s.H * s.W);
    });
}

}  // namespace pycnn
