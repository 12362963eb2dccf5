// Convolution, ReLU and max pooling in one op: what a container makes of three layers in a row. For weights that are finite the bits
// are those of the three ops, in dw for an x that is finite: elsewhere a product with a gradient of zero may be left out. Backward needs
// nothing of the convolution's output but where the maxima were.
#pragma once

#include "core/shape.hpp"

namespace pycnn {

// Which element of each window won, for backward. A winner that is not above zero gets no gradient through the ReLU.
//   planes: int32 (N, K, P, Q), positions in the planes of the convolution's output, or -1 for none
//   lanes:  uint8 (blocks, K, P, Q, images of a block), places r * window.w + s in the windows, or kNoWinner; a number that is
//           no place of the window gets no gradient either. CPU only: CUDA's are never in lanes
struct Winners {
    int32_t* planes;  // or null
    uint8_t* lanes;   // or null
};
constexpr int kNoWinner = 255;

// Whether winners can be stored as `lanes`, and whether they are: whether the convolution has the images of the batch in its lanes.
bool can_pool_in_lanes(const PooledConvShape& s);
bool pools_in_lanes(const PooledConvShape& s);

// The shape of winners in lanes.
Shape lane_winners(const PooledConvShape& s);

// Which arrays hold the images of the batch in lanes, as [block][plane][pixel][image], instead of NCHW. For a batch of whole blocks that
// takes the same memory. CPU only: on CUDA none are.
struct ImageLanes {
    bool x = false, y = false;
    bool dx = false, dy = false;  // their gradients, of backward
};

// Which of them may: those that the kernels would turn into lanes, or from lanes, as they are, with nothing around the images.
ImageLanes possible_lanes(const PooledConvShape& s);

// y (N, K, P, Q), P and Q those of the pooling.
void conv2d_relu_max_pool2d(const PooledConvShape& s, const float* x, const float* w, const float* b, float* y,
                            const Winners& winners, const ImageLanes& kept = {});

// dx (may be null: not wanted), dw and db from dy, the gradient of y. ValueError where a winner lies outside its plane.
void conv2d_relu_max_pool2d_backward(const PooledConvShape& s, const float* dy, const Winners& winners, const float* x,
                                     const float* w, float* dx, float* dw, float* db, const ImageLanes& kept = {});

}  // namespace pycnn
