// Convolutions by tiles with fewer products for each channel and filter than a plain sum. With stride 1 a tile has 36: of 3 x 3 filters
// for 4 x 4 outputs, where a plain sum takes 144, and of 5 x 5 filters for 2 x 2, where it takes 100. With stride 2 a tile of 4 x 4
// outputs of 3 x 3 filters has 81, where a plain sum takes 144 (S. Winograd, "Arithmetic Complexity
// of Computations", 1980; A. Lavin, S. Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016). A tile spreads a
// NaN, an infinity or an overflow over all of its outputs: what is not finite is computed again by conv2d_gemm. Results and
// arguments are those of ops/conv2d.hpp.
#pragma once

#include "cpu/conv2d/algorithms.hpp"
#include "cpu/kernel_table.hpp"

namespace pycnn {

// The transforms for the pass and the shape's filters.
const WinogradKernels& winograd_of(ConvPass pass, const ConvShape& s);

bool takes_winograd(ConvPass pass, const ConvShape& s);
bool suits_winograd(ConvPass pass, const ConvShape& s);

void conv2d_winograd(const ConvShape& s, const float* x, const float* w, const float* b, float* y);
void conv2d_winograd_backward_input(const ConvShape& s, const float* dy, const float* w, float* dx, const float* b);
void conv2d_winograd_backward_weight(const ConvShape& s, const float* dy, const float* x, float* dw, float* db);

}  // namespace pycnn
