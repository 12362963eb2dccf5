// Linear layers: three matrix products.
#include "cpu/linear.hpp"
#include "cuda/gemm.hpp"
#include "cuda/reduce.hpp"

namespace pycnn {
namespace {

int number(int64_t n) { return static_cast<int>(n); }

// y[n][o] = b[o] + sum over i of x[n][i] * w[o][i]
void forward(const LinearShape& s, const float* x, const float* w, const float* b, bool relu, float* y) {
    using namespace cuda;
    const int N = number(s.N), inputs = number(s.inputs), outputs = number(s.outputs);
    gemm(in_one_slice(1, N, outputs, inputs), AlongDepth{x, N, inputs, 0}, AlongDepth{w, outputs, inputs, 0},
         RowMajor{y, 1, N, outputs, b, relu});
}

}  // namespace

void linear(const LinearShape& s, const float* x, const float* w, const float* b, float* y) { forward(s, x, w, b, false, y); }

void linear_relu(const LinearShape& s, const float* x, const float* w, const float* b, float* y) {
    forward(s, x, w, b, true, y);
}

// dx[n][i] = sum over o of dy[n][o] * w[o][i]
void linear_backward_input(const LinearShape& s, const float* dy, const float* w, float* dx) {
    using namespace cuda;
    const int N = number(s.N), inputs = number(s.inputs), outputs = number(s.outputs);
    gemm(in_one_slice(1, N, inputs, outputs), AlongDepth{dy, N, outputs, 0}, AcrossDepth{w, inputs},
         RowMajor{dx, 1, N, inputs});
}

// dw[o][i] = sum over n of dy[n][o] * x[n][i], db[o] = sum over n of dy[n][o]
void linear_backward_weight(const LinearShape& s, const float* dy, const float* x, float* dw, float* db) {
    using namespace cuda;
    const int N = number(s.N), inputs = number(s.inputs), outputs = number(s.outputs);
    const GemmShape shape = with_slices(1, outputs, inputs, N);
    const int64_t weights = s.outputs * s.inputs;
    const Workspace<float> parts(shape.slices > 1 ? shape.slices * weights : 0);
    gemm(shape, AcrossDepth{dy, outputs}, AcrossDepth{x, inputs},
         RowMajor{shape.slices > 1 ? parts.data() : dw, 1, outputs, inputs});
    if (shape.slices > 1) add_slices(weights, shape.slices, parts.data(), dw);
    channel_totals(s.N, s.outputs, 1, dy, db);
}

}  // namespace pycnn
