// The exponentials of a row of scores, without overflow.
#pragma once

#include "core/long_sum.hpp"
#include "cuda/warp.hpp"

namespace pycnn::cuda {

struct RowExponentials {
    float largest, total;  // of the row, and the sum of exp(x - largest)
};

// For all lanes of a warp. A NaN in the row makes `total` NaN.
__device__ inline RowExponentials row_exponentials(const float* x, int64_t C, int lane) {
    float largest = -INFINITY;
    for (int64_t j = lane; j < C; j += kWarp) largest = x[j] > largest ? x[j] : largest;
    largest = warp_max(largest);
    LongSum total;
    for (int64_t j = lane; j < C; j += kWarp) total.add(expf(x[j] - largest));
    return {largest, warp_sum(total.value())};
}

}  // namespace pycnn::cuda
