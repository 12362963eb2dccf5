#include "cuda/arithmetic.hpp"
#include "cuda/launch.hpp"

namespace pycnn::cuda {
namespace {

__global__ void add_kernel(int64_t count, const float* a, const float* b, float* sum) {
    FOR_EACH_ELEMENT(i, count) sum[i] = a[i] + b[i];
}

__global__ void copy_rows_kernel(int64_t rows, int64_t width, const float* source, int64_t source_pitch, float* target,
                                 int64_t target_pitch) {
    FOR_EACH_ELEMENT(i, rows * width)
    target[i / width * target_pitch + i % width] = source[i / width * source_pitch + i % width];
}

__global__ void put_rows_kernel(int64_t count, int64_t width, int64_t table_rows, const int64_t* rows, const float* values,
                                float* table) {
    FOR_EACH_ELEMENT(i, count * width) {
        const int64_t row = rows[i / width];
        if (row >= 0 && row < table_rows) table[row * width + i % width] = values[i];
    }
}

}  // namespace

void copy_rows(int64_t rows, int64_t width, const float* source, int64_t source_pitch, float* target, int64_t target_pitch) {
    if (rows * width == 0) return;
    launch(copy_rows_kernel, blocks_for(rows * width), kThreads, 0, current_stream(), rows, width, source, source_pitch, target,
           target_pitch);
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
