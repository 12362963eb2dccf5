// Convolution with few output pixels as a linear layer: the patch of each pixel is copied to a row (im2col), and the filters are read where
// they lie, once. Results and arguments are those of ops/conv2d.hpp.
#pragma once

#include "cpu/conv2d/algorithms.hpp"

namespace pycnn {

bool takes_patch_rows(ConvPass pass, const ConvShape& s);
bool suits_patch_rows(ConvPass pass, const ConvShape& s);

void conv2d_patch_rows(const ConvShape& s, const float* x, const float* w, const float* b, float* y);
void conv2d_patch_rows_backward_input(const ConvShape& s, const float* dy, const float* w, float* dx, const float* b);
void conv2d_patch_rows_backward_weight(const ConvShape& s, const float* dy, const float* x, float* dw, float* db);

}  // namespace pycnn
