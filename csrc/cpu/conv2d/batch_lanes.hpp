// Convolution of small images with the images of the batch side by side: lane n of a vector is image n of a block, and a
// vector holds one pixel of one channel. Rows of 10 or 14 pixels then waste no lane, a tap beyond the image's edge is left out
// instead of multiplied by zero, and neither patches nor filters are packed. The price is a transposition of x, y and dy.
// Results and arguments are those of ops/conv2d.hpp.
#pragma once

#include "cpu/conv2d/algorithms.hpp"
#include "ops/conv2d_pooled.hpp"

namespace pycnn {

bool takes_batch_lanes(ConvPass pass, const ConvShape& s);
bool suits_batch_lanes(ConvPass pass, const ConvShape& s);
// Whether at least half of the products of forward or backward-input have padding as a factor, which only this algorithm leaves out, and
// nothing else speaks against it.
bool suits_batch_lanes_best(ConvPass pass, const ConvShape& s);

void conv2d_batch_lanes(const ConvShape& s, const float* x, const float* w, const float* b, float* y);
void conv2d_batch_lanes_backward_input(const ConvShape& s, const float* dy, const float* w, float* dx, const float* b);
void conv2d_batch_lanes_backward_weight(const ConvShape& s, const float* dy, const float* x, float* dw, float* db);

// The passes of conv2d_pooled.hpp, for convolutions with a step of 1.
void conv2d_batch_lanes_pooled(const PooledConvShape& s, const float* x, const float* w, const float* b, float* y,
                               uint8_t* winners, const ImageLanes& kept);
void conv2d_batch_lanes_pooled_backward(const PooledConvShape& s, const float* dy, const uint8_t* winners, const float* x,
                                        const float* w, float* dx, float* dw, float* db, const ImageLanes& kept);

}  // namespace pycnn
