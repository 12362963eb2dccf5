#include "cuda/arithmetic.hpp"
#include "cuda/sum_in_double.hpp"

namespace pycnn::cuda {
namespace {

__global__ void add_kernel(int64_t count, const float* a, const float* b, float* sum) {
    PYCNN_FOR_EACH_ELEMENT(i, count) sum[i] = a[i] + b[i];
}

__global__ void put_rows_kernel(int64_t count, int64_t width, int64_t table_rows, const int64_t* rows, const float* values,
                                float* table) {
    PYCNN_FOR_EACH_ELEMENT(i, count * width) {
        const int64_t row = rows[i / width];
        if (row >= 0 && row < table_rows) table[row * width + i % width] = values[i];
    }
}

__global__ void scale_kernel(int64_t count, float factor, float* x) { PYCNN_FOR_EACH_ELEMENT(i, count) x[i] *= factor; }

struct Squares {
    const float* x;
    __device__ double operator()(int64_t i) const { return static_cast<double>(x[i]) * static_cast<double>(x[i]); }
};

}  // namespace

double sum_of_squares(int64_t count, const float* x) {
    const Workspace<double> sum(1);
    sum_in_double(count, Squares{x}, sum.data());
    double result = 0;
    copy_to_host(&result, sum.data(), sizeof result);
    return result;
}

void scale(int64_t count, float factor, float* x) {
    if (count > 0) launch(scale_kernel, blocks_for(count), kThreads, 0, current_stream(), count, factor, x);
}

void put_rows(int64_t count, int64_t width, int64_t table_rows, const int64_t* rows, const float* values, float* table) {
    if (count * width == 0) return;
    launch(put_rows_kernel, blocks_for(count * width), kThreads, 0, current_stream(), count, width, table_rows, rows, values,
           table);
}

void add(int64_t count, const float* a, const float* b, float* sum) {
    if (count > 0) launch(add_kernel, blocks_for(count), kThreads, 0, current_stream(), count, a, b, sum);
}

}  // namespace pycnn::cuda
