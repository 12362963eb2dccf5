// Linear layers: three matrix products.
#include "cuda/gemm.hpp"
#include "cuda/reduce.hpp"
#include "ops/linear.hpp"

namespace pycnn {
namespace {

// y[n][o] = b[o] + sum over i of x[n][i] * w[o][i]
void forward(const char* op, const LinearShape& s, const float* x, const float* w, const float* b, bool relu, float* y) {
    using namespace cuda;
    const GemmShape g = in_one_slice(op, 1, s.N, s.outputs, s.inputs);
    gemm(g, AlongDepth{x, g.rows, g.depth, 0}, AlongDepth{w, g.columns, g.depth, 0},
         RowMajor{y, 1, g.rows, g.columns, b, relu});
}

}  // namespace

void linear(const LinearShape& s, const float* x, const float* w, const float* b, float* y) {
    forward("linear", s, x, w, b, false, y);
}

void linear_relu(const LinearShape& s, const float* x, const float* w, const float* b, float* y) {
    forward("linear_relu", s, x, w, b, true, y);
}

// dx[n][i] = sum over o of dy[n][o] * w[o][i]
void linear_backward_input(const LinearShape& s, const float* dy, const float* w, float* dx) {
    using namespace cuda;
    const GemmShape g = in_one_slice("linear_backward_input", 1, s.N, s.inputs, s.outputs);
    gemm(g, AlongDepth{dy, g.rows, g.depth, 0}, AcrossDepth{w, g.columns}, RowMajor{dx, 1, g.rows, g.columns});
}

// dw[o][i] = sum over n of dy[n][o] * x[n][i], db[o] = sum over n of dy[n][o]
void linear_backward_weight(const LinearShape& s, const float* dy, const float* x, float* dw, float* db) {
    using namespace cuda;
    const GemmShape g = with_slices("linear_backward_weight", 1, s.outputs, s.inputs, s.N);
    const int64_t weights = s.outputs * s.inputs;
    const Workspace<float> parts(g.slices > 1 ? g.slices * weights : 0);
    gemm(g, AcrossDepth{dy, g.rows}, AcrossDepth{x, g.columns},
         RowMajor{g.slices > 1 ? parts.data() : dw, 1, g.rows, g.columns});
    if (g.slices > 1) add_slices(weights, g.slices, parts.data(), dw);
    channel_totals("linear_backward_weight", s.N, s.outputs, 1, dy, db);
}

}  // namespace pycnn
