// Convolution with filters of one channel each (groups = C). A sum has only R S terms, so packing patches for a matrix product
// would cost more than the product: the filter goes over a padded copy of the plane instead, which stays in cache. Results and
// arguments are those of ops/conv2d.hpp. There are three forms: channels in lanes where that suits (depthwise_lanes.hpp), else flat
// planes for 3 x 3 (depthwise_flat.hpp), else lanes along rows, for any geometry.
#pragma once

#include "cpu/conv2d/algorithms.hpp"

namespace pycnn {

bool takes_depthwise(ConvPass pass, const ConvShape& s);
bool suits_depthwise(ConvPass pass, const ConvShape& s);

void conv2d_depthwise(const ConvShape& s, const float* x, const float* w, const float* b, float* y);
void conv2d_depthwise_backward_input(const ConvShape& s, const float* dy, const float* w, float* dx, const float* b);
void conv2d_depthwise_backward_weight(const ConvShape& s, const float* dy, const float* x, float* dw, float* db);

}  // namespace pycnn
