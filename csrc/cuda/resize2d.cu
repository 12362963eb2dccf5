// Upsampling and zero padding: a thread for each element of the result. Gradients are gathered.
#include "core/long_sum.hpp"
#include "cuda/index.hpp"
#include "cuda/launch.hpp"
#include "ops/pool2d.hpp"
#include "ops/resize2d.hpp"

namespace pycnn {
namespace {

using cuda::PlanePoint;

using Mix = BilinearMix<int>;

// The mixes of all outputs along an axis.
__global__ void mixes_kernel(int64_t in, int64_t out, int64_t scale, bool align_corners, Mix* mixes) {
    PYCNN_FOR_EACH_ELEMENT(i, out) mixes[i] = bilinear_mix<int>(i, in, out, scale, align_corners);
}

// starts[h], 0 <= h <= in, is the first output whose mix begins at h or later: those that use row h begin at h - 1 or h.
__global__ void starts_kernel(int64_t in, int64_t out, const Mix* mixes, int* starts) {
    PYCNN_FOR_EACH_ELEMENT(h, in + 1) {
        int begin = 0, end = static_cast<int>(out);
        while (begin < end) {
            const int middle = begin + (end - begin) / 2;
            if (mixes[middle].first < h) {
                begin = middle + 1;
            } else {
                end = middle;
            }
        }
        starts[h] = begin;
    }
}

class Axis {
public:
    Axis(int64_t in, int64_t out, int64_t scale, bool align_corners) : in_(in), out_(out), mixes_(out) {
        using namespace cuda;
        launch(mixes_kernel, blocks_for(out), kThreads, 0, current_stream(), in, out, scale, align_corners, mixes_.data());
    }
    const Mix* mixes() const { return mixes_.data(); }
    // Of in + 1 numbers.
    void find_starts(int* starts) const {
        using namespace cuda;
        launch(starts_kernel, blocks_for(in_ + 1), kThreads, 0, current_stream(), in_, out_, mixes_.data(), starts);
    }

private:
    int64_t in_, out_;
    cuda::Workspace<Mix> mixes_;
};

__global__ void bilinear_kernel(int64_t count, ResizeShape s, const Mix* rows, const Mix* columns, const float* x, float* y) {
    PYCNN_FOR_EACH_ELEMENT(i, count) {
        const PlanePoint at(i, s.P, s.Q);
        const Mix row = rows[at.row], column = columns[at.column];
        const float* plane = x + at.plane * s.H * s.W;
        const float *above = plane + row.first * s.W, *below = plane + row.second * s.W;
        const float left = row.first_weight * above[column.first] + row.second_weight * below[column.first];
        const float right = row.first_weight * above[column.second] + row.second_weight * below[column.second];
        y[i] = column.first_weight * left + column.second_weight * right;
    }
}

// Adds the share that element `at` has in a mix. It has both shares if it is the last element, which is its own neighbour.
__device__ void share(const Mix& mix, int at, float gradient, LongSum& sum) {
    if (mix.first == at) sum.add(mix.first_weight * gradient);
    if (mix.second == at) sum.add(mix.second_weight * gradient);
}

__global__ void bilinear_backward_kernel(int64_t count, ResizeShape s, const Mix* rows, const int* row_starts,
                                         const Mix* columns, const int* column_starts, const float* dy, float* dx) {
    PYCNN_FOR_EACH_ELEMENT(i, count) {
        const PlanePoint at(i, s.H, s.W);
        const float* plane = dy + at.plane * s.P * s.Q;
        LongSum sum;
        for (int p = row_starts[at.row > 0 ? at.row - 1 : 0]; p < row_starts[at.row + 1]; ++p) {
            LongSum of_row;
            for (int q = column_starts[at.column > 0 ? at.column - 1 : 0]; q < column_starts[at.column + 1]; ++q)
                share(columns[q], at.column, plane[p * s.Q + q], of_row);
            share(rows[p], at.row, of_row.value(), sum);
        }
        dx[i] = sum.value();
    }
}

__global__ void nearest_kernel(int64_t count, ResizeShape s, Pair scale, const float* x, float* y) {
    const int height = static_cast<int>(scale.h), width = static_cast<int>(scale.w);
    PYCNN_FOR_EACH_ELEMENT(i, count) {
        const PlanePoint at(i, s.P, s.Q);
        y[i] = x[(at.plane * s.H + at.row / height) * s.W + at.column / width];
    }
}

__global__ void pad_kernel(int64_t count, ResizeShape s, Padding pad, const float* x, float* y) {
    PYCNN_FOR_EACH_ELEMENT(i, count) {
        const PlanePoint at(i, s.P, s.Q);
        const int64_t h = at.row - pad.top, w = at.column - pad.left;
        const bool inside = h >= 0 && h < s.H && w >= 0 && w < s.W;
        y[i] = inside ? x[(at.plane * s.H + h) * s.W + w] : 0.0f;
    }
}

__global__ void crop_kernel(int64_t count, ResizeShape s, Padding pad, const float* dy, float* dx) {
    PYCNN_FOR_EACH_ELEMENT(i, count) {
        const PlanePoint at(i, s.H, s.W);
        dx[i] = dy[(at.plane * s.P + at.row + pad.top) * s.Q + at.column + pad.left];
    }
}

int64_t inputs(const ResizeShape& s) { return s.N * s.C * s.H * s.W; }
int64_t outputs(const ResizeShape& s) { return s.N * s.C * s.P * s.Q; }

}  // namespace

void upsample_nearest(const ResizeShape& s, Pair scale, const float* x, float* y) {
    using namespace cuda;
    launch(nearest_kernel, blocks_for(outputs(s)), kThreads, 0, current_stream(), outputs(s), s, scale, x, y);
}

// The sum over a block is an average without a division.
void upsample_nearest_backward(const ResizeShape& s, Pair scale, const float* dy, float* dx) {
    avg_pool2d({s.N, s.C, s.P, s.Q, s.H, s.W, scale, scale, {0, 0}, {1, 1}}, {true, 1}, dy, dx);
}

void upsample_bilinear(const ResizeShape& s, Pair scale, bool align_corners, const float* x, float* y) {
    if (s.N == 0) return;  // the tables may be large
    using namespace cuda;
    const Axis rows(s.H, s.P, scale.h, align_corners), columns(s.W, s.Q, scale.w, align_corners);
    launch(bilinear_kernel, blocks_for(outputs(s)), kThreads, 0, current_stream(), outputs(s), s, rows.mixes(), columns.mixes(),
           x, y);
}

void upsample_bilinear_backward(const ResizeShape& s, Pair scale, bool align_corners, const float* dy, float* dx) {
    if (s.N == 0) return;  // the tables may be large
    using namespace cuda;
    const Axis rows(s.H, s.P, scale.h, align_corners), columns(s.W, s.Q, scale.w, align_corners);
    const Workspace<int> row_starts(s.H + 1), column_starts(s.W + 1);
    rows.find_starts(row_starts.data());
    columns.find_starts(column_starts.data());
    launch(bilinear_backward_kernel, blocks_for(inputs(s)), kThreads, 0, current_stream(), inputs(s), s, rows.mixes(),
           row_starts.data(), columns.mixes(), column_starts.data(), dy, dx);
}

void zero_pad2d(const ResizeShape& s, const Padding& pad, const float* x, float* y) {
    using namespace cuda;
    launch(pad_kernel, blocks_for(outputs(s)), kThreads, 0, current_stream(), outputs(s), s, pad, x, y);
}

void zero_pad2d_backward(const ResizeShape& s, const Padding& pad, const float* dy, float* dx) {
    using namespace cuda;
    launch(crop_kernel, blocks_for(inputs(s)), kThreads, 0, current_stream(), inputs(s), s, pad, dy, dx);
}

}  // namespace pycnn
