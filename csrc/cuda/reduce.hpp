// Sums over slices and over channels, in a fixed order.
#pragma once

#include <cstdint>

namespace pycnn::cuda {

// result[i] = sum over slices, in order and in double, of slices[slice * count + i].
void add_slices(int64_t count, int64_t slices, const float* parts, float* result);

// sums[k] = sum over n < N and i < plane of x[(n * K + k) * plane + i]. The order of the additions depends on the shape alone.
// ValueError of `op` if a channel has 2^31 elements or more.
void channel_totals(const char* op, int64_t N, int64_t K, int64_t plane, const float* x, float* sums);

}  // namespace pycnn::cuda
