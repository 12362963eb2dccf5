// Pooling to a given output size: a thread for each output, or a warp where windows are large.
#include "core/long_sum.hpp"
#include "cuda/index.hpp"
#include "cuda/warp.hpp"
#include "ops/adaptive_pool2d.hpp"

namespace pycnn {
namespace {

using cuda::kAllLanes;
using cuda::PlanePoint;

using Span = AdaptiveSpan<int>;

// Lanes threads share a window. Each takes every Lanes-th element: element(position in the plane).
template <int Lanes, class F>
__device__ void for_elements(const Span& rows, const Span& columns, int width, int lane, F&& element) {
    if constexpr (Lanes == 1) {
        for (int r = 0; r < rows.count; ++r)
            for (int c = 0; c < columns.count; ++c) element((rows.first + r) * width + columns.first + c);
    } else {
        for (int e = lane; e < rows.count * columns.count; e += Lanes)
            element((rows.first + e / columns.count) * width + columns.first + e % columns.count);
    }
}

template <int Lanes>
__global__ void average_kernel(int64_t outputs, ResizeShape s, const float* x, float* y) {
    // All lanes of a warp take the same number of turns, because they meet in shuffles.
    PYCNN_FOR_EACH_ELEMENT(i, outputs * Lanes) {
        const int lane = static_cast<int>(i % Lanes);
        const PlanePoint at(i / Lanes, s.P, s.Q);
        const auto rows = adaptive_span<int>(at.row, s.H, s.P), columns = adaptive_span<int>(at.column, s.W, s.Q);
        const float* plane = x + at.plane * s.H * s.W;
        LongSum of_lane;
        for_elements<Lanes>(rows, columns, static_cast<int>(s.W), lane, [&](int position) { of_lane.add(plane[position]); });
        float sum = of_lane.value();
        for (int distance = Lanes / 2; distance > 0; distance /= 2) sum += __shfl_xor_sync(kAllLanes, sum, distance);
        if (lane == 0) y[i / Lanes] = sum / static_cast<float>(static_cast<int64_t>(rows.count) * columns.count);
    }
}

// The larger one. Of equal values the first wins; of NaNs the last: a NaN replaces everything before it.
struct Maximum {
    float value;
    int position;

    __device__ void offer(float other, int other_position) {
        const bool is_nan = value != value, other_is_nan = other != other;
        const bool later = other_position > position;
        if (other_is_nan ? !is_nan || later : other > value || (other == value && !later)) {
            value = other;
            position = other_position;
        }
    }
};

template <int Lanes>
__global__ void max_kernel(int64_t outputs, ResizeShape s, const float* x, float* y, int32_t* indices) {
    PYCNN_FOR_EACH_ELEMENT(i, outputs * Lanes) {
        const int lane = static_cast<int>(i % Lanes);
        const PlanePoint at(i / Lanes, s.P, s.Q);
        const auto rows = adaptive_span<int>(at.row, s.H, s.P), columns = adaptive_span<int>(at.column, s.W, s.Q);
        const float* plane = x + at.plane * s.H * s.W;
        const int first = rows.first * static_cast<int>(s.W) + columns.first;
        Maximum best{plane[first], first};  // every lane starts with it; it wins only if it should
        for_elements<Lanes>(rows, columns, static_cast<int>(s.W), lane,
                            [&](int position) { best.offer(plane[position], position); });
        for (int distance = Lanes / 2; distance > 0; distance /= 2) {
            const float value = __shfl_xor_sync(kAllLanes, best.value, distance);
            best.offer(value, __shfl_xor_sync(kAllLanes, best.position, distance));
        }
        if (lane == 0) {
            y[i / Lanes] = best.value;
            indices[i / Lanes] = best.position;
        }
    }
}

// dx[h, w] = sum of the shares of the windows that hold (h, w). Those windows are found as the elements of a window are.
__global__ void average_backward_kernel(int64_t count, ResizeShape s, const float* dy, float* dx) {
    PYCNN_FOR_EACH_ELEMENT(i, count) {
        const PlanePoint at(i, s.H, s.W);
        const auto p = adaptive_span<int>(at.row, s.P, s.H), q = adaptive_span<int>(at.column, s.Q, s.W);
        const float* plane = dy + at.plane * s.P * s.Q;
        LongSum sum;
        for (int r = 0; r < p.count; ++r)
            for (int c = 0; c < q.count; ++c) {
                const auto rows = adaptive_span<int>(p.first + r, s.H, s.P),
                           columns = adaptive_span<int>(q.first + c, s.W, s.Q);
                const float elements = static_cast<float>(static_cast<int64_t>(rows.count) * columns.count);
                sum.add(plane[(p.first + r) * s.Q + q.first + c] / elements);
            }
        dx[i] = sum.value();
    }
}

// Smaller windows would leave most lanes of a warp idle.
bool has_large_windows(const ResizeShape& s) { return s.H * s.W >= 16 * s.P * s.Q; }

}  // namespace

void adaptive_avg_pool2d(const ResizeShape& s, const float* x, float* y) {
    using namespace cuda;
    const int64_t outputs = s.N * s.C * s.P * s.Q;
    if (has_large_windows(s)) {
        launch(average_kernel<kWarp>, blocks_for_rows(outputs), kThreads, 0, current_stream(), outputs, s, x, y);
    } else {
        launch(average_kernel<1>, blocks_for(outputs), kThreads, 0, current_stream(), outputs, s, x, y);
    }
}

void adaptive_avg_pool2d_backward(const ResizeShape& s, const float* dy, float* dx) {
    using namespace cuda;
    const int64_t count = s.N * s.C * s.H * s.W;
    launch(average_backward_kernel, blocks_for(count), kThreads, 0, current_stream(), count, s, dy, dx);
}

void adaptive_max_pool2d(const ResizeShape& s, const float* x, float* y, int32_t* indices) {
    using namespace cuda;
    const int64_t outputs = s.N * s.C * s.P * s.Q;
    if (has_large_windows(s)) {
        launch(max_kernel<kWarp>, blocks_for_rows(outputs), kThreads, 0, current_stream(), outputs, s, x, y, indices);
    } else {
        launch(max_kernel<1>, blocks_for(outputs), kThreads, 0, current_stream(), outputs, s, x, y, indices);
    }
}

}  // namespace pycnn
