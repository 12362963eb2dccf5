// The correlation of implicit_gemm.hpp, and the gradient of its filters, with lanes along the filters: a pixel of the output is
// then some vectors of filters, each tap of each channel adds x[pixel + tap] * w[tap][filters], and the images are read one float
// at a time, so that nothing of them is packed, whatever the stride.
#pragma once

#include "core/shape.hpp"
#include "cpu/implicit_gemm.hpp"

namespace pycnn {

void filter_lanes(const ImplicitGemm& problem);
void filter_lanes_backward_weight(const ConvShape& s, const float* dy, const float* x, float* dw, float* db);

// Whether `filters` fill their lanes well.
bool fills_filter_lanes(int64_t filters);

}  // namespace pycnn
