#include "ops/resize2d.hpp"

#include <algorithm>
#include <vector>

#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "cpu/plane_sums.hpp"
#include "ops/pool2d.hpp"

namespace pycnn {
namespace {

// The planes of a batch, cut into tasks by their size: body(plane, thread) for each, 0 <= thread < team.
struct Planes {
    int64_t count, per_task, tasks;
    int team;

    explicit Planes(const ResizeShape& s)
        : count(s.N * s.C), per_task(planes_per_task(s.P * s.Q)), tasks(ceil_div(count, per_task)) {
        team = team_size(tasks, static_cast<double>(count) * static_cast<double>(s.P * s.Q));
    }

    template <class F>
    void for_each(F&& body) const {
        parallel_for(tasks, team, [&](int64_t task, int thread) {
            for (int64_t i = task * per_task; i < std::min(count, (task + 1) * per_task); ++i) body(i, thread);
        });
    }
};

using Mix = BilinearMix<int64_t>;

// The mixes of all outputs along an axis.
std::vector<Mix> mixes(int64_t in, int64_t out, int64_t scale, bool align_corners) {
    std::vector<Mix> result(out);
    for (int64_t i = 0; i < out; ++i) result[i] = bilinear_mix<int64_t>(i, in, out, scale, align_corners);
    return result;
}

}  // namespace

void upsample_nearest(const ResizeShape& s, Pair scale, const float* x, float* y) {
    Planes(s).for_each([&](int64_t i, int) {
        for (int64_t h = 0; h < s.H; ++h) {
            const float* source = x + (i * s.H + h) * s.W;
            float* row = y + (i * s.P + h * scale.h) * s.Q;
            for (int64_t w = 0; w < s.W; ++w) std::fill_n(row + w * scale.w, scale.w, source[w]);
            for (int64_t r = 1; r < scale.h; ++r) std::copy_n(row, s.Q, row + r * s.Q);
        }
    });
}

void upsample_nearest_backward(const ResizeShape& s, Pair scale, const float* dy, float* dx) {
    avg_pool2d({s.N, s.C, s.P, s.Q, s.H, s.W, scale, scale, {0, 0}, {1, 1}}, {true, 1}, dy, dx);
}

void upsample_bilinear(const ResizeShape& s, Pair scale, bool align_corners, const float* x, float* y) {
    if (s.N == 0) return;  // the tables may be large
    const auto rows = mixes(s.H, s.P, scale.h, align_corners), columns = mixes(s.W, s.Q, scale.w, align_corners);
    const Planes planes(s);
    const Workspace<float> mixed(s.W * planes.team);
    planes.for_each([&](int64_t i, int thread) {
        float* __restrict between = mixed.data() + s.W * thread;
        for (int64_t p = 0; p < s.P; ++p) {
            const Mix& row = rows[p];
            const float *above = x + (i * s.H + row.first) * s.W, *below = x + (i * s.H + row.second) * s.W;
            for (int64_t w = 0; w < s.W; ++w) between[w] = row.first_weight * above[w] + row.second_weight * below[w];
            float* target = y + (i * s.P + p) * s.Q;
            for (int64_t q = 0; q < s.Q; ++q)
                target[q] =
                    columns[q].first_weight * between[columns[q].first] + columns[q].second_weight * between[columns[q].second];
        }
    });
}

void upsample_bilinear_backward(const ResizeShape& s, Pair scale, bool align_corners, const float* dy, float* dx) {
    if (s.N == 0) return;  // the tables may be large
    const auto rows = mixes(s.H, s.P, scale.h, align_corners), columns = mixes(s.W, s.Q, scale.w, align_corners);
    const auto add = [&]<class Sum>(const float* gradients, Sum* plane, Sum* __restrict between) {
        for (int64_t p = 0; p < s.P; ++p) {
            const float* source = gradients + p * s.Q;
            std::fill_n(between, s.W, Sum{});
            for (int64_t q = 0; q < s.Q; ++q) {
                between[columns[q].first] += columns[q].first_weight * source[q];
                between[columns[q].second] += columns[q].second_weight * source[q];
            }
            Sum* above = plane + rows[p].first * s.W;
            for (int64_t w = 0; w < s.W; ++w) above[w] += rows[p].first_weight * between[w];
            Sum* below = plane + rows[p].second * s.W;
            for (int64_t w = 0; w < s.W; ++w) below[w] += rows[p].second_weight * between[w];
        }
    };
    // A row adds up about 2 scale terms, and an element as many rows; with aligned corners a few more.
    const Planes planes(s);
    if (2 * std::max(ceil_div(s.P, s.H), ceil_div(s.Q, s.W)) < kSumBlock) {
        const Workspace<float> mixed(s.W * planes.team);
        planes.for_each([&](int64_t i, int thread) {
            float* plane = dx + i * s.H * s.W;
            std::fill_n(plane, s.H * s.W, 0.0f);
            add(dy + i * s.P * s.Q, plane, mixed.data() + s.W * thread);
        });
        return;
    }
    const Workspace<double> areas((s.H + 1) * s.W * planes.team);
    planes.for_each([&](int64_t i, int thread) {
        double* plane = areas.data() + (s.H + 1) * s.W * thread;
        std::fill_n(plane, s.H * s.W, 0.0);
        add(dy + i * s.P * s.Q, plane, plane + s.H * s.W);
        for (int64_t j = 0; j < s.H * s.W; ++j) dx[i * s.H * s.W + j] = static_cast<float>(plane[j]);
    });
}

void zero_pad2d(const ResizeShape& s, const Padding& pad, const float* x, float* y) {
    Planes(s).for_each([&](int64_t i, int) {
        const float* source = x + i * s.H * s.W;
        float* target = std::fill_n(y + i * s.P * s.Q, pad.top * s.Q, 0.0f);
        for (int64_t h = 0; h < s.H; ++h) {
            target = std::fill_n(target, pad.left, 0.0f);
            target = std::copy_n(source + h * s.W, s.W, target);
            target = std::fill_n(target, pad.right, 0.0f);
        }
        std::fill_n(target, pad.bottom * s.Q, 0.0f);
    });
}

void zero_pad2d_backward(const ResizeShape& s, const Padding& pad, const float* dy, float* dx) {
    Planes(s).for_each([&](int64_t i, int) {
        const float* source = dy + (i * s.P + pad.top) * s.Q + pad.left;
        for (int64_t h = 0; h < s.H; ++h) std::copy_n(source + h * s.Q, s.W, dx + (i * s.H + h) * s.W);
    });
}

}  // namespace pycnn
