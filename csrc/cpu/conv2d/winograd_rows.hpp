// Winograd's convolution along one axis, for filters as wide as the image: text networks, where a row is the embedding of a word. A tile of
// 4, 3 or 2 rows of outputs takes 6 products for each filter and number of a row where 3, 4 or 5 rows of taps take 12, 12 or 10.
// Results and arguments are those of ops/conv2d.hpp.
#pragma once

#include "cpu/conv2d/algorithms.hpp"

namespace pycnn {

bool takes_winograd_rows(ConvPass pass, const ConvShape& s);
bool suits_winograd_rows(ConvPass pass, const ConvShape& s);

void conv2d_winograd_rows(const ConvShape& s, const float* x, const float* w, const float* b, float* y);
void conv2d_winograd_rows_backward_input(const ConvShape& s, const float* dy, const float* w, float* dx, const float* b);
void conv2d_winograd_rows_backward_weight(const ConvShape& s, const float* dy, const float* x, float* dw, float* db);

}  // namespace pycnn
