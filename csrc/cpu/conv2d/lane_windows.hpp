// Convolution, ReLU and max pooling by windows of 2 x 2 with the images of the batch in lanes: the four outputs of a window are added up side
// by side and pooled in registers. The images are padded, so that all outputs have the same terms; the bits are those of a sum without the
// zeros while the weights are finite.
#pragma once

#include "core/shape.hpp"
#include "ops/conv2d_pooled.hpp"

namespace pycnn {

bool takes_lane_windows(const PooledConvShape& s);
void conv2d_lane_windows(const PooledConvShape& s, const float* x, const float* w, const float* b, float* y, uint8_t* winners,
                         const ImageLanes& kept);

}  // namespace pycnn
