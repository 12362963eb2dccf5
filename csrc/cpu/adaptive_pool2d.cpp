#include "ops/adaptive_pool2d.hpp"

#include <algorithm>

#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "cpu/dispatch.hpp"
#include "cpu/plane_sums.hpp"

namespace pycnn {
namespace {

// The windows of a plane, found once for all planes: each takes four divisions, as long as the sum of nine numbers.
class Windows {
public:
    explicit Windows(const ResizeShape& s) : rows_(s.P), columns_(s.Q) {
        for (int64_t p = 0; p < s.P; ++p) rows_.data()[p] = adaptive_span<int64_t>(p, s.H, s.P);
        for (int64_t q = 0; q < s.Q; ++q) columns_.data()[q] = adaptive_span<int64_t>(q, s.W, s.Q);
    }
    Window operator()(int64_t p, int64_t q) const {
        const Span &rows = rows_.data()[p], &columns = columns_.data()[q];
        return {rows.first, columns.first, rows.count, columns.count};
    }

private:
    using Span = AdaptiveSpan<int64_t>;
    const Workspace<Span> rows_, columns_;
};

// Work of one plane: a comparison or addition costs about two multiply-adds, since most windows are a few short rows.
double window_work(const ResizeShape& s) { return 2.0 * static_cast<double>(std::max(s.H * s.W, s.P * s.Q)); }

// body(plane, output, window) for every output of every plane, in order within a plane.
template <class F>
void for_windows(const ResizeShape& s, F&& body) {
    const int64_t plane = std::max(s.H * s.W, s.P * s.Q);
    const Windows window(s);
    parallel_ranges(s.N * s.C, planes_per_task(plane), window_work(s), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i)
            for (int64_t p = 0; p < s.P; ++p)
                for (int64_t q = 0; q < s.Q; ++q) body(i * s.H * s.W, (i * s.P + p) * s.Q + q, window(p, q));
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
    const Windows windows(s);
    const bool is_long = (ceil_div(s.P, s.H) + 1) * (ceil_div(s.Q, s.W) + 1) > kSumBlock;
    sum_planes(s.N * s.C, s.H * s.W, window_work(s), is_long, dx, [&](int64_t i, auto* plane) {
        for (int64_t p = 0; p < s.P; ++p)
            for (int64_t q = 0; q < s.Q; ++q) {
                const Window w = windows(p, q);
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
