// The correlation of implicit_gemm.hpp, and the gradient of its filters, with lanes along the filters: a pixel of the output is
// then some vectors of filters, each tap of each channel adds x[pixel + tap] * w[tap][filters], and the images are read one float
// at a time, so that nothing of them is packed, whatever the stride.
#pragma once

#include <vector>

#include "core/shape.hpp"
#include "cpu/conv2d/implicit_gemm.hpp"

namespace pycnn {

// Several correlations of the same images, as the grids of a strided backward-input: all of one image before the next one, so that
// a cache line of the target that they share is filled while it is in the cache.
void filter_lanes(const std::vector<ImplicitGemm>& problems);

void filter_lanes_backward_weight(const ConvShape& s, const float* dy, const float* x, float* dw, float* db);

// Whether `filters` fill their lanes well.
bool fills_filter_lanes(int64_t filters);

}  // namespace pycnn
