// Max and average pooling: a thread for each output, or for each element of an average's gradient; a warp for each plane of a
// maximum's gradient.
#include "core/error.hpp"
#include "core/long_sum.hpp"
#include "cuda/flag.hpp"
#include "cuda/index.hpp"
#include "cuda/warp.hpp"
#include "ops/pool2d.hpp"

namespace pycnn {
namespace {

using cuda::kWarp;
using cuda::PlanePoint;

// The taps of a window along one axis that lie inside the plane: `count` positions from `first` on.
struct Taps {
    int first, count;

    __device__ Taps(int64_t start, int64_t taps, int64_t dilation, int64_t extent) {
        int64_t begin = 0, end = taps;
        if (start < 0) begin = (-start + dilation - 1) / dilation;
        if (start + (taps - 1) * dilation >= extent) end = (extent - start + dilation - 1) / dilation;
        first = static_cast<int>(start + begin * dilation);
        count = static_cast<int>(end - begin);
    }
};

__global__ void max_kernel(int64_t count, PoolShape s, const float* x, float* y, int32_t* indices) {
    const int width = static_cast<int>(s.W), step_h = static_cast<int>(s.dilation.h), step_w = static_cast<int>(s.dilation.w);
    PYCNN_FOR_EACH_ELEMENT(i, count) {
        const PlanePoint at(i, s.P, s.Q);
        const Taps rows(at.row * s.stride.h - s.pad.h, s.kernel.h, s.dilation.h, s.H);
        const Taps columns(at.column * s.stride.w - s.pad.w, s.kernel.w, s.dilation.w, s.W);
        const float* plane = x + at.plane * s.H * s.W;
        int best = rows.first * width + columns.first;
        float largest = plane[best];
        for (int r = 0; r < rows.count; ++r)
            for (int c = 0; c < columns.count; ++c) {
                const int position = (rows.first + r * step_h) * width + columns.first + c * step_w;
                const float value = plane[position];
                // A later NaN replaces the maximum, and only another NaN replaces a NaN.
                if (value > largest || value != value) {
                    largest = value;
                    best = position;
                }
            }
        y[i] = largest;
        indices[i] = best;
    }
}

// dx[indices[j]] += dy[j]. The windows are not known here, and any two may have chosen the same element. So a warp takes the
// outputs of a plane in order, 32 at a time. Of the lanes with the same index, the first adds the gradients of all, in the
// order of the outputs, like a loop over them. `sums` is dx itself, or an array of doubles for planes with so many outputs that
// sums may be long.
template <class Sum>
__global__ void max_backward_kernel(int64_t planes, int64_t outputs, int64_t inputs, const float* dy, const int32_t* indices,
                                    Sum* sums, float* dx, int* outside) {
    PYCNN_SHARED(int, shared_index, [cuda::kThreads]);
    PYCNN_SHARED(float, shared_gradient, [cuda::kThreads]);
    const int thread = static_cast<int>(threadIdx.x), lane = cuda::lane_of_warp();
    int* const index = shared_index + (thread - lane);
    float* const gradient = shared_gradient + (thread - lane);
    PYCNN_FOR_EACH_ROW(i, planes) {
        Sum* const plane = sums + i * inputs;
        for (int64_t at = lane; at < inputs; at += kWarp) plane[at] = 0;
        for (int64_t j = 0; j < outputs; j += kWarp) {
            constexpr int kNone = -1;
            int mine = kNone;
            if (j + lane < outputs) {
                mine = indices[i * outputs + j + lane];
                if (mine < 0 || mine >= inputs) {
                    mine = kNone;
                    atomicMax(outside, 1);
                }
            }
            index[lane] = mine;
            gradient[lane] = mine == kNone ? 0.0f : dy[i * outputs + j + lane];
            __syncwarp();  // makes the warp's writes, also to the plane, visible to all its lanes
            bool leads = mine != kNone;
            for (int other = 0; other < lane; ++other) leads = leads && index[other] != mine;
            if (leads) {
                Sum sum = plane[mine];
                for (int other = lane; other < kWarp; ++other)
                    if (index[other] == mine) sum += gradient[other];
                plane[mine] = sum;
            }
            __syncwarp();
        }
        if constexpr (sizeof(Sum) > sizeof(float))
            for (int64_t at = lane; at < inputs; at += kWarp) dx[i * inputs + at] = static_cast<float>(plane[at]);
    }
}

__global__ void average_kernel(int64_t count, PoolShape s, AverageRule rule, const float* x, float* y) {
    PYCNN_FOR_EACH_ELEMENT(i, count) {
        const PlanePoint at(i, s.P, s.Q);
        const Taps rows(at.row * s.stride.h - s.pad.h, s.kernel.h, 1, s.H);
        const Taps columns(at.column * s.stride.w - s.pad.w, s.kernel.w, 1, s.W);
        const float* window = x + at.plane * s.H * s.W + rows.first * s.W + columns.first;
        LongSum sum;
        for (int r = 0; r < rows.count; ++r)
            for (int c = 0; c < columns.count; ++c) sum.add(window[r * s.W + c]);
        y[i] = sum.value() / average_divisor(s, rule, at.row, at.column);
    }
}

// The windows along one axis that hold a position: first .. last.
struct Windows {
    int64_t first, last;

    __device__ Windows(int64_t position, int64_t pad, int64_t taps, int64_t stride, int64_t windows) {
        const int64_t end = position + pad;
        first = end < taps ? 0 : (end - taps) / stride + 1;
        last = min(end / stride, windows - 1);
    }
};

// dx[h, w] = sum of dy / divisor over the windows that hold (h, w), in their order.
__global__ void average_backward_kernel(int64_t count, PoolShape s, AverageRule rule, const float* dy, float* dx) {
    PYCNN_FOR_EACH_ELEMENT(i, count) {
        const PlanePoint at(i, s.H, s.W);
        const Windows rows(at.row, s.pad.h, s.kernel.h, s.stride.h, s.P);
        const Windows columns(at.column, s.pad.w, s.kernel.w, s.stride.w, s.Q);
        const float* plane = dy + at.plane * s.P * s.Q;
        LongSum sum;
        for (int64_t p = rows.first; p <= rows.last; ++p)
            for (int64_t q = columns.first; q <= columns.last; ++q)
                sum.add(plane[p * s.Q + q] / average_divisor(s, rule, p, q));
        dx[i] = sum.value();
    }
}

}  // namespace

void max_pool2d(const PoolShape& s, const float* x, float* y, int32_t* indices) {
    using namespace cuda;
    const int64_t count = s.N * s.C * s.P * s.Q;
    launch(max_kernel, blocks_for(count), kThreads, 0, current_stream(), count, s, x, y, indices);
}

void max_pool2d_backward(int64_t planes, int64_t outputs, int64_t inputs, const float* dy, const int32_t* indices, float* dx) {
    using namespace cuda;
    const Flag outside;
    const bool is_long = outputs > kFewOutputs;
    const Workspace<double> sums(is_long ? planes * inputs : 0);
    if (is_long) {
        launch(max_backward_kernel<double>, blocks_for_rows(planes), kThreads, 0, current_stream(), planes, outputs, inputs, dy,
               indices, sums.data(), dx, outside.data());
    } else {
        launch(max_backward_kernel<float>, blocks_for_rows(planes), kThreads, 0, current_stream(), planes, outputs, inputs, dy,
               indices, dx, dx, outside.data());
    }
    outside.when_raised([inputs] {
        fail_value("max_pool2d_backward", "indices must lie in an input plane of ", inputs, " elements, some do not");
    });
}

void avg_pool2d(const PoolShape& s, AverageRule rule, const float* x, float* y) {
    using namespace cuda;
    const int64_t count = s.N * s.C * s.P * s.Q;
    launch(average_kernel, blocks_for(count), kThreads, 0, current_stream(), count, s, rule, x, y);
}

void avg_pool2d_backward(const PoolShape& s, AverageRule rule, const float* dy, float* dx) {
    using namespace cuda;
    const int64_t count = s.N * s.C * s.H * s.W;
    launch(average_backward_kernel, blocks_for(count), kThreads, 0, current_stream(), count, s, rule, dy, dx);
}

}  // namespace pycnn
