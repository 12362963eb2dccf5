// Forward and backward-input as implicit_gemm whose vectors are loaded from the padded copy of the image, without packing patches.
// Results and arguments are those of ops/conv2d.hpp.
#pragma once

#include "cpu/conv2d/algorithms.hpp"

namespace pycnn {

bool takes_gemm_unpacked(ConvPass pass, const ConvShape& s);
bool suits_gemm_unpacked(ConvPass pass, const ConvShape& s);

void conv2d_gemm_unpacked(const ConvShape& s, const float* x, const float* w, const float* b, float* y);
void conv2d_gemm_unpacked_backward_input(const ConvShape& s, const float* dy, const float* w, float* dx, const float* b);

}  // namespace pycnn
