#include "cuda/arithmetic.hpp"
#include "cuda/launch.hpp"

namespace pycnn::cuda {
namespace {

__global__ void add_kernel(int64_t count, const float* a, const float* b, float* sum) {
    FOR_EACH_ELEMENT(i, count) sum[i] = a[i] + b[i];
}

}  // namespace

void add(int64_t count, const float* a, const float* b, float* sum) {
    if (count > 0) launch(add_kernel, blocks_for(count), kThreads, 0, current_stream(), count, a, b, sum);
}

}  // namespace pycnn::cuda
