#include "ops/adaptive_pool2d.hpp"

#include <algorithm>

#include "core/parallel.hpp"
#include "cpu/dispatch.hpp"
#include "cpu/plane_sums.hpp"

namespace pycnn {
namespace {

Window window(const ResizeShape& s, int64_t p, int64_t q) {
    const auto rows = adaptive_span<int64_t>(p, s.H, s.P), columns = adaptive_span<int64_t>(q, s.W, s.Q);
    return {rows.first, columns.first, rows.count, columns.count};
}

// Work of one plane: a comparison or addition costs about two multiply-adds, since most windows are a few short rows.
double window_work(const ResizeShape& s) { return 2.0 * static_cast<double>(std::max(s.H * s.W, s.P * s.Q)); }

// body(plane, output, window) for every output of every plane, in order within a plane.
template <class F>
void for_windows(const ResizeShape& s, F&& body) {
    const int64_t plane = std::max(s.H * s.W, s.P * s.Q);
    parallel_ranges(s.N * s.C, planes_per_task(plane), window_work(s), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i)
            for (int64_t p = 0; p < s.P; ++p)
                for (int64_t q = 0; q < s.Q; ++q) body(i * s.H * s.W, (i * s.P + p) * s.Q + q, window(s, p, q));
    });
}

}  // namespace

void adaptive_avg_pool2d(const ResizeShape& s, const float* x, float* y) {
    const KernelTable& table = kernels();
    for_windows(s, [&](int64_t plane, int64_t output, const Window& window) {
        const float* first = x + plane + window.top * s.W + window.left;
        const float count = static_cast<float>(window.height * window.width);
        y[output] = window_sum(table, window.height, window.width, s.W, first) / count;
    });
}

void adaptive_avg_pool2d_backward(const ResizeShape& s, const float* dy, float* dx) {
    // Seen from the elements, windows play the part that elements play in the forward pass.
    const bool is_long = (ceil_div(s.P, s.H) + 1) * (ceil_div(s.Q, s.W) + 1) > kSumBlock;
    sum_planes(s.N * s.C, s.H * s.W, window_work(s), is_long, dx, [&](int64_t i, auto* plane) {
        for (int64_t p = 0; p < s.P; ++p)
            for (int64_t q = 0; q < s.Q; ++q) {
                const Window w = window(s, p, q);
                const float share = dy[(i * s.P + p) * s.Q + q] / static_cast<float>(w.height * w.width);
                add_to_window(w, s.W, share, plane);
            }
    });
}

void adaptive_max_pool2d(const ResizeShape& s, const float* x, float* y, int32_t* indices) {
    for_windows(s, [&](int64_t plane, int64_t output, const Window& window) {
        int64_t best = window.top * s.W + window.left;
        float largest = x[plane + best];
        for (int64_t r = 0; r < window.height; ++r)
            for (int64_t c = 0; c < window.width; ++c) {
                const int64_t at = (window.top + r) * s.W + window.left + c;
                const float value = x[plane + at];
                // A later NaN replaces any number, and only another NaN replaces a NaN.
                if (value > largest || value != value) {
                    largest = value;
                    best = at;
                }
            }
        y[output] = largest;
        indices[output] = static_cast<int32_t>(best);
    });
}

}  // namespace pycnn
