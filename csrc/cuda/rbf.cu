// Squared distances to centres: a matrix product with squared differences instead of products. Nothing cancels, unlike in
// |x|^2 - 2 x c + |c|^2.
#include "core/long_sum.hpp"
#include "cuda/gemm.hpp"
#include "ops/rbf.hpp"

namespace pycnn {
namespace cuda {
namespace {

struct SquaredDifference {
    static __device__ float add(float a, float b, float sum) {
        const float difference = a - b;
        return fmaf(difference, difference, sum);
    }
};

// A matrix of weights, read in either direction.
struct Weights {
    const float* data;
    int64_t row_stride, term_stride;
};

// out[r][i] = sum over t of 2 * weights[r][t] * (x[r][i] - others[t][i])
__global__ void weighted_differences_kernel(int64_t rows, int64_t terms, int64_t features, Weights weights, const float* x,
                                            const float* others, float* out) {
    PYCNN_FOR_EACH_ELEMENT(i, rows * features) {
        const int64_t row = i / features, feature = i % features;
        const float* weight = weights.data + row * weights.row_stride;
        LongSum sum;
        for (int64_t t = 0; t < terms; ++t)
            sum.add(2.0f * weight[t * weights.term_stride] * (x[i] - others[t * features + feature]));
        out[i] = sum.value();
    }
}

}  // namespace
}  // namespace cuda

void rbf(const RbfShape& s, const float* x, const float* centres, float* y) {
    using namespace cuda;
    const GemmShape g = in_one_slice("rbf", 1, s.N, s.centres, s.features);
    if (g.rows == 0) return;
    // Low tiles: centres are few, and so are the tiles.
    launch_gemm<SquaredDifference, TileShape<32, 64, 16, 4, 4>>(
        g, AlongDepth{x, g.rows, g.depth, 0}, AlongDepth{centres, g.columns, g.depth, 0}, RowMajor{y, 1, g.rows, g.columns});
}

// 2 dy (x - c) is the gradient of x, and 2 dy (c - x) that of c: one kernel, with x and c exchanged.
void rbf_backward(const RbfShape& s, const float* dy, const float* x, const float* centres, float* dx, float* dcentres) {
    using namespace cuda;
    launch(weighted_differences_kernel, blocks_for(s.N * s.features), kThreads, 0, current_stream(), s.N, s.centres, s.features,
           Weights{dy, s.centres, 1}, x, centres, dx);
    launch(weighted_differences_kernel, blocks_for(s.centres * s.features), kThreads, 0, current_stream(), s.centres, s.N,
           s.features, Weights{dy, 1, s.centres}, centres, x, dcentres);
}

}  // namespace pycnn
